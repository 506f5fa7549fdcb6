"""Verifying plain OpenSSF Model Signing: any folder or file, no card, no repository.

Specification: ``docs/spec/bundle.md``. The order:

    1  The bundle is read once, within its limits, strictly.
    2  Who signed it: a key that was given, or a certificate that leads to a root that was given, valid at the moment,
       meant for signing and carrying the name that was asked for. The signature is over the payload's encoding.
    3  Only now the payload: one meaning, safe names.
    4  The set of files: every signed one is here, and nothing else but what may be left out. What may, is decided
       here and not by the signer: Git's entries and names of signatures, and what the caller allows.
    5  All bytes, once. Problems of 4 and 5 are gathered.

Links are never followed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sycee.core.progress import SILENT, Progress, Task
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound, SignatureInvalid, UsageError
from sycee.formats import bundle, omsstatement
from sycee.formats.bundle import Bundle
from sycee.formats.omsstatement import LONE_FILE, OmsStatement, Piece, left_out
from sycee.system.onepass import read_regular
from sycee.trust.envelope import require_signature
from sycee.trust.folder import Listing, Problem, differing, shown
from sycee.trust.keys import PublicKey
from sycee.trust.oms.certificates import CertificateRule, Certified, check_certificates
from sycee.trust.oms.model import GIT_ONLY, SIGNATURE_NAMES, Cut, LeaveOut, OmsModel, Run, inside

Expected = PublicKey | CertificateRule


@dataclass(frozen=True, slots=True)
class OmsVerified:
    """What a bundle proves of a folder or file.

    Attributes:
        path: Where it is.
        subject: Its name when it was signed; informs people.
        root: The root digest, 64 hex digits. File names are not in it.
        signer: The key, or the certificate's holder.
        statement: All that was signed.
        warnings: What did not matter for the verdict and may matter to a person.
    """

    path: Path
    subject: str
    root: str
    signer: PublicKey | Certified
    statement: OmsStatement
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for ``--json``."""
        method = "files" if self.statement.shard_size is None else "shards"
        return {
            "verified": True,
            "path": str(self.path),
            "subject": self.subject,
            "root": f"sha256:{self.root}",
            "method": method,
            "hash": self.statement.algorithm,
            "signer": _signer_json(self.signer),
            "files": sorted(self.statement.names),
            "ignore_paths": list(self.statement.ignore_paths),
            "warnings": list(self.warnings),
        }


def _signer_json(signer: PublicKey | Certified) -> dict[str, Any]:
    if isinstance(signer, PublicKey):
        return {"fingerprint": signer.fingerprint, "kind": signer.kind}
    return {
        "subject": signer.subject,
        "names": list(signer.names),
        "valid_until": signer.valid_until.isoformat(),
        "fingerprint": signer.key.fingerprint,
        "kind": signer.key.kind,
    }


def verify(
    path: Path, bundle_path: Path, expected: Expected, leave_out: LeaveOut = GIT_ONLY, progress: Progress = SILENT
) -> OmsVerified:
    """Run every step on a folder or file.

    Args:
        path: The folder or file.
        bundle_path: The bundle, in it or anywhere else.
        expected: Who must have signed.
        leave_out: What is not looked at.
        progress: Where to announce the bytes read.

    Raises:
        NotFound: If folder, file or bundle are not there.
        SignatureInvalid: Steps 1 to 3.
        PolicyDenied: Step 2: the certificate is not the one that was asked for, or not meant for this, or (Expired) not
            valid at the moment.
        DigestMismatch: Steps 4 and 5, with every problem.
        UsageError: If a path is allowed that the signer did not leave out.
    """
    name = bundle_path.name
    # 1  The bundle.
    envelope = _read_bundle(bundle_path)
    # 2  Who signed it.
    signer = _signer(envelope, expected, name)
    payload = require_signature(envelope, signer if isinstance(signer, PublicKey) else signer.key, name)
    # 3  The payload.
    signed = _parse(payload, name)
    with OmsModel(path) as model:
        # 4  The set of files.
        work = _Work.of(model, signed, leave_out, inside(path, bundle_path))
        # 5  All bytes.
        work.read(progress)
    _require_no_problem(path, work.problems)
    return OmsVerified(path, signed.subject, signed.root, signer, signed, tuple(work.warnings))


def _read_bundle(path: Path) -> Bundle:
    try:
        data, _ = read_regular(path)
    except NotFound:
        raise NotFound(f"there is no bundle {path}", hint="name it with --bundle", path=str(path)) from None
    try:
        return bundle.parse(data, path.name)
    except FormatError as error:
        raise _unreadable(error, path.name) from None


def _unreadable(error: FormatError, name: str) -> SignatureInvalid:
    faults = [str(fault) for fault in error.faults]
    return SignatureInvalid(error.message, hint="get the bundle from its signer again", faults=faults, path=name)


def _signer(envelope: Bundle, expected: Expected, name: str) -> PublicKey | Certified:
    if envelope.keyless:
        raise SignatureInvalid(
            f"{name} is a keyless signature, and a key or certificate was expected",
            hint="verify it with the Sigstore identity of its signer, or ask for a bundle by key or certificate",
            path=name,
        )
    if isinstance(expected, PublicKey):
        if envelope.certificates:
            hint = "give the signer's root with --root, and its name with --identity"
            raise SignatureInvalid(f"{name} is signed by a certificate, and a key was given", hint=hint, path=name)
        return expected
    if not envelope.certificates:
        hint = "give the signer's public key with --key"
        raise SignatureInvalid(f"{name} is signed by a key, and roots of certificates were given", hint=hint, path=name)
    return check_certificates(envelope.certificates, expected, name)


def _parse(payload: bytes, name: str) -> OmsStatement:
    try:
        return omsstatement.parse(payload, name)
    except FormatError as error:
        raise _unreadable(error, name) from None


@dataclass(slots=True)
class _Work:
    """The state of steps 4 and 5.

    Attributes:
        files: The signed files, by their names in this model, with their pieces.
    """

    model: OmsModel
    signed: OmsStatement
    listing: Listing
    files: Mapping[str, list[Piece]]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, model: OmsModel, signed: OmsStatement, leaving: LeaveOut, own: str | None) -> "_Work":
        """Compare the names that are here with those that were signed."""
        _require_left_out(leaving, signed)
        ignored = leaving.by_caller() | (leaving.allowed & {*signed.ignore_paths})
        listing = model.look(ignored | {own} if own else ignored)
        work = cls(model, signed, listing, _files(model, signed))
        if leaving.unsigned_files:
            work.count_others()
        else:
            work.problems += [problem for problem in listing.problems if problem.path not in work.files]
            work.refuse_others()
        return work

    def count_others(self) -> None:
        """Say how many files are here that nobody speaks of."""
        if others := self.listing.files.keys() - self.files.keys():
            self.warnings.append(f"files here that were not signed: {len(others)}; nothing is known of them")

    def refuse_others(self) -> None:
        """Refuse files that are here and were not signed."""
        left = {*self.signed.ignore_paths}
        empty = []
        for name in sorted(self.listing.files.keys() - self.files.keys()):
            if name in left and name.endswith(SIGNATURE_NAMES):
                continue
            if self.signed.shard_size is not None and self.listing.files[name][0] == 0:
                empty.append(shown(name))
                continue
            why = "; its signer left it out (--allow-ignored accepts that)" if left_out(name, left) else ""
            self.problems.append(Problem(name, f"is here and was not signed{why}"))
        if empty:
            self.warnings.append(f"shards do not cover empty files: {', '.join(empty[:5])}")

    def read(self, progress: Progress) -> None:
        """Read and compare every signed file."""
        total = sum(self.listing.files[name][0] for name in self.files if name in self.listing.files)
        with progress.start(f"verifying {self.model.name}", total) as task:
            for name in sorted(self.files):
                try:
                    self.problems += self._compare(name, self.files[name], task)
                except NotFound:
                    self.problems.append(Problem(name, "is signed and not here"))
                except Conflict as error:
                    self.problems.append(Problem(name, f"could not be read: {error.message}"))

    def _compare(self, name: str, pieces: list[Piece], task: Task) -> Iterable[Problem]:
        shown_as = self.model.name if self.model.lone else name
        algorithm, shard = self.signed.algorithm, self.signed.shard_size
        if shard is None:
            _, found = self.model.digest(name, algorithm, task)
            return _differences(shown_as, algorithm, [(0, 0, pieces[0].digest)], [(0, 0, found)])
        expected = [(piece.start, piece.end or 0, piece.digest) for piece in pieces]
        whole = expected[-1][1]
        size, runs = self.model.shards(name, algorithm, Cut(shard, whole), task)
        if size != whole:
            return [Problem(shown_as, "has another size", f"{whole} bytes", f"{size} bytes")]
        return _differences(shown_as, algorithm, expected, runs)


def _require_left_out(leaving: LeaveOut, signed: OmsStatement) -> None:
    for path in sorted(leaving.allowed - {*signed.ignore_paths}):
        raise UsageError(
            f"{path} is allowed to be left out, and its signer did not leave it out",
            hint=f"the signer left out: {', '.join(map(shown, sorted(signed.ignore_paths))) or 'nothing'}",
        )


def _files(model: OmsModel, signed: OmsStatement) -> dict[str, list[Piece]]:
    """Return the signed pieces by the names they have here, in the order of their bytes."""
    found: dict[str, list[Piece]] = {}
    for piece in signed.pieces:
        found.setdefault(_name_here(model, piece.path, signed), []).append(piece)
    for pieces in found.values():
        pieces.sort(key=lambda piece: piece.start)
    return found


def _name_here(model: OmsModel, name: str, signed: OmsStatement) -> str:
    """Return what a signed name is here. A lone file is ``.`` for the reference, and has its name in the specification.

    Raises:
        DigestMismatch: If one of the two is a folder and the other a file.
    """
    if model.lone and len(signed.names) == 1 and name in {LONE_FILE, model.name}:
        return LONE_FILE
    if model.lone:
        raise DigestMismatch(
            f"{model.path} is a file, and {_described(signed)} was signed",
            hint="give what was signed: the folder, or the file under its own name",
            path=str(model.path),
        )
    if name == LONE_FILE:
        hint = "give the file"
        raise DigestMismatch(f"{model.path} is a folder, and a lone file was signed", hint=hint, path=str(model.path))
    return name


def _described(signed: OmsStatement) -> str:
    [*names] = sorted(signed.names)
    return f"the file {shown(names[0])}" if len(names) == 1 else f"a folder of {len(names)} files"


def _differences(name: str, algorithm: str, expected: list[Run], found: list[Run]) -> Iterator[Problem]:
    """Yield the first difference; the two lists have the same offsets, unless the file changes while it is read."""
    for wanted, got in zip(expected, found, strict=False):
        if wanted != got:
            where = f" from {got[0]} to {got[1]}" if len(found) > 1 else ""
            yield Problem(name, f"has other bytes{where}", f"{algorithm}:{wanted[2]}", f"{algorithm}:{got[2]}")
            return
    if len(expected) != len(found):
        yield Problem(name, "changed while it was read")


def _require_no_problem(path: Path, problems: list[Problem]) -> None:
    if problems:
        raise differing(path, problems, "do not load it; get it from its signer again, or look at what was added")
