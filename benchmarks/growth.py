"""``make growth``: how cost grows with file size, file count and the length of history, as a table and a plot.

    python benchmarks/growth.py [--quick]

Writes benchmarks/results/growth.md and growth.svg beside it; docs/performance.md shows both.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import DVC, GIB, SYCEE, Bench, delete, forget, random_file, random_folder
from measure import Run

MIB = 2**20


@dataclass
class Series:
    """One line of the plot: seconds by size of the work, for each tool.

    Attributes:
        title: What is done.
        unit: What the work is counted in.
        points: (work, seconds of sycee, seconds of dvc).
    """

    title: str
    unit: str
    points: list[tuple[int, float, float]] = field(default_factory=list)


def by_size(bench: Bench, sizes: Sequence[int]) -> Series:
    """``add`` of one file."""
    series = Series("add one file", "MiB")
    ours, theirs = bench.pair()
    for size in sizes:
        source = random_file(bench.folder / "big", size)
        for root in (ours, theirs):
            os.link(source, root / "big")
        forget(ours, theirs, outs=["big"], away=delete, site=bench.folder / "site")
        series.points.append((size // MIB, *_both(bench, (ours, theirs), ["add", "big"])))
        for path in (source, ours / "big", theirs / "big"):
            path.unlink()
    return series


def by_count(bench: Bench, counts: Sequence[int]) -> Iterator[Series]:
    """``add`` of a folder, and ``status`` of it."""
    adding, looking = Series("add a folder", "files of 1 kB"), Series("status of a folder", "files of 1 kB")
    for count in counts:
        ours, theirs = pair = bench.pair()
        random_folder(ours / "data", count, 1_000)
        shutil.copytree(ours / "data", theirs / "data")
        adding.points.append((count, *_both(bench, pair, ["add", "data"])))
        looking.points.append((count, *_both(bench, pair, ["status"], warm_up=True)))
    yield adding
    yield looking


def by_history(bench: Bench, lengths: Sequence[int]) -> Series:
    """``push -A`` when every version of a file is on the remote."""
    series = Series("push -A, nothing to send", "commits")
    ours, theirs = pair = bench.pair()
    done = 0
    for length in lengths:
        for number in range(done, length):
            for tool, root in zip((SYCEE, DVC), pair, strict=True):
                (root / "model.pt").unlink(missing_ok=True)
                (root / "model.pt").write_text(f"version {number}")
                bench.sh(tool, "add", "model.pt", cwd=root)
                bench.sh("git", "add", "-A", cwd=root)
                bench.sh("git", "commit", "-qm", f"version {number}", cwd=root)
        done = length
        series.points.append((length, *_both(bench, (ours, theirs), ["push", "-A"], warm_up=True)))
    return series


def _both(bench: Bench, pair: tuple[Path, Path], words: Sequence[str], *, warm_up: bool = False) -> tuple[float, float]:
    def seconds(run: Callable[[], Run]) -> float:
        if warm_up:
            run()
        return run().wall

    ours, theirs = pair
    return (
        seconds(lambda: bench.sh(SYCEE, *words, cwd=ours)),
        seconds(lambda: bench.sh(DVC, *words, "-q" if words[0] == "add" else "-v", cwd=theirs)),
    )


def table(all_series: Sequence[Series]) -> str:
    """Return the figures as Markdown."""
    lines = ["| work | size | sycee | dvc | ratio |", "|---|---|---|---|---|"]
    for series in all_series:
        for work, ours, theirs in series.points:
            lines.append(
                f"| {series.title} | {work} {series.unit} | {ours:.2f} s | {theirs:.2f} s | {ours / theirs:.2f} |"
            )
    return "\n".join(lines)


def plot(all_series: Sequence[Series], path: Path) -> None:
    """Draw one panel for each series, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "sycee"
    figure, panels = plt.subplots(1, len(all_series), figsize=(3.4 * len(all_series), 3.2), layout="constrained")
    for panel, series in zip(panels, all_series, strict=True):
        works, ours, theirs = zip(*series.points, strict=True)
        panel.loglog(works, ours, "o-", color="#1b6ca8", label="sycee")
        panel.loglog(works, theirs, "s--", color="#b0562f", label="dvc")
        panel.set(title=series.title, xlabel=series.unit)
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("seconds")
    panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, and write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    quick = parser.parse_args().quick
    sizes = [MIB, 16 * MIB, 256 * MIB] + ([] if quick else [GIB, 4 * GIB])
    with tempfile.TemporaryDirectory(prefix="sycee-growth-") as folder:
        bench = Bench(Path(folder), 0, 1, 0)
        found = [
            by_size(bench, sizes),
            *by_count(bench, [100, 1_000] if quick else [100, 1_000, 10_000, 50_000]),
            by_history(bench, [5, 20] if quick else [10, 50, 200]),
        ]
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "growth.md").write_text(table(found) + "\n")
    plot(found, results / "growth.svg")
    sys.stdout.write((results / "growth.md").read_text())


if __name__ == "__main__":
    main()
