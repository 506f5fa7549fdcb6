"""Forms of weights: what a file is by its first bytes and by its name, and whether loading it can run code.

Neither alone suffices: a library goes by the name, and the bytes may say something else. Where the two disagree the
form is ``unknown``, which a trust file allows only in so many words. A pickle is one under whatever name.
"""

from collections.abc import Callable
from typing import NamedTuple

from sycee.formats import tensorheader

HEAD = 16  # bytes from the beginning of a file that decide

_PICKLED = (".pkl", ".pickle", ".joblib")  # joblib's may be compressed, so their bytes say nothing
_TORCH = (".pt", ".pth", ".bin", ".ckpt")
_ONNX_DATA = (".onnx_data", ".onnx.data")  # raw numbers beside an .onnx; nothing in them says so


class _Form(NamedTuple):
    name: str
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]


def _starts(magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def _is_safetensors(head: bytes) -> bool:
    length = int.from_bytes(head[: tensorheader.PREFIX], "little")
    return length <= tensorheader.MAX_HEADER and head[tensorheader.PREFIX :].startswith(b"{")


def _is_pickle(head: bytes) -> bool:
    """Tell protocols 2 to 5, and with them what torch wrote before it wrote zip files."""
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5


_FORMS = (
    _Form("safetensors", (".safetensors",), _is_safetensors),
    _Form("onnx", (".onnx",), _starts(b"\x08")),  # a protobuf that begins with the version of its format
    _Form("torch", _TORCH, _starts(b"PK\x03\x04")),
    _Form("gguf", (".gguf",), _starts(b"GGUF")),
    _Form("numpy", (".npy",), _starts(b"\x93NUMPY")),
    _Form("numpy", (".npz",), _starts(b"PK\x03\x04")),
    _Form("h5", (".h5", ".hdf5"), _starts(b"\x89HDF\r\n\x1a\n")),
)

# All words for a form. What lies behind safetensors, onnx, gguf and h5 is data; the others can be made to run code by
# a loader that is not told to be strict.
FORMS = ("safetensors", "onnx", "torch", "pickle", "gguf", "numpy", "h5", "unknown")


def form_of(name: str, head: bytes) -> str:
    """Return the form of a weights file.

    Args:
        name: Its name; only the suffix counts, in any case.
        head: Its first :data:`HEAD` bytes, or all of a shorter one.

    Returns:
        One of :data:`FORMS`.
    """
    lower = name.lower()
    if lower.endswith(_PICKLED):
        return "pickle"
    if lower.endswith(_ONNX_DATA):
        return "onnx"
    found = next((form.name for form in _FORMS if lower.endswith(form.suffixes) and form.begins(head)), None)
    return found or ("pickle" if _is_pickle(head) else "unknown")
