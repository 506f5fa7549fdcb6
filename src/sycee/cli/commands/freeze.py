"""``sycee freeze``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sycee.capture.frameworks import installed
from sycee.cli.context import Context, pass_context
from sycee.cli.functions import function
from sycee.cli.metrics import nested, numbers
from sycee.errors import FormatError, NotFound, UsageError
from sycee.formats import strictjson, yamldialect
from sycee.ops.freeze import make_request, run
from sycee.ops.frozen import Frozen

_MAX_CONFIG = 1 << 20  # bytes


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--task", required=True, metavar="TEXT", help="What the model does: ner, image-classification.")
@click.option("--weights", "-w", multiple=True, metavar="PATH", help="Files or folders; looked for in MODEL otherwise.")
@click.option("--metric", "-m", "metrics", multiple=True, metavar="NAME=VALUE", help="What it reached; GROUP.NAME too.")
@click.option("--config", metavar="FILE", help="The settings of the training, YAML or JSON.")
@click.option("--data", "-d", multiple=True, metavar="PATH", help="What it was trained on, for its version.")
@click.option("--data-version", metavar="TEXT", help="A label for the data.")
@click.option("--seed", "seeds", multiple=True, metavar="GENERATOR=N", help="How it was seeded: torch=7.")
@click.option("--framework", "frameworks", multiple=True, metavar="NAME", help="What it needs, as pip list names it.")
@click.option("--name", metavar="TEXT", help="The model's name; the folder's otherwise.")
@click.option("--version", metavar="X.Y.Z", help="The version, as in SemVer.")
@click.option("--license", metavar="SPDX", help="Apache-2.0, MIT.")
@click.option("--description", metavar="TEXT", help="A sentence or more.")
@click.option("--load", metavar="MODULE:FUNCTION", help="Given MODEL, returns what predict gets before its input.")
@click.option("--preprocess", metavar="MODULE:FUNCTION", help="Makes the input of a sample.")
@click.option("--predict", metavar="MODULE:FUNCTION", help="Makes the output; kept with all that it imports.")
@click.option("--postprocess", metavar="MODULE:FUNCTION", help="Makes the decision of an output.")
@click.option("--sample", "samples", multiple=True, metavar="FILE", help="A raw input; functions get its path.")
@click.option("--private-samples", is_flag=True, help="Keep digests of the samples alone.")
@click.option("--aux", multiple=True, metavar="FILE", help="A file that the functions read, if it is not seen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def command(ctx: Context, model: str, task: str, *, as_json: bool, **given: Any) -> None:
    r"""Make a version of a model that was trained without sycee: weights, card and context in the folder MODEL.

    Weights from elsewhere are copied into it, and tracked. The card has what is given here, the commit around it, and
    the data's versions; what a person wrote into a card before stays. The environment that is recorded is that of the
    Python that runs sycee, so run the sycee that is installed where the model was trained. What only the training knows
    (its script, its arguments) is not recorded: sycee.freeze(...) at the end of a script does that, see
    docs/training.md.

    With --predict and --sample what the model answers is recorded too, for sycee replay. The modules are imported from
    the working folder and run here.

    \b
    Examples:
      sycee freeze models/bert --task ner --metric val_f1=0.892 --data data/conll --license Apache-2.0
      sycee freeze models/cnn --task image-classification -w runs/best.pt --config train.yaml --seed torch=7
      sycee freeze models/ner --task ner --load serve:load --predict serve:predict --sample hello.txt

    \b
    Exit codes: 0 frozen, perhaps with warnings; 1 frozen, but not all of it, or a file that is named is not there;
    2 wrong usage.
    """
    options = _options(ctx, given)
    frozen = run(replace(make_request(ctx.path(model), task, options), environ=ctx.environ))
    if as_json:
        ctx.json(_machine_readable(ctx, frozen))
    else:
        ctx.out(repr(frozen))
    if frozen.card.values.get("status") == "partial":
        click.get_current_context().exit(1)


def _options(ctx: Context, given: dict[str, Any]) -> dict[str, Any]:
    weights, data = (tuple(_there(ctx, path) for path in given[key]) for key in ("weights", "data"))
    framework_version = installed(given["frameworks"])
    roles = ("load", "preprocess", "predict", "postprocess")
    if (given["samples"] or given["aux"]) and not given["predict"]:
        raise UsageError("--sample and --aux are for --predict", hint="name the function: --predict serve:predict")
    options = {
        "metrics": nested(given["metrics"]),
        "training_config": _config(_there(ctx, given["config"])) if given["config"] else None,
        "data": data,
        "weights": weights or None,
        "seeds": {one.name: one.value for one in numbers(given["seeds"])} or None,
        "extra": {"framework_version": framework_version} if framework_version else None,
        "samples": tuple(_there(ctx, path) for path in given["samples"]) or None,
        "aux": tuple(_there(ctx, path) for path in given["aux"]) or None,
        "private_samples": given["private_samples"] or None,
        "progress": ctx.progress,
    }
    options |= {role: function(given[role], ctx.cwd) for role in roles if given[role]}
    return options | {key: given[key] for key in ("data_version", "name", "version", "license", "description")}


def _there(ctx: Context, text: str) -> Path:
    path = ctx.path(text)
    pointer = path.with_name(f"{path.name}.dvc")  # of data, which may be elsewhere
    if not path.exists() and not pointer.exists():
        raise NotFound(f"{text} does not exist", hint="look for a misspelt path", path=text)
    return path


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"{path} is no file", hint="--config takes a file in YAML or JSON")
    data = path.read_bytes()
    if len(data) > _MAX_CONFIG:
        raise FormatError(f"{path} is larger than {_MAX_CONFIG} bytes", hint="give the settings, not the data")
    try:
        loaded = (
            strictjson.parse(data, str(path)) if path.suffix == ".json" else yamldialect.load(data.decode(), str(path))
        )
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start})", path=str(path)) from None
    if not isinstance(loaded, dict):
        raise FormatError(f"{path} holds no settings: its top level is no mapping", path=str(path))
    return loaded


def _machine_readable(ctx: Context, frozen: Frozen) -> dict[str, Any]:
    return {
        "path": ctx.shown(frozen.path),
        "card": dict(frozen.card.values),
        "files": [{"path": one.path, "sha256": one.digests.sha256, "kept": one.kept} for one in frozen.files],
        "changed": [ctx.shown(path) for path in frozen.changed],
        "set_aside": [[ctx.shown(old), ctx.shown(new)] for old, new in frozen.set_aside],
        "left_out": list(frozen.left_out),
        "hints": list(frozen.hints),
    }
