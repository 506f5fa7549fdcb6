"""``sycee sign`` by who has read what he signs."""

from pathlib import Path
from typing import Any

from sycee.cli.context import Context
from sycee.cli.words import files
from sycee.errors import NotFound
from sycee.ops.sign import sign
from sycee.trust.signing.signers import Signer
from sycee.workspace.repository import find_repository


def run(ctx: Context, folder: Path, signer: Signer, options: dict[str, Any]) -> None:
    """Sign a model's folder, and say so."""
    try:
        repo = find_repository(folder, environ=ctx.environ, notify=ctx.say, wait=ctx.wait)
    except NotFound:  # a folder that nobody tracks can be signed too
        repo = None
    try:
        result = sign(folder, signer, repo=repo, replace=options["force"], progress=ctx.progress)
    finally:
        if repo:
            repo.close()
    for warning in result.warnings:
        ctx.warn(warning)
    what = f"signed, {files(len(result.files))}" if result.written else "was signed like this before; nothing changed"
    ctx.say(f"{ctx.shown(folder)}: {what}, by {result.witness or result.fingerprint}")
    if result.added:
        ctx.say(f"{ctx.shown(folder)}: added again, since it is tracked as a whole; commit {ctx.shown(result.added)}")
    ctx.out(f"sycee:{result.identity}")
