"""Rows: big files in folders and local remotes."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import DVC, GIB, SYCEE, Bench, Row, beside, delete, drop_page_cache, forget, memory, random_file
from measure import Run, median

SHARDS = 14


def add(bench: Bench) -> Iterator[Row]:
    """``add`` of one big file, copied into the cache and fsynced."""
    ours, theirs = bench.pair(("model.bin", bench.data))
    again = lambda: forget(ours, theirs, outs=["model.bin"], away=delete, site=bench.folder / "site")  # noqa: E731

    def sycee() -> Run:
        return bench.sh(SYCEE, "add", "model.bin", cwd=ours)

    md5 = bench.compare(sycee, lambda: bench.sh("openssl", "dgst", "-md5", "model.bin", cwd=ours), again)
    yield beside(f"`add` {bench.shown_size}", md5, 1.15, "`openssl dgst -md5`")
    yield memory(f"`add`, {bench.shown_size}", md5.peak)
    dvc = bench.compare(sycee, lambda: bench.sh(DVC, "add", "-q", "model.bin", cwd=theirs), again)
    yield beside(f"`add` {bench.shown_size}", dvc, 0.55)
    lfs = bench.compare(sycee, _lfs_add(bench), again)
    yield beside(f"`add` {bench.shown_size}", lfs, None, "`git add` with git-lfs")


def _lfs_add(bench: Bench) -> Callable[[], Run]:
    root = bench.folder / "lfs"

    def add_anew() -> Run:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for words in (["init", "-q", "."], ["lfs", "install", "--local"], ["lfs", "track", "*.bin"]):
            bench.sh("git", *words, cwd=root)
        os.link(bench.data, root / "model.bin")
        return bench.sh("git", "add", "model.bin", cwd=root)

    return add_anew


def shards(bench: Bench) -> Iterator[Row]:
    """``add`` of many big files: all cores busy."""
    size = bench.size // 4
    files = [random_file(bench.folder / f"shard-{index:02d}.bin", size) for index in range(SHARDS)]
    root = bench.repository("ours")
    (root / "shards").mkdir()
    for file in files:
        os.link(file, root / "shards" / file.name)
        file.unlink()
    names = sorted(f"shards/{file.name}" for file in files)

    def again() -> None:
        forget(root, outs=names, away=delete, site=bench.folder / "site")
        (root / "shards/.gitignore").unlink(missing_ok=True)

    result = bench.compare(
        lambda: bench.sh(SYCEE, "add", *names, cwd=root),
        lambda: bench.sh("openssl", "dgst", "-md5", *names, cwd=root),
        again,
    )
    yield beside(f"`add` {SHARDS} x {size / GIB:g} GiB", result, 0.6, "`openssl dgst -md5` of them")
    yield memory(f"`add`, {SHARDS} x {size / GIB:g} GiB", result.peak)
    shutil.rmtree(root)


def push(bench: Bench) -> Iterator[Row]:
    """``push`` to a local remote, with the objects in the page cache and without."""
    ours, theirs = bench.pair(("model.bin", bench.data))
    bench.sh(SYCEE, "add", "model.bin", cwd=ours)
    bench.sh(DVC, "add", "-q", "model.bin", cwd=theirs)

    def empty() -> None:
        for root in (ours, theirs):
            shutil.rmtree(bench.remote(root.name), ignore_errors=True)
            bench.remote(root.name).mkdir()  # a remote that is gone is not made anew
        os.sync()

    def empty_and_cold() -> None:
        empty()
        drop_page_cache()

    def empty_and_warm() -> None:
        empty()
        for root in (ours, theirs):
            for path in (root / ".dvc/cache/files").rglob("*"):
                if path.is_file():
                    bench.sh("cat", path, cwd=root)

    for name, before, bar in (("warm", empty_and_warm, 0.75), ("cold", empty_and_cold, 0.45)):
        result = bench.compare(
            lambda: bench.sh(SYCEE, "push", cwd=ours), lambda: bench.sh(DVC, "push", "-q", cwd=theirs), before
        )
        yield beside(f"`push` {bench.shown_size}, local remote, {name}", result, bar)
        yield memory(f"`push`, {bench.shown_size}, local remote", result.peak)


def pull(bench: Bench) -> Iterator[Row]:
    """``pull`` from a local remote: verified by blake3, or by md5 where the pointer has nothing else."""
    ours, theirs = bench.pair(("model.bin", bench.data))
    for tool, root in ((SYCEE, ours), (DVC, theirs)):
        bench.sh(tool, "add", "model.bin", cwd=root)
        bench.sh(tool, "push", cwd=root)

    def empty() -> None:
        for root in (ours, theirs):
            shutil.rmtree(root / ".dvc/cache", ignore_errors=True)
            (root / "model.bin").unlink(missing_ok=True)
        shutil.rmtree(bench.folder / "site", ignore_errors=True)
        os.sync()

    for way, bar in (("copy", 0.55), ("hardlink", 0.85)):
        for root in (ours, theirs):
            bench.sh(DVC, "config", "cache.type", way, cwd=root)
        result = bench.compare(
            lambda: bench.sh(SYCEE, "pull", cwd=ours), lambda: bench.sh(DVC, "pull", "-q", cwd=theirs), empty
        )
        yield beside(f"`pull` {bench.shown_size}, local remote, link type {way} (dvc does not hash)", result, bar)
        yield memory(f"`pull`, {bench.shown_size}, link type {way}", result.peak)
    _plain_pointer(ours / "model.bin.dvc")
    result = bench.compare(
        lambda: bench.sh(SYCEE, "pull", cwd=ours),
        lambda: bench.sh("openssl", "dgst", "-md5", bench.data, cwd=ours),
        empty,
    )
    yield beside(f"`pull` {bench.shown_size}, pointer with md5 only, hardlink", result, 1.15, "`openssl dgst -md5`")


def _plain_pointer(path: Path) -> None:
    """Leave what dvc would have written."""
    path.write_text(path.read_text().partition("meta:\n")[0])


def freeze(bench: Bench) -> Iterator[Row]:
    """A script that only freezes: Python's start and imports included, hashing next to nothing."""
    root = bench.repository("frozen")
    (root / "models/m").mkdir(parents=True)
    (root / "models/m/model.pt").write_bytes(os.urandom(100_000))
    script = "import sycee; sycee.freeze('models/m', task='bench', metrics={'acc': 0.9}, data_version='v1')"
    runs = [bench.sh(sys.executable, "-c", script, cwd=root) for _ in range(bench.runs + 1)][1:]
    yield Row("a script that freezes 100 kB", f"{median(runs):.2f} s", bar="< 1 s", met=median(runs) < 1)


def sign(bench: Bench) -> Iterator[Row]:
    """``sign`` again without reading weights, beside ``openssl dgst -sha256``; the memory of ``verify``."""
    root = bench.repository("signed")
    model = root / "models" / "m"
    model.mkdir(parents=True)
    os.link(bench.data, model / "model.bin")
    script = "import sycee; sycee.freeze('models/m', task='bench', metrics={}, weights='models/m/model.bin')"
    bench.sh(sys.executable, "-c", script, cwd=root)
    bench.sh(SYCEE, "keygen", "--no-password", "release.key", cwd=root)
    sign = ["sign", "models/m", "--key", "release.key"]
    bench.sh(SYCEE, *sign, cwd=root)

    def sha256() -> Run:
        return bench.sh("openssl", "dgst", "-sha256", "models/m/model.bin", cwd=root)

    signing = bench.compare(lambda: bench.sh(SYCEE, *sign, cwd=root), sha256)
    yield beside(f"`sign` again, {bench.shown_size}", signing, None, "`openssl dgst -sha256`")
    verifying = bench.sh(SYCEE, "verify", "models/m", "--key", "release.key.pub", cwd=root)
    yield memory(f"`verify`, {bench.shown_size}", verifying.peak)
