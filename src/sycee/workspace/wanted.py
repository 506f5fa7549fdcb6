"""From what the work tree tracks to the objects it needs."""

from sycee.formats import dirobject
from sycee.formats.pointer import strong_digests, sums_object
from sycee.store.expected import Expected
from sycee.store.objects import Wanted
from sycee.workspace.tracked import Tracked


def wanted(tracked: Tracked) -> Wanted | None:
    """Return the object a tracked path stands for, or None if no store keeps it (``cache: false``, never added).

    Its sha256 is required too where the pointer keeps one for exactly this md5; the size of a folder is that of its
    files, so it says nothing about the directory object.
    """
    out = tracked.out
    if out.md5 is None or not out.cache or out.versioned:
        return None
    legacy = out.is_legacy
    strong = strong_digests(tracked.pointer, out.md5) if tracked.pointer else None
    sums = sums_object(tracked.pointer, out.md5) if tracked.pointer and out.is_dir else None
    size = None if out.is_dir or legacy else out.size
    at_most = dirobject.MAX_BYTES if out.is_dir else None
    evidence = {"sha256": strong.sha256, "blake3": strong.blake3} if strong else {}
    expected = Expected(out.md5, size, at_most=at_most, **evidence)
    return Wanted(tracked.relpath, expected, legacy, sums, tracked.parts)


def kept_as(tracked: Tracked) -> Wanted | None:
    """Return the object that a cache may hold for a tracked path, also where remotes keep it as versions of files."""
    if not tracked.out.versions:
        return wanted(tracked)
    return wanted(tracked._replace(out=tracked.out._replace(versioned=False)))
