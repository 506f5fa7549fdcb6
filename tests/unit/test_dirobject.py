"""Directory objects: the vectors, canonical bytes, addresses."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sycee.errors import FormatError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/dirobject"
EXPECT = json.loads((VECTORS / "expect.json").read_text())

FOO, BAR = Entry("foo", "acbd18db4cc2f85cedef654fccc4a4d8"), Entry("bar", "37b51d194a7513e45b56f6524f2d51f2")


def test_every_vector_is_in_the_table():
    assert {path.stem for path in VECTORS.glob("*.dir")} == EXPECT.keys()


@pytest.mark.parametrize("case", EXPECT)
def test_vector(case):
    data, expect = (VECTORS / f"{case}.dir").read_bytes(), EXPECT[case]
    if "relpaths" in expect:
        entries = dirobject.parse(data)
        assert [entry.relpath for entry in entries] == expect["relpaths"]
        assert dirobject.object_id(dirobject.render(entries)) == expect["canonical"]
        return
    with pytest.raises(FormatError) as caught:
        dirobject.parse(data)
    assert caught.value.message.startswith(expect.get("message", "the directory object is not"))
    assert [str(fault) for fault in caught.value.faults] == expect.get("faults", [])


def test_page_example_is_what_the_code_writes():
    blocks = re.findall(r"```json\n(.*?)\n```", (ROOT / "docs/spec/directory-object.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    assert dirobject.render([FOO, BAR]).decode() == blocks[0]
    assert dirobject.object_id(blocks[0].encode()) == "5ea40360f5b4ec688df672a4db9c17d1.dir"


@pytest.mark.parametrize(
    ("files", "address"),
    [
        ({}, "d751713988987e9331980363e24189ce.dir"),
        ({"foo": b"foo", "bar": b"bar"}, "5ea40360f5b4ec688df672a4db9c17d1.dir"),
        (
            {"foo": b"foo", "bar": b"bar", "subdir/file": b"file", "foobar": b"foobar"},
            "de78e9fff7c3478c6b316bf08437d0f6.dir",
        ),
        ({"foo": b"foo", "subdir/lorem": b"lorem"}, "22a16c9bf84b3068bc2206d88a6b5776.dir"),
        ({"one": b"one", "two": b"two"}, "6b18131dc289fd37006705affe961ef8.dir"),
    ],
)
def test_addresses_known_from_dvc(files, address):
    from sycee.digest import md5_hex

    data = dirobject.render(Entry(path, md5_hex(content)) for path, content in files.items())
    assert dirobject.object_id(data) == address
    assert {entry.relpath for entry in dirobject.parse(data)} == files.keys()


def test_bytes_are_ascii_with_short_escapes_and_surrogate_pairs():
    data = dirobject.render([Entry('é"😀/x', FOO.md5)])
    assert data == b'[{"md5": "acbd18db4cc2f85cedef654fccc4a4d8", "relpath": "\\u00e9\\"\\ud83d\\ude00/x"}]'


@pytest.mark.parametrize("relpath", ["../x", "a\udcff", "a\nb", "/x", ".git"])
def test_render_refuses_what_parse_refuses(relpath):
    with pytest.raises(FormatError, match=r"\$\[1\]\.relpath: unsafe path"):
        dirobject.render([FOO, Entry(relpath, FOO.md5)])


def test_render_refuses_collisions():
    with pytest.raises(FormatError, match="'foo' is both a file and the folder of 'foo/x'"):
        dirobject.render([Entry("foo/x", FOO.md5), FOO])
    with pytest.raises(FormatError, match="'foo' is listed twice"):
        dirobject.render([FOO, FOO])


def test_faults_are_bounded():
    with pytest.raises(FormatError) as caught:
        dirobject.parse(json.dumps([{}] * 10_000).encode())
    assert len(caught.value.faults) == dirobject.MAX_FAULTS


def test_too_large(monkeypatch):
    monkeypatch.setattr(dirobject, "MAX_BYTES", 1)
    with pytest.raises(FormatError, match="larger than 1 bytes"):
        dirobject.parse(b"[]")


@pytest.mark.parametrize("relpath", [".dvc/config", "a/.DVC/config.local", "/".join("a" * 256)])
def test_a_folder_brings_no_settings_and_no_endless_path(relpath):
    data = json.dumps([{"md5": "0" * 32, "relpath": relpath}]).encode()
    with pytest.raises(FormatError):
        dirobject.parse(data)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"md5": st.sampled_from(["a" * 32, "0123456789abcdef" * 2, "A" * 32, "", 5, None])},
            optional={
                "relpath": st.text('ab/.\\é\n"', max_size=5) | st.sampled_from(["a/b", "a", ".dvc/x", ".git", 7, []]),
                "size": st.just(1),
            },
        )
        | st.sampled_from([5, "a", None, []]),
        max_size=4,
    ).map(json.dumps)
    | st.sampled_from(["[", "{}", "null", "[" * 5000, "[NaN]", "5", '""']),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    st.booleans(),
)
def test_bytes_as_they_are_written_are_read_as_any_others(text, encoding, twice):
    data = (text.replace('"md5": "', '"md5": "x", "md5": "', 1) if twice else text).encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dirobject, "rendered", lambda _data: None)
        slow = outcome(data)
    assert outcome(data) == slow


def outcome(data):
    try:
        return dirobject.parse.__wrapped__(data)
    except FormatError as error:
        return error.message, error.faults


def test_what_is_written_is_read_without_being_taken_apart(monkeypatch):
    monkeypatch.setattr(dirobject, "_judged", None)
    entries = (Entry("a b/é", "a" * 32), Entry("a/b", "b" * 32))
    assert dirobject.parse(dirobject.render(entries)) == entries


def test_the_addresses_of_a_list_are_found_quickly():
    names = ["a", '"md5": "' + "c" * 32 + '"', "s/'md5': x", "é " + "d" * 32]
    entries = [Entry(name, f"{place:x}" * 32) for place, name in enumerate(names)]
    assert dirobject.addresses(dirobject.render(entries)) == {entry.md5.encode() for entry in entries}
    assert dirobject.addresses(dirobject.render([])) == set()
