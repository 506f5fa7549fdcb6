"""The verifier: what must hold before a byte of a model folder is used.

    1  Size limits; every bundle is read once, and only these bytes are spoken of from here on.
    2  The signatures, over the encoding of each payload, by whom the trust file names: before a payload is parsed. One
       that somebody known made suffices to go on. A bundle by nobody known does not count; an altered one is refused.
    3  The payloads, strictly: one meaning, safe and distinct names, and nothing left unsigned that must not be. Bundles
       about another version than the others do not count. Of a file, and of the version, only that is believed which
       every signer says.
    4  Who signed: roles, thresholds, validity, what was revoked. Then the version that was asked for: identity, name
       and label, channel, serials; none behind what was accepted here before.
    5  The set of files: every signed one is here, and nothing else than what may stand beside them, each of its kind.
    6  Sizes, then all bytes in one pass, by blake3 where every signer vouches for it, else by sha256.
    7  SHA256SUMS says the same as the bundles; its sha256 is the version's identity.
    8  The forms of the weights, by name and first bytes; headers of safetensors strictly.
    9  Detached signatures, by one who signed.
   10  The card parses, and says the same about files and version.
   11  Pointers, where there are any, lead to exactly the signed bytes.
   12  Records, gates, forms: all that the trust file demands beyond signatures. Nothing may be left open now.
   13  What was accepted is remembered, where a channel or a revocation list was asked.

Steps 4 and 12 ask the same rules (:mod:`sycee.core.policy`): first with what is known before any content is read, then
with everything. Content problems (5 and 6) are gathered into one error. No step uses md5 as evidence: a pointer's md5
is compared with the md5 that was signed. Nothing here opens a socket, and nothing is decided by time stamps or modes;
the time to judge by is given.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import InitVar, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.policy import ChannelFact, Decision, Signer
from sycee.core.progress import SILENT, Progress
from sycee.digest import is_hex, sha256_hex
from sycee.errors import (
    Conflict,
    DigestMismatch,
    SignatureInvalid,
    UsageError,
    VerificationError,
    WrongVersion,
)
from sycee.formats import bundle, channel, sums, times
from sycee.formats.card import Card
from sycee.formats.statement import Resource, Statement
from sycee.system.onepass import digest_fd
from sycee.trust import content, context, forms
from sycee.trust.content import Signed
from sycee.trust.folder import Folder, ModelFolder, Problem, differing
from sycee.trust.keys import MAX_SIGNATURE, PublicKey
from sycee.trust.policy import bundles, judging
from sycee.trust.policy.bundles import Vouched
from sycee.trust.policy.judging import Judge, Known
from sycee.trust.policy.request import Request
from sycee.trust.reading import Hashing, Reader

__all__ = ["STEPS", "Request", "Verified", "verify"]

STEPS = (
    "bundles read",
    "signatures over the statements",
    "statements: strict, safe names",
    "who signed; the version asked for",
    "exact set of files",
    "sizes and digests of all bytes",
    "SHA256SUMS agrees",
    "forms of weights",
    "detached signatures",
    "card agrees",
    "pointers agree",
    "records and gates",
    "accepted, and remembered",
)

_VERIFIER = object()  # whoever holds it has run the steps; it never leaves this module


@dataclass(frozen=True, slots=True)
class Verified:
    """A folder that passed every step. Only :func:`verify` makes one.

    Attributes:
        folder: Where it was found.
        identity: sha256 of its sums file, 64 hex digits.
        signers: Who signed it, of those that the trust file names; sorted by name, each once.
        statement: What was signed, parsed.
        files: Every signed file, by name.
        weights: The names among them whose bytes are objects.
        forms: Name of each weights file to its form.
        card: The card that was verified; None when the folder has none.
        decision: Every rule that was asked.
        channel: The statement of the channel that was asked for; None if none was.
        remembered: Whether something was remembered.
        warnings: What did not matter for the verdict and may matter to a person.
        unread: Weights whose bytes were left to the caller; empty unless that was asked for.
    """

    folder: Path
    identity: str
    signers: tuple[Signer, ...]
    statement: Statement
    files: Mapping[str, Resource]
    weights: frozenset[str]
    forms: Mapping[str, str]
    card: Card | None
    decision: Decision
    channel: ChannelFact | None
    remembered: bool
    warnings: tuple[str, ...]
    unread: frozenset[str]
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
            "signers": [_signer_json(signer) for signer in self.signers],
            "channel": _channel_json(self.channel),
            "files": [{"path": r.name, "sha256": r.sha256, "size": r.size} for r in self.files.values()],
            "weights": dict(self.forms),
            "rules": [judging.rule_json(rule) for rule in self.decision.rules],
            "warnings": list(self.warnings),
        }


def _signer_json(signer: Signer) -> dict[str, Any]:
    signed_at = {"signed_at": times.render(signer.signed_at)} if signer.signed_at else {}
    return {"name": signer.name, "fingerprint": signer.fingerprint, "kind": signer.described, **signed_at}


def _channel_json(fact: ChannelFact | None) -> dict[str, Any] | None:
    if fact is None:
        return None
    said = fact.statement
    expires, identity = times.render(said.expires), f"sycee:{said.identity}"
    return {"name": said.name, "serial": said.serial, "expires": expires, "identity": identity}


def verify(request: Request, *, reader: Reader | None = None, progress: Progress = SILENT) -> Verified:
    """Run every step on a model folder.

    Args:
        request: What to verify, by whose word.
        reader: What takes in the bytes while they are compared; by default they are hashed and forgotten.
        progress: Where to announce the bytes read.

    Returns:
        The verdict, and with it what was verified.

    Raises:
        NotFound: If there is no such folder.
        SignatureInvalid: Steps 1-3 and 9: no signature, a malformed one, or none by anybody known.
        PolicyDenied: Steps 4, 12 and 13: another version than the one asked for, or a rule of the trust file. A
            subclass says which; ``details["rules"]`` has all rules that were asked until then, whatever is raised.
        DigestMismatch: Steps 5 and 6, with every problem.
        ContextMismatch: Steps 3, 7, 10 and 11.
    """
    _require_usable(request)
    with _opened(request.folder) as folder:
        judge = Judge(request, folder)
        with _telling_rules(judge):
            return _verify(request, folder, judge, reader or Hashing(), progress)


def _verify(request: Request, folder: ModelFolder, judge: Judge, reader: Reader, progress: Progress) -> Verified:
    # 1  Size limits; every bundle is read once.
    listing = folder.scan()
    read = bundles.read_bundles(folder, listing)
    # 2  The signatures, before the payloads are parsed.
    claims = bundles.check_signatures(read, request.authority)
    # 3  The payloads, strictly, and what all of them say.
    vouched = bundles.read_statements(claims, folder)
    signed = vouched.signed
    # 4  Who signed, and the version asked for. What only the card can answer is asked in steps 10 and 12.
    _require_identity(request.identity, vouched.identity)
    _require_version(request.expect, signed.statement, None, final=False)
    if (known := Known(vouched)).model:
        judge.require(known)
    # 5  The set of files; 6  sizes, then all bytes in one pass.
    problems = content.set_problems(folder, signed, listing)
    skip = signed.weights if request.postpone_weights else frozenset[str]()
    found = content.read_all(folder, signed, listing, reader, skip=skip, progress=progress)
    keys = _keys_of(request, vouched)
    _require_no_problem(folder, signed, [*problems, *found.problems], keys)
    # 7  SHA256SUMS says the same as the bundles.
    context.check_sums(signed, vouched.text, found.parsed.get(sums.NAME))
    # 8  The forms of the weights.
    seen = forms.read_forms(forms.Bytes(folder, listing, reader, found.unread), signed)
    # 9  Detached signatures, over digests that steps 2 and 6 vouch for.
    names = signed.names(listing)
    signatures, unchecked = _check_signatures(folder, vouched, names, keys)
    # 10 The card says the same.
    card = context.check_card(signed, found.parsed.get(modelfolder.CARD))
    _require_version(request.expect, signed.statement, card, final=True)
    # 11 Pointers lead to exactly the signed bytes.
    md5s = _missing_md5s(folder, signed, names)
    stale = context.check_pointers(folder, signed, names, md5s=md5s, signatures=signatures)
    # 12 Records, gates and forms: nothing is left open.
    known = Known(vouched, card, seen.by_name, complete=True)
    recorded = judge.records(known)
    decision = judge.require(known._replace(records=recorded.facts))
    # 13 What was accepted is remembered.
    remembered = judge.remember()
    return Verified(
        folder=folder.path,
        identity=vouched.identity,
        signers=tuple(sorted(vouched.signers)),
        statement=signed.statement,
        files=MappingProxyType(dict(signed.resources)),
        weights=signed.weights,
        forms=MappingProxyType(dict(seen.by_name)),
        card=card,
        decision=decision,
        channel=judge.channel,
        remembered=remembered,
        warnings=(
            *vouched.warnings,
            *seen.warnings,
            *unchecked,
            *stale,
            *recorded.warnings,
            *_missing(signed, card),
            *judge.warnings,
            *decision.warnings,
        ),
        unread=frozenset(found.unread),
        token=_VERIFIER,
    )


def _opened(folder: Path | ModelFolder) -> AbstractContextManager[ModelFolder]:
    return Folder(folder) if isinstance(folder, Path) else nullcontext(folder)


@contextmanager
def _telling_rules(judge: Judge) -> Iterator[None]:
    """Add to every refusal how each rule stood by then."""
    try:
        yield
    except VerificationError as error:
        if judge.rules:
            error.details = {**error.details, "rules": [judging.rule_json(rule) for rule in judge.rules]}
        raise


def _require_usable(request: Request) -> None:
    """Refuse questions that no folder could answer."""
    if request.identity is not None and not is_hex(request.identity.removeprefix("sycee:"), "sha256"):
        raise UsageError(f"{request.identity} is not an identity", hint="an identity is 64 lower-case hex digits")
    if request.expect is not None and not all(request.expect.rpartition("@")[::2]):
        raise UsageError(f"{request.expect!r} is not NAME@VERSION", hint="for example bert@1.2.0")
    if request.channel is not None and not channel.NAME.fullmatch(request.channel):
        raise UsageError(f"{request.channel!r} is not the name of a channel", hint="for example production")


def _require_identity(wanted: str | None, found: str) -> None:
    expected = wanted and wanted.removeprefix("sycee:")
    if expected and expected != found:
        raise _another_version(f"sycee:{expected}", f"sycee:{found}")


def _version_of(signed: Statement, card: Card | None) -> str | None:
    return signed.annotations.get("version") or (card.version if card else None)


def _require_version(expect: str | None, signed: Statement, card: Card | None, *, final: bool) -> None:
    if expect is None:
        return
    wanted = expect.rpartition("@")
    name = signed.annotations.get("name") or (card.name if card else None)
    version = _version_of(signed, card)
    if not final and None in (name, version):
        return
    if (name, _bare(version)) != (wanted[0], _bare(wanted[2])):
        found = f"{name or 'a model without a name'}@{version or '(no version)'}"
        raise _another_version(expect, found)


def _another_version(expected: str, found: str) -> WrongVersion:
    return WrongVersion(
        f"this is another version: expected {expected}, found {found}",
        hint="it is signed well; check out the version you want, or ask for this one",
        expected=expected,
        found=found,
    )


def _bare(version: str | None) -> str | None:
    """Return a version without the ``v`` of a Git tag."""
    return version[1:] if version and version[0] == "v" and version[1:2].isdigit() else version


def _keys_of(request: Request, vouched: Vouched) -> tuple[PublicKey, ...]:
    """Return the keys of those who signed; who signs without one has no detached signatures."""
    known = request.authority.keys
    return tuple(known[signer.name] for signer in sorted(vouched.signers) if signer.name in known)


def _require_no_problem(
    folder: ModelFolder, signed: Signed, problems: list[Problem], keys: tuple[PublicKey, ...]
) -> None:
    if not problems:
        return
    problems = content.explain_pairs(folder, signed, problems, keys)
    hint = "do not load it; restore the signed version (git checkout, sycee checkout), or sign what is here"
    raise differing(folder.path, problems, hint)


def _check_signatures(
    folder: ModelFolder, vouched: Vouched, names: Names, keys: tuple[PublicKey, ...]
) -> tuple[dict[str, str], list[str]]:
    """Check every detached signature that is here or was promised.

    Returns:
        The sha256 of each by the file it signs; and a warning if they are another signer's, whom nobody here knows.
    """
    signed = vouched.signed
    present = {*names.of(Part.SIGNATURE)}
    promised = {*signed.statement.ignore_paths, *signed.resources}
    digests, unknown = {}, []
    for name in (*sorted(signed.weights), sums.NAME):
        signature_name = f"{name}{modelfolder.SIGNATURE_SUFFIX}"
        if signature_name in present:
            signature = _read_signature(folder, signature_name)
            if name not in signed.resources:
                raise SignatureInvalid(f"{signature_name} signs {name}, which is not signed by {bundle.NAME}")
            digests[name] = sha256_hex(signature)
            if not any(key.verify_detached(signature, signed.resources[name].sha256) for key in keys):
                unknown.append(_require_other_signer(vouched, name, keys))
        elif signature_name in promised and name in signed.resources:
            raise SignatureInvalid(
                f"{signature_name} is missing",
                hint="restore it from Git, or sign again",
                path=signature_name,
            )
    return digests, unknown


def _require_other_signer(vouched: Vouched, name: str, keys: tuple[PublicKey, ...]) -> str:
    """Return a warning about the detached signature of a first signer who is not known here; else refuse it."""
    if not vouched.by_first or not keys:
        return f"{name}.sig is by another signer than those who count here, and was not checked"
    raise SignatureInvalid(
        f"{name}.sig is not a signature of {name} by {' or '.join(f'the key {key.fingerprint}' for key in keys)}",
        hint="restore it from Git, or sign again",
        path=f"{name}.sig",
        expected=f"a signature over sha256:{vouched.signed.resources[name].sha256}",
    )


def _read_signature(folder: ModelFolder, name: str) -> bytes:
    try:
        return folder.read(name, MAX_SIGNATURE)
    except Conflict as error:
        raise SignatureInvalid(error.message, path=name) from None


def _missing_md5s(folder: ModelFolder, signed: Signed, names: Names) -> dict[str, str]:
    """Return the md5 of pointed-to files that a bundle lists without one: a second pass over them."""
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
