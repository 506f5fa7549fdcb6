"""Pointers: the vectors, rendering, patching, and the digests kept in ``meta``."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sycee.errors import FormatError
from sycee.formats import pointer, yamldialect, yamlsubset
from sycee.formats.pointer import Out, StrongDigests
from sycee.formats.versions import FileVersion

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/pointer"
EXPECT = json.loads((VECTORS / "expect.json").read_text())

A = "69d919adfcb3595bd1e0d1fbff4b4f0b"
B = "acbd18db4cc2f85cedef654fccc4a4d8"
DIGITS = "1" * 32
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BLAKE = "4878ca0425c739fa427f7eda20fe845f6b2e46ba5fe2a14df5b1e32f50603215"
STRONG = {"sha256": SHA, "blake3": BLAKE}
PLAIN = f"outs:\n- md5: {A}\n  size: 3\n  hash: md5\n  path: model.pt\n".encode()
OUT = Out("model.pt", md5=A, size=3)


def test_every_vector_is_in_the_table():
    assert {path.stem for path in VECTORS.glob("*.pointer")} == EXPECT.keys()


@pytest.mark.parametrize("case", EXPECT)
def test_vector(case):
    data, expect = (VECTORS / f"{case}.pointer").read_bytes(), EXPECT[case]
    if "outs" in expect:
        _accepted(data, expect)
        return
    with pytest.raises(FormatError) as caught:
        pointer.parse(data, "model.pt.dvc")
    assert [str(fault) for fault in caught.value.faults] == expect.get("faults", [])
    if "message" in expect:
        assert caught.value.message == f"model.pt.dvc {expect['message']}"
    else:
        assert caught.value.message.startswith(f"model.pt.dvc is not a valid pointer: {expect['faults'][0]}")


def _accepted(data, expect):
    found = pointer.parse(data, "model.pt.dvc")
    assert found.outs == tuple(_out(**out) for out in expect["outs"])
    assert found.wdir == expect.get("wdir", ".")
    assert found.imported == expect.get("imported", False)
    assert found.raw is data
    if "strong" in expect:
        strong = pointer.strong_digests(found, found.outs[0].md5)
        assert strong == (expect["strong"] and StrongDigests(**expect["strong"]))


def _out(*, versions=(), **fields):
    return Out(**fields, versions=tuple(FileVersion(*one) for one in versions))


@pytest.mark.parametrize("case", [case for case, expect in EXPECT.items() if "outs" in expect])
def test_subset_reader_agrees_with_ruamel_on_vectors(case):
    text = (VECTORS / f"{case}.pointer").read_bytes().decode()
    assert yamlsubset.read(text) in (None, yamldialect.load(text, case))


def test_common_pointers_are_read_without_ruamel():
    raw = pointer.render(Out("数据/模型 v2.pt", md5=A, size=3, isexec=True), {A: STRONG, "card": SHA, "sig": BLAKE})
    code = "import sys; from sycee.formats import pointer; pointer.parse(sys.stdin.buffer.read(), 'x'); "
    code += "print([m for m in sys.modules if m.startswith('ruamel')])"
    found = subprocess.run([sys.executable, "-c", code], input=raw, capture_output=True, check=True)
    assert found.stdout == b"[]\n"


def test_too_large():
    with pytest.raises(FormatError, match=r"^x is larger than 1048576 bytes, too large for a pointer$"):
        pointer.parse(PLAIN + b"#" * (1 << 20), "x")


def test_page_example_is_what_the_code_writes():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/spec/pointer.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    assert pointer.render(OUT, {A: STRONG, "card": SHA, "sig": BLAKE}).decode() == blocks[0]
    folder = Out("data", md5="5ea40360f5b4ec688df672a4db9c17d1.dir", size=6, nfiles=2)
    assert pointer.render(folder, None).decode() == blocks[1]


def test_render_file():
    assert pointer.render(OUT, None) == PLAIN
    assert pointer.render(OUT, {}) == PLAIN


def test_render_all_keys():
    out = Out("run.sh", md5=A, size=3, isexec=True, cache=False, remote="cold", push=False)
    assert pointer.render(out, None).decode() == (
        f"outs:\n- md5: {A}\n  size: 3\n  isexec: true\n  hash: md5\n  path: run.sh\n"
        "  cache: false\n  remote: cold\n  push: false\n"
    )


@pytest.mark.parametrize("md5", [DIGITS, "0" * 32, "1e" + "1" * 30, "1" * 31 + "e", "0b" + "1" * 30])
def test_digests_that_yaml_takes_for_numbers_survive(md5):
    strong = {"sha256": md5 * 2, "blake3": "9" * 64}
    raw = pointer.render(Out("m", md5=md5, size=3), {md5: strong, "card": "7" * 64})
    found = pointer.parse(raw, "m.dvc")
    assert found.outs[0].md5 == md5
    assert pointer.strong_digests(found, md5) == StrongDigests(**strong)
    assert found.meta["sycee"]["card"] == "7" * 64


def test_all_digits_are_quoted():
    assert pointer.render(Out("m", md5=DIGITS), None).startswith(f"outs:\n- md5: '{DIGITS}'\n".encode())


@pytest.mark.parametrize("path", ["../x", "/x", "", "a\nb", ".git/x", "a\udcff"])
def test_render_refuses_what_parse_refuses(path):
    with pytest.raises(FormatError, match=r"\$\.outs\[0\]\.path: unsafe path"):
        pointer.render(Out(path, md5=A), None)


def test_patch_without_a_change_returns_the_same_object():
    raw = b"# mine\n" + PLAIN + f"meta:\n  sycee:\n    {A}: {{sha256: {SHA}, blake3: {BLAKE}}}\n".encode()
    assert pointer.patch(raw, "x", OUT, {A: STRONG}) is raw
    assert pointer.patch(raw, "x", OUT, None) is raw
    odd = PLAIN.replace(b"size: 3", b"size:   3") + b"  isexec: false\n"
    assert pointer.patch(odd, "x", OUT, None) is odd


def test_patch_keeps_comments_order_and_foreign_keys():
    raw = f"""# top
outs:
- path: model.pt # where
  md5: {A} # what
  size: 3
  hash: md5
  desc: "the best"   # why
  labels: [a,   b]
  meta:
    owner: me
frozen: true
meta:
  mine: [1, 2]
  # ours
  sycee:
    {A}:
      sha256: {SHA}
      blake3: {BLAKE}
    card: {SHA}
"""
    new = pointer.patch(raw.encode(), "x", Out("model.pt", md5=B, size=4), {B: STRONG}).decode()
    assert (
        new
        == f"""# top
outs:
- path: model.pt # where
  md5: {B} # what
  size: 4
  hash: md5
  desc: the best     # why
  labels: [a, b]
  meta:
    owner: me
frozen: true
meta:
  mine: [1, 2]
  # ours
  sycee:
    card: {SHA}
    {B}:
      sha256: {SHA}
      blake3: {BLAKE}
"""
    )


def test_patch_upgrades_a_legacy_pointer_at_the_end():
    raw = f"outs:\n- md5: {A}\n  path: model.pt\n".encode()
    new = pointer.patch(raw, "x", Out("model.pt", md5=B, size=4), None)
    assert new == f"outs:\n- md5: {B}\n  path: model.pt\n  size: 4\n  hash: md5\n".encode()


def test_patch_folder_into_executable_file():
    raw = f"outs:\n- md5: {A}.dir\n  size: 6\n  nfiles: 2\n  hash: md5\n  path: model.pt\n".encode()
    new = pointer.patch(raw, "x", Out("model.pt", md5=B, size=4, isexec=True), None)
    assert new == f"outs:\n- md5: {B}\n  size: 4\n  hash: md5\n  path: model.pt\n  isexec: true\n".encode()


def test_patch_one_of_several_outs_keeps_the_digests_of_the_others():
    raw = f"outs:\n- md5: {A}\n  path: a\n- md5: {B}\n  path: b\nmeta:\n  sycee:\n    {A}: {{}}\n    {B}: {{}}\n"
    new = pointer.parse(pointer.patch(raw.encode(), "x", Out("b", md5=DIGITS, hash=None), None), "x")
    assert [out.md5 for out in new.outs] == [A, DIGITS]
    assert new.meta == {"sycee": {A: {}}}


def test_patch_drops_versions_of_the_old_content_only_when_it_changes():
    raw = PLAIN.replace(b"  hash", b"  cloud:\n    s3:\n      version_id: v1\n  hash")
    assert pointer.patch(raw, "x", OUT, None) is raw
    assert pointer.patch(raw, "x", Out("model.pt", md5=B, size=3), None) == PLAIN.replace(A.encode(), B.encode())


def test_patch_takes_no_evidence_for_content_that_the_pointer_does_not_track():
    assert pointer.patch(PLAIN, "x", OUT, {B: STRONG}) is PLAIN


def test_empty_pointer_says_what_to_do():
    with pytest.raises(FormatError) as caught:
        pointer.parse(b"", "x")
    assert caught.value.hint == "restore it from Git; an interrupted write can leave it so"


def test_patch_adds_meta_once_and_removes_it_when_nothing_is_left():
    with_meta = pointer.patch(PLAIN, "x", OUT, {"card": SHA})
    assert with_meta == PLAIN + f"meta:\n  sycee:\n    card: {SHA}\n".encode()
    assert pointer.patch(with_meta, "x", OUT, {"card": None}) == PLAIN
    mine = with_meta + b"  mine: 1\n"
    assert pointer.patch(mine, "x", OUT, {"card": None}) == PLAIN + b"meta:\n  mine: 1\n"


def test_patch_leaves_a_meta_that_is_not_a_map():
    raw = PLAIN + b"meta: a note\n"
    assert pointer.patch(raw, "x", OUT, {A: STRONG}) is raw
    new = pointer.patch(raw, "x", Out("model.pt", md5=B, size=3), {B: STRONG})
    assert new == raw.replace(A.encode(), B.encode())


def test_patch_refuses_an_unknown_path_and_a_broken_pointer():
    with pytest.raises(FormatError, match=r"^x has no out with the path 'other'$"):
        pointer.patch(PLAIN, "x", Out("other", md5=A), None)
    with pytest.raises(FormatError, match=r"\$\.foo: is not a key"):
        pointer.patch(PLAIN + b"foo: 1\n", "x", OUT, None)
    with pytest.raises(FormatError, match=r"\$\.outs\[0\]\.md5"):
        pointer.patch(PLAIN, "x", Out("model.pt", md5="nonsense"), None)


def test_strong_digests_need_the_same_md5():
    found = pointer.parse(pointer.render(OUT, {A: STRONG}), "x")
    assert pointer.strong_digests(found, A) == StrongDigests(SHA, BLAKE)
    assert pointer.strong_digests(found, B) is None


def test_a_folder_names_its_sums_object():
    found = pointer.parse(pointer.render(Out("d", md5=f"{A}.dir"), {f"{A}.dir": {"sums": SHA}}), "x")
    assert pointer.sums_object(found, f"{A}.dir") == SHA
    assert pointer.sums_object(found, f"{B}.dir") is None
    assert pointer.strong_digests(found, f"{A}.dir") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("0", 0),
        ("true", True),
        ("True", None),
        ("null", None),
        ("~", None),
        ("007", None),
        ("1e5", None),
        ("0x1f", None),
        ("0b11", None),
        ("1_000", None),
        ("2024-01-01", None),
        ("2001-12-14t21:59:43.10-05:00", None),
        ("1:30", None),
        ("a: b", None),
        ("a #b", None),
        ("'a'", None),
        ("a ", None),
        ("", None),
        ("12.dir", "12.dir"),
        ("v1.0", "v1.0"),
        ("-x", None),
        ("模型", "模型"),
        ("a\u2028b", None),
        ("a\ufeff", None),
        ("a\x85", None),
    ],
)
def test_plain_scalars_are_taken_only_when_certain(text, value):
    found = yamlsubset.plain(text)
    assert (found, type(found)) == (value, type(value))
