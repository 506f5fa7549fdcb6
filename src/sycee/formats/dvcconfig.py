"""DVC's configuration files (``.dvc/config``, ``config.local``, the user's, the system's): read, and edited in place.

The dialect is that of Python's ConfigObj: sections ``[core]`` and ``['remote "store"']`` (also without the single
quotes), ``option = value`` lines, ``#`` starts a comment wherever it is not quoted, a comma outside of quotes makes a
list. Names of sections, remotes and options are the same in any case.

An edit changes the lines it must and keeps every other byte: comments, order, quoting, line endings. On a file that
DVC wrote the result is byte for byte what DVC would write. Specification: ``docs/spec/config.md``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sycee.errors import ConfigError, Fault, UsageError
from sycee.formats.dvcoptions import known_options, named_section, option_fault, split_section, value_fault

Value = str | tuple[str, ...]
Sections = Mapping[str, Mapping[str, Value]]

MAX_BYTES = 1 << 20  # a configuration of a megabyte is not one
INDENT = "    "

_SECTION = re.compile(r"\s*(\[+)\s*(.+?)\s*(\]+)\s*(?:#.*)?", re.DOTALL)
_PLAIN_KEY = re.compile(r"\s*([^'\"=\s#\[][^=]*?)\s*=\s*(.*)", re.DOTALL)
_QUOTED_KEY = re.compile(r"\s*(?:\"([^\"]+)\"|'([^']+)')\s*=\s*(.*)", re.DOTALL)
_TRIPLE = ('"""', "'''")


class _Entry(NamedTuple):
    """One thing in a file: a section marker, or an option with its value.

    ``first`` and ``end`` are the numbers of its first line and of the line after its last.
    """

    first: int
    end: int
    section: str
    option: str | None = None
    value: Value = ""


def parse(data: bytes, name: str) -> Sections:
    """Return what a configuration file says, by canonical section title and option name, both in lower case.

    Args:
        data: All bytes of the file.
        name: Of the file, for messages.

    Raises:
        ConfigError: With every fault: lines that are neither section nor option, options or sections that DVC does not
            know, values of the wrong kind, doubles.
    """
    sections: dict[str, dict[str, Value]] = {}
    faults = []
    for entry in _entries(_lines(data, name), name):
        if entry.option is None:
            sections.setdefault(entry.section, {})
            continue
        sections[entry.section][entry.option] = entry.value
        if fault := _fault(entry):
            faults.append(Fault(f"line {entry.first + 1}", fault))
    if faults:
        listed = "; ".join(map(str, faults))
        raise ConfigError(
            f"{name}: {listed}", faults=faults, hint="correct the file in an editor: DVC does not accept it either"
        )
    return sections


def _fault(entry: _Entry) -> str | None:
    option = entry.option or ""
    if fault := option_fault(entry.section, option):
        return fault
    if isinstance(entry.value, str):
        return value_fault(entry.section, option, entry.value)
    if option == "type":
        return value_fault(entry.section, option, ",".join(entry.value))
    return f"{option} is a list: put its value in quotes if it holds a comma"


def get(sections: Sections, section: str, option: str) -> Value | None:
    """Return the value of an option, or None."""
    return sections.get(section, {}).get(option)


def _choices(section: str) -> str:
    options = known_options(section)
    return f"it has these: {', '.join(sorted(options))}" if options else "the sections are those of `dvc config --help`"


def set_option(data: bytes, name: str, key: tuple[str, str], value: str) -> bytes:
    """Return the file with an option set; its section is added if need be.

    Args:
        data: The file as it is.
        name: Of the file, for messages.
        key: Canonical section title and option name.
        value: The new value.

    Raises:
        UsageError: If DVC knows no such option, or the value cannot be written.
        ConfigError: If the file is malformed.
    """
    section, option = key[0], key[1].lower()
    if fault := option_fault(section, option):
        raise UsageError(fault, hint=_choices(section))
    if fault := value_fault(section, option, value):
        raise UsageError(f"{option}: {fault}", hint="give it such a value; nothing was changed")
    lines = _lines(data, name)
    newline = _newline(lines)
    text = f"{option} = {_quoted(value)}"
    there = [entry for entry in _entries(lines, name) if entry.section == section]
    if not there:
        block = [f"[{_quoted(section)}]{newline}", f"{INDENT}{text}{newline}"]
        return _joined(_insert(lines, _place_for(lines, name, section), block))
    old = next((entry for entry in there if entry.option == option), None)
    if old is None:
        last = there[-1]
        return _joined(_insert(lines, last.end, [f"{_indent(lines, there)}{text}{newline}"]))
    if old.value == value:
        return data
    comment = _comment(lines[old.first]) if old.end == old.first + 1 else ""
    changed = f"{_leading(lines[old.first])}{text}{comment}{newline}"
    return _joined([*lines[: old.first], changed, *lines[old.end :]])


def unset_option(data: bytes, name: str, key: tuple[str, str]) -> bytes:
    """Return the file without an option; a section other than a remote's that becomes empty goes too.

    Raises:
        ConfigError: If the file is malformed.
    """
    section, option = key[0], key[1].lower()
    lines = _lines(data, name)
    for entry in _entries(lines, name):
        if (entry.section, entry.option) == (section, option):
            rest = _joined([*lines[: entry.first], *lines[entry.end :]])
            empty = split_section(section)[1] is None and not parse_lenient(rest, name).get(section)
            return remove_section(rest, name, section) if empty else rest
    return data


def parse_lenient(data: bytes, name: str) -> Sections:
    """Return what a file says without judging options and values; for edits that mend it."""
    sections: dict[str, dict[str, Value]] = {}
    for entry in _entries(_lines(data, name), name):
        options = sections.setdefault(entry.section, {})
        if entry.option is not None:
            options[entry.option] = entry.value
    return sections


def add_remote(data: bytes, name: str, remote: str, url: str) -> bytes:
    """Return the file with a remote that has this url and no other option; one of that name is replaced in place."""
    section = named_section("remote", remote)
    for option in parse_lenient(data, name).get(section, {}):
        if option != "url":
            data = unset_option(data, name, (section, option))
    return set_option(data, name, (section, "url"), url)


def remove_section(data: bytes, name: str, section: str) -> bytes:
    """Return the file without a section, its options and the comments among them.

    Raises:
        ConfigError: If the file is malformed.
    """
    lines = _lines(data, name)
    for first, end in reversed(_spans(lines, name, section)):
        lines = [*lines[:first], *lines[end:]]
    return _joined(lines)


def rename_section(data: bytes, name: str, section: str, new: str) -> bytes:
    """Return the file with a section under another title, as the last of its kind, as DVC does it.

    Raises:
        ConfigError: If the file is malformed.
    """
    lines = _lines(data, name)
    spans = _spans(lines, name, section)
    if not spans:
        return data
    first, end = spans[-1]
    block = [f"[{_quoted(new)}]{_newline(lines)}", *lines[first + 1 : end]]
    rest = _lines(remove_section(data, name, section), name)
    return _joined(_insert(rest, _place_for(rest, name, new), block))


def _lines(data: bytes, name: str) -> list[str]:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name} is longer than {MAX_BYTES} bytes", hint="this cannot be a configuration")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8: byte {error.start}", hint="save it as UTF-8") from None
    return [line for line in re.split(r"(?<=\n)", text) if line]  # not splitlines(): it also breaks at U+2028


def _joined(lines: list[str]) -> bytes:
    return "".join(lines).encode() or b"\n"  # as DVC leaves a file from which all was removed


def _newline(lines: list[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def _insert(lines: list[str], at: int, block: list[str]) -> list[str]:
    before = lines[:at]
    if before and not before[-1].endswith("\n"):
        before[-1] += _newline(lines)
    return [*before, *block, *lines[at:]]


def _entries(lines: list[str], name: str) -> Iterator[_Entry]:
    """Yield all sections and options in order.

    Raises:
        ConfigError: At the first line that is neither.
    """
    section: str | None = None
    seen: set[tuple[str, str | None]] = set()
    number = 0
    while number < len(lines):
        text = lines[number].lstrip("\ufeff").strip()
        if not text or text.startswith("#"):
            number += 1
            continue
        entry = _marker(text, number) or _option(lines, number, section)
        if entry is None:
            raise _malformed(name, number, "is neither a [section] nor an `option = value` in one")
        if (entry.section, entry.option) in seen:
            raise _malformed(name, number, "repeats what the file says above")
        seen.add((entry.section, entry.option))
        section = entry.section
        yield entry
        number = entry.end


def _malformed(name: str, number: int, what: str) -> ConfigError:
    where = f"line {number + 1}"
    return ConfigError(f"{name}: {where} {what}", faults=[Fault(where, what)], hint="correct the file in an editor")


def _marker(text: str, number: int) -> _Entry | None:
    found = _SECTION.fullmatch(text)
    if found is None or len(found[1]) != 1 or len(found[3]) != 1:
        return None
    title = _unquoted(found[2]).lower().strip()
    kind, name = split_section(title)
    return _Entry(number, number + 1, title if name is None else named_section(kind, name))


def _option(lines: list[str], number: int, section: str | None) -> _Entry | None:
    line = lines[number].rstrip("\r\n")
    found = _QUOTED_KEY.fullmatch(line) or _PLAIN_KEY.fullmatch(line)
    if found is None or section is None:
        return None
    option = next(group for group in found.groups() if group).lower()
    text = found[found.re.groups]
    if text[:3] in _TRIPLE:
        return _long_option(lines, number, _Entry(number, number, section, option), text)
    value = _value(text)
    return None if value is None else _Entry(number, number + 1, section, option, value[0])


def _long_option(lines: list[str], number: int, entry: _Entry, text: str) -> _Entry | None:
    """Read a value in triple quotes, which may go on over many lines."""
    quotes, text = text[:3], text[3:]
    end = number + 1
    while quotes not in text:
        if end == len(lines):
            return None
        text += "\n" + lines[end].rstrip("\r\n")
        end += 1
    value, _, rest = text.partition(quotes)
    if rest.strip() and not rest.lstrip().startswith("#"):
        return None
    return _Entry(number, end, entry.section, entry.option, value)


def _value(text: str) -> tuple[Value, int] | None:
    """Return a value and where its comment starts (or the text ends), or None if it is badly quoted."""
    items: list[str] = []
    is_list = False
    at = _skip(text, 0)
    if text[at : at + 1] == "," and _ends(text, at + 1):
        return (), _skip(text, at + 1)
    while not _ends(text, at):
        item = _quoted_item(text, at) if text[at] in "'\"" else _plain_item(text, at)
        if item is None:
            return None
        items.append(item[0])
        at = _skip(text, item[1])
        if not _ends(text, at):
            is_list = True
            at = _skip(text, at + 1)
    if is_list:
        return tuple(items), at
    return items[0] if items else "", at


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _ends(text: str, at: int) -> bool:
    at = _skip(text, at)
    return at >= len(text) or text[at] == "#"


def _quoted_item(text: str, at: int) -> tuple[str, int] | None:
    """Read up to the first closing quote after which something may follow; quotes inside are part of the value.

    A comment behind it that holds such a quote is refused: ConfigObj may read on into it.
    """
    close = text.find(text[at], at + 1)
    while close >= 0:
        if _ends(text, close + 1):
            return None if text[at] in text[close + 1 :] else (text[at + 1 : close], close + 1)
        if text[_skip(text, close + 1)] == ",":
            return text[at + 1 : close], close + 1
        close = text.find(text[at], close + 1)
    return None


def _plain_item(text: str, at: int) -> tuple[str, int] | None:
    end = min((i for i in (text.find(",", at), text.find("#", at)) if i >= 0), default=len(text))
    return (text[at:end].rstrip(), end) if end > at else None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _quoted(value: str) -> str:
    """Return a value as ConfigObj writes it: quoted only where it must be.

    Raises:
        UsageError: If no quoting reads back as the same value.
    """
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise UsageError("the value holds a control character or a line break", hint="leave it out")
    text = _quoted_unchecked(value)
    if text != value and text[:3] not in _TRIPLE and _value(text) == (value, len(text)):
        return text
    if text == value and _value(text) == (value, len(text)):
        return text
    if text[:3] in _TRIPLE and text.find(text[:3], 3) == len(text) - 3:
        return text
    raise UsageError(f"the value {value!r} cannot be quoted", hint="leave out one kind of quotes")


def _quoted_unchecked(value: str) -> str:
    if "'" in value and '"' in value:
        return f'"""{value}"""' if '"""' in value else f"'''{value}'''"
    plain = value and value[0] not in " '\"" and value[-1] not in " '\"" and not {",", "#"} & set(value)
    if plain:
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def _place_for(lines: list[str], name: str, section: str) -> int:
    """Return the line where a new section goes: plain ones first, then remotes, machines and databases, as in DVC."""
    order = ("", "remote", "machine", "db")
    rank = order.index(_kind(section))
    entries = list(_entries(lines, name))
    last = max((entry.end for entry in entries if order.index(_kind(entry.section)) <= rank), default=0)
    if last or not entries:
        return last or len(lines)
    return _with_comments_above(lines, entries[0].first)


def _kind(section: str) -> str:
    kind, name = split_section(section)
    return "" if name is None else kind


def _with_comments_above(lines: list[str], first: int) -> int:
    """Return where the block of comments begins that stands directly above a line and belongs to it."""
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _spans(lines: list[str], name: str, section: str) -> list[tuple[int, int]]:
    """Return the line ranges of a section; comments directly above the next section belong to that."""
    markers = [entry for entry in _entries(lines, name) if entry.option is None]
    ends = [_with_comments_above(lines, entry.first) for entry in markers[1:]] + [len(lines)]
    return [(entry.first, end) for entry, end in zip(markers, ends, strict=True) if entry.section == section]


def _leading(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indent(lines: list[str], entries: list[_Entry]) -> str:
    options = [entry for entry in entries if entry.option is not None]
    return _leading(lines[options[-1].first]) if options else INDENT


def _comment(line: str) -> str:
    """Return the comment at the end of an option's line, with the space before it."""
    text = line.rstrip("\r\n")
    value = text.partition("=")[2]
    found = _value(value)
    if found is None or found[1] >= len(value):
        return ""
    before = value[: found[1]]
    return before[len(before.rstrip()) :] + value[found[1] :]
