"""That a remote's folder was there: what tells a disk that is not mounted from a folder that nobody has made yet.

A note outside of the remote, below the repository that used it, says so. It may be lost: then the folder counts as new.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from shlex import quote

from sycee.errors import RemoteError
from sycee.system.atomic import sweep, write_file


class Sighting:
    """The note about one folder.

    Args:
        folder: Of the remote.
        name: Of the remote, for messages.
        notes: Where notes are, one for each folder; None to keep none, and to know of none.
    """

    def __init__(self, folder: Path, name: str = "NAME", notes: Path | None = None) -> None:
        self._folder = folder
        self._name = name
        # A link, which a clone may contain, would lead what is written elsewhere.
        self._notes = None if notes is None or notes.is_symlink() else notes

    def require(self) -> None:
        """Refuse to go on if the folder was there once and is not now.

        It is not there either if it is empty and the disk that it was on is not mounted.

        Raises:
            RemoteError: If so.
        """
        mount = self._noted()
        if mount is None or not self._is_gone(mount):
            return
        raise RemoteError(
            f"the folder {self._folder} of remote {self._name!r} is gone, and was there when it was used last",
            hint="mount it if it is a disk or a share; if it lies elsewhere now: "
            f"sycee remote modify {quote(self._name)} url FOLDER; if it is to be made anew: {self._anew(mount)}",
        )

    def note(self) -> None:
        """Note that the folder is there; it does no harm if that cannot be written."""
        mount = _mount_of(self._folder)
        if self._notes is None or self._noted() == mount:
            return
        with suppress(OSError):
            self._notes.mkdir(parents=True, exist_ok=True)
            sweep(self._notes)
            write_file(self._path(), os.fsencode(mount))

    def _is_gone(self, mount: str) -> bool:
        if not self._folder.is_dir():
            return True
        return not os.path.ismount(mount) and not any(self._folder.iterdir())

    def _anew(self, mount: str) -> str:
        """Return the command after which the folder is taken for what it is."""
        made = f"mkdir -p {quote(str(self._folder))}"
        return made if os.path.ismount(mount) else f"{made} && rm {quote(str(self._path()))}"

    def _noted(self) -> str | None:
        """Return where the disk was mounted on which the folder was seen; None if it never was."""
        if self._notes is None:
            return None
        try:
            return os.fsdecode(self._path().read_bytes())
        except OSError:
            return None

    def _path(self) -> Path:
        name = sha256(os.fsencode(self._folder)).hexdigest()[:32]
        return (self._notes or Path()) / name


def _mount_of(folder: Path) -> str:
    place = os.path.realpath(folder)
    while not os.path.ismount(place):
        place = os.path.dirname(place)  # noqa: PTH120 - a text, as realpath gives it
    return place
