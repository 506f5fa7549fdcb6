"""What the files of a model say of it: architecture, number of parameters, types, the model it was made from.

Only headers and small JSON files are read; nothing of a model is executed. A file that says nothing, or is none of
these, is passed over; one that is broken leaves a warning.
"""

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import bundle, card, onnxtensors, strictjson, sums, tensorheader, torchpickle
from sycee.formats.values import MAX_INT
from sycee.system.tree import kind_at

CONFIG, ADAPTER, PIPELINE = "config.json", "adapter_config.json", "model_index.json"
KERAS = ".keras"
MAX_CONFIG = 4 << 20  # bytes; of a configuration with many labels
MAX_HEADER = 16 << 20  # bytes; of some 100,000 tensors
MAX_PICKLE = 16 << 20  # bytes; the instructions of a state dict take some 200 for each tensor
MAX_ONNX = 256 << 20  # bytes; the numbers lie between the names, so all of it is read
MAX_TEXT = 200  # characters

_PICKLES = (".pkl", ".joblib")
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)

Warn = Callable[[str], None]


class Facts(NamedTuple):
    """What was found.

    Attributes:
        model: Members of the card's ``model``.
        base_model: The card's ``lineage.base_model``; empty if nothing says that there is one.
        base_license: The base model's licence, if its card is on this machine.
    """

    model: Mapping[str, Any]
    base_model: Mapping[str, Any]
    base_license: str | None = None


NO_FACTS = Facts({}, {})


class _Tensor(NamedTuple):
    dtype: str
    elements: int


def model_facts(folder: Path, weights: Sequence[str], warn: Warn) -> Facts:
    """Return what the files of a model say.

    Args:
        folder: The model's folder.
        weights: Its weights files, paths below the folder.
        warn: Called with one sentence for each file that is broken.
    """
    for name in weights:
        if name.endswith(_PICKLES):
            warn(f"{name} is a pickle: loading it runs the code that it names, so verify it first, each time")
    adapter = _json(folder / ADAPTER, warn)
    settings = {**_configured(folder, warn), **_adapted(adapter)}
    keras = next((_keras(folder / name) for name in weights if name.endswith(KERAS)), {})
    base = base_facts(adapter.get("base_model_name_or_path"), "adapter", adapter.get("revision"))
    return base._replace(model={**keras, **settings, **_counted(folder, weights, warn)})


def base_facts(name_or_path: object, relation: str, revision: object = None) -> Facts:
    """Return what is known of the model that another one was made from.

    Args:
        name_or_path: What was loaded: a name on a hub, or a folder. Of a frozen model's folder its card tells more.
        relation: ``adapter`` or ``finetune``.
        revision: Which version of the name.
    """
    if not (name := public_name(name_or_path)):
        return NO_FACTS
    base = {"name": name, "revision": _text(revision), "relation": relation}
    folder = Path(str(name_or_path))
    if (known := _card(folder)) is not None:
        identity = signed_identity(folder)
        base |= {"name": known.name or name, "sha256": identity}
    found = {key: value for key, value in base.items() if value}
    return Facts({}, found, known.values.get("license") if known else None)


def signed_identity(folder: Path) -> str | None:
    """Return the identity of the signed version in a folder, 64 hex digits; None if there is none.

    Its sums must name the card that lies beside them: what a person changed since is no version. Nothing is verified.
    """
    if any(kind_at(folder / name) != "file" for name in (sums.NAME, bundle.NAME)):
        return None
    return identity_by((folder / sums.NAME).read_bytes(), folder)


def identity_by(data: bytes, folder: Path) -> str | None:
    """Return the identity that a sums file gives; None unless it names the card that lies in the folder."""
    if kind_at(folder / card.FILE_NAME) != "file":
        return None
    return sums.identity_with(data, card.FILE_NAME, sha256_hex((folder / card.FILE_NAME).read_bytes()))


def _card(folder: Path) -> card.Card | None:
    path = folder / card.FILE_NAME
    try:
        return card.parse(path.read_bytes()) if kind_at(path) == "file" else None
    except (FormatError, OSError, ValueError):
        return None


def public_name(name_or_path: object) -> str | None:
    """Return the name of a model as it may be told to others: that of a hub, or the last part of a path."""
    text = _text(name_or_path)
    if text is None or _HUB_NAME.fullmatch(text):
        return text
    return _text(PurePath(text.replace("\\", "/")).name)


def _configured(folder: Path, warn: Warn) -> dict[str, Any]:
    """What transformers and diffusers write beside the weights."""
    config = _json(folder / CONFIG, warn)
    architectures = config.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else None
    pipeline = None if first else _json(folder / PIPELINE, warn).get("_class_name")
    found = {
        "architecture": _text(first) or _text(pipeline),
        "family": _text(config.get("model_type")),
        "quantization": _quantization(config.get("quantization_config")),
    }
    return {key: value for key, value in found.items() if value}


def _quantization(config: object) -> str | None:
    if not isinstance(config, dict) or not (method := _text(config.get("quant_method"))):
        return None
    bits = config.get("bits")
    return f"{method} {bits}-bit" if type(bits) is int else method


def _adapted(adapter: Mapping[str, Any]) -> dict[str, Any]:
    kind = _text(adapter.get("peft_type"))
    return {"architecture": kind} if kind else {}


def _keras(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            data = _member(archive, CONFIG, MAX_CONFIG)
        config = strictjson.parse(data, CONFIG) if data else {}
    except (FormatError, *_BROKEN):
        return {}
    kind = _text(config.get("class_name")) if isinstance(config, dict) else None
    return {"architecture": kind} if kind else {}


def _counted(folder: Path, weights: Sequence[str], warn: Warn) -> dict[str, Any]:
    """Return number and types of the parameters; nothing if one file does not tell, or two tell the same tensor."""
    suffixes = next((kind for kind in _READERS if any(name.endswith(kind) for name in weights)), ())
    found: dict[tuple[str, str], _Tensor] = {}
    for name in (name for name in weights if name.endswith(suffixes)):
        held = _READERS[suffixes](folder / name, name, warn)
        keys = {(name.rpartition("/")[0], tensor): one for tensor, one in held.items()}
        if not held or keys.keys() & found.keys():  # not shards of one model but forms of it
            return {}
        found |= keys
    return _totals(found.values())


def _totals(tensors: Iterable[_Tensor]) -> dict[str, Any]:
    dtypes: Counter[str] = Counter()
    for tensor in tensors:
        dtypes[tensor.dtype] += tensor.elements
    if not 0 < (total := dtypes.total()) <= MAX_INT:
        return {}
    return {"parameters": total, "dtype": dict(sorted(dtypes.items()))}


def _from_safetensors(path: Path, name: str, warn: Warn) -> dict[str, _Tensor]:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = tensorheader.header_size(file.read(tensorheader.PREFIX), size, name)
            if length > MAX_HEADER:
                return {}
            found = tensorheader.parse_header(file.read(length), size, name)
    except FormatError as error:
        warn(error.message)
        return {}
    return {key: _Tensor(one.dtype, one.elements) for key, one in found.items()}


def _from_torch(path: Path, _name: str, _warn: Warn) -> dict[str, _Tensor]:
    """Tied weights are counted once, as safetensors keeps them."""
    with path.open("rb") as file:
        data = _pickle(file)
    found = torchpickle.tensors(data) if data else None
    unique = {(one.storage, one.offset, one.shape): key for key, one in reversed([*(found or {}).items()])}
    return {key: _Tensor(found[key].dtype, found[key].elements) for key in unique.values()} if found else {}


def _from_onnx(path: Path, _name: str, _warn: Warn) -> dict[str, _Tensor]:
    """Tensors by their place: a second file has the same ones, and may be another form of the model."""
    if path.stat().st_size > MAX_ONNX:
        return {}
    try:
        found = onnxtensors.tensors(memoryview(path.read_bytes()))
    except ValueError:
        return {}
    return {str(index): _Tensor(one.dtype, one.elements) for index, one in enumerate(found)}


# What tells the parameters, the surest first; a model that is there in two forms is counted in one.
_READERS: Mapping[tuple[str, ...], Callable[[Path, str, Warn], Mapping[str, _Tensor]]] = {
    (".safetensors",): _from_safetensors,
    (".pt", ".pth", ".bin", ".ckpt"): _from_torch,
    (".onnx",): _from_onnx,
}


def _pickle(file: BinaryIO) -> bytes | None:
    try:
        with closing(zipfile.ZipFile(file)) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
            return _member(archive, name, MAX_PICKLE) if name else None
    except _BROKEN:
        return None


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """Return a member of an archive if it is there and as small as it should be; its stated size is not believed."""
    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        data = file.read(limit + 1)
    return data if len(data) <= limit else None


def _json(path: Path, warn: Warn) -> dict[str, Any]:
    if kind_at(path) != "file" or path.stat().st_size > MAX_CONFIG:
        return {}
    try:
        found = strictjson.parse(path.read_bytes(), path.name)
    except FormatError as error:
        warn(error.message)
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    """Return a text that fits into a line of the card, or None."""
    usable = isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
    return str(value) if usable else None
