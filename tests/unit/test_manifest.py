"""Manifests of versions and index entries: one text each, and everything else is refused with every fault."""

import json
import re
from pathlib import Path

import pytest

from sycee.digest import digest_bytes, sha256_hex
from sycee.errors import FormatError
from sycee.formats import manifest, sums
from sycee.formats.manifest import Entry, Manifest

SPEC = Path(__file__).parents[2] / "docs/spec/version-manifest.md"
FILES = {"model.pt": b"weights of a model", "model_card.yaml": b"task: ner\n"}
SUMS = sums.render({name: sha256_hex(data) for name, data in FILES.items()})
IDENTITY = sums.identity(SUMS)
WEIGHTS = digest_bytes(FILES["model.pt"])


def example() -> Manifest:
    return Manifest(
        IDENTITY,
        (
            Entry("SHA256SUMS", IDENTITY, len(SUMS)),
            Entry("model.pt", WEIGHTS.sha256, WEIGHTS.size, WEIGHTS.md5),
            Entry("model_card.yaml", sha256_hex(FILES["model_card.yaml"]), len(FILES["model_card.yaml"])),
        ),
        "bert",
        "1.2.0",
    )


def test_the_examples_of_the_specification():
    shown, index = re.findall(r"```(?:json|text)\n(.*?)```", SPEC.read_text(), re.DOTALL)
    assert manifest.render(example()).decode() == shown
    assert manifest.parse(shown.encode()) == example()
    assert manifest.render_index("bert@1.2.0", [IDENTITY]).decode() == index
    assert manifest.parse_index(index.encode(), "bert@1.2.0") == (IDENTITY,)


def changed(**members):
    value = json.loads(manifest.render(example()))
    value.update(members)
    return value


def file(**members):
    value = changed()
    value["files"][1].update(members)
    return value


def text(value):
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


WRONG = {
    "another format": (changed(format=2), "$.format"),
    "a boolean for a number": (changed(format=True), "$.format"),
    "no identity": (changed(identity="ab"), "$.identity"),
    "another identity": (changed(identity="0" * 64), "$.identity"),
    "an unknown member": (changed(more=1), "$.more"),
    "an empty name": (changed(name=""), "$.name"),
    "a name that ends the line": (changed(name="bert\n1"), "$.name"),
    "a name that is a number": (changed(name=7), "$.name"),
    "half a character": (changed(version="\ud800"), "$.version"),
    "an endless version": (changed(version="1" * 1001), "$.version"),
    "no files": (changed(files={}), "$.files"),
    "a file that is a text": (changed(files=["model.pt"]), "$.files[0]"),
    "a path that leaves": (file(path="../model.pt"), "$.files[1].path"),
    "an absolute path": (file(path="/etc/passwd"), "$.files[1].path"),
    "a path into .git": (file(path=".GIT/hooks/x"), "$.files[1].path"),
    "no path": (file(path=""), "$.files[1].path"),
    "a sha256 in capitals": (file(sha256="A" * 64), "$.files[1].sha256"),
    "a negative size": (file(size=-1), "$.files[1].size"),
    "a size that is a boolean": (file(size=True), "$.files[1].size"),
    "an absurd size": (file(size=1 << 60), "$.files[1].size"),
    "an md5 that is a path": (file(md5="../../../../etc/passwd"), "$.files[1].md5"),
    "an md5 that is null": (file(md5=None), "$"),
    "legacy that is false": (file(legacy=False), "$.files[1].legacy"),
    "one name twice": (file(path="MODEL_CARD.yaml"), "$.files"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name):
    value, place = WRONG[name]
    data = text(value) if "half" not in name else json.dumps(value).encode()
    with pytest.raises(FormatError) as caught:
        manifest.parse(data)
    assert place == "$" or place in {fault.path for fault in caught.value.faults}, caught.value.faults


def test_a_large_file_must_be_an_object():
    value = changed()
    value["files"][2]["size"] = manifest.MAX_BLOB + 1
    with pytest.raises(FormatError, match="67108864 at most"):
        manifest.parse(text(value))


def test_only_objects_are_legacy():
    value = changed()
    value["files"][2]["legacy"] = True
    with pytest.raises(FormatError, match="is for objects"):
        manifest.parse(text(value))
    value["files"][2].pop("legacy")
    value["files"][1]["legacy"] = True
    assert manifest.parse(text(value)).files[1].legacy


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        manifest.render(example())[:-1],
        manifest.render(example()) + b"\n",
        json.dumps(changed()).encode(),
        manifest.render(example()).replace(b'"format": 1,', b'"format": 1,\n  "format": 1,'),
        b"[" * 100_000,
    ],
    ids=["empty", "array", "no text", "no end", "two ends", "another form", "a member twice", "too deep"],
)
def test_every_byte_is_decided(data):
    with pytest.raises(FormatError):
        manifest.parse(data)


def test_it_is_read_up_to_its_limit(monkeypatch):
    monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    with pytest.raises(FormatError, match="longer than 100 bytes"):
        manifest.parse(manifest.render(example()))


def test_labels_leave_out_the_v_of_tags():
    assert manifest.label_of("bert", "v1.2") == "bert@1.2" == example()._replace(version="1.2").label
    assert manifest.label_of("bert", "vast") == "bert@vast"
    assert example()._replace(name=None).label is None


def test_an_index_keeps_the_newest():
    many = [f"{number:064x}" for number in range(40)]
    data = manifest.render_index("bert@1", [*many, many[0]])
    assert manifest.parse_index(data, "bert@1") == tuple(many[8:])
    assert manifest.parse_index(manifest.render_index("bert@1", many[:3]), "bert@1")[-1] == many[2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"bert@1\n" + b"0" * 64,
        b"other@1\n" + b"0" * 64 + b"\n",
        b"bert@1\n" + b"0" * 63 + b"\n",
        b"bert@1\n" + (b"0" * 64 + b"\n") * 2,
        b"bert@1\n" + (b"0" * 64 + b"\n") * 1000,
        b"bert@1\n\xff\n",
    ],
)
def test_an_index_that_is_no_index_is_refused(data):
    with pytest.raises(FormatError):
        manifest.parse_index(data, "bert@1")
