"""A team that releases a model three times, and an adversary who can serve any past state of its remote, cache and Git.

The team works with the real commands: three signers with a role each, an approval for each release, a channel. After
each release everything is kept. A machine that serves is made of any of these states, each part from another one.
"""

import datetime as dt
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rigs.tensors import safetensors
from rigs.warm import Done, run_warm
from sycee.digest import sha256_hex
from sycee.ops.keyfile import load_private
from sycee.ops.records import add_record

RELEASES = ("1.0.0", "1.1.0", "2.0.0")
PEOPLE = ("alice", "bob", "carol", "dora", "mallory")  # training, release, channel, revocation, nobody

TRUST = """\
format = 1
[keys.alice]
file = "alice.pub"
fingerprint = "{alice}"
[keys.bob]
file = "bob.pub"
fingerprint = "{bob}"
[keys.carol]
file = "carol.pub"
fingerprint = "{carol}"
[keys.dora]
file = "dora.pub"
fingerprint = "{dora}"
[roles.training]
members = ["alice"]
[roles.release]
members = ["bob"]
[roles.channel]
members = ["carol"]
[roles.revocation]
members = ["dora"]
[[models]]
match = "bert"
signed_by = ["training", "release"]
records = [{{kind = "approval", role = "release"}}]
gates = ["metrics.val_f1 >= 0.89"]
[[models]]
match = "ner"
signed_by = ["training", "release"]
"""

CARD = """\
task: ner
metrics:
  val_f1: 0.9{serial}
training_config:
  lr: 0.01
data_version: dataset-v{version}
framework_version: "torch==2.13.0"
name: {name}
version: {version}
serial: {serial}
"""


class Tried(NamedTuple):
    """What a refused command left.

    Attributes:
        code: Its exit code.
        error: Name of the error's class.
        told: Message, hint and details, as one text.
    """

    code: int
    error: str
    told: str


def weights(version: str) -> bytes:
    """Return the weights of a version: a small valid file of tensors, each version's of the same size."""
    return safetensors({"encoder.weight": ("F32", [8, 8], 256)}, data=(version * 256).encode()[:256])


class Team:
    """The team's repository, its remote, its keys.

    Attributes:
        root: Below it lies everything: ``work``, ``store``, ``keys``, ``etc``, and ``past/VERSION``.
        identities: Version to the identity of ``bert``, 64 hex digits.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.identities: dict[str, str] = {}
        self._home = root / "home"
        for name in ("work", "store", "keys", "etc", "past", "home"):
            (root / name).mkdir(parents=True)
        self.work = root / "work"
        for who in PEOPLE:
            self.sycee("keygen", self.key(who), "--no-password", at=root)
        self.write_trust(root / "etc")
        self.git("init", "-q", "-b", "main")
        self.sycee("init")
        self.sycee("remote", "add", "-d", "store", "../store")
        for serial, version in enumerate(RELEASES, 1):
            self._release(version, serial)

    def key(self, who: str) -> Path:
        """Return the private key file of somebody."""
        return self.root / "keys" / who

    def public(self, who: str) -> Path:
        """Return the public key file of somebody."""
        return self.root / "keys" / f"{who}.pub"

    def write_trust(self, folder: Path, text: str = TRUST) -> Path:
        """Write the operator's trust file and the keys that it names, and return it."""
        prints = {who: self.fingerprint(who) for who in PEOPLE}
        for who in PEOPLE:
            shutil.copy(self.public(who), folder / f"{who}.pub")
        path = folder / "trust.toml"
        path.write_text(text.format(**prints))
        tomllib.loads(path.read_text())
        return path

    def fingerprint(self, who: str) -> str:
        """Return what a trust file calls a key by."""
        done = subprocess.run(["sha256sum", self.public(who)], capture_output=True, text=True, check=True)
        return done.stdout.split()[0]

    def environ(self) -> dict[str, str]:
        """Return an environment that is nobody's."""
        own = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        people = {f"GIT_{who}_{what}": "team" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {**own, **people, "HOME": str(self._home), "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1"}

    def try_sycee(self, *words: str | Path, at: Path | None = None, **environ: str) -> Done:
        """Run sycee."""
        return run_warm("sycee", words, at or self.work, {**self.environ(), **environ})

    def sycee(self, *words: str | Path, at: Path | None = None, **environ: str) -> str:
        """Run sycee, which must succeed; return what it prints."""
        done = self.try_sycee(*words, at=at, **environ)
        if done.rc:
            raise AssertionError(f"sycee {' '.join(map(str, words))}: {done.rc}\n{done.stdout}{done.stderr}")
        return done.stdout

    def git(self, *words: str, at: Path | None = None) -> str:
        """Run Git, which must succeed; return what it prints."""
        command = ["git", *words]
        return subprocess.run(
            command, cwd=at or self.work, env=self.environ(), check=True, capture_output=True, text=True
        ).stdout

    def write_model(self, name: str, version: str, serial: int) -> Path:
        """Write the files of one version of one model."""
        folder = self.work / "models" / name
        (folder / "context/source").mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").unlink(missing_ok=True)  # a link into the cache
        (folder / "model.safetensors").write_bytes(weights(f"{name} {version} "))
        (folder / "model_card.yaml").write_text(CARD.format(name=name, version=version, serial=serial))
        (folder / "context/source/pre.py").write_text(f"def prepare(text):\n    return text + {version!r}\n")
        (folder / "context/requirements.lock").write_text(f"torch==2.{serial}.0\n")
        return folder

    def sign(self, folder: Path, *people: str) -> None:
        """Sign a folder by several, each anew."""
        for old in (*folder.glob("*.sig"), folder / "SHA256SUMS", *folder.glob("records/*")):
            old.unlink(missing_ok=True)
        for who in people:
            self.sycee("sign", folder, "--key", self.key(who))

    def approve(self, folder: Path, who: str) -> None:
        """Let somebody approve the version in a folder."""
        key = load_private(self.key(who))
        add_record(folder, "approval", {"decision": "approved", "by": who}, dt.datetime.now(dt.UTC), key)

    def _release(self, version: str, serial: int) -> None:
        for name in ("bert", "ner"):
            folder = self.write_model(name, version, serial)
            self.sycee("add", folder / "model.safetensors")
            self.sign(folder, "alice", "bob")
        self.identities[version] = sha256_hex((self.work / "models/bert/SHA256SUMS").read_bytes())
        self.approve(self.work / "models/bert", "bob")
        self.git("add", "-A")
        self.git("commit", "-qm", f"bert {version}")
        self.git("tag", f"bert@v{version}")
        self.sycee("channel", "set", "models/bert", "production", "--key", self.key("carol"), "--expires", "30d")
        self.git("add", "-A")
        self.git("commit", "-qm", f"production is bert {version}")
        self.sycee("push")
        for part in ("work", "store"):
            shutil.copytree(self.root / part, self.root / "past" / version / part, symlinks=True)


class Machine:
    """A machine that serves: clone, cache and remote are as the adversary gave them, trust and memory are its own.

    Attributes:
        root: Its folder.
        work: Its clone.
        model: The model in it.
    """

    def __init__(self, team: Team, root: Path) -> None:
        self.team = team
        self.root = root
        self.work = root / "work"
        self.model = self.work / "models/bert"
        self.state = root / "state"
        (root / "etc").mkdir(parents=True)
        self.trust = team.write_trust(root / "etc")

    def serve(self, git: str, *, cache: str | None = None, remote: str | None = None) -> "Machine":
        """Give it the state of Git of one release, with the cache and the remote of any others."""
        past = self.team.root / "past"
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.root / "store", ignore_errors=True)
        shutil.copytree(past / git / "work", self.work, symlinks=True)
        shutil.rmtree(self.work / ".dvc/cache")
        shutil.copytree(past / (cache or git) / "work/.dvc/cache", self.work / ".dvc/cache")
        shutil.copytree(past / (remote or git) / "store", self.root / "store")
        return self

    def try_sycee(self, *words: str | Path) -> Done:
        """Run sycee in the clone, with this machine's trust and memory."""
        return self.team.try_sycee(*words, at=self.work, SYCEE_TRUST=str(self.trust), SYCEE_STATE=str(self.state))

    def accepts(self, *words: str | Path) -> dict[str, Any]:
        """Verify the model, which must succeed; return the verdict."""
        done = self.try_sycee("verify", self.model, "--json", *words)
        if done.rc:
            raise AssertionError(f"refused: {done.rc}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def refuses(self, *words: str | Path) -> Tried:
        """Verify the model, which must be refused, with nothing written and no state advanced."""
        before = self.files()
        done = self.try_sycee("verify", self.model, "--json", *words)
        assert done.rc, f"accepted:\n{done.stdout}"
        assert self.files() == before, "a refusal writes nothing, and remembers nothing"
        assert "Traceback" not in done.stderr
        told = json.loads(done.stdout)
        assert told["exit_code"] == done.rc
        assert told["hint"], "a refusal says what to do now"
        return Tried(done.rc, told["error"], json.dumps(told, ensure_ascii=False))

    def files(self) -> dict[str, bytes]:
        """Return everything that a verification could write to, but the scratch of the clone."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in _regular(self.root)
            if ".dvc/tmp" not in str(path)
        }

    def trust_with(self, *lines: str, instead: Iterable[tuple[str, str]] = ()) -> None:
        """Write another trust file: the usual one with some texts replaced, and lines added."""
        text = TRUST
        for old, new in instead:
            assert old in text
            text = text.replace(old, new)
        self.trust = self.team.write_trust(self.root / "etc", text + "\n".join(("", *lines)) + "\n")

    def resign(self, *people: str) -> None:
        """Sign what is here again, by these."""
        self.team.sign(self.model, *people)


def _regular(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
