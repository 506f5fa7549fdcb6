"""YAML as DVC speaks it: ruamel.yaml's round-trip mode with its default settings, imported only when needed.

Reading is stricter than ruamel: one document, no aliases, no tags, no directives, bounded depth. So a file from
outside can neither grow when it is read nor change what its scalars mean.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sycee.errors import FormatError

if TYPE_CHECKING:
    from ruamel.yaml import YAML

MAX_DEPTH = 32  # nested maps and lists; ruamel recurses once per level


class _Sink:
    """The one method of a stream that ruamel's emitter needs; without ``encoding`` it is handed UTF-8."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


def load(text: str, name: str) -> Any:
    """Return the plain Python value of a YAML 1.2 document.

    Args:
        text: The document.
        name: The file, for messages.

    Raises:
        FormatError: For broken YAML, duplicate keys, aliases, tags, directives, several documents, deep nesting.
    """
    from ruamel.yaml import YAML

    return _guarded(YAML(typ="safe", pure=True), text, name)


def load_editable(text: str, name: str) -> Any:
    """Return the document as ruamel's maps and lists, which remember comments, order and style for :func:`dump`.

    Raises:
        FormatError: As :func:`load`.
    """
    from ruamel.yaml import YAML

    return _guarded(YAML(), text, name)


def dump(value: Mapping[str, Any]) -> bytes:
    """Return the bytes that DVC would write for a value made here or by :func:`load_editable`."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    sink = _Sink()
    yaml.dump(value, sink)
    return bytes(sink.data)


def _guarded(yaml: "YAML", text: str, name: str) -> Any:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        _refuse_unwanted(yaml, text, name)
        return yaml.load(text)
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FormatError(f"{name} is not readable YAML: {error.problem or error.context}{line}", path=name) from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise FormatError(f"{name} is not readable YAML: {str(error).partition(chr(10))[0]}", path=name) from None


def _refuse_unwanted(yaml: "YAML", text: str, name: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text):
        kind = type(event).__name__
        documents += kind == "DocumentStartEvent"
        depth += kind.endswith(("SequenceStartEvent", "MappingStartEvent"))
        depth -= kind.endswith(("SequenceEndEvent", "MappingEndEvent"))
        fault = _event_fault(event, kind)
        if depth > MAX_DEPTH:
            fault = f"more than {MAX_DEPTH} nested levels"
        if documents > 1:
            fault = "more than one document"
        if fault:
            raise FormatError(f"{name} holds {fault} in line {event.start_mark.line + 1}", path=name)


def _event_fault(event: Any, kind: str) -> str | None:
    if kind == "AliasEvent" or getattr(event, "anchor", None):
        return "an anchor or alias"
    if kind == "DocumentStartEvent" and (event.version or event.tags):
        return "a directive"
    if kind == "ScalarEvent" and event.value == "<<" and event.style is None:
        return "a merge key"
    if kind != "DocumentStartEvent" and getattr(event, "tag", None):
        return "a tag"
    return None
