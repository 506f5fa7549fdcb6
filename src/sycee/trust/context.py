"""Steps 7, 9 and 10 of verification: sums, card and pointers say the same as the bundle."""

from collections.abc import Mapping

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.errors import Conflict, ContextMismatch, FormatError, NotFound
from sycee.formats import card as card_format
from sycee.formats import dirobject, pointer, sums
from sycee.formats.card import Card
from sycee.formats.pointer import Out, Pointer
from sycee.formats.statement import Resource
from sycee.system.onepass import legacy_md5_fd
from sycee.trust.content import Signed
from sycee.trust.folder import ModelFolder


def sums_text(signed: Signed) -> bytes:
    """Return the sums file that follows from what was signed: its sha256 is the identity, whoever made the bundle."""
    names = Names.make(signed.resources, signed.weights)
    return sums.render({name: signed.resources[name].sha256 for name in names.of(Part.CONTENT)})


def identity_of(signed: Signed) -> str:
    """Return the identity of the version that was signed, 64 hex digits."""
    return sums.identity(sums_text(signed))


def check_sums(signed: Signed, text: bytes, data: bytes | None) -> None:
    """Step 7: compare the sums file with the bundle.

    Args:
        signed: What was signed.
        text: What :func:`sums_text` gave.
        data: The sums file, if one is signed.

    Raises:
        ContextMismatch: If it lists other files or digests, or the bundle names another identity.
    """
    identity = sums.identity(text)
    if data is not None and data != text:
        raise ContextMismatch(
            f"{sums.NAME} lists other files or digests than model.sig",
            expected=identity,
            found=sums.identity(data),
            path=sums.NAME,
        )
    named = signed.statement.annotations.get("identity", identity)
    if named != identity:
        raise ContextMismatch(
            f"model.sig names another identity than its files have: expected {named}, found {identity}",
            expected=named,
            found=identity,
        )


def check_card(signed: Signed, data: bytes | None) -> Card | None:
    """Step 9: parse the card that was verified, and compare all that it says about files and version.

    Returns:
        The card; None when there is none.

    Raises:
        ContextMismatch: If it has faults, or contradicts the bundle.
    """
    if data is None:
        return None
    try:
        card = card_format.parse(data, modelfolder.CARD)
    except FormatError as error:
        faults = [str(fault) for fault in error.faults]
        listed = "; ".join(faults) or error.message
        raise ContextMismatch(f"{modelfolder.CARD} was signed and is no valid card: {listed}", faults=faults) from None
    for key in ("name", "version", "serial"):
        _same(modelfolder.CARD, key, signed.statement.annotations.get(key), getattr(card, key))
    for file in card.files:
        _check_entry(signed, Resource(file.path, file.sha256, file.size, file.md5, file.blake3))
    for bound in card.context:
        _check_entry(signed, Resource(bound.path, bound.sha256, bound.size))
    return card


def _check_entry(signed: Signed, entry: Resource) -> None:
    resource = signed.resources.get(entry.name)
    if resource is None:
        raise ContextMismatch(f"{modelfolder.CARD} names {entry.name}, which is not signed", path=entry.name)
    for fact in ("size", "sha256", "md5", "blake3"):
        own, listed = getattr(resource, fact), getattr(entry, fact)
        if None not in (own, listed) and own != listed:
            raise ContextMismatch(
                f"{modelfolder.CARD} was written for other files: it lists the {fact} of {entry.name} as {listed}, "
                f"and that is {own}",
                hint="freeze again, which writes the card for the files as they are, and sign that",
                expected=listed,
                found=own,
                path=modelfolder.CARD,
            )


def _same(where: str, what: str, signed: object, found: object) -> None:
    if None not in (signed, found) and signed != found:
        raise ContextMismatch(
            f"{where} contradicts model.sig about the {what}: expected {signed}, found {found}",
            expected=signed,
            found=found,
            path=where,
        )


def check_pointers(
    folder: ModelFolder, signed: Signed, names: Names, *, md5s: Mapping[str, str], signatures: Mapping[str, str] | None
) -> list[str]:
    """Step 10: every pointer that is here leads to exactly the bytes that were signed.

    Args:
        folder: The open model folder.
        signed: What was signed.
        names: What each name in the folder is.
        md5s: Address of files whose bundle has none, made from the verified bytes.
        signatures: sha256 of each detached signature, by the file that it signs; None to leave our records in the
            pointers unread, because they are about to be written.

    Returns:
        Warnings: what a pointer says about other bytes than these, and is therefore ignored.

    Raises:
        ContextMismatch: If a pointer is malformed, or leads to other bytes.
    """
    warnings: list[str] = []
    for name in names.of(Part.POINTER):
        try:
            found = pointer.parse(folder.read(name, pointer.MAX_BYTES), name)
        except (FormatError, Conflict, NotFound) as error:
            raise ContextMismatch(error.message, hint="restore the pointer from Git", path=name) from None
        target = name.removesuffix(modelfolder.POINTER_SUFFIX)
        out = _out_for(name, target, found)
        if target in signed.resources:
            _check_file(folder, name, signed.resources[target], out, md5s.get(target))
            if signatures is not None:
                warnings += _check_record(name, signed, target, found, signatures.get(target))
        else:
            _check_folder(name, signed, target, out)
    return warnings


def _out_for(name: str, target: str, found: Pointer) -> Out:
    wanted = target.rpartition("/")[2]
    for out in found.outs:
        if found.wdir == "." and out.path == wanted:
            return out
    raise ContextMismatch(
        f"{name} does not point to {target}",
        hint="a pointer names the file beside it, with no wdir",
        expected=wanted,
        found=", ".join(out.path for out in found.outs),
        path=name,
    )


_REPAIR = "check out the pointer of this version; or, if the new weights are meant, freeze and sign them"


def _check_file(folder: ModelFolder, name: str, resource: Resource, out: Out, md5: str | None) -> None:
    signed_md5 = resource.md5 or md5
    if out.md5 != signed_md5 and not _is_legacy(folder, resource, out):
        raise ContextMismatch(
            f"{name} points to other bytes than model.sig: expected md5 {signed_md5}, found {out.md5}",
            hint=_REPAIR,
            expected=signed_md5,
            found=out.md5,
            path=name,
        )
    _same(name, "size", resource.size, out.size)


def _is_legacy(folder: ModelFolder, resource: Resource, out: Out) -> bool:
    """Tell whether the pointer is one of DVC 2, whose md5 of a text is that of the text with Unix line ends."""
    if out.hash is not None:
        return False
    with folder.opened(resource.name) as fd:
        return legacy_md5_fd(fd) == out.md5


def _check_record(name: str, signed: Signed, target: str, found: Pointer, signature: str | None) -> list[str]:
    """Compare our record in the pointer, where it belongs to these bytes."""
    resource, record = signed.resources[target], found.meta.get("sycee")
    if not isinstance(record, dict) or not record:
        return []
    strong = next((s for out in found.outs if out.md5 and (s := pointer.strong_digests(found, out.md5))), None)
    if strong is None:
        return [f"{name} keeps digests of other bytes than these (after a plain `dvc add`); they were ignored"]
    card = signed.resources.get(modelfolder.CARD)
    _same(name, "sha256", resource.sha256, strong.sha256)
    _same(name, "blake3", resource.blake3, strong.blake3)
    _same(name, "card", card.sha256 if card else None, record.get("card"))
    _same(name, "signature", signature, record.get("sig"))
    return []


def _check_folder(name: str, signed: Signed, target: str, out: Out) -> None:
    below = {
        file.removeprefix(f"{target}/"): r for file, r in signed.resources.items() if file.startswith(f"{target}/")
    }
    entries = [dirobject.Entry(path, resource.md5) for path, resource in below.items() if resource.md5]
    if len(entries) != len(below) or not entries:
        raise ContextMismatch(f"{name} cannot be compared: model.sig lists no md5 of the files in {target}/", path=name)
    _same(name, f"files of {target}/", dirobject.object_id(dirobject.render(entries)), out.md5 or "no digest")
