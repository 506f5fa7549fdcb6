"""Loading tensors from sealed bytes, in the one way of each framework that executes nothing."""

import mmap
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from sycee.errors import FormatError, NotFound, PolicyDenied, SyceeError
from sycee.formats.onnxtensors import external_files
from sycee.formats.tensorheader import PREFIX, header_size, places
from sycee.system.onepass import read_at
from sycee.system.sealed import path_of

if TYPE_CHECKING:
    from sycee.system.sealed import SealedFile

Framework = Literal["torch", "numpy"]

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SAFETENSORS_SUFFIX = ".safetensors"
ONNX_SUFFIX = ".onnx"

# Before 2.10.0 a crafted file corrupts memory although weights_only=True (CVE-2026-24747); before 2.6.0 it runs code.
MIN_TORCH = (2, 10)
_FORCE_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_ZIP = b"PK\x03\x04"  # what torch.save writes since 1.6; only this form can be mapped


def load_torch(sealed: "SealedFile", map_location: Any, environ: Mapping[str, str]) -> Any:
    """Load what ``torch.save`` wrote, with ``weights_only=True``.

    Args:
        sealed: The verified bytes.
        map_location: As ``torch.load`` takes it.
        environ: The process environment.

    Returns:
        What was saved, usually the state dict; its tensors are mapped from the sealed bytes.

    Raises:
        PolicyDenied: If torch is too old to be safe, or the environment turns its protection off.
        NotFound: If torch is not installed.
        FormatError: If the file needs more than tensors and plain values, or is damaged.
    """
    if environ.get(_FORCE_UNSAFE, "0").lower() in {"1", "y", "yes", "true"}:
        raise PolicyDenied(
            f"{_FORCE_UNSAFE} is set: torch would run code out of model files", hint=f"unset {_FORCE_UNSAFE}"
        )
    torch = _torch()
    with sealed.steady() as steady, steady.open() as file:
        mapped = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        source = path_of(file.fileno()) if mapped else file  # not the sealed file's own: another thread may close that
        try:
            return torch.load(source, map_location=map_location, weights_only=True, mmap=mapped)
        except Exception as error:
            raise FormatError(
                f"{sealed.name} cannot be loaded with weights_only=True: {_unsafe(error)}",
                hint="save a state dict, torch.save(model.state_dict(), ...), and sign that; or use safetensors",
            ) from error


def _unsafe(error: Exception) -> str:
    """Return what a pickle asked for; torch's own first line advises to run it."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    return f"it asks to run {asked[1]}" if asked else _first_line(error)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise NotFound("torch is not installed", hint="pip install 'sycee[torch]'") from None
    version = re.match(r"(\d+)\.(\d+)", str(torch.__version__))
    if version is None or (int(version[1]), int(version[2])) < MIN_TORCH:
        raise PolicyDenied(
            f"torch {torch.__version__} does not load files safely",
            hint="upgrade: pip install 'torch>=2.10'",
            expected=f">= {MIN_TORCH[0]}.{MIN_TORCH[1]}",
            found=str(torch.__version__),
        )
    return torch


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def load_safetensors(
    sealed: "SealedFile", framework: Framework, names: Collection[str] | None = None
) -> dict[str, Any]:
    """Load a safetensors file, whose header was judged before the library sees it.

    Args:
        sealed: The verified bytes.
        framework: What kind of tensors to return.
        names: Which of its tensors; None for all. A name that it does not have is passed over.

    Returns:
        Tensor name to tensor.

    Raises:
        NotFound: If the library is not installed.
        FormatError: If the file is not safetensors.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise NotFound("safetensors is not installed", hint="pip install 'sycee[torch]'") from None
    kinds = {"torch": "pt", "numpy": "np"}
    try:
        with sealed.steady() as steady, steady.open() as held:
            keys = _keys(steady, held.fileno(), names)
            with safe_open(path_of(held.fileno()), framework=kinds[framework]) as file:
                return {name: file.get_tensor(name) for name in keys}
    except ImportError:
        raise NotFound(f"{framework} is not installed", hint="pip install 'sycee[torch]'") from None
    except (SafetensorError, TypeError) as error:  # TypeError: a data type that numpy does not have
        raise FormatError(f"{sealed.name} cannot be loaded: {_first_line(error)}") from error


def _keys(sealed: "SealedFile", fd: int, names: Collection[str] | None) -> list[str]:
    """Return the names of the tensors to load, from a header that means one thing.

    Other readers take the last of two tensors of one name, and a header that begins with a space.
    """
    size = header_size(read_at(fd, 0, PREFIX), sealed.size, sealed.name)
    listed = places(read_at(fd, PREFIX, size), sealed.size, sealed.name)
    return [place.key for place in listed if names is None or place.key in names]


def onnx_beside(sealed: "SealedFile") -> frozenset[str]:
    """Return the files beside an ONNX model that hold numbers of it, as paths from its folder.

    Raises:
        FormatError: If it is no ONNX model.
    """
    try:
        with (
            sealed.steady() as steady,
            steady.open() as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as data,
            memoryview(data) as view,
        ):
            return external_files(view)
    except ValueError as error:  # an empty file cannot be mapped
        raise FormatError(f"{sealed.name} is no ONNX model: {error}") from None


def load_onnx(path: str, name: str, options: Mapping[str, Any]) -> Any:
    """Make a session of ONNX Runtime.

    Args:
        path: Leads to verified bytes.
        name: Of the model's file, for messages.
        options: As ``InferenceSession`` takes them.

    Raises:
        NotFound: If ONNX Runtime is not installed.
        FormatError: If it cannot use the model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise NotFound("onnxruntime is not installed", hint="pip install onnxruntime") from None
    chosen = {"providers": onnxruntime.get_available_providers(), **options}
    try:
        return onnxruntime.InferenceSession(path, **chosen)
    except Exception as error:  # each fault has a class of its own, and none a common parent
        raise FormatError(f"{name} cannot be loaded: {_first_line(error)}") from error


def merge(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of several shards as one mapping.

    Args:
        parts: File name to what was loaded from it.

    Raises:
        SyceeError: If a shard is no mapping, or two shards hold the same name.
    """
    merged: dict[str, Any] = {}
    for file, tensors in parts.items():
        if not isinstance(tensors, Mapping):
            raise SyceeError(f"{file} holds no mapping of names to tensors", hint="load each file by its name")
        if twice := merged.keys() & tensors.keys():
            raise FormatError(f"{file} holds {min(twice)!r}, which another shard holds too", path=file)
        merged.update(tensors)
    return merged
