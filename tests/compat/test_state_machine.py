"""Random walks through a repository with a remote, kills included, beside a model of what must be true.

CI walks a few seeded ways; ``make test-machine`` walks many new ones.
"""

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rigs.crash import KILLED, Crasher
from sycee.digest import md5_hex
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry

pytestmark = pytest.mark.slow

EXAMPLES, STEPS = (200, 40) if os.environ.get("SYCEE_MACHINE") == "long" else (25, 25)
TEXTS = {"nothing": b"", "one": b"one", "two": b"two", "much": b"much" * 9_000}
CONTENTS = st.sampled_from(sorted(TEXTS))
MEMBERS = st.dictionaries(st.sampled_from(["x", "sub/y", "z"]), CONTENTS, max_size=3)
FILES, FOLDER = ("a", "b"), "d"
OUTS = (*FILES, FOLDER)
Value = bytes | dict[str, bytes]  # what an out holds: a file, or a folder's members


def objects_of(value: Value) -> dict[str, bytes]:
    """The objects that keep a value, by id."""
    if isinstance(value, bytes):
        return {md5_hex(value): value}
    manifest = dirobject.render(Entry(name, md5_hex(content)) for name, content in value.items())
    return {md5_hex(manifest) + ".dir": manifest} | {md5_hex(content): content for content in value.values()}


class Model:
    """What is where. A command either does all of its work or, refused, none of it in the work tree."""

    def __init__(self) -> None:
        self.work: dict[str, Value] = {}
        self.pointers: dict[str, Value] = {}
        self.cache: set[str] = set()
        self.remote: set[str] = set()

    def add(self, out: str) -> bool:
        self.pointers[out] = self.work[out]
        self.cache |= set(objects_of(self.work[out]))
        return True

    def push(self) -> bool:
        for value in self.pointers.values():
            oids = set(objects_of(value))
            manifest = {oid for oid in oids if oid.endswith(".dir")}
            if manifest <= self.cache:  # else nobody knows what is in the folder
                self.remote |= (oids - manifest) & self.cache
                if oids - manifest <= self.remote:
                    self.remote |= manifest
        return all(set(objects_of(value)) <= self.remote for value in self.pointers.values())

    def fetch(self) -> bool:
        for value in self.pointers.values():
            oids = set(objects_of(value))
            manifest = {oid for oid in oids if oid.endswith(".dir")}
            self.cache |= manifest & self.remote
            if manifest <= self.cache:
                self.cache |= oids & self.remote
        return all(set(objects_of(value)) <= self.cache for value in self.pointers.values())

    def checkout(self) -> bool:
        for out, value in self.pointers.items():
            held = self.work.get(out)
            if held == value:
                continue
            if not set(objects_of(value)) <= self.cache or (held is not None and not self.saved(held)):
                return False
        self.work |= self.pointers
        return True

    def saved(self, value: Value) -> bool:
        return all(oid in self.cache for oid in objects_of(value) if not oid.endswith(".dir"))

    def gc(self) -> bool:
        needed = {oid for value in self.pointers.values() for oid in objects_of(value)}
        if not {oid for oid in needed if oid.endswith(".dir")} <= self.cache | self.remote:
            return False  # what a lost directory object lists cannot be known
        self.cache &= needed
        return True


class Walk(RuleBasedStateMachine):
    """The same steps in a real repository and in the model."""

    crasher: Crasher
    told: ClassVar[Counter[tuple[str, str]]] = Counter()  # of (verb, how it ended)

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="walk-"))
        self.repo, self.store = self.root / "repo", self.root / "store"
        subprocess.run(["git", "init", "-q", self.repo], check=True)
        self.model = Model()
        self.sycee("init")
        self.sycee("remote", "add", "-d", "store", str(self.store))

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    def sycee(self, *words: str, at: int = 0) -> int:
        answer = self.crasher.ask(self.repo, words, at=at)
        assert "Traceback" not in answer["printed"], answer
        return int(answer["rc"])

    def step(self, done: bool, *words: str, at: int = 0) -> None:
        """Run a command, killed at a point and run again if one is given; it must succeed as the model did."""
        if at and self.sycee(*words, at=at) == KILLED:
            self.told[words[0], "killed"] += 1
            self.require_whole()
        assert (self.sycee(*words) == 0) == done, (words, done)
        self.told[words[0], "done" if done else "refused"] += 1

    @rule(out=st.sampled_from(FILES), content=CONTENTS)
    def write_file(self, out: str, content: str) -> None:
        (self.repo / out).unlink(missing_ok=True)
        (self.repo / out).write_bytes(TEXTS[content])
        self.model.work[out] = TEXTS[content]

    @rule(members=MEMBERS)
    def write_folder(self, members: dict[str, str]) -> None:
        shutil.rmtree(self.repo / FOLDER, ignore_errors=True)
        (self.repo / FOLDER).mkdir()
        for name, content in members.items():
            (self.repo / FOLDER / name).parent.mkdir(exist_ok=True)
            (self.repo / FOLDER / name).write_bytes(TEXTS[content])
        self.model.work[FOLDER] = {name: TEXTS[content] for name, content in members.items()}

    @precondition(lambda self: self.model.work)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        out = data.draw(st.sampled_from(sorted(self.model.work)))
        path = self.repo / out
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        del self.model.work[out]

    @precondition(lambda self: self.model.work)
    @rule(data=st.data(), at=st.integers(0, 60))
    def add(self, data: st.DataObject, at: int) -> None:
        out = data.draw(st.sampled_from(sorted(self.model.work)))
        self.step(self.model.add(out), "add", out, at=at)

    @precondition(lambda self: self.model.pointers)
    @rule(verb=st.sampled_from(["push", "fetch", "checkout"]), at=st.integers(0, 60))
    def move(self, verb: str, at: int) -> None:
        self.step(getattr(self.model, verb)(), verb, at=at)

    @precondition(lambda self: self.model.pointers)
    @rule(at=st.integers(0, 60))
    def pull(self, at: int) -> None:
        self.step(self.model.fetch() and self.model.checkout(), "pull", at=at)

    @precondition(lambda self: self.model.pointers)
    @rule(at=st.integers(0, 30))
    def gc(self, at: int) -> None:
        self.step(self.model.gc(), "gc", "-w", "-f", at=at)

    @precondition(lambda self: self.model.cache)
    @rule(data=st.data())
    def lose_an_object(self, data: st.DataObject) -> None:
        oid = data.draw(st.sampled_from(sorted(self.model.cache)))
        self.object_path(self.repo / ".dvc/cache", oid).unlink()
        self.model.cache.discard(oid)

    @precondition(lambda self: self.model.pointers)
    @rule()
    def lose_the_cache(self) -> None:
        shutil.rmtree(self.repo / ".dvc/cache", ignore_errors=True)
        self.model.cache.clear()

    @invariant()
    def real_is_as_the_model(self) -> None:
        if not hasattr(self, "root"):
            return
        self.require_whole()
        assert {out: self.held(out) for out in OUTS if (self.repo / out).exists()} == self.model.work
        assert self.oids(self.repo / ".dvc/cache") == self.model.cache
        assert self.oids(self.store) == self.model.remote

    def require_whole(self) -> None:
        """Every object is what its name says, and what the model has saved is there."""
        for place in (self.repo / ".dvc/cache", self.store):
            for oid in self.oids(place):
                assert md5_hex(self.object_path(place, oid).read_bytes()) == oid.removesuffix(".dir")

    def held(self, out: str) -> Value:
        path = self.repo / out
        if path.is_file():
            return path.read_bytes()
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}

    @staticmethod
    def object_path(place: Path, oid: str) -> Path:
        return place / "files/md5" / oid[:2] / oid[2:]

    @staticmethod
    def oids(place: Path) -> set[str]:
        found = (place / "files/md5").rglob("*")
        return {path.parent.name + path.name for path in found if path.is_file() and not path.name.endswith(".tmp")}


def test_random_walks():
    walks = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with Crasher() as Walk.crasher:
        run_state_machine_as_test(Walk, settings=walks)
    never = [verb for verb in ("add", "push", "fetch", "pull", "checkout", "gc") if not Walk.told[verb, "done"]]
    assert not never, f"these never did anything: {Walk.told}"
    assert sum(count for (_, how), count in Walk.told.items() if how == "killed") > 10, Walk.told
