"""What ``sycee.load`` gives: a verified model that can also replay its golden samples.

Loading lies below replaying, so the method is added here, where both are at hand.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sycee.capture import machine
from sycee.core import explain
from sycee.errors import UsageError
from sycee.formats import fingerprint
from sycee.formats.golden import Golden, Stage
from sycee.ops.held import Held
from sycee.ops.replay import (
    Outcome,
    Replayed,
    ReplayRequest,
    changed_files,
    changed_packages,
    items_of,
    judged,
    read_frozen,
    replay_copy,
)
from sycee.replay import record, results, worker
from sycee.replay.runner import TIMEOUT
from sycee.trust.verified import VerifiedModel

_GIVES: Mapping[str, Stage] = {"preprocess": "preprocessed", "predict": "output", "postprocess": "decision"}


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
            copy = Held(folder, self.name, self.version, f"sycee:{self.identity}", self.signer.fingerprint, self.card)
            if functions:
                return _in_process(copy, functions, inputs, frozenset(waive))
            request = ReplayRequest(
                folder=folder,
                key=None,
                inputs=inputs,
                waived=frozenset(waive),
                timeout=timeout,
                environ=self._environ,
            )
            return replay_copy(copy, request)


def _in_process(
    copy: Held, functions: Mapping[str, Callable[..., Any]], inputs: Path | None, waived: frozenset[Stage]
) -> Replayed:
    if "predict" not in functions or functions.keys() - {"load", *_GIVES}:
        raise UsageError(
            f"these are not the functions of a model: {', '.join(functions)}",
            hint="give predict=…, and beside it load=…, preprocess=…, postprocess=… as the service uses them",
        )
    frozen = read_frozen(copy)
    stages = {stage for role, stage in _GIVES.items() if role in functions}
    items = items_of(frozen.golden, copy.folder, inputs)
    outcomes = record.observe(functions, items, copy.folder, frozen.golden.call.seeds)
    here = fingerprint.read(machine.collect(), "the fingerprint of this process")
    loaded = worker.loaded()
    changes = [*explain.differences(frozen.on, here), *changed_files(copy.folder, frozen.golden)]
    changes += changed_packages(copy.folder, worker.packages(), loaded)
    outcome = Outcome("in process", "open", results.of_outcomes(outcomes), here, changes, loaded)
    return judged(copy, frozen._replace(golden=_only(frozen.golden, stages)), outcome, waived)


def _only(recorded: Golden, stages: Collection[Stage]) -> Golden:
    samples = tuple(
        one._replace(stages={stage: leaves for stage, leaves in one.stages.items() if stage in stages})
        for one in recorded.samples
    )
    return recorded._replace(samples=samples)
