"""Frozen source is compiled from verified bytes, and its modules are nobody else's."""

import contextlib
import importlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rigs.signed import CARD, fixed_key, open_folder, sign_folder, write_model
from sycee.errors import CannotRun, NotFound, UsageError
from sycee.trust.loading.source import FrozenSource

SOURCE = {
    "train.py": b"""\
from __future__ import annotations
import dataclasses
import pathlib
import helpers
import tools.text as text
from tools import SIZE, deep
from tools.deep.more import MORE

@dataclasses.dataclass
class Sample:
    words: list[str]

LABELS = (pathlib.Path(__file__).parent / "labels.txt").read_text().split()

def preprocess(value: str):
    import late
    return Sample([*text.split(value), helpers.mark(), *LABELS, str(SIZE + MORE), deep.__name__[-4:], late.WORD])

class Post:
    @staticmethod
    def decide(value):
        return value.upper()
""",
    "helpers.py": b"import builtins\ndef mark():\n    return 'frozen'\n",
    "late.py": b"WORD = 'late'\n",
    "tools/__init__.py": b"from . import text\nfrom .sizes import SIZE\n",
    "tools/text.py": b"from .. import helpers\ndef split(value):\n    return value.split() + [helpers.mark()]\n",
    "tools/sizes.py": b"SIZE = 7\n",
    "tools/deep/more.py": b"import tools\nMORE = tools.SIZE\n",
    "broken.py": b"import nothing_like_this\ndef f(): pass\n",
    "labels.txt": b"cat dog\n",
}
ENTRIES = {
    "preprocess": "train:preprocess",
    "postprocess": "train:Post.decide",
    "predict": "broken:f",
    "load": "os:getcwd",
}
WORDS = ["a", "b", "frozen", "frozen", "cat", "dog", "14", "deep", "late"]


@pytest.fixture
def folder(tmp_path):
    card = CARD + f"inference:\n  entry: {json.dumps(ENTRIES)}\n".encode()
    files = {f"context/source/{name}": data for name, data in SOURCE.items()}
    folder = write_model(tmp_path / "bert", {"model.pt": b"weights", "model_card.yaml": card, **files})
    sign_folder(folder)
    return folder


def opened(folder):
    return open_folder(folder, fixed_key().public)


def ours():
    return {name for name in sys.modules if name.startswith("_sycee_source_")}


def test_a_function_of_the_frozen_source(folder):
    path, known, finders = [*sys.path], set(sys.modules), [*sys.meta_path]
    with opened(folder) as model:
        preprocess = model.preprocess()
        for file in (folder / "context/source").rglob("*.py"):
            file.write_text("raise SystemExit('read again')")
        assert preprocess("a b").words == WORDS
        assert model.function("postprocess")("x") == "X"
        assert model.preprocess() is preprocess
        assert sys.path == path
        assert set(sys.modules) - known == ours()
    assert not ours()
    assert sys.meta_path == finders
    assert preprocess.__globals__["helpers"].mark() == "frozen"


def test_a_module_of_the_server_with_the_same_name_is_another_one(folder, tmp_path, monkeypatch):
    (tmp_path / "helpers.py").write_text("def mark(): return 'the server'")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    server = importlib.import_module("helpers")
    with opened(folder) as model, opened(folder) as other:
        assert model.preprocess()("a b").words == WORDS == other.preprocess()("a b").words
        assert server.mark() == "the server"
        assert sys.modules["helpers"] is server
        assert model.preprocess() is not other.preprocess()
    del sys.modules["helpers"]


def test_bytecode_beside_the_source_is_not_read_or_written(folder):
    with opened(folder) as model:
        copy = model.preprocess().__globals__["__file__"]
        assert not list(folder.rglob("__pycache__"))
        assert copy.endswith("context/source/train.py")
        assert not copy.startswith(str(folder))
        assert not [path for path in model._copies[0].path.rglob("*") if "pycache" in path.name]


def test_what_cannot_be_imported(folder):
    with opened(folder) as model:
        with pytest.raises(CannotRun, match=r"broken:f cannot be imported: ModuleNotFoundError"):
            model.function("predict")
        with pytest.raises(NotFound, match="os:getcwd is of an installed package"):
            model.function("load")
        with pytest.raises(NotFound, match="was frozen without train"):
            model.function("train")
    with pytest.raises(UsageError, match="was closed"):
        model.preprocess()


def test_an_entry_that_is_not_there(tmp_path):
    source = FrozenSource({"m.py": b"x = 1\n", "bad.py": b"def (:\n"}, tmp_path)
    for entry, why in (("m:nothing", "AttributeError"), ("bad:f", "SyntaxError")):
        with pytest.raises(CannotRun, match=why):
            source.function(entry)
    assert source.get_source(f"{source._package}.m") == "x = 1\n"
    source.close()
    source.close()


def test_a_model_without_functions(tmp_path):
    folder = write_model(tmp_path / "plain", {"model.pt": b"weights"})
    sign_folder(folder)
    with opened(folder) as model, pytest.raises(NotFound, match=r"was frozen without preprocess") as raised:
        model.preprocess()
    assert raised.value.hint == "its functions: none"


def test_a_planted_folder_of_the_private_name_is_not_imported(folder, tmp_path, monkeypatch):
    with opened(folder) as model:
        model.preprocess()
        package, number = model._source._package.rsplit("_", 1)
    for one in range(int(number), int(number) + 5):
        planted = tmp_path / "cwd" / f"{package}_{one}"
        planted.mkdir(parents=True)
        (planted / "__init__.py").touch()
        (planted / "train.py").write_text("def preprocess(value): return 'planted'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "cwd"))
    with opened(folder) as model:
        assert model.preprocess()("a").words[0] == "a"


def test_threads_that_ask_at_once_leave_nothing_behind(folder, monkeypatch):
    before, made = list(sys.meta_path), threading.Barrier(2, timeout=5)
    with opened(folder) as model:
        copied = model._copied

        def slowly(*arguments):
            with contextlib.suppress(threading.BrokenBarrierError):
                made.wait(0.2)
            return copied(*arguments)

        monkeypatch.setattr(model, "_copied", slowly)
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(lambda _: model.preprocess(), range(2))
        assert one is other
    assert sys.meta_path == before
