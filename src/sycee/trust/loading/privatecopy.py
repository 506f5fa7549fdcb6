"""A folder for servers that insist on a path: verified bytes in a place that only this user can open."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

_READ_ONLY = 0o400


class PrivateCopy:
    """A new folder of mode 0700, written from verified bytes, gone when closed.

    Use it as a context manager (gives the path) or call :meth:`close`. The protection is that of the user account: it
    holds against everybody who cannot already act as this user.

    Attributes:
        path: The folder.
    """

    def __init__(
        self, names: Iterable[str], open_file: Callable[[str], BinaryIO], *, parent: Path | None, name: str
    ) -> None:
        self._top = Path(tempfile.mkdtemp(prefix="sycee-", dir=parent))
        self.path = self._top / name  # some libraries take the model's name from the folder
        try:
            self.path.mkdir(mode=0o700)
            for file_name in names:
                with open_file(file_name) as source:
                    _write(self.path / file_name, source)
        except BaseException:
            self.close()
            raise

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__  # many libraries call str() on what they are given as a path

    def __repr__(self) -> str:
        return f"PrivateCopy({str(self.path)!r})"

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._top, ignore_errors=True)


def _write(target: Path, source: BinaryIO) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _READ_ONLY)
    with os.fdopen(fd, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
