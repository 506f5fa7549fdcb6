"""Rows: an S3 server on the same cores."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import DVC, S3, SYCEE, Bench, Row, beside, delete, memory, random_folder, s3
from many import SMALL_FILES, SMALL_SIZE
from measure import Comparison, Run

OBJECTS = 100_000


def s3_big(bench: Bench) -> Iterator[Row]:
    """One big file."""
    with s3(bench) as server:
        pair = _pair(server)
        for root in pair:
            (root / "model.bin").hardlink_to(bench.data)
        _add(bench, pair, "model.bin")
        pushed, pulled = _moves(server, pair, "model.bin")
        yield beside(f"`push` {bench.shown_size}, S3", pushed, 0.6)
        yield memory(f"`push`, {bench.shown_size}, S3", pushed.peak)
        yield beside(f"`pull` {bench.shown_size}, S3", pulled, 0.5)
        yield memory(f"`pull`, {bench.shown_size}, S3", pulled.peak)


def s3_small(bench: Bench) -> Iterator[Row]:
    """Many small files; and what each tool takes for itself, without the server on the same cores."""
    with s3(bench) as server:
        pair = _pair(server)
        random_folder(pair[0] / "data", SMALL_FILES, SMALL_SIZE)
        shutil.copytree(pair[0] / "data", pair[1] / "data")
        _add(bench, pair, "data")
        pushed, pulled = _moves(server, pair, "data")
        for verb, result in (("push", pushed), ("pull", pulled)):
            yield beside(f"`{verb}` {SMALL_FILES} x 10 kB, S3", result, 0.35)
            yield _client_alone(verb, result)
            yield memory(f"`{verb}`, {SMALL_FILES} x 10 kB, S3", result.peak)


def _client_alone(verb: str, result: Comparison) -> Row:
    ours, theirs = (sum(run.cpu for run in runs) / len(runs) for runs in (result.ours, result.peer))
    ratio = ours / theirs
    return Row(
        f"the same `{verb}`, processor time of the tool alone",
        f"{ours:.2f} s",
        f"{theirs:.2f} s",
        f"{ratio:.2f}",
        "≤ 0.15",
        ratio <= 0.15,
    )


def s3_noop(bench: Bench) -> Iterator[Row]:
    """``push`` when the remote has everything."""
    with s3(bench) as server:
        ours, theirs = pair = _pair(server)
        random_folder(ours / "data", OBJECTS, 100)
        shutil.copytree(ours / "data", theirs / "data")
        _add(bench, pair, "data")
        for tool, root in ((SYCEE, ours), (DVC, theirs)):
            bench.sh(tool, "push", cwd=root)

        def forgotten() -> None:
            bench.put_away(bench.folder / "site")
            bench.put_away(ours / ".dvc/tmp/sycee")

        for name, before in (("first", forgotten), ("later", lambda: None)):
            result = bench.compare(
                lambda: bench.sh(SYCEE, "push", cwd=ours), lambda: bench.sh(DVC, "push", "-q", cwd=theirs), before
            )
            yield beside(f"`push` of {OBJECTS} objects that are there, S3, {name}", result, 0.3)
            yield memory(f"`push` of {OBJECTS} objects, {name}", result.peak)


def _pair(server: S3) -> tuple[Path, Path]:
    return server.repository("ours"), server.repository("theirs")


def _add(bench: Bench, pair: tuple[Path, Path], out: str) -> None:
    for tool, root in zip((SYCEE, DVC), pair, strict=True):
        bench.sh(tool, "add", out, cwd=root)


def _moves(server: S3, pair: tuple[Path, Path], out: str) -> tuple[Comparison, Comparison]:
    bench = server.bench
    ours, theirs = pair
    away = bench.put_away if out == "data" else delete

    def both(verb: str, before: Callable[[], object]) -> Comparison:
        def sycee() -> Run:
            return bench.sh(SYCEE, verb, cwd=ours)

        return bench.compare(sycee, lambda: bench.sh(DVC, verb, "-q", cwd=theirs), before)

    def empty_clones() -> None:
        for root in pair:
            away(root / ".dvc/cache")
            away(root / ".dvc/tmp/sycee")
            path = root / out
            away(path) if path.is_dir() else path.unlink(missing_ok=True)
        away(bench.folder / "site")

    def empty_server() -> None:
        server.empty()
        away(bench.folder / "site")

    pushed = both("push", empty_server)
    for tool, root in zip((SYCEE, DVC), pair, strict=True):  # the last emptying took one of them away
        bench.sh(tool, "push", cwd=root)
    return pushed, both("pull", empty_clones)
