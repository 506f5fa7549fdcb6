"""``sycee cache``."""

import click

from sycee.cli.commands.config import level_options, place_of
from sycee.cli.context import Context, pass_context
from sycee.cli.words import to_track
from sycee.errors import UsageError
from sycee.ops.cachedir import cache_dir, set_cache_dir, unset_cache_dir
from sycee.ops.migrate import Migration, migrate, old_pointers


@click.group()
def command() -> None:
    r"""Say where the cache lies, and bring an old one up to date.

    \b
    Examples:
      sycee cache dir
      sycee cache dir /srv/shared/cache
      sycee cache migrate --dvc-files

    \b
    Exit codes: 0 done; 1 not set, no repository, or an object that could not be migrated; 11 it is damaged.
    """


@command.command("dir")
@click.argument("value", required=False, metavar="[FOLDER]")
@click.option("-u", "--unset", is_flag=True, help="Go back to the repository's own cache, .dvc/cache.")
@level_options
@pass_context
def dir_(ctx: Context, value: str | None, level: str | None, *, unset: bool) -> None:
    """Print the cache's folder, or choose another one. Objects are not moved."""
    place = place_of(ctx, level)
    if value is not None and unset:
        raise UsageError("give either a folder or --unset", hint="see `sycee cache dir --help`")
    if unset:
        unset_cache_dir(place)
    elif value is not None:
        set_cache_dir(place, value)
    else:
        ctx.out(cache_dir(place))


@command.command("migrate")
@click.option("--dvc-files", is_flag=True, help="Rewrite the pointers in the work tree too.")
@click.option("--dry", is_flag=True, help="Say what would be done, and do nothing.")
@pass_context
def migrate_(ctx: Context, *, dvc_files: bool, dry: bool) -> None:
    """Give objects of before DVC 3.0 the names they have since.

    The old names stay, for the pointers of older revisions. Pointers are rewritten from the objects, so content that
    is not committed stays uncommitted. Those of imports and pipelines are left to dvc.
    """
    with ctx.repository() as repo:
        if dry:
            count = sum(1 for _ in repo.cache.old_ids())
            ctx.out(f"{count} files will be re-hashed and migrated to the DVC 3.0 cache location.")
            if dvc_files:
                names = [ctx.shown(path) for path in old_pointers(repo)]
                head = "Entries in following DVC files will be migrated to the 3.0 format:"
                ctx.out("\n".join([head, *(f"\t{name}" for name in names)]) if names else _NOTHING)
            return
        done = migrate(repo, pointers=dvc_files, progress=ctx.progress)
        autostaged = repo.config.get_bool("core", "autostage")
    _tell(ctx, done, dvc_files=dvc_files)
    if done.pointers and not autostaged:
        ctx.say(to_track(ctx.shown(path) for path in done.pointers))
    done.require_success()


_NOTHING = "No DVC files in the repo to migrate to the 3.0 format."


def _tell(ctx: Context, done: Migration, *, dvc_files: bool) -> None:
    ctx.out(f"Migrated {done.objects} files to DVC 3.0 cache location.")
    if dvc_files and not done.pointers and not done.left and not done.failures:
        ctx.out(_NOTHING)
    for path in sorted(set(done.pointers)):
        ctx.out(f"Updating DVC file '{ctx.shown(path)}'")
    for path in sorted(set(done.left)):
        ctx.warn(f"{ctx.shown(path)} is left as it is: dvc cache migrate --dvc-files keeps its other fields right")
