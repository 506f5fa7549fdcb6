"""Version-aware remotes beside the real dvc, in a bucket that keeps versions: what it pushed sycee pulls."""

import shutil
from pathlib import Path

import pytest
from botocore.session import get_session

from conftest import command
from sycee.formats import pointer

pytestmark = pytest.mark.slow

FIRST = {"w.bin": b"first weights\n", "d/x": b"1\n", "d/s/y": b"", "big.bin": bytes(9 << 20)}

BUCKET = "with-versions"  # its own: what is deleted from one stays in lists of versions
TRACKED = ("w.bin", "d", "big.bin")


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def content(root):
    return {name: (root / name).read_bytes() for name in FIRST if (root / name).exists()}


def forget(root):
    shutil.rmtree(root / ".dvc/cache", ignore_errors=True)
    command("git", root)("clean", "-fdxq", "-e", ".dvc")


MADE: list[Path] = []  # the one repository that all tests copy


@pytest.fixture
def pushed(tmp_path, tmp_path_factory, s3_server):
    """A repository whose two versions were pushed to a version-aware remote, and nothing of their content in it."""
    if not MADE:
        MADE.append(tmp_path_factory.mktemp("pushed") / "repo")
        make(MADE[0], s3_server)
    return shutil.copytree(MADE[0], tmp_path / "repo", symlinks=True)


def make(root, server):
    keys = {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key}
    client = get_session().create_client("s3", endpoint_url=server.endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    root.mkdir()
    git, dvc = command("git", root), command("dvc", root)
    git("init", "-q")
    dvc("init", "-q")
    dvc("remote", "add", "-d", "v", f"s3://{BUCKET}/models")
    for name, value in server.options(version_aware="true").items():
        dvc("remote", "modify", "--local", "v", name, value)
    write(root, FIRST)
    dvc("add", "-q", *TRACKED)
    dvc("push", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    write(root, {"w.bin": b"second\n", "d/x": b"22\n"})
    dvc("add", "-q", *TRACKED)
    dvc("push", "-q")
    git("commit", "-qam", "second")
    forget(root)


def test_pull(pushed, tmp_path):
    ours, git = command("sycee", pushed), command("git", pushed)
    theirs = tmp_path / "theirs"
    shutil.copytree(pushed, theirs, symlinks=True)
    command("dvc", theirs)("pull", "-q")

    assert "dvc pull -r v" in ours("push", "-r", "v", rc=None).stderr + ours("status", "-c", rc=1).stderr
    assert "sycee pull" in ours("checkout", "w.bin", rc=1).stderr
    assert ours("pull").stdout.endswith("4 files fetched and 4 files added\n")
    assert content(pushed) == content(theirs) == {**FIRST, "w.bin": b"second\n", "d/x": b"22\n"}
    assert not git("status", "--short").stdout
    assert "up to date" in ours("pull").stdout
    assert "up to date" in ours("status").stdout
    assert "up to date" in command("dvc", pushed)("status").stdout

    git("checkout", "-q", "HEAD^")
    assert ours("checkout", "w.bin", rc=1).stderr.count("sycee pull") == 1
    ours("pull")
    assert content(pushed) == FIRST
    ours("gc", "-w", "-f")
    (pushed / "w.bin").unlink()
    shutil.rmtree(pushed / "d")
    ours("checkout")
    assert content(pushed) == FIRST
    (pushed / "w.bin").write_bytes(b"mine")
    assert "stored nowhere" in ours("checkout", rc=1).stderr
    ours("checkout", "--force")
    (pushed / "d/x").unlink()
    shutil.rmtree(pushed / ".dvc/cache")
    assert "d has no none" in ours("fetch", "d/none", rc=1).stderr
    ours("pull", "d/x")
    assert content(pushed) == FIRST


def test_what_is_not_what_the_pointer_says_is_refused(pushed):
    ours = command("sycee", pushed)
    origin = pushed / "w.bin.dvc"
    text = origin.read_text()
    [out] = pointer.parse(text.encode(), "w.bin.dvc").outs
    origin.write_text(text.replace(f"- md5: {out.md5}", f"- md5: {'a' * 32}"))
    assert "expected md5 aaaa" in ours("pull", "w.bin", rc=11).stderr
    origin.write_text(text.replace(out.versions[0].version, "f" * 32))
    refused = ours("fetch", "w.bin", rc=1).stderr
    assert f"w.bin: {'f' * 32} is no version of s3://{BUCKET}/models/w.bin" in refused
    assert "hint: if it was moved since, push it from where it is: dvc push -r v" in refused
    assert not (pushed / "w.bin").exists()


def test_pointers_survive(pushed):
    ours, git, dvc = command("sycee", pushed), command("git", pushed), command("dvc", pushed)
    ours("pull")
    versions = [out.versions for name in ("w.bin.dvc", "d.dvc") for out in parsed(pushed / name)]
    ours("add", "w.bin")
    ours("adopt", "--dry-run", rc=None)
    ours("commit", "-f", rc=None)
    assert [out.versions for name in ("w.bin.dvc", "d.dvc") for out in parsed(pushed / name)] == versions
    git("checkout", "-q", "--", ".")
    ours("review", "HEAD^..HEAD")
    ours("diff", "HEAD^")
    ours("data", "status")
    ours("check")
    ours("push")
    for words in (["get", ".", "w.bin", "-o", "got"], ["list", ".", "-R"]):
        assert f"dvc {words[0]}" in ours(*words, rc=1).stderr
    assert not git("status", "--short").stdout
    assert "up to date" in dvc("status").stdout


def parsed(path):
    return pointer.parse(path.read_bytes(), path.name).outs
