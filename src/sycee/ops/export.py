"""``sycee export``: a model folder that needs neither Git nor pointers, for a container or a server.

Every byte is hashed while it is copied, and compared before the new folder gets its name: it appears whole and right,
or not at all.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sycee.core.modelfolder import Names, Part
from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, NotFound
from sycee.ops.bysums import read_by_sums
from sycee.ops.copying import Copying
from sycee.ops.trustplace import Asked, request_for
from sycee.system.atomic import fsync_dir, hold, sweep, temp_name
from sycee.trust.folder import Folder
from sycee.trust.verify import verify

# Beside the signed files: what proves them, and what was recorded about them. No pointers: there is nothing to pull.
_BESIDE = (Part.BUNDLE, Part.SIGNATURE, Part.ATTRIBUTES, Part.RECORD)
_MAX_BESIDE = 256 << 20  # bytes of one such file


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: The new folder.
        identity: sha256 of its sums file, 64 hex digits.
        files: How many files it has.
        verified: Whether the signature was checked, not only the digests.
    """

    folder: Path
    identity: str
    files: int
    verified: bool


def export(model: Path, target: Path, *, asked: Asked | None = None, progress: Progress = SILENT) -> Exported:
    """Copy a model folder without what only Git and DVC need.

    Args:
        model: The model folder.
        target: The folder to make; it must not exist.
        asked: What the model has to be, and by whose word. Without it only SHA256SUMS is checked, which anybody can
            write.
        progress: Where to announce the bytes copied.

    Raises:
        Conflict: If the target exists, or lies in the model.
        VerificationError: If the model is not what was signed; nothing is left behind.
        NotFound: If the model is not there, or has no SHA256SUMS; see :func:`sycee.ops.trustplace.request_for`.
    """
    require_new(model, target)
    with appearing(target) as temporary:
        identity, weights = _copy_signed(model, temporary, asked, progress)
        with Folder(model) as folder:
            _copy_beside(folder, Copying(temporary), weights)
        files = sum(1 for path in temporary.rglob("*") if path.is_file())
    return Exported(target, identity, files, verified=asked is not None)


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name, whole and durable, only if the block ends without an error.

    Args:
        target: The folder to make; see :func:`require_new`.
    """
    sweep(target.parent)
    temporary = target.with_name(temp_name())
    temporary.mkdir()
    held = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        hold(held)
        yield temporary
        for path in [temporary, *(path for path in temporary.rglob("*") if path.is_dir())]:
            fsync_dir(path)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(held)
    fsync_dir(target.parent)


def require_new(model: Path, target: Path) -> None:
    """Demand that a folder can be made beside a model.

    Raises:
        Conflict: If it is there, or would lie in the model.
        NotFound: If the folder around it is not there.
    """
    if target.exists() or target.is_symlink():
        raise Conflict(f"{target} exists", hint="name a folder that does not", path=str(target))
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder {target.parent}")
    real, place = (Path(os.path.realpath(one)) for one in (model, target.parent))
    if real in (place, *place.parents):
        raise Conflict(f"{target} lies in the model itself", path=str(target))


def _copy_signed(model: Path, root: Path, asked: Asked | None, progress: Progress) -> tuple[str, frozenset[str]]:
    if asked is None:
        return read_by_sums(model, Copying(root), progress)
    verified = verify(request_for(model, asked), reader=Copying(root), progress=progress)
    return verified.identity, verified.weights


def _copy_beside(folder: Folder, reader: Copying, weights: frozenset[str]) -> None:
    files = folder.scan().files
    for name in Names.make(files, weights).of(*_BESIDE):
        if not (reader.root / name).exists():  # another tool's bundle may have signed it
            reader.keep(name, folder.read(name, _MAX_BESIDE))
