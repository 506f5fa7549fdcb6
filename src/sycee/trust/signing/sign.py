"""Signing a model folder: what would not verify elsewhere is refused first; then each file is written durably in turn.

    1  Names: links, special files, bytecode, unsafe or colliding names; files that Git ignores. Weights that are none,
       whose detached signature would be good for something else.
    2  The card parses.
    3  Digests of every file, each from a pass over the present file or from the statcache; never from a pointer.
    4  Card and pointers agree with these digests.
    5  ``.gitattributes``; then Git's attributes leave the signed bytes alone.
    6  Nothing changed meanwhile.
    7  ``.sig`` of each weights file, ``SHA256SUMS``, ``SHA256SUMS.sig``, ``model.sig``, then the pointers' records:
       a crash before the last signature leaves a folder that does not verify, and signing again completes it.

Where somebody else signed this version before, step 7 writes one file: this signer's own bundle, in ``records/``. Who
signs without a key makes no detached signatures; the bundle is made before a file is written, since it may fail.

Canonical bytes, and a good signature that stands there is kept: signing an unchanged folder again changes no file.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests, digest_bytes, sha256_hex
from sycee.errors import Conflict, FormatError, SyceeError
from sycee.formats import bundle, pointer, statement, sums
from sycee.formats import card as card_format
from sycee.formats.bundle import Bundle
from sycee.formats.card import Card
from sycee.formats.paths import is_unicode
from sycee.formats.statement import Resource, Statement
from sycee.system.atomic import write_file
from sycee.system.git import Git
from sycee.system.onepass import OnBytes
from sycee.trust import context
from sycee.trust.content import PARSED, Signed
from sycee.trust.folder import Folder, Listing, Problem, in_lines, shown
from sycee.trust.keys import Signing
from sycee.trust.lookalikes import likeness
from sycee.trust.signing import further
from sycee.trust.signing.keyless import Witness
from sycee.trust.signing.signers import Sealed, Signer, is_own, seal_first, seal_further, sign_file

DigestsOf = Callable[[Path, OnBytes], FileDigests]

_TAKEN = {bundle.NAME.removesuffix(modelfolder.SIGNATURE_SUFFIX), sums.NAME}  # their `.sig` means something else
# Attributes by which Git would give a clone other bytes than these. `text` must be unset, or the reader's
# core.autocrlf decides.
_ALTERING = ("filter", "ident", "working-tree-encoding")


@dataclass(frozen=True, slots=True)
class Request:
    """What to sign.

    Attributes:
        folder: The model folder.
        key: What signs.
        digests_of: Returns all digests of a present file; may answer from a cache of unchanged files.
        git: The Git work tree around the folder; None outside of one, and nothing about Git is checked then.
        replace: Put this signature in the place of another first signer's, whatever he signed.
        is_tracked: Tells whether the cache has a file though no pointer stands beside it (a pipeline's output).
    """

    folder: Path
    key: Signer
    digests_of: DigestsOf
    git: Git | None = None
    replace: bool = False
    is_tracked: Callable[[Path], bool] = lambda _path: False


@dataclass(frozen=True, slots=True)
class Result:
    """What was signed.

    Attributes:
        identity: sha256 of the sums file, 64 hex digits.
        fingerprint: The signer's key; without one, that of the certificate.
        files: Names of the signed files, sorted.
        weights: The names among them that have a detached signature.
        written: Names that changed on disk, in the order of writing; empty when all was signed before.
        warnings: What did not prevent signing.
        added: The pointer of the folder if it is tracked as a whole, and had to be added again for its signatures.
        witness: Who signed, if without a key.
    """

    identity: str
    fingerprint: str
    files: tuple[str, ...]
    weights: tuple[str, ...]
    written: tuple[str, ...]
    warnings: tuple[str, ...]
    added: Path | None = None
    witness: Witness | None = None


@dataclass(slots=True)
class _Work:
    """The state between the steps."""

    folder: Folder
    listing: Listing
    names: Names
    card: Card | None
    digests: dict[str, FileDigests] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def put(self, name: str, data: bytes) -> None:
        """Write a file durably, unless it has these bytes already."""
        size = self.listing.files[name][0] if name in self.listing.files else -1
        if size == len(data) and self.folder.read(name, size) == data:
            return
        write_file(self.folder.path / name, data)
        self.written.append(name)


def sign(request: Request, *, progress: Progress = SILENT) -> Result:
    """Sign a model folder.

    Args:
        request: What to sign, with which key.
        progress: Where to announce the bytes read.

    Raises:
        NotFound: If there is no such folder.
        FormatError: If something in it may not be signed, with every fault; or the card has faults.
        ContextMismatch: If card or pointers speak of other bytes than those that are here.
        Conflict: If somebody else signed another version of this folder, or files change meanwhile.
    """
    with Folder(request.folder) as folder:
        # 1  Names.  2  The card.
        work = _look(folder)
        _refuse_names(work, request.git)
        _refuse_lookalikes(work)
        first = None if request.replace else _bundle_of_another(work, request.key)
        # 3  Digests.
        _digest(work, request.digests_of, progress)
        _refuse_foreign_signatures(work, request)
        # 4  Card and pointers agree.
        signed = Signed.of(_statement(work))
        if first:
            _require_same_version(first, signed)
        context.check_card(signed, work.card.raw if work.card else None)
        context.check_pointers(folder, signed, work.names, md5s={}, signatures=None)
        # 5  Attributes.
        work.put(modelfolder.ATTRIBUTES, modelfolder.ATTRIBUTES_BYTES)
        _refuse_attributes(work, request.git)
        # 6  Nothing changed meanwhile.
        _require_unchanged(work)
        # 7  Write, each step durable before the next.
        sealed = _write_beside(work, request.key) if first else _write(work, request.key)
    return Result(
        identity=sums.identity(_sums(work)),
        fingerprint=sealed.fingerprint,
        files=tuple(sorted(work.digests)),
        weights=tuple(sorted(work.names.weights)),
        written=tuple(work.written),
        warnings=tuple(_warnings(work, request)),
        witness=sealed.witness,
    )


def _look(folder: Folder) -> _Work:
    listing = _swept(folder)
    card = None
    if modelfolder.CARD in listing.files:
        card = card_format.parse(folder.read(modelfolder.CARD, PARSED[modelfolder.CARD]), modelfolder.CARD)
    listed = {file.path for file in card.files} if card else set()
    pointed = {name for name in listing.files if f"{name}{modelfolder.POINTER_SUFFIX}" in listing.files}
    weights = listed | pointed if listed else modelfolder.guess_weights(listing.files)
    return _Work(folder, listing, Names.make(listing.files, weights), card)


def _swept(folder: Folder) -> Listing:
    """Remove what a command that was killed left half written; it never had a name, so nobody can miss it."""
    leftovers = [name for name in folder.scan().files if modelfolder.is_temporary(name)]
    for name in leftovers:
        (folder.path / name).unlink(missing_ok=True)
    return folder.scan()


def _refuse_names(work: _Work, git: Git | None) -> None:
    problems = list(work.listing.problems)
    problems += [Problem(name, fault) for name, fault in modelfolder.set_faults(work.listing.files)]
    problems += _absences(work, {problem.path for problem in problems})
    if not is_unicode(_subject(work)):
        problems.append(Problem(".", "has a name that is not valid Unicode"))
    leftovers = [name for name in work.names.of(Part.CONTENT) if modelfolder.is_leftover(name)]
    problems += [Problem(name, "is left from the training, no part of a version") for name in leftovers]
    taken = sorted(work.names.weights & _TAKEN)
    problems += [Problem(name, f"would have {name}.sig as its signature; rename it") for name in taken]
    if not problems and not work.names.of(Part.CONTENT):
        problems.append(Problem(".", "holds nothing to sign"))
    if git is not None and not problems:
        problems += _ignored_problems(work, git)
    _refuse(work, problems, "remove or move what does not belong to the model, and sign again")


def _refuse_lookalikes(work: _Work) -> None:
    found = {name: likeness(work.folder, name) for name in sorted(work.names.weights)}
    problems = [
        Problem(name, f"is no weights but {what}, which its signature would make good")
        for name, what in found.items()
        if what
    ]
    _refuse(work, problems, "ask who brought it here; documents are signed by sycee attest, channel and trust")


def _absences(work: _Work, known: set[str]) -> Iterable[Problem]:
    """What pointers and the card speak of, and is not here."""
    for name in work.names.of(Part.REFUSED):
        if name not in known:
            yield Problem(name, "is a pointer to something that is not here (sycee checkout brings it)")
    named = {file.path for file in work.card.files} if work.card else set()
    for name in sorted(named - work.listing.files.keys()):
        yield Problem(name, "is named by the card and not here (sycee pull brings it)")


def _refuse(work: _Work, problems: Iterable[Problem], hint: str) -> None:
    if found := list(problems):
        raise FormatError(
            f"{work.folder.path} cannot be signed:{in_lines(found)}",
            hint=hint,
            problems=[problem.as_json() for problem in found],
        )


def _ignored_problems(work: _Work, git: Git) -> list[Problem]:
    """A clone would not have these files. Weights, and what lies in a tracked folder, come from the cache instead."""
    if tracked_as_whole(work.folder.path):
        return []
    folders = {name.removesuffix(modelfolder.POINTER_SUFFIX) for name in work.names.of(Part.POINTER)}
    content = [
        name
        for name in work.names.of(Part.CONTENT)
        if name not in work.names.weights and not folders & modelfolder.folders_of([name])
    ]
    ignored = git.ignored(_in_git(work, git, content))
    message = "is ignored by Git, so a clone would not have it"
    return [Problem(name, message) for name in content if ignored & {*_in_git(work, git, [name])}]


def tracked_as_whole(folder: Path) -> bool:
    """Tell whether the folder itself has a pointer; it then brings all of its files, Git none."""
    return folder.absolute().with_name(f"{folder.absolute().name}{modelfolder.POINTER_SUFFIX}").is_file()


def _in_git(work: _Work, git: Git, names: Iterable[str]) -> list[str]:
    prefix = os.path.relpath(os.path.realpath(work.folder.path), os.path.realpath(git.root))
    return [name if prefix == "." else f"{prefix}/{name}" for name in names]


def _refuse_attributes(work: _Work, git: Git | None) -> None:
    if git is None:
        return
    names = [name for name in work.names.of(Part.CONTENT) if name not in work.names.weights]
    paths = _in_git(work, git, names)
    attributes = git.attributes(paths, "text", "eol", *_ALTERING) if paths else {}
    problems = [
        Problem(name, f"would be altered by Git: its attribute {fault}")
        for name, path in zip(names, paths, strict=True)
        if (fault := _attribute_fault(attributes.get(path, {})))
    ]
    _refuse(work, problems, "take these attributes out of the .gitattributes files above and below")


def _attribute_fault(attributes: Mapping[str, str]) -> str | None:
    if (text := attributes.get("text", "unspecified")) != "unset":
        return f"text is {text}"
    return next(
        (f"{name} is {attributes[name]}" for name in _ALTERING if attributes.get(name, "unset") != "unset"), None
    )


def _bundle_of_another(work: _Work, key: Signer) -> Bundle | None:
    """Return the bundle of a first signer who is somebody else. It is not believed, only stood beside."""
    if bundle.NAME not in work.listing.files:
        return None
    try:
        raw = work.folder.read(bundle.NAME, bundle.MAX_SIZE)
        found = bundle.parse(raw)
    except SyceeError:
        return None  # no bundle: nothing is lost
    return None if is_own(found, raw, key) else found


def _require_same_version(first: Bundle, signed: Signed) -> None:
    """Demand that what the first signer signed is what is here: two signatures of one folder are about one version."""
    own = context.identity_of(signed)
    try:
        theirs = context.identity_of(Signed.of(statement.parse(first.payload)))
    except FormatError:
        theirs = "nothing that can be read"
    if own != theirs:
        raise Conflict(
            f"{bundle.NAME} is by another signer, and of another version than what is here",
            hint="restore what he signed (git checkout, sycee checkout); or sign as the first, in his place: --force",
            expected=theirs,
            found=own,
        )


def _refuse_foreign_signatures(work: _Work, request: Request) -> None:
    """Keep detached signatures that somebody made by hand; beside a bundle of this key they are ours, and stale."""
    if request.replace or bundle.NAME in work.listing.files:
        return
    for name in sorted(work.names.weights):
        signature = f"{name}{modelfolder.SIGNATURE_SUFFIX}"
        if signature in work.listing.files and not (
            isinstance(request.key, Signing)
            and request.key.public.verify_detached(work.folder.read(signature, 1 << 20), work.digests[name].sha256)
        ):
            raise Conflict(
                f"{signature} is there and is not by this key over these bytes",
                hint="move it away, or replace it with --force",
                path=signature,
            )


def _digest(work: _Work, digests_of: DigestsOf, progress: Progress) -> None:
    names = work.names.of(Part.CONTENT)
    total = sum(work.listing.files[name][0] for name in names)
    with progress.start(f"digesting {work.folder.path.name}", total) as task:
        for name in names:
            if name == modelfolder.CARD and work.card:
                work.digests[name] = digest_bytes(work.card.raw)  # what was parsed is what is signed
            else:
                work.digests[name] = digests_of(work.folder.path / name, task.advance)


def _statement(work: _Work, *, detached: bool = True) -> Statement:
    text = _sums(work)
    resources = {**work.digests, sums.NAME: digest_bytes(text)}
    card = work.card
    facts = {"name": card.name, "version": card.version, "serial": card.serial} if card else {}
    return Statement(
        subject=_subject(work),
        resources=tuple(Resource.of(name, resources[name]) for name in sorted(resources)),
        ignore_paths=modelfolder.ignore_paths(work.names, detached=detached),
        annotations={
            "identity": sums.identity(text),
            **{key: value for key, value in facts.items() if value is not None},
        },
    )


def _subject(work: _Work) -> str:
    return (work.card.name if work.card else None) or work.folder.path.absolute().name


def _sums(work: _Work) -> bytes:
    return sums.render({name: digests.sha256 for name, digests in work.digests.items()})


def _require_unchanged(work: _Work) -> None:
    now = work.folder.scan().files
    written = {*work.written}
    changed = {name for name in work.listing.files if now.get(name) != work.listing.files[name]} - written
    changed |= now.keys() - work.listing.files.keys() - written
    if changed:
        names = ", ".join(shown(name) for name in sorted(changed)[:5])
        raise Conflict(
            f"{work.folder.path} changed while it was being signed: {names}",
            hint="wait until the training or copying has ended, and sign again",
        )


def _write(work: _Work, key: Signer) -> Sealed:
    payload = statement.render(_statement(work, detached=isinstance(key, Signing)))
    sealed = seal_first(work.folder, work.listing.files, payload, key)
    text = _sums(work)
    signatures = _write_detached(work, key) if isinstance(key, Signing) else _remove_detached(work)
    work.put(sums.NAME, text)
    if isinstance(key, Signing):
        name, identity = modelfolder.SUMS_SIGNATURE, sums.identity(text)
        work.put(name, sign_file(work.folder, work.listing.files, name, identity, key))
    work.put(bundle.NAME, sealed.data)
    for name in sorted(work.names.weights):
        _record(work, name, signatures.get(name))
    return sealed


def _write_detached(work: _Work, key: Signing) -> dict[str, str]:
    signatures = {}
    for name in sorted(work.names.weights):
        file = f"{name}{modelfolder.SIGNATURE_SUFFIX}"
        signature = sign_file(work.folder, work.listing.files, file, work.digests[name].sha256, key)
        work.put(file, signature)
        signatures[name] = sha256_hex(signature)
    return signatures


def _remove_detached(work: _Work) -> dict[str, str]:
    for name in work.names.of(Part.SIGNATURE):
        (work.folder.path / name).unlink()
        work.written.append(name)
    return {}


def _write_beside(work: _Work, key: Signer) -> Sealed:
    """Write the bundle of a further signer, over what he found himself: of the first one's payload nothing is believed.

    Where both found the same, it is the same to the byte. Detached signatures are declared if they are here.
    """
    own = _statement(work, detached=modelfolder.SUMS_SIGNATURE in work.listing.files)
    sealed = seal_further(work.folder, work.listing.files, statement.render(own), key)
    further.make_place(work.folder.path)
    work.put(sealed.name, sealed.data)
    return sealed


def _record(work: _Work, name: str, signature_sha256: str | None) -> None:
    """Name card and signature in the pointer, under the md5 they belong to."""
    pointer_name = f"{name}{modelfolder.POINTER_SUFFIX}"
    if pointer_name not in work.listing.files:
        return
    raw = work.folder.read(pointer_name, pointer.MAX_BYTES)
    wanted = name.rpartition("/")[2]
    out = next(out for out in pointer.parse(raw, pointer_name).outs if out.path == wanted)
    digests, card = work.digests[name], work.digests.get(modelfolder.CARD)
    facts = {
        str(out.md5): {"sha256": digests.sha256, "blake3": digests.blake3},
        "card": card.sha256 if card else None,
        "sig": signature_sha256,
    }
    work.put(pointer_name, pointer.patch(raw, pointer_name, out, facts))


def _warnings(work: _Work, request: Request) -> Iterable[str]:
    if work.card is None:
        yield f"there is no {modelfolder.CARD}: sycee.freeze makes one"
    if not work.names.weights:
        yield "there are no weights in the folder"
    if request.git is not None and not tracked_as_whole(work.folder.path):
        for name in _lost_weights(work, request.git):
            if not request.is_tracked(work.folder.path / name):
                yield f"{name} has no pointer and Git ignores it, so a clone would not have it: `sycee add` it"


def _lost_weights(work: _Work, git: Git) -> list[str]:
    bare = [n for n in sorted(work.names.weights) if f"{n}{modelfolder.POINTER_SUFFIX}" not in work.names.files]
    folders = {name.removesuffix(modelfolder.POINTER_SUFFIX) for name in work.names.of(Part.POINTER)}
    ignored = git.ignored(_in_git(work, git, bare))
    return [n for n in bare if ignored & {*_in_git(work, git, [n])} and not folders & modelfolder.folders_of([n])]
