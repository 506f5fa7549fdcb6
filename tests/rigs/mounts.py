"""File systems of a test's own: small ones, ones that fail, and the state of a disk in the instant of a power cut.

with small(folder, "2m"): …                          # memory, at most 2 MiB
with disk(image, folder): …                          # ext4 in a file
    readonly(folder)
    power_cut(image)                                 # image.cut: what is on that disk if the power fails now

They need root, as in CI. Without it they fail: a gap that nobody sees would be worse.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small(folder: Path, size: str, *, inodes: int = 0) -> Iterator[Path]:
    """Mount memory of at most so many bytes (``"2m"``) and, unless 0, so many files and folders."""
    options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
    with _mounted(folder, "-t", "tmpfs", "-o", options, "tmpfs"):
        yield folder


@contextmanager
def disk(image: Path, folder: Path, *, size: str | None = None) -> Iterator[Path]:
    """Mount an ext4 of its own in a file, made first if it is given a size (``"32M"``).

    Renames are as little durable there as POSIX allows: ``noauto_da_alloc``, and commits of the journal far apart.
    """
    if size:
        _run("truncate", "-s", size, str(image))
        _run("mkfs.ext4", "-q", "-F", str(image))
    with _mounted(folder, "-o", "loop,noauto_da_alloc,commit=300", str(image)):
        yield folder


def power_cut(image: Path) -> None:
    """Write to ``IMAGE.cut`` what of a mounted disk would be there if the power failed now."""
    _run("cp", "--sparse=always", str(image), str(image.with_suffix(".cut")))


def readonly(folder: Path) -> None:
    """Let nobody write to a mounted file system any more."""
    _run("mount", "-o", "remount,ro", str(folder))


@contextmanager
def failing(image: Path, content: bytes) -> Iterator[None]:
    """Let a mounted disk fail (EIO) where a file with this content is read beyond its first 4 KiB, and after it."""
    _run("sync")
    at = image.read_bytes().index(content[:4096]) + 4096
    with image.open("r+b") as file:
        file.seek(at)
        rest = file.read()
        file.truncate(at)
    _forget_pages()
    try:
        yield
    finally:
        with image.open("r+b") as file:
            file.seek(at)
            file.write(rest)
        _forget_pages()


def _forget_pages() -> None:
    """Let the system read from disks again what it has in memory."""
    Path("/proc/sys/vm/drop_caches").write_text("1")


@contextmanager
def _mounted(folder: Path, *words: str) -> Iterator[None]:
    assert os.geteuid() == 0, "this test mounts file systems: run it as root"
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", *words, str(folder))
    try:
        yield
    finally:
        _run("umount", str(folder))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
