"""Whatever pointers, directory objects and ignore files we write is read back, and both YAML readers agree."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sycee.errors import FormatError
from sycee.formats import dirobject, ignorefile, pointer, yamldialect, yamlsubset
from sycee.formats.dirobject import Entry
from sycee.formats.paths import path_fault
from sycee.formats.pointer import Out

HEX = "0123456789abcdef"
md5s = st.text(HEX, min_size=32, max_size=32) | st.text("0123456789e", min_size=32, max_size=32)
strong = st.text(HEX, min_size=64, max_size=64) | st.text("0123456789e", min_size=64, max_size=64)
AWKWARD = st.sampled_from(
    ["yes", "null", "true", "1:30", "1e5", "0x1f", "~", "=", "<<", "- a", "a: b", "#x", "2024-01-01"]
)
paths = (st.text(max_size=120) | AWKWARD | st.text("ab /.-#:'\"", max_size=120)).filter(
    lambda path: not path_fault(path)
)
sizes = st.none() | st.integers(0, 2**63 - 1)
outs = st.builds(
    Out,
    path=paths,
    md5=md5s | md5s.map(lambda md5: md5 + ".dir"),
    size=sizes,
    nfiles=sizes,
    isexec=st.booleans(),
    hash=st.just("md5"),
    cache=st.booleans(),
    push=st.booleans(),
    remote=st.none() | st.sampled_from(["store", "cold-2"]),
    versioned=st.just(False),  # what a cloud keeps by versions has another form
    versions=st.just(()),
)
blocks = st.fixed_dictionaries({}, optional={"card": strong, "sig": strong})
# Text near the subset: what it is made of, and what it must notice.
LINES = st.lists(
    st.tuples(
        st.sampled_from(["", "  ", "    ", "- ", "  - ", " ", "- - "]),
        st.sampled_from(["a", "outs", "md5", "1", "1e5", "true", "null", "'a'", "0.5", "_x", "a b", "=", "<<"]),
        st.sampled_from([":", ": ", ":  ", " : "]),
        AWKWARD | st.text("ab1e0x_.-+ #:'\"[]{},&*!|>%@`\u3000é\u2028\x85\t", max_size=8) | st.text(max_size=6),
    ).map("".join),
    max_size=8,
)


@given(outs, blocks, strong, strong)
def test_pointer_round_trip(out, block, sha256, blake3):
    sycee = {out.md5: {"sha256": sha256, "blake3": blake3}, **block}
    raw = pointer.render(out, sycee)
    found = pointer.parse(raw, "x")
    assert found.outs == (out,)
    assert found.meta == {"sycee": sycee}
    assert pointer.strong_digests(found, out.md5) == pointer.StrongDigests(sha256, blake3)
    assert pointer.patch(raw, "x", out, sycee) is raw


@given(outs, outs, strong, strong)
def test_patching_is_rendering_anew(before, after, sha256, blake3):
    raw = pointer.render(before, {before.md5: {"sha256": blake3, "blake3": sha256}})
    sycee = {after.md5: {"sha256": sha256, "blake3": blake3}}
    target = Out(
        before.path, after.md5, after.size, after.nfiles, after.isexec, "md5", before.cache, before.push, before.remote
    )
    patched = pointer.parse(pointer.patch(raw, "x", target, sycee), "x")
    rendered = pointer.parse(pointer.render(target, sycee), "x")
    assert (patched.outs, patched.meta) == (rendered.outs, rendered.meta)


def _same_type_and_value(left, right):
    if isinstance(left, dict):
        return list(left) == list(right) and all(_same_type_and_value(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same_type_and_value, left, right))
    return type(left) is type(right) and left == right


@given(LINES)
@example(["a: 0b1"])
@example(["a: b\u2028c: d"])
@example(["a:", "- b: 1", "  c: 2", "- b: 3"])
@example(["a: x" * 300])
def test_subset_reader_agrees_with_ruamel(lines):
    text = "".join(line + "\n" for line in lines)
    found = yamlsubset.read(text)
    if found is not None:
        assert _same_type_and_value(found, yamldialect.load(text, "x"))


@given(st.text("0123456789abcdefxo_.-+:eETZ ", min_size=1, max_size=12) | paths)
def test_plain_scalars_agree_with_ruamel(text):
    found = yamlsubset.read(f"a: {text}\n")
    if found is not None:
        assert _same_type_and_value(found, yamldialect.load(f"a: {text}\n", "x"))


@given(st.binary(max_size=200) | st.text("outs:-\n md5pathx[]{}&*!%#'\"|>0", max_size=80).map(str.encode))
def test_parse_raises_nothing_but_format_errors(data):
    with contextlib.suppress(FormatError):
        pointer.parse(data, "x")
    with contextlib.suppress(FormatError):
        dirobject.parse(data)


@given(st.dictionaries(paths, md5s, max_size=8))
def test_directory_object_round_trip(files):
    entries = [Entry(path, md5) for path, md5 in files.items()]
    if any(path.startswith(f"{folder}/") for path in files for folder in files):
        with pytest.raises(FormatError, match="is both a file and the folder"):
            dirobject.render(entries)
        return
    data = dirobject.render(entries)
    assert dirobject.parse(data) == tuple(sorted(entries, key=lambda entry: entry.relpath))
    assert dirobject.render(reversed(entries)) == data
    assert dirobject.parse(json.dumps(json.loads(data), indent=1).encode()) == dirobject.parse(data)


names = paths.filter(lambda path: "/" not in path)


@given(st.binary(max_size=40), names, names)
def test_ignore_file_add_and_remove(data, first, second):
    with_first = ignorefile.add(data, first)
    assert with_first.startswith(data)
    assert ignorefile.add(with_first, first) is with_first
    both = ignorefile.add(with_first, second)
    without = ignorefile.remove(both, first) or b""
    assert ignorefile.remove(without, first) is without
    if second not in {first, first.replace("\\", "")} and ignorefile.entry(second) != "/" + first:
        assert ignorefile.add(without, second) is without
