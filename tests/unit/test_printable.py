"""No name and no message makes a terminal do anything."""

import json
import os

import click
import pytest

from sycee.cli.main import main
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
        ("\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"),
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


NAME = "a\nerror: forged\t\x1b[31mred\x1b[2J\u202e"
SHOWN = "a\\u000aerror: forged\\u0009\\u001b[31mred\\u001b[2J\\u202e"
PRINTS_IT = (
    *(["list", "."], ["list", ".", "--size", "--show-hash"], ["list", ".", "--tree"], ["list", ".", "-R"]),
    *(["data", "status", "--untracked-files"], ["check-ignore", f"ignored{NAME}"]),
    *(["check-ignore", "-d", f"ignored{NAME}"], ["check-ignore", "-d", "-n", NAME]),
)
NAMES_IT = (
    *([verb, NAME] for verb in ("add", "status", "check", "review", "diff", "checkout", "commit", "fetch", "pull")),
    *([verb, NAME] for verb in ("push", "remove", "unprotect", "adopt", "list", NAME)),
    ["keygen", f"key{NAME}", "--no-password"],
    *([verb, NAME, "x"] for verb in ("get", "export", "move")),
    *(["move", "ok", f"{NAME}/x"], ["get", ".", NAME], ["list", ".", NAME], ["diff", "--targets", NAME]),
    *(["card", "show", NAME], ["card", "check", NAME], ["verify", NAME, "-k", NAME], ["sign", NAME, "-k", NAME]),
    *(["remote", "add", NAME, "x"], ["remote", "default", NAME], ["config", f"x.{NAME}"], ["config", NAME, "x"]),
    *(
        ["-C", NAME, "status"],
        ["gc", "--rev", NAME],
        ["fetch", "--rev", NAME],
        ["push", "-r", NAME],
        ["doctor", "-k", NAME],
    ),
    *(["cache", "dir", NAME], ["add", "--glob", f"{NAME}*"], ["add", "ok", "--out", NAME], ["status", f"--{NAME}"]),
)
MACHINES = (["list", ".", "--json"], ["list", ".", "-R", "--json"], ["data", "status", "--untracked-files", "--json"])


@pytest.fixture
def strange(repo_dir, git, monkeypatch):
    """A repository with files of such names, one of them in Git, one ignored by a rule."""
    monkeypatch.chdir(repo_dir)
    assert main(["add", str((repo_dir / "ok").write_text("ok") and "ok")]) == 0
    (repo_dir / ".dvcignore").write_text("ignored*\n")
    (repo_dir / NAME).write_text("in Git")
    git("add", "-A")
    git("commit", "-qm", "x")
    (repo_dir / f"new{NAME}").write_text("not tracked")
    return repo_dir


def require_harmless(captured):
    for line in (captured.out + captured.err).split("\n"):
        assert not line.startswith(("error: forged", "forged")), captured
        assert not set(line) & set(map(chr, (*range(9), *range(11, 32), 127, 0x202E)))


@pytest.mark.parametrize("words", PRINTS_IT, ids=" ".join)
def test_a_name_in_a_list_is_one_line(strange, words, capsys):
    main(words)
    said = capsys.readouterr()
    require_harmless(said)
    assert any(line.endswith(SHOWN) for line in said.out.splitlines())


def test_a_name_in_a_message_begins_no_line(strange, capsys):
    for words in NAMES_IT:
        main(words)
        require_harmless(capsys.readouterr())
    assert (strange / NAME).is_file()


@pytest.mark.parametrize("words", MACHINES, ids=" ".join)
def test_machines_get_the_name_itself(strange, words, capsys):
    assert main(words) == 0
    said = capsys.readouterr()
    require_harmless(said)
    found = json.loads(said.out)
    names = [one["path"] for one in found] if isinstance(found, list) else found["untracked"]
    assert {NAME, f"new{NAME}"} & set(names)
