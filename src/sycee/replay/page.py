"""What a replay found as one page for people: samples, and what was expected beside what came out.

One file that needs nothing else: no script, no font, no address; a browser that opens it asks no network. Whatever
comes from a model or a sample is escaped, and the page's policy lets nothing run even if it were not.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from sycee.core.deviation import array
from sycee.digest import is_hex
from sycee.formats import tensorfile
from sycee.formats.golden import STAGES, Golden, Leaf, Sample, Stage, Stages, place
from sycee.formats.replay import Change, Compared, Report
from sycee.formats.tensorfile import Tensor, sliced
from sycee.replay import picture
from sycee.replay.picture import Picture

MAX_IMAGE = 1 << 20  # bytes of a sample that is shown as an image
MAX_TEXT = 2000  # characters of a text
MAX_LEAVES = 24  # of a stage
MAX_NUMBERS = 16  # elements of a tensor that is shown as numbers

_IMAGES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
_LEVELS = {"bit": "equal to the bit", "numeric": "equal but for noise", "decision": "same decision", "fail": "differs"}
_MODES = {"here": "in a process of its own", "rebuilt": "in a rebuilt environment", "in process": "in this process"}
_AREAS = {"aux": "file", "env": "variable"}


class Evidence(NamedTuple):
    """What was expected, and what came out.

    Attributes:
        record: The record.
        kept: The tensors of its tensor file.
        inputs: The bytes of samples by id; those that are not there are not shown.
        found: What each sample gave.
        tensors: The tensors of that, under :func:`sycee.formats.golden.place`.
    """

    record: Golden
    kept: Mapping[str, Tensor]
    inputs: Mapping[str, bytes]
    found: Mapping[str, Stages]
    tensors: Mapping[str, Tensor]


def render(report: Report, evidence: Evidence) -> bytes:
    """Return the page.

    Args:
        report: What was found.
        evidence: The samples to show.

    Raises:
        CannotRun: If numpy is not installed.
    """
    style = (files(__package__) / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "".join(
        (
            "<!doctype html>\n",
            '<html lang="en"><head><meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(report.result)}: replay of {escape(report.model)}</title>\n",
            f"<style>{style}</style></head>\n<body><main>\n",
            *_head(report),
            *_changes("What can explain it", report.can),
            *_changes("What else is not as it was", report.cannot),
            *(part for sample in evidence.record.samples for part in _sample(report, evidence, sample)),
            "<footer>Deviations are told in sizes of what was expected (root mean square).</footer>\n",
            "</main></body></html>\n",
        )
    ).encode()


def _head(report: Report) -> Iterator[str]:
    yield f'<header class="{report.result}"><p>Replay of {escape(report.model)}: {report.result}</p>\n'
    yield f"<h1>{escape(report.verdict)}</h1>\n<dl>"
    facts = {
        "demanded": _LEVELS[report.demanded],
        "found": _LEVELS[report.level],
        "ran": f"{_MODES[report.mode]}, network: {report.network}",
        "version": report.label,
        "identity": report.identity,
        "signed by": report.signer,
        "waived": ", ".join(report.waived),
    }
    yield from (f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    yield from (f"<dt>note</dt><dd>{escape(note)}</dd>" for note in report.notes)
    yield "</dl></header>\n"


def _changes(title: str, changes: Iterable[Change]) -> Iterator[str]:
    rows = [
        f"<tr><td>{escape(_AREAS.get(one.area, one.area))}</td><td><code>{escape(one.name)}</code></td>"
        f"<td>{escape(_changed(one.frozen))}</td><td>{escape(_changed(one.here))}</td></tr>"
        for one in changes
    ]
    if rows:
        yield f"<h2>{title}</h2><section><table><tr><th>what</th><th>name</th><th>when frozen</th><th>here</th></tr>"
        yield f"{''.join(rows)}</table></section>\n"


def _changed(value: str) -> str:
    return f"sha256 {value[:12]}…" if is_hex(value, "sha256") else value or "not there"


def _sample(report: Report, evidence: Evidence, sample: Sample) -> Iterator[str]:
    yield f"<h2>Sample {escape(sample.id)}</h2>\n<section><h3>input {_soft(_described(sample))}</h3>"
    yield f"{_input(sample, evidence.inputs.get(sample.id))}</section>\n"
    results = {one.stage: one for one in report.stages if one.sample == sample.id}
    for stage in STAGES:
        if stage in results and stage in sample.stages:
            yield from _stage(results[stage], evidence, sample, stage)


def _described(sample: Sample) -> str:
    name = f" {sample.input.name}" if sample.input.name else ""
    return f"{sample.input.kind}{name}, {sample.input.size:,} bytes"


def _input(sample: Sample, data: bytes | None) -> str:
    if data is None:
        return f"<p>{_soft(f'not shown; sha256 {sample.input.sha256}')}</p>"
    kind = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
    if kind and len(data) <= MAX_IMAGE:
        return f'<img class="given" alt="the sample" src="{_address(data, kind)}">'
    if sample.input.kind in {"text", "json"}:
        return f"<pre>{escape(_short(data.decode(errors='replace')))}</pre>"
    if sample.input.kind == "tree":
        tensors = tensorfile.parse(data, "the sample")
        return f"<pre>{escape(_short(chr(10).join(f'{name}  {_form(one)}' for name, one in tensors.items())))}</pre>"
    return f"<pre>{escape(data[:256].hex(' '))}{' …' if len(data) > 256 else ''}</pre>"


def _stage(result: Compared, evidence: Evidence, sample: Sample, stage: Stage) -> Iterator[str]:
    yield f'<section><h3>{stage} <span class="level {result.level}">{_LEVELS[result.level]}</span></h3>'
    if result.words:
        yield f"<p>{escape(result.words)}{_soft(_measures(result))}</p>"
    then = {leaf.path: leaf for leaf in sample.stages[stage]}
    here = {leaf.path: leaf for leaf in evidence.found.get(sample.id, {}).get(stage, ())}
    paths = sorted(dict.fromkeys((*then, *here)), key=lambda path: _content(then.get(path)) == _content(here.get(path)))
    plain = [path for path in paths[:MAX_LEAVES] if not _is_tensor(then.get(path), here.get(path))]
    if plain:
        yield "<table><tr><th>value</th><th>expected</th><th>here</th></tr>"
        yield from (_row(path, _value(then.get(path)), _value(here.get(path))) for path in plain)
        yield "</table>"
    for path in paths[:MAX_LEAVES]:
        if path not in plain:
            where = place(sample.id, stage, path)
            yield from _tensors(then[path], evidence.kept.get(where), evidence.tensors.get(where))
    if len(paths) > MAX_LEAVES:
        yield f"<p>{_soft(f'and {len(paths) - MAX_LEAVES:,} more values')}</p>"
    yield "</section>\n"


def _measures(result: Compared) -> str:
    if result.rms_rel is None or result.p999_rel is None or not result.max_rel:
        return ""
    return (
        f" — 99.9 % within {result.p999_rel:.2g}, mean {result.rms_rel:.2g}, "
        f"at most {result.max_ulp:,} representable numbers apart"
    )


def _content(leaf: Leaf | None) -> object:
    return leaf and (leaf.kind, leaf.value, leaf.dtype, leaf.shape, leaf.sha256)


def _is_tensor(one: Leaf | None, two: Leaf | None) -> bool:
    """Tell whether two leaves can be shown as tensors of one form."""
    return bool(one and two and one.kind == "tensor" and (one.dtype, one.shape) == (two.dtype, two.shape))


def _value(leaf: Leaf | None) -> str:
    if leaf is None:
        return "not there"
    if leaf.kind == "tensor":
        return f"{leaf.dtype} {list(leaf.shape)}"
    if leaf.kind == "none":
        return "nothing"
    return _short(str(leaf.value)) if leaf.value is not None else f"sha256 {leaf.sha256}"


def _row(path: str, one: str, two: str) -> str:
    mark = ' class="apart"' if one != two else ""
    return f"<tr{mark}><td><code>{escape(path)}</code></td><td>{escape(one)}</td><td>{escape(two)}</td></tr>"


def _tensors(leaf: Leaf, one: Tensor | None, two: Tensor | None) -> Iterator[str]:
    about = f"{leaf.dtype} {list(leaf.shape)}{', 4,096 of its elements' if leaf.sliced else ''}"
    yield f'<div class="leaf"><p><code>{escape(leaf.path)}</code> {_soft(about)}</p>'
    if one is None or two is None:
        yield f"<p>{_soft(f'its elements were not kept; sha256 {leaf.sha256}')}</p></div>"
        return
    two = sliced(two) if leaf.sliced else two
    values = array(one)
    if values.size <= MAX_NUMBERS:
        yield _numbers(values.reshape(-1).tolist(), array(two).reshape(-1).tolist())
    elif pictures := picture.of(one, two):
        shown = dict(zip(("expected", "here", "difference"), pictures, strict=True))
        if one.data == two.data:
            shown = {"expected, and the same here": pictures.expected}
        yield f'<div class="pictures">{"".join(_figure(name, one) for name, one in shown.items())}</div>'
    yield "</div>"


def _numbers(one: list[Any], two: list[Any]) -> str:
    rows = [("expected", one), ("here", two)]
    if any(isinstance(value, float) for value in one):
        rows.append(("difference", [float(f"{there - then:.2g}") for then, there in zip(one, two, strict=True)]))
    return f"<table>{''.join(_cells(name, values) for name, values in rows)}</table>"


def _cells(name: str, values: list[Any]) -> str:
    cells = "".join(f'<td class="number">{_number(value)}</td>' for value in values)
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figure(name: str, shown: Picture) -> str:
    kind = (
        "image" if min(shown.width, shown.height) >= picture.LEAST_SIDE and shown.width != picture.STRIP[0] else "strip"
    )
    return (
        f'<figure><figcaption>{name}</figcaption><img class="{kind}" alt="{name}" width="{shown.width}" '
        f'height="{shown.height}" src="{_address(shown.png, "png")}"></figure>'
    )


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …"


def _soft(text: str) -> str:
    return f'<span class="soft">{escape(text)}</span>'
