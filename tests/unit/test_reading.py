"""Many small files are read a few at a time, large ones one after the other; problems come in one order."""

import threading

import pytest

from rigs.signed import MODEL, sign_folder, verify_folder, write_model
from sycee.errors import DigestMismatch
from sycee.system.onepass import LARGE
from sycee.trust import reading
from sycee.trust.reading import side_by_side


def test_large_files_are_read_alone_and_small_ones_together():
    sizes = {f"small{n}": LARGE - 1 for n in range(6)} | {"large": LARGE}
    seen = {}
    meet = threading.Barrier(2, timeout=10)

    def read(name):
        seen[name] = threading.current_thread()
        if name != "large":
            meet.wait()
        return name

    assert sorted(side_by_side(sizes, read)) == sorted(sizes)
    assert seen.pop("large") is threading.current_thread()
    assert threading.current_thread() not in seen.values()


@pytest.mark.parametrize("sizes", [{}, {"a": 1}, {"a": 1, "b": 2}, {"a": LARGE - 1}])
def test_few_bytes_are_worth_no_thread(sizes):
    found = side_by_side(sizes, lambda name: (name, threading.current_thread()))
    assert dict(found) == dict.fromkeys(sizes, threading.current_thread())


def test_one_core(monkeypatch):
    monkeypatch.setattr(reading, "cores", lambda: 1)
    found = side_by_side(dict.fromkeys("abcd", LARGE - 1), lambda _: threading.current_thread())
    assert {*found} == {threading.current_thread()}


def test_a_failure_ends_the_reading():
    begun = []

    def read(name):
        begun.append(name)
        raise OSError(name)

    with pytest.raises(OSError, match="0"):
        side_by_side({str(n): LARGE - 1 for n in range(100)}, read)
    assert len(begun) < 100


def test_problems_of_many_files_come_sorted(tmp_path):
    files = {f"context/{n:02}.bin": bytes([n]) * (1 << 20) for n in range(12)}
    folder = write_model(tmp_path / "m", {**MODEL, **files})
    sign_folder(folder)
    verify_folder(folder)
    for name in ("context/07.bin", "context/03.bin", "model.pt"):
        (folder / name).write_bytes(b"evil" + (folder / name).read_bytes()[4:])
    (folder / "context/05.bin").write_bytes(b"short")
    with pytest.raises(DigestMismatch) as raised:
        verify_folder(folder)
    names = ["context/03.bin", "context/05.bin", "context/07.bin", "model.pt"]
    assert [problem["path"] for problem in raised.value.details["problems"]] == names
