"""No name and no message makes a terminal do anything."""

import json
import os

import click
import pytest

from sycee.core.printable import printable
from sycee.system import terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("models/ä 模型/a.pt\tb\n", "models/ä 模型/a.pt\tb\n"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("\x1b[2J\x1b[8mhidden", "\\u001b[2J\\u001b[8mhidden"),
        ("\x9b2J\r\x7f\x08", "\\u009b2J\\u000d\\u007f\\u0008"),
        ("gpj.\u202ett", "gpj.\\u202ett"),
        (os.fsdecode(b"\xff"), "\\udcff"),
        (click.style("error:", fg="red"), "\x1b[31merror:\x1b[0m"),
    ],
)
def test_what_is_shown(text, shown):
    assert printable(text) == shown


def test_json_stays_json():
    value = {"path": "\x9b\x7f\u202e\x1b"}
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


def test_a_pointer_with_a_hostile_name_reaches_the_terminal_escaped(repo_dir, run):
    (repo_dir / "\x1b]0;x\x07\udcff.dvc").write_text("outs: 1\n")
    done = run("status", rc=1)
    assert "\\u001b]0;x\\u0007\\udcff.dvc is not a valid pointer" in done.stderr
    assert "\x1b]" not in done.stderr


def test_a_label_is_no_markup(capsys):
    bars = terminal._draw("[red]models/[/x]\x1b[2J", 10)
    bars.stop()
    shown = bars.columns[0].render(bars.tasks[0]).plain
    assert shown == "[red]models/[/x]\\u001b[2J"
    capsys.readouterr()
