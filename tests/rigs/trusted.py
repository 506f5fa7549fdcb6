"""A trust file with three people, a model that they sign, and the verifier's answer."""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

from rigs.signed import MODEL, fixed_key, sign_folder, write_model
from sycee.errors import VerificationError
from sycee.formats import revocations
from sycee.formats.revocations import Revocations
from sycee.trust import keys
from sycee.trust.keys import PrivateKey
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.documents import sign_document
from sycee.trust.policy.request import Request
from sycee.trust.verify import Verified, verify

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PEOPLE = ("alice", "bob", "carol")

ROLES = """\
[roles.release]
members = ["alice", "bob"]
"""
MODELS = """\
[[models]]
match = "bert"
signed_by = ["release"]
formats = ["unknown"]
"""
REVOKING = """\
[roles.revocation]
members = ["carol"]
[revocations]
file = "revoked.json"
grace_days = 2
"""
CHANNELS = """\
[roles.channel]
members = ["carol"]
"""


@cache
def key(name: str) -> PrivateKey:
    """Return somebody's key, the same one as long as the tests run."""
    assert name
    return keys.generate("p256")


def write_trust(folder: Path, *parts: str, of_keys: dict[str, str] | None = None) -> Path:
    """Write a trust file in which everybody has a key; ``of_keys`` adds members to somebody's."""
    folder.mkdir(exist_ok=True)
    text = "format = 1\n"
    for name in PEOPLE:
        (folder / f"{name}.pub").write_bytes(key(name).public.pem)
        text += f'[keys.{name}]\nfile = "{name}.pub"\nfingerprint = "{key(name).public.fingerprint}"\n'
        text += (of_keys or {}).get(name, "")
    path = folder / "trust.toml"
    path.write_text("".join((text, *(parts or (ROLES, MODELS)))))
    return path


def write_signed(folder: Path, *names: str, files: dict[str, bytes] = MODEL) -> Path:
    """Write a model and let people sign it, one after the other."""
    write_model(folder, files)
    for name in names:
        sign_folder(folder, key(name))
    return folder


def write_list(folder: Path, *names: str, number: int = 1, **withdrawn: dict[str, str]) -> None:
    """Write a revocation list beside the trust file, signed by people."""
    data = revocations.render(Revocations(number, NOW - DAY, NOW + 30 * DAY, **withdrawn))
    for name in names:
        sign_document(folder / "revoked.json", data, key(name), replace=True)


def judged(folder: Path, trust_file: Path, now: dt.datetime = NOW, **asked: Any) -> Verified | VerificationError:
    """Return what the verifier gives or raises."""
    try:
        return verify(Request(folder=folder, authority=Authority.read(trust_file), now=now, **asked))
    except VerificationError as error:
        return error


DEMANDING = """\
format = 1
[keys.alice]
file = "alice.pub"
fingerprint = "{fingerprint}"
[roles.release]
members = ["alice"]
[[models]]
match = "bert*"
signed_by = ["release"]
formats = ["torch", "unknown"]
minimum_serial = {serial}
"""


def write_demanding(folder: Path, serial: int) -> Path:
    """Write a trust file by which the fixed key alone, called alice, signs models, from a serial on."""
    public = fixed_key().public
    folder.mkdir(exist_ok=True)
    (folder / "alice.pub").write_bytes(public.pem)
    path = folder / "trust.toml"
    path.write_text(DEMANDING.format(fingerprint=public.fingerprint, serial=serial))
    return path
