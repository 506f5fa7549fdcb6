r"""``SHA256SUMS``: every signed file of a model folder, as coreutils' ``sha256sum`` writes and checks it.

    <64 lower-case hex digits><space><space><path>\n

sorted by path in code point order. One set of files has exactly one such text, so its own sha256 is the version's
identity. Specification: ``docs/spec/sums.md``.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from sycee.digest import sha256_hex
from sycee.errors import Fault, FormatError
from sycee.formats.paths import colliding, path_fault

NAME = "SHA256SUMS"
MAX_SIZE = 64 << 20  # bytes; about 400,000 files, far beyond any model folder

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def render(digests: Mapping[str, str]) -> bytes:
    """Return the one text for a set of files.

    Args:
        digests: Path below the folder to sha256 in lower-case hexadecimal.

    Raises:
        FormatError: For an empty set, an unsafe path, or two paths that some file system takes for one.
    """
    _check([*digests], NAME)
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()


def parse(data: bytes, name: str = NAME) -> Mapping[str, str]:
    """Read a sums file strictly.

    Args:
        data: All bytes of it.
        name: Its name, for messages.

    Returns:
        Path to sha256 in lower-case hexadecimal, in file order.

    Raises:
        FormatError: If a single byte differs from what :func:`render` writes for the same files.
    """
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is longer than {MAX_SIZE} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise FormatError(f"{name} is not UTF-8") from None
    if not text.endswith("\n"):
        raise FormatError(f"{name} must end with a line feed")
    digests: dict[str, str] = {}
    faults = []
    for number, line in enumerate(text[:-1].split("\n"), 1):
        found = _LINE.fullmatch(line)
        if found is None:
            faults.append(Fault(f"line {number}", "is not 64 lower-case hex digits, two spaces and a path"))
        elif found[2] in digests:
            faults.append(Fault(f"line {number}", f"lists {found[2]!r} again"))
        else:
            digests[found[2]] = found[1]
    if not faults and [*digests] != sorted(digests):
        faults.append(Fault("$", "paths are not sorted by code point"))
    if faults:
        raise FormatError(f"{name} is malformed: {faults[0]}", faults=faults)
    _check([*digests], name)
    return MappingProxyType(digests)


def _check(paths: list[str], name: str) -> None:
    if not paths:
        raise FormatError(f"{name} lists no file")
    faults = [Fault(path, f"unsafe path: {fault}") for path in paths if (fault := path_fault(path))]
    if pair := colliding(paths):
        faults.append(Fault(pair[1], f"is the same name as {pair[0]!r} on some file systems"))
    if faults:
        raise FormatError(f"{name} is malformed: {faults[0]}", faults=faults)


def identity(data: bytes) -> str:
    """Return the identity of the version whose sums file this is: the sha256 of these very bytes, 64 hex digits."""
    return sha256_hex(data)


def identity_with(data: bytes, name: str, sha256: str) -> str | None:
    """Return the identity that a sums file gives; None if it is malformed, or has not this file with this digest.

    Args:
        data: All bytes of the sums file.
        name: The file, below the model's folder.
        sha256: Its digest, 64 hex digits.
    """
    try:
        listed = parse(data)
    except FormatError:
        return None
    return identity(data) if listed.get(name) == sha256 else None
