"""The merge driver: one pointer out of two that come from one, so that two people can add files to one folder.

A list of files is merged file by file; of a single file there is nothing to merge, so it is taken from the side that
changed it, and is a conflict where both did. Nothing is fetched: Git may merge where there is no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from sycee.core.merge import merge_files
from sycee.digest import is_hex
from sycee.errors import Conflict, NotFound
from sycee.formats import dirobject, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.formats.pointer import Frame, Out, Pointer
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.system.atomic import write_file
from sycee.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """What Git hands to a merge driver.

    Attributes:
        base: The file both sides come from; an empty one if there is none.
        ours: Our side, to be replaced by the result.
        theirs: The other side.
        name: Where the pointer stands in the work tree, for messages.
    """

    base: Path
    ours: Path
    theirs: Path
    name: str


@dataclass(frozen=True, slots=True)
class _Side:
    pointer: Pointer
    frame: Frame

    @property
    def out(self) -> Out:
        return self.pointer.outs[0]

    @property
    def content(self) -> tuple[str | None, str | None, bool]:
        """What makes two states of a file or folder different ones."""
        return self.out.md5, self.out.hash, self.out.isexec

    @property
    def record(self) -> Mapping[str, Any]:
        """The value of ``meta.sycee``."""
        found = self.pointer.meta.get("sycee")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _Merge:
    """Three sides of one pointer."""

    base: _Side | None
    ours: _Side
    theirs: _Side
    name: str

    @property
    def sides(self) -> tuple[_Side, ...]:
        return (self.ours, self.theirs, self.base) if self.base else (self.ours, self.theirs)

    def conflict(self, what: str, hint: str | None = None) -> Conflict:
        shown = quote(self.name)
        keep = f"keep one side: git checkout --ours {shown} (or --theirs), sycee checkout {shown}, git add {shown}"
        return Conflict(f"{self.name}: {what}", hint=hint or keep, path=self.name)


def merge(repo: Repository, request: MergeRequest) -> int:
    """Merge a pointer and write the result where Git wants it.

    Args:
        repo: The repository, whose cache knows the lists of files.
        request: The three sides.

    Returns:
        How many files the merged folder has whose strong digests neither side knew; 0 for a single file.

    Raises:
        Conflict: If a person has to decide; our side is left as it is then.
        FormatError: If a side is not a valid pointer with one out.
    """
    base, ours, theirs = (path.read_bytes().strip() for path in (request.base, request.ours, request.theirs))
    if not base and not (ours and theirs):  # a new pointer on one side only
        write_file(request.ours, (request.ours if ours else request.theirs).read_bytes())
        return 0
    found = _Merge(
        _read(request.base, request.name) if base else None,
        _read(request.ours, request.name),
        _read(request.theirs, request.name),
        request.name,
    )
    _require_like(found)
    frame = _with_frame(found)
    unknown = 0
    if chosen := _side_that_changed(found):
        out, record = chosen.out, chosen.record
    else:
        with repo.locked():
            out, record, unknown = _merged_folder(repo.cache, found)
    wanted = {**dict.fromkeys(frame.record), **record}
    write_file(request.ours, pointer.patch(frame.pointer.raw, request.name, out._replace(path=frame.out.path), wanted))
    return unknown


def _read(path: Path, name: str) -> _Side:
    data = path.read_bytes()
    return _Side(pointer.parse(data, name), pointer.frame(data, name))


def _require_like(found: _Merge) -> None:
    """Refuse what differs in more than content, or is not a thing of ``add``."""
    if any(side.pointer.imported or side.out.versioned for side in found.sides):
        raise found.conflict("an import, or a pointer to versions of a bucket, is not merged")
    if any(side.frame.out != found.ours.frame.out for side in found.sides):
        raise found.conflict("the two sides track it with different options")


def _with_frame(found: _Merge) -> _Side:
    """Return the side whose text around the content is kept: the one that changed it."""
    base, ours, theirs = (side.frame.rest if side else {} for side in (found.base, found.ours, found.theirs))
    if theirs in (ours, base):
        return found.ours
    if ours == base:
        return found.theirs
    raise found.conflict("both sides changed its description or settings")


def _side_that_changed(found: _Merge) -> _Side | None:
    """Return the side whose content is the result; None if there are two, and they are folders to be merged."""
    ours, theirs = found.ours, found.theirs
    if ours.content == theirs.content:
        return ours if ours.record.get(ours.out.md5 or "") else theirs
    if found.base and found.base.content == ours.content:
        return theirs
    if found.base and found.base.content == theirs.content:
        return ours
    if not all(side.out.is_dir for side in found.sides):
        raise found.conflict(f"both sides changed {ours.out.path!r}, each to other content")
    if any(side.out.hash != ours.out.hash for side in found.sides):
        raise found.conflict("one side was written by DVC 3 or sycee, the other by an older DVC")
    return None


def _merged_folder(cache: Cache, found: _Merge) -> tuple[Out, Mapping[str, Any], int]:
    base, ours, theirs = (_files(cache, side, found) if side else {} for side in (found.base, found.ours, found.theirs))
    merged = merge_files(base, ours, theirs)
    if merged.conflicts:
        listed = "\n".join(merged.conflicts)
        raise found.conflict(f"unable to auto-merge the following paths:\n{listed}")
    legacy = found.ours.out.is_legacy
    listing = dirobject.render(Entry(path, md5) for path, md5 in merged.files.items())
    oid = dirobject.object_id(listing)
    cache.put_stream(Expected(oid, len(listing)), [listing], legacy=legacy)
    evidence = _evidence(cache, found, merged.files)
    record = _shared(found)
    if len(evidence) == len(merged.files):
        record[oid] = {"sums": sums.keep(cache, evidence.values())}
    size = _size(cache, merged.files, evidence, legacy=legacy)
    out = found.ours.out._replace(md5=oid, size=size, nfiles=len(merged.files))
    return out, record, len(merged.files) - len(evidence)


def _files(cache: Cache, side: _Side, found: _Merge) -> dict[str, str]:
    try:
        listing = cache.read(side.out.md5 or "", legacy=side.out.is_legacy)
    except NotFound:
        whose = "ours" if side is found.ours else "theirs" if side is found.theirs else "the common ancestor"
        hint = "git merge --abort, then sycee fetch --rev BRANCH for both branches, then merge again"
        raise found.conflict(f"the list of its files in {whose} is not in the cache", hint) from None
    return {entry.relpath: entry.md5 for entry in dirobject.parse(listing)}


def _evidence(cache: Cache, found: _Merge, files: Mapping[str, str]) -> dict[str, FileSums]:
    """Return the strong digests of the merged files, as far as the sides know them."""
    known = [sums.known(cache, pointer.sums_object(side.pointer, side.out.md5 or "")) for side in found.sides]
    evidence: dict[str, FileSums] = {}
    for path, md5 in files.items():
        claims = {one for listed in known if (one := listed.get(path)) and one.md5 == md5}
        if len(claims) > 1:
            raise found.conflict(f"{path!r} has one md5 and two contents", "find out where these files come from")
        evidence.update((path, claim) for claim in claims)
    return evidence


def _shared(found: _Merge) -> dict[str, Any]:
    """Return what both sides' records say alike; a signature over other content is not among it."""
    theirs = found.theirs.record
    return {
        key: value
        for key, value in found.ours.record.items()
        if theirs.get(key) == value and key != "sig" and not is_hex(key.removesuffix(dirobject.SUFFIX), "md5")
    }


def _size(cache: Cache, files: Mapping[str, str], evidence: Mapping[str, FileSums], *, legacy: bool) -> int | None:
    """Return the bytes of all files, or None if the size of one is not known."""
    total = 0
    for path, md5 in files.items():
        if held := cache.find(md5, legacy=legacy):
            total += held.stat().st_size
        elif path in evidence:
            total += evidence[path].size
        else:
            return None
    return total
