"""Large files written past the page cache, beside the work that makes their bytes."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from sycee.system import pouring as module
from sycee.system.pouring import CHUNK, pouring


@pytest.fixture
def target(tmp_path):
    fd = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    yield fd
    os.close(fd)


def write(fd, pieces):
    with pouring(fd) as pour:
        for piece in pieces:
            pour(piece)


def content(fd):
    return Path(f"/proc/self/fd/{fd}").read_bytes()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, CHUNK, CHUNK + 1, 3 * CHUNK - 5, 9 * CHUNK])
@pytest.mark.parametrize("step", [1 << 20, CHUNK])
def test_every_byte_arrives_in_order(target, size, step):
    data = (os.urandom(1 << 20) * (size // (1 << 20) + 1))[:size]
    write(target, (data[start : start + step] for start in range(0, size, step)))
    assert content(target) == data


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_disk_that_wants_no_direct_writes_gets_ordinary_ones(target, monkeypatch, refused):
    calls, real = [], module.write_all

    def write_all(fd, data):
        calls.append(len(data))
        if len(calls) == refused:
            raise OSError(errno.EINVAL, "Invalid argument")
        real(fd, data)

    monkeypatch.setattr(module, "write_all", write_all)
    monkeypatch.setattr(module.DirectWriter, "_switch", lambda _self, *, on: on)
    pieces = [os.urandom(CHUNK) for _ in range(3)]
    write(target, pieces)
    assert content(target) == b"".join(pieces)


def test_a_limit_is_told_and_nobody_waits(target):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * CHUNK, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(target, [b"x" * CHUNK] * 40)  # many more than there are buffers
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def test_what_goes_wrong_in_the_block_is_what_is_raised(target):
    with pytest.raises(ZeroDivisionError):
        write(target, (bytes(CHUNK // left) for left in (1, 2, 0)))
