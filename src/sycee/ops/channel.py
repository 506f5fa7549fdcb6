"""``sycee channel set`` and ``sign``: statements by which a channel names a version."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sycee.core.modelfolder import ATTRIBUTES, ATTRIBUTES_BYTES
from sycee.errors import NotFound, UsageError
from sycee.formats import card, channel
from sycee.formats.channel import Channel
from sycee.system.atomic import write_file
from sycee.system.tree import kind_at
from sycee.trust.policy.channels import FOLDER, statement_path
from sycee.trust.policy.documents import sign_document, signature_names
from sycee.trust.policy.memory import Memory
from sycee.trust.signing.signers import Signer
from sycee.workspace.repository import Repository
from sycee.workspace.signedversions import SignedVersion, VersionsInGit, version_in
from sycee.workspace.snapshot import git_of
from sycee.workspace.statements import past, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A statement to make.

    Attributes:
        folder: The model's folder, absolute.
        name: The channel.
        now: The time, in UTC.
        expires: From when on it is not to count.
        version: Another version than the one in the folder: a revision, ``NAME@VERSION``, or an identity.
        fallback: The version that may stand in for it, in the same words; None for the one that the channel named
            before.
        no_fallback: Let none stand in for it.
        withdrawn: Identities that are not offered as a fallback unless asked for.
    """

    folder: Path
    name: str
    now: dt.datetime
    expires: dt.datetime
    version: str | None = None
    fallback: str | None = None
    no_fallback: bool = False
    withdrawn: frozenset[str] = frozenset()


class Written(NamedTuple):
    """What was written.

    Attributes:
        path: Of the statement, absolute.
        signature: Of its signature.
        statement: What it says.
        version: The version that it names; None if it was not looked at.
        former: What the channel said before; None if nothing is known.
        notes: What the caller should know.
    """

    path: Path
    signature: Path
    statement: Channel
    version: SignedVersion | None = None
    former: Channel | None = None
    notes: tuple[str, ...] = ()


def set_channel(repo: Repository, request: Request, signer: Signer, memory: Memory) -> Written:
    """Let a channel name a version, by a new statement with the next serial.

    The new statement and its signature take the place of the former ones so that at any moment one of them stands
    there with a good signature.

    Args:
        repo: The repository.
        request: What to state.
        signer: Who states it.
        memory: What was accepted on this machine: no serial of it is given again.

    Raises:
        UsageError: If model or channel have no proper name, or the fallback is the version itself.
        NotFound: If the version is not signed, or not known here.
        Conflict: If another process works here.
        SyceeError: See :func:`sycee.workspace.signedversions.version_in`.
    """
    with repo.locked():
        version = _version(repo, request)
        known = _known(repo, version.model, request.name)
        notes = [*known.notes]
        statement = Channel(
            version.model,
            request.name,
            _next_serial(known, memory.seen(version.model, request.name)),
            request.now.replace(microsecond=0),
            request.expires,
            version.identity,
            version.version,
            _fallback(repo, request, version, known, notes),
        )
        path = repo.root / statement_path(statement.model, statement.name)
        _make_place(repo, path)
        signature, _ = sign_document(path, channel.render(statement), signer, replace=True)
    return Written(path, signature, statement, version, known.latest, tuple(notes))


def _version(repo: Repository, request: Request) -> SignedVersion:
    if request.version is None:
        return version_in(request.folder)
    found = VersionsInGit(git_of(repo), request.folder).find(request.version)
    if found is None:
        raise NotFound(
            f"no commit here has a version {request.version}",
            hint="a channel names a version of this repository; fetch its history, or look at the identity",
        )
    return found


class _Known(NamedTuple):
    """Every statement of the channel that can be found here, the highest serial first."""

    statements: tuple[Channel, ...]
    notes: tuple[str, ...]

    @property
    def latest(self) -> Channel | None:
        return self.statements[0] if self.statements else None

    def has_been_passed(self, identity: str, by: str) -> bool:
        """Tell whether the channel named a version before it ever named another one."""
        order = [one.identity for one in reversed(self.statements)]
        return identity in order and order.index(identity) < order.index(by)


def _known(repo: Repository, model: str, name: str) -> _Known:
    current = standing(repo, statement_path(model, name))
    before, notes = past(repo, model, name)
    found = [one.statement for one in before]
    if current and current.statement:
        found.insert(0, current.statement)
    elif current:  # two people may have set it at once, and Git has left its marks of a conflict there
        notes = (*notes, f"{current.path} cannot be read, and was replaced: {current.fault}")
    ours = [one for one in found if (one.model, one.name) == (model, name)]
    return _Known(tuple(sorted(ours, key=lambda one: -one.serial)), notes)


def _next_serial(known: _Known, seen: tuple[int, str] | None) -> int:
    serial = max(known.latest.serial if known.latest else 0, seen[0] if seen else 0) + 1
    if serial > channel.MAX_SERIAL:
        raise UsageError(
            f"the channel's last serial is {channel.MAX_SERIAL}, and there is no higher one",
            hint="look who signed it; a channel of another name begins with 1",
        )
    return serial


def _fallback(
    repo: Repository, request: Request, version: SignedVersion, known: _Known, notes: list[str]
) -> str | None:
    """Return what may stand in for the version: what was asked for, else what the channel named before."""
    if request.no_fallback:
        return None
    if request.fallback is not None:
        return _asked_fallback(repo, request, version, notes)
    former = known.latest
    if former is None:
        return None
    if former.identity == version.identity:  # the same version for longer
        return former.fallback
    if known.has_been_passed(version.identity, former.identity):
        notes.append("this goes back to a version that the channel named before, so the one between is no fallback")
        return None
    if former.identity in request.withdrawn:
        notes.append("the version before was withdrawn, so it is no fallback")
        return None
    return former.identity


def _asked_fallback(repo: Repository, request: Request, version: SignedVersion, notes: list[str]) -> str:
    asked = str(request.fallback)
    found = VersionsInGit(git_of(repo), request.folder).find(asked)
    identity = found.identity if found else asked.removeprefix("sycee:")
    if found is None:
        notes.append(f"no commit here has the fallback sycee:{identity}; it is stated as you gave it")
    if identity == version.identity:
        raise UsageError(f"{asked} is the version itself", hint="a fallback is another version, or --no-fallback")
    return identity


def _make_place(repo: Repository, path: Path) -> None:
    repo.require_real_folders(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    repo.sweep([path])  # what a killed command left, as are signatures of what was never written
    if kind_at(path) is None:
        for orphan in signature_names(entry.name for entry in path.parent.iterdir()).get(path.name, ()):
            path.with_name(orphan).unlink()
    attributes = repo.root / FOLDER / ATTRIBUTES
    if kind_at(attributes) is None:  # Git must not turn line feeds of what is signed into something else
        write_file(attributes, ATTRIBUTES_BYTES)


def sign_channel(repo: Repository, model: str, name: str, signer: Signer) -> Written:
    """Add a signature to the statement that stands there: where a threshold asks for several.

    Args:
        repo: The repository.
        model: The model's name.
        name: The channel.
        signer: The further signer.

    Raises:
        NotFound: If there is no statement.
        FormatError: If it cannot be read.
    """
    with repo.locked():
        path = statement_path(model, name)
        found = standing(repo, path)
        if found is None:
            raise no_statement(repo, model, name)
        if found.document is None:
            raise NotFound(f"{path} cannot be read: {found.fault}", hint="restore it (git checkout)", path=path)
        statement = channel.parse(found.document.data, path)
        repo.sweep([repo.root / path])
        signature, _ = sign_document(repo.root / path, found.document.data, signer)
    return Written(repo.root / path, signature, statement)


def no_statement(repo: Repository, model: str, name: str | None = None) -> NotFound:
    """Return the error that a model has no such channel here."""
    what = f"no channel {name}" if name else "no channel"
    return NotFound(
        f"{model} has {what} in {repo.root / FOLDER}",
        hint=f"make one: sycee channel set MODEL {name or 'production'} --key release.key",
    )


def model_named(folder: Path, text: str) -> str:
    """Return the name of a model that is given by its folder or by its name.

    Args:
        folder: What ``text`` is as a path, absolute.
        text: The argument.

    Raises:
        FormatError: If it is a folder whose card is not valid.
    """
    described = folder / card.FILE_NAME
    if described.is_file():
        return card.parse(described.read_bytes(), str(described)).name or folder.name
    return folder.name if folder.is_dir() else text
