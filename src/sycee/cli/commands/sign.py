"""``sycee sign``."""

from importlib import import_module
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.signers import any_signer_of, any_signer_options
from sycee.errors import UsageError

# By whether it is to countersign: that needs neither repository nor cache, and is to be done at once.
_WAYS = {False: "sycee.cli.signing", True: "sycee.cli.countersigning"}


@click.command()
@click.argument("model", metavar="MODEL")
@any_signer_options
@click.option("--force", is_flag=True, help="Sign as the first, in the place of another signer.")
@click.option("--countersign", is_flag=True, help="Sign on the word of who signed before; read no weights.")
@click.option("--trust", "-t", metavar="FILE", help="With --countersign: the trust file that says whose word counts.")
@click.option("--signed-by", metavar="FILE", help="With --countersign: the one public key whose word counts, PEM.")
@pass_context
def command(ctx: Context, model: str, *, force: bool, countersign: bool, **options: Any) -> None:
    r"""Sign a model: weights, card and context as one.

    Writes a .sig beside each weights file (as `openssl dgst -sha256 -sign` does), SHA256SUMS with its .sig, and
    model.sig, a bundle in the format of OpenSSF Model Signing over every file of the folder. Weights that are unchanged
    since `sycee add` are not read again. A folder that is tracked as a whole is added again, with its signatures.
    Prints the version's identity.

    Where somebody else has signed this version, your signature goes beside his, as one bundle in records/. It is about
    the bytes that are here, which you vouch for as he does. With --countersign you vouch for his word instead: his
    signature is verified, what is here is compared with it, and weights are not read and need not be here.

    With --keyless no key is kept anywhere: a Sigstore instance certifies, for minutes, who the token says you are, and
    writes the signature into its public log. That needs a network, and sycee[sigstore]; there is a bundle, and no .sig.

    \b
    Examples:
      sycee sign models/bert --key release.key
      sycee sign models/ner -k ci.key --password-file /run/secrets/password
      sycee sign models/bert --public-key kms.pub --key-command "./kms-sign {algorithm}"
      sycee sign models/bert --key release.key --countersign --signed-by training.key.pub
      sycee sign models/bert --keyless

    \b
    Exit codes: 0 signed; 1 something in the folder may not be signed, another version is signed there, or the command
    did not sign; 2 wrong usage, wrong password, or no token; 12 what the command wrote is no signature; 14 card or
    pointers speak of other bytes; 20 Sigstore could not be reached, or refused. With --countersign also 11 to 14 as
    sycee verify: what is here is not what was signed before.
    """
    folder = ctx.path(model)
    signer = any_signer_of(ctx, options)
    if not countersign and (options["trust"] or options["signed_by"]):
        raise UsageError("--trust and --signed-by are for --countersign", hint="they say whose word is relied on")
    import_module(_WAYS[countersign]).run(ctx, folder, signer, {**options, "force": force})
