"""Named remotes: from a name in the configuration to a backend."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from sycee.errors import FormatError, NotFound, SyceeError
from sycee.formats.dvcoptions import REMOTE_OPTIONS, option_fault, scheme_of
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.workspace.config import Config, Options, Setting, guarded, is_own, overlaid, remote_title

DEFAULT_JOBS = 8
LOCAL_JOBS = min(8, os.cpu_count() or 1)  # nobody is waited for there, and threads get in each other's way
GIVEN = "--remote"  # what a remote is called of which somebody typed the address
MAX_REFERENCES = 10  # of `remote://` to another remote, so that a circle ends

# The module of `sycee.storage` for each scheme, and what opens a remote there. It is imported when one is opened: a
# command that talks to none of them starts in two thirds of the time.
_OPENERS = {
    "": ("local", "open_local"),
    "s3": ("s3", "open_s3"),
    "gs": ("gcs", "open_gcs"),
    "azure": ("azure", "open_azure"),
    "http": ("httpoptions", "open_http"),
    "https": ("httpoptions", "open_http"),
}


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """A remote as configured, references resolved.

    Attributes:
        name: In lower case, as DVC keeps it.
        url: A folder's absolute path, or ``scheme://…``.
        options: All other options.
        origins: Where they, and the url, were set.
        warnings: What a person should be told.
    """

    name: str
    url: str
    options: Mapping[str, str]
    origins: Options = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def flag(self, option: str) -> bool:
        """Return an option that is true or false; false if it is not set."""
        return self.options.get(option, "").lower() == "true"


@dataclass(frozen=True, slots=True)
class OpenedRemote:
    """A remote that can be used.

    Attributes:
        name: In lower case.
        backend: To be closed by the caller.
        jobs: How many objects may move at once.
        warnings: What a person should be told.
    """

    name: str
    backend: Backend
    jobs: int
    warnings: tuple[str, ...] = ()


def open_backend(
    config: Config,
    name: str | None = None,
    *,
    environ: Mapping[str, str],
    scratch: Path | None = None,
    by_name: bool = False,
) -> OpenedRemote:
    """Open a remote. Nothing is sent yet.

    Args:
        config: The configuration that applies.
        name: Of the remote, in any case; None for the default one.
        environ: The environment of the process, for credentials.
        scratch: Where what continues an interrupted transfer is kept, and which folders were there; None to keep
            nothing.
        by_name: Whether files are looked for by name and version, as version-aware remotes keep them.

    Raises:
        NotFound: If there is no such remote, or no default.
        UsageError: If its options contradict each other or cannot be honoured.
        SyceeError: If sycee cannot talk to its kind of store.
        RemoteError: If the credentials it names cannot be found, or a folder that was there is gone.
    """
    settings = remote_settings(config, name)
    opener = _opener(settings)
    for option in ("version_aware", "worktree"):
        if settings.flag(option) and not by_name:
            raise SyceeError(
                f"the remote {settings.name!r} is set to {option}: it keeps files by name, not objects by digest",
                hint=f"use `dvc push -r {settings.name}` and `dvc pull -r {settings.name}`, or another remote",
            )
    usual = DEFAULT_JOBS if scheme_of(settings.url) else LOCAL_JOBS
    jobs = settings.options.get("jobs")
    foreign = frozenset(option for option, origin in settings.origins.items() if not is_own(origin))
    request = RemoteRequest(settings.url, settings.options, environ, settings.name, foreign, scratch)
    return OpenedRemote(settings.name, opener(request), int(jobs) if jobs else usual, settings.warnings)


def _opener(settings: RemoteSettings) -> Callable[[RemoteRequest], Backend]:
    scheme = scheme_of(settings.url)
    if scheme not in REMOTE_OPTIONS:
        raise FormatError(
            f"the remote {settings.name!r} lies at {scheme}://, which DVC does not know either",
            hint=f"correct its url: `sycee remote modify {settings.name} url URL`",
        )
    if not speaks(scheme):
        raise SyceeError(
            f"sycee does not talk to {scheme}://, where the remote {settings.name!r} lies",
            hint=f"`dvc push -r {settings.name}` and `dvc pull -r {settings.name}` work on the same cache",
        )
    return opener_of(scheme)


def speaks(scheme: str) -> bool:
    """Tell whether sycee talks to the stores of a scheme; the empty one means folders."""
    return scheme in _OPENERS


def opener_of(scheme: str) -> Callable[[RemoteRequest], Backend]:
    """Return what opens stores of a scheme that sycee :func:`speaks`."""
    module, function = _OPENERS[scheme]
    opener: Callable[[RemoteRequest], Backend] = getattr(import_module(f"sycee.storage.{module}"), function)
    return opener


def remote_settings(config: Config, name: str | None = None) -> RemoteSettings:
    """Return the settings of a remote, ``remote://`` references to others resolved.

    Raises:
        NotFound: If there is no such remote, or no default.
        FormatError: If it has no url, refers to itself, or has an option that its kind of store does not know.
    """
    chosen = (name or config.default_remote or "").lower()
    if not chosen:
        raise NotFound("there is no default remote", hint=_suggestion(config, "name one with -r"))
    options, warnings = _resolved(config, chosen, MAX_REFERENCES)
    url = options["url"].text
    texts = {option: setting.text for option, setting in options.items() if option != "url"}
    for option in texts:
        if fault := option_fault(remote_title(chosen), option, url):
            raise FormatError(
                f"{options[option].file}: {fault}, whose url is {_shown(url)}",
                hint=f"unset it: `sycee remote modify --unset {chosen} {option}`",
            )
    return RemoteSettings(chosen, url, texts, options, warnings)


def _resolved(config: Config, name: str, left: int) -> tuple[Options, tuple[str, ...]]:
    """Return the options of a remote, on top of those of the remote it refers to."""
    options = config.remotes().get(name)
    if options is None:
        raise NotFound(f"there is no remote {name!r}", hint=_suggestion(config, "use one of these"), remote=name)
    if "url" not in options:
        raise FormatError(f"the remote {name!r} has no url", hint=f"set it: `sycee remote add -f {name} URL`")
    url = options["url"].text
    if scheme_of(url) != "remote":
        return options, ()
    if left == 0:
        raise FormatError(f"the remote {name!r} refers to itself", hint="give one of the remotes a real url")
    base_name, _, below = url.removeprefix("remote://").partition("/")
    base, warnings = _resolved(config, base_name.lower(), left - 1)
    joined = "/".join(part for part in (base["url"].text.rstrip("/"), below.strip("/")) if part)
    merged = {**base, **options, "url": Setting(joined, base["url"].level, base["url"].file)}
    kept, warning = guarded(merged, base)
    return kept, (*warnings, f'remote "{name}": {warning}') if warning else warnings


def addressed(config: Config, named: str | None, cwd: Path) -> tuple[Config, str | None]:
    """Return a configuration in which there is a remote with the name or address that somebody typed, and its name.

    An address that the configuration knows means that remote, with its options.

    Args:
        config: The configuration that applies.
        named: A name, a url, or a path with a slash; None for the default remote.
        cwd: What a relative path is relative to.
    """
    if named is None or not ("/" in named or named in {".", ".."}):
        return config, named
    url = named if scheme_of(named) else os.path.normpath(cwd / named)
    for name, options in config.remotes().items():
        if "url" in options and options["url"].text.rstrip("/") == url.rstrip("/"):
            return config, name
    typed = {"url": Setting(url, "global", Path(GIVEN))}  # the user's own, as what is in his own file
    return overlaid(config, {remote_title(GIVEN): typed}), GIVEN


def _suggestion(config: Config, otherwise: str) -> str:
    names = sorted(config.remotes())
    if not names:
        return "add one: `sycee remote add -d NAME URL`"
    return f"{otherwise}: {', '.join(names)}"


def _shown(url: str) -> str:
    return f"{scheme_of(url)}://…" if "@" in url else url
