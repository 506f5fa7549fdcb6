"""``sycee review``."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.fieldtables import NONE, field_table, fields_json
from sycee.cli.page import Block, Bullets, Heading, Paragraph, Quoted, Table, Words, as_markdown, as_text
from sycee.errors import FormatError, NotFound, UsageError
from sycee.ops.modelstate import Signature, Weights
from sycee.ops.review import ModelChange, Review, WeightsChange, review

_GROUPS = {"metrics": "metric", "settings": "setting", "data": "data", "about": "about"}
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_DIGITS = 10  # of a digest, for people


@click.command()
@click.argument("revisions", metavar="BASE[..HEAD]")
@click.option("--markdown", "as_md", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-remote", is_flag=True, help="Do not ask whether the objects are stored.")
@pass_context
def command(ctx: Context, revisions: str, *, as_md: bool, as_json: bool, no_remote: bool) -> None:
    r"""Show on one page what a set of commits changes.

    Models and data that were added, removed or updated since HEAD left BASE; of metrics, settings, packages and the
    card only what differs; whose keys the signature files name; what does not fit together; and whether every object
    that HEAD names is on its remote. Read from Git's objects: nothing is checked out, executed or trusted, and no
    signature is checked, which is for sycee verify.

    \b
    Examples:
      sycee review main
      sycee review origin/main..feature --markdown
      sycee review v1.0..v1.1 --json --no-remote

    \b
    Exit codes: 0 all objects are stored, or not asked for; 1 objects are missing, a pointer became unreadable, or
    unknown revision; 2 no Git; 20 a remote could not be asked. The page is printed in any case but the two of the
    revisions.
    """
    if as_md and as_json:
        raise UsageError("--markdown and --json exclude each other", hint="leave one out")
    base, dots, head = revisions.partition("..")
    if not base or (dots and not head.strip(".")):
        raise UsageError(f"{revisions!r} is not BASE..HEAD", hint="for example: sycee review main..HEAD")
    with ctx.repository() as repo:
        found = review(
            repo, base, head.lstrip(".") or "HEAD", None if no_remote else lambda name: ctx.remote(repo, name)
        )
    if as_json:
        ctx.json(_machine_readable(found))
    else:
        ctx.out((as_markdown if as_md else as_text)(list(_page(found))))
    if found.failure:
        raise found.failure
    if found.stored and found.stored.missing:
        count = len(found.stored.missing)
        raise NotFound(
            f"not on their remote: {count} object{'s' * (count > 1)} of commit {found.head[:_DIGITS]}",
            hint=f"whoever made them has to push: sycee push --rev {found.head[:_DIGITS]}",
        )
    if found.stored and found.broken:
        raise FormatError(
            f"which objects commit {found.head[:_DIGITS]} needs is not known: {'; '.join(found.broken)}",
            hint="mend it in a new commit",
        )


def _page(found: Review) -> Iterator[Block]:
    yield Heading(1, ["Models and data: ", Quoted(found.base[:_DIGITS]), " → ", Quoted(found.head[:_DIGITS])])
    yield Paragraph([_summary(found)])
    yield Paragraph(_stored(found))
    if found.stored and found.stored.missing:
        yield Table(["missing", "object", "remote"], [[Quoted(cell) for cell in row] for row in found.stored.missing])
    if found.notes:
        yield Bullets([["Note: ", Quoted(note)] for note in found.notes])
    for model in found.models:
        yield from _model(model)
    if found.others:
        yield Heading(2, ["Outside of models"])
        yield _weights("tracked", found.others)
    if any(model.new and model.new.signature.blobs for model in found.models):
        yield Paragraph(["Keys are those that the signature files name; whether they hold, `sycee verify` tells."])


def _summary(found: Review) -> str:
    counts = {kind: sum(model.kind == kind for model in found.models) for kind in ("added", "updated", "removed")}
    parts = [f"{count} model{'s' * (count > 1)} {kind}" for kind, count in counts.items() if count]
    if found.others:
        parts.append(f"{len(found.others)} tracked path{'s' * (len(found.others) > 1)} outside of models changed")
    return f"{', '.join(parts) or 'No model and nothing tracked changed'}."


def _stored(found: Review) -> Words:
    if found.failure:
        return ["✗ It is not known whether the objects are stored: ", Quoted(found.failure.message)]
    if found.stored is None:
        return ["Remotes were not asked whether they have the objects."]
    if found.stored.missing:
        return [f"✗ {len(found.stored.missing)} of the objects that the pointers need are not on their remote:"]
    if found.broken:
        return [f"✗ Not every pointer can be read; what the others need ({found.stored.asked}) is on its remote."]
    return [f"✓ Every object is on its remote ({found.stored.asked} pointers asked for)."]


def _model(model: ModelChange) -> Iterator[Block]:
    about = model.new or model.old
    card = about.card if about else None
    label: Words = [": ", Quoted(f"{card.name or card.task} {card.version or ''}".rstrip())] if card else []
    yield Heading(2, [Quoted(model.folder), f" {model.kind}", *label])
    if model.weights:
        yield _weights("weights", model.weights)
    for group, title in _GROUPS.items():
        if fields := model.fields.get(group):
            yield field_table(title, fields, with_change=group == "metrics")
    if model.packages:
        yield field_table("package", model.packages)
    if words := _signature(model):
        yield Paragraph(words)
    if model.warnings:
        yield Bullets([["⚠ ", Quoted(warning)] for warning in model.warnings])


def _weights(title: str, changes: tuple[WeightsChange, ...]) -> Table:
    rows: list[Words] = [[Quoted(one.path), _size(one.old), _size(one.new), _digits(one)] for one in changes]
    return Table([title, "before", "after", "object"], rows)


def _size(one: Weights | None) -> str:
    if one is None:
        return NONE
    if one.size is None:
        return "?"
    for unit, scale in _UNITS:
        if one.size >= scale:
            digits = f"{one.size / scale:.3g}" if one.size < 100 * scale else f"{one.size // scale:,}"
            return f"{digits} {unit}"
    return "1 byte" if one.size == 1 else f"{one.size} bytes"


def _digits(one: WeightsChange) -> Quoted:
    return Quoted(" → ".join(side.oid[:_DIGITS] for side in (one.old, one.new) if side and side.oid))


def _signature(model: ModelChange) -> Words:
    old, new = ((side.signature if side else Signature()) for side in (model.old, model.new))
    if not new.blobs:
        return ["Signature: removed."] if old.blobs else []
    if old.blobs and not model.signature_files:
        return ["Signature: as before, by key ", Quoted(_key(new)), ". It was not made for these changes."]
    was: Words = [" (before: ", Quoted(_key(old)), ")"] if old.blobs and old.key != new.key else []
    identity: Words = [", version ", Quoted(f"sycee:{new.identity[:_DIGITS]}")] if new.identity else []
    return [
        "Signature: ",
        "new" if not old.blobs else "changed",
        ", names key ",
        Quoted(_key(new)),
        *was,
        *identity,
        ".",
    ]


def _key(signature: Signature) -> str:
    return signature.key[: 2 * _DIGITS] if signature.key else "unknown"


def _machine_readable(found: Review) -> dict[str, Any]:
    stored, failure = found.stored, found.failure
    missing = [{"path": path, "oid": oid, "remote": remote} for path, oid, remote in stored.missing] if stored else []
    return {
        "base": found.base,
        "head": found.head,
        "models": [_model_json(model) for model in found.models],
        "others": [_weights_json(one) for one in found.others],
        "notes": list(found.notes),
        "unreadable": list(found.broken),
        "objects": {"asked": stored.asked, "missing": missing} if stored else None,
        "failure": failure.message if failure else None,
    }


def _model_json(model: ModelChange) -> dict[str, Any]:
    groups = {group: fields_json(model.fields.get(group, ())) for group in _GROUPS}
    return {
        "path": model.folder,
        "kind": model.kind,
        "weights": [_weights_json(one) for one in model.weights],
        **groups,
        "packages": fields_json(model.packages),
        "signature": {
            "files": list(model.signature_files),
            **{
                side: {"key": state.signature.key, "identity": state.signature.identity} if state else None
                for side, state in (("old", model.old), ("new", model.new))
            },
        },
        "warnings": list(model.warnings),
    }


def _weights_json(one: WeightsChange) -> dict[str, Any]:
    sides: Mapping[str, Weights | None] = {"old": one.old, "new": one.new}
    return {
        "path": one.path,
        **{
            name: {"size": side.size, "md5": side.oid, "sha256": side.sha256} if side else None
            for name, side in sides.items()
        },
    }
