"""How the bytes of a model are held: by size, memory, place and platform."""

import fcntl
import os
from pathlib import Path

import pytest

from rigs.signed import MODEL, fixed_key, open_folder, sign_folder, write_model
from sycee.errors import DigestMismatch, SyceeError, UsageError
from sycee.system import room
from sycee.system.sealed import WatchedFile
from sycee.trust.loading.keeping import Keeping

BIG = os.urandom(3 << 20)


@pytest.fixture
def folder(tmp_path):
    folder = write_model(tmp_path / "bert", {**MODEL, "model.pt": BIG})
    sign_folder(folder)
    return folder


def opened(folder, *arguments, lazy=False):
    return open_folder(folder, fixed_key().public, lazy=lazy, keeping=Keeping(*arguments))


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def links(model):
    """Return what the held weights are for the kernel."""
    return str(Path(f"/proc/self/fd/{model._kept.sealed('model.pt').fileno()}").readlink())


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("mode", ["auto", "memory", "copy", "descriptor"])
def test_every_mode_gives_the_signed_bytes(folder, tmp_path, mode, lazy):
    with opened(folder, mode, tmp_path, lazy=lazy) as model:
        assert model.read("model.pt") == BIG
        where = links(model)
    assert where.startswith("/memfd:") if mode in {"auto", "memory"} else str(tmp_path) in where
    assert [path.name for path in tmp_path.iterdir()] == ["bert"]


@pytest.mark.parametrize("mode", ["memory", "copy", "descriptor"])
def test_every_mode_refuses_other_bytes(folder, tmp_path, mode):
    (folder / "model.pt").write_bytes(BIG[::-1])
    before = descriptors()
    with pytest.raises(DigestMismatch, match=r"model\.pt has other bytes"):
        opened(folder, mode, tmp_path)
    assert descriptors() == before


def test_a_file_larger_than_half_of_what_is_left_goes_to_the_disk(folder, tmp_path, monkeypatch):
    for left, where in ((2 * len(BIG), "/memfd:"), (2 * len(BIG) - 1, str(tmp_path)), (None, str(tmp_path))):
        monkeypatch.setattr(room, "available", lambda left=left: left)
        with opened(folder, "auto", tmp_path) as model:
            assert links(model).startswith(where)


def test_a_system_without_sealed_memory(folder, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    with opened(folder) as model:
        assert model.read("model.pt") == BIG
        assert model._kept.sealed("model_card.yaml").read() == MODEL["model_card.yaml"]
    with pytest.raises(UsageError, match="no memory that can be sealed"):
        Keeping("memory")


def test_what_can_never_be_written_is_read_in_place(folder, monkeypatch):
    monkeypatch.setattr(room, "is_immutable", lambda _fd: True)
    (folder / "model.pt").chmod(0o666)
    for mode in ("auto", "descriptor"):
        with opened(folder, mode) as model:
            held = model._kept.sealed("model.pt")
            assert isinstance(held, WatchedFile)
            assert held.fixed


@pytest.mark.parametrize(
    ("expose", "why"),
    [
        (lambda folder: (folder / "model.pt").chmod(0o664), "others may write to it"),
        (lambda folder: folder.chmod(0o777), "others may write to its folder"),
        (lambda folder: (folder.parent / "other").hardlink_to(folder / "model.pt"), r"it has 2 names \(hard links\)"),
        (lambda folder: os.chown(folder / "model.pt", 12345, 0), "it belongs to another user"),
    ],
)
def test_a_descriptor_is_refused_where_others_may_write(folder, expose, why):
    expose(folder)
    with pytest.raises(UsageError, match=f"cannot be read in place: {why}"):
        opened(folder, "descriptor")


def test_a_write_between_load_and_use_is_an_alarm(folder):
    with opened(folder, "descriptor") as model:
        (folder / "model.pt").write_bytes(BIG)  # the same bytes: only the time tells
        with pytest.raises(DigestMismatch, match=r"model\.pt was written to, or moved, after"):
            model.open("model.pt")


def test_what_cannot_be_asked_for(tmp_path):
    with pytest.raises(UsageError, match="'mmap' is no mode of loading"):
        Keeping("mmap")
    with pytest.raises(UsageError, match="is no folder for private copies"):
        Keeping("copy", tmp_path / "nothing")


def test_a_place_without_room(folder, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sycee.system.onepass.write_all", full)
    with pytest.raises(SyceeError, match=f"{tmp_path}: No space left") as raised:
        opened(folder, "copy", tmp_path)
    assert "free some space" in raised.value.hint


def group(root, name, limit, used, cached=0):
    place = root / "sys/fs/cgroup" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "memory.max").write_text(f"{limit}\n")
    (place / "memory.current").write_text(f"{used}\n")
    (place / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_memory_that_is_left(tmp_path):
    assert room.available() > 0
    assert room.available(tmp_path) is None
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 100 kB\nMemAvailable: 80 kB\n")
    assert room.available(tmp_path) == 80 << 10
    (tmp_path / "proc/self/cgroup").write_text("1:name=systemd:/x\n0::/pods/one\n")
    group(tmp_path, "pods/one", "max", 7)
    assert room.available(tmp_path) == 80 << 10
    group(tmp_path, "pods", 50_000, 30_000, cached=5_000)
    assert room.available(tmp_path) == 25_000
    group(tmp_path, "pods/one", 1_000, 2_000)
    assert room.available(tmp_path) == 0


def test_what_counts_as_immutable(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"x")
    device = (tmp_path / "f").stat().st_dev
    mounts = tmp_path / "mounts"
    line = f"36 35 {os.major(device)}:{os.minor(device)} / /mnt rw,noatime master:1 - {{}} /dev/loop0 ro\n"
    with (tmp_path / "f").open("rb") as file:
        assert not room.is_immutable(file.fileno())
        for kind, fixed in (("ext4", False), ("squashfs", True), ("erofs", True), ("nfs4", False)):
            mounts.write_text(f"1 2 0:1 / / rw - proc proc rw\n{line.format(kind)}")
            assert room.is_immutable(file.fileno(), mounts) is fixed
        assert not room.is_immutable(file.fileno(), tmp_path / "nothing")
        monkeypatch.setattr(fcntl, "ioctl", lambda *_: (0x00100000).to_bytes(8, "little"))
        assert room.is_immutable(file.fileno(), mounts)
