"""Bundles of further signers, in ``records/``: where they go, and which of them are left of another version."""

from pathlib import Path
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.errors import SyceeError
from sycee.formats import bundle, statement
from sycee.system.atomic import fsync_dir
from sycee.trust.content import Signed
from sycee.trust.context import identity_of
from sycee.trust.folder import ModelFolder


class Stale(NamedTuple):
    """A further signer's bundle that does not count for the version that is here.

    Attributes:
        name: Of the file, below the model folder.
        why: What it is instead, as the end of a sentence that begins with the name.
    """

    name: str
    why: str


def make_place(folder: Path) -> None:
    """Make the folder that further bundles lie in, durably, unless it is there."""
    place = folder / modelfolder.RECORDS
    if not place.is_dir():
        place.mkdir()
        fsync_dir(folder)


def stale_bundles(folder: ModelFolder, identity: str) -> tuple[Stale, ...]:
    """Return the further bundles that are about another version, or cannot be read. None of them is believed.

    Args:
        folder: The open model folder.
        identity: Of the version that is here, 64 hex digits.
    """
    names = sorted(filter(modelfolder.is_further_bundle, folder.scan().files))
    judged = ((name, _fault(folder, name, identity)) for name in names)
    return tuple(Stale(name, why) for name, why in judged if why)


def _fault(folder: ModelFolder, name: str, identity: str) -> str:
    try:
        found = bundle.parse(folder.read(name, bundle.MAX_SIZE), name)
        signed = Signed.of(statement.parse(found.payload, name))
    except SyceeError:
        return "is no bundle that can be read"
    by = f"by the key {found.hint}" if found.hint else "by somebody without a key"
    return "" if identity_of(signed) == identity else f"is about another version ({by})"
