"""The ``uv`` process: it asks the indexes that the user has configured, and takes nothing from the working folder.

uv reads ``pyproject.toml`` and ``uv.toml`` of the folder it runs in, and a clone can bring these along. It therefore
runs in the root folder, with the user's own settings only: uv's file in the home folder, uv's variables that say where
packages and interpreters come from, and pip's settings where uv has none.
"""

import os
import shutil
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sycee.system.pipsettings import pip_settings

_KEPT = {"PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "NETRC"}
_KEPT |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
_KEPT |= {"UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_KEYRING_PROVIDER"}
_KEPT |= {"UV_EXTRA_INDEX_URL", "UV_OFFLINE", "UV_INSECURE_HOST", "UV_TORCH_BACKEND"}
_KEPT_PREFIXES = ("XDG_", "UV_INDEX", "UV_HTTP", "UV_PYTHON_", "UV_NATIVE", "UV_SYSTEM_CERTS", "UV_REQUEST", "UV_CONC")
_ALWAYS = ("--no-progress", "--color", "never")


class Answer(NamedTuple):
    """How a call of uv ended.

    Attributes:
        code: Its exit code: 0 done, 1 no, 2 could not (network, files); None when it took too long.
        out: What it wrote to its standard output.
        words: What it wrote to its standard error.
    """

    code: int | None
    out: bytes
    words: str

    @property
    def is_offline(self) -> bool:
        """Whether it failed because no index answered, or it was told to ask none."""
        return self.code is None or "network was disabled" in self.words or "Failed to fetch" in self.words


@dataclass(frozen=True, slots=True)
class Uv:
    """An installed uv.

    Attributes:
        program: Its path.
        environ: The environment it runs in: the user's settings, and pip's.
        indexes: Options of every command that looks for packages.
    """

    program: str
    environ: Mapping[str, str]
    indexes: tuple[str, ...] = ()

    def run(self, *arguments: str | Path, stdin: bytes = b"", patience: float) -> Answer:
        """Run it in the root folder.

        Args:
            arguments: Subcommand and options.
            stdin: Bytes for its standard input.
            patience: Seconds after which it is stopped.
        """
        import subprocess  # not small, and --help runs no uv

        try:
            done = subprocess.run(
                [self.program, *arguments, *_ALWAYS],
                cwd=Path(os.sep).absolute(),
                input=stdin,
                capture_output=True,
                env=self.environ,
                check=False,
                timeout=max(patience, 0),
            )
        except subprocess.TimeoutExpired:
            return Answer(None, b"", f"it took more than {patience:.0f} seconds")
        except OSError as error:
            return Answer(2, b"", error.strerror or type(error).__name__)
        return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def find_uv(environ: Mapping[str, str]) -> Uv | None:
    """Return the uv that is installed beside this Python, else the one on the PATH, or None.

    Args:
        environ: The environment, with the user's settings of uv and pip.
    """
    program = _beside() or shutil.which("uv", path=environ.get("PATH"))
    if program is None:
        return None
    settings = pip_settings(environ)
    no_index = settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}
    return Uv(program, _environment(environ, settings), ("--no-index",) if no_index else ())


def _beside() -> str | None:
    path = Path(sysconfig.get_path("scripts"), "uv.exe" if os.name == "nt" else "uv")
    return str(path) if path.is_file() else None


def _environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: only what says where packages come from and how they are reached.

    Variables that would change what is installed (constraints, overrides, dates, a target) are left out, and pip's
    settings take the place of those that uv does not have.
    """
    own = {name: value for name, value in environ.items() if name.upper() in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {**dict(_like_pip(settings)), **own}


def _like_pip(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield pip's settings as uv's variables."""
    if index := settings.get("index-url"):
        yield "UV_DEFAULT_INDEX", index
    if extra := settings.get("extra-index-url"):
        yield "UV_INDEX", extra
        yield "UV_INDEX_STRATEGY", "unsafe-best-match"  # pip's way: all indexes are alike
    if links := [place for place in settings.get("find-links", "").split() if _is_there(place)]:
        yield "UV_FIND_LINKS", ",".join(links)
    if certificates := settings.get("cert"):
        yield "SSL_CERT_FILE", certificates


def _is_there(place: str) -> bool:
    """Tell of a folder whether it is there: pip passes over one that is not, uv stops. Of an address: yes."""
    return "://" in place or Path(place).is_dir()
