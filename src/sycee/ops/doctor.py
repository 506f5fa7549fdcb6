"""``sycee doctor``: look at everything a command will need, and say what could go wrong. Changes nothing."""

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import sycee
from sycee.errors import Conflict, NotFound, SyceeError
from sycee.formats.dvcoptions import SECRETS
from sycee.storage.port import CannotList
from sycee.store.layout import PRIVATE
from sycee.store.transfer import lacking
from sycee.system.programs import version_of
from sycee.system.tree import scan
from sycee.trust import keys
from sycee.workspace.remotes import open_backend
from sycee.workspace.repository import Repository, find_repository
from sycee.workspace.tracked import Tracked, origins, read_origin
from sycee.workspace.wanted import wanted

State = Literal["ok", "warning", "problem"]
PROBE = f"{PRIVATE}/doctor"  # a key that nobody stores anything under
_LEFTOVER_AGE = 3600  # seconds; a younger temporary file may belong to a command that is running


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What: ``git``, ``pointers``, ``remote store``, ``key release.key``.
        state: ``problem`` if a command will fail on it, ``warning`` if it deserves a look.
        message: What was found.
        hint: What to do, or None.
    """

    subject: str
    state: State
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """What to look at.

    Attributes:
        start: A folder in the repository.
        environ: The environment of the process.
        remote: The remote to reach for; None for the default one.
        keys: Key files to read.
    """

    start: Path
    environ: Mapping[str, str]
    remote: str | None = None
    keys: Sequence[Path] = ()


def doctor(checkup: Checkup) -> Iterator[Finding]:
    """Yield what is found, as soon as it is: versions, repository, remote, keys."""
    yield from _versions()
    try:
        repo = find_repository(checkup.start, environ=checkup.environ)
    except NotFound as error:
        yield Finding("repository", "warning", error.message, error.hint)
    except SyceeError as error:
        yield _failed("repository", error)
    else:
        yield from _repository(repo)
        yield _remote(repo, checkup)
        repo.close()
    yield from (_key(path) for path in checkup.keys)


def _failed(subject: str, error: SyceeError) -> Finding:
    return Finding(subject, "problem", error.message, error.hint)


def _versions() -> Iterator[Finding]:
    yield Finding("sycee", "ok", sycee.__version__)
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    git = version_of("git")
    yield Finding("git", "ok", git) if git else Finding("git", "problem", "not on the PATH", "install git")
    for program, argument in (("dvc", "--version"), ("openssl", "version")):
        yield Finding(program, "ok", version_of(program, argument) or "not on the PATH, and not needed")
    for package in ("cryptography", "obstore", "blake3"):
        yield _package(package)


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "problem", "not installed", "install sycee again: pip install --force-reinstall sycee")


def _repository(repo: Repository) -> Iterator[Finding]:
    yield Finding("repository", "ok", str(repo.root))
    yield from (Finding("settings", "warning", warning) for warning in repo.config.warnings)
    yield from _secrets(repo)
    tracked, faults = _pointers(repo)
    yield from faults
    yield _cache(repo)
    yield _objects(repo, tracked)
    yield from _kept(repo)


def _secrets(repo: Repository) -> Iterator[Finding]:
    for section, options in repo.config.sections.items():
        for name in sorted(SECRETS & options.keys()):
            setting = options[name]
            if setting.level == "repo":
                hint = f"move it to .dvc/config.local, and change it: Git remembers {setting.file.name}"
                yield Finding("settings", "problem", f"{name} of {section} is in {setting.file}, for all to read", hint)
    local = repo.config.files["local"]
    if local.exists() and local.stat().st_mode & 0o077:
        yield Finding("settings", "warning", f"{local} can be read by others", f"chmod 600 {local}")


def _pointers(repo: Repository) -> tuple[list[Tracked], list[Finding]]:
    tracked: list[Tracked] = []
    findings: list[Finding] = []
    for origin in origins(repo.root, repo.git):
        try:
            tracked += read_origin(repo.root, origin, repo.git)
        except SyceeError as error:
            findings.append(_failed("pointers", error))
    if not findings:
        try:
            repo.tracked()
        except SyceeError as error:  # each is good by itself, and two claim one path
            findings.append(_failed("pointers", error))
    return tracked, findings or [Finding("pointers", "ok", f"{len(tracked)} tracked, all readable")]


def _cache(repo: Repository) -> Finding:
    root = repo.cache.root
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    if not place.is_dir():
        return Finding("cache", "problem", f"{place} is not a folder", "move it away, or set cache.dir")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("cache", "problem", f"{place} is not writable", "mend its permissions, or set cache.dir")
    return Finding("cache", "ok", f"{root}, writable, links by {', '.join(repo.link_ways)}")


def _objects(repo: Repository, tracked: Sequence[Tracked]) -> Finding:
    items = [item for one in tracked if (item := wanted(one))]
    absent = [item.label for item in items if lacking(repo.cache, [item])]
    if not absent:
        return Finding("objects", "ok", "all that the pointers name are in the cache")
    shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    return Finding("objects", "warning", f"not all of {shown} in the cache", "get them: sycee fetch")


def _kept(repo: Repository) -> Iterator[Finding]:
    """Look for what earlier commands left: interrupted ones, and those that found damage."""
    private = repo.cache.root / PRIVATE
    old = [size for size, age in _files(private / "tmp") if age > _LEFTOVER_AGE]
    if old:
        words = f"{len(old)} temporary files of interrupted commands, {_megabytes(old)}"
        yield Finding("leftovers", "warning", words, "the next sycee add or fetch removes them")
    for folder, what in ((private / "quarantine", "damaged objects"), (repo.scratch / "aside", "files set aside")):
        if sizes := [size for size, _ in _files(folder)]:
            hint = f"look at them, then remove them: {folder}"
            yield Finding("kept", "warning", f"{len(sizes)} {what}, {_megabytes(sizes)}", hint)


def _files(folder: Path) -> list[tuple[int, float]]:
    """Return size and age in seconds of the files below a folder, which may be absent."""
    if not folder.is_dir():
        return []
    now = time.time()
    return [(e.stat.st_size, now - e.stat.st_mtime) for e in scan(folder) if e.kind == "file"]


def _megabytes(sizes: Sequence[int]) -> str:
    return f"{sum(sizes) / 1e6:.1f} MB"


def _remote(repo: Repository, checkup: Checkup) -> Finding:
    if checkup.remote is None and not repo.config.default_remote:
        return Finding("remote", "warning", "there is no default one", "add one: sycee remote add -d NAME URL")
    subject = f"remote {checkup.remote or repo.config.default_remote}"
    try:
        opened = open_backend(repo.config, checkup.remote, environ=checkup.environ)
        try:
            opened.backend.size(PROBE)
            with suppress(CannotList):
                next(opened.backend.list(PROBE), None)  # a missing bucket has no objects either, and says so only here
        finally:
            opened.backend.close()
    except SyceeError as error:
        return _failed(subject, error)
    if opened.warnings:
        return Finding(subject, "warning", "; ".join(opened.warnings))
    place = opened.backend.describe()
    if (folder := Path(place)).is_absolute() and not folder.is_dir():
        hint = f"the first push makes it; if it should be there: sycee remote modify {opened.name} url …"
        return Finding(subject, "warning", f"{place} does not exist", hint)
    return Finding(subject, "ok", f"{place}, reachable")


def _key(path: Path) -> Finding:
    subject = f"key {path.name}"
    try:
        pem = keys.read_private_pem(path)
        return Finding(subject, "ok", _described(pem, str(path)))
    except Conflict as error:  # our own wording: there is no flag to allow it here
        return Finding(subject, "problem", error.message, f"chmod 600 {path}")
    except SyceeError as error:
        return _failed(subject, error)


def _described(pem: bytes, name: str) -> str:
    if b"PRIVATE KEY-----" not in pem:
        public = keys.parse_public(pem, name)
        return f"public, {public.kind}, {public.fingerprint[:16]}…"
    if keys.is_encrypted(pem):
        return "private, encrypted by a password"
    public = keys.parse_private(pem, name).public
    return f"private, {public.kind}, not encrypted, {public.fingerprint[:16]}…"
