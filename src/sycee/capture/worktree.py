"""The state of a Git work tree as a commit and one patch: what was changed, and source that Git does not know yet.

The tree of that state is made with an index and an object folder of its own, so neither the user's index nor the
repository's objects are touched. Left out is what is too large, what is no source, and what looks like a secret.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sycee.core.modelfolder import is_leftover
from sycee.core.secretscan import is_secret_file, secret_in
from sycee.digest import sha256_hex
from sycee.errors import SyceeError
from sycee.formats.paths import path_fault
from sycee.system.git import Git

MAX_FILE = 1 << 20  # bytes of an untracked file, and of the patch of a tracked one
MAX_TOTAL = 20 << 20
MAX_READ = 16 << 20  # bytes of a changed file that Git is asked to compare
MAX_DIGESTED = 64 << 20  # bytes of files that are left out and hashed
MAX_LISTED = 2000  # of these files
SECONDS = 10.0  # for all of it; more than a hundred thousand files take

_SOURCE = re.compile(
    r"py|pyi|pyx|pxd|pxi|ipynb|c|cc|cpp|cxx|cu|cuh|h|hh|hpp|hxx|m|mm|metal|rs|go|java|kt|scala|jl|r|lua|js|mjs|ts|tsx|jsx"
    r"|sh|bash|zsh|fish|ps1|bat|cmd|sql|proto|cmake|mk|nix|ya?ml|jsonc?|toml|ini|cfg|conf|gin|md|rst|tex|html|css|jinja|j2"
    r"|dvc|patch|diff",
    re.IGNORECASE,
)  # the suffixes of files that people write
_SOURCE_NAME = re.compile(
    r"(GNU)?makefile|dockerfile(\..+)?|containerfile|jenkinsfile|justfile|snakefile|rakefile|procfile|requirements.*\.txt"
    r"|constraints.*\.txt|cmakelists\.txt|dvc\.lock|\.(git|dvc|docker)ignore|\.gitattributes|\.gitmodules|\.editorconfig",
    re.IGNORECASE,
)
_HOMES = ("/model_card.yaml", "/pyvenv.cfg")  # of models, and of environments, which the lock tells of
_FOREIGN = frozenset({"site-packages", "node_modules", "__pycache__"})
_LINK, _SUBMODULE = "120000", "160000"
_SECTION = re.compile(rb"^diff --git ", re.MULTILINE)
_TREE = re.compile(rb"^Tree: ([0-9a-f]+)$", re.MULTILINE)
_PATCH = (
    *("-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "-U3"),
    *("--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all"),
)


class WorkState(NamedTuple):
    """A work tree, beside its commit.

    Attributes:
        patch: Applies to the commit by ``git apply`` (to nothing, where there is no commit); empty if nothing differs.
        left_out: Digests of files that the patch does not hold, as sha256sum writes them; empty without any.
        warnings: What is not in the patch though it may matter.
    """

    patch: bytes
    left_out: bytes
    warnings: tuple[str, ...]


def tree_in(patch: bytes) -> str:
    """Return the id of the Git tree that a patch of :func:`work_state` leads to."""
    found = _TREE.search(patch)
    return found[1].decode() if found else ""


def work_state(git: Git, *, leave: Iterable[str] = (), clock: float | None = None) -> WorkState:
    """Return the state of a work tree.

    Args:
        git: The work tree.
        leave: Files and folders that are no part of it, relative to its root: models, data with pointers.
        clock: When to have finished, of ``time.monotonic``; :data:`SECONDS` from now when None.

    Raises:
        SyceeError: If Git fails, or takes too long.
    """
    state = _WorkState(git, tuple(leave), time.monotonic() + SECONDS if clock is None else clock)
    return state.take()


class _Changed(NamedTuple):
    """A tracked file that differs from the commit: its path, and its kind before and now as Git's modes."""

    path: str
    before: str
    now: str


class _Built(NamedTuple):
    """A tree and its patch, which has a section for each file."""

    tree: str
    sections: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class _WorkState:
    git: Git
    leave: tuple[str, ...]
    until: float

    def take(self) -> WorkState:
        commit = self.git.head()
        base = commit or self._run("hash-object", "-t", "tree", "--stdin", stdin=b"").decode().strip()
        out = _LeftOut(self.git.root)
        names = [*self._changed(base, out), *self._untracked(out)]
        if not names:
            return WorkState(b"", out.listed(), tuple(out.warnings))
        with self._apart() as environ:
            built = self._built(base, names, environ)
            while refused := dict(self._refused(built)):
                for name, why in refused.items():
                    out.leave(name, why)
                names = [name for name in names if name not in refused]
                built = self._built(base, names, environ)
        patch = b"".join(section for _, section in built.sections)
        head = f"Work state of commit {commit or 'none'}\nTree: {built.tree}\n\n".encode()
        return WorkState(head + patch if patch else b"", out.listed(), tuple(out.warnings))

    def _run(self, *arguments: str, stdin: bytes | None = None, environ: Mapping[str, str] | None = None) -> bytes:
        seconds = max(self.until - time.monotonic(), 0.001)
        settings = ("-c", "core.safecrlf=false", "-c", "core.fsmonitor=false")
        return self.git.run(*settings, *arguments, stdin=stdin, environ=environ or {}, seconds=seconds)

    def _changed(self, base: str, out: "_LeftOut") -> list[str]:
        """Return the tracked files that may differ from the commit and can be in a patch."""
        raw = self._run("diff-index", "--raw", "-z", "--no-renames", "--ignore-submodules=untracked", base, "--")
        changed = [one for one in _entries(raw) if not self._is_left(one.path)]
        filtered = self.git.attributes([one.path for one in changed], "filter") if changed else {}
        kept: list[str] = []
        for one in changed:
            if why := _why_not(self.git.root / one.path, one, filtered.get(one.path, {}).get("filter")):
                out.leave(one.path, why)
            else:
                kept.append(one.path)
        return kept

    def _untracked(self, out: "_LeftOut") -> list[str]:
        listed = self._run("ls-files", "-z", "--others", "--exclude-standard")
        names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
        others = [name.rpartition("/")[0] for name in names if name.endswith(_HOMES)]
        kept, total = [], 0
        for name in names:
            if self._is_left(name) or _is_below(name, others) or not _FOREIGN.isdisjoint(name.split("/")):
                continue
            if why := _why_no_source(self.git.root / name, name):
                out.leave(name, why)
                continue
            total += (self.git.root / name).lstat().st_size
            if total > MAX_TOTAL:
                out.leave(name, f"more than {MAX_TOTAL >> 20} MB of source are not tracked")
            else:
                kept.append(name)
        return kept

    def _is_left(self, name: str) -> bool:
        return _is_below(name, self.leave)

    @contextmanager
    def _apart(self) -> Iterator[Mapping[str, str]]:
        """Give Git an index and an object folder of its own, beside the repository's objects."""
        objects = os.fsdecode(self._run("rev-parse", "--git-path", "objects")).rstrip("\n")
        paths = [str(self.git.root / objects), *filter(None, [os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")])]
        quoted = f'"{paths[0]}"' if os.pathsep in paths[0] else paths[0]
        with tempfile.TemporaryDirectory(prefix="sycee-") as place:
            yield {
                "GIT_INDEX_FILE": f"{place}/index",
                "GIT_OBJECT_DIRECTORY": f"{place}/objects",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join([quoted, *paths[1:]]),
                "GIT_NO_LAZY_FETCH": "1",
            }

    def _built(self, base: str, names: Sequence[str], environ: Mapping[str, str]) -> _Built:
        """Return the tree of the commit with these files as they are now, and the patch to it."""
        Path(environ["GIT_OBJECT_DIRECTORY"]).mkdir(exist_ok=True)
        self._run("read-tree", base, environ=environ)
        gone = {name for name in names if self._is_gone(name)}
        lines = b"".join(b"0 %s\t%s\0" % (b"0" * len(base), os.fsencode(name)) for name in sorted(gone))
        self._run("update-index", "-z", "--index-info", stdin=lines, environ=environ)
        listed = b"".join(os.fsencode(name) + b"\0" for name in names if name not in gone)
        self._run("update-index", "--add", "--replace", "-z", "--stdin", stdin=listed, environ=environ)
        tree = self._run("write-tree", "--missing-ok", environ=environ).decode().strip()
        raw = self._run("diff-tree", "-r", "--raw", "-z", "--no-renames", base, tree, environ=environ)
        patch = self._run("diff-tree", *_PATCH, base, tree, environ=environ)
        starts = [found.start() for found in _SECTION.finditer(patch)]
        texts = [patch[start:end] for start, end in pairwise([*starts, len(patch)])]
        # A file that became a link, or the other way round, is taken away and added: two sections.
        files = [one.path for one in _entries(raw) for _ in range(2 if _is_other_kind(one) else 1)]
        if len(files) != len(texts):
            raise SyceeError("Git gave a patch that cannot be told apart by files")
        return _Built(tree, list(zip(files, texts, strict=True)))

    def _is_gone(self, name: str) -> bool:
        """Tell whether no file is where Git has one: nothing, a folder, or something behind a link."""
        path = self.git.root / name
        above = [folder for folder in path.parents if self.git.root in folder.parents]
        is_file = path.is_symlink() or path.is_file()
        return not is_file or any(folder.is_symlink() for folder in above)

    def _refused(self, built: _Built) -> Iterator[tuple[str, str]]:
        """Yield the files whose part of the patch must not be kept, and why."""
        total = 0
        for name, section in built.sections:
            is_binary = b"\nGIT binary patch\n" in section
            found = secret_in(section) or (secret_in(_content(self.git.root / name)) if is_binary else None)
            total += len(section)
            if found:
                yield name, f"it holds what looks like {found.kind}"
            elif len(section) > MAX_FILE:
                yield name, f"its changes are more than {MAX_FILE >> 20} MB"
            elif total > MAX_TOTAL:
                yield name, f"the changes are more than {MAX_TOTAL >> 20} MB together"


class _LeftOut:
    """Collects what is left out: why, and the digest of what is no secret."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[str, str] = {}
        self._count = self._read = 0
        self.warnings: list[str] = []

    def leave(self, name: str, why: str) -> None:
        if why != _NO_SOURCE:
            self.warnings.append(f"the work state leaves out {_shown(name)}: {why}")
        path = self._root / name
        if "secret" in why or "looks like" in why or path.is_symlink() or not path.is_file() or path_fault(name):
            return  # the digest of a short secret gives it away
        self._count, self._read = self._count + 1, self._read + path.lstat().st_size
        if self._read <= MAX_DIGESTED and self._count <= MAX_LISTED:
            self._digests[name] = sha256_hex(_content(path))

    def listed(self) -> bytes:
        if (hashed := len(self._digests)) < self._count:
            self.warnings.append(f"of {self._count} files that the work state leaves out {hashed} were hashed")
        return "".join(f"{self._digests[name]}  {name}\n" for name in sorted(self._digests)).encode()


_NO_SOURCE = "it is no source"


def _why_not(path: Path, one: _Changed, driver: str | None) -> str | None:
    """Say why a changed file is not in the patch, or None if it may be."""
    if _SUBMODULE in {one.before, one.now}:
        return "it is a submodule, which is at another commit or has changes of its own; commit them there"
    if is_secret_file(one.path):
        return "files of this name hold secrets"
    if driver and path.exists():
        return f"Git keeps it through the filter {driver}"
    if path.is_symlink() and path.readlink().is_absolute():
        return "it is a link to a place of this machine"
    if path.is_file() and path.lstat().st_size > MAX_READ:
        return f"it is more than {MAX_READ >> 20} MB"
    return None


def _why_no_source(path: Path, name: str) -> str | None:
    """Say why an untracked file is not in the patch, or None if it may be."""
    if name.endswith("/"):
        return "it is a repository of its own"
    if is_secret_file(name):
        return "files of this name hold secrets"
    if path.is_symlink() or not path.is_file() or not _is_source(path.name) or is_leftover(name):
        return _NO_SOURCE
    if path.lstat().st_size > MAX_FILE:
        return f"it is not tracked and more than {MAX_FILE >> 20} MB"
    if found := secret_in(_content(path)):
        return f"line {found.line} holds what looks like {found.kind}"
    return None


def _is_source(name: str) -> bool:
    return bool(_SOURCE.fullmatch(Path(name).suffix.removeprefix(".")) or _SOURCE_NAME.fullmatch(name))


def _entries(raw: bytes) -> list[_Changed]:
    """Parse what Git's ``--raw -z`` gives."""
    fields = raw.split(b"\0")[:-1]
    found = []
    for state, path in zip(fields[::2], fields[1::2], strict=True):
        before, now, *_rest = state.decode().lstrip(":").split(" ")
        found.append(_Changed(os.fsdecode(path), before, now))
    return list(dict.fromkeys(found))  # a file in the middle of a merge is there twice


def _is_other_kind(one: _Changed) -> bool:
    kinds = {one.before, one.now} - {"000000"}
    return len(kinds) > 1 and _LINK in kinds


def _is_below(name: str, folders: Iterable[str]) -> bool:
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
