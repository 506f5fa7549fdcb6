"""The JSON form of leaves: that of ``docs/spec/golden.md``. Tensors and bytes go beside it, named by their place."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stages import Outcome
    from .values import Leaf, Tensor

MAX_TEXT = 1 << 16  # characters of a text that is kept; of a longer one, the digest


def sample(outcome: Outcome, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return a sample's leaves, and put its tensors under ``<id>/<stage>/<path>`` into ``tensors``."""
    stages = {}
    for stage, leaves in outcome.stages.items():
        stages[stage] = [leaf_form(leaf) for leaf in leaves]
        for leaf in leaves:
            if leaf.kind == "tensor":
                tensors[f"{outcome.id}/{stage}/{leaf.path}"] = leaf.value
    return {"id": outcome.id, "stages": stages}


def leaf_form(leaf: Leaf) -> dict[str, Any]:
    """Return one leaf; of a tensor, of bytes and of a long text, the digest."""
    form: dict[str, Any] = {"path": leaf.path, "kind": leaf.kind}
    if leaf.kind == "tensor":
        dtype, shape, data = leaf.value
        return {**form, "dtype": dtype, "shape": list(shape), "sha256": _sha256(data), "stored": True}
    if leaf.kind == "bytes":
        return {**form, "sha256": _sha256(leaf.value)}
    if leaf.kind == "number":
        return {**form, "value": leaf.value.hex() if isinstance(leaf.value, float) else leaf.value}
    if leaf.kind == "text" and len(leaf.value) > MAX_TEXT:
        return {**form, "sha256": _sha256(leaf.value.encode())}
    return form if leaf.kind == "none" else {**form, "value": leaf.value}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
