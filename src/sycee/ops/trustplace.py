"""Whom a command trusts: a trust file or a key that was named, else the trust file of this user or this machine.

Never one out of the repository that is judged by it: who may write to the repository could write himself into it.
"""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sycee.errors import NotFound, UsageError
from sycee.formats.paths import DVC_DIR
from sycee.formats.trust import FILE_NAME
from sycee.system.git import toplevel
from sycee.system.userstate import remembers, user_state
from sycee.trust.keys import PublicKey, load_public
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import Places
from sycee.trust.policy.memory import Memory
from sycee.trust.policy.request import Request

VARIABLE = "SYCEE_TRUST"
SYSTEM_FILE = Path("/etc/sycee") / FILE_NAME
_MAX_LINKS = 40  # one after the other, as on Linux


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a model's folder has to be, and by whose word.

    Attributes:
        trust: The trust file, or None.
        key: The one key that must have signed, or its file, or None. With neither, the trust file of this user or
            machine counts.
        expect: ``NAME@VERSION``, or ``sycee:`` and the identity, that it must be, or None.
        identity: The identity that it must have, 64 hex digits with or without ``sycee:``, or None.
        channel: The channel whose version it must be, or None.
        channel_file: A statement of the channel, beside those in the repository and in the model's folder.
        now: The time to judge by; None for that of the clock.
        environ: The process environment.
    """

    trust: Path | None = None
    key: Path | PublicKey | None = None
    expect: str | None = None
    identity: str | None = None
    channel: str | None = None
    channel_file: Path | None = None
    now: dt.datetime | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


def request_for(model: Path, asked: Asked, *, lazy: bool = False) -> Request:
    """Return what the verifier has to be asked.

    Args:
        model: The model's folder.
        asked: What it has to be, and by whose word.
        lazy: Leave the weights' bytes to the caller.

    Raises:
        NotFound: If the trust file, a key or the channel's file that was named is not there.
        UsageError: If nobody said whom to trust, or trust file and key were both given; if the trust file lies in the
            repository that it judges; see also :func:`sycee.trust.keys.load_public`.
        FormatError: If the trust file is malformed.
    """
    authority = authority_for(model, asked)
    by_identity = (asked.expect or "").startswith("sycee:")
    remembering = asked.channel is not None or authority.trust.revocations is not None
    return Request(
        folder=model,
        authority=authority,
        now=asked.now or dt.datetime.now(dt.UTC),
        expect=None if by_identity else asked.expect,
        identity=asked.expect if by_identity else asked.identity,
        channel=asked.channel,
        channel_places=Places(None, _around(model), asked.channel_file),
        memory=Memory(user_state(asked.environ), remembers(asked.environ)) if remembering else None,
        postpone_weights=lazy,
    )


def authority_for(model: Path, asked: Asked) -> Authority:
    """Return whose signatures count for a model; see :func:`request_for`."""
    if asked.trust is not None and asked.key is not None:
        raise UsageError("--trust and --key exclude each other", hint="the trust file names the keys that count")
    if asked.key is not None:
        return Authority.of_key(asked.key if isinstance(asked.key, PublicKey) else load_public(asked.key))
    file = find_trust_file(asked.environ, asked.trust)
    if file is None:
        raise UsageError(
            "whom to trust was not said",
            hint=f"--key FILE for one signer's public key, or --trust FILE, or write {user_file(asked.environ)} "
            "once: sycee trust init",
        )
    require_outside(file, model)
    return Authority.read(file)


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where this user's trust file lies, or would lie."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "sycee" / FILE_NAME


def find_trust_file(environ: Mapping[str, str], given: Path | None = None) -> Path | None:
    """Return the trust file that counts: the one given, or of the environment, of the user, of the system.

    Args:
        environ: The process environment.
        given: The file that was named.

    Returns:
        The first of them; None if none of the last two is there.

    Raises:
        NotFound: If the one that was named is not there; nothing else is tried then.
        UsageError: If the environment names none, with an empty value.
    """
    named = given or _of_environment(environ)
    if named is not None:
        if not named.is_file():
            raise NotFound(f"there is no trust file {named}", hint="sycee trust init writes one", path=str(named))
        return named
    return next((file for file in (user_file(environ), SYSTEM_FILE) if file.is_file()), None)


def _of_environment(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(VARIABLE)
    if named == "":
        raise UsageError(f"{VARIABLE} is set and empty", hint="name the trust file, or unset it")
    return Path(named).absolute() if named else None


def require_outside(trust_file: Path, model: Path) -> None:
    """Refuse a trust file that whoever can write to the model's repository could have written.

    Args:
        trust_file: The file. Neither it nor any link on the way to it may lie there: a link chooses the file.
        model: The model's folder.

    Raises:
        UsageError: If it lies in the model's folder, Git work tree or repository.
    """
    folder, stops = Path(os.path.realpath(model)), tuple(_stops(trust_file))
    for around in (folder, toplevel(folder), _repository(folder)):
        if around is not None and any(around in stop.parents for stop in stops):
            raise UsageError(
                f"{trust_file} lies in {around}, with the model that it judges: who can write there could write "
                "himself into it",
                hint=f"copy it out, for example to ~/.config/sycee/{FILE_NAME}, and ask its owner whether it is right",
                path=str(trust_file),
            )


def _stops(path: Path) -> Iterator[Path]:
    """Yield every link on the way to a file, by the real path of the folder that holds it, and the file itself."""
    whole = path.absolute()
    for step in (*reversed(whole.parents[:-1]), whole):
        stop, left = Path(os.path.realpath(step.parent)) / step.name, _MAX_LINKS
        while stop.is_symlink() and left:
            yield stop
            following = stop.parent / stop.readlink()
            stop, left = Path(os.path.realpath(following.parent)) / following.name, left - 1
    yield Path(os.path.realpath(path))


def _around(model: Path) -> Path | None:
    folder = Path(os.path.realpath(model))
    return _repository(folder) or toplevel(folder)


def _repository(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if (one / DVC_DIR).is_dir()), None)
