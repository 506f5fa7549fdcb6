"""Folder sums: the strong digests of the files of a tracked folder, which its directory object has no room for.

Specification: docs/spec/folder-sums.md. A pointer names the sums of its folder by their sha256, under the md5 they
belong to; they lie in sycee's private corner of cache and remote.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sycee.digest import is_hex
from sycee.errors import Fault, FormatError
from sycee.formats.paths import is_plain, path_fault

HEADER = "sycee-folder-sums 1"
MAX_BYTES = 256 << 20  # some one million files
_SOUND = re.compile(r"[0-9a-f]{64} [0-9a-f]{64} [0-9a-f]{32} (0|[1-9][0-9]{0,19}) ")
_SIZE = re.compile(rb"^.{130}([0-9a-f]{32} [0-9]{1,20}) ", re.MULTILINE)  # behind two digests and two spaces
MAX_FAULTS = 100  # more help nobody


class FileSums(NamedTuple):
    """The digests of one file of a folder.

    Attributes:
        relpath: Its path below the folder, with ``/``.
        size: Its length in bytes.
        md5: Its address, which ties the line to the directory object.
        sha256: Evidence.
        blake3: Evidence.
    """

    relpath: str
    size: int
    md5: str
    sha256: str
    blake3: str


def render(files: Iterable[FileSums]) -> bytes:
    """Return the canonical bytes: a header, then one line a file, by code points of the path."""
    ordered = sorted(files, key=lambda one: one.relpath)
    lines = [HEADER, *(f"{one.sha256} {one.blake3} {one.md5} {one.size} {one.relpath}" for one in ordered)]
    return ("\n".join(lines) + "\n").encode()


def parse(data: bytes) -> Mapping[str, FileSums]:
    """Read folder sums.

    Returns:
        The files by their path.

    Raises:
        FormatError: With every fault (up to :data:`MAX_FAULTS`) as ``$[line]``, if the bytes are not canonical.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"the folder sums are larger than {MAX_BYTES} bytes")
    try:
        header, *lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise FormatError("the folder sums are not UTF-8", faults=[Fault("$", "must be UTF-8")]) from None
    if header != HEADER or not lines or lines.pop():
        raise FormatError("these are not folder sums", faults=[Fault("$", f"must begin with {HEADER!r} and end in LF")])
    return _files(lines)


def sizes(data: bytes) -> set[bytes]:
    """Return md5 and size of each file as they stand there, ``<md5> <size>``, quickly.

    Args:
        data: Folder sums; of other bytes it says something or other.
    """
    return set(_SIZE.findall(data))


def _files(lines: Iterable[str]) -> Mapping[str, FileSums]:
    files: dict[str, FileSums] = {}
    faults: list[Fault] = []
    last = ""
    for number, line in enumerate(lines, 2):
        one = _line(line)
        if isinstance(one, str):
            faults.append(Fault(f"$[{number}]", one))
        elif one.relpath <= last:
            faults.append(Fault(f"$[{number}]", f"{one.relpath!r} stands behind {last!r}"))
        else:
            files[one.relpath] = one
            last = one.relpath
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise FormatError(f"the folder sums are malformed: {faults[0]}", faults=faults)
    return files


def _line(line: str) -> FileSums | str:
    fields = line.split(" ", 4)
    if len(fields) == 5 and _SOUND.match(line) and is_plain(fields[4]):  # as nearly all lines of very many
        return FileSums(fields[4], int(fields[3]), fields[2], fields[0], fields[1])
    if len(fields) != 5:
        return "must have five fields"
    sha256, blake3, md5, size, relpath = fields
    for algorithm, value in (("sha256", sha256), ("blake3", blake3), ("md5", md5)):
        if not is_hex(value, algorithm):
            return f"{value!r} is not a {algorithm}"
    if not (size.isascii() and size.isdigit() and str(int(size[:20])) == size):
        return f"{size!r} is not a size"
    if fault := path_fault(relpath):
        return f"unsafe path {relpath!r}: it {fault}"
    return FileSums(relpath, int(size), md5, sha256, blake3)
