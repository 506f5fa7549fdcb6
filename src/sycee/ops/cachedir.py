"""``sycee cache dir``: where the cache lies."""

import os
from pathlib import Path

from sycee.errors import Conflict, NoRepository, NotSet
from sycee.ops.config import Place, set_option, unset_option
from sycee.system.tree import kind_at
from sycee.workspace.config import find_dvc_dir, load_config, load_level

_KEY = ("cache", "dir")


def cache_dir(place: Place) -> str:
    """Return the cache's folder, absolute: the one that applies, or the one that is set in the file asked for.

    Raises:
        NotSet: If that file sets none.
        NoRepository: If no file was asked for, none sets it, and there is no repository with a cache of its own.
    """
    if place.level is not None:
        found = load_level(place.level, place.file(place.level), environ=place.environ).get(_KEY[0], {}).get(_KEY[1])
        if found is None:
            raise NotSet(f"cache.dir is not set in {place.file(place.level)}", hint="leave out the level, or set it")
        return found.text
    dvc_dir = find_dvc_dir(place.cwd)
    configured = load_config(dvc_dir, environ=place.environ).get(*_KEY)
    if configured is None and dvc_dir is None:
        raise NoRepository(f"{place.cwd} is not inside a sycee (DVC) repository", hint="run sycee init first")
    return configured or str(dvc_dir and dvc_dir / "cache")


def set_cache_dir(place: Place, value: str) -> None:
    """Set the cache's folder, which need not exist yet.

    Args:
        place: Which file.
        value: Relative to the working folder; written relative to the file.

    Raises:
        Conflict: If it is something else than a folder.
        NoRepository: If there is no repository.
    """
    folder = Path(os.path.normpath(place.cwd / Path(value).expanduser()))
    if (kind := kind_at(folder)) is not None and not folder.is_dir():
        raise Conflict(f"{folder} is a {kind}, and a cache is a folder", hint="choose another path, or remove it")
    set_option(place, _KEY, value)


def unset_cache_dir(place: Place) -> None:
    """Go back to the repository's own cache, ``.dvc/cache``.

    Raises:
        NotFound: If it is not set in that file, or there is no repository.
    """
    unset_option(place, _KEY)
