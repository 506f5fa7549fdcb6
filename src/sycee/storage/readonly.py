"""A store that is read and never changed, with the reason why."""

from collections.abc import Iterator

from sycee.errors import RemoteError
from sycee.storage.port import Backend, OnBytes, Source, Stored


class ReadOnlyBackend:
    """Passes reading on and refuses writing.

    Args:
        inner: The store.
        reason: Why nothing is written.
        hint: What to do instead.
    """

    def __init__(self, inner: Backend, reason: str, *, hint: str | None = None) -> None:
        self._inner = inner
        self._reason = reason
        self._hint = hint

    def size(self, key: str) -> int | None:
        """See :meth:`sycee.storage.port.Backend.size`."""
        return self._inner.size(key)

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Backend.read`."""
        return self._inner.read(key, start=start, length=length)

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """Refuse."""
        del source, size, on_bytes
        raise self._refusal(key)

    def write_new(self, key: str, data: bytes) -> bool:
        """Refuse."""
        del data
        raise self._refusal(key)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See :meth:`sycee.storage.port.Backend.list`."""
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        """Refuse."""
        raise self._refusal(key)

    def describe(self, key: str = "") -> str:
        """See :meth:`sycee.storage.port.Backend.describe`."""
        return self._inner.describe(key)

    def close(self) -> None:
        """See :meth:`sycee.storage.port.Backend.close`."""
        self._inner.close()

    def _refusal(self, key: str) -> RemoteError:
        return RemoteError(f"cannot change {self.describe(key)}: {self._reason}", hint=self._hint, key=key)
