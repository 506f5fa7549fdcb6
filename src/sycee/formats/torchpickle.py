"""The tensors of a file that ``torch.save`` wrote, by reading the instructions of its pickle without following them.

A pickle is a program. Here its instructions only move inert values: a name stays a name, a call gives a tensor's type
and shape where the called name is one of torch's own, and a blank everywhere else. What is no plain state dict, or asks
for an instruction that a state dict does not need, has no answer.
"""

import math
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_STEPS = 1_000_000  # instructions; a tensor takes some 25
NESTED = "state_dict"  # where checkpoints of trainers keep it, beside the state of the optimizer


class Tensor(NamedTuple):
    """A tensor as a pickle describes it.

    Attributes:
        dtype: ``float32``, ``bfloat16``, ``int64`` and so on.
        shape: Its sizes.
        storage: Where its numbers are; two tensors of one storage and offset are one (tied weights).
        offset: Its first element in there.
    """

    dtype: str
    shape: tuple[int, ...]
    storage: str
    offset: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class _Name(NamedTuple):
    """A global that the pickle names; it is never looked up."""

    name: str


_BLANK = object()
_CONSTANTS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE",
              "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"}  # fmt: skip
_FIXED: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: _BLANK,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT, _GET = {"BINPUT", "LONG_BINPUT", "PUT"}, {"BINGET", "LONG_BINGET", "GET"}
_IGNORED = {"PROTO", "FRAME"}
_STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


def tensors(data: bytes) -> Mapping[str, Tensor] | None:
    """Return the tensors of a state dict by name, or None if this pickle is no plain state dict.

    Args:
        data: The pickle, ``data.pkl`` of the archive.
    """
    try:
        top = _Machine().run(data)
    except (ValueError, IndexError, KeyError, TypeError):  # truncated, or none of what a state dict is made of
        return None
    for found in (top, top.get(NESTED) if isinstance(top, dict) else None):
        if isinstance(found, dict) and found and all(map(_is_named_tensor, found.items())):
            return found
    return None


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    key, value = item
    return isinstance(key, str) and isinstance(value, Tensor)


@dataclass(slots=True)
class _Machine:
    """The stack and the memo of a pickle, holding inert values only."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, data: bytes) -> Any:
        for number, (opcode, argument, _place) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                break
            if number == MAX_STEPS:
                raise ValueError("too long for a state dict")
            if opcode.name not in _IGNORED:
                self._step(opcode.name, argument)
        return self.stack.pop()

    def _step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(argument)
        elif name in _FIXED:
            self.stack.append(_FIXED[name]())
        elif name in _PUT:
            self.memo[argument] = self.stack[-1]
        elif name in _GET:
            self.stack.append(self.memo[argument])
        elif name in _TUPLES:
            self.stack.append(tuple(self._take(len(self.stack) - _TUPLES[name])))
        else:
            _STEPS[name](self, argument)

    def _take(self, start: int) -> list[Any]:
        if start < 0:
            raise IndexError("the stack is too short")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def _marked(self) -> list[Any]:
        return self._take(self.marks.pop())

    def mark(self, _argument: Any) -> None:
        self.marks.append(len(self.stack))

    def memoize(self, _argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def name(self, argument: str) -> None:
        self.stack.append(_Name(argument))

    def name_on_stack(self, _argument: Any) -> None:
        module, name = self._take(len(self.stack) - 2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name is put together from something else than texts")
        self.stack.append(_Name(f"{module} {name}"))

    def tuple(self, _argument: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def call(self, _argument: Any) -> None:
        function, arguments = self._take(len(self.stack) - 2)
        self.stack.append(_called(function, arguments))

    def drop(self, _argument: Any) -> None:
        self.stack.pop()

    def drop_marked(self, _argument: Any) -> None:
        self._marked()

    def set_item(self, _argument: Any) -> None:
        self._set(self._take(len(self.stack) - 2))

    def set_items(self, _argument: Any) -> None:
        self._set(self._marked())

    def _set(self, items: list[Any]) -> None:
        if isinstance(target := self.stack[-1], dict):
            target.update(zip(map(_key, items[::2]), items[1::2], strict=True))


_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "MEMOIZE": _Machine.memoize,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_on_stack,
    "TUPLE": _Machine.tuple,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BINPERSID": lambda _machine, _argument: None,  # what names a storage stays as it is
    "BUILD": _Machine.drop,  # attributes of an object
    "APPEND": _Machine.drop,
    "APPENDS": _Machine.drop_marked,
    "ADDITEMS": _Machine.drop_marked,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
}


def _key(value: Any) -> Any:
    """Return a key that can be hashed: the hash of tuples nested deeply enough ends the process."""
    return value if isinstance(value, str | int) else _BLANK


def _called(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case _Name("collections OrderedDict"), ():
            return {}
        case _Name("torch._utils _rebuild_parameter"), (Tensor() as tensor, *_):
            return tensor
        case _Name("torch._utils _rebuild_tensor_v2"), (("storage", _Name(kind), key, *_), offset, shape, *_):
            return _tensor(_STORAGES.get(kind.removeprefix("torch ")), shape, key, offset)
        case _Name("torch._utils _rebuild_tensor_v3"), (
            ("storage", _, key, *_),
            offset,
            shape,
            _,
            _,
            _,
            _Name(kind),
            *_,
        ):
            return _tensor(kind.removeprefix("torch "), shape, key, offset)
    return _BLANK


def _tensor(dtype: str | None, shape: Any, storage: Any, offset: Any) -> Any:
    sizes = shape if isinstance(shape, tuple) else (-1,)
    if (
        dtype is None
        or not isinstance(storage, str)
        or any(type(one) is not int or one < 0 for one in (*sizes, offset))
    ):
        return _BLANK
    return Tensor(dtype, sizes, storage, offset)
