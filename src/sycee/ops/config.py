"""``sycee config``: read and change options in DVC's configuration files."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from sycee.errors import Conflict, NoRepository, NotFound, NotSet, SyceeError, UsageError
from sycee.formats import dvcconfig
from sycee.formats.dvcoptions import SECRETS, known_options, named_section, split_section, value_fault
from sycee.system.atomic import sweep, write_file
from sycee.system.refusals import refused
from sycee.workspace.config import (
    LEVELS,
    OWN_LEVELS,
    Level,
    Setting,
    config_files,
    find_dvc_dir,
    is_path,
    load_level,
    read_file,
)

PRIVATE = 0o600  # of config.local: it is where secrets belong
HIDDEN = "***"

_NAME = re.compile(r"(?:(remote|db)\.)?([^.]*)\.([^.]*)")

Edit = Callable[[bytes, str], bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration command works.

    Attributes:
        cwd: What relative paths in arguments are relative to; the repository is searched from here upwards.
        environ: The environment, for the places of the user's and the system's files.
        level: The file that was asked for; None for the repository's, and for reading all of them.
    """

    cwd: Path
    environ: Mapping[str, str]
    level: Level | None = None

    def files(self) -> Mapping[Level, Path]:
        """Return the file of each level there is here, the weakest first."""
        return config_files(find_dvc_dir(self.cwd), self.environ)

    def target(self) -> tuple[Level, Path]:
        """Return the file to change.

        Raises:
            NotFound: If it belongs to a repository and there is none.
        """
        level: Level = self.level or "repo"
        return level, self.file(level)

    def file(self, level: Level) -> Path:
        """Return the file of a level.

        Raises:
            NotFound: If it belongs to a repository and there is none.
        """
        files = self.files()
        if level not in files:
            raise NoRepository(
                f"{self.cwd} is not inside a sycee (DVC) repository", hint="run sycee init first, or use --global"
            )
        return files[level]

    def levels(self) -> list[Level]:
        """Return the levels to read, the weakest first.

        Raises:
            NotFound: If one was asked for that belongs to a repository and there is none.
        """
        if self.level is not None:
            self.file(self.level)
            return [self.level]
        return [level for level in LEVELS if level in self.files()]


@dataclass(frozen=True, slots=True)
class Entry:
    """An option as it stands in a file.

    Attributes:
        name: ``core.remote`` or ``remote.store.url``.
        setting: Value and origin.
    """

    name: str
    setting: Setting

    @property
    def shown(self) -> str:
        """The value for a listing: a secret is hidden."""
        return HIDDEN if self.name.rpartition(".")[2] in SECRETS else self.setting.text


def parse_name(text: str) -> tuple[str, str]:
    """Return canonical section title and option of a name such as ``core.remote`` or ``remote.store.url``.

    Raises:
        UsageError: If it has another form.
    """
    found = _NAME.fullmatch(text.lower())
    if found is None:
        raise UsageError(f"{text!r} names no option", hint="write SECTION.OPTION or remote.NAME.OPTION")
    kind, section, option = found.groups()
    return (named_section(kind, section) if kind else section), option


def entries(place: Place) -> Iterator[Entry]:
    """Yield all options of all files, or of the one that was asked for; the later of two with one name wins.

    Raises:
        FormatError: If a file is malformed.
    """
    for level in place.levels():
        for title, options in load_level(level, place.file(level), environ=place.environ).items():
            kind, name = split_section(title)
            prefix = kind if name is None else f"{kind}.{name}"
            yield from (Entry(f"{prefix}.{option}", setting) for option, setting in options.items())


def get_option(place: Place, name: str) -> Entry:
    """Return the option that applies.

    Raises:
        UsageError: If the name has no meaning.
        NotSet: If it is not set.
    """
    parse_name(name)
    found = [entry for entry in entries(place) if entry.name == name.lower()]
    if not found:
        raise NotSet(f"{name} is not set", hint="see `sycee config --list` for what is")
    return found[-1]


def set_option(place: Place, key: tuple[str, str], value: str) -> None:
    """Set an option.

    Args:
        place: Which file.
        key: Canonical section title and option.
        value: Paths are relative to the working folder, and are written relative to the file.

    Raises:
        UsageError: If DVC has no such option, or a secret would get into Git.
        NotFound: If there is no repository.
    """
    written = _written(place, key, value)
    _edit_section(place, key[0], lambda data, name: dvcconfig.set_option(data, name, key, written))


def set_remote(place: Place, name: str, url: str) -> None:
    """Give a remote this url, and in this file no other option, in one step.

    Raises:
        UsageError: If its options in other files do not belong to such a url, or a password would get into Git.
        NotFound: If there is no repository.
    """
    section = named_section("remote", name)
    written = _written(place, (section, "url"), url)
    _edit_section(place, section, lambda data, file: dvcconfig.add_remote(data, file, name, written))


def unset_option(place: Place, key: tuple[str, str]) -> None:
    """Remove an option.

    Raises:
        NotFound: If it is not set in that file, or there is no repository.
        UsageError: If a remote would be without a url.
    """
    _, file = place.target()
    if dvcconfig.get(dvcconfig.parse_lenient(read_file(file), str(file)), *key) is None:
        raise NotFound(f"{key[1]} is not set in the section {key[0]} of {file}", hint="see `sycee config --list`")
    _edit_section(place, key[0], lambda data, name: dvcconfig.unset_option(data, name, key))


def edit_file(place: Place, edit: Edit) -> None:
    """Change a configuration file in one step, if the edit changes anything.

    Raises:
        NotFound: If it belongs to a repository and there is none.
        Conflict: If the repository has a symbolic link in its place.
        FormatError: If it is malformed.
        SyceeError: If it cannot be written.
    """
    level, file = place.target()
    if level not in OWN_LEVELS and file.is_symlink():  # it would be replaced by a copy of what a clone made it point to
        raise Conflict(f"{file} is a symbolic link", hint="replace it by a file", path=str(file))
    before = read_file(file)
    after = edit(before, str(file))
    if after == before:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sweep(file.parent)
        write_file(file, after, mode=PRIVATE if level == "local" else None)
    except OSError as error:
        raise SyceeError(f"cannot write {file}: {error.strerror}", hint=refused(error).hint) from error


def _edit_section(place: Place, section: str, edit: Edit) -> None:
    """Change a section, unless a remote would come of it that DVC refuses, and all that it is asked with it.

    What was wrong before may stay: several commands mend it one by one.
    """
    kind, name = split_section(section)
    if kind == "remote" and name is not None:
        before = _faults_of_remote(place, section, lambda data, _: data)
        new = [fault for fault in _faults_of_remote(place, section, edit) if fault not in before]
        if new:
            hint = f"change its other options first, or forget it: sycee remote remove {quote(name)}"
            raise UsageError(f"the remote {name!r} {new[0]}; nothing was changed", hint=hint)
    edit_file(place, edit)


def _faults_of_remote(place: Place, section: str, edit: Edit) -> list[str]:
    """Say what would be wrong with the options that all files together have for a remote, after an edit of one."""
    _, target = place.target()
    options: dict[str, dvcconfig.Value] = {}
    there = False
    for file in place.files().values():
        data = read_file(file)
        sections = dvcconfig.parse_lenient(edit(data, str(file)) if file == target else data, str(file))
        there = there or section in sections
        options |= sections.get(section, {})
    url = options.get("url")
    if not isinstance(url, str):
        return ["would have no url"] if there else []
    of_kind = known_options(section, url) or {}
    foreign = [f"would have the option {one}, which {url} does not take" for one in options if one not in of_kind]
    return foreign + [
        f"would have an option {one} that {url} does not take: {fault}"
        for one, value in options.items()
        if isinstance(value, str) and (fault := value_fault(section, one, value, url))
    ]


def _refuse_secret(place: Place, key: tuple[str, str], value: str) -> None:
    level, file = place.target()
    section, option = key
    in_url = option == "url" and urlsplit(value).password is not None
    if level != "repo" or not (option in SECRETS or in_url):
        return
    what = "a url with a password" if in_url else option
    kind, name = split_section(section)
    command = f"remote modify --local {name}" if kind == "remote" else f"config --local {section}."
    raise UsageError(
        f"{what} would be committed to Git: {file} is tracked",
        hint=f"keep it in .dvc/config.local: `sycee {command}{'' if command.endswith('.') else ' '}{option} …`",
    )


def _written(place: Place, key: tuple[str, str], value: str) -> str:
    """Return a value as DVC writes it: a path is relative to the folder of the configuration file."""
    _refuse_secret(place, key, value)
    _, file = place.target()
    if not is_path(*key, value) or value.startswith(("/", "~")):
        return value
    return Path(os.path.relpath(place.cwd / value, file.parent)).as_posix()
