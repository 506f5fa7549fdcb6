"""The ``git`` process: plumbing commands with NUL-separated output, never a shell, never a prompt."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sycee.errors import NotFound, SyceeError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

PROTOCOLS = ("file", "git", "http", "https", "ssh")  # none of them starts a program that an address names
_FOREIGN = {"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS), "GIT_NO_LAZY_FETCH": "1"}
_FOREIGN_SETTINGS = (
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "safe.bareRepository=all",
)
ARGUMENTS = 200  # of the longest paths, so that every system takes them for one command
# A hook or an alias runs with the repository of whoever called it in the environment; ours is the one at ``root``.
_PLACE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"})
_FOREIGN_PLACE = _PLACE | {
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_CONFIG",
}
_CREDENTIALS = re.compile(r"^([a-z0-9+.-]+://)[^/]*@", re.IGNORECASE)


def toplevel(start: Path) -> Path | None:
    """Return the root of the Git work tree that holds ``start``, or None outside of one.

    Looks for ``.git`` (a folder, or the file of a worktree or submodule) without starting a process.
    """
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return None


@dataclass(frozen=True, slots=True)
class Git:
    """One Git work tree.

    Git runs in the top-level folder only. In any folder below it would first look whether that folder is itself a
    repository, and a clone can bring one along, with settings that start programs.

    Attributes:
        root: Its top-level folder, absolute; what :func:`toplevel` returned, or the folder of a bare repository.
        foreign: Whether somebody else decides what is in it: then Git speaks no protocol in which an address is a
            command, and fetches nothing that nobody asked for.
    """

    root: Path
    foreign: bool = False

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        ok: Iterable[int] = (0,),
        environ: Mapping[str, str] = MappingProxyType({}),
        seconds: float | None = None,
    ) -> bytes:
        """Run ``git`` in the work tree and return its standard output.

        Args:
            arguments: Subcommand and options.
            stdin: Bytes for its standard input.
            ok: Exit codes that are an answer and not a failure.
            environ: Further variables of its environment.
            seconds: When to give up; never, if None.

        Raises:
            NotFound: If git is not installed.
            SyceeError: If git fails, and the message is git's own; or if it takes longer.
        """
        done = self._process(arguments, stdin, environ, seconds)
        if done.returncode not in ok:
            words = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            verb = arguments[2 * arguments.count("-c")]
            raise SyceeError(f"git {verb} failed: {words}", hint="Git itself refuses: mend that, then repeat")
        return done.stdout

    def _process(
        self, arguments: tuple[str, ...], stdin: bytes | None, environ: Mapping[str, str], seconds: float | None
    ) -> "CompletedProcess[bytes]":
        import subprocess  # not small, and --help asks Git nothing

        strange = _FOREIGN_PLACE if self.foreign else _PLACE
        environment = {name: value for name, value in os.environ.items() if name not in strange}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        environment |= {**environ, **(_FOREIGN if self.foreign else {})}
        settings = _FOREIGN_SETTINGS if self.foreign else ()
        try:
            return subprocess.run(
                ["git", *settings, *arguments],
                cwd=self.root,
                input=stdin,
                capture_output=True,
                env=environment,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise SyceeError("git took too long and was stopped", hint="try `git status`: is it slow too?") from None
        except FileNotFoundError:
            raise NotFound("git is not installed", hint="install git and make sure it is on the PATH") from None

    def head(self) -> str | None:
        """Return the full commit id of HEAD, or None in a repository without commits."""
        return self.run("rev-parse", "--verify", "--quiet", "HEAD", ok=(0, 1)).decode().strip() or None

    def branch(self) -> str | None:
        """Return the name of the checked-out branch, or None when HEAD is detached."""
        return (
            self.run("symbolic-ref", "--short", "--quiet", "HEAD", ok=(0, 1)).decode(errors="replace").strip() or None
        )

    def own_paths(self, *names: str) -> list[Path]:
        """Return where this clone keeps files of Git's own; worktrees and ``core.hooksPath`` are Git's to know.

        Args:
            names: As they are called below ``.git``: ``info/exclude``, ``hooks``.
        """
        words = [word for name in names for word in ("--git-path", name)]
        return [self.root / name for name in os.fsdecode(self.run("rev-parse", *words)).split("\n")[:-1]]

    def dirty(self) -> bool:
        """Tell whether tracked files differ from HEAD, staged or not."""
        return bool(self.run("status", "--porcelain", "--untracked-files=no").strip())

    def remote_url(self) -> str | None:
        """Return the URL of ``origin`` without user name and password, or None."""
        url = self.run("config", "--get", "remote.origin.url", ok=(0, 1)).decode(errors="replace").strip()
        return without_credentials(url) or None

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Return those of ``paths`` (relative to the root) that are in the index."""
        wanted = [f":(literal,top){path}" for path in paths]
        groups = (wanted[start : start + ARGUMENTS] for start in range(0, len(wanted), ARGUMENTS))
        return {name for group in groups for name in _nul_separated(self.run("ls-files", "-z", "--", *group))}

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Return those of ``paths`` (relative to the root) that Git ignores; files in the index are not ignored."""
        wanted = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)  # a name like ":!x" would be a pattern
        if not wanted:
            return set()
        answer = self.run("check-ignore", "-z", "--stdin", stdin=wanted, ok=(0, 1))
        return {name.removeprefix("./") for name in _nul_separated(answer)}

    def attributes(self, paths: Iterable[str], *names: str) -> Mapping[str, Mapping[str, str]]:
        """Return the attributes of paths (relative to the root) that are not ``unspecified``.

        Returns:
            Path to attribute name to value, where a value is ``set``, ``unset`` or text.
        """
        wanted = b"".join(os.fsencode(path) + b"\0" for path in paths)
        answer = self.run("check-attr", "-z", "--stdin", *names, stdin=wanted).split(b"\0")[:-1]
        found: dict[str, dict[str, str]] = {}
        for path, name, value in zip(*[iter(answer)] * 3, strict=True):
            if value != b"unspecified":
                found.setdefault(os.fsdecode(path), {})[name.decode()] = value.decode()
        return found

    def blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs by their ids, all through one process; those that are not here are left out."""
        wanted = sorted(set(names))
        output = (
            self.run("cat-file", "--batch", stdin="".join(f"{name}\n" for name in wanted).encode()) if wanted else b""
        )
        found, at = {}, 0
        for name in wanted:
            header, _, _ = output[at : at + 200].partition(b"\n")
            at += len(header) + 1
            if header.endswith(b" missing"):  # a partial clone
                continue
            size = int(header.split(b" ")[2])
            found[name] = output[at : at + size]
            at += size + 1
        return found

    def stage(self, paths: Iterable[Path]) -> None:
        """Put files into the index, as ``git add`` does."""
        self.run("add", "--", *(f":(literal){path}" for path in paths))


def without_credentials(url: str) -> str:
    """Return an address without user name and password."""
    return _CREDENTIALS.sub(r"\1", url)


def _nul_separated(output: bytes) -> set[str]:
    return {os.fsdecode(part) for part in output.split(b"\0") if part}
