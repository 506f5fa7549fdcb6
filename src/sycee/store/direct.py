"""Sending files to a remote past the cache: for what is larger than the disk has room for twice."""

import os
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from sycee.digest import FileDigests, hasher
from sycee.errors import RemoteError
from sycee.storage.port import OnBytes
from sycee.store.layout import object_key
from sycee.store.objects import Remote
from sycee.system.onepass import digest_file, open_regular


def send(remote: Remote, path: Path, on_bytes: OnBytes) -> FileDigests:
    """Store a file on a remote under its md5, unless an object of this name and size is there.

    It is read twice: its name must be known before the first byte is sent. What is sent is hashed again, and gets no
    name if it is not what was read first.

    Args:
        remote: Where to.
        path: A regular file, anywhere.
        on_bytes: Told the bytes of both passes.

    Returns:
        Its digests.

    Raises:
        Conflict: If it is no regular file.
        RemoteError: If it changed meanwhile, or the remote failed.
    """
    digests = digest_file(path, on_bytes=on_bytes)
    key = object_key(digests.md5)
    if remote.backend.size(key) == digests.size:
        on_bytes(digests.size)
        return digests
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        remote.backend.write(key, cast(BinaryIO, _Proved(file, path, digests.md5)), digests.size, on_bytes=on_bytes)
    if (stored := remote.backend.size(key)) != digests.size:
        raise RemoteError(
            f"remote {remote.name!r} keeps {stored} bytes of the {digests.size} it was sent",
            hint="repeat the command; if it happens again, the store is at fault",
        )
    return digests


class _Proved(RawIOBase):
    """A file that at its end refuses to have been another one than was expected."""

    def __init__(self, file: RawIOBase, path: Path, md5: str) -> None:
        self._file = file
        self._path = path
        self._md5 = md5
        self._hasher = hasher("md5")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase hands out a memoryview
        count = self._file.readinto(buffer) or 0
        self._hasher.update(buffer[:count])
        if count == 0 and self._hasher.hexdigest() != self._md5:
            raise RemoteError(
                f"{os.fspath(self._path)} changed while it was sent",
                hint="make sure that nothing writes to it, then repeat the command",
            )
        return count
