"""``sycee completion``."""

import click
from click.shell_completion import get_completion_class

from sycee.cli.context import Context, pass_context


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_context
def command(ctx: Context, click_context: click.Context, shell: str) -> None:
    r"""Print the shell's completion script.

    \b
    Examples:
      echo 'eval "$(sycee completion bash)"' >> ~/.bashrc
      mkdir -p ~/.zfunc && sycee completion zsh > ~/.zfunc/_sycee
      mkdir -p ~/.config/fish/completions && sycee completion fish > ~/.config/fish/completions/sycee.fish

    \b
    Exit codes: 0 printed; 2 no such shell.
    """
    kind = get_completion_class(shell)
    if kind is None:  # the choices above are the shells click knows
        raise click.UsageError(f"no completion for {shell}")
    ctx.out(kind(click_context.find_root().command, {}, "sycee", "_SYCEE_COMPLETE").source())
