"""Files that are read when the source is imported, long before a freeze looks."""

import importlib
import sys
import types
from pathlib import Path

import pytest

from sycee.capture.importing import read_at_import
from sycee.capture.source import Source, closure
from sycee.capture.steps import Steps
from sycee.core.extract import may_read_when_imported
from sycee.ops.auxfiles import aux_parts


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that reads at its top levels; it is the working folder and on the path."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "words").mkdir()
    (tmp_path / "words/__init__.py").write_text("")
    (tmp_path / "words/vocab.txt").write_text("a b")
    (tmp_path / "words/table.py").write_text(
        "from pathlib import Path\nVOCAB = (Path(__file__).parent / 'vocab.txt').read_text().split()\n"
    )
    (tmp_path / "labels.json").write_text("[1]")
    (tmp_path / "served.py").write_text("from words.table import VOCAB\ndef predict(x): return VOCAB\n")
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_files_that_modules_read_at_their_top_level(project):
    import served

    source = closure({"predict": served.predict})
    assert read_at_import(source) == [project / "words/vocab.txt"]
    assert read_at_import(source, leave=[project / "words"]) == []


def test_files_that_a_script_reads_at_its_top_level(project, monkeypatch):
    text = "import json\nLABELS = json.load(open('labels.json'))\ndef predict(x): return LABELS[x]\n"
    (project / "train.py").write_text(text)
    main = types.ModuleType("__main__")
    main.__file__ = str(project / "train.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    main.LABELS = [1]
    exec(compile("\n\ndef predict(x): return LABELS[x]\n", str(project / "train.py"), "exec"), vars(main))
    source = closure({"predict": main.predict})
    assert read_at_import(source) == [project / "labels.json"]
    parts = aux_parts([], [project / "labels.json"], source.files, Steps())
    assert [part.path for part in parts] == ["context/files/labels.json", "context/source/labels.json"]


def test_what_was_read_before_the_import_failed_is_told(project):
    (project / "broken.py").write_text("open('labels.json').close()\ndef predict(x): ...\n")
    import broken

    source = closure({"predict": broken.predict})
    (project / "broken.py").write_text("open('labels.json').close()\nraise SystemExit(3)\n")
    assert read_at_import(source) == [project / "labels.json"]


def test_source_that_reads_nothing_starts_no_process(monkeypatch):
    monkeypatch.setattr("sycee.capture.importing.subprocess", None)
    assert read_at_import(Source({"a.py": b"import os\nX = 1\ndef f(): open('x')\n"}, {"predict": "a:f"}, ())) == []


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ("X = open('x')", True),
        ("X = np.load('x')", True),
        ("X = load_vocab()", True),
        ("def own(): ...\nX = own()", True),
        ("class A:\n    words = read_words()", True),
        ("import logging\nLOG = logging.FileHandler\ndef f(): open('x')", False),
        ("if __name__ == '__main__': open('x')", False),
        ("def (", False),
    ],
)
def test_source_that_may_read_when_it_is_imported(source, may):
    assert may_read_when_imported(source.encode()) is may


def test_a_child_that_takes_too_long_is_given_up(project, monkeypatch):
    monkeypatch.setattr("sycee.capture.importing.SECONDS", 0.01)
    import served

    assert read_at_import(closure({"predict": served.predict})) == []
    assert Path("words/vocab.txt").exists()


def test_what_holds_a_secret_comes_along_only_by_name(project):
    (project / ".env").write_text("PASSWORD=hunter2")
    (project / "s.yaml").write_text("scale: 2\nkey: ghp_" + "a1" * 18)
    steps = Steps()
    seen = [project / ".env", project / "s.yaml"]
    assert aux_parts([], seen, {}, steps) == ()
    told = [
        "the auxiliary file .env has a name of files that hold secrets",
        "the auxiliary file s.yaml holds, in line 2, what looks like a token of a service",
    ]
    assert steps.warnings == [f"{what}: it is kept only if it is named, aux=…" for what in told]
    named = Steps()
    assert [part.path for part in aux_parts(seen[1:], seen, {}, named)] == ["context/files/s.yaml"]
    assert named.warnings == list(reversed(steps.warnings))
