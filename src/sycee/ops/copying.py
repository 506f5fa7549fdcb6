"""The reader of the verifier that writes what it hashed: a copy of a model folder in which every byte was compared."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sycee.digest import Algorithm
from sycee.system.atomic import default_mode, fsync, write_all
from sycee.system.onepass import OnBytes, hash_fd
from sycee.system.refusals import FULL, naming
from sycee.trust.folder import ModelFolder


class Copying:
    """Copies files below a new folder.

    Args:
        root: The folder.
        durable: Whether each file is flushed to the disk; a copy for a moment need not be.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self.root = root
        self._durable = durable

    def take(self, folder: ModelFolder, name: str, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[int, str]:
        """See :meth:`sycee.trust.reading.Reader.take`."""
        with folder.opened(name) as source, self._created(name) as sink:
            return hash_fd(source, algorithm, sink=sink, on_bytes=on_bytes)

    def keep(self, name: str, data: bytes) -> None:
        """See :meth:`sycee.trust.reading.Reader.keep`."""
        with self._created(name) as sink:
            write_all(sink, data)

    def head(self, folder: ModelFolder, name: str, size: int) -> bytes:  # noqa: ARG002 - the copy is what counts
        """See :meth:`sycee.trust.reading.Reader.head`."""
        with (self.root / name).open("rb") as file:
            return file.read(size)

    @contextmanager
    def _created(self, name: str) -> Iterator[int]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, default_mode())
        try:
            with naming(path, only=FULL):
                yield fd
            if self._durable:
                fsync(fd)
        finally:
            os.close(fd)
