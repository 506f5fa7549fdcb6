"""What the rows of the table stand on: files, repositories, environment, servers."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from measure import Comparison, Run, compare, median, run

BIN = Path(sys.executable).parent
SYCEE, DVC = BIN / "sycee", BIN / "dvc"
GIB = 2**30
MEMORY_BAR = 250  # MB


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: The work.
        ours: Our figure with its unit.
        peer: The peer's, or nothing.
        ratio: Ours by the peer's, or nothing.
        bar: What the ratio, or our figure, should be; nothing where there is no bar.
        met: Whether it is.
    """

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool = True


@dataclass(frozen=True)
class Bench:
    """A folder to work in.

    Attributes:
        folder: Empty at first.
        size: Of the big file in bytes.
        runs: How many pairs count.
        warm: How many bytes of memory are touched before each timing.
    """

    folder: Path
    size: int
    runs: int
    warm: int

    @cached_property
    def environ(self) -> dict[str, str]:
        """An environment in which both tools find compiled bytecode and nobody's settings."""
        foreign = ("AWS_", "DVC_", "PYTHON", "SYCEE_", "GIT_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        home = self.folder / "home"
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\n\tname = bench\n\temail = bench@example.org\n")
        site = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(self.folder / "site")}
        return {**kept, "HOME": str(home), **site, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    @cached_property
    def data(self) -> Path:
        """The big file: random bytes."""
        return random_file(self.folder / "model.bin", self.size)

    @property
    def shown_size(self) -> str:
        """Its size for people."""
        return f"{self.size / GIB:g} GiB"

    def sh(self, *command: str | Path, cwd: Path) -> Run:
        """Run a command to its end."""
        return run(command, cwd, self.environ)

    def repository(self, name: str, remote: str | None = None) -> Path:
        """Make a fresh repository with a remote: a folder beside it, if no other is named."""
        root = self.folder / name
        for folder in (root, self.remote(name)):
            shutil.rmtree(folder, ignore_errors=True)
        root.mkdir()
        self.sh("git", "init", "-q", ".", cwd=root)
        self.sh(DVC, "init", "-q", cwd=root)
        self.sh(DVC, "remote", "add", "-q", "-d", "store", remote or self.remote(name), cwd=root)
        return root

    def remote(self, name: str) -> Path:
        """Return the folder that is the remote of a repository."""
        return self.folder / f"{name}-remote"

    def pair(self, *links: tuple[str, Path]) -> tuple[Path, Path]:
        """Make two equal repositories, one for each tool, with these files hard-linked into them."""
        pair = self.repository("ours"), self.repository("theirs")
        for root in pair:
            for name, source in links:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(source, root / name)
        return pair

    def put_away(self, path: Path) -> None:
        """Remove a folder with many files from where it was, and really at the end.

        For some minutes after a deletion, ext4 takes ten times as long to make a file: it looks for an inode that was
        not in use just before.
        """
        if path.exists():
            trash = self.folder / "trash"
            trash.mkdir(exist_ok=True)
            path.rename(trash / str(len(list(trash.iterdir()))))

    def compare(
        self, ours: Callable[[], Run], peer: Callable[[], Run], before: Callable[[], object] = lambda: None
    ) -> Comparison:
        """Run two commands in random order, pair by pair."""
        return compare(ours, peer, runs=self.runs, before=before, warm=self.warm)


def beside(what: str, result: Comparison, bar: float | None = None, peer: str = "dvc") -> Row:
    """Return the row of a comparison by time."""
    ours, theirs = f"{median(result.ours):.2f} s", f"{median(result.peer):.2f} s"
    met = bar is None or result.ratio <= bar
    return Row(f"{what}, beside {peer}", ours, theirs, f"{result.ratio:.2f}", f"≤ {bar:.2f}" if bar else "", met)


def memory(what: str, peak: float, bar: int = MEMORY_BAR) -> Row:
    """Return the row of a peak of memory in MB."""
    return Row(f"peak memory of {what}", f"{peak:.0f} MB", bar=f"≤ {bar} MB", met=peak <= bar)


def random_file(path: Path, size: int) -> Path:
    """Make a file of random bytes."""
    with path.open("wb") as file:
        for begin in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - begin)))
    return path


def random_folder(path: Path, count: int, size: int, suffix: str = ".bin") -> Path:
    """Make a folder of small random files, a hundred in each sub-folder."""
    for index in range(count):
        place = path / f"{index // 100:04d}"
        if index % 100 == 0:
            place.mkdir(parents=True)
        (place / f"{index % 100:02d}{suffix}").write_bytes(os.urandom(size))
    return path


def forget(*roots: Path, outs: Sequence[str], away: Callable[[Path], object], site: Path) -> None:
    """Undo ``add`` in repositories: no object, no pointer, no record."""
    for root in roots:
        for name in (".dvc/cache", ".dvc/tmp"):
            away(root / name)
        for out in outs:
            (root / f"{out}.dvc").unlink(missing_ok=True)
        (root / ".gitignore").unlink(missing_ok=True)
    away(site)
    os.sync()


def delete(path: Path) -> None:
    """Remove a folder with large files, whose room is needed again."""
    shutil.rmtree(path, ignore_errors=True)


def drop_page_cache() -> None:
    """Let the next reader read from the disk (root only)."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("1")


@contextmanager
def s3(bench: Bench) -> Iterator["S3"]:
    """Run an S3 server on this machine's own cores."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from rigs.s3 import running_s3

    with running_s3(Path(tempfile.mkdtemp(prefix="s3-", dir=bench.folder))) as server:
        yield S3(bench, server.endpoint, server.access_key, server.secret_key)


@dataclass(frozen=True, slots=True)
class S3:
    """A running server."""

    bench: Bench
    endpoint: str
    access_key: str
    secret_key: str

    def repository(self, name: str) -> Path:
        """Make a fresh repository whose remote is below a prefix of its own on the server."""
        root = self.bench.repository(name, f"s3://models/{name}")
        options = {"access_key_id": self.access_key, "secret_access_key": self.secret_key}
        self.bench.sh(DVC, "remote", "modify", "-q", "store", "endpointurl", self.endpoint, cwd=root)
        for option, value in options.items():
            self.bench.sh(DVC, "remote", "modify", "-q", "--local", "store", option, value, cwd=root)
        return root

    def empty(self) -> None:
        """Delete every object."""
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            "models",
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            client_options={"allow_http": True},
        )
        for found in store.list():
            obstore.delete(store, [entry["path"] for entry in found])
