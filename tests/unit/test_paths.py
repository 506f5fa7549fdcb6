"""The judge of relative paths: a corpus of hostile ones, and ordinary ones that must pass."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rigs.escapes import REFUSED
from sycee.errors import FormatError
from sycee.formats import paths as module
from sycee.formats.paths import check_path, colliding, path_fault, portability_fault


def test_the_corpus_is_large():
    assert len(REFUSED) >= 60


@pytest.mark.parametrize(("path", "fault"), REFUSED.items(), ids=ascii)
def test_hostile(path, fault):
    found = path_fault(path)
    assert found is not None
    assert fault in found
    with pytest.raises(FormatError) as caught:
        check_path(path, "$.outs[0].path")
    assert [f.path for f in caught.value.faults] == ["$.outs[0].path"]
    assert caught.value.details["path"] == path


@pytest.mark.parametrize(
    "path",
    [
        "model.pt",
        "a/b/c",
        "..x",
        "x..",
        "...",
        "a/...b",
        ".gitignore",
        ".gitattributes",
        ".github/workflows",
        "git",
        "x.git",
        "git~",
        "git~x",
        "~",
        "~root/x",
        "-rf",
        "a b",
        " a",
        "a ",
        "a.",
        "aux.txt",
        "模型/权重.pt",
        "😀",
        "e\u0301",
        "ab:c",
        "1:30",
        "$HOME",
        "%2e%2e/x",
        "x" * 255,
        ".\u200bgit",
        ".g\u0131t",
    ],
    ids=ascii,
)
def test_ordinary(path):
    assert path_fault(path) is None
    assert check_path(path) is path


@pytest.mark.parametrize("path", ["aux", "AUX.txt", "a/con", "nul", "com1.bin", "lpt9", "COM¹", "a./b", "a /b", "x."])
def test_not_portable(path):
    assert path_fault(path) is None
    assert portability_fault(path) is not None


@pytest.mark.parametrize("path", ["auxiliary", "a/console", "com10", "x.aux", "model.pt", ".hidden"])
def test_portable(path):
    assert portability_fault(path) is None


@pytest.mark.parametrize(
    ("paths", "pair"),
    [
        ([], None),
        (["a", "b"], None),
        (["A", "a"], ("A", "a")),
        (["x/É", "y", "x/e\u0301"], ("x/É", "x/e\u0301")),
        (["straße", "STRASSE"], ("straße", "STRASSE")),
        (["a", "a"], ("a", "a")),
    ],
)
def test_colliding(paths, pair):
    assert colliding(paths) == pair


@given(
    st.lists(st.text(st.sampled_from("aZ09_-.~:/\\ \u200cg") | st.sampled_from("it"), max_size=8), max_size=5).map(
        "/".join
    )
)
@example("a" * 255)
@example("a" * 256)
@example("a/" * 127 + "a")
@example("a/" * 300 + "a")
@example("git~1")
@example("x/.git")
@example("a\n")
def test_a_plain_name_is_judged_as_any_other(path):
    quick = path_fault(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PLAIN", re.compile("(?!)"))
        assert path_fault(path) == quick
