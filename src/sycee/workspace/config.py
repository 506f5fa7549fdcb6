"""The configuration that applies here: system < user < repository < local, each value with the file it comes from.

Where DVC looks, sycee looks: ``DVC_SYSTEM_CONFIG_DIR``, ``DVC_GLOBAL_CONFIG_DIR`` or the folders of the platform for
the first two, ``.dvc/config`` and ``.dvc/config.local`` for the others. A relative path in a file is relative to the
folder of that file.

A repository is written by others. It may name remotes, but it may not aim at another host the credentials that the
user or the system keeps for a remote: those are dropped then, with a warning. ``.dvc/config.local`` is the user's own
only as long as it does not come with the clone: if Git tracks it, or it belongs to another user of the machine, it may
no more than ``.dvc/config``.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from sycee.errors import SyceeError
from sycee.formats import dvcconfig
from sycee.formats.dvcoptions import CREDENTIALS, known_options, named_section, scheme_of, split_section
from sycee.system.git import Git, toplevel
from sycee.system.ownership import is_anothers

Level = Literal["system", "global", "repo", "local"]
LEVELS: tuple[Level, ...] = ("system", "global", "repo", "local")  # the later one wins
OWN_LEVELS: frozenset[Level] = frozenset({"system", "global"})  # what no clone of a repository brings along

_ADDRESS = ("url", "endpointurl", "oss_endpoint")  # options that say which host is spoken to
_PROTECTION = ("use_ssl", "ssl_verify", "auth")  # options that say how it is told from others, and what it is told


class Setting(NamedTuple):
    """A value and where it was set.

    Attributes:
        value: Text, or several for a list. Paths are absolute.
        level: Which of the files.
        file: Its path.
    """

    value: str | tuple[str, ...]
    level: Level
    file: Path

    @property
    def text(self) -> str:
        """The value as one text."""
        return self.value if isinstance(self.value, str) else ",".join(self.value)


Options = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Config:
    """All that is configured.

    Attributes:
        sections: Options by canonical section title (``core``, ``remote "store"``) and name.
        files: The configuration file of each level, whether or not it exists.
        warnings: What a person should be told once.
    """

    sections: Mapping[str, Options] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[Level, Path] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    def get(self, section: str, option: str) -> str | None:
        """Return an option as text, or None if it is not set. Paths are absolute."""
        setting = self.sections.get(section, {}).get(option)
        return None if setting is None else setting.text

    def get_bool(self, section: str, option: str, *, default: bool = False) -> bool:
        """Return an option that is true or false."""
        text = self.get(section, option)
        return default if text is None else text.lower() == "true"

    def get_list(self, section: str, option: str) -> Sequence[str]:
        """Return an option that is a list, empty if it is not set."""
        return [part.strip() for part in (self.get(section, option) or "").split(",") if part.strip()]

    def remotes(self) -> Mapping[str, Options]:
        """Return the options of all remotes by name, in the order of the files."""
        named = {split_section(title): options for title, options in self.sections.items()}
        return {name: options for (kind, name), options in named.items() if kind == "remote" and name is not None}

    @property
    def default_remote(self) -> str | None:
        """The name of the remote that is meant when none is named."""
        name = self.get("core", "remote")
        return name.lower() if name else None


def load_config(dvc_dir: Path | None, *, environ: Mapping[str, str]) -> Config:
    """Read and merge the configuration of all levels.

    Args:
        dvc_dir: The ``.dvc`` folder, or None outside of a repository.
        environ: The environment of the process.

    Raises:
        FormatError: If a file is malformed or sets what DVC does not know.
        SyceeError: If a file cannot be read.
    """
    files = config_files(dvc_dir, environ)
    levels = {level: load_level(level, path, environ=environ) for level, path in files.items()}
    if levels.get("local"):
        levels["local"] = _trusted(levels["local"], files["local"], sole=not any(levels[one] for one in OWN_LEVELS))
    merged = _merged(levels, files)
    if levels.get("local") and is_anothers(files["local"]):
        warning = f"{files['local']} belongs to another user: what it says counts as the repository's, not as your own"
        return replace(merged, warnings=(warning, *merged.warnings))
    return merged


def config_of(data: bytes, folder: Path, *, environ: Mapping[str, str]) -> Config:
    """Merge the configuration of a repository that is not in a work tree with the user's and the system's.

    Args:
        data: Its ``.dvc/config``.
        folder: What its relative paths are relative to: where its ``.dvc`` lies, or would lie.
        environ: The environment of the process.

    Raises:
        FormatError: If a file is malformed or sets what DVC does not know.
    """
    files = config_files(None, environ)
    levels = {level: load_level(level, path, environ=environ) for level, path in files.items()}
    levels["repo"] = _placed("repo", dvcconfig.parse(data, f"{folder}/config"), folder / "config", environ)
    return _merged(levels, {**files, "repo": folder / "config"})


def overlaid(config: Config, sections: Mapping[str, Options]) -> Config:
    """Return a configuration in which the user has set some options for this once."""
    merged = {**config.sections}
    for title, options in sections.items():
        merged[title] = {**merged.get(title, {}), **options}
    return replace(config, sections=MappingProxyType(merged))


def _merged(levels: Mapping[Level, Mapping[str, Options]], files: Mapping[Level, Path]) -> Config:
    merged: dict[str, dict[str, Setting]] = {}
    known: dict[str, dict[str, Setting]] = {}
    for level, sections in levels.items():
        for title, options in sections.items():
            merged.setdefault(title, {}).update(options)
            if level in OWN_LEVELS:
                known.setdefault(title, {}).update(options)
    warnings = []
    for title, options in known.items():
        kept, warning = guarded(merged[title], options)
        merged[title] = dict(kept)
        warnings += [f"{title}: {warning}"] if warning else []
    return Config(MappingProxyType(merged), files, tuple(warnings))


def is_own(setting: Setting) -> bool:
    """Tell whether a setting is the user's or the system's, and none that a clone of the repository brings along."""
    if setting.level == "local":
        return not setting.file.is_symlink() and not _comes_with_the_clone(setting.file)
    return setting.level in OWN_LEVELS


def _comes_with_the_clone(file: Path) -> bool:
    if is_anothers(file):
        return True
    root = toplevel(file.parent)
    if root is None:
        return False
    try:
        return bool(Git(root).tracked([file.relative_to(root).as_posix()]))
    except SyceeError:  # nobody can tell
        return True


def _trusted(sections: Mapping[str, Options], file: Path, *, sole: bool) -> Mapping[str, Options]:
    """Return the local settings as far as they are the user's.

    Args:
        sections: What the file says.
        file: It.
        sole: Whether nothing else is the user's own, so that there is nothing to protect.
    """
    linked = file.is_symlink()
    if (sole and not linked) or not _comes_with_the_clone(file):
        return sections
    if linked:  # the clone reaches for secrets that the user keeps elsewhere
        return {}
    return {
        title: {option: setting._replace(level="repo") for option, setting in options.items()}
        for title, options in sections.items()
    }


def find_dvc_dir(start: Path) -> Path | None:
    """Return the ``.dvc`` folder of the repository around a folder, or None. Reads no configuration."""
    start = Path(os.path.normpath(start.absolute()))
    return next((one / ".dvc" for one in (start, *start.parents) if (one / ".dvc").is_dir()), None)


def config_files(dvc_dir: Path | None, environ: Mapping[str, str]) -> Mapping[Level, Path]:
    """Return the configuration file of each level, the weakest first."""
    files: dict[Level, Path] = {
        "system": _folder(environ, "DVC_SYSTEM_CONFIG_DIR", _system_folder(environ)) / "config",
        "global": _folder(environ, "DVC_GLOBAL_CONFIG_DIR", _user_folder(environ)) / "config",
    }
    if dvc_dir is not None:
        files |= {"repo": dvc_dir / "config", "local": dvc_dir / "config.local"}
    return files


def load_level(level: Level, path: Path, *, environ: Mapping[str, str]) -> Mapping[str, Options]:
    """Read one configuration file; one that does not exist is empty.

    Raises:
        FormatError: If it is malformed.
        SyceeError: If it cannot be read.
    """
    return _placed(level, dvcconfig.parse(read_file(path), str(path)), path, environ)


def _placed(
    level: Level, sections: Mapping[str, Mapping[str, dvcconfig.Value]], path: Path, environ: Mapping[str, str]
) -> Mapping[str, Options]:
    return {
        title: {
            option: Setting(_resolved(title, option, value, path.parent, environ), level, path)
            for option, value in options.items()
        }
        for title, options in sections.items()
    }


def read_file(path: Path) -> bytes:
    """Return the bytes of a configuration file, none if it does not exist.

    Raises:
        SyceeError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(dvcconfig.MAX_BYTES + 1)  # enough to see that it is too long
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise SyceeError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error


def guarded(options: Options, known: Options) -> tuple[Options, str | None]:
    """Return the options of a remote without credentials that a repository would send elsewhere.

    Args:
        options: What applies, after merging.
        known: What the user's and the system's files say of that remote by themselves.

    Returns:
        The options to use, and a warning if some were left out.
    """
    place = _redirection(options, known)
    if place is None or "url" not in known:
        return options, None
    dropped = sorted(name for name, one in options.items() if name in CREDENTIALS and one.level in OWN_LEVELS)
    if not dropped:
        return options, None
    kept = {name: one for name, one in options.items() if name not in dropped}
    return kept, f"{place}, so these settings of your own are not used for it: {', '.join(dropped)}"


def _redirection(options: Options, known: Options) -> str | None:
    """Say how a repository leads a remote that the user knows to somebody else, or None."""
    for name in _ADDRESS:
        if _elsewhere(options.get(name), known.get(name)):
            return f"{options[name].file} aims it at another host ({host_of(options[name].text)})"
    for name in _PROTECTION:
        setting, own = options.get(name), known.get(name)
        if setting and setting.level == "repo" and setting.text not in {"true", own and own.text}:
            return f"{setting.file} sets {name} to {setting.text}"
    return None


def _elsewhere(setting: Setting | None, known: Setting | None) -> bool:
    if setting is None or setting.level != "repo":
        return False  # what the user sets in config.local is the user's own will
    return known is None or host_of(setting.text) != host_of(known.text)


def host_of(url: str) -> str:
    """Return scheme and host of a url, without user name and password."""
    from urllib.parse import urlsplit  # with what it imports, a tenth of the time a small command takes to start

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}".lower() if scheme_of(url) else "file://"


def is_path(section: str, option: str, value: str) -> bool:
    """Tell whether DVC takes this value for a path that is relative to the configuration file."""
    kind = (known_options(section) or {}).get(option)
    return kind == "path" and re.match(r"\w+://", value) is None


def _resolved(
    section: str, option: str, value: dvcconfig.Value, folder: Path, environ: Mapping[str, str]
) -> dvcconfig.Value:
    if not isinstance(value, str) or not is_path(section, option, value):
        return value
    if value == "~" or value.startswith("~/"):  # kept in the file, meant at the time of use
        return environ.get("HOME", str(Path.home())) + value[1:]
    return os.path.normpath(folder.absolute() / value)


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    named = environ.get(variable)
    return Path(named) if named else default


def _user_folder(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "dvc"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "dvc"


def _system_folder(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path("/Library/Application Support/dvc")
    return Path((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")[0]) / "dvc"


def remote_title(name: str) -> str:
    """Return the canonical title of a remote's section."""
    return named_section("remote", name)
