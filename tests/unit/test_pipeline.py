"""DVC's pipeline files: outputs are read, a model is entered into ``artifacts:``, nothing else changes."""

import pytest

from sycee.errors import FormatError
from sycee.formats import pipeline

LOCK = b"""schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: model.pt
      hash: md5
      md5: 69d919adfcb3595bd1e0d1fbff4b4f0b
      size: 3
    - path: scores.json
      hash: md5
"""


def test_outputs_with_an_md5_are_read():
    ((_, wdir, _, out),) = pipeline.outs(LOCK, "dvc.lock")
    assert (wdir, out.path, out.md5, out.size, out.hash) == (
        ".",
        "model.pt",
        "69d919adfcb3595bd1e0d1fbff4b4f0b",
        3,
        "md5",
    )


@pytest.mark.parametrize(
    "data",
    [b"[]", b"stages: 3", b"stages: {a: {outs: [3]}}", b"stages: {a: {outs: [{path: 3}]}}", b"\xff", b"{", b"a: b: c"],
)
def test_a_malformed_lock_is_refused(data):
    with pytest.raises(FormatError):
        list(pipeline.outs(data, "dvc.lock"))


def locked(*stages_and_paths):
    """Return a lock in which each stage has one output."""
    entry = "    outs: [{{path: {path}, hash: md5, md5: 69d919adfcb3595bd1e0d1fbff4b4f0b}}]"
    lines = [f"  {stage}:\n{entry.format(path=path)}" for stage, path in stages_and_paths]
    return "\n".join(["schema: '2.0'", "stages:", *lines, ""]).encode()


def wdirs(data, *stages):
    return [wdir for _, wdir, *_ in pipeline.outs(locked(*((stage, "m") for stage in stages)), "dvc.lock", data)]


def test_working_folders_come_from_the_declaration():
    data = b"stages: {a: {wdir: sub}, b: {}, d: 3, e: {wdir: 7}}\n"
    assert wdirs(data, "a", "b", "d", "e", "gone") == ["sub", ".", ".", ".", "."]
    assert wdirs(b"", "a") == ["."]


@pytest.mark.parametrize(
    ("body", "stage", "wdir"),
    [
        ("foreach: [a, b]\n    do: {wdir: 'x/${item}'}", "t@b", "x/b"),
        ("foreach: [{n: p}, {n: q}]\n    do: {wdir: '${item.n}'}", "t@1", "q"),
        ("foreach: {k: {n: p}}\n    do: {wdir: '${key}/${ item.n }'}", "t@k", "k/p"),
        ("foreach: '${list}'\n    do: {wdir: '${item}'}", "t@b", "b"),
        ("matrix: {m: [x, y-z], n: [1, 2]}\n    wdir: '${item.m}-${item.n}'", "t@y-z-2", "y-z-2"),
        ("foreach: [a, b]\n    do: {wdir: sub}", "t@a", "sub"),
    ],
)
def test_working_folders_of_templated_stages(body, stage, wdir):
    assert wdirs(f"stages:\n  t:\n    {body}\n".encode(), stage) == [wdir]


@pytest.mark.parametrize(
    ("body", "stage"),
    [
        ("wdir: '${out.dir}'", "t"),
        ("foreach: [{n: p}]\n    do: {wdir: '${item.other}'}", "t@0"),
        ("matrix: {m: [x-y, x], n: [z, y-z]}\n    wdir: '${item.m}'", "t@x-y-z"),  # either of two
        ("matrix: {m: '${list}'}\n    wdir: '${item.m}'", "t@x"),
    ],
)
def test_a_working_folder_that_depends_on_more_is_refused_by_name(body, stage):
    with pytest.raises(FormatError, match="depends on variables that sycee does not read") as raised:
        wdirs(f"stages:\n  t:\n    {body}\n".encode(), stage)
    assert raised.value.faults[0].path == f"$.stages.{stage}.wdir"
    assert "dvc" in raised.value.hint


def test_what_is_cached_and_pushed_comes_from_the_declaration():
    data = b"""stages:
  plain:
    outs: [a, b: {push: false}]
    metrics: [m.json: {cache: false}]
    plots: [{p.csv: {remote: other}}]
  each:
    foreach: [x]
    do:
      outs: [{'${item}/${deep}.bin': {cache: false}}, {'${item}.txt': {remote: far}}, 3]
"""
    lock = locked(("plain", "a"), ("'each@x'", "x/y.bin"))
    lock += b"  more:\n    outs: []\n"
    found = {out.path: out for *_, out in pipeline.outs(lock, "dvc.lock", data)}
    assert (found["a"].cache, found["a"].push, found["a"].remote) == (True, True, None)
    assert not found["x/y.bin"].cache

    def one(stage, path):
        return next(out for *_, out in pipeline.outs(locked((stage, path)), "dvc.lock", data))

    assert not one("plain", "b").push
    assert not one("plain", "m.json").cache
    assert one("plain", "p.csv").remote == "other"
    assert one("'each@x'", "x.txt").remote == "far"
    assert one("'each@x'", "z.md") == one("unknown", "z.md")


@pytest.mark.parametrize(
    ("template", "path", "fits"),
    [
        ("m/${a}.pt", "m/x.pt", True),
        ("m/${a}.pt", "m/.pt", False),
        ("${a}-${b}", "x-y", True),
        ("${a}-${b}", "x-", False),
        ("${a}-${b}-z", "x--z-z", True),
        ("${a}${b}", "x", False),
        ("${a}${b}", "xy", True),
        ("x${a}x", "xx", False),
        ("${a}" * 40 + "!", "a" * 4000, False),
    ],
)
def test_templates_are_matched_and_none_takes_for_ever(template, path, fits):
    lock = f"stages:\n  s:\n    outs:\n    - path: {path}\n      hash: md5\n      md5: {'a' * 32}\n".encode()
    declared = f"stages:\n  s:\n    outs:\n    - {template}:\n        cache: false\n".encode()
    ((_, _, _, out),) = pipeline.outs(lock, "dvc.lock", declared)
    assert out.cache is not fits


def test_an_output_that_is_kept_as_versions_is_known_as_such():
    lock = b"stages: {t: {outs: [{path: d, files: [{relpath: a, md5: 69d919adfcb3595bd1e0d1fbff4b4f0b}]}]}}"
    ((*_, out),) = pipeline.outs(lock, "dvc.lock")
    assert (out.versioned, out.md5) == (True, None)


def test_a_model_is_listed_in_a_new_file():
    data = pipeline.with_artifact(b"", "dvc.yaml", "bert", "models/bert")
    assert data == b"artifacts:\n  bert:\n    path: models/bert\n    type: model\n"
    assert pipeline.with_artifact(data, "dvc.yaml", "bert", "models/bert") is data


def test_a_model_is_listed_beside_what_is_there():
    before = b"# ours\nstages:\n  train:\n    cmd: python train.py  # long\nartifacts:\n  old:\n    path: a  # kept\n"
    after = pipeline.with_artifact(before, "dvc.yaml", "bert", "models/bert")
    assert after == before + b"  bert:\n    path: models/bert\n    type: model\n"


@pytest.mark.parametrize(
    "data",
    [b"- 1\n", b"artifacts: 3\n", b"artifacts:\n  bert:\n    path: other\n", b"artifacts:\n  bert: 3\n", b"a: *b\n"],
)
def test_a_file_that_says_something_else_is_left_alone(data):
    with pytest.raises(FormatError):
        pipeline.with_artifact(data, "dvc.yaml", "bert", "models/bert")


def test_merges_of_merges_do_not_fill_the_memory():
    levels = [f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}" for n in range(1, 60)]
    data = "\n".join(["x0: &x0 {wdir: sub}", *levels, "stages: {a: {<<: *x59}, b: {<<: *x59, wdir: own}}\n"])
    assert wdirs(data.encode(), "a", "b") == ["sub", "own"]


@pytest.mark.parametrize("data", [b"- " * 1500, b"- " * 1500 + b"<<: x", b"a: " + b"1" * 5000, b"\xff"])
def test_what_is_deep_or_long_or_no_text_is_a_fault(data):
    with pytest.raises(FormatError):
        list(pipeline.outs(data, "dvc.lock"))


def test_a_file_that_is_no_text_lists_no_model():
    with pytest.raises(FormatError, match="UTF-8"):
        pipeline.with_artifact(b"\xff", "dvc.yaml", "bert", "models/bert")
