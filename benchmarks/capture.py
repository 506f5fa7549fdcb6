"""Rows: recording all that made a small model, beside what others record."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import Bench, Row, beside
from measure import Run, median

# The call alone is timed: who trains has imported his framework already.
_SCRIPT = """
import time
import numpy as np
from sklearn.linear_model import LogisticRegression
{imports}
samples = np.random.default_rng(0).normal(size=(200, 128))
model = LogisticRegression(max_iter=50).fit(samples, np.arange(200) % 10)
begun = time.perf_counter()
{call}
open("seconds", "w").write(str(time.perf_counter() - begun))
"""
_SYCEE = _SCRIPT.format(
    imports="from sycee.integrations.sklearn import freeze_estimator",
    call="freeze_estimator(model, 'models/lr', task='bench', metrics={'accuracy': 0.9}, data_version='v1')",
)
_MLFLOW = _SCRIPT.format(imports="import mlflow.sklearn", call="mlflow.sklearn.save_model(model, 'saved')")


def capture(bench: Bench) -> Iterator[Row]:
    """Freeze a logistic regression of 10 kB: card, locks, fingerprint, code, and tracking included."""
    root = bench.repository("captured")
    bench.sh("git", "commit", "-q", "--allow-empty", "-m", "begin", cwd=root)

    def sycee() -> Run:
        return _timed(bench, root, _SYCEE)

    def again() -> None:
        for name in ("models", "saved"):
            shutil.rmtree(root / name, ignore_errors=True)

    first = sycee().wall
    yield Row("the first freeze in an environment, which asks the package indexes for digests", f"{first:.2f} s")
    mlflow = bench.compare(sycee, lambda: _timed(bench, root, _MLFLOW), again)
    yield beside("freeze an estimator of 10 kB", mlflow, 0.1, "`mlflow.sklearn.save_model`")
    alone = median(mlflow.ours)
    yield Row("the same by itself", f"{alone:.2f} s", bar="< 0.5 s", met=alone < 0.5)
    listed = bench.compare(sycee, lambda: bench.sh(sys.executable, "-m", "pip", "freeze", cwd=root), again)
    yield beside("the same", listed, None, "`pip freeze`")


def _timed(bench: Bench, root: Path, script: str) -> Run:
    run = bench.sh(sys.executable, "-c", script, cwd=root)
    return replace(run, wall=float((root / "seconds").read_text()))
