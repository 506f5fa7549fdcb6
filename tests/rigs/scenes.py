"""One state of the disk for each command that writes: a repository with a model, data, a remote; and what must hold.

scene = Scene(crasher, folder, "push")      # how it was, and how it is after the command
scene.restore()
scene.run(at=7)                             # killed at the seventh change to the disk
scene.require_intact()                      # nothing old is lost, nothing wrong stands
"""

import random
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rigs.crash import Crasher
from rigs.legacy import old_repository
from rigs.signed import KEY_PEM, fixed_key
from rigs.warm import run_warm
from sycee.digest import digest_bytes
from sycee.formats import dirobject, pointer
from sycee.trust import keys

TEMPORARY = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")
PLACE = ".sycee-pull-"  # where a version that is pulled waits to be continued
OTHERS = re.compile(r"^\.sycee-pull-|/\.git/(?!hooks/|info/attributes|config$)|/\.dvc/tmp/")
FREEZE = """
import datetime as dt
sycee.freeze("models/m", task="ner", metrics={"f1": %s}, now=dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC))
"""
VERSION = """
import hashlib, pathlib
from sycee.cli.main import main
identity = hashlib.sha256(pathlib.Path("models/m/SHA256SUMS").read_bytes()).hexdigest()
assert main(["pull", "--identity", identity, "../brought", "--remote", "../remote"]) == 0
"""
SIGN = ["sign", "models/m", "--key", "../release.key"]
SIGN_SECOND = ["sign", "models/m", "--key", "../second.key"]


def weights(seed: str) -> bytes:
    return random.Random(seed).randbytes(200_000)  # several chunks of the rig


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@dataclass(frozen=True)
class World:
    """A folder with the repository ``repo``, its remote ``remote`` and a key beside them."""

    root: Path
    run: Callable[..., bool]

    @property
    def repo(self) -> Path:
        return self.root / "repo"

    def sycee(self, *arguments: str) -> None:
        self.run(self.repo, arguments)


def first_version(world: World) -> None:
    """A model frozen, signed, committed and pushed, and a folder of data."""
    world.repo.mkdir()
    git(world.root, "init", "-q", "repo")
    world.sycee("init")
    world.sycee("remote", "add", "-d", "store", str(world.root / "remote"))
    (world.root / "release.key").write_bytes(KEY_PEM)
    (world.root / "release.key").chmod(0o600)
    write(world.repo, {"models/m/model.pt": weights("1"), "data/a": b"a" * 900, "data/sub/b": b"b", "data/c": b"c"})
    write(world.repo, {"train.py": b"import sycee"})
    world.run(world.repo, FREEZE % "0.5")
    world.run(world.repo, SIGN)
    world.sycee("add", "data")
    world.sycee("push")
    git(world.repo, "add", "-A")
    git(world.repo, "commit", "-qm", "first")


def retrain(world: World) -> None:
    """Second weights, changed data and new data, in the work tree only."""
    write(world.repo, {"models/m/model.pt": weights("2"), "data/a": b"A" * 900, "data/new": b"n" * 70_000})
    write(world.repo, {"train.py": b"import sycee  # changed: the card says dirty, however often it is frozen"})
    (world.repo / "data/c").unlink()


def second_version(world: World) -> None:
    retrain(world)
    world.run(world.repo, FREEZE % "0.7")
    world.run(world.repo, SIGN)
    world.sycee("add", "data")
    git(world.repo, "add", "-A")
    git(world.repo, "commit", "-qm", "second")


def clone(world: World) -> None:
    second_version(world)
    world.sycee("push")
    (world.repo).rename(world.root / "origin")
    git(world.root, "clone", "-q", "origin", "repo")


def pushed_second(world: World) -> None:
    second_version(world)
    world.sycee("push")


def back_to_the_first(world: World) -> None:
    second_version(world)
    git(world.repo, "checkout", "-q", "HEAD^")


def two_sides(world: World) -> None:
    """Two changes to one folder, as Git hands them to a merge driver."""
    sides = {"base": {}, "ours": {"data/ours": b"1" * 900}, "theirs": {"data/theirs": b"2" * 900}}
    for side, files in sides.items():
        write(world.repo, files)
        world.sycee("add", "data")
        shutil.copy(world.repo / "data.dvc", world.repo / f".merge_{side}")
        for name in files:
            (world.repo / name).unlink()
    world.sycee("add", "data")


def links(world: World) -> None:
    world.sycee("config", "cache.type", "symlink")
    world.sycee("checkout", "--relink")


def second_key(world: World) -> None:
    (world.root / "release.pub").write_bytes(fixed_key().public.pem)
    (world.root / "second.key").write_bytes(keys.generate("p256").to_pem(None))
    (world.root / "second.key").chmod(0o600)


def left_of_another_version(world: World) -> None:
    """A further signer's bundle of the first version, which somebody brought back beside the second."""
    second_key(world)
    world.sycee(*SIGN_SECOND)
    [made] = (world.repo / "models/m/records").glob("*.model.sig")
    data = made.read_bytes()
    retrain(world)
    world.run(world.repo, FREEZE % "0.7")
    made.parent.mkdir(exist_ok=True)
    made.write_bytes(data)


MERGE = ["git-hook", "merge-driver", "--ancestor", ".merge_base", "--our", ".merge_ours", "--their", ".merge_theirs"]


def old_objects(world: World) -> None:
    old_repository(world.repo, world.repo / "old")


def to_a_branch_without_data(world: World) -> None:
    git(world.repo, "checkout", "-qb", "other")
    git(world.repo, "rm", "-q", "data.dvc")
    git(world.repo, "commit", "-qm", "no data")


POINTER = """\
frozen: true
deps:
- {dep}
outs:
- {out}
  path: {name}
"""


def imports_of_a_repository(world: World) -> None:
    """Another repository, and pointers to what it tracks: one with digests, one that was not downloaded, a folder."""
    other = world.root / "other"
    git(world.root, "clone", "-q", "repo", "other")
    world.run(other, ["pull"])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=other, check=True, capture_output=True, text=True)
    repo = f"  repo:\n    url: ../../other\n    rev_lock: {head.stdout.strip()}"
    md5 = digest_bytes(weights("1")).md5
    files = {}
    for name, path, out in (
        ("whole.pt", "models/m/model.pt", f"md5: {md5}\n  hash: md5"),
        ("left-out.pt", "models/m/model.pt", "hash: md5"),
        ("data", "data", "hash: md5"),
        ("train.py", "train.py", "hash: md5"),
    ):
        text = POINTER.format(dep=f"path: {path}\n{repo}", out=out, name=name)
        files[f"in/{name}.dvc"] = text.encode()
    write(world.repo, files)
    git(world.repo, "add", "-A")
    git(world.repo, "commit", "-qm", "imports")


def imports_of_urls(world: World) -> None:
    """Pointers to files and a folder beside the repository: with digests, and not downloaded."""
    write(
        world.root,
        {"outside/w.pt": weights("3"), "outside/l.pt": weights("4"), "outside/d/x": b"x", "outside/d/y": b"y"},
    )
    members = [dirobject.Entry(name, digest_bytes(name.encode()).md5) for name in ("x", "y")]
    folder = digest_bytes(dirobject.render(members)).md5 + ".dir"
    files = {}
    for name, md5, out in (
        ("w.pt", digest_bytes(weights("3")).md5, "md5: '{md5}'\n  hash: md5"),
        ("l.pt", digest_bytes(weights("4")).md5, "hash: md5"),
        ("d", folder, "hash: md5"),
    ):
        dep = f"md5: '{md5}'\n  hash: md5\n  path: ../../outside/{name}"
        files[f"in/{name}.dvc"] = POINTER.format(dep=dep, out=out.format(md5=md5), name=name).encode()
    write(world.repo, files)
    git(world.repo, "add", "-A")
    git(world.repo, "commit", "-qm", "imports")


# Command, what happens before it, and the commands of the real dvc that must find nothing to do after it.
COMMANDS: dict[str, tuple[list[str] | str, Callable[[World], None], list[list[str]]]] = {
    "add": (["add", "models/m/model.pt", "data"], retrain, [["status"]]),
    "add a part": (["add", "data/a", "data/new", "data/c"], retrain, [["status", "data.dvc"]]),
    "add a copy": (["add", "models/m/model.pt", "--out", "copy.pt"], lambda _world: None, [["status", "copy.pt"]]),
    "commit": (["commit", "--force", "data", "models/m/model.pt"], retrain, [["status"]]),
    "push": (["push"], second_version, [["status"], ["status", "--cloud"]]),
    "fetch": (["fetch"], clone, [["status", "--cloud"]]),
    "pull": (["pull"], clone, [["status"], ["status", "--cloud"]]),
    "pull of a version": (VERSION, pushed_second, []),
    "pull of imports": (["pull", "in"], imports_of_a_repository, [["pull", "in/whole.pt.dvc"]]),
    "pull of urls": (["pull", "in"], imports_of_urls, [["pull", "in/w.pt.dvc"]]),
    "checkout": (["checkout"], back_to_the_first, [["status"]]),
    "checkout that takes away": (["checkout"], to_a_branch_without_data, [["status"]]),
    "freeze": (FREEZE % "0.7", retrain, [["status", "models/m/model.pt.dvc"]]),
    "gc": (["gc", "--workspace", "--cloud", "--force"], pushed_second, [["status"], ["status", "--cloud"]]),
    "sign": (SIGN, lambda world: (retrain(world), world.run(world.repo, FREEZE % "0.7")), []),
    "sign as the second": (SIGN_SECOND, second_key, []),
    "countersign": ([*SIGN_SECOND, "--countersign", "--signed-by", "../release.pub"], second_key, []),
    "sign in the place of others": ([*SIGN, "--force"], left_of_another_version, []),
    "get": (["get", "-f", ".", "models/m"], lambda _world: None, []),
    "export": (["export", "models/m", "../exported"], lambda _world: None, []),
    "move": (["move", "data", "moved"], lambda _world: None, [["status"]]),
    "remove": (["remove", "--outs", "data.dvc"], lambda _world: None, [["status"]]),
    "unprotect": (["unprotect", "data", "models/m/model.pt"], links, [["status"]]),
    "install": (["install"], lambda _world: None, [["status"]]),
    "merge": (MERGE, two_sides, [["status", "data.dvc"]]),
    "config": (["config", "cache.type", "copy"], lambda _world: None, [["status"]]),
    "remote add": (["remote", "add", "second", "../second"], lambda _world: None, [["status"]]),
    "cache migrate": (["cache", "migrate", "--dvc-files"], old_objects, [["status"]]),
}


# These write only small files, or in the way that another does that writes large ones.
SMALL = {"add a part", "cache migrate", "checkout that takes away", "config", "gc", "install", "merge", "move"}
SMALL |= {"pull of a version", "pull of imports", "remote add", "remove", "sign", "unprotect"}
SMALL |= {"countersign", "sign as the second", "sign in the place of others"}


Tree = dict[str, tuple[int, bytes]]


def tree(root: Path, *, temporary: bool = False) -> Tree:
    """Path to (mode, bytes) of every file; scratch and Git's own left out, but for what ``install`` makes there."""
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        is_temporary = any(TEMPORARY.fullmatch(part) for part in name.split("/"))
        if path.is_file() and not OTHERS.search(name) and is_temporary == temporary:
            found[name] = (stat.S_IMODE(path.lstat().st_mode), path.read_bytes())
    return found


def objects(root: Path, store: str) -> dict[str, bytes]:
    """Object id to bytes of all objects of ``repo/.dvc/cache`` or ``remote``."""
    top = root / store / "files/md5"
    return {
        path.parent.name + path.name: path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and not TEMPORARY.fullmatch(path.name)
    }


def check_stores(root: Path, before: dict[str, dict[str, bytes]], after: dict[str, dict[str, bytes]]) -> None:
    for store, old in before.items():
        now = objects(root, store)
        lost = old.keys() - now.keys()
        assert not lost & after[store].keys(), f"{store} lost an object"
        for oid, data in now.items():
            assert digest_bytes(data).md5 == oid.removesuffix(".dir"), f"{store}: {oid} has other bytes"
    for oid, data in objects(root, "remote").items():
        if oid.endswith(".dir"):
            assert {e.md5 for e in dirobject.parse(data)} <= objects(root, "remote").keys(), "a folder lacks members"


def check_files(root: Path, before: Tree, after: Tree) -> None:
    """Each file is what it was, or what it is to become; what it was is then stored somewhere."""
    saved = set(objects(root, "repo/.dvc/cache").values())
    saved |= {path.read_bytes() for path in root.glob("repo/.dvc/tmp/sycee/aside/**/*") if path.is_file()}
    now = tree(root)
    for name in before.keys() | now.keys():
        bytes_now, bytes_before, bytes_after = (one.get(name, (0, None))[1] for one in (now, before, after))
        if name.endswith((".gitignore", ".git/config")):  # several entries, one after the other
            lines = {line for one in (bytes_before, bytes_after) for line in (one or b"").splitlines()}
            assert set((bytes_now or b"").splitlines()) <= lines, f"{name} has lines of its own"
            continue
        assert bytes_now in (bytes_before, bytes_after), f"{name} is neither old nor new"
        if name.startswith("repo/data/") or name.endswith(("model.pt", ".sig")):
            assert bytes_now == bytes_before or bytes_before is None or bytes_before in saved, f"{name} is lost"


def check_pointers(root: Path, before: Tree) -> None:
    """Every pointer that changed names objects that are there."""
    held = objects(root, "repo/.dvc/cache")
    for path in (root / "repo").rglob("*.dvc"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and before.get(name, (0, b""))[1] != (data := path.read_bytes()):
            oid = pointer.parse(data, name).outs[0].md5
            assert oid in held, f"{name} names what is not there"
            if oid.endswith(".dir"):
                assert {entry.md5 for entry in dirobject.parse(held[oid])} <= held.keys()


def leftovers(root: Path) -> list[str]:
    """Temporary files, but for those on the remote: there another writer's cannot be told from a dead one's."""
    places = [path.name for path in root.iterdir() if path.name.startswith(PLACE)]
    return places + [name for name in tree(root, temporary=True) if not name.startswith("remote/")]


class Scene:
    """The same state of the disk before each run of a command.

    Args:
        crasher: Runs it.
        root: Where the repository and its remote are to lie.
        kept: Where a copy of them is kept, perhaps on another file system.
        name: Which of :data:`COMMANDS`.
    """

    def __init__(self, crasher: Crasher, root: Path, kept: Path, name: str) -> None:
        self.crasher = crasher
        self.command, prepare, self.dvc = COMMANDS[name]
        self.name, self.root, self.kept = name, root, kept
        self.root.mkdir()
        world = World(self.root, crasher.run)
        first_version(world)
        prepare(world)
        shutil.copytree(self.root, self.kept, symlinks=True)
        self.before = tree(self.root)
        self.stores = {store: objects(self.root, store) for store in ("repo/.dvc/cache", "remote")}
        answer = crasher.ask(self.root / "repo", self.command)
        assert answer["rc"] == 0, answer
        self.points = answer["points"]
        self.after = tree(self.root)
        self.stores_after = {store: objects(self.root, store) for store in self.stores}

    def restore(self) -> None:
        """Make everything what it was before the command."""
        shutil.rmtree(self.root)
        shutil.copytree(self.kept, self.root, symlinks=True)

    def run(self, at: int | None = None, *, durable: bool = True) -> bool:
        """Run the command, see :meth:`rigs.crash.Crasher.run`."""
        return self.crasher.run(self.root / "repo", self.command, at=at, durable=durable)

    def require_intact(self) -> None:
        """Require that nothing old is lost and nothing wrong stands, however the command ended."""
        check_stores(self.root, self.stores, self.stores_after)
        check_files(self.root, self.before, self.after)
        check_pointers(self.root, self.before)

    def require_completes(self) -> None:
        """Require that the command, run again, ends as if nothing had been in its way."""
        if tree(self.root) != self.after or leftovers(self.root):  # else it had ended, but for its last words
            self.run()
        assert tree(self.root) == self.after
        assert leftovers(self.root) == []

    def require_refused(self, answer: dict[str, Any], reason: str, hint: str) -> None:
        """Require that what the system refused was told, and that nothing is lost or half done.

        Args:
            answer: How the command ended.
            reason: What the system says.
            hint: What is to be done.
        """
        check_stores(self.root, self.stores, self.stores_after)
        assert leftovers(self.root) == []
        assert "Traceback" not in answer["printed"]
        if self.name == "freeze":  # a training is never lost: the card tells what is missing
            assert answer["rc"] == 0, answer
            assert reason in (self.root / "repo/models/m/model_card.yaml").read_text()
            return
        check_files(self.root, self.before, self.after)
        assert answer["rc"] == (20 if self.name == "push" else 1), answer
        assert re.search(f"/.*: {reason}\n(.*\n)*hint: {hint}", answer["printed"]), answer

    def require_content(self) -> None:
        """Require that the real ``dvc`` finds nothing to do after the command."""
        for arguments in self.dvc:
            done = run_warm("dvc", arguments, self.root / "repo")
            # Of a killed command dvc says that it has removed its entry from the list of paths in use.
            said = [line for line in done.stderr.splitlines() if "had been killed. Auto removed it" not in line]
            assert (done.rc, said) == (0, []), done
            assert re.search("up to date|in sync", done.stdout), (arguments, done.stdout)
