"""Looking into files that pickle writes, without loading them: what they name, and whether the archive is sound.

Evidence, never the guarantee; see :mod:`sycee.formats.picklescan`. An archive that two readers could understand
differently is not looked into at all.
"""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from sycee.formats import picklescan
from sycee.formats.picklescan import Walk
from sycee.system.onepass import open_regular, read_at

MAX_PICKLE = 64 << 20  # bytes of instructions
MAX_RATIO = 100  # what a member may grow by when it is unpacked
_LOCAL = 30  # bytes of a local header before the name
_ENCRYPTED, _DESCRIPTOR = 0x1, 0x8  # flags
_OLD_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # its magic number, as a pickle
_OLD_PICKLES = 5  # magic, protocol, system, the state, the keys of its storages
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


class Scanned(NamedTuple):
    """What one file shows.

    Attributes:
        path: The file.
        names: Every name that its pickles would look up.
        unusual: Those that no state dict needs: loading without ``weights_only=True`` could run them.
        faults: Why it could not be looked into, wholly or at all.
    """

    path: Path
    names: tuple[str, ...]
    unusual: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found; it proves nothing."""
        return not self.unusual and not self.faults

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "path": str(self.path),
            "clean": self.clean,
            "names": list(self.names),
            "unusual": list(self.unusual),
            "faults": list(self.faults),
        }


def scan(path: Path) -> Scanned:
    """Look into a file.

    Raises:
        NotFound: If it is not there.
        Conflict: If it is no regular file.
    """
    fd = open_regular(path)
    with os.fdopen(fd, "rb"):
        size = os.fstat(fd).st_size
        head = read_at(fd, 0, 4)
        if head == b"PK\x03\x04":
            walks, faults = _archive(fd, size)
        else:
            walks, faults = _stream(read_at(fd, 0, min(size, MAX_PICKLE)))
    names = sorted({name for one in walks for name in one.names})
    faults += [one.fault for one in walks if one.fault]
    return Scanned(path, tuple(names), tuple(n for n in names if not picklescan.is_known(n)), tuple(faults))


def _stream(data: bytes) -> tuple[list[Walk], list[str]]:
    return [picklescan.walk(data, _OLD_PICKLES if data.startswith(_OLD_TORCH) else 1)], []


def _archive(fd: int, size: int) -> tuple[list[Walk], list[str]]:
    """Walk the pickles of an archive, if it has one meaning."""
    try:
        with os.fdopen(os.dup(fd), "rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if faults := _archive_faults(fd, size, archive):
                return [], faults
            pickled = [member for member in members if member.filename.endswith(".pkl")]
            large = [
                f"{one.filename} is longer than {MAX_PICKLE} bytes" for one in pickled if one.file_size > MAX_PICKLE
            ]
            code = [f"{one.filename} is code" for one in members if one.filename.endswith(".py")]
            if large or not pickled:
                return [], large or ["it is an archive without a pickle"]
            return [picklescan.walk(archive.read(member)) for member in pickled], code
    except _BROKEN as error:
        return [], [f"it is no sound archive: {error}"]


def _archive_faults(fd: int, size: int, archive: zipfile.ZipFile) -> list[str]:
    """Say what in an archive means another thing to another reader."""
    members = archive.infolist()
    names = [member.filename for member in members]
    faults = [f"{name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})[:5]]
    if archive.comment or read_at(fd, size - 22, 4) != b"PK\x05\x06":
        faults.append("something follows the archive")
    for member in members:
        faults += [f"{member.filename} {fault}" for fault in _member_faults(fd, member)]
    return faults


def _member_faults(fd: int, member: zipfile.ZipInfo) -> list[str]:
    local = read_at(fd, member.header_offset, _LOCAL)
    length = int.from_bytes(local[26:28], "little")
    name = read_at(fd, member.header_offset + _LOCAL, length)
    flags, method = int.from_bytes(local[6:8], "little"), int.from_bytes(local[8:10], "little")
    checksum = int.from_bytes(local[14:18], "little")
    faults = []
    if local[:4] != b"PK\x03\x04" or name not in {member.filename.encode(), member.orig_filename.encode()}:
        faults.append("has another name in its own header")
    if (flags, method) != (member.flag_bits, member.compress_type):
        faults.append("is packed in another way by its own header")
    if member.flag_bits & _ENCRYPTED:
        faults.append("is encrypted")
    if checksum != member.CRC and not (flags & _DESCRIPTOR and checksum == 0):
        faults.append("has another checksum in its own header")
    if member.file_size > MAX_RATIO * max(member.compress_size, 1):
        faults.append(f"grows more than {MAX_RATIO} times")
    return faults


def is_pickled(path: Path) -> bool:
    """Tell by a file's name whether a loader may take it for a pickle."""
    return path.suffix.lower() in {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"}
