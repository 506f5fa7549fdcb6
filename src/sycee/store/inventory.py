"""What a remote holds, asked in the cheaper of two ways: object by object, or folder by folder.

A folder of a remote (``files/md5/ab``) is listed in pages. Listing all 256 of them answers for any number of objects,
but reads every name that the remote keeps. So of each folder no more pages are read than it has objects to look for;
what was not met by then is asked for singly. Hence, however large the remote, there are never more than twice as many
requests as objects, and for a remote that holds little else there are 256.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sycee.storage.port import Backend, CannotList
from sycee.store.objects import FEW

if TYPE_CHECKING:
    from concurrent.futures import Executor

PAGE = 1_000  # names in one answer of S3

Asked = Callable[[int], None]


def ignore_asked(_requests: int) -> None:
    """Do not count."""


def inventory(backend: Backend, keys: Collection[str], pool: "Executor", asked: Asked = ignore_asked) -> dict[str, int]:
    """Return the size of each object that a store holds.

    Args:
        backend: The store.
        keys: Of the objects.
        pool: In whose threads it is asked.
        asked: Told of requests, in those threads; counts as S3 does.

    Returns:
        Size in bytes by key; keys of absent objects are left out.

    Raises:
        RemoteError: If the store cannot be asked.
    """
    if len(keys) <= FEW:
        answers = pool.map(lambda group: _asked_singly(backend, group, asked), ([key] for key in keys))
    else:
        folders: dict[str, list[str]] = {}
        for key in sorted(keys):
            folders.setdefault(key.rpartition("/")[0], []).append(key)
        answers = pool.map(lambda group: _listed(backend, group, asked), folders.values())
    return {key: size for answer in answers for key, size in answer.items()}


def _listed(backend: Backend, keys: list[str], asked: Asked) -> dict[str, int]:
    """Look for keys of one folder."""
    wanted, found, seen = set(keys), {}, 0
    try:
        for stored in backend.list(keys[0].rpartition("/")[0]):
            seen += 1
            if stored.key in wanted:
                found[stored.key] = stored.size
            if seen > PAGE * len(keys):
                found |= _asked_singly(backend, [key for key in keys if key not in found], asked)
                break
    except CannotList:
        return _asked_singly(backend, keys, asked)
    asked(max(1, -(-seen // PAGE)))
    return found


def _asked_singly(backend: Backend, keys: list[str], asked: Asked) -> dict[str, int]:
    asked(len(keys))
    sizes = ((key, backend.size(key)) for key in keys)
    return {key: size for key, size in sizes if size is not None}
