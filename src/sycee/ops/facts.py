"""The card's ``model`` and ``lineage``: what the files of a model say of it, and what was in its folder before."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sycee.capture.facts import NO_FACTS, Facts, identity_by, model_facts, signed_identity
from sycee.capture.steps import Steps
from sycee.formats import sums
from sycee.ops.frozen import FrozenFile, Request
from sycee.system.git import Git
from sycee.system.tree import kind_at

_FORMATS = {".safetensors": "safetensors", ".onnx": "onnx", ".gguf": "gguf", ".h5": "keras-h5", ".keras": "keras",
            ".tflite": "tflite", ".npz": "numpy", ".npy": "numpy", ".pkl": "pickle", ".joblib": "joblib",
            ".msgpack": "msgpack", ".pb": "tensorflow", ".pt": "torch", ".pth": "torch",
            ".ckpt": "torch"}  # fmt: skip


def with_facts(
    values: Mapping[str, Any], request: Request, git: Git | None, files: Sequence[FrozenFile], steps: Steps
) -> dict[str, Any]:
    """Return a card's values with what is known of its model; what this request gives wins.

    Args:
        values: The other fields of the card.
        request: What was asked for; the signatures of the version before are still in its folder.
        git: The work tree around the model, or None.
        files: The weights.
        steps: Collects what fails.
    """
    folder, names = request.path, [file.path for file in files]
    facts = steps.run("what the weights say of the model", lambda: model_facts(folder, names, steps.warn), NO_FACTS)
    parent = steps.run("the version that was here before", lambda: _parent(folder, git), None)
    base = facts if facts.base_model else request.known
    _propose_license(values, base, steps)
    model = model_values(files, values.get("model"), {**request.known.model, **facts.model})
    lineage = _lineage(values.get("lineage"), base.base_model, parent)
    if request.fields.get("lineage") and (given := values.get("lineage")):
        lineage = {**lineage, **given} if isinstance(given, dict) else given
    return {**values, "model": model, **({"lineage": lineage} if lineage else {})}


def _parent(folder: Path, git: Git | None) -> str | None:
    """Return the identity of the signed version that this one takes the place of.

    A freeze that was killed has put the signatures aside already, and the card is still the old one: then the sums that
    were committed tell.
    """
    if git is None or kind_at(folder / sums.NAME) is not None:
        return signed_identity(folder)
    relpath = os.path.relpath((folder / sums.NAME).resolve(), git.root.resolve())
    return identity_by(git.run("cat-file", "blob", f"HEAD:{Path(relpath).as_posix()}", ok=(0, 128)), folder)


def _propose_license(values: Mapping[str, Any], base: Facts, steps: Steps) -> None:
    if base.base_license and "license" not in values:
        steps.warn(f"no licence is given; that of the base model {base.base_model['name']} is {base.base_license}")


def _lineage(previous: Any, base: Mapping[str, Any], parent: str | None) -> Any:
    """Return what is known of the line: what a person wrote of this very base model stays beside it."""
    known = previous if isinstance(previous, dict) else {}
    written = known.get("base_model", {})
    found: dict[str, Any] = {"parent_version": f"sycee:{parent}"} if parent else {}
    if base:
        found["base_model"] = {**written, **base} if written.get("name") == base["name"] else dict(base)
    return {**known, **found}


def model_values(files: Sequence[FrozenFile], given: object, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the card's ``model``: format, facts and files, and what was given beside them.

    Args:
        files: The weights.
        given: Members that a person gave; they win.
        facts: Members that the weights say themselves.
    """
    suffixes = (f".{file.path.rpartition('.')[2]}" for file in files)
    known = [_FORMATS[suffix] for suffix in suffixes if suffix in _FORMATS]
    guessed = {"format": known[0]} if known else {}
    members = given if isinstance(given, dict) else {}
    return {**guessed, **(facts or {}), **members, "files": [_file_entry(file) for file in files]}


def _file_entry(file: FrozenFile) -> dict[str, Any]:
    digests = file.digests
    return {
        "path": file.path,
        "size": digests.size,
        "sha256": digests.sha256,
        "md5": digests.md5,
        "blake3": digests.blake3,
    }
