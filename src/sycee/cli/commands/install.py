"""``sycee install``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops.install import KEPT, InstallRequest, install, uninstall


@click.command()
@click.option("--use-pre-commit-tool", is_flag=True, help="Put the hooks into .pre-commit-config.yaml.")
@click.option("--push", is_flag=True, help="Before git push, store what is missing, instead of refusing.")
@click.option("--remove", is_flag=True, help="Take away what install made.")
@pass_context
def command(ctx: Context, *, use_pre_commit_tool: bool, push: bool, remove: bool) -> None:
    r"""Let Git call sycee: hooks, and drivers for pointers.

    git push is stopped while an object that the pushed commits name is on no remote; git checkout of a branch brings
    its files; git commit shows what changed. git diff shows size, digest and metrics of a pointer, and git merge
    joins two sides' changes to a folder. All of it stays in this clone's .git folder; each clone has its own. Hooks
    of other tools are never overwritten; those that dvc install made are replaced, and come back with --remove.

    \b
    Examples:
      sycee install
      sycee install --push
      sycee install --use-pre-commit-tool && pre-commit install -t pre-commit -t pre-push -t post-checkout
      sycee install --remove

    \b
    Exit codes: 0 done; 1 a hook or driver of another tool is there, nothing changed; 2 no Git.
    """
    if remove and (use_pre_commit_tool or push):
        raise UsageError("--remove goes alone", hint="it takes away all that install made")
    with ctx.repository() as repo:
        request = InstallRequest(use_pre_commit_tool, push)
        changed = uninstall(repo) if remove else install(repo, request)
    for path in changed:
        ctx.say(f"{'written' if path.exists() else 'removed'}: {ctx.shown(path)}")
    if any(path.name.endswith(KEPT) for path in changed) and not push:
        ctx.say("DVC's hooks are kept beside sycee's. Its pre-push stored objects; for that: sycee install --push")
    ctx.say("Git no longer calls sycee." if remove else "Git calls sycee now; take it back: sycee install --remove")
