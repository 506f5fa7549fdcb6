"""Statements, versions and a repository for tests of channels."""

import datetime as dt
import subprocess
from pathlib import Path

from rigs.signed import CARD, KEY_PEM, sign_folder, write_model
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.trust.keys import Signing
from sycee.trust.policy.documents import sign_document

NOW = dt.datetime(2026, 2, 1, 8, 30, tzinfo=dt.UTC)
A, B, C = "a" * 64, "b" * 64, "c" * 64


def statement(serial: int = 1, identity: str = A, **changed: object) -> Channel:
    """Return a statement about production of bert."""
    made = Channel("bert", "production", serial, NOW, NOW + dt.timedelta(days=30), identity)
    return made._replace(**changed)


def put(path: Path, said: Channel, *keys: Signing) -> Path:
    """Put a statement with signatures in the place of another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = channel.render(said)
    for key in keys:
        sign_document(path, data, key, replace=True)
    return path


def release(repo: Path, version: str, name: str = "bert") -> str:
    """Write, sign and commit a version of the model in ``models/bert``; return its identity."""
    folder = repo / "models" / name
    card = CARD.replace(b"1.2.0", version.encode()).replace(b"bert", name.encode())
    write_model(folder, {"model.pt": f"weights {version}".encode(), "model_card.yaml": card})
    for stale in (*folder.glob("*.sig"), folder / "SHA256SUMS"):
        stale.unlink(missing_ok=True)
    identity = sign_folder(folder).identity
    commit(repo, f"{name} {version}")
    return identity


def commit(repo: Path, words: str) -> None:
    """Commit everything."""
    subprocess.run(["git", "add", "-A", "-f", "models", ".sycee"], cwd=repo, capture_output=True, check=False)
    subprocess.run(["git", "add", "-A"], cwd=repo, check=True, capture_output=True)
    subprocess.run(["git", "commit", "-qm", words], cwd=repo, check=True, capture_output=True)


def key_file(folder: Path) -> Path:
    """Write the private key of the tests and return its path."""
    path = folder / "release.key"
    path.write_bytes(KEY_PEM)
    path.chmod(0o600)
    return path
