"""``sycee remote``."""

from dataclasses import asdict

import click

from sycee.cli.commands.config import level_options, place_of
from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops import remote


@click.group()
def command() -> None:
    r"""Name the stores that models are pushed to and pulled from.

    A remote is a folder, a bucket (S3, Google, Azure) or an HTTP server, under a name, in DVC's configuration. One of
    them can be the default. docs/remotes.md has all options of each kind.

    \b
    Examples:
      sycee remote add -d store s3://bucket/models
      sycee remote modify store endpointurl https://minio.example.org
      sycee remote modify --local store secret_access_key …
      sycee remote add cloud azure://container/models
      sycee remote list

    \b
    Exit codes: 0 done · 1 no such remote, name taken, no repository · 2 no such option
    """


@command.command()
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", is_flag=True, help="Use it when no remote is named.")
@click.option("-f", "--force", is_flag=True, help="Replace a remote of that name, with all its options.")
@level_options
@pass_context
def add(ctx: Context, name: str, url: str, level: str | None, **flags: bool) -> None:
    """Name a remote: a folder, or a url of s3://, gs://, azure:// or https://."""
    remote.add_remote(place_of(ctx, level), name, url, default=flags["default"], force=flags["force"])
    if flags["default"]:
        ctx.tell(f"Setting '{name.lower()}' as a default remote.")


@command.command()
@click.argument("name")
@click.argument("option")
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Remove the option.")
@level_options
@pass_context
def modify(ctx: Context, name: str, option: str, value: str | None, level: str | None, **flags: bool) -> None:
    """Set an option of a remote. Secrets need --local."""
    if (value is None) != flags["unset"]:
        raise UsageError("give either a value or --unset", hint="see `sycee remote modify --help`")
    remote.modify_remote(place_of(ctx, level), name, option, value)


@command.command()
@click.argument("name", required=False)
@click.option("-u", "--unset", is_flag=True, help="Have no default.")
@level_options
@pass_context
def default(ctx: Context, name: str | None, level: str | None, *, unset: bool) -> None:
    """Print or choose the remote that is used when none is named."""
    place = place_of(ctx, level)
    if unset:
        remote.unset_default(place)
    elif name is None:
        ctx.out(remote.get_default(place))
    else:
        remote.set_default(place, name)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of {name, url, default}.")
@level_options
@pass_context
def list_(ctx: Context, level: str | None, *, as_json: bool) -> None:
    """Print all remotes: name, url, and which is the default."""
    found = remote.list_remotes(place_of(ctx, level))
    if as_json:
        ctx.json([asdict(one) for one in found])
        return
    for one in found:
        ctx.out(f"{one.name}\t{one.url}" + ("\t(default)" if one.default else ""))


@command.command()
@click.argument("name")
@level_options
@pass_context
def remove(ctx: Context, name: str, level: str | None) -> None:
    """Forget a remote. Nothing that it holds is deleted."""
    remote.remove_remote(place_of(ctx, level), name)


@command.command()
@click.argument("name")
@click.argument("new")
@level_options
@pass_context
def rename(ctx: Context, name: str, new: str, level: str | None) -> None:
    """Give a remote another name."""
    remote.rename_remote(place_of(ctx, level), name, new)
