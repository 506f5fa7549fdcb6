"""What is to be verified, by whose word, and as what."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from sycee.trust.folder import ModelFolder
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import Places
from sycee.trust.policy.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to verify.

    Attributes:
        folder: The model folder: a path, or one that is open already.
        authority: Whose signatures count, and for what.
        now: The time to judge by, with its zone.
        expect: ``NAME@VERSION`` that it must be, or None.
        identity: The identity that it must have, 64 hex digits with or without ``sycee:``, or None.
        channel: The channel whose version it must be, or None.
        channel_places: Where its statement may lie, besides the model folder.
        memory: What was accepted here before; None to know of nothing and to remember nothing.
        postpone_weights: Leave the weights' bytes to the caller, who reads them through the same comparison later.
    """

    folder: Path | ModelFolder
    authority: Authority
    now: dt.datetime
    expect: str | None = None
    identity: str | None = None
    channel: str | None = None
    channel_places: Places | None = None
    memory: Memory | None = None
    postpone_weights: bool = False
