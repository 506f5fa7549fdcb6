"""Signing plain OpenSSF Model Signing: any folder or file, in the one profile that every reader takes.

    1  The bundle has a place, no bundle of another signer is replaced, and nothing that is none.
    2  Names: no links or special files, none that others could not have, no two that are one elsewhere.
    3  The sha256 of every file.
    4  Nothing changed meanwhile.
    5  The bundle, whole or not at all.

Method ``files``, hash sha256, everything sorted by code point, links forbidden; what was left out is named.
"""

from dataclasses import dataclass
from pathlib import Path

from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import bundle, omsstatement
from sycee.formats.omsstatement import LONE_FILE
from sycee.formats.paths import colliding, is_unicode, sharing_fault
from sycee.formats.statement import root_of
from sycee.system.atomic import write_file
from sycee.system.onepass import read_regular
from sycee.trust.envelope import seal
from sycee.trust.folder import Listing, Problem, in_lines, shown
from sycee.trust.keys import Signing
from sycee.trust.oms.model import GIT_ONLY, SIGNATURE_NAMES, LeaveOut, OmsModel, inside


@dataclass(frozen=True, slots=True)
class OmsSigned:
    """What was signed.

    Attributes:
        root: The root digest, 64 hex digits.
        files: Names of the signed files, sorted; one ``.`` for a lone file.
        left_out: What the bundle declares as not signed.
    """

    root: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignRequest:
    """What to sign.

    Attributes:
        path: The folder or file.
        bundle: Where the bundle goes.
        signer: Who signs.
        certificates: The signer's certificate in DER and those that lead to a root; empty to name the key alone.
        leave_out: What is not signed.
        replace: Put this bundle in the place of another signer's.
    """

    path: Path
    bundle: Path
    signer: Signing
    certificates: tuple[bytes, ...] = ()
    leave_out: LeaveOut = GIT_ONLY
    replace: bool = False


def sign(request: SignRequest, progress: Progress = SILENT) -> OmsSigned:
    """Sign a folder or file.

    Raises:
        NotFound: If it is not there, or the folder that the bundle would lie in.
        FormatError: If something in it may not be signed, with every problem.
        Conflict: If files change meanwhile, or the bundle would replace another signer's, or what is none.
    """
    _require_place(request.bundle)
    _refuse_foreign_bundle(request)
    with OmsModel(request.path) as model:
        own = inside(request.path, request.bundle)
        _require_sayable(model, own)
        ignored = _ignored(model, request.leave_out, own)
        listing = model.look(ignored)
        digests = _digests(model, listing, progress)
        if model.look(ignored) != listing:
            hint = "wait until it is written, and sign again"
            raise Conflict(f"{request.path} changed while it was being signed", hint=hint, path=str(request.path))
        payload = omsstatement.render(model.name, digests, ignored)
    write_file(request.bundle, seal(payload, request.signer, request.certificates))
    names = tuple(sorted(digests))
    return OmsSigned(root_of(digests[name] for name in names), names, tuple(sorted(ignored)))


def digest(path: Path, leave_out: LeaveOut = GIT_ONLY, progress: Progress = SILENT) -> str:
    """Return the root digest that a bundle of this folder or file would have, 64 hex digits; raises as :func:`sign`."""
    with OmsModel(path) as model:
        digests = _digests(model, model.look(_ignored(model, leave_out, None)), progress)
    return root_of(digests[name] for name in sorted(digests))


def _ignored(model: OmsModel, leave_out: LeaveOut, own: str | None) -> frozenset[str]:
    """Return what a bundle declares as not signed: it itself, and other signatures, which come and go beside it."""
    ignored = leave_out.by_caller()
    here = model.look(ignored).files
    others = {name for name in here if name.endswith(SIGNATURE_NAMES) and not sharing_fault(name)}
    return ignored | others | ({own} if own else set())


def _digests(model: OmsModel, listing: Listing, progress: Progress) -> dict[str, str]:
    _refuse_names(model, listing)
    total = sum(size for size, *_ in listing.files.values())
    with progress.start(f"digesting {model.name}", total) as task:
        return {name: model.digest(name, "sha256", task)[1] for name in sorted(listing.files)}


def _require_sayable(model: OmsModel, own: str | None) -> None:
    """Find out before gigabytes are read that the bundle could not say what was signed, or where it lies itself."""
    if not is_unicode(model.name):
        raise FormatError(f"the name {shown(model.name)} is not valid Unicode", hint="rename it, and sign again")
    if own and (fault := sharing_fault(own)):
        raise FormatError(f"the bundle's own name {shown(own)} {fault}", hint="choose another name for the bundle")


def _refuse_names(model: OmsModel, listing: Listing) -> None:
    problems = list(listing.problems)
    problems += [Problem(name, fault) for name in listing.files if name != LONE_FILE and (fault := sharing_fault(name))]
    if not problems and (pair := colliding(listing.files)):
        problems.append(Problem(pair[1], f"is the same name as {shown(pair[0])} on some file systems"))
    if not listing.files and not problems:
        problems.append(Problem(".", "holds nothing to sign"))
    if problems:
        raise FormatError(
            f"{model.path} cannot be signed:{in_lines(problems)}",
            hint="remove, rename or leave out (--ignore-paths) what does not belong to it",
            problems=[problem.as_json() for problem in problems],
        )


def _require_place(bundle_path: Path) -> None:
    """Find out before gigabytes are read that the bundle could not be written."""
    if not bundle_path.parent.is_dir():
        raise NotFound(
            f"there is no folder {bundle_path.parent}", hint="make it, or choose another place for the bundle"
        )


def _refuse_foreign_bundle(request: SignRequest) -> None:
    try:
        data, _ = read_regular(request.bundle)
    except NotFound:
        return
    try:
        there = bundle.parse(data, request.bundle.name)
    except FormatError:
        raise Conflict(
            f"{request.bundle} exists and is no bundle", hint="choose another name", path=str(request.bundle)
        ) from None
    ours = (None, request.certificates[0]) if request.certificates else (request.signer.public.fingerprint, None)
    if not request.replace and (there.hint, next(iter(there.certificates), None)) != ours:
        raise Conflict(
            f"{request.bundle} is by another signer",
            hint="choose another name, since several signers have a bundle each; or replace it with --force",
            path=str(request.bundle),
        )
