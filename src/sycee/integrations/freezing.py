"""What the callbacks of all trainers share: checks at the beginning, a freeze at the end, and a training never lost."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from sycee.capture import seeds
from sycee.capture.config import merged
from sycee.capture.facts import NO_FACTS, Facts
from sycee.errors import SyceeError
from sycee.ops.freeze import LOG, AnyPath, Options, make_request
from sycee.ops.frozen import Frozen, Request, utc_now
from sycee.ops.training import Training, begin, end, kept_alive
from sycee.system.refusals import refused
from sycee.system.terminal import watched
from sycee.workspace.repository import find_repository


class Learnt(NamedTuple):
    """What a trainer knows of its training when it has ended; what the callback was given wins over it.

    Attributes:
        metrics: Name to number.
        configs: Configurations, each of any kind; a later one holds where two tell the same.
        seeds: Generator to seed.
        training: Members of the card's ``training``: ``steps``, ``epochs``.
        known: Facts on the model.
    """

    metrics: Mapping[str, Any] = {}
    configs: Sequence[object] = ()
    seeds: Mapping[str, object] = {}
    training: Mapping[str, Any] = {}
    known: Facts = NO_FACTS


class Freezing:
    """One model's freeze at the end of a training that another program runs.

    Args:
        path: The model's folder.
        task: What the model does.
        options: As for :func:`sycee.freeze`. With ``weights`` these are frozen, and nothing is saved.

    Raises:
        UsageError: For an option that does not exist.
    """

    def __init__(self, path: AnyPath, task: str, options: Options) -> None:
        self._request = make_request(path, task, {"progress": watched(), **options})
        self._running: Training | None = None
        self.frozen: Frozen | None = None

    def begin(self) -> None:
        """Check that the freeze at the end will work; to be called by one process of a training.

        Raises:
            SyceeError: If it will not.
        """
        self._request = replace(self._request, now=utc_now())
        self._running = begin(self._request)
        self.frozen = None
        with folder_to_save(self._request):
            pass

    def end(self, save: Callable[[Path], None], learn: Callable[[], Learnt]) -> None:
        """Freeze, in the process that began; what goes wrong is logged, and the training goes on.

        Args:
            save: Saves the model into the empty folder that it is given.
            learn: Asks the trainer.
        """
        running, self._running = self._running, None
        if running is None:
            return
        with kept_alive(running):
            learnt = _learnt(learn)
            running.metrics = {**learnt.metrics, **running.metrics}
            running.config = merged([*learnt.configs, running.config])
            known = self._known(learnt)
            if self._request.weights is not None:
                end(running, **known)
            else:
                with folder_to_save(self._request) as folder:
                    save(folder)
                    end(running, saved=folder, **known)
        self.frozen = running.frozen

    def _known(self, learnt: Learnt) -> dict[str, Any]:
        given, fields = self._request.seeds, self._request.fields
        known = {"seeds": {**seeds.seen(), **learnt.seeds}} if given is None else {}
        told = {"training": {**learnt.training, **fields.get("training", {})}}
        return {**known, "known": learnt.known, "fields": {**fields, **told}}


class Freezes:
    """What the callbacks of all trainers can be asked."""

    _freezing: Freezing

    @property
    def frozen(self) -> Frozen | None:
        """The frozen model, once the training has ended; None in other processes, and if the freeze failed."""
        return self._freezing.frozen


def _learnt(learn: Callable[[], Learnt]) -> Learnt:
    try:
        return learn()
    except Exception as error:  # noqa: BLE001 - a trainer of another version must not cost the model
        LOG.warning("what the trainer knows is not in the card: %s: %s", type(error).__name__, error)
        return Learnt()


@contextmanager
def folder_to_save(request: Request) -> Iterator[Path]:
    """Give a folder of a request's own, where a model is saved before it takes the place of the one before.

    Raises:
        SyceeError: If it cannot be made.
    """
    parent = _scratch(request)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=parent, prefix=".sycee-saving-")
    except OSError as error:
        raise refused(error) from error
    with place as folder:
        yield Path(folder)


def _scratch(request: Request) -> Path:
    try:
        repo = find_repository(request.path, environ=request.environ)
    except SyceeError:  # there is none, or none that can be used; the freeze tells
        return request.path.parent
    repo.close()
    return repo.scratch


def is_first_process(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process is the one of a distributed training that writes; true where there is only one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        return bool(torch.distributed.get_rank() == 0)
    return environ.get("RANK", "0") == "0"


def tell_missing(error: ModuleNotFoundError, module: str, extra: str) -> NoReturn:
    """Say how to install a trainer; an error about anything else goes on as it is.

    Raises:
        ImportError: Always.
    """
    if error.name != module:
        raise error
    text = f"sycee.integrations.{extra} needs {module}, which is not installed: pip install 'sycee[{extra}]'"
    raise ImportError(text, name=module) from error
