"""Digests, and the hashers that make them while bytes stream by.

md5 is an *address* that DVC dictates. Evidence is sha256 (what openssl and OpenSSF Model Signing speak) and blake3
(several times faster). No trust decision ever rests on md5.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import blake3 as _blake3

from sycee.errors import FormatError

Algorithm = Literal["md5", "sha256", "blake2b", "blake3"]
# blake2b (512 bit) is no digest of ours; bundles of others may carry it.
ALGORITHMS: tuple[Algorithm, ...] = ("md5", "sha256", "blake2b", "blake3")

LEGACY_BLOCK = 1 << 20  # bytes

_TEXT_BYTES = bytes(range(32, 127)) + b"\n\r\t\f\b"
_HEX_LENGTH: dict[str, int] = {"md5": 32, "sha256": 64, "blake2b": 128, "blake3": 64}
_LOWER_HEX = re.compile(r"[0-9a-f]*")

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Digest:
    """An algorithm and its value, written ``sha256:9f86…``.

    Attributes:
        algorithm: One of :data:`ALGORITHMS`.
        hex: The value in lower-case hexadecimal.

    Raises:
        FormatError: For an unknown algorithm or a value that is not its lower-case hexadecimal.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if not is_hex(self.hex, self.algorithm):
            raise FormatError(f"{self.algorithm}:{self.hex} is not a digest")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class FileDigests(NamedTuple):
    """All that one read pass tells about a file.

    Attributes:
        size: Length in bytes.
        md5: DVC's address, 32 lower-case hex digits.
        sha256: Evidence, 64 lower-case hex digits.
        blake3: Evidence, 64 lower-case hex digits (256 bit).
    """

    size: int
    md5: str
    sha256: str
    blake3: str


class Hasher(Protocol):
    """What :mod:`hashlib` and ``blake3`` objects have in common."""

    def update(self, data: Buffer, /) -> object:
        """Hash the next bytes."""

    def hexdigest(self) -> str:
        """Return the lower-case hexadecimal value of all bytes so far."""


def is_hex(text: str, algorithm: str) -> bool:
    """Tell whether ``text`` is the lower-case hexadecimal value of a digest of this algorithm."""
    return len(text) == _HEX_LENGTH.get(algorithm) and _LOWER_HEX.fullmatch(text) is not None


def hasher(algorithm: Algorithm, *, threads: int = 1) -> Hasher:
    """Return a fresh hasher. md5 is asked for as an address, so it works on FIPS builds too.

    Args:
        algorithm: What to make.
        threads: How many cores may work on one piece, where the algorithm can be divided (blake3).
    """
    if algorithm == "blake3":
        return _blake3.blake3(max_threads=threads)
    return hashlib.new(algorithm, usedforsecurity=algorithm != "md5")


def legacy_md5(blocks: Iterable[bytes]) -> str:
    """Return the md5 by which DVC before 3.0 named an object: text counts with LF line ends.

    Args:
        blocks: The file in pieces of any length.
    """
    whole = LegacyMd5()
    for block in blocks:
        whole.update(block)
    return whole.hexdigest()


class LegacyMd5:
    """The hasher of :func:`legacy_md5`.

    A file is taken in blocks of :data:`LEGACY_BLOCK` bytes, the last one shorter, and each is judged by its first 512
    bytes: other block sizes give other values.
    """

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._rest = b""

    def update(self, data: bytes) -> None:
        """Hash the next bytes."""
        self._rest += data
        while len(self._rest) >= LEGACY_BLOCK:
            self._take(self._rest[:LEGACY_BLOCK])
            self._rest = self._rest[LEGACY_BLOCK:]

    def hexdigest(self) -> str:
        """Return the value of all bytes, of which there may then be no more."""
        self._take(self._rest)
        self._rest = b""
        return self._md5.hexdigest()

    def _take(self, block: bytes) -> None:
        self._md5.update(block.replace(b"\r\n", b"\n") if _is_text(block[:512]) else block)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    return len(head.translate(None, _TEXT_BYTES)) <= 0.3 * len(head)


def digest_bytes(data: Buffer) -> FileDigests:
    """Return all digests of bytes in memory."""
    size = memoryview(data).nbytes
    return FileDigests(size, md5_hex(data), sha256_hex(data), _blake3.blake3(data).hexdigest())


def sha256_hex(data: Buffer) -> str:
    """Return the sha256 of bytes in memory, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def md5_hex(data: Buffer) -> str:
    """Return the md5 (an address, never evidence) of bytes in memory, in lower-case hexadecimal."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
