"""What lies below a folder is listed in one order, whatever is there."""

import os
from contextlib import suppress

from sycee.system.tree import scan


def test_order_kinds_and_folders_that_are_not_entered(tmp_path):
    for name in ("b/x", "b/y/z", "a.txt", "c/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("b")
    found = [(entry.relpath, entry.kind) for entry in scan(tmp_path, enter=lambda name: name != "c")]
    assert found == [
        ("a.txt", "file"),
        ("b", "dir"),
        ("b/x", "file"),
        ("b/y", "dir"),
        ("b/y/z", "file"),
        ("c", "dir"),
        ("link", "symlink"),
    ]


def test_a_folder_deeper_than_the_stack(tmp_path):
    folders = [tmp_path / "/".join("a" * depth) for depth in range(1, 1500)]
    try:
        for folder in folders:
            folder.mkdir()
        assert sum(1 for _ in scan(tmp_path)) == len(folders)
    finally:
        for folder in reversed(folders):
            with suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 - what cleans up after tests is recursive
