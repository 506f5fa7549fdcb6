"""``sycee card``: show, check, schema; output and exit codes."""

import json

import pytest

from sycee.cli.main import main
from sycee.formats import card

GOOD = card.render(
    {
        "task": "ner",
        "metrics": {"f1": 0.5},
        "training_config": {},
        "data_version": "v1",
        "framework_version": "torch==2.1",
        "x_e": "\x1b[2J",
    }
)


@pytest.fixture
def model(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model_card.yaml").write_bytes(GOOD)
    return tmp_path


def run(capsys, folder, *arguments):
    code = main(["-C", str(folder), "card", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_show(capsys, model):
    code, out, err = run(capsys, model, "show", "m")
    assert (code, err) == (0, "")
    assert out == (
        "task               ner\n"
        "metrics.f1         0.5\n"
        "training_config    {}\n"
        "data_version       v1\n"
        "framework_version  torch==2.1\n"
        "x_e                \\x1b[2J\n"
    )


def test_show_for_machines(capsys, model):
    code, out, _ = run(capsys, model, "show", "m/model_card.yaml", "--json")
    assert code == 0
    assert json.loads(out) == card.parse(GOOD).values


def test_check(capsys, model):
    assert run(capsys, model, "check", "m") == (0, "", "m/model_card.yaml is a valid card.\n")


def test_check_names_every_fault(capsys, model):
    (model / "draft.yaml").write_text("task: 1\nmetrics: {}\nlicence: MIT\ntraining_config: {}\ndata_version: v\n")
    code, out, err = run(capsys, model, "check", "draft.yaml")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: draft.yaml: not a valid card, 3 faults",
        "  $.framework_version: is missing",
        "  $.task: expected text, found 1",
        "  $.licence: is not a field of the card; did you mean license?",
        "hint: correct the card; `sycee card schema` prints what each field may hold",
    ]


def test_no_card(capsys, model):
    (model / "empty").mkdir()
    code, out, err = run(capsys, model, "show", "empty")
    assert (code, out) == (1, "")
    assert "has no model_card.yaml" in err
    assert "hint: " in err


def test_no_such_file(capsys, model):
    code, out, err = run(capsys, model, "check", "none.yaml")
    assert (code, out) == (1, "")
    assert err.endswith("none.yaml does not exist\nhint: give a model's folder, or its card\n")


def test_schema(capsys, model):
    code, out, err = run(capsys, model, "schema")
    assert (code, err) == (0, "")
    assert json.loads(out) == card.card_schema()


@pytest.mark.parametrize("arguments", [(), ("show",), ("check",), ("frobnicate",)])
def test_wrong_use(capsys, model, arguments):
    code, out, _ = run(capsys, model, *arguments)
    assert (code, out) == (2, "")
