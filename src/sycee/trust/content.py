"""Steps 5 and 6 of verification: the exact set of files, and every byte of them. All problems are gathered."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.progress import Progress, Task
from sycee.digest import Algorithm, sha256_hex
from sycee.errors import Conflict, NotFound, SyceeError
from sycee.formats import bundle, sums
from sycee.formats.statement import Resource, Statement
from sycee.system.onepass import hash_fd
from sycee.trust.folder import Listing, ModelFolder, Problem
from sycee.trust.keys import MAX_SIGNATURE, PublicKey
from sycee.trust.reading import Reader, side_by_side

# Files whose bytes the verifier parses: it reads them once, and hashes and parses the same bytes.
PARSED = {sums.NAME: sums.MAX_SIZE, modelfolder.CARD: 16 << 20}

_UNSIGNED = (Part.BUNDLE, Part.SIGNATURE, Part.POINTER, Part.IGNORE, Part.ATTRIBUTES, Part.PIPELINE, Part.RECORD)


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, arranged for comparing.

    Attributes:
        statement: The parsed payload.
        resources: By name.
        weights: The names whose bytes are objects.
    """

    statement: Statement
    resources: Mapping[str, Resource]
    weights: frozenset[str]

    @classmethod
    def of(cls, statement: Statement) -> "Signed":
        """Arrange a statement. Weights are what may have a pointer or signature by it; else what looks like weights."""
        resources = {resource.name: resource for resource in statement.resources}
        beside = {*statement.ignore_paths, *resources} - {modelfolder.SUMS_SIGNATURE, bundle.NAME}
        ends = (modelfolder.SIGNATURE_SUFFIX, modelfolder.POINTER_SUFFIX)
        promised = {name for name in resources if not beside.isdisjoint(f"{name}{end}" for end in ends)}
        return cls(statement, resources, frozenset(promised) or modelfolder.guess_weights(resources))

    def names(self, listing: Listing) -> Names:
        """Return what each name is, over the signed files and those that are here."""
        return Names.make({*self.resources, *listing.files}, self.weights)


@dataclass(slots=True)
class Found:
    """What step 6 read.

    Attributes:
        parsed: Bytes of the files that later steps parse.
        unread: Names whose bytes are left for later, because that was asked for.
        problems: What differs.
    """

    parsed: dict[str, bytes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def set_problems(folder: ModelFolder, signed: Signed, listing: Listing) -> list[Problem]:
    """Compare the names that are here with the names that were signed.

    Returns:
        A problem for each missing and each additional file, each link, special file and folder in a file's place, and
        Git attributes other than those that ``sign`` writes.
    """
    names = signed.names(listing)
    problems = list(listing.problems)
    known = {problem.path for problem in problems}
    missing = sorted(signed.resources.keys() - listing.files.keys() - known)
    beside = sorted(listing.files.keys() - signed.resources.keys())
    problems += [_missing(name, listing) for name in missing]
    problems += [_additional(name, part) for name in beside if (part := names.part(name)) not in _UNSIGNED]
    if modelfolder.ATTRIBUTES in beside:
        problems += _attribute_problems(folder)
    return problems


def _missing(name: str, listing: Listing) -> Problem:
    pointed = f"{name}{modelfolder.POINTER_SUFFIX}" in listing.files
    return Problem(name, f"is signed and not here{' (sycee pull brings it)' if pointed else ''}")


def _additional(name: str, part: Part) -> Problem:
    why = modelfolder.refusal(name) if part is Part.REFUSED else None
    return Problem(name, f"is here and was not signed{f', and {why}' if why else ''}")


def _attribute_problems(folder: ModelFolder) -> list[Problem]:
    try:
        data = folder.read(modelfolder.ATTRIBUTES, 1 << 20)
    except (NotFound, Conflict) as error:
        return [Problem(modelfolder.ATTRIBUTES, f"could not be read: {error.message}")]
    if data == modelfolder.ATTRIBUTES_BYTES:
        return []
    expected, found = (repr(text.decode(errors="replace")) for text in (modelfolder.ATTRIBUTES_BYTES, data[:60]))
    return [Problem(modelfolder.ATTRIBUTES, "lets Git alter signed files", expected, found)]


def algorithm_for(resource: Resource) -> Algorithm:
    """Return the digest to compare by: blake3 where the signed bundle vouches for it, for it is the faster one."""
    return "blake3" if resource.blake3 else "sha256"


def read_all(
    folder: ModelFolder, signed: Signed, listing: Listing, reader: Reader, *, skip: frozenset[str], progress: Progress
) -> Found:
    """Read every signed file that is here, once, and compare size and digest.

    Args:
        folder: The open model folder.
        signed: What was signed.
        listing: What is here.
        reader: What takes in the bytes.
        skip: Files of which only the size is compared now.
        progress: Where to announce the bytes read.
    """
    found = Found()
    wanted: dict[str, int] = {}
    for name in sorted(signed.resources.keys() & listing.files.keys()):
        resource, size = signed.resources[name], listing.files[name][0]
        if resource.size is not None and size != resource.size:
            found.problems.append(Problem(name, "has another size", f"{resource.size} bytes", f"{size} bytes"))
        elif name in skip:
            found.unread.append(name)
        else:
            wanted[name] = size
    with progress.start(f"verifying {folder.path.name}", sum(wanted.values())) as task:
        read = side_by_side(wanted, lambda name: _read_one(folder, signed.resources[name], reader, found, task))
    found.problems += (problem for problems in read for problem in problems)
    found.problems.sort(key=lambda problem: problem.path)
    return found


def _read_one(folder: ModelFolder, resource: Resource, reader: Reader, found: Found, task: Task) -> list[Problem]:
    name = resource.name
    try:
        if name in PARSED:
            data = folder.read(name, PARSED[name])
            algorithm: Algorithm = "sha256"
            size, digest = len(data), sha256_hex(data)
            found.parsed[name] = data
            reader.keep(name, data)
            task.advance(size)
        else:
            algorithm = algorithm_for(resource)
            size, digest = reader.take(folder, name, algorithm, task.advance)
    except (NotFound, Conflict) as error:  # replaced between the look and the reading
        return [Problem(name, f"could not be read: {error.message}")]
    return content_problems(resource, algorithm, size, digest)


def content_problems(resource: Resource, algorithm: Algorithm, size: int, digest: str) -> list[Problem]:
    """Compare what was read of a file with what was signed of it."""
    expected = resource.blake3 if algorithm == "blake3" else resource.sha256
    if digest == expected and resource.size in {None, size}:
        return []
    return [
        Problem(resource.name, "has other bytes", f"{algorithm}:{expected}", f"{algorithm}:{digest} ({size} bytes)")
    ]


def explain_pairs(
    folder: ModelFolder, signed: Signed, problems: list[Problem], keys: Collection[PublicKey]
) -> list[Problem]:
    """Say it when weights that differ from the bundle go well with the detached signature beside them.

    That is what putting an older release's weights and signature under a newer bundle looks like.
    """
    return [_explain(folder, problem, keys) if problem.path in signed.weights else problem for problem in problems]


def _explain(folder: ModelFolder, problem: Problem, keys: Collection[PublicKey]) -> Problem:
    signature_name = f"{problem.path}{modelfolder.SIGNATURE_SUFFIX}"
    try:
        signature = folder.read(signature_name, MAX_SIGNATURE)
        with folder.opened(problem.path) as fd:
            digest = hash_fd(fd, "sha256")[1]
    except SyceeError:  # it explains an error that is reported anyway
        return problem
    if not any(key.verify_detached(signature, digest) for key in keys):
        return problem
    pair = f"{problem.path} and {signature_name} belong together but to another version than model.sig"
    return Problem(problem.path, f"{problem.message} ({pair})", problem.expected, problem.found)
