"""Which commits gave a file the content it has or had, read from Git's objects."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sycee.system.git import Git

_HEAD, _PART = "\x01", "\x02"


class Change(NamedTuple):
    """A commit that gave a file new content.

    Attributes:
        commit: Its full id.
        author: Who made it.
        when: When, as the author's clock had it.
        path: The file, below the root of the Git work tree.
        blob: Its content there, as Git's object id.
    """

    commit: str
    author: str
    when: dt.datetime
    path: str
    blob: str


def changes_of(git: Git, pattern: str) -> list[Change]:
    """Return the changes to files, of all that any branch, tag or HEAD leads to, the newest first.

    Of a merge, what differs from one of its parents. A commit that removes a file is left out.

    Args:
        git: The Git work tree.
        pattern: A path below its root, with ``*`` for any text if there is one in it.
    """
    if git.head() is None and not git.run("for-each-ref", "--count=1"):
        return []
    words = git.run(
        *("log", "--all", "-m", "--date-order", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=d"),
        f"--format={_HEAD}{_PART.join(('%H', '%at', '%an'))}",
        *("--", f":(top){pattern}" if "*" in pattern else f":(top,literal){pattern}"),
    )
    return [*_parsed(iter(os.fsdecode(words).split("\0")))]


def _parsed(words: Iterator[str]) -> Iterator[Change]:
    commit, at, author = "", "0", ""
    for word in words:
        if word.startswith(_HEAD):
            commit, at, author = word[1:].split(_PART, 2)
        elif word.startswith((":", "\n:")):
            when = dt.datetime.fromtimestamp(int(at), dt.UTC)
            yield Change(commit, author, when, next(words), blob=word.split(" ")[3])


def first_tags(git: Git, changes: Mapping[str, Change]) -> Mapping[str, str]:
    """Return, by the same keys, the oldest tag in which a file has the content that a change gave it."""
    found = {}
    for key, change in changes.items():
        words = ("for-each-ref", "refs/tags", f"--contains={change.commit}", "--sort=creatordate")
        tags = os.fsdecode(git.run(*words, "--format=%(refname:strip=2)")).split("\n")[:-1]
        asked = "".join(f"refs/tags/{tag}:{change.path}\n" for tag in tags)
        answers = git.run("cat-file", "--batch-check=%(objectname)", stdin=os.fsencode(asked)).decode().split("\n")
        held = (tag for tag, answer in zip(tags, answers, strict=False) if answer == change.blob)
        if tag := next(held, None):
            found[key] = tag
    return found
