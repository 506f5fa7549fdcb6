"""A command that is killed at any moment leaves the old version whole, and the next run completes the work."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BIN

pytestmark = pytest.mark.slow


def killed(folder, seconds, *arguments):
    """Start ``sycee`` and kill it after a while; tell whether it was still at work."""
    process = subprocess.Popen([BIN / "sycee", *arguments], cwd=folder, stdout=-3, stderr=-3)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def require_sound(store):
    """Every object with the mode that means "verified" must be what its name says."""
    for path in store.glob("files/md5/*/*"):
        if path.stat().st_mode & 0o777 == 0o444 and path.suffix != ".tmp":
            oid = (path.parent.name + path.name).removesuffix(".dir")
            assert hashlib.md5(path.read_bytes()).hexdigest() == oid, path


@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere(repo_dir, run, tmp_path, seed):
    chance = random.Random(seed)
    run("remote", "add", "-d", "store", tmp_path / "store")
    files = {"d/small": os.urandom(10), "d/large": os.urandom(9 << 20), "big": os.urandom(60 << 20)}
    for name, data in files.items():
        (repo_dir / name).parent.mkdir(exist_ok=True)
        (repo_dir / name).write_bytes(data)

    def present():
        return {name: (repo_dir / name).read_bytes() for name in files}

    killed(repo_dir, chance.uniform(0.1, 0.5), "add", "big", "d")
    assert present() == files
    for pointer in repo_dir.glob("?*.dvc"):
        assert pointer.read_text().endswith(f"path: {pointer.stem}\n") or "meta:" in pointer.read_text()
    require_sound(repo_dir / ".dvc/cache")
    run("add", "big", "d")

    killed(repo_dir, chance.uniform(0.1, 0.5), "push")
    require_sound(tmp_path / "store")
    run("push")
    assert "in sync" in run("status", "--cloud").stdout

    shutil.rmtree(repo_dir / ".dvc/cache")
    (repo_dir / "big").unlink()
    shutil.rmtree(repo_dir / "d")
    killed(repo_dir, chance.uniform(0.1, 0.7), "pull")
    require_sound(repo_dir / ".dvc/cache")
    run("pull")
    assert present() == files
    assert run("status").stdout == "Data and pipelines are up to date.\n"
