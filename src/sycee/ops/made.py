"""Files that become objects, and are an out together."""

from collections.abc import Mapping
from pathlib import Path

from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.formats.pointer import Out
from sycee.store.cache import Cache
from sycee.workspace.content import is_executable


def as_out(cache: Cache, files: Mapping[str, Path], out: Out) -> Out:
    """Put files into a cache, and return the out that they are.

    Args:
        cache: Where to put them.
        files: Path below the out to where the file lies now; of an out that is one file, the empty path alone.
        out: As which they are noted.

    Raises:
        Conflict: If one changes meanwhile, or has the md5 but not the bytes of a stored object.
    """
    found = {name: cache.ingest(path) for name, path in files.items()}
    if list(files) == [""]:
        whole = found[""]
        return out._replace(md5=whole.md5, size=whole.size, isexec=is_executable(files[""]), hash="md5")
    data = dirobject.render(Entry(name, one.md5) for name, one in found.items())
    size = sum(one.size for one in found.values())
    return out._replace(md5=cache.put_bytes(data, suffix=dirobject.SUFFIX), size=size, nfiles=len(files), hash="md5")
