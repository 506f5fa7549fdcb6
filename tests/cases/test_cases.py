"""The cases of ``*.case``: one script each, run with sycee and with the real dvc (``tests/rigs/twins.py`` says how).

    == set-up                   what every case of the file begins with
    == 7 an object for two      the number of the case, and its name

``README.md`` says where each of the cases is tested that a tool must pass to stand beside dvc.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigs.twins import Step, Twins, steps_of

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DIFFERENCES = (ROOT / "docs/dvc-differences.md").read_text()
BEGIN = """\
git init -q
T init -q
T remote add -q -d store ../store
"""


@dataclass(frozen=True)
class Case:
    """One script of a file, after the set-up of the file."""

    file: str
    name: str
    steps: list[Step]


def cases_of(path: Path) -> tuple[list[Step], list[Case]]:
    """Return the set-up of a file, and its cases."""
    setup: list[Step] = steps_of(BEGIN, 0)
    cases = []
    text = path.read_text()
    for title in re.finditer(r"^== (.*)\n((?:(?!== ).*\n)*)", text, re.MULTILINE):
        steps = steps_of(title[2], text.count("\n", 0, title.start(2)) + 1)
        if title[1] == "set-up":
            setup += steps
        else:
            cases.append(Case(path.stem, title[1], steps))
    return setup, cases


FILES = {path.stem: cases_of(path) for path in sorted(HERE.glob("*.case"))}
CASES = [case for _, cases in FILES.values() for case in cases]


@pytest.fixture(scope="session")
def beginnings(tmp_path_factory):
    """A function that returns the twins after the set-up of a file, which is played once."""
    made: dict[str, Twins] = {}

    def after(file: str) -> Twins:
        if file not in made:
            twins = Twins(tmp_path_factory.mktemp(file))
            twins.play(FILES[file][0])
            made[file] = twins
        return made[file]

    return after


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.name}")
def test_case(case, beginnings, tmp_path):
    beginnings(case.file).copy(tmp_path / "twins").play(case.steps)


def test_each_difference_has_a_row():
    stated = [(case, step) for case in CASES for step in case.steps if step.differs or step.row]
    rows = [line for line in DIFFERENCES.splitlines() if line.startswith("| ")]
    for case, step in stated:
        cell, words = re.fullmatch(r"\[(.*)\] (.*)", step.row).groups()
        told = f"{case.file}.case, line {step.line}: {step.row}"
        assert any(row.startswith(f"| {cell} |") and words in row for row in rows), told
        assert step.differs, told


def test_each_case_has_a_place():
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", (HERE / "README.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 103))
    tests = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    for number, where in rows:
        places = re.findall(r"[\w.:]+", where.rpartition(": ")[2]) if "left to" not in where or "::" in where else []
        for place in places:
            file, _, test = place.partition("::")
            assert _has(number, file) if file in FILES else f"def {test}" in tests[file], (number, place)


def _has(number: str, file: str) -> bool:
    return any(number in re.match(r"[\d, ]*", case.name)[0].replace(" ", "").split(",") for case in FILES[file][1])
