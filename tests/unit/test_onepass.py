"""One read pass: the digests are those of the real algorithms, the copy is exact, failures arrive in the caller."""

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import blake3
import pytest

from sycee.errors import Conflict, NotFound
from sycee.system import onepass
from sycee.system.onepass import (
    BUFFERS,
    LARGE,
    PIECE,
    digest_chunks,
    digest_fd,
    digest_file,
    hash_fd,
    hash_range,
    legacy_md5_file,
)
from sycee.system.pouring import CHUNK

SIZES = [0, 1, 4095, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 4097, (BUFFERS + 2) * CHUNK]


def expected(data: bytes) -> tuple[int, str, str, str]:
    return len(data), hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest(), blake3.blake3(data).hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_digests_and_copy_of_any_size(tmp_path, size):
    data = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(data)
    seen = []
    with source.open("rb") as file, (tmp_path / "copy").open("wb+") as sink:
        digests = digest_fd(file.fileno(), sink=sink.fileno(), on_bytes=seen.append)
    assert (digests.size, digests.md5, digests.sha256, digests.blake3) == expected(data)
    assert (tmp_path / "copy").read_bytes() == data
    assert sum(seen) == size
    assert digest_file(source) == digests


@pytest.mark.parametrize("step", [1, 7, 4096, CHUNK + 3])
def test_a_stream_in_pieces_of_any_size(tmp_path, step):
    data = os.urandom(min(step * 3 + 1, CHUNK * 2 + 5) if step > 7 else 50)
    chunks = [data[i : i + step] for i in range(0, len(data), step)]
    chunks.insert(1, b"")
    with (tmp_path / "copy").open("wb+") as sink:
        digests = digest_chunks(chunks, sink=sink.fileno())
    assert (digests.size, digests.md5, digests.sha256, digests.blake3) == expected(data)
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("size", [0, 100_001, PIECE, 2 * PIECE + 1, LARGE, LARGE + PIECE + 1])
@pytest.mark.parametrize("algorithm", ["md5", "sha256", "blake3"])
def test_one_algorithm(tmp_path, algorithm, size):
    data = os.urandom(1000) * (size // 1000) + bytes(size % 1000)
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "source").open("rb") as file:
        size, value = hash_fd(file.fileno(), algorithm)
        assert hash_range(file.fileno(), 5, len(data) - 3) == blake3.blake3(data[5:-3]).hexdigest()
    assert size == len(data)
    assert value == dict(zip(["size", "md5", "sha256", "blake3"], expected(data), strict=True))[algorithm]


def test_md5_agrees_with_coreutils(tmp_path):
    (tmp_path / "f").write_bytes(b"foo")
    said = subprocess.run(["md5sum", tmp_path / "f"], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest_file(tmp_path / "f").md5 == said == "acbd18db4cc2f85cedef654fccc4a4d8"


def test_a_full_disk_is_told_to_the_caller():
    with Path("/dev/full").open("wb") as sink, pytest.raises(OSError, match="No space left"):
        digest_chunks([bytes(CHUNK)] * BUFFERS * 3, sink=sink.fileno())


def test_a_twin_that_cannot_be_written_is_empty_and_stops_nobody(tmp_path):
    twin = os.memfd_create("twin", os.MFD_ALLOW_SEALING)
    os.ftruncate(twin, CHUNK + 5)
    fcntl.fcntl(twin, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)  # as full as a disk
    data = os.urandom(CHUNK) * 3
    with (tmp_path / "copy").open("wb+") as sink:
        digests = digest_chunks([data], sink=sink.fileno(), twin=twin)
    assert (digests.size, digests.md5, digests.sha256, digests.blake3) == expected(data)
    assert (tmp_path / "copy").read_bytes() == data
    assert os.fstat(twin).st_size == 0
    os.close(twin)


def test_a_failing_source_is_told_to_the_caller(tmp_path):
    def broken():
        yield os.urandom(CHUNK * 2)
        raise ConnectionResetError("gone")

    with (tmp_path / "copy").open("wb+") as sink, pytest.raises(ConnectionResetError):
        digest_chunks(broken(), sink=sink.fileno())


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_only_regular_files_are_read(tmp_path, kind):
    path = tmp_path / "thing"
    match kind:
        case "symlink":
            (tmp_path / "file").write_bytes(b"x")
            path.symlink_to(tmp_path / "file")
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    with pytest.raises(Conflict):
        digest_file(path)


def test_absence_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        digest_file(tmp_path / "absent")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "growing"
    path.write_bytes(b"first")
    real = onepass.digest_fd

    def grow(fd, **options):
        digests = real(fd, **options)
        with path.open("ab") as file:
            file.write(b" and more")
        return digests

    monkeypatch.setattr(onepass, "digest_fd", grow)
    with pytest.raises(Conflict, match="changed while it was read"):
        digest_file(path)


def test_legacy_md5_does_not_see_carriage_returns_in_text(tmp_path):
    (tmp_path / "dos").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "bin").write_bytes(b"\0one\r\n")
    assert legacy_md5_file(tmp_path / "dos") == hashlib.md5(b"one\ntwo\n").hexdigest()
    assert legacy_md5_file(tmp_path / "bin") == hashlib.md5(b"\0one\r\n").hexdigest()
