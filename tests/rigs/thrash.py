"""Many people at work in clones of one repository, with one remote: random commands of sycee and of the real dvc.

    thrash = Thrash(folder, seed=1)
    thrash.work(30)              # eight workers, for thirty seconds
    thrash.outcomes, thrash.versions

Three clones: ``own`` has a cache of its own, ``two`` and ``three`` share one, as a group does, and link to it. Each
worker belongs to a clone, and has files of its own there, which nobody else writes; the clone's ``common`` is written
by all its workers. What differs between two runs with one seed is only who comes first.
"""

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rigs.warm import Done, run_warm
from sycee.digest import md5_hex
from sycee.formats import dirobject, pointer
from sycee.formats.dirobject import Entry

CLONES = ("own", "two", "three")
WORKERS = 8
DVC_AT_ONCE = 2  # a process of dvc takes a hundred megabytes, and a second of a processor to start
PATIENCE = 60.0  # seconds for which a command of sycee waits for a lock
Content = Mapping[str, bytes]  # of a file: its bytes under ""; of a folder: those of its files


@dataclass(frozen=True, slots=True)
class Version:
    """Something that was added, committed to Git and pushed, each without an error.

    Attributes:
        commit: The commit that names it.
        path: Where it lies in the repository.
        oid: The object id that its pointer has in that commit.
        content: Its bytes.
    """

    commit: str
    path: str
    oid: str
    content: Content

    @property
    def objects(self) -> set[str]:
        """The ids of all its objects."""
        return {self.oid, *map(md5_hex, self.content.values())}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one command ended.

    Attributes:
        tool: ``sycee`` or ``dvc``.
        kind: What it was asked for: a verb, or one with its scope.
        words: What was typed.
        done: Exit code and what was printed.
        seconds: How long it took.
    """

    tool: str
    kind: str
    words: tuple[str, ...]
    done: Done
    seconds: float


@dataclass
class Thrash:
    """The clones and what happened in them.

    Args:
        root: Where to make them; the remote is ``remote``, the Git repository that they share ``hub``.
        seed: What the workers' choices come from.
    """

    root: Path
    seed: str
    versions: list[Version] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Git refuses at once where another one works, and is not what is tested.
        self.alone = {clone: threading.Lock() for clone in CLONES}
        self._dvc = threading.BoundedSemaphore(DVC_AT_ONCE)
        self._make()
        self._workers = [_Worker(self, number) for number in range(WORKERS)]

    def work(self, seconds: float) -> None:
        """Let all workers work, and wait until they have put down their tools.

        Raises:
            TimeoutError: If one of them does not: its command hangs.
        """
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=worker.work, args=(end,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0, end - time.monotonic()) + 3 * PATIENCE)
        if self.running:
            raise TimeoutError(f"still running: {self.running}")

    def clone(self, name: str) -> Path:
        """Make another clone of what all have published."""
        git(self.root, "clone", "-q", "hub", name)
        return self.root / name

    def run(self, tool: str, kind: str, words: Iterable[str], clone: str) -> Done:
        """Run a command in a clone and remember how it ended."""
        asked = ("--lock-timeout", f"{PATIENCE:g}", *words) if tool == "sycee" else tuple(words)
        me = threading.current_thread().name
        self.running[me] = (clone, tool, *asked)
        started = time.monotonic()
        done = run_warm(tool, asked, self.root / clone)
        del self.running[me]
        self.outcomes.append(Outcome(tool, kind, (clone, *asked), done, time.monotonic() - started))
        return done

    def limited(self, tool: str, act: Callable[[], None]) -> None:
        """Do something with a tool, of which only so many may run at once."""
        if tool == "sycee":
            act()
            return
        with self._dvc:
            act()

    def git(self, clone: str, *words: str, check: bool = True) -> bytes:
        """Run Git in a clone, after others that run there."""
        with self.alone[clone]:
            return git(self.root / clone, *words, check=check)

    def _make(self) -> None:
        git(self.root, "init", "-q", "--bare", "-b", "main", "hub")
        first = self.clone("own")
        for words in (["init", "-q"], ["remote", "add", "-q", "-d", "store", str(self.root / "remote")]):
            assert run_warm("dvc", words, first).rc == 0
        git(first, "add", "-A")
        git(first, "commit", "-qm", "first")
        git(first, "push", "-q", "origin", "HEAD:main")
        git(first, "checkout", "-qb", "own")
        for name in CLONES[1:]:
            git(self.clone(name), "checkout", "-qb", name)
            for option, value in (("dir", self.root / "cache"), ("shared", "group"), ("type", "hardlink,copy")):
                words = ["config", "--local", f"cache.{option}", str(value)]
                assert run_warm("dvc", words, self.root / name).rc == 0


class _Worker:
    """One person."""

    def __init__(self, thrash: Thrash, number: int) -> None:
        self._thrash = thrash
        self._number = number
        self._random = random.Random(f"{thrash.seed} {number}")
        self._clone = CLONES[number % len(CLONES)]
        self._top = thrash.root / self._clone
        self._paths = (f"w{number}/model.bin", f"w{number}/data", f"common-{self._clone}/shared.bin")
        # Each with its weight. What collects on the remote is sycee alone: dvc drops what lies in folders whose list
        # this clone's cache does not hold.
        self._deeds: list[tuple[int, Callable[[str], None]]] = [
            *((6, self._publish), (3, self._travel), (2, self._merge), (2, self._collect), (1, self._collect_remote)),
            *((1, self._simple(verb)) for verb in ("push", "pull", "fetch", "checkout", "status", "commit")),
        ]

    def work(self, end: float) -> None:
        while time.monotonic() < end:
            weights = [weight for weight, _ in self._deeds]
            [(_, deed)] = self._random.choices(self._deeds, weights)
            tool = "dvc" if self._random.random() < 0.25 else "sycee"
            try:
                self._thrash.limited(tool, lambda deed=deed, tool=tool: deed(tool))
            except Exception as error:  # noqa: BLE001 - told to the thread that waits for this one
                self._thrash.faults.append(f"{self._clone}: {error!r}")
                return

    def _run(self, tool: str, *words: str, kind: str | None = None) -> Done:
        return self._thrash.run(tool, kind or words[0], words, self._clone)

    def _simple(self, verb: str) -> Callable[[str], None]:
        words = (verb, "--force") if verb == "commit" else (verb,)
        return lambda tool: self._run(tool, *words) and None

    def _publish(self, tool: str) -> None:
        """Write, add, commit, push, each only if the last one went well: the way every version comes to others."""
        path = self._random.choice(self._paths)
        content = self._new_content(path)
        if self._run(tool, "add", path).rc != 0:
            return
        commit = self._committed(path)
        oid = oid_at(self._top, commit, path)
        if oid is None or self._run(tool, "push", f"{path}.dvc").rc != 0:
            return
        self._thrash.git(self._clone, "push", "-q", "origin", self._clone)
        if oid == _object_id(content):  # else another worker of this clone was quicker with what they share
            self._thrash.versions.append(Version(commit, path, oid, content))

    def _committed(self, path: str) -> str:
        changed = (f"{path}.dvc", f"{path.partition('/')[0]}/.gitignore")
        with self._thrash.alone[self._clone]:
            git(self._top, "add", "--", *changed)
            git(self._top, "commit", "-qm", path, "--", *changed, check=False)
            return git(self._top, "rev-parse", "HEAD").decode().strip()

    def _new_content(self, path: str) -> Content:
        """Write something new, a file at a time, each whole: nobody here edits what others read."""
        if path.endswith("data"):
            content: Content = {f"{name}": self._bytes() for name in self._random.sample("abcdefgh", 4)}
            old = self._top / path
            for name in {entry.name for entry in old.iterdir()} - content.keys() if old.is_dir() else ():
                (old / name).unlink(missing_ok=True)
        else:
            content = {"": self._bytes()}
        for name, data in content.items():
            file = self._top / path / name if name else self._top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            self._write(file, data)
        return content

    def _write(self, file: Path, data: bytes) -> None:
        fresh = self._thrash.root / f".fresh-{self._number}"
        fresh.write_bytes(data)
        fresh.replace(file)

    def _bytes(self) -> bytes:
        """Half of all is what others have too, so that one's garbage is another's treasure."""
        pool = random.Random(self._random.randrange(12)) if self._random.random() < 0.5 else self._random
        return pool.randbytes(pool.choice((0, 10, 1000, 100_000, 1_500_000)))

    def _travel(self, tool: str) -> None:
        """Go back to a version of one's own, which others may have collected here; then its bytes must be those."""
        mine = [one for one in self._thrash.versions if one.path in self._paths[:2]]
        if not mine:
            return
        version = self._random.choice(mine)
        text = self._thrash.git(self._clone, "show", f"{version.commit}:{version.path}.dvc")
        self._write(self._top / f"{version.path}.dvc", text)
        done = self._run(tool, "pull", "--force", f"{version.path}.dvc", kind="pull one")
        if done.rc == 0 and (found := content_of(self._top / version.path)) != version.content:
            self._thrash.faults.append(f"{tool} pull of {version.path} at {version.commit} gave {found.keys()}")

    def _merge(self, tool: str) -> None:
        """Take what another clone has published, and bring it here."""
        other = self._random.choice([clone for clone in CLONES if clone != self._clone])
        self._thrash.git(self._clone, "fetch", "-q", "origin")
        self._thrash.git(self._clone, "merge", "-q", "--no-edit", f"origin/{other}", check=False)
        self._run(tool, "pull", kind="pull")

    def _collect(self, tool: str) -> None:
        sharers = [str(self._thrash.root / name) for name in CLONES[1:] if self._clone != "own" != name != self._clone]
        projects = ["--projects", *sharers] if sharers else []
        scope = self._random.choice(("--workspace", "--all-branches", "--all-commits"))
        self._run(tool, "gc", "--force", scope, *projects, kind="gc")

    def _collect_remote(self, _tool: str) -> None:
        """Collect on the remote what nobody needs, which only who names all clones can know."""
        others = [str(self._thrash.root / name) for name in CLONES if name != self._clone]
        self._run("sycee", "gc", "--force", "--cloud", "--all-commits", "--projects", *others, kind="gc --cloud")


def git(folder: Path, *words: str, check: bool = True) -> bytes:
    """Run Git and return what it prints; nothing if it fails where that is allowed."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0 or not check, (words, done)
    return done.stdout if done.returncode == 0 else b""


def oid_at(top: Path, commit: str, path: str) -> str | None:
    """Return the object id that the pointer of a path has in a commit; None if there is no such pointer."""
    data = git(top, "show", f"{commit}:{path}.dvc", check=False)
    return pointer.parse(data, path).outs[0].md5 if data else None


def content_of(path: Path) -> Content:
    """Return what lies at a path, in the form of :class:`Version`."""
    if path.is_dir():
        return {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}
    return {"": path.read_bytes()} if path.is_file() else {}


def _object_id(content: Content) -> str:
    if "" in content:
        return md5_hex(content[""])
    return dirobject.object_id(dirobject.render(Entry(name, md5_hex(data)) for name, data in content.items()))
