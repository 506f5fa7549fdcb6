"""``sycee channel set --trust``: what somebody who judges by a trust file would say of a new statement."""

import datetime as dt
from pathlib import Path

from sycee.errors import MissingData, NotFound, VerificationError
from sycee.formats.channel import Channel
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import Places
from sycee.trust.policy.request import Request
from sycee.trust.policy.withdrawn import read_list
from sycee.trust.verify import verify
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import in_git
from sycee.workspace.signedversions import SignedVersion
from sycee.workspace.snapshot import git_of
from sycee.workspace.versionfolder import VersionFolder, at_commit


def withdrawn_versions(authority: Authority) -> frozenset[str]:
    """Return the identities of versions that the revocation list of a trust file withdraws.

    Raises:
        FormatError: If the list is malformed.
    """
    said = read_list(authority).said
    return frozenset(said.versions if said else ())


def _at(repo: Repository, commit: str, folder: str) -> VersionFolder:
    return at_commit(repo, commit, folder.removeprefix(in_git(git_of(repo), repo.root)))


def trial(repo: Repository, said: Channel, version: SignedVersion, authority: Authority, now: dt.datetime) -> str:
    """Say why the version that a channel names now would be refused; empty if it would be accepted.

    The weights are not read, and nothing is remembered.

    Args:
        repo: The repository, with the statement in its place.
        said: The statement.
        version: What it names.
        authority: By whose word.
        now: The time, with its zone.
    """
    try:
        request = Request(
            folder=Path(version.folder) if version.commit is None else _at(repo, version.commit, version.folder),
            authority=authority,
            now=now,
            channel=said.name,
            channel_places=Places(repository=repo.root),
            postpone_weights=True,
        )
        verify(request)
    except (VerificationError, MissingData, NotFound) as error:
        return error.message
    return ""
