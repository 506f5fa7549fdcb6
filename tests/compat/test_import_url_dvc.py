"""What ``dvc import-url`` made beside the real dvc: from disk, from a web server, from a bucket; whole and left out."""

import shutil

import pytest

from conftest import command

pytestmark = pytest.mark.slow

DATA = {"l.bin": b"local\n" * 9, "h.bin": b"web\n" * 9, "s.bin": b"bucket\n" * 9}
FOLDER = {"x": b"1\n", "y": b"22\n"}
LEFT_OUT = ["lp.bin", "hp.bin", "sp.bin"]
WHOLE = ["l.bin", "h.bin", "s.bin", "ld", "sd"]


def tree(root, names):
    """Return path to bytes of what is there of tracked paths."""
    paths = [path for name in names for path in (root / name, *(root / name).rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def forget(root):
    shutil.rmtree(root / ".dvc/cache", ignore_errors=True)
    command("git", root)("clean", "-fdxq", "-e", ".dvc")


@pytest.fixture
def sources(tmp_path, http_server, s3_server):
    """The three sources; calling it with other bytes changes them."""

    def fill(mark=b""):
        (tmp_path / "outside/ld").mkdir(parents=True, exist_ok=True)
        (tmp_path / "outside/l.bin").write_bytes(mark + DATA["l.bin"])
        (http_server.folder / "h.bin").write_bytes(mark + DATA["h.bin"])
        bucket = s3_server.store()
        bucket.put("from-url/s.bin", mark + DATA["s.bin"])
        for name, data in FOLDER.items():
            (tmp_path / "outside/ld" / name).write_bytes(mark + data)
            bucket.put(f"from-url/sd/{name}", mark + data)

    fill()
    return fill


@pytest.fixture
def imported(repo_dir, dvc, git, sources, http_server, s3_server):
    """A repository with all kinds of imports, committed, and nothing of their content in it."""
    dvc("remote", "add", "web", http_server.url)
    dvc("remote", "add", "bucket", "s3://models/from-url")
    for name, value in s3_server.options().items():
        dvc("remote", "modify", "--local", "bucket", name, value)
    dvc("remote", "add", "-d", "store", "../store")
    for name, url in {
        "l.bin": "../outside/l.bin",
        "ld": "../outside/ld",
        "h.bin": f"{http_server.url}/h.bin",
        "s.bin": "remote://bucket/s.bin",
        "sd": "remote://bucket/sd",
    }.items():
        dvc("import-url", "-q", url, name)
    dvc("import-url", "-q", "--no-download", "../outside/l.bin", "lp.bin")
    dvc("import-url", "-q", "--no-download", "remote://web/h.bin", "hp.bin")
    dvc("import-url", "-q", "--no-download", "remote://bucket/s.bin", "sp.bin")
    git("add", "-A")
    git("commit", "-qm", "imports")
    forget(repo_dir)
    return repo_dir


def test_pull(imported, tmp_path, sources):
    theirs = tmp_path / "theirs"
    shutil.copytree(imported, theirs, symlinks=True)
    ours, dvc = command("sycee", imported), command("dvc", theirs)

    assert "10 files added" in ours("pull").stdout
    dvc("pull", *LEFT_OUT)
    assert tree(theirs, LEFT_OUT) == tree(imported, LEFT_OUT)
    assert tree(imported, WHOLE) == {
        **DATA,
        **{f"{folder}/{name}": data for folder in ("ld", "sd") for name, data in FOLDER.items()},
    }
    for name in LEFT_OUT:
        dvc("commit", "-f", f"{name}.dvc")
    pointers = [f"{name}.dvc" for name in LEFT_OUT + WHOLE]
    assert tree(theirs, pointers) == tree(imported, pointers)
    assert "changed outs" not in command("dvc", imported)("status").stdout
    assert "up to date" in ours("status").stdout
    assert "up to date" in ours("pull").stdout

    sources(b"changed ")
    for root in (imported, theirs):
        command("git", root)("checkout", "-q", "--", ".")
        forget(root)
    dvc("pull", *LEFT_OUT, rc=1)
    refused = ours("pull", rc=11)
    assert refused.stderr.count("has changed since it was imported") == len(LEFT_OUT + WHOLE)
    assert tree(theirs, LEFT_OUT) == tree(imported, LEFT_OUT + WHOLE) == {}
    assert not command("git", imported)("status", "--short").stdout

    assert "dvc update s.bin.dvc" in ours("pull", "s.bin", rc=11).stderr
    command("dvc", imported)("update", "-q", "s.bin.dvc")
    forget(imported)
    ours("pull", "s.bin")
    assert tree(imported, ["s.bin"]) == {"s.bin": b"changed " + DATA["s.bin"]}
