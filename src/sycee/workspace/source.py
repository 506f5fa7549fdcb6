"""Another repository as a source: what it tracks, in which state, and where the objects of that lie."""

import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from sycee.errors import NotFound, UsageError
from sycee.formats.dvcoptions import scheme_of
from sycee.formats.paths import path_fault
from sycee.storage.local import LocalBackend
from sycee.store.objects import Remote
from sycee.system.git import Git, toplevel, without_credentials
from sycee.system.gitfetch import commit_of, obtain, require_speakable
from sycee.system.locks import Notify, ignore_words
from sycee.system.usercache import user_cache
from sycee.workspace.config import (
    Config,
    Setting,
    config_of,
    find_dvc_dir,
    load_config,
    load_level,
    overlaid,
    remote_title,
)
from sycee.workspace.remotes import open_backend, remote_settings
from sycee.workspace.sourcetree import CommitTree, Plain, Tree, WorkTree
from sycee.workspace.tracked import LOCK, PIPELINE, Tracked, is_origin, parse_origin

CACHE = "cache"  # how the source's own cache is called in messages


@dataclass(frozen=True, slots=True)
class Asked:
    """Which repository, and how its remotes are meant.

    Attributes:
        url: An address that Git understands, or a path.
        rev: A revision; None for the work tree of a path, and for HEAD elsewhere.
        remote: The name of the remote to use instead of the default one.
        remote_config: Options of that remote that are meant for this once.
        config_file: A configuration file that counts more than the repository's.
    """

    url: str
    rev: str | None = None
    remote: str | None = None
    remote_config: Mapping[str, str] = field(default_factory=dict)
    config_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a source is asked for.

    Attributes:
        cwd: What paths are relative to.
        environ: The environment of the process.
        notify: Told in a sentence what the user should know.
    """

    cwd: Path
    environ: Mapping[str, str]
    notify: Notify = ignore_words

    @property
    def clones(self) -> Path:
        """The folder in which clones are kept."""
        return user_cache(self.environ) / "sources"


@dataclass(frozen=True, slots=True)
class Project:
    """One DVC project of a source.

    Attributes:
        below: Where it lies in the source; empty for its root.
        config: Its configuration, with what was set for this once.
        cache: Its own cache, where it can be reached, else None.
        around: Where it was asked for.
        nowhere: A folder that remotes with relative paths seem to lie in, since nobody knows where the source itself
            does; else None.
    """

    below: str
    config: Config
    cache: Path | None
    around: Surroundings
    nowhere: Path | None = None

    def stores(self, remote: str | None) -> Generator[Remote]:
        """Yield where its objects may lie, the nearest first; each is closed when the next is asked for.

        Args:
            remote: The remote that an out is bound to, None for the default one.

        Raises:
            NotFound: If there is no such remote; only after the cache, if there is one.
            SyceeError: If sycee cannot talk to it.
        """
        if self.cache:
            yield Remote(CACHE, LocalBackend(self.cache))
        if self.cache is None or remote or self.config.default_remote:
            opened = self.remote(remote)
            try:
                yield opened
            finally:
                opened.backend.close()

    def remote(self, name: str | None) -> Remote:
        """Open a remote; see :meth:`stores`."""
        try:
            self._require_reachable(name)
            opened = open_backend(self.config, name, environ=self.around.environ)
        except NotFound as error:
            names = ", ".join(sorted(self.config.remotes())) or "none"
            hint = f"choose one with --remote NAME, or --remote-config url=…; the source has {names}"
            raise NotFound(f"of the source: {error.message}", hint=hint) from None
        for warning in opened.warnings:
            self.around.notify(warning)
        return Remote(opened.name, opened.backend, opened.jobs)

    def _require_reachable(self, name: str | None) -> None:
        settings = remote_settings(self.config, name)
        if self.nowhere and not scheme_of(settings.url) and self.nowhere in Path(settings.url).parents:
            raise NotFound(f"the remote {settings.name!r} is a folder beside it, which cannot be reached from here")


@dataclass(frozen=True, slots=True)
class Source:
    """A state of another repository.

    Attributes:
        shown: Its address, for messages; without credentials.
        tree: Its plain files.
        projects: Its DVC projects, the outer before the inner.
        outs: What its pointers stand for, by path.
        commit: The full id of the commit it is at, None for a work tree.
    """

    shown: str
    tree: Tree
    projects: Sequence[Project]
    outs: Mapping[str, Tracked]
    commit: str | None

    def project_of(self, path: str) -> Project:
        """Return the innermost project that a path of :attr:`outs` lies in."""
        return next(one for one in reversed(self.projects) if within(path, one.below))

    def below(self, path: str) -> tuple[list[Tracked], dict[str, Plain]]:
        """Return the outs and the files of Git that are, or lie below, a path. Projects in its project do not count."""
        inner = [one.below for one in self.projects if one.below != path and within(one.below, path)]
        outs = [one for name, one in self.outs.items() if within(name, path) and not _in_any(name, inner)]
        plain = {name: one for name, one in self._plain() if within(name, path) and not _in_any(name, inner)}
        return outs, plain

    def holder_of(self, path: str) -> str | None:
        """Return the tracked file or folder that a path is or lies in, or None."""
        parts = path.split("/")
        return next((one for n in range(len(parts), 0, -1) if (one := "/".join(parts[:n])) in self.outs), None)

    def _plain(self) -> Iterator[tuple[str, Plain]]:
        for name, one in self.tree.files.items():
            if ".dvc" not in name.split("/")[:-1] and self.holder_of(name) is None:
                yield name, one


def within(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies below it; the empty one holds everything."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def inner_path(text: str) -> str:
    """Return a path within a source as it is kept: with ``/``, without ``.``; empty for the root.

    Raises:
        UsageError: If it leads out of the source, or is no name that may be given here.
    """
    path = os.path.normpath(text)
    if path.startswith(("/", "../")) or path == "..":
        raise UsageError(f"{text!r} leads out of the source", hint="name a path relative to the source's root")
    if path == ".":
        return ""
    if fault := path_fault(path):
        raise UsageError(f"{text!r} {fault}", hint="nothing of that name is taken out of a source")
    return path


def open_source(asked: Asked, around: Surroundings) -> Source:
    """Read what another repository tracks. Of a clone, only commits are read; nothing in it is executed.

    Args:
        asked: Which repository, in which state.
        around: Where it is asked for.

    Raises:
        NotFound: If there is no such repository or revision.
        RemoteError: If it cannot be reached.
        UsageError: If its address is of a kind that sycee does not speak.
        FormatError: If its configuration or a pointer is malformed.
    """
    require_speakable(asked.url)
    place = around.cwd / asked.url
    root = _root_around(Path(os.path.normpath(place))) if place.is_dir() else None
    if root is None:
        return _cloned(asked, around)
    git_root = toplevel(root)
    if asked.rev is None or git_root is None:
        return _read(asked, around, WorkTree(root), home=root, commit=None)
    git = Git(git_root, foreign=True)
    commit = commit_of(git, asked.rev)
    if commit is None:
        raise NotFound(f"{asked.rev!r} is no revision of {asked.url}", hint="see git log, git tag, git branch there")
    below = "" if root == git_root else root.relative_to(git_root).as_posix()
    return _read(asked, around, CommitTree(git, commit, below), home=root, commit=commit)


def _root_around(folder: Path) -> Path | None:
    dvc_dir = find_dvc_dir(folder)
    return dvc_dir.parent if dvc_dir else toplevel(folder)


def _cloned(asked: Asked, around: Surroundings) -> Source:
    place = around.cwd / asked.url
    url = str(place) if place.exists() else asked.url
    if not place.exists() and re.match(r"(\.{0,2}/|[^:]*$)", asked.url):
        raise NotFound(f"there is no repository {asked.url}", hint="name a path, or an address that git clone takes")
    found = obtain(url, asked.rev, home=around.clones)
    return _read(asked, around, CommitTree(found.git, found.id), home=_folder_of(url), commit=found.id)


def _folder_of(url: str) -> Path | None:
    """Return the folder that a file address means; relative remotes of a repository are relative to it."""
    if scheme_of(url) == "file":
        return Path(unquote(urlsplit(url).path))
    return Path(url) if url.startswith("/") else None


def _read(asked: Asked, around: Surroundings, tree: Tree, *, home: Path | None, commit: str | None) -> Source:
    projects = [_project(asked, around, tree, below, home) for below in _projects(tree.files)]
    outs: dict[str, Tracked] = {}
    for project in projects:
        for one in _tracked(tree, project.below, [other.below for other in projects]):
            if one.out.cache:
                path = one.path.relative_to(tree.root).as_posix()
                outs[path] = one._replace(relpath=path)
    return Source(without_credentials(asked.url), tree, projects, outs, commit)


def _projects(files: Mapping[str, Plain]) -> list[str]:
    """Return the folders in which projects begin, the outer before the inner."""
    marked = [name for name in files if f"/{name}".endswith("/.dvc/config")]
    return sorted(name.removesuffix(".dvc/config").rstrip("/") for name in marked)


def _tracked(tree: Tree, below: str, projects: Sequence[str]) -> Iterator[Tracked]:
    inner = [one for one in projects if one != below and within(one, below)]
    names = [name for name in tree.files if is_origin(name) and within(name, below) and not _in_any(name, inner)]
    beside = {name: name.removesuffix(LOCK) + PIPELINE for name in names if PurePosixPath(name).name == LOCK}
    data = dict(tree.read([*names, *(one for one in beside.values() if one in tree.files)]))
    for name in names:
        yield from parse_origin(tree.root / below, tree.root / name, data[name], data.get(beside.get(name, ""), b""))


def _in_any(name: str, folders: Sequence[str]) -> bool:
    return any(within(name, one) for one in folders)


def _project(asked: Asked, around: Surroundings, tree: Tree, below: str, home: Path | None) -> Project:
    """Read the configuration of a project: where its stores are is a matter of today, whatever commit is meant."""
    dvc_dir = (home / below if home else tree.root / below) / ".dvc"
    cache = None
    if home is not None and dvc_dir.is_dir():
        config = load_config(dvc_dir, environ=around.environ)
        cache = Path(config.get("cache", "dir") or dvc_dir / "cache")
    else:
        data = dict(tree.read([f"{below}/.dvc/config".lstrip("/")]))
        config = config_of(next(iter(data.values())), dvc_dir, environ=around.environ)
    config = _for_this_once(config, asked, around)
    for warning in config.warnings:
        around.notify(warning)
    return Project(below, config, cache, around, around.clones.parent if home is None else None)


def _for_this_once(config: Config, asked: Asked, around: Surroundings) -> Config:
    typed = around.cwd / "the command line"
    if asked.config_file:
        config = overlaid(config, load_level("local", asked.config_file, environ=around.environ))
    if asked.remote:
        config = overlaid(config, {"core": {"remote": Setting(asked.remote, "local", typed)}})
    if asked.remote_config:
        if (name := config.default_remote) is None:
            raise UsageError(
                "--remote-config needs a remote, and the source has no default one", hint="add --remote NAME"
            )
        options = {
            option: Setting(_typed(option, value, around.cwd), "local", typed)
            for option, value in asked.remote_config.items()
        }
        config = overlaid(config, {remote_title(name): options})
    return config


def _typed(option: str, value: str, cwd: Path) -> str:
    return os.path.normpath(cwd / value) if option == "url" and not scheme_of(value) else value
