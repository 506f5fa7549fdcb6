"""Gates: conditions on a card's signed facts, ``metrics.val_f1 >= 0.89``, as a trust file writes them."""

from typing import Literal, NamedTuple

Comparison = Literal[">=", "<=", ">", "<", "==", "!="]
COMPARISONS: tuple[Comparison, ...] = (
    ">=",
    "<=",
    "==",
    "!=",
    ">",
    "<",
)  # the longer ones first: a parser tries them so


class Gate(NamedTuple):
    """One condition.

    Attributes:
        path: Members from the card's top, joined by dots: ``metrics.val_f1``.
        comparison: How to compare.
        value: With what. Numbers compare as numbers; texts and flags know only ``==`` and ``!=``.
    """

    path: str
    comparison: Comparison
    value: float | str | bool

    def __str__(self) -> str:
        return f"{self.path} {self.comparison} {self.value}"
