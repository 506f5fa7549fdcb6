"""What a freeze asks for, and what it gives back."""

import datetime as dt
import html
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sycee.capture.facts import NO_FACTS, Facts
from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.formats.card import Card

Kept = Literal["pointer", "pipeline", "folder", "no"]


def utc_now() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """How the model is used, and what it is shown to prove it: what replay needs.

    Attributes:
        load: Given the model's folder, returns what is given to ``predict`` before the input; may be missing.
        preprocess: Makes the input of a sample; may be missing.
        predict: Makes the output of an input.
        postprocess: Makes the decision of an output; may be missing.
        samples: Raw inputs: bytes, text, paths of files, arrays, plain values.
        aux: Files that the functions read, beside those that are seen.
        decision: How to decide by outputs where there is no ``postprocess``.
        private_samples: Whether only digests of the samples are kept.
    """

    load: Callable[[Path], Any] | None = None
    preprocess: Callable[..., Any] | None = None
    predict: Callable[..., Any] | None = None
    postprocess: Callable[..., Any] | None = None
    samples: Sequence[object] = ()
    aux: Sequence[Path] = ()
    decision: object = None
    private_samples: bool = False

    @property
    def fault(self) -> str | None:
        """What is wrong with the samples, if they are none."""
        if isinstance(self.samples, list | tuple):
            return None
        return f"samples is a {type(self.samples).__name__} and no list of inputs: samples=[…]"

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """What was given, by its role, in the order in which it runs."""
        roles = ("load", "preprocess", "predict", "postprocess")
        return {role: function for role in roles if (function := getattr(self, role)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All that a freeze is told.

    Attributes:
        path: The model's folder; it is made if it is not there.
        task: What the model does.
        metrics: Name to number, nested or not.
        training_config: A mapping, ``argparse.Namespace``, dataclass, pydantic model or OmegaConf node.
        data: The data paths, whose pointers give the version of the data.
        opened: Files that the training was seen to read, and folders of such; what of them is tracked is data too.
        data_version: A label; made of the pointers when None.
        weights: Weights files or folders; those outside of the model's folder are copied in. None: looked for.
        saved: A folder of the caller's own whose files become the model's in place of ``weights``; it is used up.
        known: What the trainer knows of the model, beside what its files say.
        seeds: Generator to seed; None: those that were seen since ``import sycee``.
        inference: The functions that use the model, and samples for them.
        fields: Further fields of the card, ``name``, ``license`` and ``x_*`` among them.
        environ: The process environment.
        now: The clock, in UTC.
        progress: Told the bytes of the weights.
    """

    path: Path
    task: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_config: object = field(default_factory=dict)
    data: Sequence[Path] = ()
    opened: Sequence[str] = ()
    data_version: str | None = None
    weights: Sequence[Path] | None = None
    saved: Path | None = None
    known: Facts = NO_FACTS
    seeds: Mapping[str, object] | None = None
    inference: Inference = Inference()
    fields: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    now: dt.datetime = field(default_factory=utc_now)
    progress: Progress = SILENT


@dataclass(frozen=True, slots=True)
class FrozenFile:
    """A weights file of a frozen model.

    Attributes:
        path: Relative to the model's folder, with ``/``.
        digests: Size, md5, sha256 and blake3.
        kept: Who keeps its version: a ``pointer`` of its own, a ``pipeline`` of DVC, the ``folder`` it is a part of,
            or ``no`` one.
    """

    path: str
    digests: FileDigests
    kept: Kept


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen model; it shows itself in a terminal and in a notebook.

    Attributes:
        path: The model's folder, absolute.
        card: Its card, as written.
        files: Its weights.
        changed: Every file that Git has to know of: card, context, pointers, ignore files.
        set_aside: Files that no longer held (signatures, replaced weights) and where they are now.
        left_out: Checkpoints, logs, and weights of the version before in the folder that are no part of the model.
        hints: What to do next, each an imperative.
    """

    path: Path
    card: Card
    files: tuple[FrozenFile, ...]
    changed: tuple[Path, ...] = ()
    set_aside: tuple[tuple[Path, Path], ...] = ()
    left_out: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The model's name."""
        return self.card.name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the card warns of."""
        return self.card.warnings

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what is worth showing, as (label, text)."""
        yield "model", f"{self.name or self.path.name} ({os.path.relpath(self.path)})"
        yield "task", self.card.task
        if metrics := ", ".join(f"{name} {value:.6g}" for name, value in flat(self.card.metrics)):
            yield "metrics", metrics
        yield "data", self.card.data_version
        yield "frameworks", self.card.framework_version
        for file in self.files:
            kept = "" if file.kept == "pointer" else f", {_KEPT[file.kept]}"
            yield "weights", f"{file.path}  {file.digests.size:,} bytes  sha256 {file.digests.sha256[:12]}…{kept}"
        yield from (("left out", name) for name in self.left_out)
        yield from (("set aside", f"{old.name} → {os.path.relpath(new)}") for old, new in self.set_aside)
        yield from (("warning", warning) for warning in self.warnings)
        yield from (("next", hint) for hint in self.hints)

    def __repr__(self) -> str:
        return "\n".join(f"{label:>10}  {text}" for label, text in self.rows())

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:right'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for label, text in self.rows()
        )
        return f"<table>{cells}</table>"


_KEPT = {"pipeline": "kept by the pipeline", "folder": "part of a tracked folder", "no": "not tracked"}


def flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of nested metrics under its dotted name."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
