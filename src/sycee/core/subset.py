"""A part of all objects that is the same at every run: with ``1/7`` to ``7/7`` a week of nights covers everything."""

import re
from dataclasses import dataclass

from sycee.errors import UsageError

_FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
_DIGITS = 12  # of a digest; enough that parts are of equal size


@dataclass(frozen=True, slots=True)
class Subset:
    """Part ``number`` of ``count`` parts.

    Attributes:
        number: From 1.
        count: How many parts there are.
    """

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, oid: str) -> bool:
        """Tell whether an object is in this part; each object is in exactly one.

        Args:
            oid: Its id, which begins with hexadecimal digits.
        """
        return int(oid[:_DIGITS], 16) % self.count == self.number - 1


WHOLE = Subset()


def parse(text: str) -> Subset:
    """Return the part that a text such as ``2/7`` names.

    Raises:
        UsageError: If it names none.
    """
    found = _FORM.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"{text!r} is no part", hint="write the first of seven parts as 1/7, the last as 7/7")
    return Subset(int(found[1]), int(found[2]))
