"""``sycee remote``: name, change and forget remotes, exactly as ``dvc remote`` writes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from sycee.errors import Conflict, NotFound, NotSet, UsageError
from sycee.formats import dvcconfig
from sycee.formats.dvcoptions import REMOTE_OPTIONS, known_options, option_fault, scheme_of
from sycee.ops.config import Place, edit_file, set_option, set_remote, unset_option
from sycee.workspace.config import LEVELS, Config, find_dvc_dir, load_config, load_level, read_file, remote_title

_DEFAULT = ("core", "remote")


@dataclass(frozen=True, slots=True)
class Listed:
    """A remote in a listing.

    Attributes:
        name: In lower case.
        url: A folder's absolute path, or ``scheme://…``.
        default: Whether it is used when none is named.
    """

    name: str
    url: str
    default: bool


def add_remote(place: Place, name: str, url: str, *, default: bool = False, force: bool = False) -> None:
    """Name a remote.

    Args:
        place: Which file.
        name: Kept in lower case.
        url: ``scheme://…``, or a folder relative to the working folder.
        default: Whether to use it when none is named.
        force: Whether to replace one of that name, with all its options.

    Raises:
        Conflict: If the name is taken in that file.
        UsageError: If name or url mean nothing, another file has options for it that do not belong to the url, or the
            url holds a password and the file is tracked by Git.
        NotFound: If there is no repository.
    """
    title = _title(name)
    if not url or scheme_of(url) not in {*REMOTE_OPTIONS, "remote"}:
        raise UsageError(
            f"{url!r} is no place that DVC knows", hint="give a folder, or s3://, gs://, azure:// or https://…"
        )
    there = title in _sections(place)
    if there and not force:
        raise Conflict(
            f"there is a remote {name!r} already", hint="use --force to replace it, or `sycee remote modify`"
        )
    set_remote(place, name, url)
    if default:
        set_option(place, _DEFAULT, name.lower())


def modify_remote(place: Place, name: str, option: str, value: str | None) -> None:
    """Set an option of a remote, or unset it if the value is None.

    Raises:
        NotFound: If there is no such remote in that file or a weaker one, or the option to unset is not set.
        UsageError: If a remote of its kind has no such option, or a secret would get into Git.
    """
    title = _title(name)
    url = _url_up_to(place, title)
    key = (title, option.lower())
    if value is None:
        unset_option(place, key)
        return
    if fault := option_fault(title, key[1], url):
        options = ", ".join(sorted(known_options(title, url) or ()))
        raise UsageError(f"{fault} ({scheme_of(url or '') or 'a folder'})", hint=f"it has these: {options}")
    set_option(place, key, value)


def set_default(place: Place, name: str) -> None:
    """Choose the remote that is used when none is named.

    Raises:
        NotFound: If there is no such remote in that file or a weaker one.
    """
    _url_up_to(place, _title(name))
    set_option(place, _DEFAULT, name.lower())


def unset_default(place: Place) -> None:
    """Choose no remote; that there was none is no error."""
    edit_file(place, lambda data, file: dvcconfig.unset_option(data, file, _DEFAULT))


def get_default(place: Place) -> str:
    """Return the name of the default remote.

    Raises:
        NotSet: If there is none.
    """
    name = _config(place).default_remote
    if name is None:
        raise NotSet("there is no default remote", hint="choose one: `sycee remote default NAME`")
    return name


def list_remotes(place: Place) -> Sequence[Listed]:
    """Return all remotes, of all files or of the one that was asked for."""
    config = _config(place)
    default = config.default_remote
    return [
        Listed(name, options["url"].text, name == default)
        for name, options in config.remotes().items()
        if "url" in options
    ]


def remove_remote(place: Place, name: str) -> None:
    """Forget a remote; nothing that it holds is deleted. It is no longer the default in that file or a stronger one.

    Raises:
        NotFound: If there is no such remote in that file.
        Conflict: If another file has options for it.
    """
    title = _require(place, name)
    _require_alone(place, name, title)
    edit_file(place, lambda data, file: dvcconfig.remove_section(data, file, title))
    _in_stronger(place, name, lambda one: edit_file(one, lambda data, f: dvcconfig.unset_option(data, f, _DEFAULT)))


def rename_remote(place: Place, name: str, new: str) -> None:
    """Give a remote another name, also where it is the default.

    Raises:
        NotFound: If there is no such remote in that file.
        Conflict: If the new name is taken in any file, or another file has options for it.
    """
    target = _title(new)
    title = _require(place, name)
    if any(target in _sections(replace(place, level=level)) for level in replace(place, level=None).levels()):
        raise Conflict(f"there is a remote {new!r} already", hint="choose another name")
    _require_alone(place, name, title)
    edit_file(place, lambda data, file: dvcconfig.rename_section(data, file, title, target))
    _in_stronger(place, name, lambda one: set_option(one, _DEFAULT, new.lower()))


def _require_alone(place: Place, name: str, title: str) -> None:
    """Refuse to take a remote from below options that another file has for it: DVC could read neither file then."""
    _, own = place.target()
    for level in replace(place, level=None).levels():
        other = replace(place, level=level)
        _, file = other.target()
        options = _sections(other).get(title)
        if file != own and options and "url" not in options:
            hint = f"take them out: sycee remote remove --{level} {quote(name)}"
            raise Conflict(f"{file} has options for the remote {name!r} too", hint=hint)


def _title(name: str) -> str:
    """Return the section of a remote, if DVC and its files can hold such a name."""
    if not name or name != name.strip() or set("\"'./\\[]#") & set(name) or not name.isprintable():
        raise UsageError(f"{name!r} cannot be the name of a remote", hint="use letters, digits, - and _")
    return remote_title(name)


def _sections(place: Place) -> dvcconfig.Sections:
    _, file = place.target()
    return dvcconfig.parse_lenient(read_file(file), str(file))


def _require(place: Place, name: str) -> str:
    title = _title(name)
    if title not in _sections(place):
        raise NotFound(f"there is no remote {name!r} in {place.target()[1]}", hint="see `sycee remote list`")
    return title


def _url_up_to(place: Place, title: str) -> str | None:
    """Return the url of a remote as the file that is changed and the weaker ones have it."""
    level, _ = place.target()
    weaker = [one for one in replace(place, level=None).levels() if LEVELS.index(one) <= LEVELS.index(level)]
    options: dict[str, dvcconfig.Value] = {}
    found = False
    for one in weaker:
        sections = _sections(replace(place, level=one))
        found = found or title in sections
        options.update(sections.get(title, {}))
    if not found:
        raise NotFound(f"there is no {title}", hint="see `sycee remote list`, or add it: `sycee remote add NAME URL`")
    url = options.get("url")
    return url if isinstance(url, str) else None


def _in_stronger(place: Place, name: str, change: Callable[[Place], None]) -> None:
    """Do something in every file from the changed one on, up to the strongest, whose default is this remote."""
    level, _ = place.target()
    for one in LEVELS[LEVELS.index(level) :]:
        at = replace(place, level=one)
        if one in place.files() and str(dvcconfig.get(_sections(at), *_DEFAULT)).lower() == name.lower():
            change(at)


def _config(place: Place) -> Config:
    if place.level is None:
        return load_config(find_dvc_dir(place.cwd), environ=place.environ)
    return Config(load_level(place.level, place.file(place.level), environ=place.environ))
