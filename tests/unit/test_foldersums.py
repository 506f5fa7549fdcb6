"""Folder sums: one text for one set of files, and nothing else is read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sycee.digest import digest_bytes, sha256_hex
from sycee.errors import FormatError
from sycee.formats import foldersums
from sycee.formats.foldersums import FileSums, parse, render
from sycee.formats.paths import path_fault

SPEC = Path(__file__).parents[2] / "docs/spec/folder-sums.md"


def of(relpath: str, data: bytes) -> FileSums:
    digests = digest_bytes(data)
    return FileSums(relpath, digests.size, digests.md5, digests.sha256, digests.blake3)


GOOD = render([of("foo", b"foo"), of("bar", b"bar")])


def test_the_example_of_the_specification():
    page = SPEC.read_text()
    assert re.search(r"```text\n(.*?)```", page, re.DOTALL)[1].encode() == GOOD
    assert f"sums: {sha256_hex(GOOD)}" in page


@given(st.dictionaries(st.text(min_size=1, max_size=30).filter(lambda p: path_fault(p) is None), st.binary(max_size=9)))
def test_what_is_rendered_is_read_back(files):
    sums = [of(path, data) for path, data in files.items()]
    assert list(parse(render(sums)).values()) == sorted(sums, key=lambda one: one.relpath)


LINES = GOOD.decode().splitlines(keepends=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sycee-folder-sums 1",
        GOOD.decode().replace("sums 1", "sums 2"),
        GOOD.decode().rstrip("\n"),
        GOOD.decode() + "\n",
        LINES[0] + LINES[2] + LINES[1],
        LINES[0] + LINES[1] + LINES[1],
        GOOD.decode().replace(" 3 ", " 03 "),
        GOOD.decode().replace(" 3 ", " -3 "),
        GOOD.decode().replace(" 3 bar", "  3 bar"),
        GOOD.decode().replace(" 3 bar", " 3 ../bar"),
        GOOD.decode().replace(" 3 bar", " 3 "),
        GOOD.decode().upper(),
        GOOD.decode().replace("\n", "\r\n"),
    ],
)
def test_what_is_not_canonical_is_refused(text):
    if text == GOOD.decode():
        pytest.fail("the case is not a defect")
    with pytest.raises(FormatError):
        parse(text.encode())


def test_bytes_that_are_not_text_are_refused():
    with pytest.raises(FormatError, match="UTF-8"):
        parse(GOOD + b"\xff\n")


@given(
    st.sampled_from(["a" * 64, "A" * 64, "a" * 63, ""]),
    st.sampled_from(["0", "7", "07", "1" * 20, "1" * 21, "-1", "\u0663", ""]),
    st.sampled_from(["a/b", "a b", " ", "", ".git", "../x", "e\u0301"]),
    st.sampled_from([" ", "  "]),
)
def test_plain_lines_are_judged_as_any_others(digest, size, relpath, gap):
    line = f"{digest} {'b' * 64}{gap}{digest[:32]} {size} {relpath}"
    quick = foldersums._line(line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foldersums, "is_plain", lambda _path: False)
        assert foldersums._line(line) == quick


def test_the_sizes_of_files_are_found_quickly():
    line = f"{'a' * 64} {'b' * 64} {'c' * 32} 7 x"
    files = [of(f"{line}/{name}", name.encode()) for name in ("0", "one", "é two", line)]
    assert foldersums.sizes(render(files)) == {f"{one.md5} {one.size}".encode() for one in files}
    assert foldersums.sizes(render([])) == foldersums.sizes(b"") == set()
