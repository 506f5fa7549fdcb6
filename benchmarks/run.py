"""``make bench``: the bars of this project, measured beside DVC on the same files in one run.

    python benchmarks/run.py [--size GIB] [--runs N] [ROW…]      rows: start, add, move, freeze, verify

Prints a table and writes it to benchmarks/results/latest.md.
"""

import argparse
import compileall
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import Comparison, Run, compare, median, run

BIN = Path(sys.executable).parent
SYCEE, DVC = BIN / "sycee", BIN / "dvc"
MEMORY_BAR = 200  # MB


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    bar: str
    met: bool


class Bench:
    """A folder with two equal repositories, one for each tool."""

    def __init__(self, folder: Path, size: int, runs: int) -> None:
        self.folder, self.size, self.runs = folder, size, runs
        self.environ = _clean_environment(folder)
        self.data = folder / "model.bin"
        with self.data.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))

    def sh(self, *command: str | Path, cwd: Path) -> Run:
        return run(command, cwd, self.environ)

    def repository(self, name: str) -> Path:
        """Make a fresh repository with a local remote."""
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(self.folder / f"{name}-remote", ignore_errors=True)
        root.mkdir()
        self.sh("git", "init", "-q", ".", cwd=root)
        self.sh(DVC, "init", "-q", cwd=root)
        self.sh(DVC, "remote", "add", "-q", "-d", "store", self.folder / f"{name}-remote", cwd=root)
        return root


def start(bench: Bench) -> Iterator[Row]:
    """No-op commands: what every command costs."""
    root = bench.repository("start")
    (root / "models").mkdir()
    (root / "data").mkdir()
    for index in range(20):
        (root / "models" / f"m{index}.pt").write_bytes(os.urandom(10_000))
        (root / "data" / f"{index}.txt").write_text(str(index))
    bench.sh(SYCEE, "add", "data", *sorted((root / "models").glob("*.pt")), cwd=root)
    bench.sh(DVC, "status", cwd=root)
    status = lambda: bench.sh(DVC, "status", cwd=root)  # noqa: E731
    for words in (["--help"], ["status"]):
        result = compare(lambda words=words: bench.sh(SYCEE, *words, cwd=root), status, runs=max(9, bench.runs))
        yield Row(
            f"`sycee {words[0]}` beside `dvc status`, 21 pointers",
            f"{median(result.ours):.3f} s",
            f"{median(result.peer):.3f} s",
            f"{result.ratio:.2f}",
            "≤ 0.30",
            result.ratio <= 0.3,
        )


def add(bench: Bench) -> Iterator[Row]:
    """``add`` of one big file, fsynced."""
    ours, theirs = bench.repository("ours"), bench.repository("theirs")
    for root in (ours, theirs):
        os.link(bench.data, root / "model.bin")

    def forget() -> None:
        for root in (ours, theirs):
            shutil.rmtree(root / ".dvc/cache", ignore_errors=True)
            shutil.rmtree(root / ".dvc/tmp/sycee", ignore_errors=True)
            for leftover in (root / "model.bin.dvc", root / ".gitignore"):
                leftover.unlink(missing_ok=True)
        shutil.rmtree(bench.folder / "site", ignore_errors=True)
        os.sync()

    def sycee() -> Run:
        return bench.sh(SYCEE, "add", "model.bin", cwd=ours)

    size = f"{bench.size / 2**30:g} GiB"
    md5 = compare(
        sycee, lambda: bench.sh("openssl", "dgst", "-md5", "model.bin", cwd=ours), runs=bench.runs, before=forget
    )
    yield Row(
        f"`sycee add` {size}, fsynced, beside `openssl dgst -md5`",
        f"{median(md5.ours):.2f} s",
        f"{median(md5.peer):.2f} s",
        f"{md5.ratio:.2f}",
        "≤ 1.20",
        md5.ratio <= 1.2,
    )
    yield _memory("add", size, md5.peak)
    dvc = compare(sycee, lambda: bench.sh(DVC, "add", "-q", "model.bin", cwd=theirs), runs=bench.runs, before=forget)
    yield _beside(f"`add` {size}", dvc)


def move(bench: Bench) -> Iterator[Row]:
    """``push`` to and ``pull`` from a local remote."""
    size = f"{bench.size / 2**30:g} GiB"
    roots = {SYCEE: bench.repository("ours"), DVC: bench.repository("theirs")}
    for tool, root in roots.items():
        os.link(bench.data, root / "model.bin")
        bench.sh(tool, "add", "model.bin", cwd=root)

    def empty_remotes() -> None:
        for root in roots.values():
            shutil.rmtree(bench.folder / f"{root.name}-remote", ignore_errors=True)
        os.sync()

    def empty_clones() -> None:
        for root in roots.values():
            shutil.rmtree(root / ".dvc/cache", ignore_errors=True)
            (root / "model.bin").unlink(missing_ok=True)
        os.sync()

    for verb, before in (("push", empty_remotes), ("pull", empty_clones)):
        for tool, root in roots.items():  # a pull needs what the last emptying of the remotes took away
            bench.sh(tool, "push", cwd=root)
        result = compare(
            lambda verb=verb: bench.sh(SYCEE, verb, cwd=roots[SYCEE]),
            lambda verb=verb: bench.sh(DVC, verb, "-q", cwd=roots[DVC]),
            runs=bench.runs,
            before=before,
        )
        yield _beside(f"`{verb}` {size}, local remote (dvc does not verify)", result)
        yield _memory(verb, size, result.peak)


def freeze(bench: Bench) -> Iterator[Row]:
    """A script that only freezes: Python's start and imports included, hashing next to nothing."""
    root = bench.repository("frozen")
    (root / "models/m").mkdir(parents=True)
    (root / "models/m/model.pt").write_bytes(os.urandom(100_000))
    script = "import sycee; sycee.freeze('models/m', task='bench', metrics={'acc': 0.9}, data_version='v1')"
    runs = [bench.sh(sys.executable, "-c", script, cwd=root) for _ in range(bench.runs + 1)][1:]
    yield Row("a script that freezes 100 kB", f"{median(runs):.2f} s", "", "", "< 1 s", median(runs) < 1)


def verify(bench: Bench) -> Iterator[Row]:
    """``sign`` without reading weights, ``verify`` beside ``openssl dgst -sha256``."""
    root = bench.repository("signed")
    model = root / "models" / "m"
    model.mkdir(parents=True)
    os.link(bench.data, model / "model.bin")
    script = "import sycee; sycee.freeze('models/m', task='bench', metrics={}, weights='models/m/model.bin')"
    bench.sh(sys.executable, "-c", script, cwd=root)
    bench.sh(SYCEE, "keygen", "--no-password", "release.key", cwd=root)
    sign = ["sign", "models/m", "--key", "release.key"]
    bench.sh(SYCEE, *sign, cwd=root)
    size = f"{bench.size / 2**30:g} GiB"

    def sha256() -> Run:
        return bench.sh("openssl", "dgst", "-sha256", "models/m/model.bin", cwd=root)

    signing = compare(lambda: bench.sh(SYCEE, *sign, cwd=root), sha256, runs=bench.runs)
    yield _against(f"`sign` again, {size}", signing, "openssl dgst -sha256")
    verifying = compare(
        lambda: bench.sh(SYCEE, "verify", "models/m", "--key", "release.key.pub", cwd=root), sha256, runs=bench.runs
    )
    yield _against(f"`verify` {size}", verifying, "openssl dgst -sha256")
    yield _memory("verify", size, verifying.peak)


def _beside(what: str, result: Comparison) -> Row:
    return Row(f"{what}, beside dvc", *_figures(result), "", met=True)


def _against(what: str, result: Comparison, peer: str) -> Row:
    return Row(f"{what}, beside `{peer}`", *_figures(result), "", met=True)


def _figures(result: Comparison) -> tuple[str, str, str]:
    return f"{median(result.ours):.2f} s", f"{median(result.peer):.2f} s", f"{result.ratio:.2f}"


def _memory(verb: str, size: str, peak: float) -> Row:
    return Row(f"peak memory of `{verb}`, {size}", f"{peak:.0f} MB", "", "", f"< {MEMORY_BAR} MB", peak < MEMORY_BAR)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": start,
    "add": add,
    "move": move,
    "freeze": freeze,
    "verify": verify,
}


def _clean_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which both tools find compiled bytecode and nobody's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DVC_", "PYTHON", "SYCEE_"))}
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = bench\n\temail = bench@example.org\n")
    return {**kept, "HOME": str(home), "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")}


def _compile_bytecode() -> None:
    import sycee

    compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2, workers=os.cpu_count() or 1)
    compileall.compile_dir(Path(sycee.__file__).parent, quiet=2)


def _table(rows: list[Row]) -> str:
    lines = ["| measure | sycee | peer | ratio | bar | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = ("yes" if row.met else "**no**") if row.bar else ""
        lines.append(f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.bar} | {met} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the rows asked for, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all if none is named")
    parser.add_argument("--size", type=float, default=2, help="of the big file, in GiB")
    parser.add_argument("--runs", type=int, default=5, help="counted pairs")
    parser.add_argument("--dir", type=Path, help="where to work; needs eight times the size")
    wanted = parser.parse_args()
    _compile_bytecode()
    with tempfile.TemporaryDirectory(prefix="sycee-bench-", dir=wanted.dir) as folder:
        bench = Bench(Path(folder), int(wanted.size * 2**30), wanted.runs)
        rows = []
        for name in wanted.rows or ROWS:
            for row in ROWS[name](bench):
                print(f"{row.what}: {row.ours} {row.peer} {row.ratio}", file=sys.stderr)
                rows.append(row)
    cpus = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = f"Medians of {wanted.runs} runs in turn on {cpus}; ratios pair by pair.\n\n{_table(rows)}\n"
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latest.md").write_text(text)
    if missed := [row.what for row in rows if not row.met]:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
