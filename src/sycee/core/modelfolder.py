"""Which names of a model folder are signed, which may stand there unsigned, and which are refused.

One table decides for everybody: ``sign`` lists by it, ``verify`` demands it, ``export`` copies by it. What a name may
be depends only on the names beside it, never on what a signer claims.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum

from sycee.formats import bundle, sums
from sycee.formats.paths import colliding, path_fault, portability_fault
from sycee.formats.statement import GIT_PATHS

CARD = "model_card.yaml"
ATTRIBUTES = ".gitattributes"
ATTRIBUTES_BYTES = b"* -text\n"  # Git must not alter a byte of what is signed
IGNORE_FILE = ".gitignore"
POINTER_SUFFIX = ".dvc"
SIGNATURE_SUFFIX = ".sig"
SUMS_SIGNATURE = sums.NAME + SIGNATURE_SUFFIX
PIPELINE = ("dvc.yaml", "dvc.lock")
RECORDS = "records"
FURTHER_BUNDLE = ".model.sig"  # how the names of further signers' bundles end, in records/
RECORD_SUFFIXES = (".json", ".jsonl", ".sig", ".yaml", ".md", ".txt")  # data only: nothing that Python would import

# What trainers and converters write. A file of another kind is one of the weights when the card or a pointer says so.
WEIGHT_SUFFIXES = (
    *(".safetensors", ".pt", ".pt2", ".pth", ".bin", ".ckpt", ".onnx", ".gguf", ".h5", ".hdf5", ".keras", ".weights"),
    *(".tflite", ".pb", ".mlmodel", ".engine", ".mar", ".msgpack", ".params", ".pdparams", ".pkl", ".joblib", ".ot"),
)
# What trainers keep of the way to the weights; no part of a version.
_LEFTOVER_FOLDER = re.compile(
    r"checkpoint-[0-9]+|checkpoints|runs|logs|wandb|lightning_logs|mlruns|\.ipynb_checkpoints"
)
_LEFTOVER_FILE = re.compile(
    r"events\.out\.tfevents.*|optimizer\.(pt|bin)|scheduler\.pt|rng_state.*\.pth|training_args\.bin"
)
_NOT_WEIGHTS = ("context/", f"{RECORDS}/")  # golden samples may be tensors too
_TEMPORARY = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")
_BYTECODE = (".pyc", ".pyo")


class Part(Enum):
    """What a name is in a model folder."""

    CONTENT = "signed content"
    SUMS = "the sums file"
    BUNDLE = "the bundle"
    SIGNATURE = "a detached signature"
    POINTER = "a pointer"
    IGNORE = "a Git ignore file"
    ATTRIBUTES = "the Git attributes of the folder"
    PIPELINE = "a file of DVC's pipeline"
    RECORD = "a record"
    REFUSED = "not allowed here"


SIGNED = (Part.CONTENT, Part.SUMS)


@dataclass(frozen=True, slots=True)
class Names:
    """All file names of a model folder, and what each of them is.

    Attributes:
        files: Every file's path below the folder.
        weights: Those that are objects, with a detached signature each.
        folders: Every folder that holds a file, at any depth.
    """

    files: frozenset[str]
    weights: frozenset[str]
    folders: frozenset[str]

    @classmethod
    def make(cls, files: Iterable[str], weights: Iterable[str]) -> "Names":
        """Return the names of a folder, given its files and which of them are weights."""
        present = frozenset(files)
        return cls(present, frozenset(weights) & present, folders_of(present))

    def part(self, name: str) -> Part:
        """Say what a name is."""
        return next((part for part in (_by_place(name), self._by_neighbour(name)) if part), Part.CONTENT)

    def _by_neighbour(self, name: str) -> Part | None:
        stem = name.removesuffix(SIGNATURE_SUFFIX)
        if stem != name and stem in self.weights:
            return Part.SIGNATURE
        stem = name.removesuffix(POINTER_SUFFIX)
        if stem != name:
            return Part.POINTER if stem in self.files or stem in self.folders else Part.REFUSED
        return None

    def of(self, *parts: Part) -> list[str]:
        """Return the names that are one of these parts, sorted by code point."""
        return sorted(name for name in self.files if self.part(name) in parts)


def _by_place(name: str) -> Part | None:
    last = name.rpartition("/")[2]
    if refusal(name) is not None:
        return Part.REFUSED
    if last == IGNORE_FILE:
        return Part.IGNORE
    if name.startswith(f"{RECORDS}/"):
        return Part.RECORD
    return _FIXED.get(name)


_FIXED = {
    sums.NAME: Part.SUMS,
    bundle.NAME: Part.BUNDLE,
    SUMS_SIGNATURE: Part.SIGNATURE,
    ATTRIBUTES: Part.ATTRIBUTES,
    **dict.fromkeys(PIPELINE, Part.PIPELINE),
}


def refusal(name: str) -> str | None:
    """Say why no file of a model folder may have this name, or None when one may."""
    if name.split("/", maxsplit=1)[0] in {".git", ".github"}:
        return "lies in a folder that other readers of the bundle leave out"
    if fault := path_fault(name) or portability_fault(name):
        return fault
    parts = name.split("/")
    if "__pycache__" in parts or name.endswith(_BYTECODE):
        return "is Python bytecode, which would run in place of the source that was signed"
    if is_temporary(name):
        return "is a temporary file that an interrupted command left"
    if parts[0] == RECORDS and not name.endswith(RECORD_SUFFIXES):
        return f"is not a record: files in {RECORDS}/ end in one of {' '.join(RECORD_SUFFIXES)}"
    return None


def further_bundle(fingerprint: str) -> str:
    """Return the name of the bundle of a signer who is not the first.

    Args:
        fingerprint: Of the signer's key, 64 hex digits.
    """
    return f"{RECORDS}/{fingerprint[:16]}{FURTHER_BUNDLE}"


def is_further_bundle(name: str) -> bool:
    """Tell whether a name is that of a further signer's bundle."""
    return name.startswith(f"{RECORDS}/") and name.endswith(FURTHER_BUNDLE)


def is_temporary(name: str) -> bool:
    """Tell whether a name is one of those that files have while they are written (see system/atomic)."""
    return _TEMPORARY.fullmatch(name.rpartition("/")[2]) is not None


def guess_weights(files: Iterable[str]) -> frozenset[str]:
    """Return which files are weights when no card says so: what a pointer names, and what has a known suffix."""
    present = frozenset(files)
    pointed = {name for name in present if f"{name}{POINTER_SUFFIX}" in present}
    known = {name for name in present if _has_weight_suffix(name) and not name.startswith(_NOT_WEIGHTS)}
    return frozenset(pointed | known)


def _has_weight_suffix(name: str) -> bool:
    return name.lower().endswith(WEIGHT_SUFFIXES)


def is_leftover(name: str, *, folder: bool = False) -> bool:
    """Tell whether a name is what trainers leave on the way: checkpoints, logs, states of optimizers.

    Args:
        name: A relative path with ``/``.
        folder: Whether the path is a folder's. A file in such a folder is a leftover too.
    """
    *folders, last = name.split("/")
    if folder:
        folders, last = [*folders, last], ""
    return any(map(_LEFTOVER_FOLDER.fullmatch, folders)) or _LEFTOVER_FILE.fullmatch(last) is not None


def ignore_paths(names: Names, *, detached: bool = True) -> tuple[str, ...]:
    """Return what the bundle declares as not signed: what stands or will stand beside the signed files.

    A reader of OMS leaves out exactly these, so a pointer or signature that is written after the bundle is in it.

    Args:
        names: The folder's.
        detached: Whether the signer makes detached signatures; what is declared must then be there.
    """
    ours = {bundle.NAME, RECORDS, *PIPELINE, *GIT_PATHS, *([SUMS_SIGNATURE] if detached else [])}
    ends = (POINTER_SUFFIX, SIGNATURE_SUFFIX) if detached else (POINTER_SUFFIX,)
    beside = {f"{name}{end}" for name in names.weights for end in ends}
    return tuple(sorted(ours | beside | {*names.of(Part.IGNORE, Part.POINTER)}))


def folders_of(files: Iterable[str]) -> frozenset[str]:
    """Return every folder that these files lie in, at any depth."""
    found: set[str] = set()
    for file in files:
        folder = file.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(found)


def ignore_fault(path: str, signed: AbstractSet[str], folders: AbstractSet[str]) -> str | None:
    """Say why a signer may not leave this path unsigned, or None when it may.

    Args:
        path: One of the statement's ``ignore_paths``.
        signed: The names of its resources.
        folders: The folders these lie in.
    """
    if path in signed or path in folders:
        return "is also listed as signed"
    if path in {bundle.NAME, SUMS_SIGNATURE, RECORDS, *PIPELINE, *GIT_PATHS}:
        return None
    if fault := path_fault(path):
        return fault
    if path.endswith(f"/{IGNORE_FILE}"):
        return None
    if path.endswith(SIGNATURE_SUFFIX) and path.removesuffix(SIGNATURE_SUFFIX) in signed:
        return None
    stem = path.removesuffix(POINTER_SUFFIX)
    if stem != path and (stem in signed or stem in folders):
        return None
    return "is none of the names that may stand in a model folder unsigned"


def set_faults(files: Iterable[str]) -> list[tuple[str, str]]:
    """Return what is wrong with a set of names taken together and one by one, as (name, fault) pairs."""
    present = sorted(files)
    faults = [(name, fault) for name in present if (fault := refusal(name))]
    if pair := colliding(present):
        faults.append((pair[1], f"is the same name as {pair[0]!r} on some file systems"))
    return faults
