"""Sealed bytes: the digest is of exactly what was kept, and nobody can change it."""

import hashlib
import os

import pytest

from sycee.system.sealed import seal


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "f").write_bytes(b"weights")
    with (tmp_path / "f").open("rb") as file:
        kept, digest = seal("f", file.fileno(), "sha256")
    assert digest == hashlib.sha256(b"weights").hexdigest()
    with kept:
        yield kept


def test_every_opening_has_its_own_position(sealed):
    with sealed.open() as one, sealed.open() as two:
        assert one.read(3) == b"wei"
        assert two.read() == b"weights"
        assert one.read() == b"ghts"


@pytest.mark.parametrize(
    "act", [lambda fd: os.write(fd, b"X"), lambda fd: os.ftruncate(fd, 0), lambda fd: os.ftruncate(fd, 99)]
)
def test_the_kernel_refuses_every_change(sealed, act):
    with pytest.raises(PermissionError):
        act(sealed.fileno())
    with pytest.raises(PermissionError):
        act(os.open(sealed.path, os.O_RDWR))
    assert sealed.read() == b"weights"


def test_after_close_it_is_gone(sealed):
    sealed.close()
    with pytest.raises(ValueError, match="closed"):
        sealed.open()
