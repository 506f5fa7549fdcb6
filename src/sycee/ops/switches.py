"""Cheap trials of ``replay --bisect``: the same packages with other threads, kernels and instructions.

Such a trial takes a run of the samples, an environment of other packages takes minutes. Where the difference goes away,
it is how this machine computes that makes it, and the fingerprints say what is known of that.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sycee.core import telling
from sycee.core.explain import Change
from sycee.errors import CannotRun
from sycee.formats.fingerprint import Fingerprint
from sycee.formats.replay import Report
from sycee.ops.bisect import blaming, subject
from sycee.replay import calibrate
from sycee.replay.runner import How

SHOWN = 3  # facts of the fingerprints that the verdict names

_KERNEL = r"blas [a-z0-9_]+\.openblas\.kernel"
_CAPABILITY = r"cpu torch\.capability"
_CORE = re.compile(r"[A-Za-z0-9_]{1,32}")
_ATEN = {"DEFAULT": "default", "AVX2": "avx2", "AVX512": "avx512"}
_ONEDNN = {"DEFAULT": "SSE41", "AVX2": "AVX2"}
_DETERMINISTIC = {
    "torch.are_deterministic_algorithms_enabled": "True",
    "torch.is_deterministic_algorithms_warn_only_enabled": "True",
    "torch.backends.cudnn.benchmark": "False",
    "torch.backends.cudnn.deterministic": "True",
}


class Switch(NamedTuple):
    """One other way to compute.

    Attributes:
        words: ``with one thread``.
        facts: Which facts of the fingerprint are about it: a pattern of area and name.
        threads: Threads of the numeric libraries; None for those of the record.
        flags: Flags of torch.
        variables: Environment variables.
    """

    words: str
    facts: str
    threads: int | None = None
    flags: Mapping[str, str] = {}
    variables: Mapping[str, str] = {}

    def applied(self, how: How) -> How:
        """Return settings of a run with this in the place of what they say of it."""
        return how._replace(
            threads=self.threads or how.threads,
            flags={**how.flags, **self.flags},
            switches={**how.switches, **self.variables},
        )


class Found(NamedTuple):
    """What the trials say.

    Attributes:
        switch: With which the results are as they must be; None if there is none.
        notes: What was tried and what came out, a sentence each.
    """

    switch: Switch | None
    notes: tuple[str, ...]


def cheap(differing: Report, frozen: Fingerprint, threads: int | None) -> Iterator[Switch]:
    """Yield what to try, the most telling first.

    Args:
        differing: A replay with the threads and flags of the record.
        frozen: The fingerprint of the record.
        threads: How many it had, if that is known.
    """
    if then := _as_recorded((*differing.can, *differing.cannot)):
        yield Switch(f"with {_assigned(then)}", f"{_KERNEL}|{_CAPABILITY}", variables=then)
    if threads != 1:
        yield Switch("with one thread", r"threads .*|env .*_NUM_THREADS", threads=1)
    if older := calibrate.older_instructions():
        yield Switch("with older instructions of the processor", r"cpu .*|blas .*", variables=older)
    flags = frozen.facts["flag"]
    if any(name.startswith("torch.") for name in flags) and not _is_deterministic(flags):
        workspace = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        yield Switch("with deterministic algorithms", r"flag torch\..*", flags=_DETERMINISTIC, variables=workspace)


def _as_recorded(changes: Iterable[Change]) -> dict[str, str]:
    """Return the variables that bring back the kernels and instructions of the record, as far as there are any."""
    variables: dict[str, str] = {}
    for change in changes:
        fact = f"{change.area} {change.name}"
        if re.fullmatch(_KERNEL, fact) and _CORE.fullmatch(change.frozen):
            variables.setdefault("OPENBLAS_CORETYPE", change.frozen)
        if re.fullmatch(_CAPABILITY, fact):
            named = {"ATEN_CPU_CAPABILITY": _ATEN, "ONEDNN_MAX_CPU_ISA": _ONEDNN}
            variables |= {name: known[change.frozen] for name, known in named.items() if change.frozen in known}
    return variables


def _assigned(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items())


def _is_deterministic(flags: Mapping[str, str]) -> bool:
    return flags.get("torch.are_deterministic_algorithms_enabled") == "True"


def search(differing: Report, switches: Iterable[Switch], trial: Callable[[Switch], Report]) -> Found:
    """Look for the first switch with which the results are as equal as they had to be without it.

    Args:
        differing: A replay without any.
        switches: What to try.
        trial: Replays with one of them. That the machine looks like another one then lowers no demand.
    """
    notes: list[str] = []
    for switch in switches:
        try:
            report = trial(switch)
        except CannotRun as error:
            notes.append(f"{switch.words} nothing is known: {error.message}")
            continue
        if report._replace(demanded=differing.demanded).first is None:
            return Found(switch, (*notes, f"{switch.words} it comes out as recorded"))
        notes.append(f"{switch.words} it comes out differently too")
    return Found(None, tuple(notes))


def told(report: Report, found: Found) -> Report:
    """Return the report with what was found; the switch is in the verdict, its facts are the first of the causes."""
    report = report._replace(notes=(*report.notes, *found.notes))
    if found.switch is None:
        return report
    facts = [one for one in (*report.can, *report.cannot) if re.fullmatch(found.switch.facts, f"{one.area} {one.name}")]
    verdict = f"{subject(report)} differ, and {found.switch.words} they come out as recorded: {_said(facts)}"
    return blaming(report, facts, verdict)


def _said(facts: Sequence[Change]) -> str:
    """Return what the fingerprints say of a switch."""
    if not facts:
        return "it is how this machine computes, in something that the fingerprints do not tell"
    more = [f"{len(facts) - SHOWN} more"] if len(facts) > SHOWN else []
    return "; ".join([*map(telling.told, facts[:SHOWN]), *more])
