"""Pointers: the ``.dvc`` files that stand in Git for what is in the cache. Specification: docs/spec/pointer.md.

Bytes are DVC's: what :func:`render` writes is what ``dvc add`` would write, and :func:`patch` changes an existing
pointer as DVC does when it adds again, keeping comments, order and style. Our digests live in the one place DVC
leaves alone, the top-level ``meta``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sycee.digest import is_hex
from sycee.errors import Fault, FormatError
from sycee.formats import dirobject, yamldialect, yamlsubset
from sycee.formats.origin import RepoImport, UrlImport, repo_import, url_import
from sycee.formats.pointerschema import faults_of
from sycee.formats.stagesum import stage_checksum
from sycee.formats.versions import FileVersion, versions_of

SUFFIX = ".dvc"
MAX_BYTES = 1 << 20

# What DVC leaves out when it writes a pointer anew, since it says nothing.
_SILENT_IN_OUT: Mapping[str, tuple[Any, ...]] = {
    "cache": (True,),
    "push": (True,),
    "persist": (False,),
    "isexec": (False,),
    "remote": ("",),
    "desc": ("",),
    "type": ("",),
    "labels": ([],),
    "meta": (None, {}),
}
_SILENT: Mapping[str, tuple[Any, ...]] = {"wdir": (".", None), "frozen": (False,), "always_changed": (False,)}
_STALE_WITH_CONTENT = ("etag", "checksum", "version_id", "cloud", "files")


class Out(NamedTuple):
    """One tracked file or folder of a pointer.

    Attributes:
        path: Where it is, relative to the pointer's ``wdir``; safe to join (see formats/paths).
        md5: Its address: 32 lower-case hex digits, and ``.dir`` when it is a folder; None when nothing was added yet.
            That of a folder of versions (``files:``) is reckoned from its files.
        size: Bytes of the file, or of all files of the folder; informative.
        nfiles: Files in the folder; informative.
        isexec: Whether the file gets its user-exec bit at checkout.
        hash: ``"md5"``, or None for a pointer of DVC 2 (objects in the legacy layout).
        cache: False for what Git keeps itself.
        push: False for what is never pushed: it says so, or it comes from another repository.
        remote: The only remote it lives on, or None.
        versioned: Whether it names versions of a cloud bucket (``files:`` or ``cloud:``).
        versions: All of them, or none where not each is named whole.
    """

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    hash: str | None = "md5"
    cache: bool = True
    push: bool = True
    remote: str | None = None
    versioned: bool = False
    versions: tuple[FileVersion, ...] = ()

    @property
    def is_legacy(self) -> bool:
        """Whether its pointer is of the time before DVC 3.0."""
        return self.hash is None

    @property
    def is_dir(self) -> bool:
        """Whether the address is that of a directory object."""
        return self.md5 is not None and self.md5.endswith(".dir")


class Pointer(NamedTuple):
    """A pointer as read.

    Attributes:
        outs: What it tracks.
        wdir: The folder that ``path`` of each out is relative to, itself relative to the pointer's folder; not
            judged beyond being relative: whoever joins the two checks the result.
        imported: Whether it has dependencies, as ``dvc import`` and ``dvc import-url`` write them.
        meta: The top-level ``meta`` when it is a map, else empty.
        raw: The bytes it was read from.
        source: The other repository that its content comes from, or None.
        address: The url that its content comes from, or None.
    """

    outs: tuple[Out, ...]
    wdir: str
    imported: bool
    meta: Mapping[str, Any]
    raw: bytes
    source: RepoImport | None = None
    address: UrlImport | None = None


class StrongDigests(NamedTuple):
    """The evidence that a pointer keeps for one md5.

    Attributes:
        sha256: 64 lower-case hex digits.
        blake3: 64 lower-case hex digits.
    """

    sha256: str
    blake3: str


def parse(data: bytes, name: str) -> Pointer:
    """Read a pointer.

    Args:
        data: The file's bytes, at most :data:`MAX_BYTES`.
        name: The file, for messages.

    Raises:
        FormatError: With every fault as ``$.outs[0].md5``, if it is not a valid pointer, or holds an unsafe path.
    """
    value = _value(data, name)
    meta = value.get("meta")
    source = repo_import(value.get("deps") or ())
    outs = tuple(_out(entry) for entry in value.get("outs") or ())
    return Pointer(
        outs=tuple(out._replace(push=False) for out in outs) if source else outs,
        wdir=value.get("wdir") or ".",
        imported=bool(value.get("deps")),
        meta=meta if isinstance(meta, dict) else {},
        raw=data,
        source=source,
        address=url_import(value),
    )


def render(out: Out, sycee: Mapping[str, Any] | None) -> bytes:
    """Return the bytes of a fresh pointer with one out, as ``dvc add`` writes it.

    Args:
        out: What it tracks.
        sycee: The value of ``meta.sycee``; None or empty for a pointer without ``meta``.

    Raises:
        FormatError: If the out would not be read back, such as an unsafe path.
    """
    value: dict[str, Any] = {"outs": [_entry(out)]}
    if sycee:
        value["meta"] = {"sycee": _plain_maps(sycee)}
    _refuse(faults_of(value), out.path + SUFFIX)
    return yamldialect.dump(value)


def patch(raw: bytes, name: str, out: Out, sycee: Mapping[str, Any] | None) -> bytes:
    """Return an existing pointer with the checksum of one out and our ``meta.sycee`` brought up to date.

    Comments, key order, flow style and all other keys stay. Of the out with ``out.path`` only ``md5``, ``size``,
    ``nfiles``, ``isexec`` and ``hash`` change; when its md5 changes, version ids that belonged to the old content go.
    Keys that say what their absence says (``wdir: .``) go as well, as in DVC; all only when anything changes.
    The checksum of a pointer with dependencies is made anew. Digest entries of ``meta.sycee`` that belong to no out of
    the pointer go. A ``meta`` that is not a map is the user's own and stays as it is, without our digests.

    Args:
        raw: The present bytes.
        name: The file, for messages.
        out: The new state of one out.
        sycee: Keys to set in ``meta.sycee``; a value of None removes the key. None to set nothing.

    Returns:
        The new bytes; ``raw`` itself when nothing changes.

    Raises:
        FormatError: If ``raw`` is not a valid pointer or has no out with that path, or the result would not be one.
    """
    _value(raw, name)
    document = yamldialect.load_editable(raw.decode().replace("\r\n", "\n"), name)
    entry = next((one for one in document.get("outs") or () if one["path"] == out.path), None)
    if entry is None:
        raise FormatError(f"{name} has no out with the path {out.path!r}", path=name)
    changed = _patch_out(entry, out)
    live = {one.get("md5") for one in document["outs"]}
    changed |= _patch_meta(document, sycee or {}, live)
    if not changed:
        return raw
    _drop(entry, _SILENT_IN_OUT)
    _drop(document, _SILENT)
    if document.get("deps") and "md5" in document:
        document["md5"] = stage_checksum(document)
    data = yamldialect.dump(document)
    _value(data, name)
    return data


def renamed(raw: bytes, name: str, path: str) -> bytes:
    """Return a pointer with one out as it is to stand beside that out, which has a new name.

    All else stays as :func:`patch` would keep it; ``wdir`` goes.

    Args:
        raw: The present bytes.
        name: The file, for messages.
        path: The new name of the out, without a folder.

    Raises:
        FormatError: If ``raw`` is not a valid pointer with exactly one out, or the result would not be one.
    """
    if len(_value(raw, name).get("outs") or ()) != 1:
        raise FormatError(f"{name} does not track exactly one file or folder", path=name)
    document = yamldialect.load_editable(raw.decode().replace("\r\n", "\n"), name)
    document["outs"][0]["path"] = path
    document.pop("wdir", None)
    data = yamldialect.dump(document)
    _value(data, name)
    return data


class Frame(NamedTuple):
    """What a pointer says beside which content it names.

    Attributes:
        out: The options of its one out.
        rest: Everything around the out, sycee's own record left out.
    """

    out: Mapping[str, Any]
    rest: Mapping[str, Any]


def frame(raw: bytes, name: str) -> Frame:
    """Return what stays in a pointer with one out when its content changes; what says nothing is left out.

    Args:
        raw: The bytes of the pointer.
        name: The file, for messages.

    Raises:
        FormatError: If it is not a valid pointer with exactly one out.
    """
    value = _value(raw, name)
    if len(value.get("outs") or ()) != 1:
        raise FormatError(f"{name} does not track exactly one file or folder", path=name)
    out = dict(value.pop("outs")[0])
    _drop(out, _SILENT_IN_OUT)
    _drop(value, _SILENT)
    content = {*_content(Out("")), *_STALE_WITH_CONTENT}
    if isinstance(meta := value.pop("meta", None), dict):
        meta = {key: item for key, item in meta.items() if key != "sycee"}
    rest = value | ({"meta": meta} if meta else {})
    return Frame({key: item for key, item in out.items() if key not in content}, rest)


def strong_digests(pointer: Pointer, md5: str) -> StrongDigests | None:
    """Return the evidence that the pointer keeps for the content with this md5.

    Args:
        pointer: A pointer as read.
        md5: The address of the content in question, with ``.dir`` for a folder.

    Returns:
        Both digests, or None when there is no entry for this md5 (a plain ``dvc add`` has changed the content since),
        or it is not whole.
    """
    entry = _evidence(pointer, md5)
    sha256, blake3 = _hex64(entry.get("sha256")), _hex64(entry.get("blake3"))
    return StrongDigests(sha256, blake3) if sha256 and blake3 else None


def sums_object(pointer: Pointer, md5: str) -> str | None:
    """Return the sha256 of the object that lists the evidence of a tracked folder's files.

    Args:
        pointer: A pointer as read.
        md5: The address of the folder's content, with ``.dir``.

    Returns:
        64 lower-case hex digits, or None when there is no entry for this md5 or it names no such object.
    """
    return _hex64(_evidence(pointer, md5).get("sums"))


def _evidence(pointer: Pointer, md5: str) -> Mapping[str, Any]:
    sycee = pointer.meta.get("sycee")
    entry = sycee.get(md5) if isinstance(sycee, dict) else None
    return entry if isinstance(entry, dict) else {}


def _hex64(value: object) -> str | None:
    return value if isinstance(value, str) and is_hex(value, "sha256") else None


def _value(data: bytes, name: str) -> dict[str, Any]:
    """Return the plain value of a valid pointer; raise on the first layer that has faults."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"{name} is larger than {MAX_BYTES} bytes, too large for a pointer", path=name)
    if not data.strip():
        raise FormatError(
            f"{name} is empty", hint="restore it from Git; an interrupted write can leave it so", path=name
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{name} is not UTF-8 (byte {error.start})", path=name) from None
    value = yamlsubset.read(text)
    if value is None:
        _refuse_conflict(text, name)
        value = yamldialect.load(text, name)
    _refuse(faults_of(value), name)
    return dict(value)


def _refuse_conflict(text: str, name: str) -> None:
    if text.startswith("<<<<<<< ") or "\n<<<<<<< " in text:
        hint = "resolve it: keep the md5, size and meta of one side, then run `git add`"
        raise FormatError(f"{name} holds an unresolved merge conflict", hint=hint, path=name)


def _refuse(faults: list[Fault], name: str) -> None:
    if not faults:
        return
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise FormatError(f"{name} is not a valid pointer: {faults[0]}{more}", faults=faults, path=name)


def _out(entry: Mapping[str, Any]) -> Out:
    return Out(
        path=entry["path"],
        md5=_folder_id(entry["files"]) if "files" in entry else entry.get("md5") or None,
        size=entry.get("size"),
        nfiles=entry.get("nfiles"),
        isexec=entry.get("isexec", False),
        hash=entry.get("hash"),
        cache=entry.get("cache", True),
        push=entry.get("push", True),
        remote=entry.get("remote"),
        versioned="files" in entry or "cloud" in entry,
        versions=versions_of(entry) if "files" in entry or "cloud" in entry else (),
    )


def _folder_id(files: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the address that a folder of versions would have as an object; None if a file is not known by its md5."""
    if not all(file.get("md5") for file in files):
        return None
    return dirobject.object_id(dirobject.render(dirobject.Entry(file["relpath"], file["md5"]) for file in files))


def _content(out: Out) -> dict[str, Any]:
    """Return the keys that depend on the content, None for those that must not be there, in DVC's order."""
    return {
        "md5": out.md5,
        "size": out.size,
        "nfiles": out.nfiles,
        "isexec": True if out.isexec else None,
        "hash": out.hash,
    }


def _entry(out: Out) -> dict[str, Any]:
    entry = {key: value for key, value in _content(out).items() if value is not None}
    entry["path"] = out.path
    if not out.cache:
        entry["cache"] = False
    if out.remote:
        entry["remote"] = out.remote
    if not out.push:
        entry["push"] = False
    return entry


def _patch_out(entry: dict[str, Any], out: Out) -> bool:
    wanted = _content(out)
    if (entry.get("md5") or None) != out.md5:
        wanted |= dict.fromkeys(_STALE_WITH_CONTENT)
    if entry.get("isexec") is False and not out.isexec:
        del wanted["isexec"]  # says the same as no key
    return _assign(entry, wanted)


def _patch_meta(document: dict[str, Any], sycee: Mapping[str, Any], live: set[str | None]) -> bool:
    meta = document.get("meta")
    if meta is not None and not isinstance(meta, dict):
        return False
    present = (meta or {}).get("sycee")
    ours = present if isinstance(present, dict) else {}
    stale = [key for key in (*ours, *sycee) if _is_address(key) and key not in live]
    changed = _assign(ours, _plain_maps(sycee) | dict.fromkeys(stale))
    if not changed:
        return False
    if ours and ours is not present:
        target, value = (document, {"meta": {"sycee": ours}}) if meta is None else (meta, {"sycee": ours})
        _assign(target, value)
    elif not ours and meta is not None:
        _assign(meta, {"sycee": None})
        if not meta:
            _assign(document, {"meta": None})
    return True


def _assign(target: dict[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Set the keys that differ, at the end when new; remove those that are None. Tell whether anything changed."""
    changed = False
    for key, value in wanted.items():
        if value is None:
            changed |= key in target
            target.pop(key, None)
        elif key not in target or target[key] != value:
            target[key] = value
            changed = True
    return changed


def _drop(target: dict[str, Any], silent: Mapping[str, tuple[Any, ...]]) -> None:
    for key, values in silent.items():
        if key in target and target[key] in values:
            del target[key]


def _is_address(key: object) -> bool:
    return isinstance(key, str) and is_hex(key.removesuffix(".dir"), "md5")


def _plain_maps(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings as dicts, which is what YAML knows."""
    return {key: _plain_maps(item) if isinstance(item, Mapping) else item for key, item in value.items()}
