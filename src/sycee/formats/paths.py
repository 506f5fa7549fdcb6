"""The one judge of relative paths that come from outside: manifests, pointers, bundles, sums, cards.

A path that passes stays below the folder it is joined to, whatever the file system folds or ignores in names.
"""

import re
import unicodedata
from collections.abc import Iterable

from sycee.errors import Fault, FormatError

DVC_DIR = ".dvc"  # the folder that makes the one around it a repository

MAX_PATH_BYTES = 4096  # PATH_MAX on Linux; longer names cannot be created anyway
MAX_DEPTH = 255  # components; what is deeper is made to make us slow
MAX_NAME_BYTES = 255  # NAME_MAX of every common file system

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
# Code points that HFS+ ignores when it compares names, so that ".g\u200cit" opens ".git" (the list Git itself uses).
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NTFS_SHORT_GIT = re.compile(r"git~[0-9]+", re.IGNORECASE)


def is_plain(path: str) -> bool:
    """Tell quickly of most paths, since lists have a hundred thousand, that they have no fault and no hidden part."""
    return len(path) <= MAX_NAME_BYTES and _PLAIN.fullmatch(path) is not None


def path_fault(path: str) -> str | None:
    """Say why ``path`` may not be joined to a folder, or None when it may.

    Args:
        path: A relative path with ``/`` as separator, as read from a file.
    """
    if is_plain(path):
        return None
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    if _CONTROL.search(path):
        return "contains a control character"
    if "\\" in path:
        return "contains a backslash"
    if _WINDOWS_DRIVE.match(path):
        return "begins with a Windows drive"
    try:
        if len(path.encode()) > MAX_PATH_BYTES:
            return f"is longer than {MAX_PATH_BYTES} bytes"
    except UnicodeEncodeError:
        return "is not valid Unicode"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"has more than {MAX_DEPTH} components"
    return next((fault for part in parts if (fault := _part_fault(part))), None)


def reading_fault(path: str) -> str | None:
    """Say why ``path`` may not even be read below a folder, or None when it may.

    For names that somebody else chose and that are here already: nothing is written, so a name that only another system
    takes for something else is no danger. What could lead out of the folder is refused as everywhere.
    """
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    if "\0" in path:
        return "contains NUL"
    if _LONE_SURROGATE.search(path):
        return "is not valid Unicode"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    part = next((part for part in path.split("/") if part in {"", ".", ".."}), None)
    return None if part is None else f"has the component {part!r}"


def is_unicode(name: str) -> bool:
    """Tell whether a name that a file system gave is text, and not bytes that no document can hold."""
    return not _LONE_SURROGATE.search(name)


def sharing_fault(path: str) -> str | None:
    """Say why a file of this name should not be signed for others, whose systems and tools are not known, or None."""
    if fault := reading_fault(path):
        return fault
    if _CONTROL.search(path):
        return "contains a control character"
    return "contains a backslash" if "\\" in path else None


def _part_fault(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return f"has the component {part!r}"
    if len(part.encode()) > MAX_NAME_BYTES:
        return f"has a component longer than {MAX_NAME_BYTES} bytes"
    if _is_git_lookalike(part):
        return f"has the component {part!r}, which some file system takes for .git"
    return None


def portability_fault(path: str) -> str | None:
    """Say why a safe ``path`` cannot be checked out under the same name on every system, or None when it can.

    Not a matter of safety: a data set may hold ``aux.txt`` on Linux. A signed model folder may not, since it would
    verify on one system and fail on another.
    """
    for part in path.split("/"):
        if _WINDOWS_DEVICE.fullmatch(part):
            return f"has the component {part!r}, a device on Windows"
        if part[-1] in ". ":
            return f"has the component {part!r}, whose last character Windows drops"
    return None


def _is_git_lookalike(part: str) -> bool:
    # A plain name needs no normalising; manifests have a hundred thousand of them.
    name = (part if part.isascii() else _IGNORED_BY_HFS.sub("", unicodedata.normalize("NFKC", part))).casefold()
    name = name.partition(":")[0].rstrip(". ")  # NTFS: trailing dots and spaces, alternate data streams
    return name == ".git" or _NTFS_SHORT_GIT.fullmatch(name) is not None


def check_path(path: str, where: str = "$") -> str:
    """Return ``path`` unchanged if it is safe to join to a folder.

    Args:
        path: A relative path with ``/`` as separator.
        where: Where it stands in its file, as a ``$.path``.

    Raises:
        FormatError: If it could leave the folder, or names another file on another system.
    """
    if fault := path_fault(path):
        raise FormatError(
            f"unsafe path {path!r}: it {fault}", faults=[Fault(where, f"unsafe path: {fault}")], path=path
        )
    return path


def colliding(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two paths that some file system takes for one (case or Unicode form), or None."""
    seen: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key in seen:
            return seen[key], path
        seen[key] = path
    return None
