"""``sycee pull --identity HEX DIR`` and ``pull NAME@VERSION DIR``: a signed version from a remote alone, without Git.

    1  What stands at DIR: nothing, or this very version, which ends it.
    2  By name: the versions that claim it, of these only what somebody trusted has signed as it, the newest first.
    3  The manifest; SHA256SUMS, whose own sha256 must be the identity; then which files, and how large.
    4  Everything into a private place beside DIR, each file compared with its digest on its way in.
    5  All bytes once more, as they stand there now: by the sums, or by the verifier where somebody is trusted.
    6  The folder becomes durable, and gets its name.

What is refused leaves nothing behind; what was interrupted is continued by the same command.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.core.policy import Signer
from sycee.core.progress import SILENT, Progress
from sycee.digest import is_hex
from sycee.errors import (
    Conflict,
    FormatError,
    NotFound,
    SignatureInvalid,
    SyceeError,
    UsageError,
    VerificationError,
    WrongVersion,
)
from sycee.formats import bundle, manifest, statement, sums
from sycee.formats.manifest import Entry, Manifest
from sycee.ops.assembling import (
    Source,
    assemble,
    cache_in,
    leave_place,
    private_place,
    publish,
    require_fitting,
    require_room,
)
from sycee.ops.bysums import read_by_sums
from sycee.ops.trustplace import Asked, authority_for, request_for
from sycee.store import versions
from sycee.store.cache import Cache
from sycee.store.objects import Remote
from sycee.store.statcache import StatCache
from sycee.system.atomic import hidden_folder
from sycee.system.links import DEFAULT_WAYS
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder
from sycee.trust.policy.authority import Authority
from sycee.trust.reading import Hashing
from sycee.trust.verify import verify

_FRESH = ("hardlink", "copy")  # out of a private cache, which goes


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """Which version, and where to.

    Attributes:
        target: The folder to make, absolute.
        identity: Of the version, 64 hex digits with or without ``sycee:``; None if it is asked for by name.
        label: ``NAME@VERSION``; None if it is asked for by identity alone.
        asked: By whose word; None compares with the identity alone.
        cache: A folder of objects that are used, and added to; None for none.
    """

    target: Path
    identity: str | None = None
    label: str | None = None
    asked: Asked | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class PulledVersion:
    """What is there now.

    Attributes:
        folder: Where.
        identity: 64 hex digits.
        files: How many files it has.
        moved: How many objects were brought; None if it was there before.
        signers: Who signed; empty if nobody was asked for.
    """

    folder: Path
    identity: str
    files: int
    moved: int | None
    signers: tuple[Signer, ...] = ()


def pull_version(request: VersionRequest, remote: Remote, *, progress: Progress = SILENT) -> PulledVersion:
    """Bring a version, or see that it is there.

    Args:
        request: Which, and where to.
        remote: Where it lies.
        progress: Told the bytes.

    Raises:
        UsageError: If the request means nothing.
        Conflict: If something else stands at the target.
        MissingData: If the remote has no such version.
        VerificationError: If what it has is not the version, or nobody who is trusted signed it.
        RemoteError: If it fails; what has come is kept for the next try.
    """
    request = _sound(request)
    if kind_at(request.target) is not None:
        return _present(request, progress)
    if request.identity is not None:
        return _bring(request, request.identity, remote, progress)
    return _bring_by_name(request, remote, progress)


def _sound(request: VersionRequest) -> VersionRequest:
    if request.identity is None and request.label is None:
        raise UsageError("no version is named", hint="give --identity HEX, or NAME@VERSION and whom to trust")
    if request.label is not None:
        name, _, version = request.label.rpartition("@")
        if not (name and version) or not manifest.is_sayable(request.label):
            raise UsageError(f"{request.label!r} is not NAME@VERSION", hint="for example bert@1.2.0")
        if request.asked is None:
            hint = "give --trust FILE or --key FILE; by --identity HEX nobody has to be trusted"
            raise UsageError("anybody may call a version by any name", hint=hint)
    if not request.target.parent.is_dir():
        raise NotFound(f"there is no folder {request.target.parent}", hint="make it, or choose another place")
    identity = request.identity and request.identity.removeprefix("sycee:")
    if identity and not is_hex(identity, "sha256"):
        raise UsageError(f"{identity} is not an identity", hint="an identity is 64 lower-case hex digits")
    return replace(request, identity=identity or None)


def _present(request: VersionRequest, progress: Progress) -> PulledVersion:
    """See that what stands at the target is the version."""
    target = request.target
    try:
        with Folder(target) as folder:
            found = sums.identity(folder.read(sums.NAME, sums.MAX_SIZE))
    except (NotFound, Conflict):
        raise Conflict(f"{target} exists, and is no version", hint="choose a folder that does not exist") from None
    if request.identity not in {None, found}:
        raise Conflict(
            f"{target} exists, and is another version",
            hint="choose a folder that does not exist",
            expected=request.identity,
            found=found,
        )
    try:
        judged = _judged(request, found, target, progress)
    except WrongVersion as error:
        raise Conflict(f"{target} exists: {error.message}", hint="choose a folder that does not exist") from None
    leave_place(target, found)
    return judged


def _judged(request: VersionRequest, identity: str, folder: Path, progress: Progress) -> PulledVersion:
    """Compare every byte of a folder, and ask whom the request trusts."""
    signers: tuple[Signer, ...] = ()
    if request.asked is None:
        found = read_by_sums(folder, Hashing(), progress)[0]
    else:
        named = replace(request.asked, expect=request.label, identity=identity)
        verified = verify(request_for(folder, named), progress=progress)
        found, signers = verified.identity, verified.signers
    if found != identity:
        raise WrongVersion(f"{folder} is another version", expected=identity, found=found)
    files = sum(1 for path in folder.rglob("*") if path.is_file())
    return PulledVersion(folder, identity, files, None, signers)


def _bring(request: VersionRequest, identity: str, remote: Remote, progress: Progress) -> PulledVersion:
    with private_place(request.target, identity) as place, _cache(request, place) as cache:
        ways = _FRESH if request.cache is None else DEFAULT_WAYS
        source = Source(remote, cache, ways, progress)
        found = _read(source, identity)
        require_room(place, found.files)
        made = place / "made" / request.target.name  # a name of its own, which messages tell
        moved = assemble(source, found.files, made)
        brought = _judged(request, identity, made, progress)
        publish(made, request.target)
    return replace(brought, folder=request.target, moved=moved)


def _read(source: Source, identity: str) -> Manifest:
    """Return a manifest that leads to exactly the files of the sums with this identity."""
    found = versions.read_manifest(source.remote.backend, identity)
    require_fitting(found, source.small(_file(found, sums.NAME)))
    return found


def _file(found: Manifest, name: str) -> Entry:
    for one in found.files:
        if one.path == name:
            return one
    raise SignatureInvalid(f"the version sycee:{found.identity} has no {name}", hint="sign it: sycee sign", path=name)


@contextmanager
def _cache(request: VersionRequest, place: Path) -> Iterator[Cache]:
    with ExitStack() as stack:
        if request.cache is None:
            yield stack.enter_context(cache_in(place))
        else:
            statcache = StatCache(place / "statcache.sqlite")
            stack.callback(statcache.close)
            yield Cache(request.cache, statcache)


def _bring_by_name(request: VersionRequest, remote: Remote, progress: Progress) -> PulledVersion:
    """Bring the newest version that claims a name, and is signed as it by somebody who is known."""
    claims, refusals = _claims(request, remote)
    for claim in sorted(claims, reverse=True):
        try:
            return _bring(request, claim.identity, remote, progress)
        except VerificationError as error:
            refusals.append(error)
    raise refusals[0]


class _Claim(NamedTuple):
    """A version that claims a name; the greater one is tried first."""

    serial: int
    age: int
    identity: str


def _claims(request: VersionRequest, remote: Remote) -> tuple[list[_Claim], list[SyceeError]]:
    """Return the versions that claim a name with a signature of somebody known, and why others were left out."""
    name, _, version = str(request.label).rpartition("@")
    label = manifest.label_of(name, version)
    claims, refusals = [], list[SyceeError]()
    with hidden_folder(request.target.parent) as place, cache_in(place) as cache:
        source = Source(remote, cache, _FRESH, SILENT)
        authority = authority_for(request.target, request.asked or Asked())
        for age, identity in enumerate(versions.read_index(remote.backend, label)):
            try:
                claims.append(_Claim(_serial(source, identity, label, authority), age, identity))
            except (VerificationError, FormatError, NotFound) as error:
                refusals.insert(0, error)  # what is said of the newest is said first
    return claims, refusals


def _serial(source: Source, identity: str, label: str, authority: Authority) -> int:
    """Return the signed serial of a version, if somebody known signed it as a label: before its weights are asked for.

    Whether that suffices the verifier decides, when everything is here.
    """
    payload = _signed_payload(source, _read(source, identity), authority)
    if payload is None:
        raise SignatureInvalid(
            f"the version sycee:{identity}, which claims to be {label}, is signed by nobody whom {authority.described} "
            "names",
            hint="ask its owner who signs, and on which remote the version lies",
        )
    signed = statement.parse(payload).annotations
    found = manifest.label_of(str(signed.get("name")), str(signed.get("version")))
    if found != label:
        raise WrongVersion(
            f"the version sycee:{identity} claims to be {label} on the remote, and was signed as {found}",
            hint="somebody changed the index there; ask for the version by --identity",
            expected=label,
            found=found,
        )
    return int(signed.get("serial", -1))


def _signed_payload(source: Source, found: Manifest, authority: Authority) -> bytes | None:
    """Return what somebody known has signed, of all the bundles of a version; None if nobody has."""
    _file(found, bundle.NAME)
    for one in found.files:
        if one.path == bundle.NAME or modelfolder.is_further_bundle(one.path):
            raw = source.small(one)
            envelope = bundle.parse(raw, one.path)
            if authority.signers_of_bundle(raw, envelope):
                return envelope.payload
    return None
