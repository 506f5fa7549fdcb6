"""``with sycee.training(...) as run``: checks before the first epoch that the freeze after the last one will work."""

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from sycee.capture import lock
from sycee.capture.opened import Reads
from sycee.capture.steps import Steps
from sycee.errors import FormatError, NotFound, SyceeError, UsageError
from sycee.formats import card
from sycee.formats.card import REQUIRED
from sycee.ops.freeze import LOG, AnyPath, Options, make_folder, make_request, open_project, root_fault
from sycee.ops.freeze import run as run_freeze
from sycee.ops.frozen import Frozen, Request, utc_now
from sycee.ops.gather import given_fields
from sycee.ops.project import Project
from sycee.system.git import Git

MIN_FREE = 64 << 20  # bytes; weights that do not fit into this are caught when they are written, not sooner


class Training:
    """A training under way.

    Attributes:
        config: The configuration that goes into the card; assign or update it at any time before the end.
        metrics: What was logged; the last value of each name goes into the card.
        warnings: What will be missing, known since the beginning.
        frozen: The frozen model, once the block has ended without an error.
        request: What the freeze at the end was asked for at the beginning.
        reads: The files that were read so far; what of them is tracked is data of the training.
    """

    def __init__(self, request: Request, warnings: tuple[str, ...]) -> None:
        self.config: Any = request.training_config
        self.metrics: dict[str, Any] = dict(request.metrics)
        self.warnings = warnings
        self.frozen: Frozen | None = None
        self.request = request
        self.reads = Reads()

    def log(self, **metrics: Any) -> None:
        """Note metrics by name; a later value of the same name takes the place of the earlier one."""
        self.metrics.update(metrics)

    def __repr__(self) -> str:
        return (
            repr(self.frozen) if self.frozen else f"<training of {os.path.relpath(self.request.path)}, not frozen yet>"
        )


@contextmanager
def training(path: AnyPath, *, task: str, **options: Unpack[Options]) -> Iterator[Training]:
    """Freeze a model when the block ends; if it raises, nothing is frozen and the error goes on.

    Args:
        path: The model's folder; it is made if it is not there.
        task: What the model does.
        **options: As for :func:`sycee.ops.freeze.freeze`.

    Yields:
        The running training, to log metrics and configuration.

    Raises:
        UsageError: If ``path`` is a file, or an option is none.
        FormatError: If the card that is there, a pointer, or a given field of the card is malformed.
        NotFound: If data is neither there nor tracked.
        SyceeError: If the folder or the cache cannot be written, or the disk is full.
    """
    running = begin(make_request(path, task, options))
    try:
        yield running
    finally:
        running.reads.stop()
    end(running)


def begin(request: Request) -> Training:
    """Return the training that a request describes, after the checks of :func:`check`.

    While it runs the indexes are asked for the digests of the packages, so that its freeze need not wait for them.

    Raises:
        SyceeError: If the freeze at its end would fail.
    """
    running = Training(request, check(request))
    Steps().run("the installed packages", partial(lock.begin, request.environ, request.now.date().isoformat()), None)
    for warning in running.warnings:
        LOG.warning("%s: %s", os.path.relpath(request.path), warning)
    running.reads.start()
    return running


def end(running: Training, **known: Any) -> None:
    """Freeze what was trained.

    Args:
        running: The training.
        **known: Fields of its request that are known only now.

    Raises:
        SyceeError: If the folder cannot be written.
    """
    running.reads.stop()
    request = replace(running.request, opened=tuple(running.reads.paths), **known, now=utc_now())
    times = _times(running.request.now, request.now)
    given = request.fields.get("training")
    fields = {**request.fields, "training": {**times, **given} if isinstance(given, Mapping) else times}
    running.frozen = run_freeze(
        replace(request, metrics=running.metrics, training_config=running.config, fields=fields)
    )


@contextmanager
def kept_alive(running: Training) -> Iterator[None]:
    """Let nothing that goes wrong in a freeze end the program that trained: it is said aloud, and logged."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the trained model is in memory, and more worth than its record
        LOG.warning(
            "%s could not be frozen: %s. The training itself is done: save the model, then call sycee.freeze(...)",
            os.path.relpath(running.request.path),
            error.message if isinstance(error, SyceeError) else f"{type(error).__name__}: {error}",
        )
        LOG.debug("what went wrong", exc_info=error)


def _times(started: dt.datetime, ended: dt.datetime) -> dict[str, Any]:
    form = "%Y-%m-%dT%H:%M:%SZ"
    seconds = round((ended - started).total_seconds(), 3)
    return {"started": started.strftime(form), "finished": ended.strftime(form), "duration_s": max(seconds, 0.0)}


def check(request: Request) -> tuple[str, ...]:
    """Try everything that the freeze at the end will need.

    1. The given fields make a valid card, and samples are a list.
    2. The folder can be written, and there is room.
    3. The card that is there can be read.
    4. The cache can be written, pointers can be read, Git runs.
    5. The data is there, or tracked.

    Returns:
        What will be missing though nothing fails.

    Raises:
        SyceeError: If one of these does not hold.
    """
    if fault := request.inference.fault:
        raise UsageError(fault)
    _require_valid_fields(request)
    make_folder(request.path)
    _require_writable(request.path)
    if (present := request.path / card.FILE_NAME).exists():
        card.parse(present.read_bytes(), str(present))
    steps = Steps()
    project = open_project(request, steps, strict=True)
    if fault := root_fault(request, project):
        raise UsageError(fault, hint="for example models/bert")
    if project.repo:
        project.repo.tracked()  # raises what open_project only notes
        _require_writable(project.repo.cache.root)
        project.repo.close()
    _check_git(project, steps)
    _require_data(request, project)
    return tuple(steps.warnings)


def _require_valid_fields(request: Request) -> None:
    required = dict.fromkeys(REQUIRED, "-") | {"metrics": {}, "training_config": {}, "task": request.task}
    if faults := card.faults({**required, **given_fields(request, lambda _note: None)}):
        raise FormatError(
            f"the card would not be valid: {'; '.join(map(str, faults))}",
            faults=faults,
            hint="`sycee card schema` prints what each field may hold",
        )


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"sycee")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SyceeError(
            f"{folder} cannot be written: {error.strerror}", hint="choose another folder, or change its permissions"
        ) from error
    if free < MIN_FREE:
        raise SyceeError(
            f"only {free >> 20} MB are free at {folder}", hint="make room before the training; weights need more"
        )


def _check_git(project: Project, steps: Steps) -> None:
    if project.git is None:
        steps.warn("not in a Git repository: the version of the code will not be known")
        return
    try:
        Git(project.git.root).head()
    except SyceeError as error:
        steps.warn(f"{error.message}: the version of the code will not be known")


def _require_data(request: Request, project: Project) -> None:
    tracked = {one.path for one in project.tracked}
    for path in request.data:
        if not os.path.lexists(path) and path not in tracked and not tracked & set(path.parents):
            raise NotFound(f"the data {path} is neither there nor tracked", hint="look for a misspelt path in data=…")
