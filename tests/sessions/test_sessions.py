"""Command line sessions, as a person sees them: the ``.txt`` files here, and every ``console`` block of the docs.

    # a comment
    < name            a file is made; its lines follow, each after "| "
    | first line
    $ command         run by one bash, in a fresh Git repository (``work``); a final backslash continues it
    output            what it prints to stdout and stderr; ``…`` stands for anything in a line, ``...`` for any lines
    ? 11              its exit code, 0 if not given

In a ``.txt`` file a command without output must print none; in the docs it may print what it likes. The blocks of one
document are one session; ``tests/sessions/<name>.setup`` is run by bash before it. A document in ``docs`` that has none
shows mere examples.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DOCUMENTS = [
    *ROOT.glob("README*.md"),
    *(p for p in (ROOT / "docs").rglob("*.md") if (HERE / f"{p.name}.setup").exists()),
]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALLS = ("pip install", "make ")  # what the environment of the tests has done already
_END = "\x01"
_EOF = "END-OF-FILE"


@dataclass
class Step:
    """One command, or one file to make."""

    command: str
    line: int
    expected: list[str] = field(default_factory=list)
    code: int = 0


def steps_of(text: str) -> list[Step]:
    """Read a session."""
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            steps.append(Step(line[2:], number))
        elif line.startswith("< "):
            steps.append(Step(f"cat > {line[2:]} <<'{_EOF}'", number))
        elif line.startswith("| ") or line == "|":
            steps[-1].command += f"\n{line[2:]}"
        elif line.startswith("? "):
            steps[-1].code = int(line[2:])
        elif steps and steps[-1].command.endswith("\\"):
            steps[-1].command += f"\n{line.removeprefix('> ')}"
        elif line and not line.startswith("# "):
            steps[-1].expected.append(line)
    for step in steps:
        step.command += f"\n{_EOF}" if step.command.startswith("cat > ") else ""
    return [step for step in steps if not step.command.startswith(_INSTALLS)]


def play(steps: list[Step], folder: Path) -> list[tuple[str, int]]:
    """Run all commands in one bash; return what each printed, and its exit code."""
    script = "exec 2>&1 </dev/null\n" + "".join(f"{step.command}\nprintf '{_END}%d{_END}' $?\n" for step in steps)
    done = subprocess.run(["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    parts = done.stdout.split(_END)
    return [(printed, int(code)) for printed, code in zip(parts[::2], parts[1::2], strict=False)]


def pattern(expected: list[str]) -> str:
    """Return the regular expression of an expected output."""
    lines = ("(.*\n)*?" if line == "..." else re.escape(line).replace("…", ".*?") + "\n" for line in expected)
    return "".join(lines)


def session(path: Path) -> str:
    text = path.read_text()
    return text if path.suffix == ".txt" else "".join(_BLOCK.findall(text))


SESSIONS = [path for path in [*sorted(HERE.glob("*.txt")), *sorted(DOCUMENTS)] if "$ " in session(path)]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_session(path, tmp_path):
    work = tmp_path / "work"
    subprocess.run(["git", "init", "-q", work], check=True)
    setup = HERE / f"{path.name}.setup"
    if setup.exists():
        subprocess.run(["bash", "-e", setup], cwd=work, check=True, capture_output=True)
    steps = steps_of(session(path))
    results = play(steps, work)
    assert len(results) == len(steps), f"bash ended after {results[-1:]}"
    strict = path.suffix == ".txt"
    for step, (printed, code) in zip(steps, results, strict=True):
        told = f"{path.name}, line {step.line}: $ {step.command}\nexit code {code}\n{printed}"
        assert code == step.code, told
        if strict or step.expected:
            shown = "".join(line + "\n" for line in printed.splitlines() if line.strip())
            assert re.fullmatch(pattern(step.expected), shown), f"{told}\nexpected:\n" + "\n".join(step.expected)
