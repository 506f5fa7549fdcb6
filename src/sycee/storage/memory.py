"""A store in memory: the fake that tests use, and the shortest complete reading of the port."""

import threading
from collections.abc import Iterator

from sycee.errors import NotFound
from sycee.storage.port import CHUNK, OnBytes, Source, Stored, check_key, check_prefix, opened, pieces


class MemoryBackend:
    """Objects in a dictionary, gone with the process. For tests; the one backend whose memory is not bounded.

    Args:
        name: What :meth:`describe` shows, as ``memory://name``.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def size(self, key: str) -> int | None:
        """See :meth:`sycee.storage.port.Backend.size`."""
        data = self._objects.get(check_key(key))
        return None if data is None else len(data)

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Backend.read`."""
        data = self._objects.get(check_key(key))
        if data is None:
            raise NotFound(f"{self.describe(key)} does not exist", key=key)
        end = len(data) if length is None else min(len(data), start + length)
        for offset in range(start, end, CHUNK):
            yield data[offset : min(offset + CHUNK, end)]

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """See :meth:`sycee.storage.port.Backend.write`."""
        check_key(key)
        with opened(source) as file:
            data = b"".join(pieces(file, size, CHUNK, on_bytes))
        with self._lock:
            self._objects[key] = data

    def write_new(self, key: str, data: bytes) -> bool:
        """See :meth:`sycee.storage.port.Backend.write_new`."""
        check_key(key)
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = bytes(data)
            return True

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See :meth:`sycee.storage.port.Backend.list`."""
        folder = check_prefix(prefix)
        with self._lock:
            found = [(key, len(data)) for key, data in self._objects.items()]
        yield from (Stored(key, size) for key, size in found if not folder or key.startswith(f"{folder}/"))

    def delete(self, key: str) -> None:
        """See :meth:`sycee.storage.port.Backend.delete`."""
        with self._lock:
            self._objects.pop(check_key(key), None)

    def describe(self, key: str = "") -> str:
        """See :meth:`sycee.storage.port.Backend.describe`."""
        return f"memory://{self._name}" + (f"/{key}" if key else "")

    def close(self) -> None:
        """See :meth:`sycee.storage.port.Backend.close`."""
