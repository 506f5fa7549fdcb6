"""The lock of this very environment, as the tools that are to read it see it."""

import os
import subprocess
import sys
import tomllib

import pytest
from packaging.pylock import Pylock as Standard

from conftest import BIN
from sycee.capture import lock
from sycee.formats import requirements
from sycee.formats.requirements import normal_name

pytestmark = pytest.mark.slow

PACKAGES = {"click", "packaging", "urllib3"}  # pure Python, and what sycee and its tests stand on


def call(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_pip_uv_and_packaging_read_the_locks_of_this_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("UV_OFFLINE")
    locks = lock.begin(os.environ, "2026-11-23").finish()
    assert locks.warnings == ()
    assert requirements.parse(locks.lock).fully_hashed
    assert not any(word in locks.lock + locks.pylock for word in (b"://", b"file:", os.fsencode(BIN.parent)))
    standard = Standard.from_dict(tomllib.loads(locks.pylock.decode()))
    assert {package.name for package in standard.packages} >= PACKAGES

    (tmp_path / "requirements.lock").write_bytes(requirements.selected(locks.lock, PACKAGES))
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "--require-hashes", "-r", "requirements.lock"]
    call(*pip, "-d", "wheels", cwd=tmp_path)
    named = {file.filename for package in standard.packages if package.name in PACKAGES for file in package.wheels}
    assert {path.name for path in (tmp_path / "wheels").iterdir()} == named

    sync = [BIN / "uv", "pip", "sync", "-q", "--python", "v", "--offline", "--no-cache"]
    call(BIN / "uv", "venv", "-q", "--python", sys.executable, "v", cwd=tmp_path)
    call(*sync, "--no-index", "--find-links", "wheels", "--require-hashes", "requirements.lock", cwd=tmp_path)
    listed = call(BIN / "uv", "pip", "freeze", "-q", "--python", "v", cwd=tmp_path).split()
    assert {normal_name(line.partition("==")[0]) for line in listed} == PACKAGES

    head, *packages = locks.pylock.decode().split("\n[[packages]]\n")
    click = next(text for text in packages if text.startswith('name = "click"'))
    (tmp_path / "pylock.toml").write_text(f"{head}\n[[packages]]\n{click}")
    call(*sync, "pylock.toml", cwd=tmp_path)
    assert call(BIN / "uv", "pip", "freeze", "-q", "--python", "v", cwd=tmp_path).startswith("click==")
