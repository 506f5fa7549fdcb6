"""Twin folders in which one script runs twice: with sycee in the one, with the real dvc in the other.

A script is lines:

    # words                     for the reader
    T add data                  run by the tool: its exit code, what it prints to stdout, what it does to files
    T* status -c                as T, but what it prints may come in any order
    D import ../source data     run by the real dvc in both
    rm -r data                  run by bash, which must succeed: what it prints
    ≠ [row] words               after either: what follows differs, and a row of docs/dvc-differences.md says so
      - exit 0                  a line that only dvc leaves
      + exit 1                  a line that only sycee leaves; ``…`` stands for anything in a line, which may be several

What a command leaves is lines too, so that a difference reads like that of two files:

    exit 0
    | A       data/
    made data/a 644 content     also ``changed`` and ``removed``; objects and remotes are files as others

Both have all they touch in a folder of their own: the repository ``repo``, its remote ``store``, ``notes`` that nobody
compares. Left out are Git's folder, scratch, what sycee keeps under ``sycee``, and its record in pointers.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from rigs.warm import Done, run_warm

TOOLS = ("sycee", "dvc")
_LEFT_OUT = {".git", "sycee", "notes"}
_RECORD = re.compile(r"^  sycee:\n(?:   .*\n)*", re.MULTILINE)
_HINT = re.compile(
    r"\s*\(use .*|To track the changes with git, run:|To enable auto staging, run:|\s+git add .*|\s+dvc config core.*"
)


@dataclass
class Step:
    """One command, and the lines in which the two differ after it on purpose."""

    command: str
    line: int
    row: str = ""
    differs: list[str] = field(default_factory=list)


def steps_of(text: str, line: int) -> list[Step]:
    """Read a script whose first line has the number ``line``."""
    steps: list[Step] = []
    for number, words in enumerate(text.splitlines(), line):
        if words.startswith("≠ "):
            steps[-1].row = words.removeprefix("≠ ")
        elif words.startswith(("  + ", "  - ")):
            steps[-1].differs.append(words.strip())
        elif words and not words.startswith("# "):
            steps.append(Step(words, number))
    return steps


class Twins:
    """A folder for each tool.

    Args:
        root: Where they are.
    """

    def __init__(self, root: Path) -> None:
        self.folders = {tool: root / tool for tool in TOOLS}
        for folder in self.folders.values():
            (folder / "repo").mkdir(parents=True, exist_ok=True)
            (folder / "notes").mkdir(exist_ok=True)

    def copy(self, root: Path) -> "Twins":
        """Return twins of these."""
        for tool, folder in self.folders.items():
            shutil.copytree(folder, root / tool, symlinks=True)
        return Twins(root)

    def play(self, steps: list[Step]) -> None:
        """Run a script with both.

        Raises:
            AssertionError: If they differ in another way than it says, or in none where it says so.
        """
        for step in steps:
            done = {tool: _run(tool, folder, step.command) for tool, folder in self.folders.items()}
            lines = {tool: left for tool, (left, _) in done.items()}
            found = _difference(lines["sycee"], lines["dvc"])
            told = "\n".join([f"line {step.line}: {step.command}", *found, *(str(ran) for _, ran in done.values())])
            assert _agree(step.differs, found), told


def _run(tool: str, top: Path, command: str) -> tuple[list[str], Done]:
    kind, *words = shlex.split(command)
    if kind == "D":
        done = run_warm("dvc", words, top / "repo")
        return [f"exit {done.rc}"], done
    if kind in {"T", "T*"}:
        before = _files(top)
        done = run_warm(tool, words, top / "repo", os.environ | {"SYCEE_DVC_EXIT_CODES": "1"})
        said = _said(done.stdout, top)
        return [f"exit {done.rc}", *(sorted(said) if kind == "T*" else said), *_changes(before, _files(top))], done
    bash = subprocess.run(["bash", "-c", command], cwd=top / "repo", capture_output=True, text=True, check=False)
    assert bash.returncode == 0, (tool, command, bash)
    return _said(bash.stdout, top), Done(0, bash.stdout, bash.stderr)


def _said(printed: str, top: Path) -> list[str]:
    with contextlib.suppress(ValueError):  # JSON is compared as a value; numbers and words are no JSON here
        if isinstance(value := json.loads(printed), dict | list):
            return [f"| {json.dumps(value, sort_keys=True)}"]
    lines = (line.rstrip().replace(str(top), "") for line in printed.splitlines())
    return [f"| {line}" for line in lines if line and not _HINT.fullmatch(line)]


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    words = {name: "changed" if name in before else "made" for name in after if before.get(name) != after[name]}
    words |= dict.fromkeys(before.keys() - after, "removed")
    return [f"{words[name]} {name} {after.get(name, '')}".rstrip() for name in sorted(words)]


def _files(top: Path) -> dict[str, str]:
    found = {}
    for folder, folders, files in os.walk(top):
        place = Path(folder)
        folders[:] = [name for name in folders if name not in _LEFT_OUT and (place.name, name) != (".dvc", "tmp")]
        for name in [*files, *folders]:
            path = place / name
            found[path.relative_to(top).as_posix()] = _seen(path, top)
    return found


def _seen(path: Path, top: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}".replace(str(top), "")
    status = path.stat()
    mode = f"{stat.S_IMODE(status.st_mode):o}"
    if path.is_dir():
        return f"{mode} folder"
    names = f" in {status.st_nlink} places" if status.st_nlink > 1 else ""
    return f"{mode}{names} {_content(path, top)}"


def _content(path: Path, top: Path) -> str:
    text = path.read_bytes().decode(errors="backslashreplace")
    if path.suffix == ".dvc":
        text = re.sub(r"^meta:\n(?! )", "", _RECORD.sub("", text), flags=re.MULTILINE)
        text = re.sub(r"(rev_lock: )\w{40}", r"\1…", text)
    return repr(text.replace(str(top), ""))


def _difference(ours: list[str], theirs: list[str]) -> list[str]:
    only = {"-": [line for line in theirs if line not in ours], "+": [line for line in ours if line not in theirs]}
    same = [line for line in ours if line in theirs], [line for line in theirs if line in ours]
    order = ["≠ the same lines in another order"] if same[0] != same[1] else []
    return [f"{sign} {line}" for sign, lines in only.items() for line in lines] + order


def _agree(stated: list[str], found: list[str]) -> bool:
    """Tell whether each line found is stated, and each one stated is found."""
    patterns = [re.escape(line).replace("…", ".*") for line in stated]
    fits = [[bool(re.fullmatch(pattern, line)) for pattern in patterns] for line in found]
    return all(map(any, fits)) and all(any(fit[place] for fit in fits) for place in range(len(patterns)))
