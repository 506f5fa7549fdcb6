"""Two repositories, one for sycee and one for the real dvc, in which the same things happen."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rigs.warm import run_warm

TOOLS = ("sycee", "dvc")


class Pair:
    """The two, each with a local remote ``store`` beside it.

    Args:
        root: Where to make them.
    """

    def __init__(self, root: Path) -> None:
        self.folders = {tool: root / tool / "repo" for tool in TOOLS}
        for folder in self.folders.values():
            folder.mkdir(parents=True)
            subprocess.run(["git", "init", "-q", folder], check=True)
            for words in (("init", "-q"), ("remote", "add", "-d", "store", "../store")):
                assert run_warm("dvc", words, folder).rc == 0

    def write(self, files: Mapping[str, str]) -> None:
        """Write the same files in both."""
        for folder in self.folders.values():
            for name, data in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(data)

    def remove(self, *names: str) -> None:
        """Remove the same files and folders in both."""
        for folder in self.folders.values():
            for name in names:
                shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()

    def run(self, *words: str) -> str:
        """Run the same words with both, and return what sycee printed to stdout.

        Raises:
            AssertionError: If exit code, stdout (where sycee prints any), pointers, ignore files, the work tree, or the
                objects on the remote differ, or sycee's cache holds what dvc's does not.
        """
        done = {tool: run_warm(tool, words, folder) for tool, folder in self.folders.items()}
        ours, theirs = done["sycee"], done["dvc"]
        assert (ours.rc, ours.stdout or theirs.stdout) == (theirs.rc, theirs.stdout), done
        for seen in (self.files, self.stored):
            assert seen("sycee") == seen("dvc"), (words, done)
        assert self.cached("sycee") <= self.cached("dvc"), words  # dvc keeps lists that were true between two targets
        return ours.stdout

    def files(self, tool: str) -> dict[str, str]:
        """Return the files of a work tree, pointers without sycee's record."""
        top = self.folders[tool]
        paths = [path.relative_to(top) for path in top.rglob("*") if path.is_file()]
        texts = {path.as_posix(): (top / path).read_text() for path in paths if path.parts[0] not in {".dvc", ".git"}}
        return {name: text.partition("meta:\n")[0] if name.endswith(".dvc") else text for name, text in texts.items()}

    def cached(self, tool: str) -> set[str]:
        """Return the objects in the cache."""
        return _objects(self.folders[tool] / ".dvc/cache/files")

    def stored(self, tool: str) -> set[str]:
        """Return the objects on the remote."""
        return _objects(self.folders[tool].parent / "store/files")


def _objects(store: Path) -> set[str]:
    return {path.relative_to(store).as_posix() for path in store.rglob("*/*/*")}
