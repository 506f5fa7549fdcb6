"""The names that a pickle would look up, without following it: evidence for a person, never a guarantee.

A pickle is a program that looks up names and calls what it finds. The walk over its instructions lists them. Known are
those that a state dict needs; whatever else is named could run code. A name that is put together on the way, or
comes from a registry of the process, is listed as ``?``. That nothing is found proves nothing: a loader may be led to
other bytes than the walk, so safety comes from ``weights_only=True`` and a signature.
"""

import pickletools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_STEPS = 5_000_000  # instructions
UNKNOWN = "?"

_KNOWN = re.compile(
    r"collections (OrderedDict|defaultdict|Counter)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state|sparse_tensor|qtensor)"
    r"|torch\._tensor _rebuild_from_type_v2"
    r"|torch\.storage (TypedStorage|UntypedStorage)"
    r"|torch (\w+Storage|Size|device|Tensor|bool|u?int\d+|float\d+|bfloat16|complex\d+|float8_\w+|strided|sparse_coo)"
    r"|torch\.nn\.parameter Parameter"
    r"|torch\.serialization _get_layout"
)
_STRINGS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_REGISTRY = {"EXT1", "EXT2", "EXT4"}


class Walk(NamedTuple):
    """What a walk over one or more pickles found.

    Attributes:
        names: Every name, ``module name``, sorted; ``?`` for one that cannot be told.
        fault: Why the walk ended before the end; empty if it did not.
    """

    names: tuple[str, ...]
    fault: str = ""

    @property
    def unusual(self) -> tuple[str, ...]:
        """The names that no state dict needs."""
        return tuple(name for name in self.names if not is_known(name))


def is_known(name: str) -> bool:
    """Tell whether a state dict may need this name."""
    return _KNOWN.fullmatch(name) is not None


def walk(data: bytes, pickles: int = 1) -> Walk:
    """List the names of so many pickles, one behind the other.

    Args:
        data: They, and whatever follows.
        pickles: How many; torch's old form begins with five.
    """
    found: set[str] = set()
    at = 0
    try:
        for _ in range(pickles):
            at += _one(data[at:], found)
    except (ValueError, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        return Walk(tuple(sorted(found)), f"it is no whole pickle: {error}")
    return Walk(tuple(sorted(found)))


def _one(data: bytes, found: set[str]) -> int:
    """Add the names of one pickle; return its length."""
    texts = _Texts()
    for number, (opcode, argument, place) in enumerate(pickletools.genops(data)):
        if number == MAX_STEPS:
            raise ValueError("it has too many instructions")
        found.update(_named(opcode.name, argument, texts))
        texts.step(opcode.name, argument)
        if opcode.name == "STOP":
            return (place or 0) + 1
    raise ValueError("it has no end")


def _named(opcode: str, argument: Any, texts: "_Texts") -> Iterator[str]:
    if opcode in {"GLOBAL", "INST"}:
        yield str(argument)
    elif opcode == "STACK_GLOBAL":
        yield texts.name()
    elif opcode in _REGISTRY:
        yield UNKNOWN


class _Texts:
    """The last two texts on the stack, and those in the memo."""

    def __init__(self) -> None:
        self._last: list[str | None] = [None, None]
        self._memo: dict[int, str | None] = {}

    def name(self) -> str:
        """Return the name that the two texts make."""
        module, name = self._last
        return UNKNOWN if module is None or name is None else f"{module} {name}"

    def step(self, opcode: str, argument: Any) -> None:
        """Follow one instruction."""
        if opcode in _STRINGS:
            self._push(str(argument))
        elif opcode in _GETS:
            self._push(self._memo.get(int(argument)))
        elif opcode in _PUTS:
            self._memo[int(argument)] = self._last[1]
        elif opcode == "MEMOIZE":
            self._memo[len(self._memo)] = self._last[1]
        elif opcode not in {"PROTO", "FRAME"}:
            self._last = [None, None]

    def _push(self, text: str | None) -> None:
        self._last = [self._last[1], text]
