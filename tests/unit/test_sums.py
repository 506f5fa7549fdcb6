"""SHA256SUMS: one text for one set of files."""

import re
from pathlib import Path

import pytest

from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import sums

ROOT = Path(__file__).parents[2]
A, B = "a" * 64, "b" * 64


def test_example_of_the_specification():
    block = re.search(r"```text\n(.*?)```", (ROOT / "docs/spec/sums.md").read_text(), re.DOTALL)[1].encode()
    digests = sums.parse(block)
    assert sums.render(digests) == block
    assert digests["model.pt"] == sha256_hex(b"weights of a model")
    assert sums.identity(block) in (ROOT / "docs/spec/sums.md").read_text()


def test_sorted_by_code_point_and_not_by_folder():
    text = sums.render(dict.fromkeys(["sub/c", "sub-1/x", "sub.txt", "é", "Z", "a b"], A))
    assert [line.split("  ", 1)[1] for line in text.decode().splitlines()] == [
        "Z",
        "a b",
        "sub-1/x",
        "sub.txt",
        "sub/c",
        "é",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must end with a line feed"),
        (f"{A}  a", "must end with a line feed"),
        ("\n", "line 1: is not 64"),
        (f"{A} a\n", "line 1: is not 64"),
        (f"{A} *a\n", "line 1: is not 64"),
        (f"{A.upper()}  a\n", "line 1: is not 64"),
        (f"{A[:-1]}  a\n", "line 1: is not 64"),
        (f"\\{A}  a\\nb\n", "line 1: is not 64"),
        (f"{A}  a\r\n", "unsafe path: contains a control character"),
        (f"{A}  a\n\n", "line 2: is not 64"),
        (f"{A}  a\n{B}  a\n", "line 2: lists 'a' again"),
        (f"{A}  b\n{B}  a\n", "not sorted"),
        (f"{A}  A\n{B}  a\n", "same name"),
        (f"{A}  ../a\n", "unsafe path"),
        (f"{A}  /a\n", "unsafe path"),
        (f"# made by\n{A}  a\n", "line 1: is not 64"),
    ],
)
def test_refused(text, fault):
    with pytest.raises(FormatError) as caught:
        sums.parse(text.encode())
    assert fault in caught.value.message


def test_refused_bytes():
    with pytest.raises(FormatError, match="not UTF-8"):
        sums.parse(A.encode() + b"  \xff\n")
    with pytest.raises(FormatError, match="lists no file"):
        sums.render({})
    with pytest.raises(FormatError, match="unsafe path"):
        sums.render({"../x": A})
