"""Makes ``tests/vectors/bundle``: each case is a ``model.sig`` for the folder of :mod:`rigs.signed`.

``python -m rigs.bundle_vectors`` (in ``tests/``) writes them; signatures are deterministic, so nothing changes when
nothing changed. The table ``expect.json`` is written beside them, and is read by a person before it is committed.
"""

import base64
import copy
import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rigs.signed import payload_of, seal_payload, sign_folder, verify_folder, write_model
from sycee.errors import SyceeError
from sycee.formats import bundle, strictjson

VECTORS = Path(__file__).parents[1] / "vectors" / "bundle"

Payload = dict[str, Any]


def make() -> dict[str, bytes]:
    """Return the bytes of every case."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_model(Path(scratch) / "bert")
        sign_folder(folder)
        good, payload = (folder / "model.sig").read_bytes(), payload_of(folder)
    cases = {"good": good}
    for name, change in PAYLOADS.items():
        cases[name] = seal_payload(_changed(payload, change))
    raw = bundle.parse(good).payload
    cases["payload-member-twice"] = seal_payload(raw.replace(b'{"_type"', b'{"_type":"","_type"', 1))
    cases["payload-not-json"] = seal_payload(b"model.pt")
    cases["payload-nan"] = seal_payload(raw.replace(b'"size":18', b'"size":NaN', 1))
    cases["payload-nested-deep"] = seal_payload(b"[" * 100_000)
    for name, edit in OUTER.items():
        outer = json.loads(good)
        edit(outer)
        cases[name] = strictjson.render(outer)
    cases["outer-member-twice"] = good.replace(b'{"mediaType"', b'{"mediaType":"","mediaType"', 1)
    return cases


def _changed(payload: Payload, change: Callable[[Payload], object]) -> Payload:
    changed = copy.deepcopy(payload)
    change(changed)
    if change not in KEEP_ROOT:
        digests = b"".join(_raw(item) for item in changed["predicate"]["resources"])
        changed["subject"][0]["digest"] = {"sha256": hashlib.sha256(digests).hexdigest()}
    return changed


def _raw(item: Payload) -> bytes:
    try:
        return bytes.fromhex(item["digest"])
    except (KeyError, ValueError, TypeError):
        return b""


def _resources(payload: Payload) -> list[Payload]:
    return payload["predicate"]["resources"]


def _rename(name: str) -> Callable[[Payload], object]:
    return lambda p: _resources(p)[2].update(name=name)


def _root_of_nothing(payload: Payload) -> None:
    payload["subject"][0]["digest"]["sha256"] = hashlib.sha256().hexdigest()


PAYLOADS: dict[str, Callable[[Payload], object]] = {
    "unsorted-resources": lambda p: _resources(p).reverse(),
    "member-of-the-future": lambda p: p.update(later={"x": 1}),
    "no-extra-members": lambda p: [[r.pop(k) for k in ("size", "md5", "blake3")] for r in _resources(p)],
    "no-annotations": lambda p: p["subject"][0].pop("annotations"),
    "type-of-statement": lambda p: p.update(_type="https://in-toto.io/Statement/v0.1"),
    "type-of-predicate-later": lambda p: p.update(predicateType="https://model_signing/signature/v1.1"),
    "type-of-predicate-older": lambda p: p.update(predicateType="https://model_signing/Digests/v0.1"),
    "two-subjects": lambda p: p["subject"].append(p["subject"][0]),
    "no-subject": lambda p: p.pop("subject"),
    "root-digest": _root_of_nothing,
    "method-shards": lambda p: p["predicate"]["serialization"].update(method="shards", shard_size=1000000),
    "hash-unknown": lambda p: p["predicate"]["serialization"].update(hash_type="sha1"),
    "symlinks-allowed": lambda p: p["predicate"]["serialization"].update(allow_symlinks=True),
    "symlinks-allowed-as-text": lambda p: p["predicate"]["serialization"].update(allow_symlinks="false"),
    "serialization-member-unknown": lambda p: p["predicate"]["serialization"].update(only=["model.pt"]),
    "algorithm-upper-case": lambda p: _resources(p)[2].update(algorithm="SHA256"),
    "algorithm-unknown": lambda p: _resources(p)[2].update(algorithm="md5"),
    "digest-upper-case": lambda p: _resources(p)[2].update(digest=_resources(p)[2]["digest"].upper()),
    "digest-short": lambda p: _resources(p)[2].update(digest="ab"),
    "digest-missing": lambda p: _resources(p)[2].pop("digest"),
    "size-negative": lambda p: _resources(p)[2].update(size=-1),
    "size-boolean": lambda p: _resources(p)[2].update(size=True),
    "size-float": lambda p: _resources(p)[2].update(size=18.0),
    "md5-of-folder": lambda p: _resources(p)[2].update(md5="0" * 32 + ".dir"),
    "no-resources": lambda p: _resources(p).clear(),
    "resource-not-an-object": lambda p: _resources(p).append("model.pt"),
    "resource-twice": lambda p: _resources(p).append(_resources(p)[2]),
    "resource-in-other-case": lambda p: _resources(p).append({**_resources(p)[2], "name": "Context/source/pre.py"}),
    "resource-below-a-file": lambda p: _resources(p).append({**_resources(p)[3], "name": "model.pt/x"}),
    "resource-is-the-bundle": lambda p: _resources(p).append({**_resources(p)[3], "name": "model.sig"}),
    "resource-of-a-lone-file": _rename("."),
    "path-parent": _rename("../pre.py"),
    "path-parent-inside": _rename("context/../pre.py"),
    "path-absolute": _rename("/pre.py"),
    "path-backslash": _rename("context\\pre.py"),
    "path-drive": _rename("C:pre.py"),
    "path-git": _rename(".git/hooks/pre-commit"),
    "path-git-lookalike": _rename(".GIT/hooks/pre-commit"),
    "path-nul": _rename("pre.py\0.txt"),
    "path-surrogate": _rename("\udcff"),
    "path-trailing-slash": _rename("context/"),
    "ignores-code": lambda p: p["predicate"]["serialization"]["ignore_paths"].append("context/evil.py"),
    "ignores-everything": lambda p: p["predicate"]["serialization"]["ignore_paths"].append("."),
    "ignores-a-signed-file": lambda p: p["predicate"]["serialization"]["ignore_paths"].append("context"),
    "ignores-bytecode": lambda p: p["predicate"]["serialization"]["ignore_paths"].append("context/__pycache__"),
    "serial-negative": lambda p: p["subject"][0]["annotations"]["sycee"].update(serial=-1),
    "identity-of-another": lambda p: p["subject"][0]["annotations"]["sycee"].update(identity="0" * 64),
    "name-of-another": lambda p: p["subject"][0]["annotations"]["sycee"].update(name="gpt"),
}

KEEP_ROOT = {_root_of_nothing, *(PAYLOADS[name] for name in ("no-subject", "two-subjects"))}


def _signature(outer: Payload) -> Payload:
    return outer["dsseEnvelope"]["signatures"][0]


def _malleable(outer: Payload) -> None:
    """Put (r, n-s) in the place of (r, s): the one other signature that is as good."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(base64.b64decode(_signature(outer)["sig"]))
    _signature(outer)["sig"] = base64.b64encode(encode_dss_signature(r, order - s)).decode()


def _append_to_signature(outer: Payload) -> None:
    _signature(outer)["sig"] = base64.b64encode(base64.b64decode(_signature(outer)["sig"]) + b"\0").decode()


OUTER: dict[str, Callable[[Payload], object]] = {
    "no-hint": lambda o: o["verificationMaterial"]["publicKey"].pop("hint"),
    "signature-malleable": _malleable,
    "signature-trailing-byte": _append_to_signature,
    "signature-empty": lambda o: _signature(o).update(sig=""),
    "two-signatures": lambda o: o["dsseEnvelope"]["signatures"].append(_signature(o)),
    "no-signature": lambda o: o["dsseEnvelope"]["signatures"].clear(),
    "hint-of-another-key": lambda o: o["verificationMaterial"]["publicKey"].update(hint="0" * 64),
    "media-type-of-the-future": lambda o: o.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
    "media-type-older": lambda o: o.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
    "payload-type": lambda o: o["dsseEnvelope"].update(payloadType="application/json"),
    "payload-of-another": lambda o: o["dsseEnvelope"].update(payload="e30="),
    "outer-member-unknown": lambda o: o.update(note="hello"),
    "certificate": lambda o: o["verificationMaterial"].update(certificate={"rawBytes": ""}),
    "log-entries": lambda o: o["verificationMaterial"].update(tlogEntries=[{"logIndex": "1"}]),
}


def expectation(folder: Path, data: bytes) -> dict[str, object]:
    """Return what the verifier makes of a case, for the table."""
    (folder / "model.sig").write_bytes(data)
    try:
        return {"accepted": verify_folder(folder).identity}
    except SyceeError as error:
        return {"exit_code": error.exit_code, "message": error.message}


def main() -> None:
    """Write vectors and table."""
    VECTORS.mkdir(parents=True, exist_ok=True)
    table = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_model(Path(scratch) / "bert")
        sign_folder(folder)
        for case, data in sorted(make().items()):
            (VECTORS / f"{case}.sig").write_bytes(data)
            table[case] = expectation(folder, data)
    (VECTORS / "expect.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
