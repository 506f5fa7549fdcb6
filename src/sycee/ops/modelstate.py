"""What one commit says of one model: its weights, card, packages and signatures, all from Git alone.

Nothing of it is believed: a bundle is read to say whose key it names and which files it lists, without a check of the
signature. That is for ``verify``, which has the bytes and a key to trust.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sycee.core import modelfolder
from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import bundle, card, requirements, statement, sums
from sycee.formats.card import Card
from sycee.formats.pointer import strong_digests
from sycee.formats.portable import data_label, metric_label
from sycee.system.git import Git
from sycee.workspace.snapshot import Snapshot
from sycee.workspace.tracked import Tracked

LOCK = "context/requirements.lock"
_MARKS = (modelfolder.CARD, bundle.NAME, sums.NAME)  # any of them makes a folder a model


@dataclass(frozen=True, slots=True)
class Weights:
    """A tracked file or folder of a model, or outside of one.

    Attributes:
        path: Below the repository's root.
        size: Bytes, if its pointer knows.
        oid: Its object id; None if nothing was added yet.
        sha256: Its strong digest, where the pointer has one for this content.
    """

    path: str
    size: int | None
    oid: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What the signature files of a model say, unchecked.

    Attributes:
        key: Fingerprint of the key that the bundle names; None if it names none or there is no bundle.
        identity: sha256 of the sums, the version's identity; None without sums.
        blobs: Path below the model to the Git blob of each signature file.
        signed: Path below the model to the sha256 that was signed.
    """

    key: str | None = None
    identity: str | None = None
    blobs: Mapping[str, str] = field(default_factory=dict)
    signed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model at one commit.

    Attributes:
        weights: Its tracked files, by path.
        card: Its card; None if there is none that can be read.
        packages: Distribution to version, of its requirements.
        signature: What its signature files say.
        warnings: What does not fit together.
    """

    weights: Mapping[str, Weights] = field(default_factory=dict)
    card: Card | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    signature: Signature = Signature()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Contents:
    """What a commit has in a model's folder and in no model below it.

    Attributes:
        blobs: Path below the repository's root to the blob of each file in Git.
        tracked: What pointers and pipelines name.
    """

    blobs: dict[str, str] = field(default_factory=dict)
    tracked: list[Tracked] = field(default_factory=list)


def model_folders(at: Snapshot) -> set[str]:
    """Return the folders of a commit that are models, with a final ``/``; the root is an empty text."""
    return {folder for folder, base in map(_split, at.files) if base in _MARKS}


def by_model(at: Snapshot, folders: Collection[str]) -> dict[str | None, Contents]:
    """Return what a commit has in each of the folders; under None what is in none of them."""
    found: dict[str | None, Contents] = {}
    for path, blob in at.files.items():
        found.setdefault(_innermost(path, folders), Contents()).blobs[path] = blob
    for one in at.tracked:
        found.setdefault(_innermost(one.relpath, folders), Contents()).tracked.append(one)
    return found


def _split(path: str) -> tuple[str, str]:
    above, slash, base = path.rpartition("/")
    return above + slash, base


def _innermost(path: str, folders: Collection[str]) -> str | None:
    folder, _ = _split(path)
    while folder not in folders:
        if not folder:
            return None
        folder, _ = _split(folder[:-1])
    return folder


def weights_of(tracked: Tracked) -> Weights:
    """Return what a pointer says of a file or folder."""
    out = tracked.out
    strong = strong_digests(tracked.pointer, out.md5 or "") if tracked.pointer else None
    return Weights(tracked.relpath, out.size, out.md5, strong.sha256 if strong else None)


def read_model(git: Git, at: Snapshot, folder: str, contents: Contents) -> ModelState | None:
    """Read a model.

    Args:
        git: The Git work tree.
        at: The commit.
        folder: The model, as :func:`model_folders` names it.
        contents: What is in it.

    Returns:
        The model; None if the folder is none at this commit.
    """
    outs = contents.tracked
    files = {path.removeprefix(folder): blob for path, blob in contents.blobs.items()}
    if not files.keys() & set(_MARKS):
        return None
    warnings: list[str] = []
    content = _read(git, at, folder, {modelfolder.CARD, bundle.NAME, sums.NAME, LOCK} & files.keys())
    signature = _signature(content, files, warnings)
    found = _card(content, warnings)
    bound = {*signature.signed, *(one.path for one in (found.context if found else ()))}
    content |= _read(git, at, folder, (bound & files.keys()) - content.keys())
    weights = {one.relpath: weights_of(one) for one in outs}
    state = ModelState(weights, found, requirements.versions(content.get(LOCK, b"")), signature)
    warnings += [*_card_faults(state, folder, outs, content), *_signature_faults(state, folder, content)]
    return replace(state, warnings=tuple(warnings))


def _read(git: Git, at: Snapshot, folder: str, names: Iterable[str]) -> dict[str, bytes]:
    found = at.read(git, (folder + name for name in names))
    return {path.removeprefix(folder): data for path, data in found.items()}


def _card(content: Mapping[str, bytes], warnings: list[str]) -> Card | None:
    if modelfolder.CARD not in content:
        warnings.append("there is no card")
        return None
    try:
        return card.parse(content[modelfolder.CARD])
    except FormatError as error:
        warnings.append(f"the card cannot be read: {error.message}")
        return None


def _signature(content: Mapping[str, bytes], blobs: Mapping[str, str], warnings: list[str]) -> Signature:
    files = {name: blob for name, blob in blobs.items() if name.endswith(".sig") or name == sums.NAME}
    key, signed = None, {}
    try:
        if bundle.NAME in content:
            outer = bundle.parse(content[bundle.NAME])
            key = outer.hint
            signed = {one.name: one.sha256 for one in statement.parse(outer.payload).resources}
        elif sums.NAME in content:
            signed = dict(sums.parse(content[sums.NAME]))
    except FormatError as error:
        warnings.append(f"a signature file cannot be read: {error.message}")
    identity = sums.identity(content[sums.NAME]) if sums.NAME in content else None
    return Signature(key, identity, files, signed)


def _card_faults(state: ModelState, folder: str, tracked: Iterable[Tracked], content: Mapping[str, bytes]) -> list[str]:
    if state.card is None:
        return []
    found = [f"the card says: {warning}" for warning in state.card.warnings]
    here = sha256_hex(state.card.raw)
    for one in tracked:
        record = one.pointer.meta.get("sycee") if one.pointer else None
        named = record.get("card") if isinstance(record, Mapping) else None
        if named not in {None, here}:
            found.append(f"the pointer of {one.relpath} names another card than the one beside it")
    for listed in state.card.files:
        weights = state.weights.get(folder + listed.path)
        if weights is None:
            found.append(f"the card lists {listed.path}, which is not tracked")
        elif _differs(weights, listed.sha256, listed.md5):
            found.append(f"the card describes other bytes of {listed.path} than its pointer names")
    bound = (one for one in state.card.context if one.path in content)
    return found + [
        f"the card binds another {one.path}" for one in bound if sha256_hex(content[one.path]) != one.sha256
    ]


def _differs(weights: Weights, sha256: str, md5: str | None) -> bool:
    if weights.sha256:
        return weights.sha256 != sha256
    return md5 is not None and weights.oid not in {None, md5}


def _signature_faults(state: ModelState, folder: str, content: Mapping[str, bytes]) -> list[str]:
    if not state.signature.blobs:
        return ["it is not signed"]
    signed = state.signature.signed
    found = []
    for name, digest in signed.items():
        weights = state.weights.get(folder + name)
        if name in content and sha256_hex(content[name]) != digest:
            found.append(f"stale signature: {name} is not what was signed")
        elif weights and weights.sha256 and weights.sha256 != digest:
            found.append(f"stale signature: other bytes of {name} were signed")
        elif weights and not weights.sha256:
            found.append(f"{name} has no sha256 in its pointer, so the signature cannot be compared")
    uncovered = [path.removeprefix(folder) for path in state.weights if path.removeprefix(folder) not in signed]
    return found + [f"{name} is not covered by the signature" for name in uncovered if signed]


def card_fields(state: ModelState) -> dict[str, Mapping[str, Any]]:
    """Return what a card says, by group: metrics, settings, data, about; the last is all else of use to a reviewer."""
    if state.card is None:
        return {}
    values = state.card.values
    data = {
        entry["path"]: {key: item for key, item in entry.items() if key != "path"} for entry in values.get("data", ())
    }
    about = {key: value for key, value in values.items() if key not in _ELSEWHERE}
    some = {
        key: {name: values[key][name] for name in names if name in values.get(key, ())} for key, names in _SOME.items()
    }
    return {
        "metrics": {**state.card.metrics, **_measured(values)},
        "settings": state.card.training_config,
        "data": {"data_version": state.card.data_version, **data},
        "about": {**about, **{key: part for key, part in some.items() if part}},
    }


def _measured(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a card's evaluations: ``WikiANN, en, test: F1``."""
    found: dict[str, Any] = {}
    for one in values.get("evaluations", ()):
        for metric in one["metrics"]:
            name = f"{data_label(one['dataset'])}: {metric_label(metric)}"
            same = sum(key == name or key.startswith(f"{name} #") for key in found)
            found[f"{name} #{same + 1}" if same else name] = metric["value"]
    return found


_MODEL = ("format", "architecture", "family", "parameters", "dtype", "quantization")
# All else of these is in other groups.
_SOME = {"environment": ("python", "platform"), "code": ("dirty", "entrypoint"), "model": _MODEL}
# Shown in a group of its own, or different in every freeze and of no use to a reviewer.
_ELSEWHERE = {
    *("metrics", "training_config", "data_version", "data", "environment", "warnings", "schema_version"),
    *("created", "training", "context", "model", "code", "evaluations"),
}
