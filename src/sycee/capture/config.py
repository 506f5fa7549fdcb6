"""Configurations of every common kind as JSON-like values, and metrics as finite numbers.

What has no value of its own (a function, a device, a class) becomes text that names it and is the same in every run;
what loses something on the way is noted.
"""

import argparse
import dataclasses
import datetime as dt
import enum
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any

from sycee.core.secretscan import HIDDEN, secret_in
from sycee.formats.values import MAX_DEPTH, MAX_INT, MAX_KEY, MIN_INT, member

MAX_ITEMS = 64  # numbers of an array that stay in the card; class weights do, an embedding matrix does not
_ROOM = MAX_DEPTH - 4  # the card itself encloses a configuration

# Of transformers' TrainingArguments: where things are put and told, not how the model was trained.
_PLACES = {"output_dir", "logging_dir", "run_name", "resume_from_checkpoint", "report_to", "disable_tqdm"}
_PLACES_BY_PREFIX = ("hub_", "push_to_hub")  # hub_token among them
_SECRET = re.compile(r"(?:.*_)?(?:token|password|passwd|secret|api_?key|access_?key|credentials?)", re.IGNORECASE)

Note = Callable[[str], None]


def normalised(value: object, note: Note, path: str = "training_config", depth: int = 0) -> Any:
    """Return ``value`` as a JSON-like value.

    Args:
        value: A mapping, ``argparse.Namespace``, dataclass, pydantic model, OmegaConf node, or anything inside of one.
        note: Called with one sentence for each thing that could not be kept as it was.
        path: Where the value stands, for the notes.
        depth: How deep it stands.
    """
    try:
        return _value(value, note, path, depth)
    except Exception as error:  # noqa: BLE001 - a value that raises when it is looked at must not cost the others
        note(f"{path} could not be read ({type(error).__name__}) and is left out")
        return None


def merged(configs: Iterable[object]) -> dict[Any, Any]:
    """Return several configurations as one, their values as they are; the later one holds where two tell the same.

    Args:
        configs: Each as for :func:`normalised`; what has no settings by name is kept under ``value``.
    """
    found: dict[Any, Any] = {}
    for config in configs:
        try:
            members = {} if config is None else _members(config)
        except Exception:  # noqa: BLE001 - it is told when its value is taken
            members = None
        found |= {"value": config} if members is None else members
    return found


def settings(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return those arguments of a function that are settings: not models, data, or anything else without a value.

    Args:
        arguments: By name. The value of one whose name is that of a secret is hidden.
    """
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        notes: list[str] = []
        is_secret = _is_secret(name, value) if isinstance(value, str) else _SECRET.fullmatch(name) and value is not None
        plain = HIDDEN if is_secret else normalised(value, notes.append, name)
        if not notes and not (isinstance(plain, list | dict) and len(plain) > MAX_ITEMS):
            found[name] = plain
    return found


def _value(value: object, note: Note, path: str, depth: int) -> Any:
    if depth > _ROOM:
        note(f"{path} is nested too deeply and left out")
        return None
    if (members := _members(value)) is not None:
        return _mapping(members, note, path, depth)
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes | bytearray | memoryview):
        items = sorted(value, key=repr) if isinstance(value, AbstractSet) else value
        return [normalised(item, note, member(path, index), depth + 1) for index, item in enumerate(items)]
    if isinstance(value, enum.Enum):
        return normalised(value.value, note, path, depth + 1)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return _array(value, note, path, depth)
    return _scalar(value, note, path)


def _members(value: Any) -> Mapping[Any, Any] | None:
    """Return the members of anything that has named ones, or None."""
    if isinstance(value, type):
        return None
    if isinstance(value, argparse.Namespace):
        return vars(value)
    if (arguments := _training_arguments(value)) is not None:
        return arguments
    if isinstance(value, tuple) and len(value) > 1 and all(map(_is_dataclass, value)):  # what HfArgumentParser gives
        return {name: item for one in value for name, item in (_members(one) or {}).items()}
    if _is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump") and hasattr(type(value), "model_fields"):  # pydantic 2
        return {name: getattr(value, name) for name in type(value).model_fields}
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is not None and omegaconf.OmegaConf.is_dict(value):
        container: Mapping[Any, Any] = omegaconf.OmegaConf.to_container(value, resolve=True)
        return container
    return value if isinstance(value, Mapping) else None


def _is_dataclass(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _training_arguments(value: Any) -> dict[str, Any] | None:
    """Return what differs from the defaults in transformers' TrainingArguments; None for anything else.

    The defaults are those of the class, whose version the card names. What is empty in one way and was made empty in
    another one when the arguments were completed is no difference.
    """
    transformers = sys.modules.get("transformers.training_args")
    if transformers is None or not isinstance(value, transformers.TrainingArguments):
        return None
    chosen = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value) if _tells(field)}
    defaults = {field.name: _default(field) for field in dataclasses.fields(value)}
    return {name: item for name, item in chosen.items() if not _is_default(item, defaults[name])}


def _tells(field: "dataclasses.Field[Any]") -> bool:
    return field.name not in _PLACES and not field.name.startswith(_PLACES_BY_PREFIX)


def _default(field: "dataclasses.Field[Any]") -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _is_default(value: Any, default: Any) -> bool:
    if _is_dataclass(value):  # a group of settings that was made when the arguments were completed
        return bool(value == type(value)())
    return bool(value == default) or (not value and not default)


def _mapping(members: Mapping[Any, Any], note: Note, path: str, depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, item in members.items():
        name = _key(key)
        if name in values:
            note(f"{member(path, name)} is there under two keys that are written alike; the last one is kept")
        is_secret = isinstance(item, str) and _is_secret(name, item)
        if is_secret:
            note(f"{member(path, name)} is hidden, since it looks like a secret")
        values[name] = HIDDEN if is_secret else normalised(item, note, member(path, name), depth + 1)
    return values


def _is_secret(name: str, value: str) -> bool:
    """Tell whether a text is a secret, by its name or its form; ``eos_token: </s>`` is none."""
    is_mark = value[:1] in {"<", "["} and name.endswith("_token")
    by_name = value not in {"", HIDDEN} and not is_mark and _SECRET.fullmatch(name) is not None
    return by_name or secret_in(value.encode("utf-8", "replace")) is not None


def _key(key: object) -> str:
    text = str(key.value if isinstance(key, enum.Enum) else key)
    return _unicode(text)[:MAX_KEY] or "(empty)"


def _array(value: Any, note: Note, path: str, depth: int) -> Any:
    """Numpy scalars, arrays and tensors: small ones as numbers, others as what they are."""
    shape = tuple(value.shape)
    if math.prod(shape) <= MAX_ITEMS:
        return normalised(value.tolist(), note, path, depth + 1)
    note(f"{path} is an array of shape {shape} and left out")
    return f"{type(value).__name__} {'x'.join(map(str, shape))} {getattr(value, 'dtype', '')}".rstrip()


def _scalar(value: Any, note: Note, path: str) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if MIN_INT <= value <= MAX_INT else _as_text(str(int(value)), "too large", note, path)
        case float():
            return float(value) if math.isfinite(value) else _as_text(str(float(value)), "not finite", note, path)
        case str():
            return _unicode(str.__str__(value))
        case PurePath():
            return _unicode(value.as_posix())
        case dt.date() | dt.time():
            return value.isoformat()
    return _named(value, note, path)


def _named(value: Any, note: Note, path: str) -> str:
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    if type(value).__module__ in {"torch", "numpy", "numpy.dtypes", "jax"}:  # torch.float16, device(type='cuda')
        return str(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return _as_text(f"<{kind}>", f"of the kind {kind}", note, path)  # never repr(): it may hold an address or a secret


def _as_text(text: str, why: str, note: Note, path: str) -> str:
    note(f"{path} is {why} and kept as the text {text}")
    return text


def _unicode(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def finite_metrics(metrics: Mapping[Any, Any], note: Note, path: str = "metrics") -> dict[str, Any]:
    """Return the metrics that are finite numbers, nested as they were; the others are noted and left out.

    Args:
        metrics: Name to number (numpy and torch scalars too) or to a mapping of such.
        note: Called with one sentence for each one left out.
        path: Where the mapping stands, for the notes.
    """
    return dict(_finite(metrics.items(), note, path))


def _finite(items: Iterable[tuple[Any, Any]], note: Note, path: str) -> Iterable[tuple[str, Any]]:
    for key, value in items:
        name = _key(key)
        place = member(path, name)
        if isinstance(value, Mapping):
            yield name, finite_metrics(value, note, place)
            continue
        try:
            number = _number(value)
        except Exception as error:  # noqa: BLE001 - a metric that raises when it is looked at must not cost the others
            number = f"unreadable ({type(error).__name__})"
        if isinstance(number, str):
            note(f"{place} is {number} and left out")
        else:
            yield name, number


def _number(value: Any) -> float | str:
    """Return a finite number, an integer if it is one and fits, or else what it is."""
    number = value.item() if hasattr(value, "item") and math.prod(getattr(value, "shape", ())) == 1 else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return f"no number but {repr(number) if isinstance(number, bool | str) else f'a {type(number).__name__}'}"
    if isinstance(number, int) and MIN_INT <= number <= MAX_INT:
        return int(number)
    return float(number) if math.isfinite(number) else str(float(number))
