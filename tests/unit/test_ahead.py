"""Copies that are written while their objects arrive."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from sycee.cli.main import main
from sycee.core.progress import SILENT
from sycee.digest import md5_hex
from sycee.errors import DigestMismatch
from sycee.ops import ahead, checkout
from sycee.storage import local
from sycee.store.objects import Remote
from sycee.store.transfer import fetch
from sycee.workspace.repository import find_repository
from sycee.workspace.wanted import wanted

BYTES = os.urandom(100_000)


@pytest.fixture
def clone(repo_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a tracked file that is on the remote only."""
    monkeypatch.chdir(repo_dir)
    monkeypatch.setattr(ahead, "LARGE", 50_000)
    monkeypatch.setattr(local, "CHUNK", 10_000)
    (repo_dir / "model.pt").write_bytes(BYTES)
    for words in (["remote", "add", "-d", "store", str(tmp_path / "store")], ["add", "model.pt"], ["push"]):
        assert main(words) == 0
    (repo_dir / "model.pt").unlink()
    forget(repo_dir)
    return repo_dir


def forget(clone: Path) -> None:
    for path in (clone / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()


def copied(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What checkout copied out of the cache, from now on."""
    sources: list[Path] = []
    real = checkout.prepare

    def prepare(source, *args, **options):
        sources.append(source)
        return real(source, *args, **options)

    monkeypatch.setattr(checkout, "prepare", prepare)
    return sources


def leftovers(clone: Path) -> list[Path]:
    return [path for path in clone.rglob("*.tmp") if path.is_file()]


def test_a_large_file_is_not_read_again_for_its_copy(clone, monkeypatch):
    sources = copied(monkeypatch)
    assert main(["pull"]) == 0
    assert sources == []
    assert (clone / "model.pt").read_bytes() == BYTES
    assert leftovers(clone) == []


def test_its_mode_is_that_of_any_file(clone):
    pointer = clone / "model.pt.dvc"
    pointer.write_text(pointer.read_text().replace("  hash: md5\n", "  isexec: true\n  hash: md5\n"))
    before = os.umask(0o027)
    try:
        assert main(["pull"]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((clone / "model.pt").stat().st_mode) == 0o740


def test_bytes_that_are_not_the_object_get_no_name(clone, tmp_path, capsys):
    digest = md5_hex(BYTES)
    stored = tmp_path / "store/files/md5" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_bytes(BYTES[:-1] + b"?")
    assert main(["pull"]) == 11
    assert "model.pt" in capsys.readouterr().err
    assert not (clone / "model.pt").exists()
    assert leftovers(clone) == []


def test_where_a_copy_finds_no_room_the_object_is_fetched_all_the_same(clone, monkeypatch):
    real = ahead.open_temp

    def full(folder):
        temp, fd = real(folder)
        os.close(fd)
        fd = os.memfd_create("full", os.MFD_ALLOW_SEALING)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        return temp, fd

    monkeypatch.setattr(ahead, "open_temp", full)
    sources = copied(monkeypatch)
    assert main(["pull"]) == 0
    assert len(sources) == 1
    assert (clone / "model.pt").read_bytes() == BYTES
    assert leftovers(clone) == []


def test_nothing_is_tried_beyond_a_link(clone, tmp_path, capsys):
    theirs = tmp_path / "theirs/sub"
    theirs.mkdir(parents=True)
    (clone / "link").symlink_to(tmp_path / "theirs")
    pointer = (clone / "model.pt.dvc").read_text()
    (clone / "evil.dvc").write_text(f"wdir: link/sub\n{pointer}")
    before = theirs.stat()
    assert main(["pull"]) == 1
    assert "link is a symlink" in capsys.readouterr().err
    assert theirs.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("way", ["hardlink", "symlink"])
def test_a_link_needs_no_copy(clone, monkeypatch, way):
    assert main(["config", "cache.type", way]) == 0
    sources = copied(monkeypatch)
    assert main(["pull"]) == 0
    assert len(sources) == 1
    assert (clone / "model.pt").read_bytes() == BYTES


def test_what_is_in_the_way_stays_until_checkout_has_judged_it(clone, capsys):
    (clone / "model.pt").write_bytes(b"unsaved")
    assert main(["pull"]) == 1
    assert (clone / "model.pt").read_bytes() == b"unsaved"
    assert leftovers(clone) == []
    assert main(["pull", "--force"]) == 0
    assert (clone / "model.pt").read_bytes() == BYTES


def test_of_two_files_with_one_object_one_is_copied_from_the_cache(clone, monkeypatch):
    pointer = (clone / "model.pt.dvc").read_text()
    (clone / "other").mkdir()
    (clone / "other/twin.pt.dvc").write_text(pointer.replace("path: model.pt", "path: twin.pt"))
    sources = copied(monkeypatch)
    assert main(["pull"]) == 0
    assert len(sources) == 1
    assert (clone / "model.pt").read_bytes() == (clone / "other/twin.pt").read_bytes() == BYTES
    assert leftovers(clone) == []


def test_bytes_that_were_refused_are_no_copy_of_what_another_remote_has(clone, tmp_path):
    digest = md5_hex(BYTES)
    stored = tmp_path / "store/files/md5" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_bytes(BYTES[:-1] + b"?")
    (tmp_path / "good").write_bytes(BYTES)
    repo = find_repository(clone, environ=os.environ)
    (tracked,) = repo.tracked()
    item = wanted(tracked)
    with ahead.ahead(repo, [tracked]) as copies:
        outcome = fetch(Remote("evil", local.LocalBackend(tmp_path / "store")), repo.cache, [item], SILENT, copies.twin)
        assert [type(error) for error in outcome.failures] == [DigestMismatch]
        repo.cache.ingest(tmp_path / "good")
        assert copies.take(item, repo.cache.path(item.oid)) is None
    repo.close()
