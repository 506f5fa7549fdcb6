"""Rows: commands with nothing to do, and many small files."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import DVC, SYCEE, Bench, Row, beside, forget, memory, random_folder
from measure import median

POINTERS = 500
STATUS_FILES = 100_000
SMALL_FILES = 20_000
SMALL_SIZE = 10_000


def start(bench: Bench) -> Iterator[Row]:
    """What every command costs before it does anything."""
    root = bench.repository("start")
    (root / "model.pt").write_bytes(os.urandom(10_000))
    bench.sh(SYCEE, "add", "model.pt", cwd=root)
    bench.sh(DVC, "status", cwd=root)
    helped = bench.compare(lambda: bench.sh(SYCEE, "--help", cwd=root), lambda: bench.sh(DVC, "status", cwd=root))
    yield beside("`--help`", helped, 0.3, "`dvc status`")
    yield _status(bench, root, "1 model", 0.25)
    bare = bench.compare(
        lambda: bench.sh(SYCEE, "status", cwd=root), lambda: bench.sh("python", "-c", "pass", cwd=root)
    )
    more = median(bare.ours) - median(bare.peer)
    python = f"{median(bare.peer):.2f} s"
    yield Row("`status`, 1 model, above `python -c pass`", f"+ {more:.2f} s", python, "", "≤ + 0.10 s", more <= 0.1)


def status(bench: Bench) -> Iterator[Row]:
    """``status`` of what has not changed."""
    root = bench.repository("pointers")
    (root / "models").mkdir()
    for index in range(POINTERS):
        (root / "models" / f"m{index}.pt").write_bytes(os.urandom(1_000))
    bench.sh(SYCEE, "add", *sorted(str(path) for path in (root / "models").iterdir()), cwd=root)
    yield _status(bench, root, f"{POINTERS} pointers", 0.35)
    shutil.rmtree(root)
    root = bench.repository("folder")
    random_folder(root / "data", STATUS_FILES, 100)
    bench.sh(SYCEE, "add", "data", cwd=root)
    yield _status(bench, root, f"a folder of {STATUS_FILES} files", 0.35)
    shutil.rmtree(root)


def _status(bench: Bench, root: Path, what: str, bar: float) -> Row:
    result = bench.compare(lambda: bench.sh(SYCEE, "status", cwd=root), lambda: bench.sh(DVC, "status", cwd=root))
    return beside(f"`status`, {what}", result, bar)


def small(bench: Bench) -> Iterator[Row]:
    """``add`` of a folder of many small files."""
    ours, theirs = bench.pair()
    random_folder(ours / "data", SMALL_FILES, SMALL_SIZE)
    shutil.copytree(ours / "data", theirs / "data")
    result = bench.compare(
        lambda: bench.sh(SYCEE, "add", "data", cwd=ours),
        lambda: bench.sh(DVC, "add", "-q", "data", cwd=theirs),
        lambda: forget(ours, theirs, outs=["data"], away=bench.put_away, site=bench.folder / "site"),
    )
    yield beside(f"`add` a folder of {SMALL_FILES} x 10 kB", result, 0.4)
    yield memory(f"`add`, {SMALL_FILES} x 10 kB", result.peak)
