"""``sycee pull --identity`` and ``sycee pull NAME@VERSION``: the options, and what is told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from sycee.cli import trusting
from sycee.cli.context import JOBS, Context
from sycee.cli.words import files
from sycee.errors import UsageError
from sycee.ops.pullversion import PulledVersion, VersionRequest, pull_version
from sycee.store.objects import Remote
from sycee.workspace.config import find_dvc_dir, load_config
from sycee.workspace.remotes import addressed, open_backend

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--identity", metavar="HEX", help="Bring this signed version into DIR; needs neither Git nor a key."),
    click.option("--trust", "-t", metavar="FILE", help="Bring NAME@VERSION into DIR, if this trust file accepts it."),
    click.option("--key", "-k", metavar="FILE", help="Bring NAME@VERSION into DIR, if this key signed it."),
    click.option("--cache", metavar="FOLDER", help="With these: a cache of objects to use, and to add to."),
    click.option("--json", "as_json", is_flag=True, help="With these: print what was brought as JSON."),
)
NAMES = ("identity", "trust", "key", "cache", "as_json")


def version_options(command: _Command) -> _Command:
    """Give ``pull`` the options; it takes them among its other ones, under :data:`NAMES`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asks_for_version(ctx: Context, words: Sequence[str], given: Mapping[str, Any]) -> bool:
    """Tell whether a version is meant, and not what pointers name; ``NAME@VERSION DIR`` is one where none can be.

    Raises:
        UsageError: If an option is given that only a version has.
    """
    if any(given[name] for name in ("identity", "trust", "key")):
        return True
    for name, option in (("cache", "--cache"), ("as_json", "--json")):
        if given[name]:
            raise UsageError(f"{option} is for --identity, --trust and --key", hint="leave it out")
    return len(words) == 2 and "@" in words[0] and find_dvc_dir(ctx.cwd) is None


def bring(
    ctx: Context, words: Sequence[str], remote: str | None, given: Mapping[str, Any], others: Mapping[str, Any]
) -> None:
    """Bring a version, and tell it.

    Args:
        ctx: Where relative paths begin.
        words: The arguments: a label, if there is one, and the folder to make.
        remote: Name or address of the remote.
        given: The values of the options of a version.
        others: Those of the options that mean pointers.

    Raises:
        UsageError: If arguments and options do not go together.
        SyceeError: As :func:`sycee.ops.pullversion.pull_version`.
    """
    if wrong := [name for name, value in others.items() if value]:
        option = f"--{ {'revs': 'rev'}.get(wrong[0], wrong[0]).replace('_', '-') }"
        raise UsageError(
            f"{option} is for what pointers name", hint="leave it out, or leave out --identity, --trust and --key"
        )
    request = _request(ctx, words, given)
    done = pull_version(request, _remote(ctx, remote), progress=ctx.progress)
    if given["as_json"]:
        ctx.json(_as_json(done))
        return
    ctx.out(f"identity  sycee:{done.identity}")
    for signer in done.signers:
        ctx.out(f"signer    {'' if given['key'] else f'{signer.name}  '}{signer.fingerprint} ({signer.described})")
    ctx.tell(f"{ctx.shown(done.folder)} {_words(done)}")
    if not done.signers:
        ctx.say("every byte is that of this identity; whether its card and name are right, sycee verify says by a key")


def _request(ctx: Context, words: Sequence[str], given: Mapping[str, Any]) -> VersionRequest:
    if not 1 <= len(words) <= 2 or (len(words) == 1 and not given["identity"]):
        raise UsageError("a version and a folder are needed", hint="pull --identity HEX DIR, or pull NAME@VERSION DIR")
    *label, folder = words
    return VersionRequest(
        ctx.path(folder),
        given["identity"],
        label[0] if label else None,
        trusting.asked(ctx, {**given, "identity": None}) if label or trusting.is_said(given) else None,
        ctx.path(given["cache"]) if given["cache"] else None,
    )


def _remote(ctx: Context, named: str | None) -> Remote:
    around = load_config(find_dvc_dir(ctx.cwd), environ=ctx.environ)
    config, name = addressed(around, named, ctx.cwd)
    if name is None and config.default_remote is None:
        raise UsageError("no remote is named", hint="--remote URL, or --remote with a name of your own configuration")
    opened = open_backend(config, name, environ=ctx.environ)
    call = click.get_current_context()
    call.call_on_close(opened.backend.close)
    for warning in (*config.warnings, *opened.warnings):
        ctx.warn(warning)
    return Remote(opened.name, opened.backend, call.meta.get(JOBS) or opened.jobs)


def _words(done: PulledVersion) -> str:
    return "was here already" if done.moved is None else f"has {files(done.files)}, {done.moved} of them from objects"


def _as_json(done: PulledVersion) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "identity": f"sycee:{done.identity}",
        "files": done.files,
        "objects": done.moved or 0,
        "present": done.moved is None,
        "signers": [{"name": one.name, "fingerprint": one.fingerprint} for one in done.signers],
    }
