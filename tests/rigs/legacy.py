"""A repository as DVC 2 left it: objects named by an md5 that does not see CR before LF, pointers without ``hash``."""

import json
import stat
from pathlib import Path

from sycee.digest import legacy_md5, md5_hex

FILES = {"a.txt": b"one\r\ntwo\r\n", "b.bin": b"\0\r\n" * 50}
FOLDER = {"x": b"x\n", "sub/c": b"c\r\n", "empty": b""}


def old_repository(root: Path, folder: Path | None = None) -> None:
    """Put old objects, old pointers and their content into a repository: two files and the folder ``data``.

    Args:
        root: The repository.
        folder: Where in it the files go; its root if none is named.
    """
    folder = folder or root
    folder.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
        _pointer(folder, name, _keep(root, data), len(data))
    listing = []
    for name, data in sorted(FOLDER.items()):
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_bytes(data)
        listing.append({"md5": _keep(root, data), "relpath": name})
    text = json.dumps(listing, sort_keys=True).encode()
    oid = _keep(root, text, oid=md5_hex(text) + ".dir")
    _pointer(folder, "data", oid, sum(map(len, FOLDER.values())), nfiles=len(FOLDER))


def _keep(root: Path, data: bytes, oid: str | None = None) -> str:
    oid = oid or legacy_md5([data])
    path = root / ".dvc/cache" / oid[:2] / oid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(data)
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    return oid


def _pointer(folder: Path, name: str, oid: str, size: int, nfiles: int | None = None) -> None:
    count = "" if nfiles is None else f"  nfiles: {nfiles}\n"
    (folder / f"{name}.dvc").write_text(f"outs:\n- md5: {oid}\n  size: {size}\n{count}  path: {name}\n")
    with (folder / ".gitignore").open("a") as file:
        file.write(f"/{name}\n")
