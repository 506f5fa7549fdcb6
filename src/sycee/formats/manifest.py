"""The manifest of a version on a remote: where the bytes of each file lie, for a machine that has no Git.

Specification: docs/spec/version-manifest.md. Nothing in it is evidence: it says where to look and how much to expect,
and what is brought is compared with the sums whose own sha256 is the version's identity.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sycee.digest import is_hex, sha256_hex
from sycee.errors import Fault, FormatError
from sycee.formats import strictjson, sums
from sycee.formats.paths import colliding
from sycee.formats.statement import MAX_FILE_SIZE

FORMAT = 1
MAX_BYTES = 64 << 20  # some 250,000 files
MAX_BLOB = 64 << 20  # bytes of a file that is no object: what Git holds is small
MAX_INDEX = 8 << 10  # bytes of an index entry
MAX_IDENTITIES = 32  # versions that claim one label; more than one is a mistake of somebody's, or an attack
MAX_LABEL = 1_000  # characters of name or version

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Entry(NamedTuple):
    """One file of a version.

    Attributes:
        path: Below the model folder, with ``/``.
        sha256: Its digest, 64 hex digits.
        size: Its length in bytes.
        md5: Its address, if it is an object of the remote; None if it is a blob.
        legacy: Whether that is the address of before DVC 3.0.
    """

    path: str
    sha256: str
    size: int
    md5: str | None = None
    legacy: bool = False


class Manifest(NamedTuple):
    """Where a version lies.

    Attributes:
        identity: sha256 of its sums file, 64 hex digits.
        files: Every file, by code points of the path.
        name: The signed name; None if it has none.
        version: The signed version label; None if it has none.
    """

    identity: str
    files: tuple[Entry, ...]
    name: str | None = None
    version: str | None = None

    @property
    def label(self) -> str | None:
        """``NAME@VERSION`` as the index knows it; None without one of both."""
        return label_of(self.name, self.version) if self.name and self.version else None


def label_of(name: str, version: str) -> str:
    """Return ``NAME@VERSION``, without the ``v`` that tags in Git begin with."""
    return f"{name}@{version[1:] if version[0] == 'v' and version[1:2].isdigit() else version}"


def is_sayable(text: object) -> bool:
    """Tell whether a manifest can hold a name or a version."""
    return isinstance(text, str) and 0 < len(text) <= MAX_LABEL and not _CONTROL.search(text)


def render(manifest: Manifest) -> bytes:
    """Return the one text of a manifest."""
    known = {"name": manifest.name, "version": manifest.version}
    return strictjson.render_readable(
        {
            "format": FORMAT,
            "identity": manifest.identity,
            "files": [_described(one) for one in sorted(manifest.files)],
            **{key: value for key, value in known.items() if value is not None},
        }
    )


def _described(one: Entry) -> dict[str, object]:
    place: dict[str, object] = {} if one.md5 is None else {"md5": one.md5}
    return {
        "path": one.path,
        "sha256": one.sha256,
        "size": one.size,
        **place,
        **({"legacy": True} if one.legacy else {}),
    }


def parse(data: bytes, what: str = "the manifest") -> Manifest:
    """Read a manifest strictly.

    Args:
        data: All bytes of it.
        what: What it is, for messages.

    Raises:
        FormatError: With every fault, if the bytes are not those that :func:`render` gives, a path is unsafe, or the
            sums file is not listed with the identity as its digest.
    """
    reader = strictjson.Reader(what)
    value = strictjson.parse(data, what, limit=MAX_BYTES)
    top = reader.mapping(value, "$", required=("format", "identity", "files"), optional=("name", "version"))
    reader.constant(top.get("format"), "$.format", FORMAT)
    identity = reader.sha256(top.get("identity"), "$.identity")
    files = tuple(_entry(reader, item, path) for path, item in reader.items(top.get("files"), "$.files"))
    named = [_label(reader, top, key) for key in ("name", "version")]
    _check_set(reader, identity, files)
    reader.finish()
    manifest = Manifest(identity, files, *named)
    strictjson.require_canonical(data, render(manifest), what)
    return manifest


def _entry(reader: strictjson.Reader, value: object, path: str) -> Entry:
    item = reader.mapping(value, path, required=("path", "sha256", "size"), optional=("md5", "legacy"))
    name = reader.relpath(item.get("path"), f"{path}.path")
    sha256 = reader.sha256(item.get("sha256"), f"{path}.sha256")
    size, md5 = item.get("size"), item.get("md5")
    limit = MAX_BLOB if md5 is None else MAX_FILE_SIZE
    if type(size) is not int or not 0 <= size <= limit:
        reader.fault(f"{path}.size", f"must be a number of bytes, {limit} at most")
        size = 0
    if md5 is not None and not (isinstance(md5, str) and is_hex(md5, "md5")):
        reader.fault(f"{path}.md5", "must be an md5, 32 lower-case hex digits")
    if "legacy" in item:
        reader.constant(item["legacy"], f"{path}.legacy", expected=True)
        if md5 is None:
            reader.fault(f"{path}.legacy", "is for objects")
    return Entry(name, sha256, size, md5, "legacy" in item)


def _label(reader: strictjson.Reader, top: Any, key: str) -> str | None:
    if key not in top:
        return None
    if not is_sayable(top[key]):
        reader.fault(f"$.{key}", f"must be a text of 1 to {MAX_LABEL} characters, none of them a control character")
    return str(top[key])


def _check_set(reader: strictjson.Reader, identity: str, files: Sequence[Entry]) -> None:
    paths = [one.path for one in files]
    if pair := colliding(paths):
        reader.fault("$.files", f"{pair[1]!r} is the same name as {pair[0]!r} on some file systems")
    listed = {one.path: one.sha256 for one in files}
    if listed.get(sums.NAME) != identity:
        reader.fault("$.identity", f"must be the sha256 of {sums.NAME}, which the files list")


def render_index(label: str, identities: Iterable[str]) -> bytes:
    """Return an index entry: the label, then the identities that claim it, the newest last."""
    kept = [*dict.fromkeys(identities)][-MAX_IDENTITIES:]
    return "".join(f"{line}\n" for line in (label, *kept)).encode()


def parse_index(data: bytes, label: str) -> tuple[str, ...]:
    """Return the identities that claim a label, the newest last.

    Raises:
        FormatError: If the bytes are not those that :func:`render_index` gives for this label.
    """
    what = f"the index entry of {label}"
    lines = data[: MAX_INDEX + 1].decode(errors="replace").split("\n")[1:-1]
    named = 0 < len(lines) <= MAX_IDENTITIES and all(is_hex(line, "sha256") for line in lines)
    if len(data) > MAX_INDEX or not named:
        raise FormatError(f"{what} is malformed", faults=[Fault("$", "must be the label and identities, a line each")])
    strictjson.require_canonical(data, render_index(label, lines), what, ": the label first, each identity once")
    return tuple(lines)


def index_id(label: str) -> str:
    """Return what names the index entry of a label: the sha256 of its text, 64 hex digits."""
    return sha256_hex(label.encode())
