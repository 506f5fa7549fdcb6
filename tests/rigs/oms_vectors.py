"""Makes ``tests/vectors/bundle/oms``: bundles as tools write them, or could, with two verdicts on each.

``python -m rigs.oms_vectors`` (in ``tests/``) writes the bundles and the table of sycee's verdicts. The reference's
verdicts are a table here, and ``tests/compat/test_oms_model_signing.py`` asks the reference itself for each.
"""

import base64
import copy
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import blake3

from rigs.authorities import LEAF, MIDDLE, NOW, ROOT, SERVER, Holder
from rigs.signed import fixed_key
from sycee.errors import SyceeError
from sycee.formats import bundle
from sycee.formats.bundle import Bundle
from sycee.trust.oms import verify as oms
from sycee.trust.oms.certificates import CertificateRule
from sycee.trust.oms.model import LeaveOut

VECTORS = Path(__file__).parents[1] / "vectors" / "bundle" / "oms"
EXPECT = VECTORS / "expect.json"
GIT = [".git", ".gitattributes", ".github", ".gitignore"]

FOLDER: dict[str, bytes] = {
    "empty": b"",
    "model.bin": b"weights",
    "sub-1/x": b"1",
    "sub.txt": b"2",
    "sub/c": b"3",
    "we:ird 日本": b"4",
}
LONE = {"model.bin": b"weights"}
OLD = Holder("Old Signing", 3001, ROOT, since=NOW.replace(year=2026, month=2), until=NOW.replace(year=2026, month=3))

Json = dict[str, Any]


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files and return their folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def statement(resources: list[Json], **serialization: Any) -> Json:
    """Return a payload over resources, with the root digest that they give."""
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": GIT, **serialization}
    payload = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "llm", "digest": {}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": how, "resources": resources},
    }
    return rooted(payload)


def rooted(payload: Json) -> Json:
    """Return the payload with its root digest made again."""
    raw = b"".join(bytes.fromhex(one["digest"]) for one in payload["predicate"]["resources"])
    payload["subject"][0]["digest"]["sha256"] = hashlib.sha256(raw).hexdigest()
    return payload


HASHES = {
    "sha256": lambda data: hashlib.sha256(data).hexdigest(),
    "blake2b": lambda data: hashlib.blake2b(data).hexdigest(),
    "blake3": lambda data: blake3.blake3(data).hexdigest(),
}


def files(contents: dict[str, bytes], algorithm: str = "sha256") -> list[Json]:
    """Return resources of the method ``files``."""
    digest = HASHES[algorithm]
    return [{"name": n, "algorithm": algorithm, "digest": digest(contents[n])} for n in sorted(contents)]


def shards(size: int, label: str, contents: dict[str, bytes] = FOLDER) -> list[Json]:
    """Return resources of the method ``shards``."""
    return [
        {
            "name": f"{name}:{start}:{min(start + size, len(data))}",
            "algorithm": label,
            "digest": hashlib.sha256(data[start : start + size]).hexdigest(),
        }
        for name, data in sorted(contents.items())
        for start in range(0, len(data), size)
    ]


def seal(payload: bytes | Json, encode: Any = bundle.pae) -> Json:
    """Return a bundle by the tests' key over a payload, as JSON values."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    key = fixed_key()
    return json.loads(bundle.render(Bundle(data, key.sign_envelope(encode(data)), key.public.fingerprint)))


def chained(payload: Json, *holders: Holder) -> Json:
    """Return a bundle by the first holder's certificate, which carries all of theirs."""
    data = json.dumps(payload).encode()
    signature = holders[0].signer.sign_envelope(bundle.pae(data))
    return json.loads(bundle.render(Bundle(data, signature, None, tuple(one.der for one in holders))))


def pae_of_release_0_2(payload: bytes) -> bytes:
    """Return what release 0.2 of the reference signed in the place of DSSE's encoding."""
    return f"DSSEV1 {len(bundle.PAYLOAD_TYPE)} {bundle.PAYLOAD_TYPE} {len(payload)} {payload!r}".encode()


def by_components() -> list[Json]:
    """Return the resources in the order of the reference: by the components of their paths."""
    return sorted(files(FOLDER), key=lambda one: one["name"].split("/"))


def _payloads() -> dict[str, Json | bytes]:
    good = statement(files(FOLDER))

    def changed(edit: Any) -> Json:
        copied = copy.deepcopy(good)
        edit(copied)
        return copied

    resource, subject = {"name": "x", "algorithm": "sha256", "digest": "0" * 64}, {"uri": "x"}
    older = {
        **good,
        "predicateType": "https://model_signing/Digests/v0.1",
        "subject": [{"name": one["name"], "digest": {"sha256": one["digest"]}} for one in files(FOLDER)],
    }
    text = json.dumps(good)
    lone = {"name": ".", "algorithm": "sha256", "digest": HASHES["sha256"](b"weights")}
    return {
        "good": good,
        "pretty-printed": json.dumps(good, indent=4).encode(),
        "order-by-code-point": good,
        "order-by-components": statement(by_components()),
        "order-reversed": statement(files(FOLDER)[::-1]),
        "extra-in-statement": changed(lambda p: p.update(later=1)),
        "extra-in-predicate": changed(lambda p: p["predicate"].update(later=1)),
        "extra-in-resource": changed(lambda p: p["predicate"]["resources"][0].update(size=0)),
        "extra-in-subject": changed(lambda p: p["subject"][0].update(subject)),
        "extra-in-serialization": statement(files(FOLDER), only=["model.bin"]),
        "extra-digest-of-subject": changed(lambda p: p["subject"][0]["digest"].update(gitTree="0" * 40)),
        "subject-without-a-name": changed(lambda p: p["subject"][0].update(name="")),
        "members-twice": text.replace('{"_type"', '{"_type": "", "_type"', 1).encode(),
        "no-ignore-paths": changed(lambda p: p["predicate"]["serialization"].pop("ignore_paths")),
        "ignores-a-file-that-is-not-here": statement(files(FOLDER), ignore_paths=[*GIT, "build"]),
        "ignores-a-file-that-is-here": statement(files({**FOLDER, "empty": b""})[1:], ignore_paths=[*GIT, "empty"]),
        "symlinks-allowed": statement(files(FOLDER), allow_symlinks=True),
        "two-subjects": changed(lambda p: p["subject"].append(p["subject"][0])),
        "root-digest-wrong": changed(lambda p: p["subject"][0]["digest"].update(sha256="0" * 64)),
        "type-of-statement": changed(lambda p: p.update(_type="https://in-toto.io/Statement/v0.1")),
        "predicate-1.1": changed(lambda p: p.update(predicateType="https://model_signing/signature/v1.1")),
        "predicate-0.1-signed-rightly": older,
        "hash-unknown": statement(files(FOLDER), hash_type="sha1"),
        "algorithm-upper-case": statement([{**one, "algorithm": "SHA256"} for one in files(FOLDER)]),
        "hash-blake2b": statement(files(FOLDER, "blake2b"), hash_type="blake2b"),
        "hash-blake3": statement(files(FOLDER, "blake3"), hash_type="blake3"),
        "shards-as-specified": statement(shards(5, "sha256"), method="shards", shard_size=5),
        "shards-as-the-reference-writes": statement(shards(5, "sha256-sharded-5"), method="shards", shard_size=5.0),
        "shards-with-a-gap": statement(
            [one for one in shards(5, "sha256") if one["name"] != "model.bin:0:5"], method="shards", shard_size=5
        ),
        "no-resources": statement([]),
        "path-parent": statement([*files(FOLDER), {**resource, "name": "../x"}]),
        "path-absolute": statement([*files(FOLDER), {**resource, "name": "/etc/hostname"}]),
        "path-trailing-slash": statement([*files(FOLDER)[1:], {**files(FOLDER)[0], "name": "empty/"}]),
        "resource-twice": statement([*files(FOLDER), files(FOLDER)[0]]),
        "lone-as-the-reference-writes": statement([lone]),
        "lone-as-specified": statement([{**lone, "name": "model.bin"}]),
        "lone-under-another-name": statement([{**lone, "name": "other.bin"}]),
        "lone-in-a-folder": statement([lone]),
    }


def _outer() -> dict[str, Json]:
    good = seal(statement(files(FOLDER)))

    def changed(edit: Any) -> Json:
        copied = copy.deepcopy(good)
        edit(copied)
        return copied

    def signatures(outer: Json) -> list[Json]:
        return outer["dsseEnvelope"]["signatures"]

    junk = {"sig": base64.b64encode(b"junk").decode(), "keyid": ""}
    telling = statement(files(FOLDER))  # its base64 has characters in which the two alphabets differ
    telling["subject"][0]["name"] = "?~?~?~?~"
    url_safe = seal(telling)
    url_safe["dsseEnvelope"]["payload"] = url_safe["dsseEnvelope"]["payload"].translate({43: "-", 47: "_"})
    raw = {"rawBytes": base64.b64encode(fixed_key().public.pem).decode(), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    material = "verificationMaterial"
    return {
        "no-hint": changed(lambda o: o[material]["publicKey"].pop("hint")),
        "wrong-hint": changed(lambda o: o[material]["publicKey"].update(hint="0" * 64)),
        "key-instead-of-hint": changed(lambda o: o[material].update(publicKey=raw)),
        "no-log-entries-member": changed(lambda o: o[material].pop("tlogEntries")),
        "no-keyid": changed(lambda o: signatures(o)[0].pop("keyid")),
        "keyid-null": changed(lambda o: signatures(o)[0].update(keyid=None)),
        "keyid-any": changed(lambda o: signatures(o)[0].update(keyid="whoever")),
        "media-type-of-0.1": changed(lambda o: o.update(mediaType=bundle.OLDER_MEDIA_TYPES[0])),
        "media-type-of-0.3-alternative": changed(lambda o: o.update(mediaType=bundle.OLDER_MEDIA_TYPES[2])),
        "media-type-unknown": changed(lambda o: o.update(mediaType="application/json")),
        "member-unknown": changed(lambda o: o.update(note="x")),
        "payload-type": changed(lambda o: o["dsseEnvelope"].update(payloadType="application/json")),
        "payload-url-safe": url_safe,
        "two-signatures": changed(lambda o: signatures(o).append(junk)),
        "two-signatures-the-second-good": changed(lambda o: signatures(o).insert(0, junk)),
        "signature-of-release-0.2": seal(statement(files(FOLDER)), pae_of_release_0_2),
    }


def _certified() -> dict[str, Json]:
    good = statement(files(FOLDER))
    return {
        "certificate": chained(good, LEAF, MIDDLE),
        "certificate-with-the-root": chained(good, LEAF, MIDDLE, ROOT),
        "certificate-without-the-authority-between": chained(good, LEAF),
        "certificate-past-its-time": chained(good, OLD),
        "certificate-for-servers": chained(good, Holder("Release Signing", 3002, MIDDLE, usages=[SERVER]), MIDDLE),
        "certificate-for-anything": chained(good, Holder("Release Signing", 3003, MIDDLE, usages=[]), MIDDLE),
        "certificate-of-somebody-else": chained(good, Holder("www.example.org", 3004, MIDDLE), MIDDLE),
        "certificate-of-nobody-known": chained(good, Holder("Release Signing", 3005)),
    }


def make() -> dict[str, bytes]:
    """Return the bytes of every case."""
    cases = {name: seal(payload) for name, payload in _payloads().items()} | _outer() | _certified()
    return {name: json.dumps(outer, separators=(",", ":")).encode() for name, outer in cases.items()}


def is_lone(case: str) -> bool:
    """Tell whether a case is about a lone file."""
    return case.startswith("lone-") and case != "lone-in-a-folder"


# What model_signing 1.1.1 accepts, by its Python interface, which guesses method and hash from the bundle.
_ACCEPTED = """
good pretty-printed order-by-code-point order-by-components order-reversed extra-in-statement
extra-in-predicate extra-in-resource extra-in-subject extra-in-serialization extra-digest-of-subject
subject-without-a-name members-twice no-ignore-paths ignores-a-file-that-is-not-here
ignores-a-file-that-is-here symlinks-allowed predicate-0.1-signed-rightly hash-blake3 resource-twice
lone-as-the-reference-writes path-trailing-slash no-hint key-instead-of-hint no-log-entries-member no-keyid
keyid-null keyid-any two-signatures signature-of-release-0.2 certificate certificate-with-the-root
certificate-past-its-time certificate-for-servers certificate-for-anything certificate-of-somebody-else
"""
REFERENCE_ACCEPTS = frozenset(_ACCEPTED.split())


def expected_signer(case: str) -> Any:
    """Return who must have signed a case."""
    if case.startswith("certificate"):
        return CertificateRule((ROOT.certificate,), "Release Signing", NOW)
    return fixed_key().public


def verdict(scratch: Path, case: str, data: bytes) -> Json:
    """Return what sycee makes of a case."""
    folder = write(scratch / "llm", LONE if is_lone(case) else FOLDER)
    model = folder / "model.bin" if is_lone(case) else folder
    (scratch / "m.sig").write_bytes(data)
    try:
        found = oms.verify(model, scratch / "m.sig", expected_signer(case), LeaveOut())
    except SyceeError as error:
        return {"exit_code": error.exit_code, "message": error.message.replace(f"{scratch}/", "")}
    return {"accepted": found.root}


def main() -> None:
    """Write bundles and table."""
    VECTORS.mkdir(parents=True, exist_ok=True)
    table = {}
    for case, data in sorted(make().items()):
        (VECTORS / f"{case}.sig").write_bytes(data)
        with tempfile.TemporaryDirectory() as scratch:
            reference = "accepts" if case in REFERENCE_ACCEPTS else "refuses"
            table[case] = {**verdict(Path(scratch), case, data), "reference": reference}
    EXPECT.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
