"""The judge of relative paths: a corpus of hostile ones, and ordinary ones that must pass."""

import pytest

from sycee.errors import FormatError
from sycee.formats.paths import check_path, colliding, path_fault, portability_fault

PARENT, EMPTY, DOT = "has the component '..'", "has the component ''", "has the component '.'"
CONTROL, BACKSLASH, ABSOLUTE, DRIVE = (
    "contains a control character",
    "contains a backslash",
    "is absolute",
    "begins with a Windows drive",
)
GIT = "which some file system takes for .git"

HOSTILE = {
    "": "is empty",
    "..": PARENT,
    "../x": PARENT,
    "../../etc/passwd": PARENT,
    "a/..": PARENT,
    "a/../b": PARENT,
    "a/../../b": PARENT,
    "a/b/../../../c": PARENT,
    ".": DOT,
    "./x": DOT,
    "a/./b": DOT,
    "a/.": DOT,
    "a//b": EMPTY,
    "a/": EMPTY,
    "a//": EMPTY,
    "/": ABSOLUTE,
    "//": ABSOLUTE,
    "/etc/passwd": ABSOLUTE,
    "//server/share": ABSOLUTE,
    "/../x": ABSOLUTE,
    "\\": BACKSLASH,
    "..\\x": BACKSLASH,
    "a\\..\\b": BACKSLASH,
    "\\\\server\\share": BACKSLASH,
    "\\\\?\\C:\\x": BACKSLASH,
    "C:": DRIVE,
    "C:/x": DRIVE,
    "c:x": DRIVE,
    "C:\\x": BACKSLASH,
    "z:../x": DRIVE,
    "a\x00b": CONTROL,
    "a\x00/../b": CONTROL,
    "a\nb": CONTROL,
    "a\rb": CONTROL,
    "a\tb": CONTROL,
    "a\x1b[31mb": CONTROL,
    "a\x7f": CONTROL,
    "\x01": CONTROL,
    ".git": GIT,
    ".git/config": GIT,
    ".git/hooks/post-checkout": GIT,
    "a/.git/config": GIT,
    ".GIT/config": GIT,
    ".Git": GIT,
    ".gIt/x": GIT,
    ".git./x": GIT,
    ".git ": GIT,
    ".git . /x": GIT,
    ".git...": GIT,
    ".git::$INDEX_ALLOCATION/config": GIT,
    ".git:stream": GIT,
    "git~1": GIT,
    "GIT~1/config": GIT,
    "Git~2": GIT,
    "git~10/x": GIT,
    ".g\u200cit/config": GIT,
    ".\u200dgit": GIT,
    "\ufeff.git": GIT,
    ".gi\u202et": GIT,
    ".git\u206a": GIT,
    ".\u200bgit\u200c": None,
    "\uff0egit": GIT,
    ".\uff47it": GIT,
    ".\uff27\uff29\uff34": GIT,
    ".g\u0131t": None,
    "a\ud800": "is not valid Unicode",
    "\udcff/x": "is not valid Unicode",
    "x" * 256: "has a component longer than 255 bytes",
    "é" * 128: "has a component longer than 255 bytes",
    "a/" + "x" * 256 + "/b": "has a component longer than 255 bytes",
    "x/" * 2048 + "y": "is longer than 4096 bytes",
}
REFUSED = {path: fault for path, fault in HOSTILE.items() if fault}


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
