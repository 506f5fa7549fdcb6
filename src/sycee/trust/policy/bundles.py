"""Steps 1 to 3 of verification: bundles are read once; who signed them is asked; only then are they parsed.

Each signer of a version has a bundle of his own: the first ``model.sig``, every further one a ``.model.sig`` in
``records/``. One that somebody known signed is believed as far as all of them agree: those about another version do not
count, and a fact that one of them leaves out or gives otherwise has nobody's word. So no single signer of several can
choose a file's bytes by a second digest that only he vouches for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sycee.core import modelfolder
from sycee.core.policy import Signer
from sycee.digest import sha256_hex
from sycee.errors import Conflict, ContextMismatch, FormatError, NotFound, SignatureInvalid, SyceeError
from sycee.formats import bundle, statement, sums
from sycee.formats.statement import Resource, Statement
from sycee.trust.content import Signed
from sycee.trust.context import sums_text
from sycee.trust.folder import Listing, ModelFolder
from sycee.trust.policy.authority import Authority

MAX_FURTHER = 32  # bundles beside the first
MAX_TOTAL = 256 << 20  # bytes of all bundles of a folder

_FACTS = ("name", "version", "serial", "identity")  # what annotations say of a version


class Claim(NamedTuple):
    """A bundle that somebody known signed.

    Attributes:
        name: Of its file.
        data: The file.
        payload: What was signed, not yet parsed.
        signers: Who signed it, of those that the trust file names.
    """

    name: str
    data: bytes
    payload: bytes
    signers: frozenset[Signer]


class _Stated(NamedTuple):
    claim: Claim
    signed: Signed
    text: bytes  # the sums file that follows, whose digest is the identity


class Vouched(NamedTuple):
    """What all bundles say that count for one version.

    Attributes:
        signed: The files, with those digests that every signer gives.
        text: The sums file that follows.
        signers: Who signed.
        data: The first of the bundles.
        by_first: Whether ``model.sig`` is among them: the detached signatures are its signer's.
        warnings: Bundles that do not count.
    """

    signed: Signed
    text: bytes
    signers: frozenset[Signer]
    data: bytes
    by_first: bool
    warnings: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The version's identity, 64 hex digits."""
        return sums.identity(self.text)


def read_bundles(folder: ModelFolder, listing: Listing) -> Mapping[str, bytes]:
    """Step 1: read every bundle of a folder, once.

    Returns:
        File name to bytes; ``model.sig`` is the first, the others follow in the order of their names.

    Raises:
        SignatureInvalid: If there is none, or they are too many or too long.
    """
    further = sorted(filter(modelfolder.is_further_bundle, listing.files))
    if len(further) > MAX_FURTHER:
        raise SignatureInvalid(
            f"{folder.path} has {len(further)} bundles in {modelfolder.RECORDS}/; at most {MAX_FURTHER} are read",
            hint="remove those of signers that nobody asks for",
        )
    found = {bundle.NAME: _read_first(folder)}
    for name in further:
        found[name] = _read(folder, name, MAX_TOTAL - sum(map(len, found.values())))
    return found


def _read_first(folder: ModelFolder) -> bytes:
    try:
        return _read(folder, bundle.NAME, bundle.MAX_SIZE)
    except NotFound:
        raise SignatureInvalid(
            f"{folder.path} is not signed: {bundle.NAME} is missing",
            hint="sycee sign makes it; for a lone file with a .sig use --weights-only",
            path=bundle.NAME,
        ) from None


def _read(folder: ModelFolder, name: str, limit: int) -> bytes:
    try:
        return folder.read(name, min(limit, bundle.MAX_SIZE))
    except Conflict as error:
        raise SignatureInvalid(error.message, path=name) from None


def check_signatures(bundles: Mapping[str, bytes], authority: Authority) -> tuple[Claim, ...]:
    """Step 2: ask who signed each bundle, before anything that they say is parsed.

    Returns:
        Those that somebody known signed, at least one.

    Raises:
        SignatureInvalid: If there is none; if one is malformed; or if one names a known key that did not sign it.
    """
    claims, unknown = [], {}
    for name, data in bundles.items():
        envelope = _outer(data, name)
        signers = authority.signers_of_bundle(data, envelope)
        _require_hint(name, envelope.hint, signers, authority)
        if signers:
            claims.append(Claim(name, data, envelope.payload, signers))
        else:
            unknown[name] = (envelope.hint, authority.told(data, envelope))
    if not claims:
        raise _by_nobody(unknown, authority)
    return tuple(claims)


def _outer(data: bytes, name: str) -> bundle.Bundle:
    try:
        return bundle.parse(data, name)
    except FormatError as error:
        raise _unreadable(error, name) from None


def _unreadable(error: FormatError, name: str) -> SignatureInvalid:
    faults = [str(fault) for fault in error.faults]
    return SignatureInvalid(error.message, hint=f"restore {name} from Git, or sign again", faults=faults, path=name)


def _require_hint(name: str, hint: str | None, signers: Iterable[Signer], authority: Authority) -> None:
    """Refuse a bundle that names another key than the one that signed it: somebody altered one or the other."""
    made_by = {signer.fingerprint for signer in signers}
    known = {key.fingerprint for key in authority.keys.values()}
    if hint is None or hint in made_by or not (made_by or hint in known):
        return
    by = sorted(made_by)
    raise SignatureInvalid(
        f"{name} names the key {hint}, and was signed by the key {by[0]}"
        if by
        else f"{name} is not a signature by the key {hint}",
        hint=f"the statement or the signature was altered; restore {name} from Git, or sign again",
        expected=hint,
        found=", ".join(by) or "no signature by a known key",
        path=name,
    )


def _by_nobody(others: Mapping[str, tuple[str | None, str]], authority: Authority) -> SignatureInvalid:
    """Return the refusal, given what bundles say of their key, and who signed them in words."""
    key, (hint, told) = authority.only_key, others[bundle.NAME]
    if key is None or (told and hint is None):
        named = sorted({one for _, one in others.values() if one})
        signed = f"; it was signed by {' and '.join(named)}" if named else ""
        return SignatureInvalid(
            f"nobody whom {authority.described} names has signed this model{signed}",
            hint="ask whoever keeps the trust file; sycee trust show lists whom it names",
            expected=sorted(one.fingerprint for one in authority.keys.values()),
            found=named,
            path=bundle.NAME,
        )
    if hint is None:
        return SignatureInvalid(
            f"{bundle.NAME} is not a signature by the key {key.fingerprint}",
            hint="the statement or the signature was altered; restore model.sig from Git, or sign again",
            path=bundle.NAME,
        )
    return SignatureInvalid(
        f"{bundle.NAME} was signed by the key {hint}, and the key given is {key.fingerprint}",
        hint="give the public key of the signer: its `sha256sum` is the fingerprint",
        expected=key.fingerprint,
        found=hint,
        path=bundle.NAME,
    )


def read_statements(claims: Sequence[Claim], folder: ModelFolder) -> Vouched:
    """Step 3: parse what was signed, strictly, and keep what all signers of one version say.

    Which version is meant where the bundles name several, the sums file says that is here; it decides nothing else.

    Raises:
        SignatureInvalid: If a statement is malformed, or leaves something unsigned that must not be.
        ContextMismatch: If bundles of one version contradict each other about its name, label or serial.
    """
    stated = [_stated(claim) for claim in claims]
    meant = _sums_here(folder)
    first = next((one for one in stated if sums.identity(one.text) == meant), stated[0])
    same = [one for one in stated if one.text == first.text]
    stale = [one.claim for one in stated if one.text != first.text]
    return Vouched(
        _agreed([one.signed for one in same], [one.claim.name for one in same]),
        first.text,
        frozenset(signer for one in same for signer in one.claim.signers),
        first.claim.data,
        same[0].claim.name == bundle.NAME,
        tuple(f"{claim.name} is about another version and does not count: by {_names(claim)}" for claim in stale),
    )


def _names(claim: Claim) -> str:
    return ", ".join(sorted(signer.name for signer in claim.signers))


def _stated(claim: Claim) -> _Stated:
    signed = Signed.of(_parse(claim))
    return _Stated(claim, signed, sums_text(signed))


def _parse(claim: Claim) -> Statement:
    try:
        parsed = statement.parse(claim.payload, claim.name)
    except FormatError as error:
        raise _unreadable(error, claim.name) from None
    names = {resource.name for resource in parsed.resources}
    folders = modelfolder.folders_of(names)
    for path in parsed.ignore_paths:
        if fault := modelfolder.ignore_fault(path, names, folders):
            raise SignatureInvalid(f"{claim.name} leaves {path!r} unsigned: it {fault}", path=path)
    if claim.name in names or bundle.NAME in names:
        raise SignatureInvalid(f"{claim.name} lists itself, or another bundle", path=claim.name)
    return parsed


def _sums_here(folder: ModelFolder) -> str | None:
    try:
        return sha256_hex(folder.read(sums.NAME, sums.MAX_SIZE))
    except SyceeError:  # steps 5 and 6 say what is wrong with it
        return None


def _agreed(same: Sequence[Signed], names: Sequence[str]) -> Signed:
    """Return the first of several statements about the same files, without what not all of them say.

    Where only some give the model a name, the subject does not stand in for it: it would make another model of it.
    """
    first = same[0]
    if len(same) == 1:
        return first
    resources = {
        name: _common(one, [other.resources.get(name) for other in same]) for name, one in first.resources.items()
    }
    annotations = {fact: value for fact in _FACTS if (value := _common_fact(fact, same, names)) is not None}
    named = {one.statement.annotations.get("name") is not None for one in same}
    subjects = {one.statement.subject for one in same}
    common = replace(
        first.statement,
        subject=first.statement.subject if len(subjects) == len(named) == 1 else "",
        resources=tuple(resources.values()),
        annotations=annotations,
    )
    return Signed(common, resources, first.weights)


def _common(one: Resource, others: Sequence[Resource | None]) -> Resource:
    """Return a file's entry without the facts that a signer does not give, or gives otherwise."""

    def agreed(fact: str) -> Any:
        value = getattr(one, fact)
        return value if all(getattr(other, fact, None) == value for other in others) else None

    return replace(one, size=agreed("size"), md5=agreed("md5"), blake3=agreed("blake3"))


def _common_fact(fact: str, same: Sequence[Signed], names: Sequence[str]) -> Any:
    values = [one.statement.annotations.get(fact) for one in same]
    said = {value for value in values if value is not None}
    if len(said) > 1:
        raise ContextMismatch(
            f"bundles of one version contradict each other about the {fact}: {', '.join(names)}",
            hint="let each signer sign again what is here",
            expected=values[0],
            found=sorted(map(str, said)),
        )
    return values[0] if None not in values else None
