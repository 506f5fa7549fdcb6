"""``sycee key``."""

import click

from sycee.cli import passwords
from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops.key import KeyFacts, Named, export_public, named_in, read_key


@click.group()
def command() -> None:
    r"""Look at key files, and give public halves away. `sycee keygen` makes a pair.

    \b
    Examples:
      sycee key show release.key
      sycee key export release.key --out release.key.pub

    \b
    Exit codes: 0 done; 1 no such file, or it would overwrite one; 2 no key, or wrong password.
    """


@command.command()
@click.argument("file", metavar="FILE")
@click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file.")
@click.option("--trust", "-t", metavar="FILE", help="Say also where this trust file names it.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@pass_context
def show(ctx: Context, file: str, password_file: str | None, trust: str | None, *, as_json: bool) -> None:
    r"""Say what a key file is: its kind, its fingerprint, whether it can sign, and who may read it.

    The fingerprint is what `sha256sum` prints for the public half, and what trust files and bundles call a key by. That
    of an encrypted private key is told if its password is given; it is not asked for.

    \b
    Examples:
      sycee key show release.key.pub
      sycee key show release.key --json
      sycee key show release.key.pub --trust ~/.config/sycee/trust.toml
    """
    password = passwords.given(ctx, password_file)
    facts = read_key(ctx.path(file), None if password is None else lambda: password)
    named = _named(ctx, facts, trust) if trust else None
    if as_json:
        found = {} if named is None else {"named": [one.as_json() for one in named]}
        ctx.json(facts.as_json() | found)
        return
    _show(ctx, facts)
    if named is not None:
        for one in named or ["nowhere: nothing that it signs counts there"]:
            ctx.out(f"named        {one}")


def _named(ctx: Context, facts: KeyFacts, trust: str) -> tuple[Named, ...]:
    if facts.public is None:
        raise UsageError(
            f"{ctx.shown(facts.path)} is encrypted, so which key it is cannot be told",
            hint="give its public half, or the password by --password-file",
        )
    return named_in(ctx.path(trust), facts.public)


def _show(ctx: Context, facts: KeyFacts) -> None:
    ctx.out(f"file         {ctx.shown(facts.path)}")
    ctx.out(f"half         {'private: it signs' if facts.is_private else 'public: it checks signatures'}")
    if facts.public is not None:
        ctx.out(f"kind         {facts.public.kind}")
        ctx.out(f"fingerprint  {facts.public.fingerprint}")
    else:
        ctx.out("fingerprint  not known without the password")
    if facts.is_private:
        ctx.out(f"encrypted    {'yes' if facts.is_encrypted else 'no: whoever can read the file signs in your name'}")
        ctx.out(f"mode         {facts.mode}")
        if int(facts.mode, 8) & 0o077:
            ctx.warn(f"others may read {ctx.shown(facts.path)}: chmod 600 it")


@command.command()
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="FILE", help="Write it to a new file, not to standard output.")
@click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file.")
@pass_context
def export(ctx: Context, file: str, out: str | None, password_file: str | None) -> None:
    r"""Give the public half of a key, in PEM, as openssl reads it.

    \b
    Examples:
      sycee key export release.key > release.key.pub
      sycee key export release.key --out release.key.pub
    """
    target = ctx.path(out) if out else None
    public = export_public(ctx.path(file), passwords.to_open(ctx, password_file, file), target)
    if target is None:
        ctx.out(public.pem.decode().rstrip())
    else:
        ctx.say(f"{ctx.shown(target)}: {public.kind}, {public.fingerprint}")
