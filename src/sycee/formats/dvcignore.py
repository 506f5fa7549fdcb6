"""``.dvcignore``: which files DVC, and so sycee, does not see.

The format is DVC's (checked against 3.67.1): lines in gitignore's grammar, stripped on both sides, ``#`` begins a
comment. A file speaks for its folder and everything below; of several rules the last one decides, of several files
the deepest. Only rules that somebody wrote need pathspec, which is loaded then.

Where DVC departs from Git, so does this module, since both tools must see the same files: the rules of a deeper file
are rewritten as rules of the root, and the name of its folder is put in front as it is. A folder whose name contains
wildcards is thereby matched as a pattern.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from sycee.errors import FormatError

NAME = ".dvcignore"
MAX_BYTES = 1 << 20
_LINE_END = re.compile("\r\n|\r|\n")


class Rule(NamedTuple):
    """One pattern.

    Attributes:
        pattern: As it is written, without white space around it.
        folder: Where its file lies, relative to the root with ``/``; empty for the root.
        source: How DVC names it: ``data/.dvcignore:3:*.tmp``, or ``:.git/`` for one that is built in.
    """

    pattern: str
    folder: str
    source: str


class Verdict(NamedTuple):
    """Whether a path is ignored, and the rule that decided; None if no rule speaks of it."""

    ignored: bool = False
    rule: Rule | None = None


BUILT_IN = tuple(Rule(pattern, "", f":{pattern}") for pattern in (".hg/", ".git/", ".git", ".dvc/"))
UNTOUCHED = Verdict()
_BUILT_IN = {rule.pattern: Verdict(True, rule) for rule in BUILT_IN}


def parse(data: bytes, folder: str) -> tuple[Rule, ...]:
    """Return the rules of a file, in its order.

    Args:
        data: Its bytes.
        folder: Where it lies, relative to the root with ``/``; empty for the root.

    Raises:
        FormatError: If it is not UTF-8 or too long.
    """
    name = f"{folder}/{NAME}" if folder else NAME
    if len(data) > MAX_BYTES:
        raise FormatError(f"{name} is longer than {MAX_BYTES} bytes", hint="write fewer, broader patterns", path=name)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise FormatError(f"{name} is not UTF-8", hint="save it as UTF-8", path=name) from None
    lines = enumerate((line.strip() for line in _LINE_END.split(text)), start=1)
    return tuple(Rule(line, folder, f"{name}:{at}:{line}") for at, line in lines if line and not line.startswith("#"))


class Matcher:
    """The rules that hold in one folder: the built-in ones, and those of the files from the root down to it."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Take the rules that somebody wrote, the weakest first.

        Raises:
            FormatError: If one is no valid pattern.
        """
        self.rules = tuple(rules)
        self._groups = _groups([*BUILT_IN, *self.rules]) if rules else []
        self._folders: dict[str, Verdict] = {"": UNTOUCHED}

    def match(self, path: str, *, is_dir: bool) -> Verdict:
        """Judge a path: it is ignored if it, or a folder on the way to it, is.

        Args:
            path: Relative to the root, with ``/``.
            is_dir: Whether it is a folder.
        """
        if is_dir:
            return self._folder(path)
        folder, _, name = path.rpartition("/")
        above = self._folder(folder)
        if above.ignored:
            return above
        return self._decide(path, is_dir=False) if self.rules else _BUILT_IN.get(name, UNTOUCHED)

    def _folder(self, path: str) -> Verdict:
        """Judge a folder, once: by the first folder on the way down to it that is ignored, or by what is said of it."""
        if path not in self._folders:
            parts = path.split("/")
            verdict = UNTOUCHED
            for folder in ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
                if not verdict.ignored:
                    verdict = self._folders.get(folder) or self._decide(folder, is_dir=True)
                self._folders[folder] = verdict
        return self._folders[path]

    def _decide(self, path: str, *, is_dir: bool) -> Verdict:
        if not self.rules:
            return _built_in(path, is_dir=is_dir)
        forms = (path, f"{path}/") if is_dir else (path,)
        for group in reversed(self._groups):
            if (is_dir or not group.dir_only) and (rule := group.first_match(forms)):
                return Verdict(group.ignores, rule)
        return UNTOUCHED


def _built_in(path: str, *, is_dir: bool) -> Verdict:
    name = path.rpartition("/")[2]
    wanted = f"{name}/" if is_dir and name != ".git" else name
    return _BUILT_IN.get(wanted, UNTOUCHED)


class _Group(NamedTuple):
    """Neighbouring rules that do the same, of which DVC names the first that matches."""

    ignores: bool
    dir_only: bool
    patterns: list[tuple[re.Pattern[str], Rule]]

    def first_match(self, forms: Sequence[str]) -> Rule | None:
        return next((rule for form in forms for regex, rule in self.patterns if regex.match(form)), None)


def _groups(rules: Sequence[Rule]) -> list[_Group]:
    groups: list[_Group] = []
    for rule in rules:
        if _compiled(rule, rule.pattern) is None:  # such as "/": DVC drops it before it looks at the folder
            continue
        placed = _placed(rule)
        compiled = _compiled(rule, placed)
        if compiled is None:
            continue
        regex, ignores = compiled
        dir_only = placed.endswith("/")
        last = groups[-1] if groups else None
        if last and ignores and (last.ignores, last.dir_only) == (ignores, dir_only):
            last.patterns.append((regex, rule))
        else:
            groups.append(_Group(ignores, dir_only, [(regex, rule)]))
    return groups


def _placed(rule: Rule) -> str:
    """Return a pattern as one of the root."""
    if not rule.folder:
        return rule.pattern
    body = rule.pattern.removeprefix("!")
    anchored = "/" in body[:-1] and not body.startswith("**/")
    body = body.removeprefix("/" if anchored else "**/").removeprefix("\\")
    at = f"{rule.folder}/{body}" if anchored else f"{rule.folder}/**/{body}"
    return f"!/{at}" if rule.pattern.startswith("!") else at


def _compiled(rule: Rule, pattern: str) -> tuple[re.Pattern[str], bool] | None:
    """Return the regular expression of a pattern and whether it ignores; None for one that can match nothing."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    try:
        found = GitIgnoreSpecPattern(pattern)
    except ValueError:
        raise FormatError(f"{rule.source}: not a pattern", hint="see man gitignore for what can be written") from None
    return None if found.regex is None or found.include is None else (found.regex, found.include)
