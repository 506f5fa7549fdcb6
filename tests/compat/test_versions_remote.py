"""What push leaves for versions outlives the real ``dvc gc -c``, and a real S3 server gives it to who has no Git."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from rigs.signed import fixed_key, verify_folder
from rigs.versions import commit_version, model_of, push_all
from sycee.ops.pullversion import VersionRequest, pull_version
from sycee.ops.trustplace import Asked
from sycee.storage.local import LocalBackend
from sycee.storage.options import RemoteRequest
from sycee.storage.s3 import open_s3
from sycee.store.objects import Remote

pytestmark = pytest.mark.slow


def below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_dvc_gc_spares_it(repo, run, dvc, tmp_path):
    bucket = tmp_path / "bucket"
    run("remote", "add", "-d", "store", bucket)
    old = commit_version(repo, "1.0.0")
    run("push")
    new = commit_version(repo, "1.1.0")
    run("push")
    before = below(bucket / "sycee")
    assert "Removed 1 objects from remote" in dvc("gc", "-w", "-c", "-f").stdout
    assert below(bucket / "sycee") == before
    remote = Remote("store", LocalBackend(bucket))
    assert pull_version(VersionRequest(tmp_path / "new", new), remote).identity == new
    run("pull", "--identity", old, tmp_path / "old", "--remote", bucket, rc=1)  # dvc took its weights
    assert not (tmp_path / "old").exists()
    run("gc", "-w", "-c", "-f")
    assert len(below(bucket / "sycee/versions")) == 1
    assert "Everything is up to date" in dvc("push").stdout


def test_a_machine_without_git(repo, tmp_path):
    """In a process of its own, with neither git nor a home nor a repository."""
    identity = commit_version(repo, "1.0.0")
    push_all(repo, Remote("store", LocalBackend(tmp_path / "bucket")))
    shutil.rmtree(repo.root)
    (tmp_path / "machine").mkdir()
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    environ = {
        "PATH": "/nonexistent",
        "HOME": str(tmp_path / "machine"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    words = ["pull", "bert@1.0.0", "bert", "--key", "../key.pub", "--remote", "../bucket", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "sycee", *words], cwd=tmp_path / "machine", env=environ, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["identity"] == f"sycee:{identity}"
    assert verify_folder(tmp_path / "machine/bert").identity == identity


def test_from_s3(repo, tmp_path, s3_server):
    identity = commit_version(repo, "1.0.0")
    backend = open_s3(RemoteRequest("s3://models/versions", s3_server.options(), os.environ, "store"))
    remote = Remote("store", backend)
    try:
        push_all(repo, remote)
        assert push_all(repo, remote).versions == []
        signed = VersionRequest(tmp_path / "bert", None, "bert@1.0.0", Asked(key=fixed_key().public))
        assert pull_version(signed, remote).identity == identity
    finally:
        backend.close()
    pointers = {name for name in below(model_of(repo)) if name.endswith((".dvc", ".gitignore"))}
    assert below(tmp_path / "bert") == below(model_of(repo)) - pointers
