"""Random walks through publishing, approving, promoting, rolling back, rotating, revoking, expiring, going offline and
forgetting, with the real verifier beside a model of what it must accept. The clock is the walk's.

CI walks some hundred seeded steps; ``make test-trust`` walks 10,000.
"""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from rigs.channels import put
from rigs.channels import statement as made
from rigs.signed import CARD, sign_folder, write_model
from rigs.trusted import DAY, NOW, judged, key
from rigs.trustmodel import Model, Statement, Version, Withdrawn
from sycee.formats import revocations
from sycee.formats.revocations import Revocations
from sycee.ops.records import add_record
from sycee.trust.policy.channels import Places, record_path
from sycee.trust.policy.documents import sign_document
from sycee.trust.policy.memory import Memory, Seen
from sycee.trust.verify import Verified

pytestmark = pytest.mark.slow

LONG = os.environ.get("SYCEE_MACHINE") == "long"  # asked before the fixture that clears the environment
STEPS, SEEDS = (2_500, 4) if LONG else (300, 1)
VERSIONS = 10
STATEMENT = ".sycee/channels/bert/production.json"


class Walk:
    """The same steps in real files and in the model."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.trust, self.repo, self.state = root / "etc/trust.toml", root / "repo", root / "state"
        self.repo.mkdir(parents=True)
        self.trust.parent.mkdir()
        thresholds = {"release": 1, "review": 1, "channel": 1, "revocation": 1}
        self.model = Model(NOW, {}, thresholds)
        self.identities: dict[str, str] = {}
        self.made: list[tuple[Statement, Path]] = []
        self.lists: list[tuple[Withdrawn, Path]] = []
        self.keys = 0
        self.told: Counter[str] = Counter()
        self.trail: list[str] = []
        self.settle()

    def one(self, names: object) -> str:
        return self.random.choice(sorted(names))

    def some(self, role: str) -> frozenset[str]:
        """Choose who signs: mostly as many of the role as it takes, now and then somebody else."""
        if self.random.random() < 0.1:
            return frozenset({f"k{self.random.randrange(self.keys)}"})
        members = sorted(self.model.roles[role])
        return frozenset(self.random.sample(members, min(len(members), self.model.thresholds[role])))

    def write_trust(self) -> None:
        """Write the trust file that says what the model's roles are; keys without a role are not in it."""
        text = "format = 1\nwarn_days = 3\n"
        for name in sorted(set().union(*self.model.roles.values())):
            text += f'[keys.{name}]\npem = """\n{key(name).public.pem.decode()}"""\n'
            text += f"valid_until = {self.model.ends[name].isoformat()}\n" if name in self.model.ends else ""
        for role, members in self.model.roles.items():
            text += f"[roles.{role}]\nmembers = {sorted(members)}\nthreshold = {self.model.thresholds[role]}\n"
        text += '[[models]]\nmatch = "bert"\nsigned_by = ["release"]\nformats = ["unknown"]\n'
        text += 'records = [{kind = "approval", role = "review", max_age_days = 60}]\n'
        text += '[revocations]\nfile = "revoked.json"\ngrace_days = 2\n[channels]\ngrace_days = 1\n'
        text += "fallback = true\n" if self.model.fallbacks else ""
        self.trust.write_text(text)

    def publish(self) -> None:
        """Write and sign a version; the oldest makes room."""
        if len(self.model.versions) >= VERSIONS:
            oldest = next(iter(self.model.versions))
            del self.model.versions[oldest]
            shutil.rmtree(self.root / oldest)
        name = f"v{len(self.identities)}"
        card = CARD.replace(b"1.2.0", f"1.{len(self.identities)}.0".encode())
        folder = write_model(self.root / name, {"model.pt": name.encode(), "model_card.yaml": card})
        signers = self.some("release")
        for signer in sorted(signers):
            self.identities[name] = sign_folder(folder, key(signer)).identity
        self.model.versions[name] = Version({*signers}, [], [])

    def sign_too(self) -> None:
        """Add a signature to a version."""
        name = self.one(self.model.versions)
        [signer, *_] = self.some("release")
        sign_folder(self.root / name, key(signer))
        self.model.versions[name].signers.add(signer)

    def approve(self, name: str = "") -> None:
        """Approve a version, or say no, which withdraws nothing."""
        name = name or self.one(self.model.versions)
        if len(self.model.versions[name].approvals) > 8:
            return
        granted = self.random.random() < 0.9
        for signer in sorted(self.some("review")):
            words = {"decision": "approved" if granted else "rejected"}
            add_record(self.root / name, "approval", words, self.model.now, key(signer))
            self.model.versions[name].approvals.extend([(signer, self.model.now)] if granted else [])

    def promote(self, name: str = "") -> None:
        """State which version the channel names: any, so that this is going back too; now and then a serial again."""
        highest = max((said.serial for said, _ in self.made), default=0)
        again = self.random.random() < 0.1 and highest > 0
        version = name or self.one(self.model.versions)
        others = [*(self.model.versions.keys() - {version}), None]
        fallback = self.random.choice(sorted(others, key=str))
        lasts = self.random.choice([2, 10, 30]) * DAY
        signers = self.some("channel")
        said = Statement(highest + (not again), version, fallback, self.model.now + lasts, signers)
        self.made.append((said, self.write(f"statements/{len(self.made)}.json", said)))

    def write(self, path: str, said: Statement) -> Path:
        found = made(said.serial, self.identities[said.version], issued=self.model.now, expires=said.expires)
        found = found._replace(fallback=self.identities[said.fallback] if said.fallback else None)
        return put(self.root / path, found, *(key(signer) for signer in sorted(said.signers)))

    def withdraw(self) -> None:
        """Make a new list, which may withdraw one more key or version."""
        former = self.lists[-1][0] if self.lists else Withdrawn(0, NOW, frozenset(), frozenset())
        known = [*self.model.versions, f"k{self.random.randrange(self.keys)}"]
        more = {self.one(known)} if self.random.random() < 0.3 else set()
        lasts = self.random.choice([5, 20, 40]) * DAY
        one = Withdrawn(former.number + 1, self.model.now + lasts, former.names | more, self.some("revocation"))
        keys = {key(name).public.fingerprint: "stolen" for name in one.names if name.startswith("k")}
        versions = {self.identities[name]: "bad" for name in one.names if name.startswith("v")}
        data = revocations.render(Revocations(one.number, self.model.now, one.expires, keys, versions))
        path = self.root / f"lists/{one.number}.json"
        path.parent.mkdir(exist_ok=True)
        for signer in sorted(one.signers):
            sign_document(path, data, key(signer))
        self.lists.append((one, path))

    def go_online(self) -> None:
        """Get the newest of both; until this comes again the machine is offline."""
        self.serve(-1)
        self.serve_list(-1)

    def serve_the_past(self) -> None:
        """Let whoever controls the repository show what was true once."""
        if self.random.random() < 0.7:
            self.serve(self.random.randrange(len(self.made)))
        else:
            self.serve_list(self.random.randrange(len(self.lists)))

    def serve(self, at: int) -> None:
        self.model.served, source = self.made[at]
        copy(source, self.repo / STATEMENT)

    def serve_list(self, at: int) -> None:
        self.model.served_list, source = self.lists[at]
        copy(source, self.trust.with_name("revoked.json"))

    def pack(self) -> None:
        """Put a statement into a version's own folder, as for a container."""
        name = self.one(self.model.versions)
        said, source = self.random.choice(self.made[-6:])
        copy(source, self.root / name / record_path("production"))
        self.model.versions[name].packed[:] = [said]

    def rotate(self) -> None:
        """Put a new key in the place of another, let a key end, or change a threshold or what is said of fallbacks."""
        role = self.one(["release", "review", "channel"])
        members = self.model.roles[role]
        match self.random.randrange(5):
            case 0:
                self.model.ends[self.one(members)] = self.model.now + self.random.randrange(1, 40) * DAY
            case 1:
                self.model.thresholds[role] = self.random.randrange(1, 3)
            case 2:
                self.model.fallbacks = not self.model.fallbacks
            case _:
                members.remove(self.one(members))
                members.add(f"k{self.keys}")
                self.keys += 1
        self.write_trust()

    def wait(self) -> None:
        self.model.now += self.random.choice([0.1, 1, 1, 3, 10]) * DAY
        self.model.now = self.model.now.replace(microsecond=0)

    def forget(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)
        self.model.seen, self.model.seen_list = None, 0

    def settle(self) -> None:
        """Begin anew with keys that nobody withdrew, and a good version: else in the end all would be refused."""
        fresh = [f"k{self.keys + at}" for at in range(5)]
        self.keys += 5
        self.model.roles = {"release": {*fresh[:3]}, "review": {*fresh[1:4]}, "channel": {*fresh[3:]}}
        self.model.roles["revocation"] = {"admin"}
        self.model.thresholds.update(release=1, review=1, channel=1)
        self.model.ends.clear()
        self.model.fallbacks = True
        self.write_trust()
        self.publish()
        name = [*self.model.versions][-1]
        self.approve(name)
        self.withdraw()
        self.promote(name)
        self.go_online()

    def verify(self) -> None:
        """Ask the real verifier about a version, and the model."""
        said = self.model.served
        name = self.one(self.model.versions)
        if said and said.version in self.model.versions and self.random.random() < 0.7:
            name = said.version
        expected = self.model.reasons(name)
        around = {"channel": "production", "channel_places": Places(repository=self.repo)}
        found = judged(self.root / name, self.trust, self.model.now, memory=Memory(self.state), **around)
        verdict = None if isinstance(found, Verified) else type(found)
        assert (verdict in expected) if expected else verdict is None, (name, verdict, expected, str(found))
        self.told[verdict.__name__ if verdict else "accepted"] += 1
        if verdict is None:
            self.model.accept(name)
        self.require_memory()

    def require_memory(self) -> None:
        """What is remembered is what was accepted, whatever was refused since."""
        memory, seen = Memory(self.state), self.model.seen
        assert memory.seen("bert", "production") == (Seen(seen.serial, self.identities[seen.version]) if seen else None)
        assert (memory.list_seen(str(self.trust.with_name("revoked.json"))) or 0) == self.model.seen_list

    def step(self) -> None:
        chances = {
            self.verify: 40, self.wait: 10, self.go_online: 10, self.promote: 8, self.serve_the_past: 8,
            self.approve: 6, self.publish: 4, self.withdraw: 4, self.rotate: 4, self.pack: 3, self.sign_too: 2,
            self.settle: 3, self.forget: 1,
        }  # fmt: skip
        [step] = self.random.choices([*chances], [*chances.values()])
        self.trail.append(step.__name__)
        step()


def copy(source: Path, target: Path) -> None:
    """Put a document and its signatures in the place of others, as a checkout of Git does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f"{target.name}*"):
        old.unlink()
    for path in source.parent.glob(f"{source.name}*"):
        shutil.copyfile(path, target.with_name(path.name.replace(source.name, target.name, 1)))


def test_walks(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut here
    told = Counter()
    for seed in range(1, SEEDS + 1):
        walk = Walk(tmp_path / str(seed), seed)
        for at in range(STEPS):
            try:
                walk.step()
            except AssertionError as fault:
                pytest.fail(f"seed {seed}, step {at}: {fault}\nafter {' '.join(walk.trail[-30:])}")
        told += walk.told
    wanted = {"accepted", "SignatureInvalid", "PolicyDenied", "WrongVersion", "Expired", "Revoked", "RolledBack"}
    assert told.keys() == wanted, told
    assert told["accepted"] > STEPS * SEEDS / 40, told
