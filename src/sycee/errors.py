"""Every error a user of sycee can meet: one tree, each class with its exit code.

    SyceeError              1   the command could not do what was asked
    ├─ UsageError           2   wrong arguments
    ├─ NotFound             1   a file, object, model, remote or repository that is not there
    │  ├─ NoRepository      1   no repository around the working folder
    │  ├─ MissingData       1   objects that pointers name, and that the store which was asked does not have
    │  └─ NotSet            1   an option that was asked for has no value
    ├─ CannotRun            1   frozen code does not run here: which is not that it gives other results
    │  └─ CannotRebuild     1   the frozen environment cannot be made here
    ├─ Conflict             1   going on would lose bytes that are stored nowhere else, or a lock is held
    ├─ FormatError          1   a file does not follow its specification; carries every fault at once
    │  └─ ConfigError       1   that file is a configuration
    ├─ VerificationError   10   what is here is not what was signed; a server that sees it must not load
    │  ├─ DigestMismatch   11   bytes differ from their digest, or the set of files differs from the signed one
    │  ├─ SignatureInvalid 12   no signature, a broken one, or one by another key
    │  ├─ PolicyDenied     13   a good signature that does not suffice here
    │  │  ├─ WrongVersion  13   another version than the one that was asked for
    │  │  ├─ Expired       13   a key, record, channel statement, revocation list or trust file is past its time
    │  │  ├─ Revoked       13   the version, a file of it or its signer was withdrawn
    │  │  └─ RolledBack    13   an older statement than one that was accepted here before
    │  ├─ ContextMismatch  14   card, pointer or context contradict what was signed
    │  └─ ReplayMismatch   15   golden samples come out differently
    ├─ RemoteError         20   a remote could not be reached, or refused, or misbehaved
    └─ InternalError       70   a bug in sycee

A message says what happened, with what was expected and what was found; the hint says what to do now.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple, Self


class SyceeError(Exception):
    """The root: something a caller may catch, print and exit with.

    Args:
        message: What happened, in one sentence without a final full stop.
        hint: What to do now, as an imperative; None when there is nothing to do.
        details: Facts for machines (JSON values), printed by ``--json``: usually ``path``, ``expected``, ``found``.
    """

    exit_code = 1
    usual_hint: str | None = None  # where no better one is known

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint: str | None = None
        self.details: Mapping[str, Any] = details
        if known := hint or self.usual_hint:
            self.advise(known)

    def advise(self, hint: str) -> None:
        """Say what to do now, for a handler and for the traceback of a script that has none."""
        self.hint = hint
        self.add_note(f"hint: {hint}")

    def about(self, subject: str) -> Self:
        """Return the same error with what it is about named first, once: ``models/a.pt: object … is damaged``."""
        twin = copy(self)
        twin.message = self.message if self.message.startswith(f"{subject}: ") else f"{subject}: {self.message}"
        twin.args = (twin.message,)
        return twin


class UsageError(SyceeError):
    """The arguments cannot mean anything."""

    exit_code = 2


class NotFound(SyceeError):
    """A named thing does not exist."""


class NoRepository(NotFound):
    """The working folder is in no repository."""


class MissingData(NotFound):
    """Objects that pointers name are not where they were looked for."""


class NotSet(NotFound):
    """An option has no value."""


class CannotRun(SyceeError):
    """Frozen code does not run here, so nothing is known about its results."""


class CannotRebuild(CannotRun):
    """The environment of a version cannot be made here: a package, or its Python, is not to be had."""


class Conflict(SyceeError):
    """Going on would lose data, or somebody else holds the lock."""


class Fault(NamedTuple):
    """One thing wrong in a file: where (``$.outs[0].md5``) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class FormatError(SyceeError):
    """A file breaks its specification.

    Args:
        message: Which file and, for a single fault, what is wrong.
        faults: Every fault found, in document order.
    """

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), hint: str | None = None, **details: Any) -> None:
        super().__init__(message, hint=hint, **details)
        self.faults = tuple(faults)


class ConfigError(FormatError):
    """A configuration file breaks its format."""


class VerificationError(SyceeError):
    """What is here is not what was signed."""

    exit_code = 10
    usual_hint = "do not load it; restore the signed version (git checkout, sycee checkout), or ask whoever signed it"


class DigestMismatch(VerificationError):
    """Bytes, or the set of files, differ from what their digests say."""

    exit_code = 11


class SignatureInvalid(VerificationError):
    """A signature is missing, malformed, or does not belong to the key."""

    exit_code = 12


class PolicyDenied(VerificationError):
    """The signature is good and yet not sufficient."""

    exit_code = 13


class WrongVersion(PolicyDenied):
    """It is signed well, and another version than the one that was asked for."""


class Expired(PolicyDenied):
    """What would vouch for the version is past its time."""


class Revoked(PolicyDenied):
    """The version, a file of it or its signer was withdrawn."""


class RolledBack(PolicyDenied):
    """It would lead back behind what was accepted here before."""


class ContextMismatch(VerificationError):
    """Card, pointer or context contradict the signed version."""

    exit_code = 14


class ReplayMismatch(VerificationError):
    """Golden samples do not come out as recorded."""

    exit_code = 15


class RemoteError(SyceeError):
    """A remote store could not be reached or did not do its work."""

    exit_code = 20


class InternalError(SyceeError):
    """A bug: the one error whose hint asks for a report."""

    exit_code = 70
