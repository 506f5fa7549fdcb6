"""The urls of ``dvc import-url``: a file or folder outside the repository, on disk or in a store."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sycee.errors import UsageError
from sycee.formats.dvcoptions import scheme_of
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.workspace.config import Config
from sycee.workspace.remotes import open_backend, opener_of, remote_settings, speaks

_DVC = "bring it with dvc: dvc pull"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a url leads.

    Attributes:
        backend: The store, or the folder around a local file; to be closed by the caller.
        key: Of the file, or of the folder, in it.
        path: Of what is local, links followed; else None.
        tells_versions: Whether what the store calls its versions is what DVC notes of them.
    """

    backend: Backend
    key: str
    path: Path | None = None
    tells_versions: bool = True


@dataclass(frozen=True, slots=True)
class Around:
    """What urls are read with.

    Attributes:
        config: The configuration, for ``remote://``.
        environ: The environment of the process, for credentials.
        folder: What relative paths are relative to.
        warn: Told what a person should know of a remote.
    """

    config: Config
    environ: Mapping[str, str]
    folder: Path
    warn: Callable[[str], None]


def open_place(url: str, around: Around) -> Place:
    """Open what a url leads to. Nothing is sent yet.

    A url that names no remote is opened with no options but those of the environment: whoever wrote it may not aim
    the credentials of a configured remote.

    Raises:
        NotFound: If there is no such remote.
        UsageError: If it names no file or folder that sycee can ask for.
        SyceeError: If sycee cannot talk to its kind of store.
    """
    scheme = scheme_of(url)
    if scheme == "remote":
        return _at_remote(url, around)
    if not scheme:
        return _on_disk(around.folder / url, around)
    if not speaks(scheme):
        raise UsageError(f"sycee does not speak {scheme}://", hint=_DVC)
    above, _, name = url.rpartition("/")
    if urlsplit(url).query or urlsplit(url).fragment or not name or urlsplit(above).netloc == "":
        raise UsageError(f"{_shown(url)} names no file or folder that sycee can ask for", hint=_DVC)
    backend = opener_of(scheme)(RemoteRequest(above, {}, around.environ))
    return Place(backend, _key(scheme, name), tells_versions=scheme != "gs")


def _at_remote(url: str, around: Around) -> Place:
    name, _, below = url.removeprefix("remote://").partition("/")
    settings = remote_settings(around.config, name)
    scheme = scheme_of(settings.url)
    if not scheme:
        return _on_disk(Path(settings.url) / below, around)
    opened = open_backend(around.config, name, environ=around.environ)
    for warning in opened.warnings:
        around.warn(warning)
    return Place(opened.backend, _key(scheme, below.strip("/")), tells_versions=scheme != "gs")


def _on_disk(path: Path, around: Around) -> Place:
    real = Path(os.path.realpath(path))
    request = RemoteRequest(str(real.parent), {}, around.environ)
    return Place(opener_of("")(request), real.name, real)


def _key(scheme: str, text: str) -> str:
    return unquote(text) if scheme.startswith("http") else text


def _shown(url: str) -> str:
    return f"{url.partition('://')[0]}://…{url.rpartition('@')[2]}" if "@" in url else url
