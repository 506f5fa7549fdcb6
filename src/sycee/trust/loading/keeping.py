"""The reader of ``load``: it keeps exactly the bytes that it hashed, in the way that suits their size and place.

    file                                              mode "auto" holds it
    up to 1 MiB                                       as a bytes object
    on fs-verity, or a file system without writing    by a descriptor of the original: nobody can change it
    at most half of the memory that is left           in sealed memory
    larger, or where memory cannot be sealed          as a private copy on disk

The other modes name one of these ways for every file over 1 MiB.
"""

import os
import tempfile
from pathlib import Path
from typing import Literal, get_args

from sycee.digest import Algorithm, hasher
from sycee.errors import UsageError
from sycee.system import room
from sycee.system.onepass import OnBytes
from sycee.system.refusals import refused
from sycee.system.sealed import SealedFile, can_seal, copy_aside, hold, seal, watch
from sycee.trust.folder import ModelFolder

Mode = Literal["auto", "memory", "copy", "descriptor"]
MODES: tuple[str, ...] = get_args(Mode)

SMALL = 1 << 20  # bytes; kept as bytes objects, since each held file costs one of some thousand descriptors
SHARE = 0.5  # of the memory that is left; a file that takes more goes to the disk
_DISK = Path("/var/tmp")  # where temporary files may be large; /tmp is memory on many systems


class Keeping:
    """Keeps what it hashed.

    Args:
        mode: How to hold files over :data:`SMALL`.
        place: The folder for private copies; None for the system's one for large temporary files.

    Attributes:
        files: Held files, by name.
        small: The bytes of the others.
        place: The folder for private copies, if one was named.

    Raises:
        UsageError: If there is no such mode, or no such folder.
    """

    def __init__(self, mode: Mode = "auto", place: Path | None = None) -> None:
        if mode not in MODES:
            raise UsageError(f"{mode!r} is no mode of loading", hint=f"one of {', '.join(MODES)}")
        if mode == "memory" and not can_seal():
            raise UsageError("this system has no memory that can be sealed", hint="mode='auto'")
        if place is not None and not place.is_dir():
            raise UsageError(f"{place} is no folder for private copies", hint="make it, of mode 0700, on a large disk")
        self.files: dict[str, SealedFile] = {}
        self.small: dict[str, bytes] = {}
        self._mode = mode
        self.place = place

    def take(self, folder: ModelFolder, name: str, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[int, str]:
        """See :meth:`sycee.trust.reading.Reader.take`."""
        with folder.opened(name) as fd:
            if os.fstat(fd).st_size <= SMALL:
                return self._take_small(name, fd, algorithm, on_bytes)
            held, digest = self._held(folder.path / name, name, fd, algorithm, on_bytes)
        self.files[name] = held
        return held.size, digest

    def _take_small(self, name: str, fd: int, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[int, str]:
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(SMALL + 1)  # one that grows meanwhile has another digest than the signed one
        one = hasher(algorithm)
        one.update(data)
        self.small[name] = data
        on_bytes(len(data))
        return len(data), one.hexdigest()

    def _held(self, path: Path, name: str, fd: int, algorithm: Algorithm, on_bytes: OnBytes) -> tuple[SealedFile, str]:
        match _resolved(self._mode, fd):
            case "memory":
                return seal(name, fd, algorithm, on_bytes=on_bytes)
            case "descriptor":
                fixed = room.is_immutable(fd)
                if not fixed and (why := room.exposure(fd, path.parent)):
                    raise UsageError(f"{path} cannot be read in place: {why}", hint="mode='auto' holds a copy")
                return watch(name, fd, algorithm, fixed=fixed, on_bytes=on_bytes)
        try:
            return copy_aside(name, fd, algorithm, place=self.place or _large(), on_bytes=on_bytes)
        except OSError as error:
            raise refused(error) from error

    def keep(self, name: str, data: bytes) -> None:
        """See :meth:`sycee.trust.reading.Reader.keep`."""
        self.small[name] = data

    def head(self, folder: ModelFolder, name: str, size: int) -> bytes:  # noqa: ARG002 - what is kept is what counts
        """See :meth:`sycee.trust.reading.Reader.head`."""
        if name in self.small:
            return self.small[name][:size]
        with self.files[name].open() as file:
            return file.read(size)

    def has(self, name: str) -> bool:
        """Tell whether a file is kept."""
        return name in self.small or name in self.files

    def sealed(self, name: str) -> SealedFile:
        """Return a kept file as one with a descriptor."""
        if name not in self.files:
            with tempfile.TemporaryFile() as file:  # private and without a name
                file.write(self.small[name])
                file.seek(0)
                self.files[name] = hold(name, file.fileno(), "blake3")[0]
        return self.files[name]

    def require_unchanged(self) -> None:
        """Look whether files that are only watched are still what was hashed.

        Raises:
            DigestMismatch: If one is not.
        """
        for held in self.files.values():
            held.require_unchanged()

    def drop(self, name: str) -> None:
        """Forget a file."""
        self.small.pop(name, None)
        if name in self.files:
            self.files.pop(name).close()

    def close(self) -> None:
        """Forget everything."""
        for held in self.files.values():
            held.close()
        self.files.clear()
        self.small.clear()


def _resolved(mode: Mode, fd: int) -> Mode:
    """Return the way to hold a file: see the table of this module."""
    if mode != "auto":
        return mode
    if room.is_immutable(fd):
        return "descriptor"
    left = room.available()
    fits = left is not None and os.fstat(fd).st_size <= left * SHARE
    return "memory" if can_seal() and fits else "copy"


def _large() -> Path:
    return _DISK if os.access(_DISK, os.W_OK) else Path(tempfile.gettempdir())
