"""Differential tests of the configuration dialect against ConfigObj itself, which DVC uses."""

import io

import pytest
from configobj import ConfigObj, ConfigObjError
from hypothesis import given
from hypothesis import strategies as st

from sycee.errors import FormatError, UsageError
from sycee.formats import dvcconfig

SECTION = 'remote "store"'
KEY = (SECTION, "url")
texts = st.text(st.sampled_from("ab /:,#'\"=[]-é\t") | st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
lines = st.lists(st.sampled_from("ab ,#'\"=[]"), max_size=10).map("".join)


def by_configobj(data: bytes) -> dict[str, dict[str, object]]:
    return ConfigObj(io.StringIO(data.decode(), newline=None), interpolation=False).dict()


@given(texts)
def test_what_is_written_reads_back_here_and_in_configobj(value: str) -> None:
    try:
        data = dvcconfig.set_option(b"", "c", KEY, value)
    except UsageError:
        return
    assert dvcconfig.parse(data, "c") == {SECTION: {"url": value}}
    assert by_configobj(data) == {SECTION: {"url": value}}


@given(texts.filter(str.isascii))  # ConfigObj as DVC calls it writes nothing else, though it reads UTF-8
def test_what_is_written_is_what_configobj_writes(value: str) -> None:
    try:
        data = dvcconfig.set_option(b"", "c", KEY, value)
    except UsageError:
        return
    out = io.BytesIO()
    ConfigObj({SECTION: {"url": value}}).write(out)
    assert data == out.getvalue()


@given(lines)
def test_lines_read_as_in_configobj_or_are_refused(line: str) -> None:
    data = f"[core]\nremote = {line}\n".encode()
    try:
        found = dvcconfig.parse_lenient(data, "c")
    except FormatError:
        return
    try:
        expected = by_configobj(data)
    except ConfigObjError:
        pytest.fail(f"ConfigObj refuses {data!r}, and sycee reads {found}")
    assert {k: {o: list(v) if isinstance(v, tuple) else v for o, v in s.items()} for k, s in found.items()} == expected


@given(
    st.lists(st.sampled_from(["[core]", "[cache]", "remote = a", "type = copy # c", "# c", "", "dir = 'x"]), max_size=8)
)
def test_edits_leave_files_that_read_back(parts: list[str]) -> None:
    data = "\n".join(parts).encode()
    try:
        before = dvcconfig.parse_lenient(data, "c")
    except FormatError:
        return
    after = dvcconfig.parse_lenient(dvcconfig.set_option(data, "c", KEY, "s3://b"), "c")
    assert after == {**before, SECTION: {"url": "s3://b"}}
    gone = dvcconfig.remove_section(dvcconfig.set_option(data, "c", KEY, "s3://b"), "c", SECTION)
    assert dvcconfig.parse_lenient(gone, "c") == before
