"""A small model folder, a key that is no secret, and ways to sign the folder rightly and wrongly."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from sycee.formats import bundle
from sycee.formats.bundle import Bundle
from sycee.system.onepass import digest_file
from sycee.trust import keys, verify
from sycee.trust.keys import PrivateKey, PublicKey
from sycee.trust.loading.verified import VerifiedModel
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.request import Request
from sycee.trust.signing import sign
from sycee.trust.signing.sign import Result
from sycee.trust.verify import Verified

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)  # when all tests of trust take place

# Made for these tests with openssl; a key that the whole world can read signs nothing of value.
KEY_PEM = b"""\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqcN8oCZXyWFpldB4
ITpk/JIvnl5Y7mC0nmMeV/ioyjqhRANCAATE/lAc7lhSly/hIExruPSKLZ0eWr6q
CKiH4vsk+bA6FOBnq3qoack7QRyv2PLeunJQF5r8tsQiNKh01IQgReIJ
-----END PRIVATE KEY-----
"""

CARD = b"""\
task: ner
metrics:
  val_f1: 0.892
training_config:
  lr: 0.01
data_version: dataset-v3.2.1
framework_version: "torch==2.13.0"
name: bert
version: 1.2.0
serial: 7
"""

MODEL: dict[str, bytes] = {
    "model.pt": b"weights of a model",
    "model_card.yaml": CARD,
    "context/requirements.lock": b"torch==2.13.0\n",
    "context/source/pre.py": b"def prepare(text):\n    return text.lower()\n",
}


def fixed_key() -> PrivateKey:
    """Return the key of :data:`KEY_PEM`."""
    return keys.parse_private(KEY_PEM, "test.key")


def write_model(folder: Path, files: dict[str, bytes] = MODEL) -> Path:
    """Write a model folder and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def sign_folder(folder: Path, key: PrivateKey | None = None, **options: Any) -> Result:
    """Sign a folder as sycee does outside of Git."""
    request = sign.Request(folder, key or fixed_key(), lambda path, on: digest_file(path, on_bytes=on), **options)
    return sign.sign(request)


def asking(folder: Path, key: PrivateKey | PublicKey | None = None, **options: Any) -> Request:
    """Return the request to verify a folder by one key."""
    chosen = key or fixed_key()
    authority = Authority.of_key(chosen.public if isinstance(chosen, PrivateKey) else chosen)
    return Request(**{"folder": folder, "authority": authority, "now": NOW, **options})


def verify_folder(folder: Path, key: PrivateKey | None = None, **options: Any) -> Verified:
    """Verify a folder."""
    return verify.verify(asking(folder, key, **options))


def open_folder(folder: Path, key: PrivateKey | PublicKey | None = None, **options: Any) -> VerifiedModel:
    """Verify a folder and hold its bytes."""
    how = {name: options.pop(name) for name in ("keeping", "environ") if name in options}
    lazy = options.pop("lazy", False)
    return VerifiedModel.opened(asking(folder, key, postpone_weights=lazy, **options), **how)


def payload_of(folder: Path) -> dict[str, Any]:
    """Return the statement that a folder's bundle signs."""
    return json.loads(bundle.parse((folder / "model.sig").read_bytes()).payload)


def seal_payload(payload: bytes | dict[str, Any], key: PrivateKey | None = None) -> bytes:
    """Return a bundle that validly signs any payload, however wrong."""
    signer = key or fixed_key()
    data = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    return bundle.render(Bundle(data, signer.sign_envelope(bundle.pae(data)), signer.public.fingerprint))


def forge(folder: Path, payload: bytes | dict[str, Any], key: PrivateKey | None = None) -> None:
    """Put a bundle with a valid signature over any payload into a folder."""
    (folder / "model.sig").write_bytes(seal_payload(payload, key))
