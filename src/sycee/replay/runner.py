"""Starts :mod:`sycee.replay.worker` in a process of its own and brings back what it observed.

The process has an environment, a home and a working folder of its own, and no way to say anything but by its files.
What it prints is kept for a message, up to a limit. It ends with us, and whatever it started ends with it.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO, Any, NamedTuple

import sycee
from sycee.errors import CannotRun
from sycee.replay import worker
from sycee.replay.child.samples import Stored

TIMEOUT = 600.0  # seconds for all samples of one run
MAX_OBSERVED = 256 << 20  # bytes of observed.json
MAX_TENSORS = 4 << 30  # bytes of tensors.safetensors
_LOG = 64 << 10  # bytes that are kept of each end of what the process prints
_STEP = 0.5  # seconds between two looks at the clock
_NAPPING = 0.01

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ALWAYS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8",
}
# Where the machine's own libraries and devices are: not a part of a version, and without them there may be no GPU.
_OF_THE_MACHINE = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
# What may be taken over from the record: it changes how is computed, and nothing else.
_NUMERIC = ("OMP_", "MKL_", "OPENBLAS_", "ONEDNN_", "DNNL_", "ATEN_", "NPY_", "CUBLAS_", "NVIDIA_TF32_", "TF_")
_TAKEN = ("PYTHONHASHSEED", "LANG", "LANGUAGE", "TZ", "TOKENIZERS_PARALLELISM")
_PATH_MARKS = {"/", "\\", "<"}  # the last one stands for a path that was not recorded
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Item(NamedTuple):
    """A sample to run: its id and its bytes."""

    id: str
    stored: Stored


class Job(NamedTuple):
    """What to run.

    Attributes:
        python: The interpreter.
        source: The folder of the frozen source.
        model: The model's folder, for ``load``.
        entry: Role (``load``, ``preprocess``, ``predict``, ``postprocess``) to ``module:function``.
        items: The samples.
        how: See :class:`How`.
        machine: The file whose ``collect`` gives the fingerprint of a process; None for outputs alone.
        aux: A folder whose files the code finds in its working folder; None for an empty one.
        again: How often a sample is repeated in its batch in a second run of the same process; 0 for no second run.
        bytecode: Whether packages may leave bytecode in the environment of ``python``; nothing else leaves any.
    """

    python: Path
    source: Path
    model: Path
    entry: Mapping[str, str]
    items: Sequence[Item]
    how: "How"
    machine: Path | None = None
    aux: Path | None = None
    again: int = 0
    bytecode: bool = False


class How(NamedTuple):
    """Under which settings to run.

    Attributes:
        threads: Threads of the numeric libraries; None leaves it to them.
        flags: The flags of the recorded fingerprint; those of torch that code sets are set.
        seeds: Set before each sample; empty for a model that is not stochastic.
        copies: How often a sample is repeated in its batch.
        recorded: Environment variables of the record; those that change how is computed are taken over.
        switches: Environment variables of this run alone.
        environ: The environment of the caller, of which only what describes the machine is taken.
        timeout: Seconds.
    """

    threads: int | None = None
    flags: Mapping[str, str] = {}
    seeds: Mapping[str, int] = {}
    copies: int = 1
    recorded: Mapping[str, str] = {}
    switches: Mapping[str, str] = {}
    environ: Mapping[str, str] = {}
    timeout: float = TIMEOUT


class Fault(NamedTuple):
    """What went wrong in user code: the stage, the sample's id, the exception, and ``file:line`` below the source."""

    stage: str
    sample: str | None
    type: str
    message: str
    where: str | None

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        of = f" of sample {self.sample}" if self.sample is not None else ""
        return f"{self.stage}{of}{place}: {': '.join(part for part in (self.type, self.message) if part)}"


class Observed(NamedTuple):
    """What a process gave back.

    Attributes:
        samples: For each sample id and stages with their leaves, as in ``docs/spec/golden.md``.
        tensors: The file with every tensor, under ``<id>/<stage>/<path>``.
        packages: Normalised name to version of every installed distribution; empty if it was not asked.
        loaded: Names of the distributions that the process used; None if it was not asked, or its Python cannot say.
        fingerprint: What the fingerprint's collector found; None if it was not asked.
        network: ``none`` or ``blocked``: who kept the process from it, the system or Python.
        fault: What user code did wrong; the samples before it are there.
        unbatched: Whether copies were asked for and cannot be made of this input or output.
        log: Beginning and end of what it printed.
        again: What the second run gave; None if there was none, or it took the process down.
    """

    samples: Sequence[Mapping[str, Any]]
    tensors: bytes
    packages: Mapping[str, str]
    loaded: Sequence[str] | None
    fingerprint: Mapping[str, Any] | None
    network: str
    fault: Fault | None
    unbatched: bool
    log: str
    again: "Observed | None" = None


def run(job: Job, stop: Event | None = None) -> Observed:
    """Run a job in a process of its own.

    Args:
        job: What to run.
        stop: Ends the process when it is set, from another thread.

    Raises:
        CannotRun: If the process cannot be started, dies, takes too long, is stopped, or gives back too much. A
            second run that does not come to an end takes nothing from the first.
    """
    with tempfile.TemporaryDirectory(prefix="sycee-replay-", ignore_cleanup_errors=True) as scratch:
        place = Path(scratch).resolve()
        for name in ("home", "tmp", "work", "out", "files", "inputs"):
            (place / name).mkdir()
        if job.aux and job.aux.is_dir():
            shutil.copytree(job.aux, place / "work", dirs_exist_ok=True)
        request = place / "request.json"
        request.write_text(json.dumps(_request(job, place)), encoding="utf-8")
        log, code = _watched(job, place, request, stop or Event())
        return _read(place / "out", log, code, again=bool(job.again))


def _request(job: Job, place: Path) -> dict[str, Any]:
    samples = []
    for number, item in enumerate(job.items):
        path = place / "inputs" / str(number)
        path.write_bytes(item.stored.data)
        samples.append({"id": item.id, "kind": item.stored.kind, "name": item.stored.name, "path": str(path)})
    return {
        "source": str(job.source.resolve()),
        "sycee": str(Path(sycee.__file__).resolve().parent.parent),
        "model": str(job.model.resolve()),
        "entry": dict(job.entry),
        "call": {
            "threads": job.how.threads,
            "flags": dict(job.how.flags),
            "seeds": dict(job.how.seeds),
            "copies": job.how.copies,
        },
        "samples": samples,
        "machine": str(job.machine) if job.machine else None,
        "again": job.again,
        "bytecode": job.bytecode,
        "scratch": str(place / "files"),
        "out": str(place / "out"),
    }


def environment(how: How, place: Path) -> dict[str, str]:
    """Return the whole environment of the process.

    Args:
        how: The settings of the run.
        place: The run's own folder, with ``home`` and ``tmp`` in it.
    """
    taken = {name: value for name, value in how.recorded.items() if name in _TAKEN or name.startswith(_NUMERIC)}
    return {
        **{name: how.environ[name] for name in _OF_THE_MACHINE if name in how.environ},
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **{name: value for name, value in taken.items() if name == "TZ" or not _PATH_MARKS & {*value}},
        **(dict.fromkeys(_THREADS, str(how.threads)) if how.threads else {}),
        **how.switches,
        **_ALWAYS,
        "PATH": _PATH,
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
    }


def _watched(job: Job, place: Path, request: Path, stop: Event) -> tuple[str, int | None]:
    """Run the process until it ends; return what it printed, and its exit code, which is None if its time was up."""
    command = [str(job.python), "-s", "-B", str(Path(worker.__file__).resolve()), str(request)]
    try:
        process = subprocess.Popen(
            command,
            cwd=place / "work",
            env=environment(job.how, place),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotRun(
            f"{job.python.name} could not be started: {error.strerror}", hint="name another Python, or rebuild"
        ) from error
    with _ending(process, place) as printed:
        deadline = time.monotonic() + job.how.timeout
        log = _drained(process, printed, lambda: stop.is_set() or time.monotonic() > deadline)
        if log is not None:
            return log, process.wait()
    if not job.again or not (place / "out" / worker.OBSERVED).is_file():
        raise CannotRun(
            f"the samples did not come to an end within {job.how.timeout:g} seconds",
            hint="give it longer with --timeout, or look whether the code waits for a network",
        )
    return "", None


@contextmanager
def _ending(process: subprocess.Popen[bytes], place: Path) -> Iterator[IO[bytes]]:
    """Give what the process prints; at the end, whatever the reason, kill it with all that it started."""
    assert process.stdout is not None, "it was opened with a pipe"
    try:
        yield process.stdout
    finally:
        with suppress(ProcessLookupError, PermissionError):  # all of them ended before
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        _end_strays(place)


def _end_strays(place: Path) -> None:
    """Kill what left the process's group and lives on: on Linux it is known by its home, which is this run's own."""
    mark = f"HOME={place / 'home'}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended by itself, or is of somebody else
            if mark in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)


def _drained(process: subprocess.Popen[bytes], printed: IO[bytes], time_is_up: Callable[[], bool]) -> str | None:
    """Read what is printed until the process ends, keeping both ends of it; None if the time is up before."""
    head, tail = b"", b""
    with selectors.DefaultSelector() as ready:
        ready.register(printed, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            chunk = b""
            if ready.select(0 if ended else _STEP):
                chunk = os.read(printed.fileno(), 1 << 16)
                room = _LOG - len(head)
                head, tail = head + chunk[:room], (tail + chunk[room:])[-_LOG:]
                if not chunk and not ended:  # it closed its output, and still runs
                    time.sleep(_NAPPING)
            if ended and not chunk:
                return (head + tail).decode(errors="replace")
            if time_is_up():
                return None


def _read(out: Path, log: str, code: int | None, *, again: bool) -> Observed:
    first, second = out / worker.OBSERVED, out / worker.AGAIN
    if not first.is_file() or (code and (second.is_file() or not again)):
        raise CannotRun(
            f"the process of the replay ended {_how(code or 0)}{_last_words(log)}",
            hint="run it again, and if it ends the same way, look at the code and the packages it uses",
            log=log,
        )
    observed = _parsed(first, out / worker.TENSORS, log)
    if second.is_file() and code == 0:
        return observed._replace(again=_parsed(second, out / worker.AGAIN_TENSORS, log))
    return observed


def _parsed(observed: Path, tensors: Path, log: str) -> Observed:
    if not tensors.is_file() or observed.is_symlink() or tensors.is_symlink():
        raise CannotRun("the process of the replay wrote links, or no tensors", hint="look at the code", log=log)
    if observed.stat().st_size > MAX_OBSERVED or tensors.stat().st_size > MAX_TENSORS:
        raise CannotRun("the samples give more than can be compared", hint="return less from predict")
    try:
        return _observed(json.loads(observed.read_bytes()), tensors.read_bytes(), log)
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise CannotRun(
            "what the process of the replay wrote cannot be read: something in it wrote files that are not its own",
            hint=f"look for what the code does to {worker.OBSERVED}",
            log=log,
        ) from error


def _observed(found: Mapping[str, Any], tensors: bytes, log: str) -> Observed:
    return Observed(
        samples=[{"id": str(one["id"]), "stages": one["stages"]} for one in found["samples"]],
        tensors=tensors,
        packages={str(name): str(version) for name, version in found.get("packages", {}).items()},
        loaded=None if found.get("loaded") is None else [str(name) for name in found["loaded"]],
        fingerprint=found.get("fingerprint"),
        network=str(found.get("network", "")),
        fault=Fault(**found["error"]) if found["error"] else None,
        unbatched=found["unbatched"],
        log=log,
    )


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _last_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"; its last words: {lines[-1][:300]}" if lines else ""
