"""A bound on what is in memory at once, shared by threads, and the means to keep it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_M_MMAP_THRESHOLD = -3  # of glibc's mallopt(3)
_LARGE = 1 << 20  # bytes


class Budget:
    """Hands out bytes, and lets callers wait until enough are left.

    Args:
        total: In bytes. Who asks for more gets all of it.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Wait until ``amount`` bytes are left, and hold them for the length of the block."""
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


def return_large_blocks() -> None:
    """Make the C library give large blocks back to the system as soon as they are freed.

    glibc stops doing so after it has seen a few, and keeps an arena of them per thread: measured, 8 uploads with 64
    MiB in flight hold 450 MB, and 120 MB after this call. Elsewhere nothing happens.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
