"""The diff driver: a pointer as a person wants to compare it, with the metrics of the card that belongs to it.

Git hands over bytes, neither a path nor a revision. But the pointer names its card by sha256, so the right version of
the card is known when it is found: in the work tree, in the index, in HEAD or in the history of the cards that stand
beside pointers of this name. No network, no cache; whatever cannot be understood is shown as it is.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sycee.core.printable import printable
from sycee.digest import sha256_hex
from sycee.errors import SyceeError
from sycee.formats import card, pointer
from sycee.formats.pointer import Out, Pointer
from sycee.formats.values import flat
from sycee.system.git import Git, toplevel

_MOST_FOLDERS = 10  # that hold a pointer of the same name
_MOST_VERSIONS = 100  # of their cards
_MOST_METRICS = 50


def describe(path: Path, cwd: Path) -> bytes:
    """Return a pointer as lines to compare; the bytes of the file themselves if it is no pointer with one out.

    Args:
        path: The file Git hands over; a temporary one for what is not in the work tree.
        cwd: A folder of the Git work tree.
    """
    data = path.read_bytes()
    try:
        found = pointer.parse(data, path.name)
        frame = pointer.frame(data, path.name)
    except SyceeError:
        return data
    out = found.outs[0]
    rows = {**dict(_content(found, out)), **_metrics(found, path, cwd)}
    rows |= _shown({key: value for key, value in frame.out.items() if key != "path"}) | _shown(frame.rest)
    width = max(map(len, rows), default=0)
    lines = [out.path, *(f"    {name:<{width}}  {value}" for name, value in rows.items())]
    return (printable("\n".join(line.replace("\n", "\\n") for line in lines)) + "\n").encode(errors="replace")


def _content(found: Pointer, out: Out) -> Iterator[tuple[str, str]]:
    if out.size is not None:
        yield "size", f"{out.size:,} bytes"
    if out.nfiles is not None:
        yield "files", f"{out.nfiles:,}"
    if out.isexec:
        yield "executable", "yes"
    if out.is_legacy:
        yield "format", "of DVC 2"
    yield "md5", out.md5 or "none yet"
    strong = pointer.strong_digests(found, out.md5 or "")
    if strong:
        yield "sha256", strong.sha256
    for title, key in (("card", "card"), ("signature", "sig")):
        if isinstance(value := _record(found).get(key), str):
            yield title, value


def _record(found: Pointer) -> Mapping[str, Any]:
    record = found.meta.get("sycee")
    return record if isinstance(record, dict) else {}


def _metrics(found: Pointer, path: Path, cwd: Path) -> dict[str, str]:
    wanted = _record(found).get("card")
    name = Path(found.outs[0].path).name + pointer.SUFFIX
    if not isinstance(wanted, str):
        return {}
    for data in _cards(path, cwd, name):
        if sha256_hex(data) == wanted:
            try:
                metrics = _shown(card.parse(data).metrics, "metrics.")
            except SyceeError:
                return {}
            return dict(list(metrics.items())[:_MOST_METRICS])
    return {}


def _cards(path: Path, cwd: Path, name: str) -> Iterator[bytes]:
    """Yield what may be the card of a pointer, the likeliest first."""
    beside = path.with_name(card.FILE_NAME)
    if beside.is_file():
        yield beside.read_bytes()
    root = toplevel(cwd)
    if root is None:
        return
    git = Git(root)
    folders = git.run("ls-files", "-z", "--", f":(top,glob)**/{_escaped(name)}").split(b"\0")[:-1][:_MOST_FOLDERS]
    places = [os.fsdecode(folder).removesuffix(name) + card.FILE_NAME for folder in folders]
    yield from (root.joinpath(place).read_bytes() for place in places if root.joinpath(place).is_file())
    if not places:
        return
    literal = [f":(top,literal){place}" for place in places]
    index = [line.split(b" ")[1].decode() for line in git.run("ls-files", "-s", "--", *literal).splitlines()]
    yield from git.blobs(index).values()
    options = ("--all", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=d", "--format=", f"-n{_MOST_VERSIONS}")
    history = git.run("log", *options, "--", *literal).splitlines()
    yield from git.blobs({line.split(b" ")[-2].decode() for line in history if line.startswith(b":")}).values()


def _escaped(name: str) -> str:
    return "".join(f"\\{char}" if char in "*?[\\" else char for char in name)


def _shown(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as one line each, under names with dots."""
    return {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in flat(values, prefix).items()}
