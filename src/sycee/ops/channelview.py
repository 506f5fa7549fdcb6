"""``sycee channel show`` and ``history``: what channels name, since when, until when, and by whose word."""

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sycee.core.facts import Signer
from sycee.core.quorum import Counting
from sycee.formats import sums, times
from sycee.formats.channel import Channel
from sycee.formats.trust import CHANNEL_ROLE
from sycee.ops.channel import no_statement
from sycee.ops.trustplace import find_trust_file, require_outside
from sycee.system.git import Git
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import require_name, statement_path
from sycee.workspace.filehistory import Change, changes_of, first_tags
from sycee.workspace.repository import Repository
from sycee.workspace.statements import Past, Standing, all_standing, past, standing


class Signed(NamedTuple):
    """Who signed a statement, of those that a trust file names.

    Attributes:
        signers: Of them, sorted.
        enough: Whether they may speak for channels, and are as many as they have to be.
    """

    signers: tuple[Signer, ...]
    enough: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, sorted, each once."""
        return tuple(sorted({signer.name for signer in self.signers}))


class Shown(NamedTuple):
    """A statement of the work tree.

    Attributes:
        standing: The statement.
        signed: Who signed it; None if nobody was named whose word counts.
        commit: The oldest commit that has the version; None if none has it.
        tag: The oldest tag that has it; None if none has it.
    """

    standing: Standing
    signed: Signed | None
    commit: str | None
    tag: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        facts: dict[str, Any] = {"path": self.standing.path}
        if self.standing.statement is None:
            return facts | {"fault": self.standing.fault}
        facts |= as_json(self.standing.statement)
        facts |= {"commit": self.commit, "tag": self.tag}
        if self.signed is not None:
            signers = [{"name": one.name, "fingerprint": one.fingerprint} for one in self.signed.signers]
            facts |= {"signers": signers, "enough_signatures": self.signed.enough}
        return facts


def as_json(one: Channel) -> dict[str, Any]:
    """Return what a statement says, for ``--json``."""
    facts = {"model": one.model, "channel": one.name, "serial": one.serial, "version": one.version or None}
    issued, expires = times.render(one.issued), times.render(one.expires)
    named = {"identity": f"sycee:{one.identity}", "fallback": f"sycee:{one.fallback}" if one.fallback else None}
    return facts | named | {"issued": issued, "expires": expires}


def authority_of(repo: Repository, trust: Path | None) -> Authority | None:
    """Return whose signatures count: by a trust file, else by that of the environment, this user or this machine.

    Args:
        repo: The repository, in which none may lie.
        trust: The file that was named; None for none.

    Returns:
        None if there is none of them.

    Raises:
        NotFound: If the one that was named is not there.
        UsageError: If it lies in the repository.
        FormatError: If it is malformed.
    """
    file = find_trust_file(repo.environ, trust)
    if file is None:
        return None
    require_outside(file, repo.root)
    return Authority.read(file)


def show(
    repo: Repository,
    now: dt.datetime,
    authority: Authority | None = None,
    model: str | None = None,
    name: str | None = None,
) -> tuple[Shown, ...]:
    """Return the channels of the work tree.

    Args:
        repo: The repository.
        now: The time, with its zone.
        authority: Whose signatures count; None to look at none.
        model: The model that is asked for; None for all.
        name: Its channel; None for all.

    Raises:
        NotFound: If the model that is asked for has none, or not this one.
        UsageError: If the name is no channel's.
    """
    if model is not None and name is not None:
        one = standing(repo, statement_path(model, name))
        found = [one] if one else []
    else:
        found = [*all_standing(repo, model)]
    if model is not None and not found:
        raise no_statement(repo, model, name)
    where = _where(repo.git, {one.statement.identity for one in found if one.statement})
    tags = first_tags(repo.git, where) if repo.git else {}
    return tuple(_shown(one, authority, now, where, tags) for one in found)


def _shown(
    one: Standing,
    authority: Authority | None,
    now: dt.datetime,
    where: Mapping[str, Change],
    tags: Mapping[str, str],
) -> Shown:
    identity = one.statement.identity if one.statement else ""
    commit = where[identity].commit if identity in where else None
    return Shown(one, _signed(one, authority, now) if authority else None, commit, tags.get(identity))


def _signed(one: Standing, authority: Authority, now: dt.datetime) -> Signed:
    signers = authority.signers_of(one.document) if one.document else frozenset()
    enough = Counting(authority.trust, now, {}).quorum(CHANNEL_ROLE, signers).met()
    return Signed(tuple(sorted(signers)), enough)


def _where(git: Git | None, identities: Iterable[str]) -> Mapping[str, Change]:
    """Return, by identity, the oldest change that brought the sums of a version."""
    wanted = {*identities}
    if git is None or not wanted:
        return {}
    changes = changes_of(git, f"*{sums.NAME}")
    content = git.blobs({change.blob for change in changes})
    named = ((sums.identity(content.get(change.blob, b"")), change) for change in changes)
    return {identity: change for identity, change in named if identity in wanted}  # the newest first: the last stays


class History(NamedTuple):
    """What a channel has named.

    Attributes:
        uncommitted: The statement of the work tree, if no commit has it.
        past: Those that commits have, the highest serial first.
        unreadable: One sentence for each that cannot be read.
    """

    uncommitted: Channel | None
    past: tuple[Past, ...]
    unreadable: tuple[str, ...]


def history(repo: Repository, model: str, name: str) -> History:
    """Return what a channel names and has named, as far as the work tree and Git's history have it.

    Raises:
        NotFound: If nothing is known of it.
        UsageError: If the name is no channel's.
    """
    before, unreadable = past(repo, model, require_name(name))
    here = standing(repo, statement_path(model, name))
    current = here.statement if here else None
    if here and here.fault:
        unreadable = (f"{here.path}: {here.fault}", *unreadable)
    if not (before or current or unreadable):
        raise no_statement(repo, model, name)
    return History(None if current in {one.statement for one in before} else current, before, unreadable)
