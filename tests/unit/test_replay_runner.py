"""The process of a replay: what it gets, what it gives back, what it is kept from."""

import ast
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sycee.capture import machine
from sycee.errors import CannotRun
from sycee.replay import worker
from sycee.replay.child.samples import encode, parse
from sycee.replay.runner import Fault, How, Item, Job, environment, run

WORKER = Path(worker.__file__)
NETWORK = {"none", "blocked"}


@pytest.fixture
def play(tmp_path):
    """Return a function that runs the source of a module in a process, over some samples."""

    def play(code, *samples, roles="predict", how=None, files=(), machine=None):
        source, model = tmp_path / "source", tmp_path / "model"
        for folder in (source, model):
            folder.mkdir(exist_ok=True)
        (source / "user_code.py").write_text(code)
        for name, data in files:
            (model / name).write_bytes(data)
        entry = {role: f"user_code:{role}" for role in roles.split()}
        items = [Item(f"s{number}", encode(sample)) for number, sample in enumerate(samples)]
        return run(Job(Path(sys.executable), source, model, entry, items, how or How(timeout=60), machine))

    return play


def text_of(observed):
    """Return the text that the only sample gave."""
    assert observed.fault is None, observed.fault
    [sample] = observed.samples
    [leaf] = sample["stages"]["output"]
    return leaf["value"]


WHOLE = """
import json, numpy
def load(folder):
    return json.loads((folder / "config.json").read_text())["bias"]
def preprocess(text):
    return numpy.frombuffer(text.encode(), "uint8").astype("float32")
def predict(bias, x):
    return {"scores": x + bias, "sum": float(x.sum())}
def postprocess(y):
    return "long" if y["sum"] > 200 else "short"
"""


def test_a_process_that_is_asked_describes_itself(play):
    observed = play("import numpy\ndef predict(x):\n    return x\n", "a", machine=Path(machine.__file__))
    assert observed.packages["numpy"] == np.__version__
    assert "numpy" in observed.loaded
    assert observed.fingerprint["package"]["numpy"] == np.__version__


def test_every_stage_comes_back(play):
    observed = play(
        WHOLE, "ab", "cde", roles="load preprocess predict postprocess", files=[("config.json", b'{"bias": 2}')]
    )
    assert observed.fault is None
    first, second = observed.samples
    assert (first["id"], second["id"]) == ("s0", "s1")
    assert first["stages"]["decision"] == [{"path": "$", "kind": "text", "value": "short"}]
    assert second["stages"]["decision"] == [{"path": "$", "kind": "text", "value": "long"}]
    scores, total = first["stages"]["output"]
    assert (scores["path"], scores["dtype"], scores["shape"]) == ("$.scores", "float32", [2])
    assert (total["path"], float.fromhex(total["value"])) == ("$.sum", 195.0)
    tensors = parse(observed.tensors)[0]
    assert list(tensors) == [f"s{at}/{stage}" for at in (0, 1) for stage in ("output/$.scores", "preprocessed/$")]
    assert np.frombuffer(tensors["s0/output/$.scores"].data, "float32").tolist() == [99.0, 100.0]
    assert observed.network in NETWORK
    assert (observed.packages, observed.loaded, observed.fingerprint) == ({}, None, None)


WITH_MODEL = """
def load(folder):
    return {"vocabulary": {"a": 7}, "labels": ["no", "yes"]}
def preprocess(model, text):
    return [model["vocabulary"][char] for char in text]
def predict(model, ids):
    return sum(ids) % len(model["labels"])
def postprocess(model, at, upper=False):
    return model["labels"][at].upper() if upper else model["labels"][at]
"""


def test_functions_of_two_arguments_get_the_model_first(play):
    observed = play(WITH_MODEL, "a", roles="load preprocess predict postprocess")
    assert observed.fault is None
    stages = observed.samples[0]["stages"]
    assert stages["preprocessed"][0]["value"] == 7
    assert stages["decision"] == [{"path": "$", "kind": "text", "value": "yes"}]


SURROUNDINGS = """
import os, sys, json
def predict(_):
    found = {"path": sys.path, "environ": dict(os.environ), "cwd": os.listdir()}
    return json.dumps({**found, "bytecode": sys.dont_write_bytecode})
"""


def test_surroundings_are_its_own(play, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mine"))
    monkeypatch.setenv("HF_TOKEN", "a secret")
    found = json.loads(text_of(play(SURROUNDINGS, "x", how=How(threads=3, recorded={"LANG": "de_DE.UTF-8"}))))
    assert found["path"][0] == str(tmp_path / "source")
    assert not [path for path in found["path"][1:] if not path.startswith((sys.prefix, sys.base_prefix))]
    environ = found["environ"]
    assert "a secret" not in environ.values()
    assert "PYTHONPATH" not in environ
    assert (environ["OMP_NUM_THREADS"], environ["LANG"], environ["TZ"]) == ("3", "de_DE.UTF-8", "UTC")
    assert environ["HOME"] != os.environ["HOME"]
    assert (found["cwd"], found["bytecode"]) == ([], True)
    assert not list(tmp_path.rglob("__pycache__"))


def test_only_what_changes_how_is_computed_is_taken_from_a_record(tmp_path):
    recorded = {"LD_PRELOAD": "x.so", "PATH": "/evil", "PYTHONPATH": "/evil", "OMP_PLACES": "/evil", "MKL_CBWR": "AVX2"}
    found = environment(How(recorded=recorded, environ={"LD_LIBRARY_PATH": "/cuda", "SECRET": "x"}), tmp_path)
    assert found["MKL_CBWR"] == "AVX2"
    assert found["LD_LIBRARY_PATH"] == "/cuda"
    assert not {"LD_PRELOAD", "PYTHONPATH", "OMP_PLACES", "SECRET"} & found.keys()
    assert "/evil" not in found["PATH"]


@pytest.mark.parametrize(
    "reach",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socket().bind(('127.0.0.1', 0))",
        "urllib.request.urlopen('http://127.0.0.1:9/')",
    ],
)
def test_there_is_no_network(play, reach):
    observed = play(f"import socket, urllib.request\ndef predict(_):\n    {reach}\n", "x")
    assert observed.fault is not None
    assert "a replay has no network (socket." in observed.fault.message


def test_an_error_of_user_code_is_told_with_its_place(play):
    observed = play("def help(x):\n    return 1 / x\ndef predict(x):\n    return help(x)\n", 1, 0)
    assert observed.fault == Fault("predict", "s1", "ZeroDivisionError", "division by zero", "user_code.py:2")
    assert str(observed.fault) == "predict of sample s1 (user_code.py:2): ZeroDivisionError: division by zero"
    assert "Traceback" not in observed.log


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import torchvisionary\n", "import (user_code.py:1): ModuleNotFoundError: No module named 'torchvisionary'"),
        ("def other(x): ...\n", "import (user_code:predict): AttributeError: module 'user_code' has no attribute"),
        ("import sys\nsys.exit(3)\n", "import (user_code.py:2): SystemExit: 3"),
        ("def predict(x):\n    return {1, 2}\n", "predict of sample s0: $ is a builtins.set, which cannot be recorded"),
    ],
)
def test_what_cannot_be_imported_or_recorded_is_told(play, code, fault):
    assert str(play(code, "x").fault).startswith(fault)


def test_what_is_printed_is_kept_up_to_a_limit(play):
    body = ["print('first', flush=True)", "os.write(1, b'.' * (1 << 20))", "print('last', flush=True)", "return x"]
    observed = play("import os\ndef predict(x):\n    " + "\n    ".join(body), "x")
    assert text_of(observed) == "x"
    assert len(observed.log) <= 128 << 10
    assert observed.log.rstrip().endswith("last")


def test_a_process_that_dies_is_no_difference(play):
    with pytest.raises(CannotRun, match=r"^the process of the replay ended by SIGABRT; its last words: out of luck\n"):
        play("import os\ndef predict(_):\n    print('out of luck', flush=True)\n    os.abort()\n", "x")
    with pytest.raises(CannotRun, match="with exit code 7"):
        play("import os\ndef predict(_):\n    os._exit(7)\n", "x")


def test_a_process_that_takes_too_long_ends_with_its_children(play, tmp_path):
    code = f"""
import subprocess, sys, time
def predict(_):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
    time.sleep(60)
"""
    with pytest.raises(CannotRun, match=r"did not come to an end within 1.5 seconds"):
        play(code, "x", how=How(timeout=1.5))
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the child of the process still runs")


def test_nothing_goes_on_when_who_replays_is_killed(tmp_path):
    (tmp_path / "m.py").write_text(
        f"import os, time\ndef predict(x):\n    open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}.')\n"
        "    time.sleep(60)\n"
    )
    parent = f"""
import sys, tempfile
from pathlib import Path
from sycee.replay.child.samples import encode
from sycee.replay.runner import How, Item, Job, run
tempfile.tempdir = {str(tmp_path)!r}
place = Path({str(tmp_path)!r})
run(Job(Path(sys.executable), place, place, {{"predict": "m:predict"}}, [Item("0", encode("x"))], How()))
"""
    pid = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        for _ in range(1500):
            if pid.is_file() and pid.read_text().endswith("."):
                break
            time.sleep(0.02)
        process.kill()
    stat = Path(f"/proc/{pid.read_text().strip('.')}/stat")
    for _ in range(100):
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("the process of the replay still runs")


def test_a_daemon_ends_with_the_replay(play, tmp_path):
    code = f"""
import subprocess, sys
def predict(x):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
    return x
"""
    assert text_of(play(code, "x")) == "x"
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    for _ in range(100):
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("the daemon still runs")


@pytest.mark.parametrize(
    "wrote",
    [
        'open("../out/observed.json", "w").write("{}")',
        'open("../out/observed.json", "w").write("[1")',
        'open("../out/observed.json", "w").write("[" * 100000); open("../out/tensors.safetensors", "w").write("x")',
        'open("../out/observed.json", "w").write("[]"); open("../out/tensors.safetensors", "w").write("x")',
        'os.symlink("/etc/passwd", "../out/observed.json"); open("../out/tensors.safetensors", "w").write("x")',
    ],
)
def test_code_that_writes_its_own_results_is_no_result(play, wrote):
    with pytest.raises(CannotRun):
        play(f"import os\ndef predict(x):\n    {wrote}; os._exit(0)\n", "x")


def test_a_child_that_goes_on_keeps_nobody_waiting(play):
    code = "import subprocess\ndef predict(x):\n    subprocess.Popen(['sleep', '60'])\n    return x\n"
    begun = time.monotonic()
    assert text_of(play(code, "x")) == "x"
    assert time.monotonic() - begun < 30


def test_there_must_be_a_python(tmp_path):
    job = Job(tmp_path / "python9", tmp_path, tmp_path, {"predict": "m:f"}, [], How())
    with pytest.raises(CannotRun, match="python9 could not be started: No such file or directory"):
        run(job)


def test_seeds_are_set_before_each_sample(play):
    code = "import random, numpy\ndef predict(_):\n    return f'{random.random()} {numpy.random.rand()}'\n"
    observed = play(code, "a", "b", how=How(seeds={"python": 0, "numpy": 0}))
    values = [sample["stages"]["output"][0]["value"] for sample in observed.samples]
    assert values[0] == values[1] == f"{__import__('random').Random(0).random()} {np.random.RandomState(0).rand()}"


def test_copies_are_taken_apart_again(play):
    code = "import numpy\npreprocess = lambda x: numpy.ones((2, 3))\npredict = lambda x: x.sum(1) + len(x)\n"
    once = play(code, "a", roles="preprocess predict")
    thrice = play(code, "a", roles="preprocess predict", how=How(copies=3))
    shapes = [one.samples[0]["stages"]["output"][0]["shape"] for one in (once, thrice)]
    assert shapes == [[2], [2]]
    assert once.tensors != thrice.tensors
    assert play("def predict(x):\n    return x\n", "a", how=How(copies=2)).unbatched


def test_a_frozen_training_script_may_import_sycee(play):
    assert re.fullmatch(
        r"\d+\.\d+\.\d+", text_of(play("import sycee\ndef predict(_):\n    return sycee.__version__\n", "x"))
    )


@pytest.mark.parametrize("file", [WORKER, *sorted((WORKER.parent / "child").glob("*.py"))], ids=lambda file: file.stem)
def test_what_runs_in_other_pythons_is_of_the_standard_library_of_3_9(file):
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [one.name for node in imported if isinstance(node, ast.Import) for one in node.names]
    names += [node.module for node in imported if isinstance(node, ast.ImportFrom) and not node.level]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert "from __future__ import annotations" in file.read_text() or not imported


def test_only_packages_of_an_environment_leave_bytecode(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True, timeout=60)
    [site] = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "packaged").mkdir()
    (site / "packaged/__init__.py").write_text("from packaged.inner import VALUE\n")
    (site / "packaged/inner.py").write_text("VALUE = 'from a package'\n")
    source = tmp_path / "source"
    source.mkdir()
    (source / "beside.py").write_text("")
    (source / "user_code.py").write_text(
        "import beside, json, packaged, sys\n"
        "def predict(x):\n    assert sys.dont_write_bytecode\n    return packaged.VALUE\n"
    )
    python = tmp_path / "env/bin/python"
    job = Job(python, source, source, {"predict": "user_code:predict"}, [Item("0", encode("x"))], How(timeout=60))
    assert text_of(run(job)) == "from a package"
    assert not list(tmp_path.rglob("*.pyc"))
    child = WORKER.parent / "child"
    before = set(child.rglob("*.pyc"))
    for _ in range(2):  # written, then read
        assert text_of(run(job._replace(bytecode=True))) == "from a package"
    kept = list(tmp_path.rglob("*.pyc"))
    assert {path.name.partition(".")[0] for path in kept} == {"__init__", "inner"}
    assert all(path.is_relative_to(site) for path in kept)
    assert set(child.rglob("*.pyc")) == before
