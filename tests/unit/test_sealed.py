"""Held bytes: the digest is of exactly what was kept, and nobody can change it, or it is seen."""

import hashlib
import os
from pathlib import Path

import pytest

from sycee.errors import DigestMismatch
from sycee.system.onepass import LARGE
from sycee.system.sealed import copy_aside, seal, watch


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


DATA = os.urandom(LARGE + 7)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "f").write_bytes(DATA)
    return tmp_path / "f"


@pytest.fixture(params=["memory", "disk"])
def sealed(source, tmp_path, request):
    with source.open("rb") as file:
        if request.param == "memory":
            kept, digest = seal("f" * 300, file.fileno(), "sha256")
        else:
            kept, digest = copy_aside("f", file.fileno(), "sha256", place=tmp_path)
    assert digest == hashlib.sha256(DATA).hexdigest()
    with kept:
        yield kept


def test_every_opening_has_its_own_position(sealed):
    with sealed.open() as one, sealed.open() as two:
        assert one.read(3) == DATA[:3]
        assert two.read() == DATA
        assert one.read() == DATA[3:]


@pytest.mark.parametrize(
    "act", [lambda fd: os.write(fd, b"X"), lambda fd: os.ftruncate(fd, 0), lambda fd: os.ftruncate(fd, 99)]
)
def test_nobody_writes_to_it(sealed, act):
    with pytest.raises(OSError, match=r"not permitted|Bad file|Invalid"):
        act(sealed.fileno())
    sealed.require_unchanged()
    assert sealed.read() == DATA


@pytest.mark.parametrize("act", [lambda fd: os.write(fd, b"X"), lambda fd: os.ftruncate(fd, 0)])
def test_the_kernel_refuses_every_change_of_memory_that_is_opened_again(source, act):
    with source.open("rb") as file:
        kept = seal("f", file.fileno(), "blake3")[0]
    with kept:
        again = os.open(kept.path, os.O_RDWR)
        with pytest.raises(PermissionError):
            act(again)
        os.close(again)
        assert kept.read() == DATA


def test_a_private_copy_has_no_name(source, tmp_path):
    with source.open("rb") as file:
        kept = copy_aside("f", file.fileno(), "blake3", place=tmp_path)[0]
    with kept:
        status = os.fstat(kept.fileno())
        assert (status.st_nlink, status.st_mode & 0o777) == (0, 0o400)
        assert list(tmp_path.iterdir()) == [source]


def test_a_full_place_is_named_and_left_clean(source, tmp_path, monkeypatch):
    def full(_fd, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sycee.system.onepass.write_all", full)
    before = descriptors()
    with source.open("rb") as file, pytest.raises(OSError, match="No space left") as raised:
        copy_aside("f", file.fileno(), "blake3", place=tmp_path)
    assert raised.value.filename == str(tmp_path)
    assert descriptors() == before
    assert list(tmp_path.iterdir()) == [source]


def test_after_close_it_is_gone(sealed):
    sealed.close()
    with pytest.raises(ValueError, match="closed"):
        sealed.open()


def overwrite(path):
    with path.open("r+b") as file:
        file.write(b"evil")


def rename_over(path):
    other = path.with_name("other")
    other.write_bytes(b"evil")
    other.replace(path)


@pytest.mark.parametrize("change", [overwrite, rename_over, lambda path: os.truncate(path, 1)])
def test_a_watched_file_tells_of_writes(source, change):
    with source.open("rb") as file:
        held, digest = watch("f", file.fileno(), "sha256", fixed=False)
    with held:
        assert digest == hashlib.sha256(DATA).hexdigest()
        assert held.read() == DATA
        os.utime(source, ns=(0, 0))
        with pytest.raises(DigestMismatch, match="f was written to, or moved, after"):
            held.read()
    with source.open("rb") as file:
        held, _ = watch("f", file.fileno(), "sha256", fixed=False)
    with held:
        change(source)
        for use in (held.open, held.require_unchanged):
            with pytest.raises(DigestMismatch, match="written to, or moved, after"):
                use()
