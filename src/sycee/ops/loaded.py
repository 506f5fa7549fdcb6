"""What ``sycee.load`` gives: a verified model that can also replay its golden samples.

Loading lies below replaying, so the method is added here, where both are at hand.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from sycee.capture import machine
from sycee.core.decision import guess_rule
from sycee.core.explain import Change
from sycee.digest import sha256_hex
from sycee.errors import UsageError
from sycee.formats import fingerprint
from sycee.formats.golden import Golden, Stage
from sycee.ops.auxfiles import SOURCE
from sycee.ops.held import Held, digests_of, fingerprints
from sycee.ops.replay import (
    ROLES,
    Outcome,
    Replayed,
    ReplayRequest,
    changes_here,
    items_of,
    judged,
    read_frozen,
    replay_copy,
)
from sycee.replay import record, results, worker
from sycee.replay.runner import TIMEOUT
from sycee.trust.loading.verified import VerifiedModel


class LoadedModel(VerifiedModel):
    """A verified model, with :meth:`replay`."""

    def replay(
        self,
        *,
        inputs: Path | None = None,
        waive: Collection[Stage] = (),
        timeout: float = TIMEOUT,
        **functions: Callable[..., Any],
    ) -> Replayed:
        """Run the golden samples of this version, and compare with what they gave when it was frozen.

        Args:
            inputs: A folder with the samples, if the version keeps only their digests.
            waive: Stages whose differences are accepted.
            timeout: Seconds for all samples, where a process of its own runs them.
            **functions: ``predict``, and with it ``load``, ``preprocess``, ``postprocess``: what a service really
                uses, run in this process. What is not given counts as a part of what is: a ``predict`` alone gets
                the raw sample. Without any, the frozen source runs in a process of its own.

        Returns:
            The result; ``.reproduced`` says whether everything is as equal as it must be here.

        Raises:
            NotFound: If the version has no golden samples, or the private ones are not brought.
            CannotRun: If the code does not run.
            UsageError: If functions are given without ``predict``, or under another name.
        """
        with self.path() as folder:
            copy = Held(
                folder,
                self.name,
                self.version,
                f"sycee:{self.identity}",
                fingerprints(self.signers),
                self.card,
                digests_of(self.files),
            )
            if functions:
                return _in_process(copy, functions, inputs, frozenset(waive))
            request = ReplayRequest(
                folder=folder,
                asked=None,
                inputs=inputs,
                waived=frozenset(waive),
                timeout=timeout,
                environ=self._environ,
            )
            return replay_copy(copy, request)


_OTHER_SEEDS = {"python": 1, "numpy": 1, "torch": 1}
_RANDOM = "a second run gives something else again, as with dropout left on, or something kept from run to run"


def _in_process(
    copy: Held, functions: Mapping[str, Callable[..., Any]], inputs: Path | None, waived: frozenset[Stage]
) -> Replayed:
    if "predict" not in functions or functions.keys() - {"load", *ROLES.values()}:
        raise UsageError(
            f"these are not the functions of a model: {', '.join(functions)}",
            hint="give predict=…, and beside it load=…, preprocess=…, postprocess=… as the service uses them",
        )
    frozen = read_frozen(copy)
    stages = {stage for stage, role in ROLES.items() if role in functions}
    items = items_of(frozen.golden, copy.folder, inputs)
    outcomes = record.observe(functions, items, copy.folder, frozen.golden.call.seeds)
    here = fingerprint.read(machine.collect(), "the fingerprint of this process")
    loaded = worker.loaded()
    changes = changes_here(copy, frozen, here, worker.packages(), loaded)
    found = results.of_outcomes(outcomes)
    own = tuple(_changed_functions(functions, frozen.golden, copy.folder / SOURCE))
    outcome = Outcome("in process", "open", found, here, changes, loaded, functions=own)
    asked = only(frozen.golden, stages, copy.card.task if copy.card else "")
    done = judged(copy, frozen._replace(golden=asked), outcome, waived)
    if done.reproduced or frozen.golden.stochastic:
        return done
    again = results.of_outcomes(record.observe(functions, items, copy.folder, _OTHER_SEEDS))
    if again.stages == found.stages:
        return done
    return done._replace(report=done.report._replace(verdict=f"{done.report.verdict}; {_RANDOM}"))


def _changed_functions(functions: Mapping[str, Callable[..., Any]], recorded: Golden, source: Path) -> Iterator[Change]:
    """Yield the functions that are not the frozen ones."""
    for role, function in functions.items():
        whole = inspect.unwrap(function)
        whole = whole if hasattr(whole, "__qualname__") else type(whole)
        entry, inner = recorded.entry.get(role, ""), whole.__qualname__.rpartition("<locals>.")[2]
        if whole.__qualname__ != entry.rpartition(":")[2] or not _is_frozen(whole, recorded.made_with.source, source):
            name = f"{whole.__module__ or ''}:{inner}"
            yield Change("source", role, entry, name if name != entry else f"{name} of another file")


def _is_frozen(function: Callable[..., Any], files: Mapping[str, str], source: Path) -> bool:
    """Tell whether a function is from one of the frozen files; one without a file, whether its own code is."""
    try:
        return sha256_hex(Path(inspect.getfile(function)).read_bytes()) in files.values()
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return any(code in _codes(source / name) for name in files if name.endswith(".py"))


def _codes(file: Path) -> Iterator[object]:
    """Yield the code of everything at the top of a file."""
    try:
        whole = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return
    yield from (one for one in whole.co_consts if isinstance(one, CodeType))


def only(recorded: Golden, stages: Collection[Stage], task: str) -> Golden:
    """Return a record of some of its stages; where the leaf that decided is not among them, the output decides.

    Args:
        recorded: The whole record.
        stages: Those to keep; ``output`` is one of them.
        task: The card's task, for the rule by which the output decides.
    """
    samples = tuple(
        one._replace(stages={stage: leaves for stage, leaves in one.stages.items() if stage in stages})
        for one in recorded.samples
    )
    output, path = samples[0].stages["output"], recorded.rule.path
    if "decision" in stages or not path or any(leaf.path == path for leaf in output):
        return recorded._replace(samples=samples)
    return recorded._replace(samples=samples, rule=guess_rule(task, output))
