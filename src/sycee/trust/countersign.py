"""Countersigning: one signature more, on the word of those who signed before; no weights are read.

    1  The bundles, their signatures and statements, and who signed, as the verifier's steps 1 to 4; but that a role
       still lacks somebody is no reason to refuse, since that is what a countersignature is for.
    2  Every file that is here is what was signed. Of weights only the size is compared, and they need not be here.
    3  SHA256SUMS, card and pointers say the same; records and gates are as the trust file demands.
    4  One bundle more, over what all who signed before say.

The new signer vouches for the weights' digests as somebody before read them, and for all else as it lies here.
"""

from typing import NamedTuple

from sycee.core import modelfolder
from sycee.core.facts import Signer as KnownSigner
from sycee.core.progress import SILENT
from sycee.formats import bundle, statement, sums
from sycee.system.atomic import sweep, write_file
from sycee.trust import content, context
from sycee.trust.folder import Folder, Listing, differing
from sycee.trust.policy import bundles
from sycee.trust.policy.bundles import Vouched
from sycee.trust.policy.judging import Judge, Known
from sycee.trust.policy.request import Request
from sycee.trust.reading import Hashing
from sycee.trust.signing import further
from sycee.trust.signing.signers import Sealed, Signer, fingerprint_of, seal_further


class Countersigned(NamedTuple):
    """What was countersigned.

    Attributes:
        identity: sha256 of the sums file, 64 hex digits.
        fingerprint: The new signer's key; without one, that of the certificate.
        before: Who had signed, of those that the trust file names.
        written: Name of the new bundle; None if this key had signed the version before.
        absent: Weights that are not here.
    """

    identity: str
    fingerprint: str
    before: tuple[KnownSigner, ...]
    written: str | None
    absent: tuple[str, ...]


def countersign(request: Request, folder: Folder, signer: Signer) -> Countersigned:
    """Add a signature to a signed model folder.

    Args:
        request: By whose word; its folder is the same one.
        folder: The open model folder.
        signer: What signs.

    Raises:
        SignatureInvalid: If nobody known has signed.
        PolicyDenied: If those who have do not suffice, or a gate or record fails.
        DigestMismatch: If what is here is not what was signed.
        ContextMismatch: If sums, card or pointers contradict what was signed.
    """
    listing, judge = _swept(folder), Judge(request, folder, more_to_sign=True)
    # 1  Bundles, signatures, statements, who signed.
    claims = bundles.check_signatures(bundles.read_bundles(folder, listing), request.authority)
    vouched = bundles.read_statements(claims, folder)
    if (known := Known(vouched)).model:
        judge.require(known)
    # 2  What is here; weights by size.
    absent, parsed = _compare(folder, vouched, listing)
    # 3  Sums, card and pointers; records and gates.
    context.check_sums(vouched.signed, vouched.text, parsed.get(sums.NAME))
    card = context.check_card(vouched.signed, parsed.get(modelfolder.CARD))
    names = vouched.signed.names(listing)
    context.check_pointers(folder, vouched.signed, names, md5s={}, signatures=None)
    known = Known(vouched, card, complete=True)
    judge.require(known._replace(records=judge.records(known).facts))
    # 4  One bundle more.
    before = tuple(sorted(vouched.signers))
    if (own := fingerprint_of(signer)) and any(one.fingerprint == own for one in before):
        return Countersigned(vouched.identity, own, before, None, absent)
    sealed = _seal(folder, listing, vouched, signer)
    written = _write(folder, listing, sealed)
    return Countersigned(vouched.identity, sealed.fingerprint, before, written, absent)


def _swept(folder: Folder) -> Listing:
    """Look at the folder, without what killed commands left half written in it; what is being written now stays."""
    listing = folder.scan()
    places = {(folder.path / name).parent for name in listing.files if modelfolder.is_temporary(name)}
    for place in places:
        sweep(place)
    return folder.scan() if places else listing


def _compare(folder: Folder, vouched: Vouched, listing: Listing) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """Return the weights that are not here, and the bytes of files that are parsed."""
    signed = vouched.signed
    absent = tuple(sorted(signed.weights - listing.files.keys()))
    problems = [one for one in content.set_problems(folder, signed, listing) if one.path not in absent]
    found = content.read_all(folder, signed, listing, Hashing(), skip=signed.weights, progress=SILENT)
    if problems := [*problems, *found.problems]:
        raise differing(folder.path, problems, "restore the signed version (git checkout), and countersign that")
    return absent, found.parsed


def _seal(folder: Folder, listing: Listing, vouched: Vouched, signer: Signer) -> Sealed:
    first = bundle.parse(vouched.data).payload
    same = statement.parse(first) == vouched.signed.statement
    return seal_further(folder, listing.files, first if same else statement.render(vouched.signed.statement), signer)


def _write(folder: Folder, listing: Listing, sealed: Sealed) -> str | None:
    if sealed.name in listing.files and folder.read(sealed.name, bundle.MAX_SIZE) == sealed.data:
        return None
    further.make_place(folder.path)
    write_file(folder.path / sealed.name, sealed.data)
    return sealed.name
