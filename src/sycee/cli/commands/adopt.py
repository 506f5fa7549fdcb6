"""``sycee adopt``."""

from dataclasses import asdict

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.remotes import Remotes
from sycee.cli.words import byte_count, to_track
from sycee.errors import UsageError
from sycee.ops.adopt import Adopted, Adoption, AdoptRequest, adopt
from sycee.ops.copies import Copies
from sycee.workspace.repository import Repository

_KINDS = {
    "in place": "its card goes beside its weights",
    "whole folder": "tracked as a whole until now: small files go to Git, the others get a pointer each",
    "flat folder": "a folder of its own beside the old path, which stays",
}


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL…]")
@click.option("--all", "everything", is_flag=True, help="Everything tracked that looks like a model.")
@click.option("-n", "--dry-run", is_flag=True, help="Show which files would change, and change nothing.")
@click.option("--task", metavar="TEXT", help="What the models do, for their cards: ner, image-classification.")
@click.option("--as-one", is_flag=True, help="Several weights in one folder are one model.")
@click.option("--json", "as_json", is_flag=True, help="Print what is done as JSON.")
@pass_context
def command(ctx: Context, models: tuple[str, ...], *, everything: bool, as_json: bool, **options: bool | str) -> None:
    r"""Give models that are tracked already a card, strong digests and a folder of their own.

    A MODEL is tracked weights, their pointer, a folder that is tracked as a whole, or a folder with such things in it.
    Weights alone in a folder get their card there. Of several models in one folder each gets a folder of its own; the
    old paths stay. A folder that is tracked as a whole gets one pointer for each large file. Outputs of stages stay
    with their stage. The card holds what dvc.lock and the metrics files recorded, and says what is not known.

    Nothing is uploaded: the new pointers name the objects that are there. Digests are taken from the cache, or from a
    remote whose objects are read and not stored. Nothing is committed; look at the change, then commit it.

    \b
    Examples:
      sycee adopt --all --dry-run
      sycee adopt models/t5.dvc --task ner
      git add -A && git commit -m 'adopt models'

    \b
    Exit codes: 0 done, also if all was adopted before; 1 a MODEL could not be adopted.
    """
    if bool(models) == everything:
        raise UsageError("name models, or take all", hint="sycee adopt MODEL, or sycee adopt --all")
    with ctx.repository() as repo:
        done = adopt(repo, _request(ctx, models, **options), _copies(ctx, repo))
        if as_json:
            ctx.json(_as_json(repo, done))
        else:
            _show(ctx, repo, done, dry_run=bool(options["dry_run"]))
    failed = any(one.asked and not one.adopted for one in done.left)
    click.get_current_context().exit(1 if failed else 0)


def _request(ctx: Context, models: tuple[str, ...], **options: bool | str) -> AdoptRequest:
    task = options["task"]
    return AdoptRequest(
        tuple(ctx.path(model) for model in models),
        str(task) if task else None,
        as_one=bool(options["as_one"]),
        dry_run=bool(options["dry_run"]),
    )


def _copies(ctx: Context, repo: Repository) -> Copies:
    return Copies(repo, Remotes(ctx, repo, None).usable, ctx.progress)


def _show(ctx: Context, repo: Repository, done: Adoption, *, dry_run: bool) -> None:
    for path in done.completed:
        ctx.say(f"completed what an interrupted run had begun: {path}")
    for adopted in done.models:
        ctx.out(f"{repo.relpath(adopted.model.folder)}: {_KINDS[adopted.model.kind]}")
        for name, size in adopted.weights:
            ctx.out(f"    weights  {name}  {byte_count(size)}")
        for name in adopted.left_out:
            ctx.out(f"    left over from the training, to be moved out before it is signed: {name}")
        for mark, path in adopted.changes:
            ctx.out(f"  {mark}  {path}")
    for mark, path in done.shared:
        ctx.out(f"  {mark}  {path}")
    _show_left(ctx, done)
    if not done.models and not done.completed:
        ctx.out("Nothing to adopt.")
    for path in done.ignored:
        ctx.warn(f"Git ignores {path}: find out by which rule: git check-ignore -v {path}")
    if done.for_git and not dry_run:
        ctx.say(to_track(ctx.shown(path) for path in done.for_git))
        ctx.say("hint: look at it (git diff --cached), fill in what the cards say is not known, then git commit")


def _show_left(ctx: Context, done: Adoption) -> None:
    for left in done.left:
        if left.asked or not left.adopted:
            ctx.say(f"left alone  {left.relpath}: {left.reason}")
    if count := sum(left.adopted and not left.asked for left in done.left):
        ctx.say(f"left alone  {count} with cards already")


def _as_json(repo: Repository, done: Adoption) -> dict[str, object]:
    return {
        "models": [_model_as_json(repo, adopted) for adopted in done.models],
        "shared": [{"mark": mark, "path": path} for mark, path in done.shared],
        "left": [asdict(left) for left in done.left],
        "completed": list(done.completed),
    }


def _model_as_json(repo: Repository, adopted: Adopted) -> dict[str, object]:
    return {
        "path": repo.relpath(adopted.model.folder),
        "kind": adopted.model.kind,
        "weights": [{"path": name, "size": size} for name, size in adopted.weights],
        "left_out": list(adopted.left_out),
        "changes": [{"mark": mark, "path": path} for mark, path in adopted.changes],
    }
