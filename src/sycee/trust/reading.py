"""How the verifier takes in the bytes it compares: by hashing them, or by keeping exactly those that it hashed.

The verifier asks a :class:`Reader` for size and digest of each file and compares. What the reader does with the bytes
in that same pass is its own business: forget them (``verify``), seal them in memory (``load``), copy them (``export``).
"""

import os
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from sycee.digest import Algorithm
from sycee.system.onepass import LARGE, OnBytes, cores, hash_fd
from sycee.trust.folder import ModelFolder

_FEW = 8 << 20  # bytes of small files that are read before a pool of threads would have started

Result = TypeVar("Result")


def side_by_side(sizes: Mapping[str, int], read: Callable[[str], Result]) -> list[Result]:
    """Read files: the large ones one after the other, each by all cores; the small ones a few at a time.

    Args:
        sizes: Name to size in bytes.
        read: Reads one of them; called from any thread.

    Returns:
        What ``read`` gave, in no particular order.
    """
    small = [name for name, size in sizes.items() if size < LARGE]
    results = [read(name) for name, size in sizes.items() if size >= LARGE]
    if len(small) < 2 or cores() < 2 or sum(sizes[name] for name in small) < _FEW:
        return results + [read(name) for name in small]
    from concurrent.futures import ThreadPoolExecutor  # a tenth of the time `sycee verify` takes to start

    with ThreadPoolExecutor(cores(), thread_name_prefix="sycee-read") as pool:
        try:
            return results + list(pool.map(read, small))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Reader(Protocol):
    """Takes in files, each once, perhaps several at a time."""

    def take(self, folder: ModelFolder, name: str, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[int, str]:
        """Read a whole file.

        Args:
            folder: The open model folder.
            name: Path of the file below it.
            algorithm: The digest to make.
            on_bytes: Called with the number of bytes of each step.

        Returns:
            Number of bytes read, and their digest in lower-case hexadecimal.
        """

    def keep(self, name: str, data: bytes) -> None:
        """Accept a file that the verifier itself read, since it parses these very bytes."""

    def head(self, folder: ModelFolder, name: str, size: int) -> bytes:
        """Return the first bytes of a file: of what was taken, if this reader keeps that.

        Args:
            folder: The open model folder.
            name: Path of the file below it.
            size: How many; fewer if the file is shorter.
        """


class Hashing:
    """Reads, hashes, forgets."""

    def take(self, folder: ModelFolder, name: str, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[int, str]:
        """See :meth:`Reader.take`."""
        with folder.opened(name) as fd:
            return hash_fd(fd, algorithm, on_bytes=on_bytes)

    def keep(self, name: str, data: bytes) -> None:
        """See :meth:`Reader.keep`."""

    def head(self, folder: ModelFolder, name: str, size: int) -> bytes:
        """See :meth:`Reader.head`."""
        return first_bytes(folder, name, size)


def first_bytes(folder: ModelFolder, name: str, size: int) -> bytes:
    """Return the first bytes of a file as it is now."""
    with folder.opened(name) as fd, os.fdopen(os.dup(fd), "rb") as file:
        return file.read(size)
