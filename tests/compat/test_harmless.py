"""What changes nothing raises no alarm: each harmless change by name, planted around one signed model.

``docs/replay.md`` has the same names in its tables.
"""

import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import sycee
from rigs import networks
from rigs.signed import fixed_key
from sycee.cli.main import main
from sycee.ops import replay as replaying
from sycee.ops.replay import ReplayRequest, replay
from sycee.ops.trustplace import Asked

pytestmark = pytest.mark.slow

SOURCE = Path(sycee.__file__).parents[1]
DOCUMENT = Path(__file__).parents[2] / "docs/replay.md"
SCRIPT = Path(sys.executable).with_name("sycee")
REPRODUCED = "reproduced  mlp: all samples are equal to the bit"


class Place(NamedTuple):
    """Where a test works: a copy of its own of the model's repository, an empty folder, and the public key."""

    model: Path
    empty: Path
    key: Path


@pytest.fixture(scope="module")
def repository():
    """A repository with a signed model."""
    with tempfile.TemporaryDirectory(prefix="sycee-harmless-") as folder:
        place = Path(folder)
        networks.freeze_network(place / "mlp", networks.MLP)
        (place / "k.pub").write_bytes(fixed_key().public.pem)
        yield place


@pytest.fixture
def place(repository):
    with tempfile.TemporaryDirectory(prefix="sycee-harmless-") as folder:
        shutil.copytree(repository, Path(folder) / "repository")
        (Path(folder) / "empty").mkdir()
        yield Place(Path(folder) / "repository/mlp", Path(folder) / "empty", repository / "k.pub")


# What is done around a replay in this process; each returns where the model is then.


def another_name(place, _):
    return place.model.parent.rename(place.empty / "Modelle für São Paulo 模型") / "mlp"


def another_depth(place, _):
    (place.empty / "a/b/c/d/e/f").mkdir(parents=True)
    return place.model.parent.rename(place.empty / "a/b/c/d/e/f/g") / "mlp"


def other_times(place, _):
    for number, path in enumerate(place.model.rglob("*")):
        os.utime(path, (number, 4_000_000_000 - number))
    return place.model


def other_modes(place, _):
    for path in place.model.rglob("*"):
        path.chmod(0o777)
    return place.model


def another_order(place, _):
    """Write all files anew, the last one first: file systems list them otherwise then."""
    files = {path: path.read_bytes() for path in sorted(place.model.rglob("*"), reverse=True) if path.is_file()}
    for path in files:
        path.unlink()
    for path, data in files.items():
        path.write_bytes(data)
    return place.model


def litter(place, _):
    """Leave beside the model what desktops and Python leave."""
    (place.model.parent / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (place.model.parent / "__pycache__").mkdir()
    (place.model.parent / "__pycache__/numpy.cpython-311.pyc").write_bytes(b"garbage")
    return place.model


def root_folder(place, undo):
    undo.enter_context(contextlib.chdir("/"))
    return place.model


def strict_umask(place, undo):
    undo.callback(os.umask, os.umask(0o077))
    return place.model


def one_core(place, undo):
    mine = os.sched_getaffinity(0)
    undo.callback(os.sched_setaffinity, 0, mine)
    os.sched_setaffinity(0, {min(mine)})
    return place.model


def limited(which, most):
    """Return what lowers a limit of this process and its children."""

    def lower(place, undo):
        limits = resource.getrlimit(which)
        undo.callback(resource.setrlimit, which, limits)
        resource.setrlimit(which, (most, limits[1]))
        return place.model

    return lower


AROUND = {
    "spaces and other alphabets in the path": another_name,
    "a path of another depth": another_depth,
    "file times": other_times,
    "file modes": other_modes,
    "order of the files on disk": another_order,
    "`.DS_Store` and `__pycache__` beside the model": litter,
    "working folder `/`": root_folder,
    "umask": strict_umask,
    "one core (affinity)": one_core,
    "64 open files at most": limited(resource.RLIMIT_NOFILE, 64),
}


@pytest.fixture
def lines(capsys):
    """Return a function that replays in this process and gives the lines that the command printed."""

    def lines(place, model):
        code = main(["replay", str(model), "--key", str(place.key)])
        shown = capsys.readouterr()
        assert (code, shown.err) == (0, "")
        return shown.out.splitlines()

    return lines


@pytest.mark.parametrize("name", AROUND)
def test_what_is_around_the_model(place, lines, name):
    with contextlib.ExitStack() as undo:
        assert lines(place, AROUND[name](place, undo))[0] == REPRODUCED
    assert name in DOCUMENT.read_text()


# What a user has set; the process of the samples must not get it, nor the command stumble over it.
SET = {
    "one thread": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "more threads than cores": {"OMP_NUM_THREADS": "64", "OPENBLAS_NUM_THREADS": "64", "MKL_NUM_THREADS": "64"},
    "`OPENBLAS_CORETYPE`": {"OPENBLAS_CORETYPE": "Prescott"},
    "`ATEN_CPU_CAPABILITY`, `ONEDNN_MAX_CPU_ISA`, `MKL_CBWR`": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
    "`NPY_DISABLE_CPU_FEATURES`": {"NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F"},
    "variables with garbage": {
        "OMP_NUM_THREADS": "many",
        "OPENBLAS_CORETYPE": "??",
        "TZ": "No/Where",
        "LANG": "\udcff",
        "MODEL": "\udcfe",
    },
    "time zone and `SOURCE_DATE_EPOCH`": {"TZ": "Asia/Kathmandu", "SOURCE_DATE_EPOCH": "0"},
}


@pytest.mark.parametrize("name", SET)
def test_what_a_user_has_set(place, lines, monkeypatch, name):
    for variable, value in SET[name].items():
        monkeypatch.setenv(variable, value)
    assert lines(place, place.model)[0] == REPRODUCED
    assert name in DOCUMENT.read_text()


class Started(NamedTuple):
    """How the command is started: variables, by which words of a shell, and files in the working folder."""

    environ: Mapping[str, str] = {}
    shell: str = ""
    files: Mapping[str, str] = {}


RAISES = "raise ImportError('not the one that is wanted')\n"
STARTED = {
    "locale C in ASCII, and a path that it cannot write": Started(
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ),
    "locale `tr_TR`, `de_DE`": Started({"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8", "LANGUAGE": "tr"}),
    "`PYTHONOPTIMIZE`, `PYTHONHASHSEED`": Started({"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "12345"}),
    "`PYTHONWARNINGS=error`": Started({"PYTHONWARNINGS": "error"}),
    "`numpy.py` and `json.py` in the working folder": Started(files={"numpy.py": RAISES, "json.py": RAISES}),
    "a `numpy` of `PYTHONPATH`": Started({"PYTHONPATH": "."}, files={"numpy.py": RAISES}),
    "`sitecustomize` of `PYTHONPATH`": Started(
        {"PYTHONPATH": "."},
        files={"sitecustomize.py": "import sys; sys.dont_write_bytecode = sys.gettrace() is None\n"},
    ),
    "no home and no user": Started(shell="unset HOME USER LOGNAME XDG_CACHE_HOME; exec"),
    "a home that is not there": Started({"HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}),
    "`TMPDIR` elsewhere": Started({"TMPDIR": "."}),
    "stdin closed": Started(shell="exec <&-; exec"),
    "4 GB of memory at most": Started(shell="ulimit -v 4000000; exec"),
    "another user, without a name": Started(shell="exec unshare --user --map-user=4242 --map-group=4242"),
    "no network": Started(shell="exec unshare --user --map-root-user --net"),
    "a file system that is read only": Started(
        shell="exec unshare --user --map-root-user --mount sh -c "
        '\'mount --bind "$4" "$4" && mount -o remount,ro,bind "$4" && ! touch "$4/x" 2>/dev/null && exec "$@"\' sh'
    ),
}


def start(place, how):
    """Start the command in the folder ``empty``; ``.`` in a variable stands for this folder."""
    for name, text in how.files.items():
        (place.empty / name).write_text(text)
    path = os.pathsep.join(filter(None, (how.environ.get("PYTHONPATH"), str(SOURCE))))
    given = {name: str(place.empty) if value == "." else value for name, value in how.environ.items()}
    model = place.model.parent.rename(place.model.parent.with_name("Größe 模")) / "mlp"
    words = [SCRIPT, "replay", "--json", model, "--key", place.key]
    return subprocess.run(
        ["sh", "-c", f'{how.shell or "exec"} "$@"', "sh", *words],
        cwd=place.empty,
        env={**os.environ, **given, "PYTHONPATH": path},
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", STARTED)
def test_how_the_command_is_started(place, name):
    done = start(place, STARTED[name])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["result"], report["level"], report["demanded"]) == ("reproduced", "bit", "bit")
    assert name in DOCUMENT.read_text()


def test_other_packages_that_take_no_part(place, lines, monkeypatch):
    run = replaying.run

    def among_others(job):
        seen = run(job)
        others = {**seen.packages, "pytest": "0.1", "no-such-thing": "1.0"}
        others.pop("ruff")
        return seen._replace(packages=others)

    monkeypatch.setattr(replaying, "run", among_others)
    assert lines(place, place.model)[0] == REPRODUCED
    assert "unrelated packages" in DOCUMENT.read_text()


@pytest.mark.parametrize("streams", ["exec 2>&-; exec", "exec <&- >&- 2>&-; exec"])
def test_nobody_listens(place, streams):
    assert start(place, Started(shell=streams)).returncode == 0
    assert "stderr or all streams closed" in DOCUMENT.read_text()


def test_a_working_folder_that_was_deleted_is_told(place):
    gone = "mkdir gone; cd gone; rmdir ../gone; exec"
    done = start(place, Started(shell=gone))
    assert (done.returncode, b"the working folder was deleted" in done.stdout) == (2, True)


def test_with_a_whole_path_the_working_folder_may_be_deleted(place, monkeypatch):
    (place.empty / "gone").mkdir()
    monkeypatch.chdir(place.empty / "gone")
    (place.empty / "gone").rmdir()
    assert main(["-C", str(place.model), "replay", ".", "--key", str(place.key)]) == 0
    monkeypatch.chdir("/")
    assert "a deleted working folder" in DOCUMENT.read_text()


# What changes how is computed, applied in the process of the samples itself.
KERNELS = {"x86_64": ("Prescott", "Nehalem", "Haswell"), "aarch64": ("ARMV8", "NEOVERSEN1")}[platform.machine()]


def with_switches(monkeypatch, request, threads=None, **switches):
    """Replay where the process of the samples really has other switches, as on another machine."""

    def run(job):
        how = job.how._replace(switches=switches, threads=threads or job.how.threads)
        return replaying.run_of(job._replace(how=how))

    monkeypatch.setattr(replaying, "run_of", replaying.run, raising=False)
    monkeypatch.setattr(replaying, "run", run)
    try:
        return replay(request).report
    finally:
        monkeypatch.undo()


def outputs(report):
    """Return the level of the outputs, and how far they moved at most."""
    found = [one for one in report.stages if one.stage == "output"]
    return {one.level for one in found}, max(one.max_rel for one in found)


@pytest.mark.parametrize("kernel", KERNELS)
def test_another_kernel_gives_other_bits_and_that_is_noise(repository, monkeypatch, kernel):
    request = ReplayRequest(folder=repository / "mlp", asked=Asked(key=fixed_key().public))
    report = with_switches(monkeypatch, request, OPENBLAS_CORETYPE=kernel)
    levels, moved = outputs(report)
    assert (report.result, report.demanded, levels) == ("reproduced", "numeric", {"numeric"})
    assert 0 < moved < 1e-5
    assert f"`OPENBLAS_CORETYPE={kernel}`" in DOCUMENT.read_text() or platform.machine() != "x86_64"


@pytest.mark.parametrize("threads", [1, 8])
def test_another_number_of_threads(repository, monkeypatch, threads):
    request = ReplayRequest(folder=repository / "mlp", asked=Asked(key=fixed_key().public))
    report = with_switches(monkeypatch, request, threads=threads)
    assert (report.result, report.demanded) == ("reproduced", "numeric")


@pytest.mark.parametrize("code", [networks.ONNX, networks.CONVOLUTIONS], ids=["onnx", "torch"])
def test_older_instructions_in_other_frameworks(tmp_path, monkeypatch, code):
    networks.freeze_network(tmp_path / "net", code)
    request = ReplayRequest(folder=tmp_path / "net", asked=Asked(key=fixed_key().public))
    older = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
    report = with_switches(monkeypatch, request, threads=1, **older)
    levels, moved = outputs(report)
    assert (report.result, report.demanded) == ("reproduced", "numeric")
    assert levels == ({"bit"} if code == networks.ONNX else {"numeric"})
    assert moved < 1e-5
