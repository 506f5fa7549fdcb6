"""Which of the things that are tracked are models, and where each of them gets its folder.

No path that somebody uses goes away: weights that lie alone in a folder get their card there; of several models in one
folder each gets a folder of its own with a second pointer to the same object, and the old one stays (ADR 16).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sycee.core import modelfolder
from sycee.errors import SyceeError
from sycee.formats import card
from sycee.system.tree import kind_at
from sycee.workspace.tracked import Tracked, select

Kind = Literal["in place", "whole folder", "flat folder"]
Listing = Callable[[Tracked], Sequence[str]]

# What trainers write and hardly anybody else; the other suffixes of weights are those of data too.
_SURE = (".safetensors", ".pt", ".pt2", ".pth", ".ckpt", ".onnx", ".gguf", ".keras", ".tflite", ".mlmodel", ".pdparams")
_HINTED = re.compile(r"model|checkpoint|weight", re.IGNORECASE)
_SHARD = re.compile(r"-[0-9]{3,}-of-[0-9]{3,}$")
_ONE_MODEL = ("config.json", "modules.json", "model_index.json")  # beside weights of several names
MAX_FILES = 1000


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be adopted.

    Attributes:
        folder: Its folder, absolute: the one that gets the card.
        kind: How it is tracked now.
        tracked: What names its weights now.
    """

    folder: Path
    kind: Kind
    tracked: tuple[Tracked, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays as it is.

    Attributes:
        relpath: Its path, relative to the root.
        reason: Why.
        asked: Whether the user named it.
        adopted: Whether it is a model with a card already.
    """

    relpath: str
    reason: str
    asked: bool
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked for.

    Attributes:
        root: The repository's root.
        tracked: Everything that is tracked.
        targets: Absolute paths; empty for everything that looks like a model.
        as_one: Whether several weights in one folder are one model.
        listing: Gives the paths of the files of a tracked folder, below it; raises SyceeError if nobody knows them.
    """

    root: Path
    tracked: Sequence[Tracked]
    targets: Sequence[Path]
    as_one: bool
    listing: Listing


def find_models(choice: Choice) -> tuple[list[Model], list[Left]]:
    """Return the models among what was chosen, and what is left alone.

    Raises:
        NotFound: If a target names nothing that is tracked.
    """
    chosen = select(choice.tracked, choice.targets, choice.root) if choice.targets else list(choice.tracked)
    left: list[Left] = []
    files: list[Tracked] = []
    models: list[Model] = []
    for one in chosen:
        if reason := _reason(one):
            if _is_asked(choice, one) or _looks_right(choice, one):
                left.append(Left(one.relpath, reason, _is_asked(choice, one)))
        elif not (_is_asked(choice, one) or _looks_right(choice, one)):
            continue
        elif one.out.is_dir:
            models.append(Model(one.path, "whole folder", (one,)))
        else:
            files.append(one)
    models += _of_files(choice, files)
    return _without_adopted(choice, models, left)


def _is_asked(choice: Choice, one: Tracked) -> bool:
    return one.path in choice.targets or one.origin in choice.targets


def _reason(one: Tracked) -> str | None:
    """Say why something cannot be adopted, whatever is in it."""
    if one.out.md5 is None or not one.out.cache or one.out.versioned:
        return "no object of the cache stands for it"
    if one.pointer is None:
        return "a stage makes the whole folder: let it end in sycee.freeze(…)" if one.out.is_dir else None
    if one.pointer.imported:
        return "it is an import: adopt it where it comes from"
    if len(one.pointer.outs) != 1:
        return "its pointer names several outs: give each a pointer of its own"
    return None


def _looks_right(choice: Choice, one: Tracked) -> bool:
    if not one.out.is_dir:
        return looks_like_weights(one.relpath)
    try:
        return any(looks_like_weights(f"{one.relpath}/{name}") for name in choice.listing(one))
    except SyceeError:
        return bool(_HINTED.search(one.relpath))


def looks_like_weights(relpath: str) -> bool:
    """Tell whether a path is that of weights: by its suffix, and where that is one of data too, by its words."""
    name = relpath.lower()
    if not name.endswith(modelfolder.WEIGHT_SUFFIXES) or modelfolder.is_leftover(relpath):
        return False
    return name.endswith(_SURE) or _HINTED.search(relpath) is not None


def _of_files(choice: Choice, files: Iterable[Tracked]) -> Iterator[Model]:
    by_folder: dict[Path, list[Tracked]] = {}
    for one in files:
        by_folder.setdefault(one.path.parent, []).append(one)
    for folder, ones in by_folder.items():
        beside = [one for one in choice.tracked if one.path.parent == folder and not one.out.is_dir]
        if _is_one_model(choice, folder, beside):
            yield Model(folder, "in place", tuple(beside))
            continue
        for stem, group in _by_stem(ones).items():
            yield Model(folder / stem, "flat folder", tuple(group))


def _is_one_model(choice: Choice, folder: Path, beside: Sequence[Tracked]) -> bool:
    deeper = [one for one in choice.tracked if folder in one.path.parents and one not in beside]
    if folder == choice.root or deeper or any(_reason(one) for one in beside):
        return False
    weights = [one for one in beside if one.path.name.lower().endswith(modelfolder.WEIGHT_SUFFIXES)]
    bound = any((folder / name).exists() for name in _ONE_MODEL)
    return choice.as_one or bound or len(_by_stem(weights or beside)) == 1


def _by_stem(files: Iterable[Tracked]) -> Mapping[str, list[Tracked]]:
    """Group files by name: shards of one model, and one model in several formats, belong together."""
    groups: dict[str, list[Tracked]] = {}
    for one in files:
        stem = one.path.name.removesuffix(".data")
        groups.setdefault(_SHARD.sub("", stem.rpartition(".")[0] or stem), []).append(one)
    return groups


def _without_adopted(choice: Choice, models: Sequence[Model], left: list[Left]) -> tuple[list[Model], list[Left]]:
    kept = []
    for model in models:
        relpath = model.tracked[0].relpath
        asked = any(_is_asked(choice, one) for one in model.tracked)
        if where := _card_of(choice, model):
            left.append(Left(relpath, f"{where} has a card", asked, adopted=True))
        elif model.kind == "flat folder" and kind_at(model.folder) is not None:
            where = model.folder.relative_to(choice.root).as_posix()
            left.append(Left(relpath, f"{where} is in the way of its folder: move one of them", asked))
        else:
            kept.append(model)
    return kept, left


def _card_of(choice: Choice, model: Model) -> str | None:
    """Return the folder, of the model or around it, that has a card already."""
    around = (model.folder, *(one for one in model.folder.parents if choice.root in one.parents))
    for folder in around:
        if kind_at(folder / card.FILE_NAME) is not None:
            return folder.relative_to(choice.root).as_posix()
    if model.kind == "whole folder":
        with suppress(SyceeError):
            if card.FILE_NAME in choice.listing(model.tracked[0]):
                return model.tracked[0].relpath
    return None
