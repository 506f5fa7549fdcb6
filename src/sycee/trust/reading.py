"""How the verifier takes in the bytes it compares: by hashing them, or by keeping exactly those that it hashed.

The verifier asks a :class:`Reader` for size and digest of each file and compares. What the reader does with the bytes
in that same pass is its own business: forget them (``verify``), seal them in memory (``load``), copy them (``export``).
"""

import os
from typing import Protocol

from sycee.digest import Algorithm
from sycee.system.onepass import OnBytes, hash_fd
from sycee.trust.folder import ModelFolder


class Reader(Protocol):
    """Takes in files, each once."""

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
