"""The bytes that a replay works on: a private copy of a model folder, each byte compared on its way.

Where signatures are asked for they are compared with what was signed. Where none are, they are compared with the
folder's own card, which anybody could have written: that finds what broke, not who did it.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.policy import Signer
from sycee.core.progress import SILENT, Progress
from sycee.digest import sha256_hex
from sycee.errors import DigestMismatch, NotFound
from sycee.formats import card as card_format
from sycee.formats.card import Card
from sycee.formats.statement import Resource, Statement
from sycee.ops.auxfiles import SOURCE
from sycee.ops.copying import Copying
from sycee.ops.trustplace import Asked, request_for
from sycee.trust import content
from sycee.trust.content import PARSED, Signed
from sycee.trust.folder import Folder, Problem
from sycee.trust.policy.authority import Authority
from sycee.trust.verify import verify


class Held(NamedTuple):
    """A private copy.

    Attributes:
        folder: Where it is; gone when the replay ends.
        name: The model's name.
        version: Its version label, or None.
        identity: ``sycee:`` and the identity of the signed version; ``card:`` and the card's sha256 if no signature was
            asked for.
        signer: The fingerprints of those who signed; None if nobody was asked for.
        card: Its card, or None.
        digests: The sha256 of each file that was signed, or that the card names; it is what the copy has.
        authority: Whose signatures count; None if nobody's was asked for.
    """

    folder: Path
    name: str
    version: str | None
    identity: str
    signer: str | None
    card: Card | None
    digests: Mapping[str, str]
    authority: Authority | None = None


@contextmanager
def held(model: Path, asked: Asked | None, *, progress: Progress = SILENT) -> Iterator[Held]:
    """Give a private copy of a model folder, gone at the end of the block.

    Args:
        model: The model folder.
        asked: What it has to be, and by whose word; None compares with the folder's own card.
        progress: Where to announce the bytes read.

    Raises:
        VerificationError: If it is not what was signed, or not what its card says.
        NotFound: If folder or card are not there; see :func:`sycee.ops.trustplace.request_for`.
    """
    with tempfile.TemporaryDirectory(prefix="sycee-", ignore_cleanup_errors=True) as top:
        place = Path(top).resolve() / (model.absolute().name or "model")
        place.mkdir(mode=0o700)
        yield _by_card(model, place, progress) if asked is None else _signed(model, place, asked, progress)


def _signed(model: Path, place: Path, asked: Asked, progress: Progress) -> Held:
    request = request_for(model, asked)
    verified = verify(request, reader=Copying(place, durable=False), progress=progress)
    return Held(
        place,
        verified.name,
        verified.version,
        f"sycee:{verified.identity}",
        fingerprints(verified.signers),
        verified.card,
        digests_of(verified.files),
        request.authority,
    )


def fingerprints(signers: Iterable[Signer]) -> str:
    """Return the fingerprints of those who signed, each once, as a report tells them."""
    return ", ".join(sorted({signer.fingerprint for signer in signers}))


def digests_of(files: Mapping[str, Resource]) -> dict[str, str]:
    """Return the sha256 of each of these files."""
    return {name: resource.sha256 for name, resource in files.items()}


def _by_card(model: Path, place: Path, progress: Progress) -> Held:
    with Folder(model) as folder:
        try:
            data = folder.read(modelfolder.CARD, PARSED[modelfolder.CARD])
        except NotFound:
            raise NotFound(f"{model} has no {modelfolder.CARD}, so there is nothing to compare with") from None
        card = card_format.parse(data, modelfolder.CARD)
        listing = folder.scan()
        bound = [Resource(file.path, file.sha256, file.size) for file in card.files]
        bound += [Resource(file.path, file.sha256, file.size) for file in card.context]
        signed = Signed.of(Statement("", tuple(bound), (), {}))
        reader = Copying(place, durable=False)
        missing = signed.resources.keys() - listing.files.keys()
        problems = [Problem(name, "is named by the card and not here (sycee pull brings it)") for name in missing]
        problems += [
            Problem(name, "is source that the card does not name, and would be run")
            for name in listing.files
            if name.startswith(f"{SOURCE}/") and name not in signed.resources
        ]
        problems += content.read_all(folder, signed, listing, reader, skip=frozenset(), progress=progress).problems
        _require_none(model, [*listing.problems, *problems])
        names = Names.make(listing.files, [file.path for file in card.files])
        for name in names.of(Part.CONTENT):
            if name not in signed.resources:
                reader.take(folder, name, "blake3", lambda _: None)
    identity = f"card:{sha256_hex(data)}"
    return Held(place, card.name or model.name, card.version, identity, None, card, digests_of(signed.resources))


def _require_none(model: Path, problems: list[Problem]) -> None:
    if problems:
        lines = "".join(f"\n  {problem}" for problem in sorted(problems, key=str))
        raise DigestMismatch(
            f"{model} is not what its own card says:{lines}",
            hint="restore the version (git checkout, sycee checkout), or freeze what is here",
            problems=[problem.as_json() for problem in problems],
        )
