"""``docs/verify.md``: what it quotes is what sycee says."""

import re
from pathlib import Path

import pytest

import sycee
from sycee import errors

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
SOURCE = "".join(path.read_text() for path in Path(sycee.__file__).parent.rglob("*.py"))
MESSAGES = re.search(r"\| message \|.*?\n\n", PAGE, re.DOTALL)[0].rstrip().splitlines()[2:]
QUOTED = [text for row in MESSAGES for text in re.findall(r"`([^`]+)`", row.split("|")[1]) if ">=" not in text]


@pytest.mark.parametrize("text", QUOTED)
def test_messages_are_those_of_the_code(text):
    assert re.search(r"\s*(?:\"\s*f?\"|\{[^}]*\})?\s*".join(map(re.escape, text.split())), SOURCE), text


def test_classes_and_exit_codes():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert len(rows) == 10
    for code, name in rows:
        assert getattr(errors, name).exit_code == int(code)
