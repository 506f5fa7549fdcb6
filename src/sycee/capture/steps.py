"""Runs the steps of a capture, each of which may fail and leave a warning, and nothing worse."""

from collections.abc import Callable
from typing import TypeVar

from sycee.capture.machine import clean
from sycee.errors import SyceeError

Value = TypeVar("Value")


class Steps:
    """Collects what the steps of one capture had to say.

    Attributes:
        warnings: For the card, in the order in which they came up.
        complete: False once a step failed; the card then has ``status: partial``.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.complete = True

    def warn(self, message: str) -> None:
        """Note something that weakens the record though nothing failed."""
        if message not in self.warnings:
            self.warnings.append(message)

    def run(self, what: str, step: Callable[[], Value], otherwise: Value) -> Value:
        """Return what ``step`` returns, or ``otherwise`` and a warning when it raises.

        Args:
            what: What the step captures, for the warning.
            step: The step.
            otherwise: The value that stands for "not known".
        """
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - whatever a foreign package throws, the training is not lost
            self.complete = False
            self.warn(f"{what} could not be captured: {_words(error)}")
            return otherwise


def _words(error: Exception) -> str:
    if isinstance(error, SyceeError):
        return error.message
    if isinstance(error, OSError):  # without the path, which may name a home folder
        return error.strerror or type(error).__name__
    try:
        words = clean(str(error))
    except Exception:  # noqa: BLE001 - a foreign error may fail even to say what it is
        words = ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
