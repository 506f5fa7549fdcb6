"""Files of tensors as safetensors and torch write them, made without either."""

import collections
import io
import json
import pickle
import zipfile
from typing import ClassVar


class Global:
    """Pickles as a name, or as a call of it with these arguments, whatever it is."""

    def __init__(self, name, *arguments, bare=False):
        self.name, self.arguments, self.bare = name, arguments, bare


class Storage(tuple):
    """Pickles as the persistent id that this tuple is."""

    __slots__ = ()


class Writer(pickle._Pickler):
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def persistent_id(self, obj):
        return tuple(obj) if isinstance(obj, Storage) else None

    def save_name(self, obj):
        self.write(b"c" + obj.name.replace(" ", "\n").encode() + b"\n")
        if not obj.bare:
            self.save(tuple(obj.arguments))
            self.write(pickle.REDUCE)

    dispatch[Global] = save_name


def written(value, protocol=2):
    """Return the pickle of a value that may hold globals and storages."""
    file = io.BytesIO()
    Writer(file, protocol).dump(value)
    return file.getvalue()


def tensor(shape, kind="Float", key="0", offset=0):
    """A tensor as torch pickles it."""
    storage = Storage(("storage", Global(f"torch {kind}Storage", bare=True), key, "cpu", 99))
    hooks = collections.OrderedDict()
    return Global("torch._utils _rebuild_tensor_v2", storage, offset, shape, (1,) * len(shape), False, hooks)


def safetensors(tensors, *, data=None, metadata=None):
    """A file of these tensors, name to (type, shape, bytes of the numbers)."""
    entries, begin = ({"__metadata__": metadata} if metadata else {}), 0
    for name, (dtype, shape, size) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + size]}
        begin += size
    header = json.dumps(entries).encode()
    return len(header).to_bytes(8, "little") + header + (bytes(begin) if data is None else data)


def torch_file(state, name="archive/data.pkl"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, written(state))
    return file.getvalue()


def _field(number, value):
    """A field of protobuf: an integer below 128, or bytes of fewer than 128."""
    return bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 2, len(value)]) + value


def onnx_model():
    """A model with an initializer of 2x3 floats, and a node that holds three integers as an attribute."""
    weights = _field(1, 2) + _field(1, 3) + _field(2, 1) + _field(8, b"w") + _field(9, bytes(24))
    constant = _field(1, bytes([3])) + _field(2, 7) + _field(9, bytes(24))  # dims packed
    word = _field(2, 8) + _field(6, b"text")
    attribute = _field(1, b"value") + bytes([2 << 3 | 5]) + bytes(4) + _field(5, constant) + _field(5, word)
    graph = _field(1, _field(4, b"Constant") + _field(5, attribute)) + _field(2, b"main") + _field(5, weights)
    return _field(1, 8) + _field(2, b"sycee") + _field(7, graph) + _field(8, _field(2, 17))
