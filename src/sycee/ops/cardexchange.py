"""``sycee card export`` and ``import``: cards in the forms of others."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sycee.digest import sha256_hex
from sycee.errors import Conflict, NotFound
from sycee.formats import bundle, card, cyclonedx, huggingface, huggingfaceread, requirements
from sycee.formats.card import Card
from sycee.formats.portable import Imported, Portable
from sycee.ops.card import card_path
from sycee.ops.records import evaluations_of, identity_of, records_of
from sycee.system.atomic import write_file
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder

_MAX_LOCK = 16 << 20  # bytes
_MAX_BUNDLE = 256 << 20


class Form(NamedTuple):
    """A form of others.

    Attributes:
        render: Gives its bytes.
        read: Gives a card back, from its bytes and its name for messages.
    """

    render: Callable[[Portable], bytes]
    read: Callable[[bytes, str], Imported]


FORMS: Mapping[str, Form] = {
    "hf": Form(huggingface.render, huggingfaceread.read),
    "cyclonedx": Form(cyclonedx.render, cyclonedx.read),
}


class Export(NamedTuple):
    """A card in another form.

    Attributes:
        data: Its bytes.
        warnings: What could not be used though it is there.
    """

    data: bytes
    warnings: tuple[str, ...]


def export_card(target: Path, form: str) -> Export:
    """Return the card of a model in another form, with the evaluations recorded since.

    Args:
        target: A model's folder, a file in it, or the card itself.
        form: One of :data:`FORMS`.

    Raises:
        NotFound: If there is no card.
        FormatError: If it is not valid.
    """
    path = card_path(target)
    read = card.parse(path.read_bytes(), str(path))
    warnings: list[str] = []
    source = Portable(read, read.name or path.absolute().parent.name or "model")
    if path.name == card.FILE_NAME:
        source = _with_neighbours(source, path.parent, warnings)
    return Export(FORMS[form].render(source), tuple(warnings))


def _with_neighbours(source: Portable, folder: Path, warnings: list[str]) -> Portable:
    listed = records_of(folder)
    warnings += [f"{one.name} is left out: {one.fault}" for one in listed if one.record is None]
    with Folder(folder) as model:
        identity = identity_of(model, sha256_hex(source.card.raw))
        signature = _read(model, bundle.NAME, _MAX_BUNDLE) if identity else None
        packages = _packages(model, source.card, warnings)
    digest = sha256_hex(signature) if signature else None
    return source._replace(later=evaluations_of(listed), packages=packages, identity=identity, bundle=digest)


def _read(model: Folder, name: str, limit: int) -> bytes | None:
    try:
        return model.read(name, limit)
    except (NotFound, Conflict):
        return None


def _packages(model: Folder, read: Card, warnings: list[str]) -> Mapping[str, str]:
    for one in read.context:
        if one.role == "lock" and one.path.endswith(".lock"):
            data = _read(model, one.path, _MAX_LOCK)
            if data is not None and sha256_hex(data) == one.sha256:
                return requirements.versions(data)
            what = "is not there" if data is None else "is not the one that the card binds"
            warnings.append(f"{one.path} {what}: only the frameworks that the card names are listed")
    return {}


def import_card(path: Path, form: str) -> Imported:
    """Return a card made from a file of another form: the card that it carries, else the best that can be made.

    Args:
        path: The file.
        form: One of :data:`FORMS`.

    Raises:
        NotFound: If there is no such file.
        FormatError: If it cannot be read, or carries a damaged card.
    """
    if not path.is_file():
        raise NotFound(f"{path} is no file", hint="give the file to read", path=str(path))
    return FORMS[form].read(path.read_bytes(), str(path))


def write_new(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file that is not there yet.

    Raises:
        Conflict: If it is there with other bytes, unless that was allowed; or is no file.
        NotFound: If its folder is not there.
        OSError: If it cannot be written.
    """
    kind = kind_at(path)
    if kind == "file" and path.read_bytes() == data:
        return
    if kind is not None and not (force and kind == "file"):
        raise Conflict(f"{path} exists", hint="give another name, or --force to replace a file", path=str(path))
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}", path=str(path))
    write_file(path, data)
