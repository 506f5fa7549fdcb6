"""What samples gave, in the form of the record: from this process or from another one, by the same reader."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sycee.digest import sha256_hex
from sycee.errors import CannotRun, FormatError
from sycee.formats import golden, strictjson, tensorfile
from sycee.formats.golden import MAX_TEXT, Input, Leaf, Sample, Stages
from sycee.formats.tensorfile import SLICE, Tensor
from sycee.replay.child import forms
from sycee.replay.child.stages import Outcome
from sycee.replay.runner import Item, Observed

RECORD, TENSORS, INPUTS = "golden.json", "expected.safetensors", "inputs"
MAX_STORED = 1 << 20  # bytes of the tensors of one stage of one sample; of larger ones some elements, or the digest


class Results(NamedTuple):
    """What samples gave.

    Attributes:
        stages: By sample.
        tensors: Every tensor, under :func:`sycee.formats.golden.place`.
    """

    stages: Mapping[str, Stages]
    tensors: Mapping[str, Tensor]


def of_process(observed: Observed) -> Results:
    """Return what a process gave back.

    Raises:
        CannotRun: If its files are malformed: something in the process wrote them that should not.
    """
    try:
        found = Results(_stages(observed.samples), tensorfile.parse(observed.tensors, "the tensors of the replay"))
        require_agreeing(found, "the results")
    except FormatError as error:
        raise CannotRun(f"what the process of the replay wrote cannot be read: {error.message}") from error
    return found


def require_agreeing(results: Results, name: str) -> None:
    """Demand that the tensors are those that the leaves name.

    Raises:
        FormatError: If one is missing, or has another type, shape or digest.
    """
    for sample, stages in results.stages.items():
        for stage, leaves in stages.items():
            for leaf in leaves:
                where = golden.place(sample, stage, leaf.path)
                if (leaf.stored or leaf.sliced) and not _is_of(leaf, results.tensors.get(where)):
                    raise FormatError(f"{name} and their tensors do not agree about {where}")


def _is_of(leaf: Leaf, tensor: Tensor | None) -> bool:
    if tensor is None or tensor.dtype != leaf.dtype:
        return False
    if leaf.sliced:
        return tensor.shape == (SLICE,)
    return tensor.shape == leaf.shape and sha256_hex(tensor.data) == leaf.sha256


def of_outcomes(outcomes: Sequence[Outcome]) -> Results:
    """Return what functions gave in this process."""
    tensors: dict[str, Any] = {}
    found = _stages([forms.sample(outcome, tensors) for outcome in outcomes])
    return Results(found, {name: Tensor(*tensor) for name, tensor in tensors.items()})


def _stages(samples: Sequence[Mapping[str, Any]]) -> dict[str, Stages]:
    reader = strictjson.Reader("the results")
    found = {
        str(sample["id"]): golden.read_stages(reader, sample["stages"], f"$[{number}]")
        for number, sample in enumerate(samples)
    }
    reader.finish()
    return found


def samples_of(items: Sequence[Item], results: Results, *, private: bool = False) -> tuple[Sample, ...]:
    """Return samples as the record lists them; the tensors of each stage are stored as far as they are small.

    Args:
        items: The samples.
        results: What they gave.
        private: Whether their bytes are not kept, nor tensors and texts that were made of them before ``predict``.
    """
    samples = []
    for item in items:
        stages = {stage: _kept(stage, leaves, private=private) for stage, leaves in results.stages[item.id].items()}
        samples.append(Sample(item.id, _input(item, private=private), stages))
    return tuple(samples)


def _input(item: Item, *, private: bool) -> Input:
    data = item.stored.data
    path = None if private else input_path(item)
    return Input(item.stored.kind, sha256_hex(data), len(data), path, item.stored.name)  # type: ignore[arg-type]


def input_path(item: Item) -> str:
    """Return where a sample lies below ``context/golden/``: by its number, with the suffix of its kind."""
    suffix = _SUFFIXES.get(item.stored.kind) or item.stored.name.rpartition(".")[2].lower()
    return f"{INPUTS}/{item.id}.{suffix if suffix.isascii() and suffix.isalnum() else 'bin'}"


_SUFFIXES = {"bytes": "bin", "text": "txt", "json": "json", "tree": "safetensors"}


def _kept(stage: str, leaves: Sequence[Leaf], *, private: bool) -> tuple[Leaf, ...]:
    if private and stage == "preprocessed":
        return tuple(_hidden(leaf) for leaf in leaves)
    whole = sum(_size(leaf) for leaf in leaves) <= MAX_STORED
    return tuple(_shortened(stage, leaf, whole=whole) for leaf in leaves)


def _shortened(stage: str, leaf: Leaf, *, whole: bool) -> Leaf:
    if isinstance(leaf.value, str) and len(leaf.value) > MAX_TEXT:
        return _hidden(leaf)
    if leaf.kind != "tensor" or whole:
        return leaf
    few = _elements(leaf) <= SLICE
    return leaf._replace(stored=few, sliced=not few and stage != "preprocessed")


def _hidden(leaf: Leaf) -> Leaf:
    """Return a tensor or a text by its digest alone."""
    if isinstance(leaf.value, str):
        return leaf._replace(value=None, sha256=sha256_hex(leaf.value.encode()))
    return leaf._replace(stored=False)


def _elements(leaf: Leaf) -> int:
    return math.prod(leaf.shape)


def _size(leaf: Leaf) -> int:
    return _elements(leaf) * 8 if leaf.kind == "tensor" else 0


def expected(samples: Sequence[Sample], results: Results) -> bytes | None:
    """Return the tensor file of a record; None if none of its tensors is stored."""
    tensors = {}
    for sample in samples:
        for stage, leaves in sample.stages.items():
            for leaf in leaves:
                where = golden.place(sample.id, stage, leaf.path)
                if leaf.stored:
                    tensors[where] = results.tensors[where]
                elif leaf.sliced:
                    tensors[where] = tensorfile.sliced(results.tensors[where])
    return tensorfile.render(tensors) if tensors else None
