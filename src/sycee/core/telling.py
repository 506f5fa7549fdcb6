"""The words in which replay tells a person what differs and why."""

import re
from collections.abc import Sequence
from typing import Literal

from sycee.core.differences import Change
from sycee.core.printable import in_line
from sycee.formats.requirements import normal_name

Kind = Literal["pixels", "tokens", "text", "values"]

MAX_VALUE = 48  # characters of a value; of longer ones only the words that differ are told
_SIDE = 8  # pixels; a smaller array with three columns is a table
_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")

_KINDS = {"pixels": "pixels", "tokens": "token ids", "text": "text", "values": "values"}
_FILES = {"source": "the source file", "aux": "the file", "weights": "the weights file", "input": "the input"}
_OWNERS = {"PIL": "Pillow", "cv2": "OpenCV", "pillow": "Pillow"}
_FACTS = {
    "python.version": "Python",
    "python.libc": "the C library",
    "python.encoding": "the encoding of text files",
    "cpu.isa": "the CPU's instructions",
    "cpu.model": "the CPU",
    "cpu.kind": "the CPU",
    "cpu.machine": "the architecture of the CPU",
    "cpu.cache": "the CPU's caches",
    "gpu.devices": "the GPU",
    "gpu.driver": "the GPU's driver",
    "gpu.cudnn": "cuDNN",
    "threads.cores": "usable cores",
}


def kind_of(dtype: str, shape: Sequence[int]) -> Kind:
    """Return what a tensor most likely holds, for words and for the table of suspects.

    Args:
        dtype: ``uint8``, ``float32`` …; empty for text.
        shape: Its dimensions.
    """
    if not dtype:
        return "text"
    if _is_image(dtype, shape):
        return "pixels"
    return "tokens" if dtype in {"int64", "int32", "uint32", "int16", "uint16"} else "values"


def _is_image(dtype: str, shape: Sequence[int]) -> bool:
    if len(shape) not in {2, 3, 4} or sorted(shape)[-2] < _SIDE:
        return False
    channels = {3, 4} if len(shape) == 3 else {1, 3, 4}  # three floats deep, one plane may be sound, or a sentence
    return dtype == "uint8" or (len(shape) > 2 and bool(channels & {shape[-3], shape[-1]}))


def subject(stage: str, kind: Kind) -> str:
    """Return what came out differently: ``preprocessed pixels``, ``outputs``, ``output token ids``, ``decisions``."""
    if stage == "preprocessed":
        return f"preprocessed {_KINDS[kind]}"
    return f"{stage}s" if kind == "values" else f"{stage} {_KINDS[kind]}"


def explained(subject: str, likely: Sequence[Change], more: int) -> str:
    """Return the verdict: the most likely cause first, then what could be it just as well.

    Args:
        subject: What differs (:func:`subject`).
        likely: The suspects to name, at least one.
        more: How many are not named.
    """
    first, *others = map(told, likely)
    if not others:
        return f"{_differ(subject)}: {first}"
    return f"{_differ(subject)}: most likely {first}; or {_joined(others, more)}"


def guessed(subject: str, possible: Sequence[Change], more: int) -> str:
    """Return the verdict where the only suspects are such as were never seen to be guilty."""
    return f"{_differ(subject)}, and nothing is known to explain it; perhaps {_joined([*map(told, possible)], more)}"


def unexplained(subject: str, cannot: Sequence[Change]) -> str:
    """Return the verdict where there is no suspect.

    Args:
        subject: What differs.
        cannot: What changed and cannot be the cause.
    """
    head = f"{_differ(subject)}, and nothing that was recorded explains it"
    if not cannot:
        return f"{head}: look for random numbers (dropout left on) and for what is read from outside of the version"
    named = "; ".join(told(change) for change in cannot[:2])
    return f"{head}: {named}{f'; {len(cannot) - 2} more' if len(cannot) > 2 else ''}; that cannot change {subject}"


def _differ(subject: str) -> str:
    return f"{subject} {'differs' if subject.endswith('text') else 'differ'}"


def _joined(told: Sequence[str], more: int) -> str:
    rest = [f"{more} more"] if more > 0 else []
    return ", or ".join([*told, *rest])


def told(change: Change) -> str:
    """Return one change in words: ``Pillow 9.1.0 here, 10.4.0 when frozen``."""
    area, name, frozen, here = change
    if area in _FILES and all(not value or _DIGEST.fullmatch(value) for value in (frozen, here)):
        what = "is missing here" if not here else "was changed" if frozen else "is new here"
        return f"{_FILES[area]} {in_line(name)} {what}"
    label = in_line(_label(area, name))
    if here and frozen and max(len(here), len(frozen)) > MAX_VALUE:
        return f"{label} {_contrast(here.split(), frozen.split())} here"
    return f"{label} {_shown(here, area)} here, {_shown(frozen, area)} when frozen"


def _contrast(here: Sequence[str], frozen: Sequence[str]) -> str:
    """Return how one long list differs from another: ``without avx512f and with amx_bf16``."""
    lacks = " ".join(word for word in frozen if word not in here)
    adds = " ".join(word for word in here if word not in frozen)
    sides = [f"{word} {_shown(text, '')}" for word, text in (("without", lacks), ("with", adds)) if text]
    return " and ".join(sides) or "in another order"


def _shown(value: str, area: str) -> str:
    if not value:
        return {"env": "not set", "gpu": "not in use", "package": "not installed"}.get(area, "not there")
    return in_line(value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}…")


def _label(area: str, name: str) -> str:
    if area in _FILES:
        return f"{name}:"
    if area == "package":
        return _OWNERS.get(normal_name(name), name)
    if known := _FACTS.get(f"{area}.{name}"):
        return known
    owner, _, part = name.partition(".")
    owner = _OWNERS.get(owner, owner)
    if area == "threads":
        return f"threads of {owner}{'' if part.startswith('get') else f' ({part})'}"
    if area == "blas":
        library, _, what = part.partition(".")
        return f"the {library} {what} of {owner}"
    if area == "build" and part:
        return f"{_part(part)} of {owner}"
    return name


def _part(path: str) -> str:
    return path.rpartition(".")[2].removeprefix("get_").removesuffix("_version")
