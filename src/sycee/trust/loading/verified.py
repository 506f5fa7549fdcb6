"""Loading a model: what is handed out is exactly what was hashed.

``verify`` and then ``torch.load(path)`` reads a file twice, and between the two it may become another file. Here each
file is copied *while* it is hashed (:mod:`sycee.trust.loading.keeping`); the copy is compared with the signed digest,
and every reader gets the copy. Writing to, renaming or truncating the file afterwards changes nothing that is handed
out.
"""

import io
import posixpath
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Self

from sycee.core.policy import Signer
from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, ContextMismatch, NotFound, PolicyDenied, UsageError
from sycee.formats import tensordigests, weightform
from sycee.formats.card import Card
from sycee.formats.statement import Resource
from sycee.formats.tensordigests import FileTensors
from sycee.system.onepass import ignore_bytes
from sycee.system.sealed import SealedFile, can_seal, path_of
from sycee.trust import content
from sycee.trust.folder import Folder, Problem, differing
from sycee.trust.loading import frameworks, parts
from sycee.trust.loading.frameworks import SAFETENSORS_SUFFIX, TORCH_SUFFIXES, Framework
from sycee.trust.loading.keeping import Keeping
from sycee.trust.loading.privatecopy import PrivateCopy
from sycee.trust.loading.source import FrozenSource
from sycee.trust.verify import Request, Verified, verify

SOURCE_FOLDER = "context/source/"
_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})


class VerifiedModel:
    """A model whose every byte was verified; made by :meth:`opened`, closed by ``with`` or :meth:`close`."""

    def __init__(self, verified: Verified, folder: Folder, kept: Keeping, environ: Mapping[str, str]) -> None:
        self._verified = verified
        self._folder = folder
        self._kept = kept
        self._environ = environ
        self._lock = threading.Lock()
        self._source_lock = threading.Lock()
        self._copies: list[PrivateCopy] = []
        self._source: FrozenSource | None = None
        self._closed = False

    @classmethod
    def opened(
        cls,
        request: Request,
        *,
        keeping: Keeping | None = None,
        environ: Mapping[str, str] = _NO_ENVIRONMENT,
        progress: Progress = SILENT,
    ) -> Self:
        """Verify a model folder and hold its bytes.

        Args:
            request: What to verify, by whose word. With ``postpone_weights`` weights are read only when they are asked
                for. Each is then hashed in the pass that hands it out; until then nothing is known of it but its size
                and first bytes. Without it the weights are held once from here on.
            keeping: How files are held; by default as suits their size and place.
            environ: The process environment, which may tell torch to load unsafely (and is refused then).
            progress: Where to announce the bytes read.

        Raises:
            VerificationError: See :func:`sycee.trust.verify.verify`.
            NotFound: If there is no such folder.
            UsageError: If they may not be held like that.
        """
        kept = keeping or Keeping()
        held = Folder(request.folder if isinstance(request.folder, Path) else request.folder.path)
        try:
            verified = verify(replace(request, folder=held), reader=kept, progress=progress)
        except BaseException:
            kept.close()
            held.close()
            raise
        return cls(verified, held, kept, environ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        label = f"{self.name}@{self._verified.version}" if self._verified.version else self.name
        by = ", ".join(sorted({signer.fingerprint[:12] for signer in self.signers}))
        return f"<{type(self).__name__} {label} sycee:{self.identity[:12]} signed by {by}>"

    @property
    def card(self) -> Card | None:
        """The card that was verified; None when the folder has none."""
        return self._verified.card

    @property
    def name(self) -> str:
        """The model's name."""
        return self._verified.name

    @property
    def version(self) -> str | None:
        """The version label, where one was signed."""
        return self._verified.version

    @property
    def identity(self) -> str:
        """The version's identity, 64 hex digits."""
        return self._verified.identity

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Who signed it, of those that the trust file names."""
        return self._verified.signers

    @property
    def files(self) -> Mapping[str, Resource]:
        """Every signed file, by name."""
        return self._verified.files

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not matter for the verdict and may matter to a person."""
        return self._verified.warnings

    def shards(self) -> tuple[str, ...]:
        """Return the names of the weights files, sorted."""
        return tuple(sorted(self._verified.weights))

    def open(self, name: str) -> BinaryIO:
        """Return a new file over the verified bytes of a signed file.

        Args:
            name: Its path below the model folder.

        Raises:
            NotFound: If no such file was signed.
            DigestMismatch: If it was left to be read later, and has changed.
        """
        with self._lock:
            self._require_kept(name)
            small = self._kept.small.get(name)
            return self._kept.sealed(name).open() if small is None else io.BytesIO(small)

    def read(self, name: str) -> bytes:
        """Return the verified bytes of a signed file; see :meth:`open`."""
        with self.open(name) as file:
            return file.read()

    def torch(self, name: str | None = None, *, map_location: Any = "cpu") -> Any:
        """Load weights that ``torch.save`` wrote, never more than tensors and plain values.

        Args:
            name: Which file; None for the only one, or for all shards of one model, merged.
            map_location: As ``torch.load`` takes it.

        Returns:
            What was saved, usually the state dict.

        Raises:
            PolicyDenied: If torch is older than 2.10, or told to load unsafely by the environment.
            FormatError: If the file needs more than ``weights_only=True`` gives.
        """
        names = [name] if name else self._one_or_shards(TORCH_SUFFIXES, "torch")
        parts = {one: frameworks.load_torch(self._sealed(one), map_location, self._environ) for one in names}
        return parts[names[0]] if len(parts) == 1 else frameworks.merge(parts)

    def safetensors(
        self, name: str | None = None, *, names: Collection[str] | None = None, framework: Framework = "torch"
    ) -> dict[str, Any]:
        """Load safetensors weights.

        With ``lazy=True``, ``names`` and the digests of ``context/tensors.json``, only these tensors are read; without
        these digests, the files that hold them.

        Args:
            name: Which file; None for all of them, merged.
            names: Which tensors; None for all.
            framework: What kind of tensors to return.

        Returns:
            Tensor name to tensor.

        Raises:
            NotFound: If there is no such file, or no tensor of one of the names.
            DigestMismatch: If what was left to be read now has changed.
            FormatError: If a file is not safetensors; strictly, before the library sees it.
        """
        files = [name] if name else [one for one in self.shards() if one.endswith(SAFETENSORS_SUFFIX)]
        if not files:
            raise NotFound(f"{self.name} has no safetensors weights", hint=f"it has: {', '.join(self.shards())}")
        if names is None:
            return frameworks.merge({one: frameworks.load_safetensors(self._sealed(one), framework) for one in files})
        wanted = frozenset([names] if isinstance(names, str) else names)
        signed, holding = self._signed_tensors(), self._holding(files, wanted)
        loaded = frameworks.merge({one: self._some(one, signed.get(one), wanted, framework) for one in holding})
        if missing := sorted(wanted - loaded.keys()):
            raise NotFound(f"{self.name} has no tensor {', '.join(missing[:5])}", hint="names=None loads all of them")
        return loaded

    def _some(
        self, file: str, signed: FileTensors | None, names: frozenset[str], framework: Framework
    ) -> dict[str, Any]:
        """Load those tensors of a file that have one of these names, by the digests that were signed of them."""
        with self._lock:
            apart = signed is not None and can_seal() and not self._closed and not self._kept.has(file)
        if signed is None or not apart:
            return frameworks.load_safetensors(self._sealed(file), framework, names)
        if not any(tensor.place.key in names for tensor in signed.tensors):
            return {}
        with parts.take(self._folder, signed, names) as sealed:
            return frameworks.load_safetensors(sealed, framework)

    def _signed_tensors(self) -> Mapping[str, FileTensors]:
        """Return the digests of tensors that were signed, by file; empty if there are none."""
        if parts.DIGESTS not in self.files:
            return {}
        return tensordigests.parse(self.read(parts.DIGESTS), parts.DIGESTS)

    def _holding(self, files: Sequence[str], names: frozenset[str]) -> Sequence[str]:
        """Leave out the files of which a signed index says that they hold none of these tensors."""
        index = [name for name in self.files if name.endswith(parts.INDEX_SUFFIX)]
        if len(index) != 1 or len(files) == 1:
            return files
        return parts.holding(self.read(index[0]), files, names)

    def onnx(self, name: str | None = None, **options: Any) -> Any:
        """Make a session of ONNX Runtime, from verified bytes alone.

        Args:
            name: Which file; None for the only one.
            **options: ``providers``, ``sess_options`` and the like, as ``onnxruntime.InferenceSession`` takes them.

        Returns:
            The ``InferenceSession``.

        Raises:
            ContextMismatch: If the model keeps numbers in a file that was not signed.
            FormatError: If it is no ONNX model, or cannot be used.
            NotFound: If there is no such file, or ONNX Runtime is not installed.
        """
        file = name or self._one_or_shards([frameworks.ONNX_SUFFIX], "ONNX Runtime")[0]
        sealed = self._sealed(file)
        beside = [self._beside(file, one) for one in sorted(frameworks.onnx_beside(sealed))]
        if beside:
            session = frameworks.load_onnx(str(self._copied({file, *beside}, None).path / file), file, options)
        else:
            with sealed.steady() as steady, steady.open() as held:
                session = frameworks.load_onnx(path_of(held.fileno()), file, options)
        return session

    def _beside(self, file: str, location: str) -> str:
        """Return the signed file that a model names by its place beside itself."""
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), location))
        if name not in self.files:
            raise ContextMismatch(
                f"{file} keeps numbers in {location!r}, and no such file was signed with it",
                hint="put it into the model's folder, freeze and sign; or save the model as one file",
                path=file,
            )
        return name

    def preprocess(self) -> Any:
        """Return the frozen ``preprocess`` function; see :meth:`function`."""
        return self.function("preprocess")

    def function(self, role: str) -> Any:
        """Return one of the model's functions, compiled from the verified bytes of ``context/source``.

        It runs in this process, as code of the signer. It sees the modules that were frozen with it and the installed
        packages; the model's folder is on no ``sys.path``, and no bytecode is read.

        Args:
            role: ``load``, ``preprocess``, ``predict`` or ``postprocess``.

        Raises:
            NotFound: If the version has no such function.
            CannotRun: If its module cannot be imported here.
        """
        entries = self.card.values.get("inference", {}).get("entry", {}) if self.card else {}
        if role not in entries:
            known = ", ".join(entries) or "none"
            raise NotFound(f"{self.name} was frozen without {role}", hint=f"its functions: {known}")
        return self._frozen_source().function(entries[role])

    def _frozen_source(self) -> FrozenSource:
        with self._source_lock:  # two threads that ask at once get one source, and close() forgets it
            self._require_open()
            if self._source is None:
                names = [name for name in self.files if name.startswith(SOURCE_FOLDER)]
                files = {name.removeprefix(SOURCE_FOLDER): self.read(name) for name in names}
                self._source = FrozenSource(files, self._copied(names, None).path / SOURCE_FOLDER)
            return self._source

    def path(self, *, parent: Path | None = None) -> PrivateCopy:
        """Write a private copy of all signed files, for libraries that insist on a path.

        Args:
            parent: Where to make it; where private copies go, or the system's folder for temporary files, when None.

        Returns:
            A context manager that gives the folder; it is removed at its end, or when the model is closed.
        """
        return self._copied(self.files, parent)

    def _copied(self, names: Iterable[str], parent: Path | None) -> PrivateCopy:
        folder = self._folder.path.resolve().name or "model"  # resolve: the last part of what was named may be ..
        copy = PrivateCopy(names, self.open, parent=parent or self._kept.place, name=folder)
        self._copies.append(copy)
        self._kept.require_unchanged()
        return copy

    def close(self) -> None:
        """Give memory and private copies back; tensors that were loaded stay valid."""
        self._closed = True
        if self._source is not None:
            self._source.close()
        for copy in self._copies:
            copy.close()
        self._kept.close()
        self._folder.close()

    def _one_or_shards(self, suffixes: Sequence[str], what: str) -> list[str]:
        names = [name for name in self.shards() if name.endswith(tuple(suffixes))]
        if not names:
            raise NotFound(f"{self.name} has no weights for {what}", hint=f"it has: {', '.join(self.shards())}")
        if len(names) > 1 and not all("-of-" in name for name in names):
            raise UsageError(f"{self.name} has several weights files: {', '.join(names)}", hint="name one of them")
        return names

    def _sealed(self, name: str) -> SealedFile:
        with self._lock:
            self._require_kept(name)
            return self._kept.sealed(name)

    def _require_kept(self, name: str) -> None:
        self._require_open()
        if self._kept.has(name):
            return
        if name not in self._verified.unread:
            hint = f"signed are: {', '.join(sorted(self.files))}"
            raise NotFound(f"{name} is not a file of {self.name}", hint=hint, path=name)
        self._take_late(self.files[name])

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.name} was closed", hint="open it again")

    def _take_late(self, resource: Resource) -> None:
        if problems := self._late_problems(resource):
            self._kept.drop(resource.name)
            hint = "do not use it; restore the signed version (git checkout, sycee checkout)"
            raise differing(self._folder.path, problems, hint)
        self._require_form(resource.name)

    def _late_problems(self, resource: Resource) -> list[Problem]:
        algorithm = content.algorithm_for(resource)
        try:
            size, digest = self._kept.take(self._folder, resource.name, algorithm, ignore_bytes)
        except (NotFound, Conflict) as error:  # gone since it was verified, or something that is no file
            return [Problem(resource.name, f"could not be read: {error.message}")]
        return content.content_problems(resource, algorithm, size, digest)

    def _require_form(self, name: str) -> None:
        """Refuse weights of another form than the verifier saw, and the trust file allowed, before it read them."""
        form = weightform.form_of(name, self._kept.head(self._folder, name, weightform.HEAD))
        seen = self._verified.forms.get(name, form)
        if seen != form and (seen, form) != ("unknown", "safetensors"):  # one whose header is unsound; judged when read
            self._kept.drop(name)
            raise PolicyDenied(
                f"{name} was replaced while the model was open: it was {seen}, and is {form}",
                hint="do not use it; look for what writes in the model's folder",
                expected=seen,
                found=form,
                path=name,
            )
