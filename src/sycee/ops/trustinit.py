"""``sycee trust init``: a trust file to begin with, its choices explained beside them."""

import datetime as dt
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sycee.errors import Conflict, FormatError, UsageError
from sycee.formats import times, trustfile
from sycee.formats.trust import FILE_NAME
from sycee.system.atomic import write_file
from sycee.system.git import toplevel
from sycee.system.tree import kind_at
from sycee.trust.keys import PublicKey, load_public

LIFE = dt.timedelta(days=365)  # of a new trust file: long enough to be no burden, short enough to be looked at

_HEAD = """\
# Whom this machine trusts to say what a model is, and what it demands of models.
# What is not allowed here is refused. Keep this file where those cannot write whom it judges: not in a repository
# of models. To look at it: sycee trust show; to see what ends when: sycee trust check.
format = 1
expires = {expires}  # from then on nothing is accepted: read it again before, and set a later time
warn_days = 14  # warn so many days before something ends
"""
_KEY = """
# {kind}, fingerprint {fingerprint}
# Compare it with what its owner says, by telephone or on paper: sycee key show FILE
[keys.{name}]
pem = \"\"\"
{pem}\"\"\"
# valid_until = 2027-01-01T00:00:00Z
"""
_ROLES = """
[roles.release]
members = [{members}]
threshold = 1  # how many of them must have signed
"""
_MODELS = """
# The first entry whose pattern matches a model's name decides. * stands for any text.
[[models]]
match = {pattern}
signed_by = ["release"]
formats = ["safetensors", "onnx"]  # "torch" and "pickle" can run code when they are loaded; add them if you must
# gates = ["metrics.val_f1 >= 0.89"]  # conditions on the signed card
# records = [{{kind = "approval", role = "release"}}]  # what must lie beside a version; also "replay", "evaluation"
# minimum_serial = 1
"""
_NOBODY = """
# Nobody is trusted yet. For example:
#
# [keys.alice]
# file = "alice.pub"  # beside this file
# fingerprint = "…"  # as sycee key show alice.pub prints it
#
# [roles.release]
# members = ["alice"]
#
# [[models]]
# match = {pattern}
# signed_by = ["release"]
# formats = ["safetensors", "onnx"]
"""
_MORE = """
# Jobs that sign without a key, by their identity:
# [identities.ci]
# issuer = "https://token.actions.githubusercontent.com"
# subject = "https://github.com/ORGANISATION/REPOSITORY/.github/workflows/train.yml@refs/heads/main"
#
# Channels such as production, which name one version, are signed by the role "channel":
# [roles.channel]
# members = [MEMBERS]
# [channels]
# grace_days = 3  # how long an expired statement still counts, with a warning
# fallback = true  # accept the version before too, which the statement names: for a bad night
#
# A list of what was withdrawn, as sycee trust revoke makes it:
# [roles.revocation]
# members = [MEMBERS]
# [revocations]
# file = "revoked.json"
# grace_days = 7
#
# An exception for one version, for a time:
# [[waivers]]
# identity = "sycee:…"
# rules = ["metrics.val_f1 >= 0.89"]
# until = 2027-01-01T00:00:00Z
# reason = "…"
"""


class Starter(NamedTuple):
    """What was written.

    Attributes:
        path: The trust file.
        keys: The keys in it, by name.
        work_tree: The Git work tree that it lies in, whose models it will not be used for; None if it lies in none.
    """

    path: Path
    keys: dict[str, PublicKey]
    work_tree: Path | None


def init_trust(path: Path, key_files: Sequence[Path], pattern: str, now: dt.datetime) -> Starter:
    """Write a trust file that accepts what some keys signed; without keys, one that accepts nothing yet.

    Args:
        path: Of the file, or of a folder for a ``trust.toml`` in it.
        key_files: Public keys, PEM. They are copied into the file, so it needs no other beside it.
        pattern: Which models they may sign.
        now: The time, in UTC.

    Raises:
        Conflict: If something stands there: a trust file is never overwritten.
        NotFound: If a key is not there.
        UsageError: If a file is no public key, if two are the same, or the pattern is none.
    """
    path = path / FILE_NAME if path.is_dir() else path
    if kind_at(path) is not None:
        raise Conflict(
            f"{path} exists, and a trust file is never overwritten",
            hint="edit it, or look at it first: sycee trust show",
            path=str(path),
        )
    keys = _named(key_files)
    data = _text(keys, pattern, now).encode()
    try:
        trustfile.parse(data, str(path))
    except FormatError as error:
        raise UsageError(f"no trust file can say this: {error.faults[0] if error.faults else error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, data)
    return Starter(path, keys, toplevel(path.parent))


def _named(files: Sequence[Path]) -> dict[str, PublicKey]:
    """Return the keys by names that come from those of their files: ``release`` for ``release.key.pub``."""
    named: dict[str, PublicKey] = {}
    for file in files:
        stem = file.name.removesuffix(".pub").removesuffix(".pem").removesuffix(".key")
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:50] or "key"
        named[name if name not in named else f"{name}-{len(named) + 1}"] = load_public(file)
    return named


def _text(keys: dict[str, PublicKey], pattern: str, now: dt.datetime) -> str:
    expires = times.render((now + LIFE).replace(hour=0, minute=0, second=0, microsecond=0))
    head, quoted = _HEAD.format(expires=expires), json.dumps(pattern)
    members = ", ".join(f'"{name}"' for name in keys or ("alice",))
    more = _MORE.replace("MEMBERS", members)
    if not keys:
        return head + _NOBODY.format(pattern=quoted) + more
    written = (
        _KEY.format(name=name, kind=k.kind, fingerprint=k.fingerprint, pem=k.pem.decode()) for name, k in keys.items()
    )
    roles = _ROLES.format(members=members)
    return "".join([head, *written, roles, _MODELS.format(pattern=quoted), more])
