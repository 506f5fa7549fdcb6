"""The version of the data, as the card states it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A data path and what its pointer says.

    Attributes:
        path: Relative to the project root (or the bare name of what lies outside of it), with ``/``.
        md5: The address in its pointer or in ``dvc.lock``; None when it is not tracked.
        size: Bytes, if recorded.
        nfiles: Files of a folder, if recorded.
    """

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None

    def label(self) -> str:
        """Return ``path@md5:…``, or the bare path when it is not tracked."""
        return self.path if self.md5 is None else f"{self.path}@md5:{self.md5}"

    def entry(self) -> dict[str, Any]:
        """Return the entry of the card's ``data``."""
        recorded = {"md5": self.md5, "size": self.size, "nfiles": self.nfiles}
        dvc = {key: value for key, value in recorded.items() if value is not None}
        return {"path": self.path, "dvc": dvc} if self.md5 else {"path": self.path}


def data_version(versions: Iterable[DataVersion]) -> str:
    """Return the card's label: each path with its md5, joined by comma and space; ``unknown`` without any."""
    return ", ".join(version.label() for version in versions) or UNKNOWN
