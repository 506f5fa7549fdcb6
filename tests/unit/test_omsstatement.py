"""The reader for statements of other tools: what it lets pass, and what it refuses."""

import copy
import hashlib
import json

import pytest

from sycee.errors import FormatError
from sycee.formats import omsstatement
from sycee.formats.omsstatement import Piece

A, B = "a" * 64, "b" * 64


def sealed(predicate, top=()):
    """Return a payload with the root digest that its resources give."""
    raw = b"".join(bytes.fromhex(one["digest"]) for one in predicate["resources"])
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": hashlib.sha256(raw).hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": predicate,
    }
    return json.dumps({**statement, **dict(top)}).encode()


def files(*resources, **serialization):
    described = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, **serialization}
    return {"serialization": described, "resources": [dict(one) for one in resources]}


def one(name, digest=A, algorithm="sha256"):
    return {"name": name, "algorithm": algorithm, "digest": digest}


def shards(*resources, size=5, **serialization):
    return files(*resources, method="shards", shard_size=size, **serialization)


def read(predicate):
    return omsstatement.parse(sealed(predicate), "model.sig")


def refused(predicate):
    with pytest.raises(FormatError) as caught:
        read(predicate)
    return "\n".join(map(str, caught.value.faults))


def test_what_is_rendered_is_read_sorted_by_code_point():
    payload = omsstatement.render("m", {"sub/c": A, "sub.txt": B, "sub-1/x": A}, (".git", "m.sig"))
    found = omsstatement.parse(payload, "m.sig")
    assert [piece.path for piece in found.pieces] == ["sub-1/x", "sub.txt", "sub/c"]
    assert (found.subject, found.algorithm, found.shard_size) == ("m", "sha256", None)
    assert found.ignore_paths == (".git", "m.sig")
    assert found.root == json.loads(payload)["subject"][0]["digest"]["sha256"]
    assert found.names == {"sub-1/x", "sub.txt", "sub/c"}


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["resources"].reverse(),
        lambda p: p["resources"][0].update(size=3),
        lambda p: p.update(later=1),
        lambda p: p["serialization"].update(ignore_paths=[]),
        lambda p: p["serialization"].pop("allow_symlinks"),
        lambda p: p["serialization"].update(allow_symlinks=True),
    ],
)
def test_what_passes(change):
    predicate = files(one("a"), one("b", B))
    change(predicate)
    assert read(predicate).names == {"a", "b"}


@pytest.mark.parametrize(("algorithm", "length"), [("sha256", 64), ("blake2b", 128), ("blake3", 64)])
def test_hashes(algorithm, length):
    found = read(files(one("a", "c" * length, algorithm), hash_type=algorithm))
    assert found.algorithm == algorithm
    assert found.pieces == (Piece("a", 0, None, "c" * length),)


@pytest.mark.parametrize(
    "name", [".", "model.bin", "we:ird", "日本 語", "line\nfeed", "back\\slash", ".github/x", "a:0:1"]
)
def test_names_that_stand_in_bundles_of_others(name):
    assert read(files(one(name))).names == {name}


@pytest.mark.parametrize("algorithm", ["sha256", "sha256-sharded-5"])
@pytest.mark.parametrize("size", [5, 5.0])
def test_shards(algorithm, size):
    found = read(shards(one("we:ird:5:7", B, algorithm), one("we:ird:0:5", A, algorithm), size=size))
    assert found.shard_size == 5
    assert found.pieces == (Piece("we:ird", 5, 7, B), Piece("we:ird", 0, 5, A))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("../x", "has the component '..'"),
        ("a/../x", "has the component '..'"),
        ("a/./x", "has the component '.'"),
        ("a//x", "has the component ''"),
        ("a/", "has the component ''"),
        ("a\0b", "contains NUL"),
        ("\udcff", "is not valid Unicode"),
        ("a" * 5000, "is longer than 4096 bytes"),
    ],
)
def test_names_that_lead_elsewhere(name, fault):
    assert fault in refused(files(one(name)))


@pytest.mark.parametrize(
    ("predicate", "fault"),
    [
        (files(), "must list between 1 and 1000000 files, not 0"),
        (files(one("a"), one("a")), "'a' is listed twice"),
        (files(one("."), one("a")), "'.' stands for a lone file, and there are others"),
        (files(one("a", algorithm="SHA256")), "must be sha256"),
        (files(one("a", algorithm="sha256-sharded-5")), "must be sha256"),
        (files(one("a", "AB" * 32)), "is not a sha256"),
        (files(one("a", "ab")), "is not a sha256"),
        (files(one("a"), hash_type="sha1"), "must be one of sha256, blake2b, blake3"),
        (files(one("a"), method="tree"), "must be one of files, shards"),
        (files(one("a"), shard_size=5), "has no meaning for the method files"),
        (files(one("a"), only=["a"]), "is not a member this format knows"),
        (files(one("a"), allow_symlinks="false"), "must be true or false"),
        (files(one("a"), ignore_paths="x"), "must be an array"),
        (shards(one("a")), "'a' is not PATH:START:END"),
        (shards(one("a:5")), "'a:5' is not PATH:START:END"),
        (shards(one("a:0:05")), "is not PATH:START:END"),
        (shards(one("a:0:\u0665")), "is not PATH:START:END"),
        (shards(one("a:5:5")), "is not PATH:START:END"),
        (shards(one("a:0:5"), one("a:0:5")), "the shards of 'a' are not those of 5 bytes each"),
        (shards(one("a:0:4"), one("a:4:5")), "the shards of 'a' are not those of 5 bytes each"),
        (shards(one("a:5:9")), "the shards of 'a' are not those of 5 bytes each"),
        (shards(one("a:0:6")), "the shards of 'a' are not those of 5 bytes each"),
        (shards(one("../a:0:5")), "has the component '..'"),
        (shards(one("a:0:5"), size=5.5), "must be a whole number of bytes from 1"),
        (shards(one("a:0:5"), size=True), "must be a whole number of bytes from 1"),
        (shards(one("a:0:5"), size=0), "must be a whole number of bytes from 1"),
        (shards(one("a:0:5"), size=None), "must be a whole number of bytes from 1"),
    ],
)
def test_what_is_refused(predicate, fault):
    copied = copy.deepcopy(predicate)
    assert fault in refused(copied)


@pytest.mark.parametrize(
    "top",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://model_signing/signature/v1.1"},
        {"predicateType": "https://model_signing/Digests/v0.1"},
        {"subject": []},
        {"subject": [{"name": "m", "digest": {"sha256": A}}]},
        {"subject": [{"name": 1, "digest": {"sha256": A}}]},
        {"subject": [{"name": "m", "digest": {"sha256": A}}] * 2},
        {"predicate": []},
        {"predicate": {"serialization": [], "resources": {}}},
    ],
)
def test_statements_of_another_kind(top):
    with pytest.raises(FormatError):
        omsstatement.parse(sealed(files(one("a")), top), "model.sig")


def test_what_an_ignored_path_covers():
    ignored = {".git", "docs", "m.sig"}
    assert [omsstatement.left_out(path, ignored) for path in (".git", ".git/x", "docs/a", "m.sig")] == [True] * 4
    assert [omsstatement.left_out(path, ignored) for path in (".gitx", "sub/.git", "m.sig2")] == [False] * 3
