"""What is transferred, between what, and what came of it: the values of ``store.transfer``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sycee.core.parts import WHOLE, Parts
from sycee.errors import SyceeError
from sycee.store.expected import Expected
from sycee.store.layout import object_key

if TYPE_CHECKING:
    from sycee.formats.manifest import Manifest
    from sycee.storage.port import Backend


FEW = 256  # so many objects or fewer are asked for singly


class Wanted(NamedTuple):
    """An object that the workspace refers to.

    Attributes:
        label: The path it stands for, for messages.
        expected: What the object must be.
        legacy: Whether its pointer is of the time before DVC 3.0.
        sums: For a directory object, the id of its folder sums, where the pointer names them.
        parts: For a directory object, which of the files that it names are wanted.
    """

    label: str
    expected: Expected
    legacy: bool = False
    sums: str | None = None
    parts: Parts = WHOLE

    @property
    def oid(self) -> str:
        """Its object id."""
        return self.expected.oid

    @property
    def key(self) -> str:
        """Its key on every remote."""
        return object_key(self.oid, legacy=self.legacy)


class Remote(NamedTuple):
    """A named second store.

    Attributes:
        name: As in the configuration.
        backend: The code that talks to it.
        jobs: How many objects move at once.
    """

    name: str
    backend: "Backend"
    jobs: int = 8


@dataclass(slots=True)
class Outcome:
    """What a transfer did.

    Attributes:
        moved: Labels of the objects that were transferred.
        failures: One error for each object that was not, in the order of the request.
        withheld: Labels of the directory objects that were not sent, since files that they name were not asked for
            and are not on the remote.
        looked_for: How many objects a remote was asked for before anything was sent.
        asked: How many requests that took, as numbers to add up.
        versions: The manifests of signed versions that were left on remotes, each with the remote's name.
        notes: What did not fail, and a person should be told.
    """

    moved: list[str] = field(default_factory=list)
    failures: list[SyceeError] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    looked_for: int = 0
    asked: list[int] = field(default_factory=list)
    versions: list[tuple[str, "Manifest"]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def looked_for_many(self) -> bool:
        """Whether so many objects were looked for that a person should know what that took."""
        return self.looked_for > FEW

    @property
    def requests(self) -> int:
        """How many requests it took to look for objects."""
        return sum(self.asked)

    @contextmanager
    def noting(self, label: str) -> Iterator[None]:
        """Keep an error that ends the block, as one about this label, so that the rest can go on."""
        try:
            yield
        except SyceeError as error:
            self.failures.append(error.about(label))

    def extend(self, other: "Outcome") -> None:
        """Add what another transfer did."""
        self.moved += other.moved
        self.failures += other.failures
        self.withheld += other.withheld
        self.looked_for += other.looked_for
        self.asked += other.asked
        self.versions += other.versions
        self.notes += other.notes

    def require_success(self, act: str) -> None:
        """Raise the gravest failure, naming them all.

        Args:
            act: What was tried: ``fetch``, ``push``.
        """
        if not self.failures:
            return
        gravest = max(self.failures, key=lambda error: error.exit_code)
        if len(self.failures) == 1:
            raise gravest
        listed = "".join(f"\n  {error.message}" for error in self.failures[:20])
        more = f"\n  … and {len(self.failures) - 20} more" if len(self.failures) > 20 else ""
        raise type(gravest)(
            f"{len(self.failures)} objects could not be {act}ed:{listed}{more}",
            hint=gravest.hint,
            failures=[error.message for error in self.failures],
        )
