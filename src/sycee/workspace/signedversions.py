"""Signed versions of models, where they are named: in the work tree, at a commit, or anywhere in Git's history.

Only the small files are read: sums, card, bundles. What they say is not believed here; see ``trust/verify.py``.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sycee.digest import sha256_hex
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import bundle, card, sums
from sycee.system.git import Git
from sycee.trust.folder import Folder
from sycee.workspace.filehistory import changes_of
from sycee.workspace.revisions import commit_of

IDENTITY = re.compile(r"(?:sycee:)?([0-9a-f]{64})")
_NAMED = re.compile(r"(.+)@v?([^@]+)")


class SignedVersion(NamedTuple):
    """What the files of a signed version say.

    Attributes:
        model: The model's name: the card's, or that of the folder.
        version: Its label; empty if it has none.
        identity: sha256 of the sums, 64 hex digits.
        folder: Where it lies: absolute in the work tree, below the root of Git in a commit.
        commit: The commit it was read from; None for the work tree.
    """

    model: str
    version: str
    identity: str
    folder: str
    commit: str | None = None


Read = Callable[[str], bytes | None]


def version_in(folder: Path) -> SignedVersion:
    """Return the signed version that lies in a model's folder.

    Raises:
        NotFound: If there is no such folder, or what is in it is not signed.
        FormatError: If its card is not valid.
        Conflict: If the sums list another card than the one that is here.
    """
    with Folder(folder) as model:

        def read(name: str) -> bytes | None:
            try:
                return model.read(name, sums.MAX_SIZE if name == sums.NAME else bundle.MAX_SIZE)
            except NotFound:
                return None

        return _version(read, str(folder), None, str(folder))


def _version(read: Read, folder: str, commit: str | None, where: str) -> SignedVersion:
    text, raw, described = read(sums.NAME), read(bundle.NAME), read(card.FILE_NAME)
    if text is None or raw is None:
        raise NotFound(
            f"{where} is not signed: it has no {bundle.NAME if text else sums.NAME}",
            hint="a channel names a signed version: sycee sign MODEL --key …",
        )
    listed = sums.parse(text, f"{where}: {sums.NAME}").get(card.FILE_NAME)
    if listed != (sha256_hex(described) if described else None):
        raise Conflict(
            f"{where}: {sums.NAME} is not about the {card.FILE_NAME} beside it, so the signature is of another version",
            hint="sign this version first, or restore the signed card (git checkout)",
        )
    about = card.parse(described, f"{where}: {card.FILE_NAME}") if described else None
    name, version = (about.name, about.version) if about else (None, None)
    return SignedVersion(name or folder.rpartition("/")[2], version or "", sums.identity(text), folder, commit)


@dataclass(frozen=True, slots=True)
class VersionsInGit:
    """Signed versions in the history of a Git work tree.

    Attributes:
        git: The work tree.
        folder: A model's folder in it, absolute: what a revision alone is about.
    """

    git: Git
    folder: Path

    def at(self, rev: str) -> SignedVersion:
        """Return the version that a revision has in the model's folder.

        Raises:
            NotFound: If there is no such revision, or the folder is not signed there, as far as Git has it.
            SyceeError: See :func:`version_in`.
        """
        commit = commit_of(self.git, rev)
        inner = Path(os.path.realpath(self.folder)).relative_to(os.path.realpath(self.git.root)).as_posix()
        return self._read(commit, "" if inner == "." else f"{inner}/", f"{inner} at {rev}")

    def find(self, text: str) -> SignedVersion | None:
        """Return the version that an identity, ``NAME@VERSION`` or a revision means.

        Returns:
            The version; None for an identity that no commit here has.

        Raises:
            NotFound: If a name or a revision is not known here.
        """
        if found := IDENTITY.fullmatch(text):
            return next(self._of_identity(found[1]), None)
        if (named := _NAMED.fullmatch(text)) and (one := next(self._of_name(named[1], named[2]), None)):
            return one
        try:
            return self.at(text)
        except NotFound as error:
            if "is no revision" not in error.message:
                raise
            what = f"no signed version {text}, and {text} is no revision" if named else f"no revision {text!r}"
            raise NotFound(
                f"the history here has {what}", hint="name a commit, a tag, NAME@VERSION, or an identity"
            ) from None

    def _of_identity(self, identity: str) -> Iterator[SignedVersion]:
        changes = changes_of(self.git, f"*{sums.NAME}")
        content = self.git.blobs({change.blob for change in changes})
        for change in changes:
            if sums.identity(content.get(change.blob, b"")) == identity:
                yield from self._readable(change.commit, change.path.removesuffix(sums.NAME))

    def _of_name(self, model: str, version: str) -> Iterator[SignedVersion]:
        for change in changes_of(self.git, f"*{sums.NAME}"):
            for one in self._readable(change.commit, change.path.removesuffix(sums.NAME)):
                if (one.model, one.version.removeprefix("v")) == (model, version):
                    yield one

    def _readable(self, commit: str, folder: str) -> Iterator[SignedVersion]:
        try:
            yield self._read(commit, folder, folder)
        except (NotFound, FormatError, Conflict):  # of the past there is nothing to mend
            return

    def _read(self, commit: str, folder: str, where: str) -> SignedVersion:
        names = (sums.NAME, bundle.NAME, card.FILE_NAME)
        blobs = {}
        for line in self.git.run("ls-tree", "-z", commit, "--", *(f"{folder}{name}" for name in names)).split(b"\0"):
            about, _, path = line.partition(b"\t")
            if about.startswith(b"100"):
                blobs[os.fsdecode(path).removeprefix(folder)] = about.split(b" ")[2].decode()
        content = self.git.blobs(blobs.values())
        return _version(lambda name: content.get(blobs.get(name, "")), folder.rstrip("/"), commit, where)
