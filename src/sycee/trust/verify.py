"""The verifier: what must hold before a byte of a model folder is used.

    1  Size limits; the bundle is read once, and only these bytes are spoken of from here on.
    2  The signature, over the encoding of the payload, by the expected key: before the payload is parsed.
    3  The payload, strictly: one meaning, safe and distinct names, and nothing left unsigned that must not be.
    4  The version that was asked for, if one was.
    5  The set of files: every signed one is here, and nothing else than what may stand beside them, each of its kind.
    6  Sizes, then all bytes in one pass, by blake3 where the signed bundle vouches for it, else by sha256.
    7  SHA256SUMS says the same as the bundle; its sha256 is the version's identity.
    8  Detached signatures, by the same key.
    9  The card parses, and says the same about files and version.
   10  Pointers, where there are any, lead to exactly the signed bytes.

Content problems (5 and 6) are gathered into one error. No step uses md5 as evidence: a pointer's md5 is compared with
the md5 that was signed. Nothing here opens a socket, and nothing is decided by time stamps or modes.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.progress import SILENT, Progress
from sycee.digest import is_hex, sha256_hex
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound, PolicyDenied, SignatureInvalid, UsageError
from sycee.formats import bundle, statement, sums
from sycee.formats.bundle import Bundle
from sycee.formats.card import Card
from sycee.formats.statement import Resource, Statement
from sycee.system.onepass import digest_fd
from sycee.trust import content, context
from sycee.trust.content import Signed
from sycee.trust.folder import Folder, Problem
from sycee.trust.keys import MAX_SIGNATURE, PublicKey, require_detached
from sycee.trust.reading import Hashing, Reader

STEPS = (
    "bundle read",
    "signature over the statement",
    "statement: strict, safe names",
    "expected version",
    "exact set of files",
    "sizes and digests of all bytes",
    "SHA256SUMS agrees",
    "detached signatures",
    "card agrees",
    "pointers agree",
)

_VERIFIER = object()  # whoever holds it has run the steps; it never leaves this module
_MAX_LISTED = 20  # problems spelled out in a message; all of them are in the details


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify.

    Attributes:
        folder: The model folder.
        key: The key that must have signed.
        expect: ``NAME@VERSION`` that it must be, or None.
        identity: The identity that it must have, 64 hex digits with or without ``sycee:``, or None.
        postpone_weights: Leave the weights' bytes to the caller, who reads them through the same comparison later.
    """

    folder: Path
    key: PublicKey
    expect: str | None = None
    identity: str | None = None
    postpone_weights: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """A folder that passed every step. Only :func:`verify` makes one.

    Attributes:
        folder: Where it was found.
        identity: sha256 of its sums file, 64 hex digits.
        signer: The key that signed.
        statement: What was signed, parsed.
        files: Every signed file, by name.
        weights: The names among them whose bytes are objects.
        card: The card that was verified; None when the folder has none.
        warnings: What did not matter for the verdict and may matter to a person.
        unread: Weights whose bytes were left to the caller; empty unless that was asked for.
    """

    folder: Path
    identity: str
    signer: PublicKey
    statement: Statement
    files: Mapping[str, Resource]
    weights: frozenset[str]
    card: Card | None
    warnings: tuple[str, ...]
    unread: frozenset[str]
    bundle_bytes: bytes = field(repr=False)
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        if token is not _VERIFIER:
            raise TypeError("only the verifier makes a Verified")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Verified cannot be copied or pickled: it speaks of one folder in one process")

    @property
    def name(self) -> str:
        """The model's name: the signed one, else the card's, else the folder's."""
        named = self.statement.annotations.get("name") or (self.card.name if self.card else None)
        return str(named or self.statement.subject or self.folder.name)

    @property
    def version(self) -> str | None:
        """The version label, where one was signed."""
        return _version_of(self.statement, self.card)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for ``--json``."""
        return {
            "verified": True,
            "model": str(self.folder),
            "identity": f"sycee:{self.identity}",
            "name": self.name,
            "version": self.version,
            "serial": self.statement.annotations.get("serial"),
            "signer": {"fingerprint": self.signer.fingerprint, "kind": self.signer.kind},
            "files": [{"path": r.name, "sha256": r.sha256, "size": r.size} for r in self.files.values()],
            "warnings": list(self.warnings),
        }


def verify(request: Request, *, reader: Reader | None = None, progress: Progress = SILENT) -> Verified:
    """Run every step on a model folder.

    Args:
        request: What to verify, by which key.
        reader: What takes in the bytes while they are compared; by default they are hashed and forgotten.
        progress: Where to announce the bytes read.

    Returns:
        The verdict, and with it what was verified.

    Raises:
        NotFound: If there is no such folder.
        SignatureInvalid: Steps 1-3 and 8: no signature, a malformed one, or one by another key.
        PolicyDenied: Step 4: another version than the expected one.
        DigestMismatch: Steps 5 and 6, with every problem.
        ContextMismatch: Steps 7, 9 and 10.
    """
    with Folder(request.folder) as folder:
        # 1  Size limits; the bundle is read once.
        raw = _read_bundle(folder)
        # 2  The signature, before the payload is parsed.
        payload = _signed_payload(raw, request.key)
        # 3  The payload, strictly.
        signed = Signed.of(_parse(payload))
        text = context.sums_text(signed)
        # 4  The version that was asked for. What only the card can answer is asked in step 9.
        _require_identity(request.identity, sums.identity(text))
        _require_version(request.expect, signed.statement, None, final=False)
        # 5  The set of files; 6  sizes, then all bytes in one pass.
        listing = folder.scan()
        problems = content.set_problems(folder, signed, listing)
        skip = signed.weights if request.postpone_weights else frozenset[str]()
        found = content.read_all(folder, signed, listing, reader or Hashing(), skip=skip, progress=progress)
        _require_no_problem(folder, signed, [*problems, *found.problems], request.key)
        # 7  SHA256SUMS says the same as the bundle.
        context.check_sums(signed, text, found.parsed.get(sums.NAME))
        # 8  Detached signatures, over digests that steps 2 and 6 vouch for.
        names = signed.names(listing)
        signatures = _check_signatures(folder, signed, names, request.key)
        # 9  The card says the same.
        card = context.check_card(signed, found.parsed.get(modelfolder.CARD))
        _require_version(request.expect, signed.statement, card, final=True)
        # 10 Pointers lead to exactly the signed bytes.
        md5s = _missing_md5s(folder, signed, names)
        warnings = context.check_pointers(folder, signed, names, md5s=md5s, signatures=signatures)
    return Verified(
        folder=request.folder,
        identity=sums.identity(text),
        signer=request.key,
        statement=signed.statement,
        files=MappingProxyType(dict(signed.resources)),
        weights=signed.weights,
        card=card,
        warnings=(*warnings, *_missing(signed, card)),
        unread=frozenset(found.unread),
        bundle_bytes=raw,
        token=_VERIFIER,
    )


def _read_bundle(folder: Folder) -> bytes:
    try:
        return folder.read(bundle.NAME, bundle.MAX_SIZE)
    except NotFound:
        raise SignatureInvalid(
            f"{folder.path} is not signed: {bundle.NAME} is missing",
            hint="sycee sign makes it; for a lone file with a .sig use --weights-only",
            path=bundle.NAME,
        ) from None
    except Conflict as error:
        raise SignatureInvalid(error.message, path=bundle.NAME) from None


def _signed_payload(raw: bytes, key: PublicKey) -> bytes:
    """Return the payload if the key signed it; nothing else of the bundle is used."""
    try:
        envelope = bundle.parse(raw)
    except FormatError as error:
        raise _unreadable(error) from None
    _require_hint(envelope, key)
    if not key.verify_envelope(envelope.signature, bundle.pae(envelope.payload)):
        raise SignatureInvalid(
            f"{bundle.NAME} is not a signature by the key {key.fingerprint}",
            hint="the statement or the signature was altered; restore model.sig from Git, or sign again",
            path=bundle.NAME,
        )
    return envelope.payload


def _unreadable(error: FormatError) -> SignatureInvalid:
    faults = [str(fault) for fault in error.faults]
    hint = f"restore {bundle.NAME} from Git, or sign again"
    return SignatureInvalid(error.message, hint=hint, faults=faults, path=bundle.NAME)


def _require_hint(envelope: Bundle, key: PublicKey) -> None:
    if envelope.hint in {None, key.fingerprint}:
        return
    raise SignatureInvalid(
        f"{bundle.NAME} was signed by the key {envelope.hint}, and the key given is {key.fingerprint}",
        hint="give the public key of the signer: its `sha256sum` is the fingerprint",
        expected=key.fingerprint,
        found=envelope.hint,
        path=bundle.NAME,
    )


def _parse(payload: bytes) -> Statement:
    try:
        parsed = statement.parse(payload)
    except FormatError as error:
        raise _unreadable(error) from None
    names = {resource.name for resource in parsed.resources}
    folders = modelfolder.folders_of(names)
    for path in parsed.ignore_paths:
        if fault := modelfolder.ignore_fault(path, names, folders):
            raise SignatureInvalid(f"{bundle.NAME} leaves {path!r} unsigned: it {fault}", path=path)
    if bundle.NAME in names:
        raise SignatureInvalid(f"{bundle.NAME} lists itself", path=bundle.NAME)
    return parsed


def _require_identity(wanted: str | None, found: str) -> None:
    if wanted is None:
        return
    expected = wanted.removeprefix("sycee:")
    if not is_hex(expected, "sha256"):
        raise UsageError(f"{wanted} is not an identity", hint="an identity is 64 lower-case hex digits")
    if expected != found:
        raise _another_version(f"sycee:{expected}", f"sycee:{found}")


def _version_of(signed: Statement, card: Card | None) -> str | None:
    return signed.annotations.get("version") or (card.version if card else None)


def _require_version(expect: str | None, signed: Statement, card: Card | None, *, final: bool) -> None:
    if expect is None:
        return
    wanted = expect.rpartition("@")
    if not (wanted[0] and wanted[2]):
        raise UsageError(f"{expect!r} is not NAME@VERSION", hint="for example bert@1.2.0")
    name = signed.annotations.get("name") or (card.name if card else None)
    version = _version_of(signed, card)
    if not final and None in (name, version):
        return
    if (name, _bare(version)) != (wanted[0], _bare(wanted[2])):
        found = f"{name or 'a model without a name'}@{version or '(no version)'}"
        raise _another_version(expect, found)


def _another_version(expected: str, found: str) -> PolicyDenied:
    return PolicyDenied(
        f"this is another version: expected {expected}, found {found}",
        hint="it is signed well; check out the version you want, or ask for this one",
        expected=expected,
        found=found,
    )


def _bare(version: str | None) -> str | None:
    """Return a version without the ``v`` of a Git tag."""
    return version[1:] if version and version[0] == "v" and version[1:2].isdigit() else version


def _require_no_problem(folder: Folder, signed: Signed, problems: list[Problem], key: PublicKey) -> None:
    if not problems:
        return
    problems = content.explain_pairs(folder, signed, problems, key)
    listed = "".join(f"\n  {problem}" for problem in problems[:_MAX_LISTED])
    more = f"\n  and {len(problems) - _MAX_LISTED} more" if len(problems) > _MAX_LISTED else ""
    raise DigestMismatch(
        f"{folder.path} is not what was signed:{listed}{more}",
        hint="do not load it; restore the signed version (git checkout, sycee checkout), or sign what is here",
        problems=[problem.as_json() for problem in problems],
    )


def _check_signatures(folder: Folder, signed: Signed, names: Names, key: PublicKey) -> dict[str, str]:
    """Check every detached signature that is here or was promised; return sha256 of each by the file it signs."""
    present = {*names.of(Part.SIGNATURE)}
    promised = {*signed.statement.ignore_paths, *signed.resources}
    digests = {}
    for name in (*sorted(signed.weights), sums.NAME):
        signature_name = f"{name}{modelfolder.SIGNATURE_SUFFIX}"
        if signature_name in present:
            signature = _read_signature(folder, signature_name)
            if name not in signed.resources:
                raise SignatureInvalid(f"{signature_name} signs {name}, which is not signed by {bundle.NAME}")
            require_detached(key, signature, signed.resources[name].sha256, name)
            digests[name] = sha256_hex(signature)
        elif signature_name in promised and name in signed.resources:
            raise SignatureInvalid(
                f"{signature_name} is missing",
                hint="restore it from Git, or sign again",
                path=signature_name,
            )
    return digests


def _read_signature(folder: Folder, name: str) -> bytes:
    try:
        return folder.read(name, MAX_SIGNATURE)
    except Conflict as error:
        raise SignatureInvalid(error.message, path=name) from None


def _missing_md5s(folder: Folder, signed: Signed, names: Names) -> dict[str, str]:
    """Return the md5 of pointed-to files that the bundle of another tool lists without one: a second pass over them."""
    found = {}
    for pointer_name in names.of(Part.POINTER):
        target = pointer_name.removesuffix(modelfolder.POINTER_SUFFIX)
        resource = signed.resources.get(target)
        if resource is not None and resource.md5 is None:
            with folder.opened(target) as fd:
                digests = digest_fd(fd)
            if digests.sha256 != resource.sha256:
                raise DigestMismatch(f"{target} changed while it was verified", path=target)
            found[target] = digests.md5
    return found


def _missing(signed: Signed, card: Card | None) -> list[str]:
    warnings = []
    if card is None:
        warnings.append(f"there is no {modelfolder.CARD}: what the model is for is not covered by the signature")
    if sums.NAME not in signed.resources:
        warnings.append(f"there is no {sums.NAME}; the identity was derived from the bundle")
    return warnings
