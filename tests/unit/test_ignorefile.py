"""Ignore files: escaping as DVC does it, and bytes that are not ours left alone."""

import pytest

from sycee.errors import FormatError
from sycee.formats import ignorefile


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("model.pt", "/model.pt"),
        ("a b", "/a b"),
        ("#x", r"/\#x"),
        ("!x", r"/\!x"),
        ("[a]", r"/\[a\]"),
        ("a*?", r"/a\*\?"),
        ("a\\b", r"/a\\b"),
        ("-x", "/-x"),
        ("模型", "/模型"),
        ("x ", "/x\\ "),
        ("x  ", "/x \\ "),
    ],
)
def test_entry(name, line):
    assert ignorefile.entry(name) == line
    data = ignorefile.add(b"", name)
    assert data == line.encode() + b"\n"
    assert ignorefile.add(data, name) is data
    assert ignorefile.remove(data, name) is None


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "a\r", "a\x00", "a\x7f", "a\udcff"])
@pytest.mark.parametrize("function", [ignorefile.add, ignorefile.remove])
def test_names_that_no_line_can_say(name, function):
    with pytest.raises(FormatError) as caught:
        function(b"/x\n", name)
    assert caught.value.hint == "rename the file"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"/m\n"),
        (b"/a\n", b"/a\n/m\n"),
        (b"/a", b"/a\n/m\n"),
        (b"/a\r\n", b"/a\r\n/m\r\n"),
        (b"/a\r\n/b", b"/a\r\n/b\r\n/m\r\n"),
        (b"/a\r\n/b\n", b"/a\r\n/b\n/m\n"),
        (b"\xff\xfe\n", b"\xff\xfe\n/m\n"),
        (b"# /m\n/mm\nm\n/m/\n", b"# /m\n/mm\nm\n/m/\n/m\n"),
    ],
)
def test_add_then_remove(before, after):
    assert ignorefile.add(before, "m") == after
    terminated = before if before.endswith(b"\n") or not before else before + after[len(before) :][: -len(b"/m\n")]
    assert ignorefile.remove(after, "m") == (after[: after.rindex(b"/m")] or None)
    assert after.startswith(terminated[: len(before)])


@pytest.mark.parametrize("present", [b"/m\n", b"/m", b"/m\r\n", b"/m  \n", b"x\n/m\ny\n"])
def test_add_is_idempotent(present):
    assert ignorefile.add(present, "m") is present


def test_add_sees_no_entry_in_the_form_for_another_name():
    assert ignorefile.add(b"/[a]\n", "[a]") == b"/[a]\n/\\[a\\]\n"
    assert ignorefile.add(b"/x\n", "x ") == b"/x\n/x\\ \n"


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        (b"/\\[a\\]\n/[a]\n/b\n", "[a]", b"/b\n"),
        (b"/a#b\n/c\n", "a#b", b"/c\n"),
        (b"/c\n/m", "m", b"/c\n"),
        (b"/m\r\n/c\r\n/m\r\n", "m", b"/c\r\n"),
        (b"\n/m\n", "m", b"\n"),
        (b"/m\n", "m", None),
        (b"/x\\ \n/x\n", "x ", b"/x\n"),
        (b"/x\\ \n/x \n", "x", b"/x\\ \n"),
        (b"/\\#x\n", "\\#x", b"/\\#x\n"),
    ],
)
def test_remove(before, name, after):
    assert ignorefile.remove(before, name) == after


@pytest.mark.parametrize("data", [b"", b"/mm\n# /m\n!/m\nm\n"])
def test_remove_without_an_entry_returns_the_same_object(data):
    assert ignorefile.remove(data, "m") is data
