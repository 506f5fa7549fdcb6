"""Credentials for S3, found where DVC and the AWS tools look for them.

In this order: the remote's own options; the profile they name; the environment; the profile of the environment
(``default`` if it names none); what a cloud machine hands to its programs. Profiles with plain keys are read here.
Those that need a log-in, a role or a helper program are left to botocore where it is installed, and only if they come
from the user's own files: a file that a repository's options point at must not start programs.
"""

import importlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sycee.errors import RemoteError, UsageError

if TYPE_CHECKING:
    from configparser import ConfigParser

Provider = Callable[[], Mapping[str, Any]]

_RENEW = timedelta(minutes=10)  # how often botocore is asked again; it renews in time by itself
_INDIRECT = (
    "credential_process",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
    "login_session",
)
_CLOUD = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_MAX_FILE = 1 << 20  # characters
_HINT = "set `access_key_id` and `secret_access_key` with `sycee remote modify --local NAME …`, or a `profile`"


class AwsFiles:
    """The AWS tools' two files, and the profile that applies.

    Args:
        options: Of the remote; ``profile``, ``credentialpath`` and ``configpath`` matter here, and the keys.
        environ: The environment of the process.
    """

    def __init__(self, options: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self.options = options
        self.environ = environ
        chosen = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
        self.profile = options.get("profile") or chosen or "default"
        self.named = "profile" in options or bool(chosen)

    def region(self) -> str | None:
        """Return the region of the profile."""
        return self.section().get("region")

    def section(self) -> Mapping[str, str]:
        """Return all settings of the profile; those of the credentials file win."""
        config = _read(self._path("configpath", "AWS_CONFIG_FILE", "config"))
        credentials_file = _read(self._path("credentialpath", "AWS_SHARED_CREDENTIALS_FILE", "credentials"))
        title = self.profile if self.profile == "default" else f"profile {self.profile}"
        return {**_section(config, title), **_section(credentials_file, self.profile)}

    def foreign(self) -> bool:
        """Tell whether the remote's options, not the user, say where the files are."""
        return "configpath" in self.options or "credentialpath" in self.options

    def _path(self, option: str, variable: str, name: str) -> Path:
        # As DVC: the option stands in for the environment variable where that is not set.
        text = self.environ.get(variable) or self.options.get(option) or f"~/.aws/{name}"
        if text.startswith("~/") and (home := self.environ.get("HOME")):
            return Path(home) / text[2:]
        return Path(text).expanduser()


def credentials(files: AwsFiles) -> Provider | None:
    """Return what gives out the credentials, or None where the client library asks the cloud machine itself.

    Raises:
        UsageError: If one of the two keys is missing.
        RemoteError: If a profile does not exist or has no usable credentials, or there are none at all.
    """
    options, environ = files.options, files.environ
    own = _pair(options, "access_key_id", "secret_access_key", "session_token", "the remote's options")
    if own or "profile" in options:
        return own or _of_profile(files)
    found = _pair(environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "the environment")
    if found or any(name in environ for name in _CLOUD):
        return found
    if files.named or files.section().keys() & {"aws_access_key_id", *_INDIRECT}:
        return _of_profile(files)
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise RemoteError("there are no credentials for the remote", hint=_HINT)
    return None


def _pair(values: Mapping[str, str], key: str, secret: str, token: str, where: str) -> Provider | None:
    if bool(values.get(key)) != bool(values.get(secret)):
        there, missing = (key, secret) if values.get(key) else (secret, key)
        raise UsageError(f"{where} have {there} but no {missing}", hint=_HINT)
    return _static(values[key], values[secret], values.get(token)) if values.get(key) else None


def _static(key: str, secret: str, token: str | None) -> Provider:
    answer = {"access_key_id": key, "secret_access_key": secret, "token": token or None, "expires_at": None}
    return lambda: answer


def _of_profile(files: AwsFiles) -> Provider:
    section = files.section()
    if not section:
        raise RemoteError(f"there is no AWS profile {files.profile!r}", hint="see `aws configure list-profiles`")
    where = f"the AWS profile {files.profile!r}"
    plain = _pair(section, "aws_access_key_id", "aws_secret_access_key", "aws_session_token", where)
    if plain and "role_arn" not in section:
        return plain
    if not any(name in section for name in _INDIRECT):
        raise RemoteError(f"{where} has no keys", hint=_HINT)
    if files.foreign():
        raise RemoteError(
            f"{where} would start a program or a log-in, and comes from a file that the remote's options name",
            hint="copy the profile into ~/.aws/config if you trust it, and unset `configpath` and `credentialpath`",
        )
    return _through_botocore(files.profile)


def _through_botocore(profile: str) -> Provider:
    try:
        session = importlib.import_module("botocore.session")
        failure = importlib.import_module("botocore.exceptions").BotoCoreError
    except ImportError:
        raise RemoteError(
            f"the AWS profile {profile!r} needs a log-in, a role or a helper program, which only botocore can do",
            hint="`pip install botocore`, or `aws configure export-credentials --format env` and run it again",
        ) from None
    try:
        found = session.Session(profile=profile).get_credentials()
    except failure as error:
        raise RemoteError(f"the AWS profile {profile!r} gives no credentials: {error}", hint="log in again") from error
    if found is None:
        raise RemoteError(f"the AWS profile {profile!r} gives no credentials", hint="log in again")

    def ask() -> Mapping[str, Any]:
        frozen = found.get_frozen_credentials()
        fresh_until = datetime.now(UTC) + _RENEW
        return {**_static(frozen.access_key, frozen.secret_key, frozen.token)(), "expires_at": fresh_until}

    return ask


def _read(path: Path) -> "ConfigParser":
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_string(file.read(_MAX_FILE), str(path))  # a repository may name an endless file
    except FileNotFoundError:
        return parser
    except (OSError, ValueError, configparser.Error) as error:
        # The parser's own message would show the line, and with it perhaps a secret.
        raise RemoteError(f"cannot read {path}: {type(error).__name__}", hint="correct or remove the file") from None
    return parser


def _section(parser: "ConfigParser", title: str) -> Mapping[str, str]:
    return dict(parser[title]) if parser.has_section(title) else {}
