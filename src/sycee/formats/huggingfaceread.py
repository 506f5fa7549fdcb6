"""A README.md of the Hugging Face Hub as a card: the one that it carries, else the best that its metadata gives.

Metadata of the Hub is written by hand and by many tools. What has a place in a card is taken; what has none, or is not
what it should be, is named, and costs nothing else.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sycee.digest import sha256_hex
from sycee.errors import Fault, FormatError
from sycee.formats import card, values, yamldialect, yamltext
from sycee.formats.huggingface import LIBRARIES, NAME
from sycee.formats.portable import SPDX, UNKNOWN, Imported, unpacked

MAX_SIZE = 8 << 20  # bytes; the carried card may have 1 MiB

_CARRIED = re.compile(
    r"<!-- sycee model_card\.yaml sha256=([0-9a-f]{64}) text=([0-9a-f]{64})\n([A-Za-z0-9+/=\n]+)\n-->\s*\Z"
)
_METADATA = re.compile(r"\s*---[ \t]*\n(.*?\n|)---[ \t]*(?:\n|\Z)", re.DOTALL)
_TRAINER = re.compile(r"^#+ (Training hyperparameters|Framework versions)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
_PAIR = re.compile(r"^- (\w[\w .-]{0,60}?):? +(.{1,200})$", re.MULTILINE)
_PINNED = re.compile(r"\d[\w.+!-]*")
_TAKEN = {"language", "license", "license_name", "library_name", "tags", "datasets", "metrics", "base_model",
          "base_model_relation", "pipeline_tag", "model-index"}  # fmt: skip
_LICENSES = {name.lower(): name for name in SPDX}
_DISTRIBUTIONS = {"Pytorch": "torch", "PyTorch": "torch", **{hub: name for name, hub in LIBRARIES.items()}}


def read(data: bytes, name: str = NAME) -> Imported:
    """Return the card of a README.md.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: If it is too large, not UTF-8, has no metadata that can be read, or carries a damaged card.
    """
    text = _decoded(data, name)
    if match := _CARRIED.search(text):
        edited = sha256_hex(text[: match.start()].encode()) != match[2]
        left = ("the page was edited after it was made, and a card carries none of that",) if edited else ()
        return Imported(unpacked(match[3], match[1], name), exact=True, left=left)
    found = _Reading(_metadata(text, name), text[match.end() :] if (match := _METADATA.match(text)) else text)
    return Imported(card.render(found.card()), exact=False, left=tuple(found.left))


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is larger than {MAX_SIZE} bytes (found {len(data)})", path=name)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{name} is not UTF-8 (byte {error.start})", path=name) from None


def _metadata(text: str, name: str) -> Mapping[str, Any]:
    match = _METADATA.match(text)
    if match is None:
        raise FormatError(
            f"{name} has no metadata: it does not begin with a block between two lines of ---",
            hint="give the README.md of a model on the Hugging Face Hub, or one that `sycee card export` wrote",
            path=name,
        )
    loaded = yamldialect.load(match[1], name) if match[1].strip() else {}
    if not isinstance(loaded, Mapping):
        raise FormatError(f"{name}: the metadata is no mapping", path=name)
    return loaded


class _Reading:
    """Takes one thing after the other out of metadata and page, and notes what it leaves."""

    def __init__(self, metadata: Mapping[str, Any], body: str) -> None:
        self.left: list[str] = []
        self._metadata = {str(key): _plain(value) for key, value in metadata.items()}
        self._sections = {match[1]: dict(_PAIR.findall(match[2])) for match in _TRAINER.finditer(body)}
        self._prose = bool(_TRAINER.sub("", body).strip())

    def card(self) -> dict[str, Any]:
        """Return the values of a valid card."""
        evaluations = list(self._evaluations())
        datasets = self._texts("datasets")
        found: dict[str, Any] = {
            "task": self._text("pipeline_tag") or next((one["task"] for one in evaluations if "task" in one), UNKNOWN),
            "metrics": _metrics(evaluations),
            "training_config": self._settings(),
            "data_version": ", ".join(datasets) or UNKNOWN,
            "framework_version": self._frameworks(),
            "schema_version": card.SCHEMA_VERSION,
            "license": self._license(),
            "tags": self._texts("tags"),
            "languages": self._texts("language"),
            "lineage": self._lineage(),
            "evaluations": evaluations,
            **self._name(),
        }
        self._leave(datasets)
        return self._valid({key: one for key, one in found.items() if key in card.REQUIRED or one not in ("", [], {})})

    def _leave(self, datasets: Sequence[str]) -> None:
        self.left += [f"{key}: a card has no place for it" for key in self._metadata if key not in _TAKEN]
        if datasets:
            self.left.append("datasets: their names are the data_version; which versions they had is not known")
        if self._prose:
            self.left.append("the text of the page: write what matters into description, considerations and links")

    def _valid(self, found: dict[str, Any]) -> dict[str, Any]:
        five = {**dict.fromkeys(card.REQUIRED, UNKNOWN), "metrics": {}, "training_config": {}}
        for key in list(found):
            if faults := card.faults({**five, key: found[key]}):
                self.left.append(f"{key}: {faults[0]}")
                del found[key]
        return {**five, **found}

    def _text(self, key: str) -> str:
        value = self._metadata.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.left.append(f"{key}: is no text")
        return ""

    def _texts(self, key: str) -> list[str]:
        value = self._metadata.get(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if strange := [item for item in items if not isinstance(item, str) or not item]:
            self.left.append(f"{key}: {len(strange)} of {len(items)} are no text")
        return [item for item in items if isinstance(item, str) and item]

    def _license(self) -> str:
        name = self._text("license")
        if name == "other":
            return self._text("license_name") or name
        return _LICENSES.get(name, name)

    def _lineage(self) -> dict[str, Any]:
        first, *others = self._texts("base_model") or [""]
        if others:
            self.left.append(f"base_model: a card names one, and {len(others)} more are here: {', '.join(others)}")
        relation = self._text("base_model_relation")
        known = {"name": first, **({"relation": relation} if relation else {})}
        return {"base_model": known} if first else {}

    def _settings(self) -> dict[str, Any]:
        return {key: _number(text) for key, text in self._sections.get("Training hyperparameters", {}).items()}

    def _frameworks(self) -> str:
        pinned = {
            _DISTRIBUTIONS.get(name, name.lower()): version
            for name, version in self._sections.get("Framework versions", {}).items()
            if _PINNED.fullmatch(version)
        }
        library = self._text("library_name")
        if not pinned and library:
            self.left.append(f"library_name: which version of {library} is not known")
            return _DISTRIBUTIONS.get(library, library)
        return ", ".join(f"{name}=={version}" for name, version in pinned.items()) or UNKNOWN

    def _name(self) -> dict[str, str]:
        names = [one.get("name") for one in self._models()]
        if not names or not isinstance(names[0], str):
            return {}
        name = names[0].strip("/-_")
        if card.faults({**dict.fromkeys(card.REQUIRED, UNKNOWN), "metrics": {}, "training_config": {}, "name": name}):
            self.left.append(f"model-index[0].name: {name!r} is no name for a card")
            return {}
        return {"name": name}

    def _models(self) -> list[Mapping[str, Any]]:
        return [one for one in _list(self._metadata.get("model-index")) if isinstance(one, Mapping)]

    def _evaluations(self) -> Iterator[dict[str, Any]]:
        for number, model in enumerate(self._models()):
            for index, result in enumerate(_list(model.get("results"))):
                place = f"model-index[{number}].results[{index}]"
                if number:
                    self.left.append(f"{place}: of a second model; a card is about one")
                elif not isinstance(result, Mapping):
                    self.left.append(f"{place}: is no result")
                elif found := self._evaluation(result, place):
                    yield found

    def _evaluation(self, result: Mapping[str, Any], place: str) -> dict[str, Any]:
        metrics = list(self._measured(_list(result.get("metrics")), place))
        data = _texts_of(result.get("dataset"), ("name", "type", "config", "split", "revision"))
        data.setdefault("name", data.get("type", UNKNOWN))
        found = {
            "task": _texts_of(result.get("task"), ("type",)).get("type"),
            "dataset": data,
            "metrics": metrics,
            "source": _texts_of(result.get("source"), ("name", "url")),
        }
        found = {key: value for key, value in found.items() if value not in (None, {})}
        if metrics and (faults := card.evaluation_faults(found)):
            self.left.append(f"{place}: {faults[0]}")
            return {}
        return found if metrics else {}

    def _measured(self, metrics: Sequence[Any], place: str) -> Iterator[dict[str, Any]]:
        for index, metric in enumerate(metrics):
            found = _texts_of(metric, ("name", "type"))
            value = metric.get("value") if isinstance(metric, Mapping) else None
            faults: Sequence[Fault | str] = list(values.faults(value))
            if isinstance(value, bool) or not isinstance(value, int | float):
                faults = ["its value is no number"]
            if faults or not found:
                self.left.append(f"{place}.metrics[{index}]: {faults[0] if faults else 'has no name'}")
            else:
                name = found.get("name", found.get("type"))
                yield {"name": name, **({"type": found["type"]} if "type" in found else {}), "value": value}


def _metrics(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all numbers by name; below the name of their data where one name has several."""
    pairs = [(one["dataset"]["name"], metric) for one in evaluations for metric in one["metrics"]]
    names = [metric["name"] for _, metric in pairs]
    found: dict[str, Any] = {}
    for data, metric in pairs:
        name = metric["name"][: values.MAX_KEY]
        if names.count(metric["name"]) == 1:
            found[name] = metric["value"]
        else:
            group = found.setdefault(data[: values.MAX_KEY], {})
            if isinstance(group, dict):
                group.setdefault(name, metric["value"])
    return found


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _texts_of(value: object, keys: Sequence[str]) -> dict[str, str]:
    """Return those members that are text and not empty; a number is as good, as somebody's ``split: 2024``."""
    members = value if isinstance(value, Mapping) else {}
    found = {key: members[key] for key in keys if key in members}
    found = {key: str(one) if type(one) in {int, float} else one for key, one in found.items()}
    return {key: one for key, one in found.items() if isinstance(one, str) and one}


def _plain(value: object) -> Any:
    """Return a value of YAML as JSON has it: dates are text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def _number(text: str) -> Any:
    found, faults = (
        yamltext.load(text.strip().encode(), "a setting") if _IS_NUMBER.fullmatch(text.strip()) else (text, [])
    )
    return text.strip() if faults else found


_IS_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
