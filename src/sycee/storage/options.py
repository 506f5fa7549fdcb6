"""What opening a remote takes, and how the values of its options are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sycee.errors import RemoteError, UsageError

T = TypeVar("T")

_MAX_CERTIFICATES = 8 << 20  # bytes


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """A remote to open.

    Attributes:
        url: ``s3://bucket/prefix``, ``https://host/path``.
        options: DVC's options of the remote, names in lower case, paths absolute.
        environ: The environment of the process.
        name: Of the remote, for hints.
        foreign: The options that come with the repository, not from the user's own files.
        scratch: Where what later commands should know is kept, and may be lost; None for nowhere.
    """

    url: str
    options: Mapping[str, str]
    environ: Mapping[str, str]
    name: str = "NAME"
    foreign: frozenset[str] = frozenset()
    scratch: Path | None = None

    def flag(self, option: str, *, default: bool = False) -> bool:
        """Return an option that is true or false.

        Raises:
            UsageError: If it is neither.
        """
        return self._parsed(option, {"true": True, "false": False}.__getitem__, default)

    def seconds(self, option: str, default: float) -> float:
        """Return an option that is a time in seconds.

        Raises:
            UsageError: If it is no number.
        """
        return self._parsed(option, float, default)

    def authorities(self, *variables: str) -> bytes | None:
        """Return the certificates (PEM) of the authorities to trust beside the system's, if any are named.

        Args:
            variables: Of the environment; the first that is set names a file, where ``ssl_verify`` names none.

        Raises:
            RemoteError: If the file cannot be read.
        """
        verify = self.options.get("ssl_verify", "true")
        if verify.lower() != "true":
            return _certificates(verify)
        path = next((self.environ[name] for name in variables if self.environ.get(name)), None)
        return None if path is None else _certificates(path)

    def trusts_any(self) -> bool:
        """Tell whether any certificate of the server is accepted."""
        return self.options.get("ssl_verify", "").lower() == "false"

    def _parsed(self, option: str, parse: Callable[[str], T], default: T) -> T:
        text = self.options.get(option)
        try:
            return default if text is None else parse(text.lower())
        except (ValueError, KeyError):
            raise UsageError(
                f"the option {option} has the value {text!r}", hint=f"see `sycee remote modify {self.name} {option}`"
            ) from None


def _certificates(path: str) -> bytes:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_MAX_CERTIFICATES)  # a repository may name an endless file
    except OSError as error:
        raise RemoteError(
            f"cannot read the certificates in {path}: {error.strerror}",
            hint="correct `ssl_verify` of the remote, or the environment variable that names the file",
        ) from error
