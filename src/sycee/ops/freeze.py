"""``sycee.freeze``: make one versioned model of what a training leaves: weights, card, context.

Nothing that goes wrong on the way loses the training. What cannot be captured or tracked becomes a warning in the card;
what stands in the way is moved aside and named, never deleted.
"""

import datetime as dt
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, TypedDict, Unpack

from sycee.capture.steps import Steps
from sycee.core import modelfolder
from sycee.core.progress import Progress
from sycee.digest import FileDigests, sha256_hex
from sycee.errors import FormatError, NotFound, SyceeError, UsageError
from sycee.formats import card, pipeline
from sycee.ops.add import track
from sycee.ops.aside import Aside, former_context, stale_signatures
from sycee.ops.context import FOLDER, Part, gather_context
from sycee.ops.facts import with_facts
from sycee.ops.former import clear_former_weights, weights_of
from sycee.ops.frozen import Frozen, FrozenFile, Inference, Kept, Request
from sycee.ops.gather import card_values, finished
from sycee.ops.golden import PLACE, Captured, capture_inference, with_inference
from sycee.ops.goldenplace import keep as keep_golden
from sycee.ops.place import Bring, gather_weights
from sycee.ops.project import Project
from sycee.ops.taking import ingest
from sycee.ops.tensors import tensor_parts
from sycee.system.atomic import write_file
from sycee.system.git import Git, toplevel
from sycee.system.onepass import digest_file
from sycee.system.refusals import refused
from sycee.system.tree import kind_at
from sycee.workspace.content import cached_by_symlink, digests_of
from sycee.workspace.repository import Repository, find_repository

PIPELINE_FILE = "dvc.yaml"
LOG = logging.getLogger("sycee")  # shown on stderr unless the script says otherwise

AnyPath = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """What :func:`freeze` and :func:`sycee.ops.training.training` take beside path and task; all of it is optional.

    Attributes:
        metrics: Name to finite number, groups may be nested.
        training_config: A mapping, ``argparse.Namespace``, dataclass, pydantic model or OmegaConf node.
        data: Path or paths of the data, whose pointers give its version.
        data_version: A label for the data; made of the pointers when left out.
        weights: Files and folders; what lies outside of the model's folder is copied in. Looked for when left out.
        seeds: Generator to seed; those seen since ``import sycee`` when left out.
        name: The model's name; the folder's when left out.
        version: A version such as ``1.4.0``.
        description: A sentence or more.
        license: An SPDX identifier.
        load: Given the model's folder, returns what ``predict`` gets before the input; without it ``predict`` gets
            the input alone.
        preprocess: Makes the input of a sample; without it the sample is the input. If it takes two arguments, the
            first one is what ``load`` returned.
        predict: Makes the output. It and what it imports go into ``context/source``.
        postprocess: Makes the decision of an output: a label, boxes, a text; takes one or two arguments likewise.
        samples: At most 16 raw inputs: bytes, text, ``pathlib.Path`` of a file, arrays, images, plain values. What
            they give is recorded, and ``sycee replay`` compares with it.
        aux: Files that these functions read, where they are not seen by themselves.
        decision: The rule by which outputs are a decision, where there is no ``postprocess``.
        private_samples: Keep digests of the samples alone.
        extra: Any further fields of the card, ``x_*`` among them.
        now: The time of the freeze, in UTC; the clock's when left out.
        progress: Told the bytes of the weights.
    """

    metrics: Mapping[str, Any]
    training_config: object
    data: AnyPath | Sequence[AnyPath]
    data_version: str | None
    weights: AnyPath | Sequence[AnyPath] | None
    seeds: Mapping[str, object] | None
    name: str | None
    version: str | None
    description: str | None
    license: str | None
    load: Callable[[Path], Any] | None
    preprocess: Callable[..., Any] | None
    predict: Callable[..., Any] | None
    postprocess: Callable[..., Any] | None
    samples: Sequence[object]
    aux: AnyPath | Sequence[AnyPath]
    decision: object
    private_samples: bool
    extra: Mapping[str, Any]
    now: dt.datetime
    progress: Progress


def freeze(path: AnyPath, *, task: str, **options: Unpack[Options]) -> Frozen:
    """Freeze a model: write its card and context, and track its weights.

    Args:
        path: The model's folder; it is made if it is not there.
        task: What the model does: ``ner``, ``image-classification``.
        **options: ``metrics``, ``training_config``, ``data``, ``weights`` and others, see :class:`Options`.

    Returns:
        The frozen model, which shows itself in a terminal and in a notebook.

    Raises:
        UsageError: If ``path`` is a file, or an option or a field of ``extra`` is none.
        OSError: If the folder cannot be written.
    """
    return run(make_request(path, task, options))


def make_request(path: AnyPath, task: str, options: Mapping[str, Any]) -> Request:
    """Return the request that the arguments of :func:`freeze` describe.

    Raises:
        UsageError: If an option, or a field of ``extra``, is none.
    """
    given = {key: value for key, value in options.items() if value is not None}
    fields: dict[str, Any] = {
        key: given.pop(key) for key in ("name", "version", "description", "license") if key in given
    }
    fields |= given.pop("extra", {})
    _require_known(given, fields)
    for key in given.keys() & {"data", "weights", "aux"}:
        one = isinstance(given[key], str | os.PathLike)
        given[key] = tuple(map(absolute, [given[key]] if one else given[key]))
    if "samples" in given:
        given["samples"] = _listed(given["samples"])
    given["inference"] = Inference(**{key: given.pop(key) for key in given.keys() & Inference.__annotations__})
    return Request(path=absolute(path), task=task, fields=fields, environ=os.environ, **given)


def _listed(samples: Any) -> Any:
    """Return samples as a list if they are several of anything; one text or table by itself is none of these."""
    is_array = hasattr(samples, "tolist") and bool(getattr(samples, "shape", ()))
    is_several = isinstance(samples, Sequence | AbstractSet | Iterator | ValuesView) or is_array
    return list(samples) if is_several and not isinstance(samples, str | bytes | bytearray | memoryview) else samples


def _require_known(given: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    if unknown := given.keys() - Options.__annotations__.keys():
        raise UsageError(
            f"unknown option {', '.join(sorted(unknown))}",
            hint="further fields of the card go into extra={…}, your own ones with names that begin with x_",
        )
    if faults := [fault for key in fields for fault in card.faults({key: None}) if "is not a field" in fault.message]:
        raise UsageError("; ".join(map(str, faults)), hint="`sycee card schema` prints the fields of a card")


def absolute(path: AnyPath) -> Path:
    """Return a path as absolute and without ``..``; links in it are not followed."""
    return Path(os.path.normpath(Path(path).absolute()))


def run(request: Request) -> Frozen:
    """Freeze what a request describes.

    Each step is durable before the next:

    1. The folder, and the weights in it.
    2. Weights into the cache, hashed in the same pass.
    3. Signatures that no longer hold go aside.
    4. The context with golden samples (large ones into the cache), then the card that binds it.
    5. Pointers, which name the card.
    6. The model's entry in DVC's list of models, if it has none.

    Raises:
        UsageError: If the folder is a file.
        OSError: If the folder cannot be written.
    """
    make_folder(request.path)
    steps = Steps()
    project = open_project(request, steps)
    if fault := root_fault(request, project):
        steps.warn(fault)
    with ExitStack() as stack:
        frozen = _Freeze(request, _locked(request.path, project, stack, steps), steps).run()
    _tell(frozen, steps)
    return frozen


def _tell(frozen: Frozen, steps: Steps) -> None:
    """Say aloud that a version lacks something: a script rarely prints what it gets from a freeze."""
    if not steps.complete or any(file.kept == "no" for file in frozen.files):
        LOG.warning("%s is frozen, but not all of it: %s", os.path.relpath(frozen.path), "; ".join(frozen.warnings))


def make_folder(folder: Path) -> None:
    """Make the model's folder if it is not there.

    Raises:
        UsageError: If something else stands there.
        SyceeError: If it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder} is a file, and a model is a folder", hint="give its folder, and the file as weights=…"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(error) from error


def open_project(request: Request, steps: Steps, *, strict: bool = False) -> Project:
    """Return what surrounds the model's folder, with a warning for what is missing or unreadable.

    Raises:
        SyceeError: If there is a repository that cannot be used, and ``strict`` was asked for.
    """
    around = toplevel(request.path)
    git = Git(around) if around else None
    try:
        repo = find_repository(request.path, environ=request.environ)
    except NotFound:
        steps.warn("not in a sycee repository: the weights are not tracked")
        return Project(None, git)
    except SyceeError as error:
        if strict:
            raise
        steps.complete = False
        steps.warn(f"the repository cannot be used, so the weights are not tracked: {error.message}")
        return Project(None, git)
    return Project(repo, git, steps.run("what this repository tracks", lambda: tuple(repo.tracked()), ()))


def root_fault(request: Request, project: Project) -> str | None:
    """Say why a model may not be the repository itself, if this one is."""
    roots = {project.git and project.git.root, project.repo and project.repo.root}
    if request.path not in roots:
        return None
    return "the model's folder is that of the repository, so it cannot be signed: give it a folder of its own"


def _locked(folder: Path, project: Project, stack: ExitStack, steps: Steps) -> Project:
    """Hold the repository's lock; without it go on, and leave the repository alone."""
    if project.repo is None:
        return project
    stack.callback(project.repo.close)
    try:
        stack.enter_context(project.repo.locked(writes=[folder]))
    except SyceeError as error:
        steps.complete = False
        steps.warn(f"the weights are not tracked: {error.message}")
        return replace(project, repo=None)
    return project


@dataclass(slots=True)
class _Freeze:
    """One freeze on its way."""

    request: Request
    project: Project
    steps: Steps
    changed: list[Path] = field(default_factory=list)

    def run(self) -> Frozen:
        folder, repo = self.request.path, self.project.repo
        aside = Aside(folder, repo, self.request.now)
        if repo:
            repo.sweep([folder])
        context = gather_context(self.request, self.project, self.steps)
        previous = self._previous(aside)
        values = card_values(self.request, self.project, previous, context, self.steps)
        bring = Bring(folder, repo, aside, self.steps)
        weights = gather_weights(self.request, bring)
        files = tuple(file for name in weights.files if (file := self._digested(name)))
        if not files:
            self.steps.complete = False
            self.steps.warn("no weights were found; name them: weights=…")
        values = with_facts(values, self.request, self.project.git, files, self.steps)
        inference: Captured = self.steps.run(
            "golden samples", lambda: capture_inference(self.request, files, self.steps), Captured()
        )
        digests: tuple[Part, ...] = self.steps.run(
            "the digests of tensors", lambda: tensor_parts(folder, [file.path for file in files]), ()
        )
        context = (*context, *inference.parts, *digests)
        values = with_inference(values, inference, context)
        aside.take(stale_signatures(folder))
        if self.request.saved:
            clear = partial(clear_former_weights, folder, self.project, previous, bring)
            self.changed += self.steps.run("what of the version before has to go", clear, [])
        aside.take(former_context(folder, previous, [part.path for part in context]))
        for part in context:
            self._write(part.path, part.data)
        self.changed = [path for path in self.changed if folder / PLACE not in path.parents]
        self.changed += keep_golden(self.request, context, self.project, aside, self.steps)
        self._keep_in_git([part.path for part in context if folder / part.path in self.changed])
        self._write_attributes()
        written, files = self._write_card_and_pointers(values, files)
        self._list(written, files)
        changed = tuple(dict.fromkeys(self.changed))
        left_out = (*weights.left_out, *self._former_weights(previous, files))
        hints = (*self._originals(), *_hints(folder, self.project, files, left_out, changed))
        return Frozen(folder, written, files, changed, tuple(aside.taken), left_out, hints)

    def _originals(self) -> Iterator[str]:
        """Advise to keep out of Git what was copied into the model, lest `git add -A` takes weights."""
        git, folder = self.project.git, self.request.path
        if git is None:
            return
        root = git.root
        copied = [one for one in self.request.weights or () if one != folder and folder not in one.parents]
        names = [one.relative_to(root).as_posix() for one in copied if root in one.parents]
        kept: set[str] = self.steps.run("what Git ignores", lambda: git.ignored(names) | git.tracked(names), set(names))
        if loose := [name for name in names if name not in kept and (root / name).exists()]:
            yield f"keep the originals out of Git, since they were copied: {', '.join(loose)}"

    def _former_weights(self, previous: Mapping[str, Any], files: Sequence[FrozenFile]) -> tuple[str, ...]:
        """Return the weights of the version before that still lie in the folder and are none of this one; say so."""
        former = weights_of(previous) - {file.path for file in files}
        there = [name for name in sorted(former) if (self.request.path / name).exists()]
        if there:
            LOG.warning(
                "%s still has weights of the version before, which will be signed with it unless they are taken away: "
                "%s (sycee remove --outs takes pointer and file)",
                os.path.relpath(self.request.path),
                ", ".join(there),
            )
        return tuple(there)

    def _previous(self, aside: Aside) -> Mapping[str, Any]:
        path = self.request.path / card.FILE_NAME
        if kind_at(path) is None:
            return {}
        try:
            return card.parse(path.read_bytes(), card.FILE_NAME).values
        except (FormatError, OSError) as error:
            self.steps.warn(f"what was written in the card before is not kept, since it was no valid card: {error}")
            aside.take([path])
            return {}

    def _digested(self, name: str) -> FrozenFile | None:
        path = self.request.path / name
        kept = self._keeper(path)
        try:
            if self.project.repo and kept != "no":
                return FrozenFile(name, self._into_repository(self.project.repo, path, kept), kept)
        except (SyceeError, OSError) as error:
            self._not_tracked(name, error)
        try:
            return FrozenFile(name, digest_file(path.resolve()), "no")
        except (SyceeError, OSError) as error:
            self.steps.complete = False
            self.steps.warn(f"the weights {name} could not be read: {_words(error)}")
            return None

    def _into_repository(self, repo: Repository, path: Path, kept: Kept) -> FileDigests:
        if oid := cached_by_symlink(repo, path):
            return repo.cache.verified(oid)
        if kept == "pointer":
            return ingest(repo, path, progress=self.request.progress)
        return digests_of(repo, path, progress=self.request.progress)

    def _keeper(self, path: Path) -> Kept:
        """Say who keeps the pointer of a weights file: one path has one."""
        if self.project.repo is None:
            return "no"
        for tracked in self.project.tracked:
            if tracked.path == path or tracked.path in path.parents:
                if tracked.pointer is None:
                    return "pipeline"
                return "pointer" if tracked.path == path else "folder"
        root = self.request.environ.get("DVC_ROOT")  # set, with DVC_STAGE, for the command of a stage
        in_stage = "DVC_STAGE" in self.request.environ and root and absolute(root) == self.project.repo.root
        return "pipeline" if in_stage else "pointer"

    def _not_tracked(self, name: str, error: Exception) -> None:
        self.steps.complete = False
        self.steps.warn(f"{name} is not tracked: {_words(error)}")

    def _write(self, name: str, data: bytes) -> None:
        path = self.request.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)
        self.changed.append(path)

    def _keep_in_git(self, names: Sequence[str]) -> None:
        """See that no rule for other files, like ``data/`` or ``*.patch``, keeps the context out of Git."""
        if self._ignored(names):
            name = f"{FOLDER}/{modelfolder.IGNORE_FILE}"
            path = self.request.path / name
            present = path.read_bytes() if kind_at(path) == "file" else b""
            self._write(name, b"!*\n" + present.replace(b"!*\n", b""))
            if left := self._ignored(names):
                self.steps.warn(f"Git ignores {min(left)}: take the rule away that names its folder")

    def _ignored(self, names: Sequence[str]) -> set[str]:
        git, folder = self.project.git, self.request.path
        if git is None:
            return set()
        paths = [(folder / name).relative_to(git.root).as_posix() for name in names]
        nothing: set[str] = set()
        return self.steps.run("what Git ignores", lambda: git.ignored(paths), nothing)

    def _write_attributes(self) -> None:
        path = self.request.path / modelfolder.ATTRIBUTES
        if kind_at(path) is None:
            self._write(modelfolder.ATTRIBUTES, modelfolder.ATTRIBUTES_BYTES)
        elif path.read_bytes() != modelfolder.ATTRIBUTES_BYTES:
            self.steps.warn(".gitattributes is not '* -text' alone: Git may alter bytes of the model")

    def _write_card_and_pointers(
        self, values: dict[str, Any], files: tuple[FrozenFile, ...]
    ) -> tuple[card.Card, tuple[FrozenFile, ...]]:
        """Write the card, then the pointers that name it; what could not be tracked is told in the card too."""
        while True:
            known = len(self.steps.warnings)
            data = card.render(finished(values, self.steps))
            self._write(card.FILE_NAME, data)
            files = tuple(self._tracked(file, sha256_hex(data)) for file in files)
            if len(self.steps.warnings) == known:
                return card.parse(data), files

    def _list(self, written: card.Card, files: tuple[FrozenFile, ...]) -> None:
        """Enter the model into ``artifacts:`` of ``dvc.yaml``, so that DVC's own commands know it by name."""
        repo, name = self.project.repo, written.name
        if repo is None or name is None or all(file.kept == "no" for file in files):
            return
        if "DVC_STAGE" in self.request.environ:  # a running pipeline reads that file
            return
        path = repo.root / PIPELINE_FILE
        if kind_at(path) not in {"file", None}:  # a link may lead to what must not be copied into the repository
            return
        present = path.read_bytes() if path.is_file() else b""
        try:
            wanted = pipeline.with_artifact(present, PIPELINE_FILE, name, repo.relpath(self.request.path))
        except SyceeError:  # the file is the user's; it lists what they want it to list
            return
        if wanted != present:
            write_file(path, wanted)
        self.changed.append(path)  # also if an earlier freeze wrote it: it may not be committed yet

    def _tracked(self, file: FrozenFile, card_sha256: str) -> FrozenFile:
        repo, path = self.project.repo, self.request.path / file.path
        if file.kept != "pointer" or repo is None:
            return file
        try:
            added = track(repo, path, file.digests, tracked=self.project.tracked, card_sha256=card_sha256)
        except (SyceeError, OSError) as error:
            self._not_tracked(file.path, error)
            return replace(file, kept="no")
        self.changed.extend(added.changed)
        return file


def _words(error: Exception) -> str:
    if isinstance(error, SyceeError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return getattr(error, "strerror", None) or str(error)


def _shown(path: Path) -> str:
    """Return a path as it is typed into a shell here."""
    return quote(os.path.relpath(path))


def _hints(
    folder: Path, project: Project, files: Sequence[FrozenFile], left_out: Sequence[str], changed: Sequence[Path]
) -> Iterator[str]:
    shown = _shown(folder)
    if left_out:
        yield f"move what is no part of the model out of its folder before it is signed: {', '.join(left_out)}"
    if project.repo is None:
        begin = "" if project.git else "git init && "
        yield f"track the weights: {begin}sycee init, then freeze again"
        return
    yield f"sign it: sycee sign {shown} --key release.key"
    outside = [_shown(path) for path in changed if folder not in path.parents]
    kept = [shown]
    if any(file.kept == "folder" for file in files):  # Git ignores it, and has its pointer
        kept = [_shown(one.origin) for one in project.tracked if one.path == folder or one.path in folder.parents]
    yield f"then commit it: git add {' '.join([*kept, *outside])} && git commit"
