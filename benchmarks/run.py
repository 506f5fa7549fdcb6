"""``make bench``: the bars of this project, measured beside DVC and git-lfs on the same files in one run.

    python benchmarks/run.py [--size GIB] [--runs N] [ROW…]

Prints a table and writes it to benchmarks/results/latest.md. At full size it needs 60 GiB of disk and most of an hour.
"""

import argparse
import compileall
import os
import platform
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import buckets
import capture
import files
import many
import trust
from bench import GIB, Bench, Row

ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": many.start,
    "status": many.status,
    "add": files.add,
    "shards": files.shards,
    "small": many.small,
    "push": files.push,
    "pull": files.pull,
    "s3-big": buckets.s3_big,
    "s3-small": buckets.s3_small,
    "s3-noop": buckets.s3_noop,
    "freeze": files.freeze,
    "capture": capture.capture,
    "sign": files.sign,
    "countersign": trust.countersign,
    "verify": trust.verify,
    "verify-start": trust.verify_start,
    "load": trust.load,
}


def main() -> None:
    """Measure the rows asked for, print and keep the table."""
    wanted = _arguments()
    _compile_bytecode()
    with tempfile.TemporaryDirectory(prefix="sycee-bench-", dir=wanted.dir) as folder:
        bench = Bench(Path(folder), int(wanted.size * GIB), wanted.runs, int(wanted.touch * GIB))
        rows = []
        for name in wanted.rows or ROWS:
            for row in ROWS[name](bench):
                print(f"{row.what}: {row.ours} {row.peer} {row.ratio} ({row.bar})", file=sys.stderr, flush=True)
                rows.append(row)
    _keep(rows, wanted.runs)
    if missed := [row.what for row in rows if not row.met]:
        sys.exit(f"missed: {'; '.join(missed)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; else all")
    parser.add_argument("--size", type=float, default=4, help="of the big file, in GiB")
    parser.add_argument("--runs", type=int, default=5, help="counted pairs")
    parser.add_argument("--touch", type=float, default=10, help="GiB of memory to touch before each timing")
    parser.add_argument("--dir", type=Path, help="where to work")
    return parser.parse_args()


def _compile_bytecode() -> None:
    import sycee

    compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2, workers=os.cpu_count() or 1)
    compileall.compile_dir(Path(sycee.__file__).parent, quiet=2)


def _keep(rows: list[Row], runs: int) -> None:
    cpus = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = f"Medians of {runs} pairs in random order on {cpus}; ratios pair by pair.\n\n{_table(rows)}\n"
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latest.md").write_text(text)


def _table(rows: list[Row]) -> str:
    lines = ["| measure | sycee | peer | ratio | bar | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = ("yes" if row.met else "**no**") if row.bar else ""
        lines.append(f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.bar} | {met} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
