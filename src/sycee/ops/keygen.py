"""``sycee keygen``: a pair of signing keys in two files that never replace others."""

import os
from dataclasses import dataclass
from pathlib import Path

from sycee.errors import Conflict, NotFound, SyceeError
from sycee.formats import ignorefile
from sycee.system.atomic import fsync, fsync_dir, write_all, write_file
from sycee.system.git import Git, toplevel
from sycee.system.refusals import naming
from sycee.trust import keys
from sycee.trust.keys import KeyType


@dataclass(frozen=True, slots=True)
class KeyPair:
    """What was written.

    Attributes:
        private: The secret half, mode 0600: PKCS#8 in PEM.
        public: The half to give away: SubjectPublicKeyInfo in PEM.
        fingerprint: sha256 of the public file, 64 hex digits.
        kind: ``EC P-256`` or the like.
        kept_out_of_git: True: Git ignores the private key (now, or did before); False: it lies in a work tree and could
            not be kept out; None: it lies in no work tree.
    """

    private: Path
    public: Path
    fingerprint: str
    kind: str
    kept_out_of_git: bool | None


def keygen(path: Path, *, kind: KeyType = "p256", password: bytes | None = None) -> KeyPair:
    """Make a pair of keys.

    Args:
        path: Where the private key goes; the public one is written to the same name with ``.pub``.
        kind: One of :data:`sycee.trust.keys.KEY_TYPES`.
        password: What encrypts the private key; None to leave it readable to whoever can read the file.

    Raises:
        Conflict: If one of the two files exists; nothing is done then.
        NotFound: If their folder does not exist.
    """
    public = path.with_name(f"{path.name}.pub")
    for existing in (path, public):
        if existing.exists() or existing.is_symlink():
            raise Conflict(
                f"{existing} exists, and a key is never overwritten", hint="choose another name", path=str(existing)
            )
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}", hint="make it, or choose another place")
    key = keys.generate(kind)
    create_key_file(path, key.to_pem(password), 0o600)
    create_key_file(public, key.public.pem, 0o644)
    fsync_dir(path.parent)
    return KeyPair(path, public, key.public.fingerprint, key.public.kind, _keep_out_of_git(path))


def _keep_out_of_git(path: Path) -> bool | None:
    """Exclude a private key in this clone (``info/exclude``), so that ``git add -A`` does not take it along."""
    path = path.parent.resolve() / path.name
    root = toplevel(path.parent)
    if root is None:
        return None
    git, name = Git(root), path.relative_to(root).as_posix()
    try:
        if not git.ignored([name]):
            (exclude,) = git.own_paths("info/exclude")
            exclude.parent.mkdir(exist_ok=True)
            present = exclude.read_bytes() if exclude.is_file() else b""
            line = "".join(ignorefile.entry(part) for part in name.split("/"))
            write_file(exclude, present + (b"\n" if present[-1:] not in {b"", b"\n"} else b"") + line.encode() + b"\n")
        return bool(git.ignored([name]))
    except (SyceeError, OSError):  # the keys are made; the caller warns
        return False


def create_key_file(path: Path, data: bytes, mode: int) -> None:
    """Write a new file durably, with exactly this mode.

    Raises:
        Conflict: If something of this name is there.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise Conflict(f"{path} exists, and a key is never overwritten", path=str(path)) from None
    try:
        with naming(path):
            os.fchmod(fd, mode)  # whatever the umask says
            write_all(fd, data)
            fsync(fd)
    except BaseException:
        path.unlink()  # half a key is none, and would keep the name from the next attempt
        raise
    finally:
        os.close(fd)
