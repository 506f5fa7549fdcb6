"""Which package makes a version come out differently: one after the other, in environments rebuilt with uv.

What is known of packages says where to begin; the trials decide. So a package that nobody thought of is found too.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sycee.core.explain import Change
from sycee.errors import CannotRun
from sycee.formats.replay import Report

MAX_TRIALS = 12  # packages, the most likely first

Trial = Callable[[dict[str, str]], Report]


class Found(NamedTuple):
    """What the trials say.

    Attributes:
        culprit: The package that alone makes the difference; None if none does.
        notes: What was tried and what came out, a sentence each.
    """

    culprit: Change | None
    notes: tuple[str, ...]


def bisect(differing: Report, trial: Trial) -> Found:
    """Look for the package whose version alone makes the difference.

    Args:
        differing: A replay with the packages that are here.
        trial: Replays with the packages of the lock, but for some in other versions (name to version).
    """
    changes = (*differing.can, *differing.cannot)
    suspects = [change for change in changes if change.area == "package" and change.frozen and change.here]
    if not suspects:
        return Found(None, ("no package that takes part is of another version than when it was frozen",))
    try:
        base = trial({})
    except CannotRun as error:
        return Found(None, (f"no package was tried: {error.message}",))
    if base.result != "reproduced":
        return Found(None, ("with the frozen packages it comes out differently too: they are not the cause",))
    return _first(suspects[:MAX_TRIALS], trial)


def _first(suspects: list[Change], trial: Trial) -> Found:
    notes = ["with the frozen packages it comes out the same"]
    for change in suspects:
        exchanged = f"{change.name} {change.here} in the place of {change.frozen}"
        try:
            report = trial({change.name: change.here})
        except CannotRun as error:
            notes.append(f"with {exchanged} nothing is known: {error.message}")
            continue
        if report.result != "reproduced":
            return Found(change, (*notes, f"with {exchanged} alone it comes out differently"))
        notes.append(f"with {exchanged} it comes out the same")
    return Found(None, (*notes, "no package alone is the cause"))


def told(report: Report, found: Found) -> Report:
    """Return the report with what was found; the culprit is the verdict, and the first of what can be the cause."""
    notes = (*report.notes, *found.notes)
    if found.culprit is None:
        return report._replace(notes=notes)
    one = found.culprit
    verdict = f"{subject(report)} differ: {one.name} {one.here} here, {one.frozen} when frozen, and that alone does it"
    return blaming(report._replace(notes=notes), [one], verdict)


def blaming(report: Report, changes: Sequence[Change], verdict: str) -> Report:
    """Return the report with another verdict, and these changes as the first of what can be the cause."""
    can = (*changes, *(one for one in report.can if one not in changes))
    return report._replace(verdict=verdict, can=can, cannot=tuple(one for one in report.cannot if one not in changes))


def subject(report: Report) -> str:
    """Return what came out differently first, in words."""
    names = {"preprocessed": "preprocessed inputs", "output": "outputs", "decision": "decisions"}
    return names[report.first.stage] if report.first else "results"
