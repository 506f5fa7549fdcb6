"""``sycee convert``: a model's torch weights as safetensors, tensor by tensor the same bits, in a folder of its own.

What is written is read again and compared before the new folder gets its name. The new card is the old one without what
was true of the old files only; it names the version that it came from, and what converted it.
"""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import sycee
from sycee.capture.facts import signed_identity
from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.errors import Conflict, FormatError, NotFound, SyceeError
from sycee.formats import card, torchpickle
from sycee.ops.context import bound
from sycee.ops.copying import Copying
from sycee.ops.export import appearing, require_new
from sycee.ops.golden import PLACE
from sycee.ops.tensors import DIGESTS, tensor_parts
from sycee.system.atomic import write_file
from sycee.system.onepass import digest_file, hash_fd, ignore_bytes, open_regular
from sycee.system.sealed import SealedFile, hold
from sycee.trust.folder import Folder
from sycee.trust.loading import frameworks
from sycee.trust.loading.frameworks import SAFETENSORS_SUFFIX, TORCH_SUFFIXES

_OF_OLD_FILES = ("golden", "inference", "version", "serial")  # fields of a card that are not true of the new one
_LEFT_OUT = "golden samples and functions of the torch form were left out: freeze them anew for the safetensors form"


class File(NamedTuple):
    """One converted file.

    Attributes:
        source: The torch file, below the model's folder.
        sha256: Its digest, 64 hex digits.
        path: The safetensors file, below the new folder.
        tensors: How many it holds.
        tied: Names that were one tensor in the source, each with the first name; here each has its own bytes.
    """

    source: str
    sha256: str
    path: str
    tensors: int
    tied: Mapping[str, str]


class Converted(NamedTuple):
    """What was made.

    Attributes:
        folder: The new model's folder.
        files: Its weights.
        warnings: What a person should know.
    """

    folder: Path
    files: tuple[File, ...]
    warnings: tuple[str, ...]


def convert(model: Path, out: Path | None = None, *, environ: Mapping[str, str]) -> Converted:
    """Convert every torch file of a model.

    Args:
        model: The model's folder.
        out: The folder to make; beside the model, with ``-safetensors`` behind its name, when None.
        environ: The process environment.

    Raises:
        NotFound: If there are no torch weights, or torch or safetensors is not installed.
        FormatError: If a file holds more than tensors by name, which ``weights_only=True`` gives.
        Conflict: If the new folder exists.
        PolicyDenied: If torch cannot load safely here.
    """
    target = out or model.absolute().with_name(f"{model.absolute().name}-safetensors")
    with Folder(model) as folder:
        require_new(model, target)
        listed = folder.scan().files
        weights = modelfolder.guess_weights(listed)
        sources = sorted(name for name in weights if name.endswith(TORCH_SUFFIXES))
        if not sources:
            raise NotFound(
                f"{model} has no torch weights", hint=f"what is converted ends in {' '.join(TORCH_SUFFIXES)}"
            )
        with appearing(target) as place:
            files = tuple(_converted(model / name, name, place, environ) for name in sources)
            _copy_beside(folder, Names.make(listed, weights), place)
            warnings = _write_card(model, place, files)
    others = ", ".join(sorted(weights - set(sources)))
    return Converted(target, files, (*warnings, f"no torch weights, so left out: {others}") if others else warnings)


def _converted(source: Path, name: str, place: Path, environ: Mapping[str, str]) -> File:
    path = str(PurePosixPath(name).with_suffix(SAFETENSORS_SUFFIX))
    target = place / path
    if target.exists():
        raise Conflict(f"two weights files would become {path}", hint="convert them one at a time, in folders apart")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _held(source, name) as held:
        state = _tensors(frameworks.load_torch(held, "cpu", environ), name)
        digest = _sha256(held)
        tied = _write(state, target, name)
        _require_same(state, target, path)
    return File(name, digest, path, len(state), tied)


def _held(path: Path, name: str) -> SealedFile:
    fd = open_regular(path.resolve())
    try:
        return hold(name, fd, "blake3")[0]
    finally:
        os.close(fd)


def _sha256(held: SealedFile) -> str:
    with held.open() as file:
        return hash_fd(file.fileno(), "sha256")[1]


def _tensors(loaded: Any, name: str) -> dict[str, Any]:
    """Return the tensors by name; a trainer's checkpoint keeps them one level down."""
    import torch

    inner = loaded.get(torchpickle.NESTED) if isinstance(loaded, Mapping) else None
    state = inner if isinstance(inner, Mapping) else loaded
    if not isinstance(state, Mapping) or not state:
        raise FormatError(
            f"{name} holds no tensors by name", hint="save a state dict: torch.save(model.state_dict(), …)"
        )
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise FormatError(f"{name}: {key!r} is no plain tensor", hint="save tensors by name alone, then convert")
    # A saved view may be marked as conjugated or negated: only what is written out so has bits to compare.
    return {key: value.detach().resolve_conj().resolve_neg() for key, value in state.items()}


def _write(state: Mapping[str, Any], target: Path, name: str) -> dict[str, str]:
    """Write the file; return which names were one tensor."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError:
        raise NotFound("safetensors is not installed", hint="pip install 'sycee[torch]'") from None
    first: dict[Any, str] = {}
    tied, storages, tensors = {}, set(), {}
    for key, tensor in state.items():
        view = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and first.setdefault(view, key) != key:
            tied[key] = first[view]
        storage = tensor.untyped_storage().data_ptr()
        tensors[key] = tensor.clone().contiguous() if storage in storages else tensor.contiguous()
        storages.add(storage)
    try:
        save_file(tensors, target, metadata={"format": "pt"})
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise FormatError(f"{name} cannot be written as safetensors: {error}") from error
    return tied


def _require_same(state: Mapping[str, Any], target: Path, path: str) -> None:
    """Read what was written, and compare names, types, shapes and bits."""
    with _held(target, path) as held:
        again = frameworks.load_safetensors(held, "torch")
        different = sorted(key for key in state.keys() | again.keys() if not _same(state.get(key), again.get(key)))
    if different:
        raise SyceeError(f"{path} does not hold what was read: {', '.join(different[:5])}", path=path)


def _same(one: Any, other: Any) -> bool:
    import torch

    if one is None or other is None or (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return bool(torch.equal(_bytes(one), _bytes(other)))


def _bytes(tensor: Any) -> Any:
    import torch

    # as_strided: one number that was cut out of a wider row keeps the row's stride, which view() refuses.
    return tensor.contiguous().as_strided((tensor.numel(),), (1,)).view(torch.uint8)


def _copy_beside(folder: Folder, names: Names, place: Path) -> None:
    """Copy what is neither weights nor about them: configuration, tokenizer, context."""
    copying = Copying(place)
    for name in names.of(Part.CONTENT):
        stale = name in {card.FILE_NAME, DIGESTS} or name.endswith(".index.json") or name.startswith(f"{PLACE}/")
        if name not in names.weights and not stale:
            copying.take(folder, name, "blake3", ignore_bytes)
    write_file(place / modelfolder.ATTRIBUTES, modelfolder.ATTRIBUTES_BYTES)


def _write_card(model: Path, place: Path, files: tuple[File, ...]) -> tuple[str, ...]:
    path = model / card.FILE_NAME
    if not path.is_file():
        return ("the model has no card, so where the weights came from is recorded nowhere: sycee freeze",)
    parent = card.parse(path.read_bytes(), card.FILE_NAME).values
    identity = signed_identity(model)
    warnings = [] if identity else ["the model is not signed, so its version is named by the digests of its files only"]
    warnings += [_LEFT_OUT] if parent.keys() & {"golden", "inference"} else []
    digests = tensor_parts(place, [file.path for file in files])
    for part in digests:
        write_file(_made(place / part.path), part.data)
    kept = [one for one in parent.get("context", ()) if (place / one["path"]).is_file() and one["path"] != DIGESTS]
    listed = {key: value for key, value in parent.get("model", {}).items() if key not in {"files", "format"}}
    lineage = {key: value for key, value in parent.get("lineage", {}).items() if key != "parent_version"}
    values = {
        **{key: value for key, value in parent.items() if key not in _OF_OLD_FILES},
        "model": {**listed, "format": "safetensors", "files": [_listed(place, file.path) for file in files]},
        "context": [*kept, *bound(digests)],
        "lineage": {**lineage, **({"parent_version": f"sycee:{identity}"} if identity else {})},
        "warnings": [*parent.get("warnings", ()), *warnings],
        "x_converted": _provenance(files),
    }
    write_file(place / card.FILE_NAME, card.render({key: value for key, value in values.items() if value != []}))
    return tuple(warnings)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _listed(place: Path, path: str) -> dict[str, Any]:
    return {"path": path, **digest_file(place / path)._asdict()}


def _provenance(files: tuple[File, ...]) -> dict[str, Any]:
    """Return what converted which files into which."""
    from importlib.metadata import version

    tools = {"sycee": sycee.__version__, "torch": version("torch"), "safetensors": version("safetensors")}
    made = [{"from": one.source, "sha256": one.sha256, "to": one.path, "tied": dict(one.tied)} for one in files]
    return {"tools": tools, "files": made}
