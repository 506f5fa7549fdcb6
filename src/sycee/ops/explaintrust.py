"""``sycee trust explain``: why a version is accepted or refused here, rule by rule, and what would change it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sycee.core.progress import SILENT, Progress
from sycee.errors import VerificationError
from sycee.ops.trustplace import Asked, request_for
from sycee.trust.policy.judging import rule_json
from sycee.trust.verify import Verified, verify


class Explained(NamedTuple):
    """The verdict on a version, with every rule.

    Attributes:
        by: Whose word counts: the trust file, or the key.
        rules: Every rule that was asked, in order: name, outcome, and as far as known expected, found and advice.
            ``pending`` is one that was not reached, since something refused before.
        verified: What was verified; None if it was refused.
        refusal: The error that a verification raises; None if it was accepted.
    """

    by: str
    rules: Sequence[Mapping[str, Any]]
    verified: Verified | None
    refusal: VerificationError | None

    def as_json(self) -> dict[str, Any]:
        """Return this for ``--json``."""
        facts: dict[str, Any] = {"accepted": self.refusal is None, "by": self.by, "rules": list(self.rules)}
        if self.verified is not None:
            told = self.verified.as_json()
            return facts | {name: told[name] for name in ("name", "version", "identity", "signers", "warnings")}
        if self.refusal is not None:
            error = type(self.refusal).__name__
            facts |= {"error": error, "exit_code": self.refusal.exit_code, "message": self.refusal.message}
        return facts


def explain(folder: Path, asked: Asked, *, progress: Progress = SILENT) -> Explained:
    """Verify a model folder and keep every rule, whatever the verdict. Nothing is remembered of it.

    Args:
        folder: The model folder.
        asked: What it has to be, and by whose word.
        progress: Where to announce the bytes read.

    Raises:
        NotFound: If there is no such folder.
        SyceeError: See :func:`sycee.ops.trustplace.request_for`. A refusal is a result, and not raised.
    """
    request = request_for(folder, asked)
    memory = request.memory and replace(request.memory, remember=False)
    by = request.authority.described
    try:
        verified = verify(replace(request, memory=memory), progress=progress)
    except VerificationError as error:
        return Explained(by, error.details.get("rules", ()), None, error)
    return Explained(by, [rule_json(rule) for rule in verified.decision.rules], verified, None)
