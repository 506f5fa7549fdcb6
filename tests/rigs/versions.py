"""Signed versions of a small model in a real repository: committed, tagged, and pushed to a store in memory."""

import subprocess
from pathlib import Path

from rigs.signed import CARD, MODEL, fixed_key, write_model
from sycee.ops.add import add
from sycee.ops.push import push
from sycee.ops.sign import sign
from sycee.storage.memory import MemoryBackend
from sycee.store.objects import Outcome, Remote
from sycee.workspace.repository import Repository

NAME = "models/bert"


def git(repo: Repository, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repo.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def store() -> Remote:
    return Remote("store", MemoryBackend("store"), jobs=2)


def commit_version(repo: Repository, version: str, *, whole: bool = False, serial: int = 7) -> str:
    """Write, track, sign and commit a version, tag it, and return its identity; its weights tell which one it is."""
    card = CARD.replace(b"1.2.0", version.encode()).replace(b"serial: 7", b"serial: %d" % serial)
    files = {**MODEL, "model.pt": f"weights of {version}".encode(), "model_card.yaml": card}
    model = repo.root / NAME
    for name in files:  # an object that is linked must not be written through
        (model / name).unlink(missing_ok=True)
    write_model(model, files)
    add(repo, [model if whole else model / "model.pt"])
    identity = sign(model, fixed_key(), repo=repo).identity
    commit(repo, version)
    return identity


def commit(repo: Repository, tag: str) -> None:
    """Commit everything that Git does not ignore, and tag it."""
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", tag)
    git(repo, "tag", f"v{tag}")


def push_all(repo: Repository, remote: Remote) -> Outcome:
    return push(repo, repo.tracked(), lambda _name: remote)


def private(remote: Remote) -> dict[str, bytes]:
    """Return what lies in sycee's corner of a remote."""
    return {one.key: b"".join(remote.backend.read(one.key)) for one in remote.backend.list("sycee")}


def model_of(repo: Repository) -> Path:
    return repo.root / NAME
