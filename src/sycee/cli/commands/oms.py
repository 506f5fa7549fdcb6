"""``sycee oms``."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.signers import signer_of, signer_options
from sycee.cli.words import files
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.ops.oms import chain_for, paths_below
from sycee.trust.keys import PublicKey, load_public
from sycee.trust.oms import sign as omssign
from sycee.trust.oms import verify as oms
from sycee.trust.oms.certificates import USAGES, CertificateRule, load_certificates
from sycee.trust.oms.model import LeaveOut
from sycee.trust.oms.sign import SignRequest

_Command = TypeVar("_Command", bound=Callable[..., object])


@click.group()
def command() -> None:
    r"""Sign and verify any folder or file by OpenSSF Model Signing (OMS): no card, no repository.

    For models that others publish, and for those whom you give yours to: what these commands sign, every reader of OMS
    verifies, and the other way round. For models of your own there are `sycee sign` and `sycee verify`, which also bind
    card, name and version. docs/oms.md tells more.

    \b
    Examples:
      sycee oms verify models/llm --bundle llm.sig --key vendor.pub
      sycee oms verify skill --bundle skill/skill.oms.sig --root vendor-root.pem --identity "Vendor Signing 001"
      sycee oms sign models/llm --bundle ours.sig --key release.key
      sycee oms digest models/llm

    \b
    Exit codes: 0 done or verified; 1 could not be done; 2 wrong usage; 11 bytes or files differ; 12 no good signature;
    13 a good signature by somebody else, or a certificate that is past its time or not meant for it.
    """


def _leaving_out(function: _Command) -> _Command:
    ignore = click.option(
        "--ignore-paths", "ignore", metavar="PATH", multiple=True, help="Leave out a file or folder; repeatable."
    )
    git = click.option(
        "--ignore-git-paths/--no-ignore-git-paths",
        "git",
        default=True,
        help="Leave out .git, .gitattributes, .github and .gitignore at the top (default).",
    )
    return ignore(git(function))


_BUNDLE = click.option("--bundle", "--signature", "-b", required=True, metavar="FILE", help="The bundle's file.")


@command.command()
@click.argument("model")
@_BUNDLE
@signer_options
@click.option("--certificate", metavar="FILE", help="The key's certificate, PEM, to be carried in the bundle.")
@click.option("--chain", metavar="FILE", multiple=True, help="Certificates that lead to a root; repeatable.")
@_leaving_out
@click.option("--force", is_flag=True, help="Replace the bundle of another signer.")
@pass_context
def sign(ctx: Context, model: str, bundle: str, **options: Any) -> None:
    """Sign a folder or file; prints its root digest.

    The bundle can lie in the folder or anywhere else. Links are refused, and names that others could not have.
    """
    path = ctx.path(model)
    signer = signer_of(ctx, options)
    if signer.public.kind.startswith("RSA"):
        ctx.warn("bundles by RSA keys are read by sycee alone; use an EC key (sycee keygen) for others")
    request = SignRequest(
        path,
        ctx.path(bundle),
        signer,
        _certificates(ctx, signer.public, options),
        LeaveOut(_ignored(ctx, path, options), options["git"]),
        options["force"],
    )
    signed = omssign.sign(request, ctx.progress)
    ctx.say(f"{ctx.shown(path)}: signed, {files(len(signed.files))}, by {signer.public.fingerprint}")
    ctx.say(f"left out: {', '.join(map(in_line, signed.left_out)) or 'nothing'}")
    ctx.out(f"sha256:{signed.root}")


def _certificates(ctx: Context, key: PublicKey, options: dict[str, Any]) -> tuple[bytes, ...]:
    if options["certificate"]:
        return chain_for(key, ctx.path(options["certificate"]), _paths(ctx, options["chain"]))
    if options["chain"]:
        raise UsageError("--chain needs --certificate", hint="give the signer's own certificate too")
    return ()


def _paths(ctx: Context, names: Sequence[str]) -> list[Path]:
    return [ctx.path(name) for name in names]


def _ignored(ctx: Context, model: Path, options: dict[str, Any]) -> frozenset[str]:
    return paths_below(model, _paths(ctx, options["ignore"]))


@command.command()
@click.argument("model")
@_BUNDLE
@click.option("--key", "-k", metavar="FILE", help="The public key that must have signed, PEM.")
@click.option("--root", metavar="FILE", multiple=True, help="A root that the signer's certificate must lead to, PEM.")
@click.option("--identity", metavar="NAME", help="The name in the signer's certificate: a SAN, or the common name.")
@click.option("--at", metavar="DATE", help="Judge certificates as of this day or time, instead of now.")
@click.option(
    "--usage",
    type=click.Choice(USAGES),
    default=USAGES[0],
    show_default=True,
    help="What the certificate must be meant for; any: whatever may sign.",
)
@_leaving_out
@click.option("--ignore-unsigned-files", "unsigned", is_flag=True, help="Verify what was signed; let the rest be.")
@click.option("--allow-ignored", "allowed", metavar="PATH", multiple=True, help="Accept that the signer left this out.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@pass_context
def verify(ctx: Context, model: str, bundle: str, **options: Any) -> None:
    """Prove that a folder or file is what was signed.

    Give either --key, or --root with --identity for a signer who has a certificate; roots of web browsers never count.
    What the signer left out is shown, and may only be Git's files and signatures unless you allow more. Needs no
    network.
    """
    path = ctx.path(model)
    leave_out = LeaveOut(
        _ignored(ctx, path, options),
        options["git"],
        frozenset(name.rstrip("/") for name in options["allowed"]),
        options["unsigned"],
    )
    verified = oms.verify(path, ctx.path(bundle), _expected(ctx, options), leave_out, ctx.progress)
    if options["as_json"]:
        ctx.json(verified.as_json())
        return
    for warning in verified.warnings:
        ctx.warn(warning)
    signer = verified.signer
    ctx.out(f"verified  {ctx.shown(path)}, {files(len(verified.statement.names))}")
    ctx.out(f"root      sha256:{verified.root}")
    if isinstance(signer, PublicKey):
        ctx.out(f"signer    {signer.fingerprint} ({signer.kind})")
    else:
        ctx.out(f"signer    {in_line(signer.subject)} ({signer.key.kind}, until {signer.valid_until:%Y-%m-%d})")
    ctx.out(f"left out  {', '.join(map(in_line, sorted(verified.statement.ignore_paths))) or 'nothing'}")


def _expected(ctx: Context, options: dict[str, Any]) -> PublicKey | CertificateRule:
    if bool(options["key"]) == bool(options["root"]):
        raise UsageError(
            "who must have signed? give either --key or --root",
            hint="--key FILE for a public key; --root FILE --identity NAME for a certificate",
        )
    if options["key"]:
        if given := [name for name in ("identity", "at") if options[name]]:
            raise UsageError(f"--{given[0]} is for certificates", hint="leave it out with --key")
        return load_public(ctx.path(options["key"]))
    if not options["identity"]:
        raise UsageError(
            "a root alone does not say who must have signed: --identity is missing",
            hint="give the name in the signer's certificate, as the signer publishes it",
        )
    roots = tuple(root for file in _paths(ctx, options["root"]) for root in load_certificates(file))
    return CertificateRule(roots, options["identity"], _moment(options["at"]), options["usage"])


def _moment(text: str | None) -> dt.datetime:
    """Return a moment: now, a day (its beginning in UTC), or a time with its zone."""
    if text is None:
        return dt.datetime.now(dt.UTC)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(text) != len("2026-01-31")):
        raise UsageError(f"{text!r} is no day or time", hint="for example 2026-01-31 or 2026-01-31T12:00:00Z")
    try:
        return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except OverflowError:
        raise UsageError(f"{text!r} lies before or after all days that are counted") from None


@command.command()
@click.argument("model")
@_leaving_out
@pass_context
def digest(ctx: Context, model: str, **options: Any) -> None:
    """Print the root digest of a folder or file.

    It is the one that a bundle would have. File names are not in it, so it proves nothing.
    """
    path = ctx.path(model)
    leave_out = LeaveOut(_ignored(ctx, path, options), options["git"])
    ctx.out(f"sha256:{omssign.digest(path, leave_out, ctx.progress)}")
