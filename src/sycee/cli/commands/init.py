"""``sycee init``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.ops.init import InitRequest, init


@click.command()
@click.option("--no-scm", is_flag=True, help="Do without Git.")
@click.option("--subdir", is_flag=True, help="Make a project of its own inside a larger Git repository.")
@click.option("-f", "--force", is_flag=True, help="Replace a repository that is here, its cache included.")
@pass_context
def command(ctx: Context, *, no_scm: bool, subdir: bool, force: bool) -> None:
    r"""Make a repository in the current Git work tree.

    Writes .dvc/ and .dvcignore, exactly as `dvc init` does, and stages them.

    \b
    Examples:
      git init && sycee init
      sycee remote add -d store s3://bucket/models

    \b
    Exit codes: 0 done; 1 no Git repository, or there is a repository already.
    """
    init(InitRequest(ctx.cwd, no_scm=no_scm, subdir=subdir, force=force))
    ctx.say("Initialized. Commit it: git commit -m 'start sycee'. Next: sycee remote add -d NAME URL")
