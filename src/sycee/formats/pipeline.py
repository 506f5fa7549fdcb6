"""What sycee must understand of DVC's pipeline files.

Models are often outputs of a pipeline and then have no pointer of their own: ``dvc.lock`` records them, and sycee only
reads it. ``dvc.yaml`` is read for what the lock leaves out; one section of it, DVC's own list of models
(``artifacts:``), is where sycee enters a model, by name and path.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, NamedTuple

from sycee.errors import Fault, FormatError
from sycee.formats import yamldialect
from sycee.formats.pointer import Out

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_MAX_COMBINATIONS = 10_000  # of a matrix; it would take DVC hours to run as many stages
MAX_BYTES = 64 << 20  # a lock of 100 000 outs has about 10 MB


class LockedOut(NamedTuple):
    """An output of a stage.

    Attributes:
        stage: The stage's name.
        wdir: Its working folder, relative to that of the file.
        kind: The list of ``dvc.yaml`` that names the output: ``outs``, ``metrics`` or ``plots``.
        out: What the lock says about it.
    """

    stage: str
    wdir: str
    kind: str
    out: Out


def outs(data: bytes, name: str, declared: bytes = b"") -> Iterator[LockedOut]:
    """Yield every output with a content id in a ``dvc.lock``.

    Args:
        data: The file.
        name: Its path, for messages.
        declared: The ``dvc.yaml`` beside it, which says where stages work, and what is cached and pushed; empty if
            there is none.

    Raises:
        FormatError: If it is not a map of stages, or where a stage works depends on what sycee does not read.
    """
    for declaration, body in _stages(data, name, declared):
        for index, entry in enumerate(body.get("outs", ())):
            if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
                raise _fault(name, f"$.stages.{declaration.stage}.outs[{index}]", "must be a map with a path")
            if isinstance(entry.get("md5"), str) or _is_versioned(entry):
                kind, options = declaration.declared(entry["path"])
                yield LockedOut(declaration.stage, declaration.wdir(name), kind, _out(entry, options))


def dependencies(data: bytes, name: str, declared: bytes = b"") -> Iterator[tuple[str, str, str]]:
    """Yield (stage, working folder, path) for everything that the stages of a ``dvc.lock`` read.

    Args:
        data: The file.
        name: Its path, for messages.
        declared: See :func:`outs`.

    Raises:
        FormatError: As :func:`outs`.
    """
    for declaration, body in _stages(data, name, declared):
        for entry in body.get("deps") or ():
            if isinstance(entry, Mapping) and isinstance(entry.get("path"), str):
                yield declaration.stage, declaration.wdir(name), entry["path"]


def _stages(data: bytes, name: str, declared: bytes) -> Iterator[tuple["_Declaration", Mapping[str, Any]]]:
    """Yield each stage of a lock with what ``dvc.yaml`` says of it."""
    stages = _load(data, name).get("stages", {})
    if not isinstance(stages, Mapping):
        raise _fault(name, "$.stages", "must be a map")
    known = _load(declared, name).get("stages") if declared else None
    for stage, body in stages.items():
        if isinstance(body, Mapping):
            yield _Declaration.of(str(stage), known if isinstance(known, Mapping) else {}), body


def promised(data: bytes, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (stage, working folder, path) for each output that a ``dvc.yaml`` declares, whether its stage ran or not.

    Args:
        data: The file.
        name: Its path, for messages.

    Raises:
        FormatError: As :func:`outs`.
    """
    known = _map(_load(data, name).get("stages"))
    for stage in known:
        declaration = _Declaration.of(str(stage), known)
        for path, _ in declaration.entries():
            yield declaration.stage, str(declaration.body.get("wdir") or "."), path


def _is_versioned(entry: Mapping[str, Any]) -> bool:
    return "files" in entry or "cloud" in entry


def _out(entry: Mapping[str, Any], options: Mapping[str, Any]) -> Out:
    return Out(
        path=entry["path"],
        md5=entry.get("md5"),
        size=entry.get("size"),
        nfiles=entry.get("nfiles"),
        isexec=bool(entry.get("isexec", False)),
        hash=entry.get("hash"),
        cache=options.get("cache") is not False,
        push=options.get("push") is not False,
        remote=options.get("remote") if isinstance(options.get("remote"), str) else None,
        versioned=_is_versioned(entry),
    )


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What ``dvc.yaml`` says of one stage of the lock; of ``name@item``, what it says of ``name``.

    Attributes:
        stage: Its name in the lock.
        body: Its keys.
        variables: What ``${item}`` and ``${key}`` are in it.
    """

    stage: str
    body: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: str, known: Mapping[str, Any]) -> "_Declaration":
        """Find a stage of the lock among those of ``dvc.yaml``."""
        base, _, suffix = stage.partition("@")
        template = known.get(stage, known.get(base))
        if not isinstance(template, Mapping):
            return cls(stage, {})
        if isinstance(template.get("do"), Mapping):
            return cls(stage, template["do"], {"item": _looked_up(template.get("foreach"), suffix), "key": suffix})
        matrix = template.get("matrix")
        return cls(stage, template, {"item": _combination(matrix, suffix)} if isinstance(matrix, Mapping) else {})

    def wdir(self, name: str) -> str:
        """Return the folder it works in, relative to that of the file."""
        wdir = self.body.get("wdir")
        if not isinstance(wdir, str):
            return "."
        wdir = _VARIABLE.sub(self._value, wdir)
        if _VARIABLE.search(wdir):
            fault = _fault(
                name, f"$.stages.{self.stage}.wdir", f"depends on variables that sycee does not read: {wdir}"
            )
            fault.advise("write the folder out in dvc.yaml, or use dvc for this repository")
            raise fault
        return wdir

    def _value(self, found: re.Match[str]) -> str:
        first, *keys = found[1].strip().split(".")
        value = self.variables.get(first)
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return str(value) if isinstance(value, str | int | float) else found[0]

    def entries(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield path and options of all that it makes."""
        for kind in ("outs", "metrics", "plots"):
            yield from _entries(self.body.get(kind))

    def declared(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return the list that names an output, and what it says of it; the path may come from a template."""
        entries = [(kind, *pair) for kind in ("outs", "metrics", "plots") for pair in _entries(self.body.get(kind))]
        exact = [(kind, options) for kind, declared, options in entries if declared == path]
        fitting = exact or [(kind, options) for kind, declared, options in entries if _fits(declared, path)]
        return fitting[0] if fitting else ("outs", {})


def _looked_up(foreach: Any, suffix: str) -> Any:
    """Return the item of a ``foreach`` by the end of a stage's name: a key, a place in a list, or the item itself."""
    if isinstance(foreach, Mapping):
        return foreach.get(suffix)
    if isinstance(foreach, list) and suffix.isdigit() and int(suffix) < len(foreach):
        return foreach[int(suffix)] if isinstance(foreach[int(suffix)], Mapping) else suffix
    return suffix


def _combination(matrix: Mapping[str, Any], suffix: str) -> Mapping[str, Any]:
    """Return which value each key of a ``matrix`` has in the stage whose name ends so; empty if it does not tell."""
    lists = [[str(value) for value in values] if isinstance(values, list) else [] for values in matrix.values()]
    if prod(map(len, lists)) > _MAX_COMBINATIONS:
        return {}
    found = [values for values in product(*lists) if "-".join(values) == suffix]
    return dict(zip(matrix, found[0], strict=True)) if len(found) == 1 else {}


def _entries(listed: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield path and options of each item of ``outs``, ``metrics`` or ``plots``: paths, or maps from paths to them."""
    for item in listed if isinstance(listed, list) else ():
        for path, options in item.items() if isinstance(item, Mapping) else [(item, {})]:
            yield str(path), options if isinstance(options, Mapping) else {}


def _fits(template: str, path: str) -> bool:
    """Tell whether a path can come from a template. Without a regular expression, which a template could stall."""
    first, *middle = _VARIABLE.sub("\0", template).split("\0")
    if not middle:
        return first == path
    last, at = middle.pop(), len(first)
    for part in middle:  # the earliest place leaves most for the rest; a variable is never empty
        if (found := path.find(part, at + 1)) < 0:
            return False
        at = found + len(part)
    return path.startswith(first) and path.endswith(last) and at < len(path) - len(last)


class Stage(NamedTuple):
    """What ``dvc.lock`` recorded of one run of a stage, and what ``dvc.yaml`` says of it.

    Attributes:
        name: As in both files.
        wdir: The folder all its paths are relative to, itself relative to the file's.
        params: File to dotted name to value.
        deps: What it read.
        outs: What it wrote, metrics included.
        metrics: Those of its paths that are metrics files.
    """

    name: str
    wdir: str
    params: Mapping[str, Mapping[str, Any]]
    deps: tuple[Out, ...]
    outs: tuple[Out, ...]
    metrics: tuple[str, ...]


def stages(data: bytes, name: str, declared: bytes = b"") -> list[Stage]:
    """Return the stages of a ``dvc.lock``; what is not of its usual form is left out.

    Args:
        data: The file.
        name: Its path, for messages.
        declared: The ``dvc.yaml`` beside it; empty if there is none.

    Raises:
        FormatError: As :func:`outs`.
    """
    known = _map(_load(declared, name).get("stages")) if declared else {}
    recorded = _map(_load(data, name).get("stages"))
    return [_stage(_Declaration.of(str(key), known), _map(body), name) for key, body in recorded.items()]


def _stage(declaration: _Declaration, recorded: Mapping[str, Any], name: str) -> Stage:
    written = tuple(_recorded(recorded.get("outs")))
    return Stage(
        declaration.stage,
        declaration.wdir(name),
        {str(file): _map(values) for file, values in _map(recorded.get("params")).items()},
        tuple(_recorded(recorded.get("deps"))),
        written,
        tuple(_metrics(declaration, [out.path for out in written])),
    )


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _recorded(listed: object) -> Iterator[Out]:
    for entry in map(_map, listed if isinstance(listed, list) else []):
        if isinstance(path := entry.get("path"), str):
            yield Out(path, entry.get("md5"), entry.get("size"), entry.get("nfiles"))


def _metrics(declaration: _Declaration, written: Sequence[str]) -> Iterator[str]:
    for template, _options in _entries(declaration.body.get("metrics")):
        fitting = [path for path in written if _fits(template, path)]
        yield from fitting or ([] if _VARIABLE.search(template) else [template])


def with_artifact(data: bytes, name: str, artifact: str, path: str) -> bytes:
    """Return a ``dvc.yaml`` that lists a model, comments and everything else as they were.

    Args:
        data: The present file; empty if there is none.
        name: Its path, for messages.
        artifact: The model's name.
        path: Its folder, relative to the file's.

    Returns:
        The new bytes; ``data`` itself if it lists the model already.

    Raises:
        FormatError: If the file is no map, or lists another path under this name.
    """
    try:
        document = yamldialect.load_editable(data.decode(), name) if data.strip() else {}
    except UnicodeDecodeError:
        raise _fault(name, "$", "is not UTF-8") from None
    listed = document.setdefault("artifacts", {}) if isinstance(document, dict) else None
    if not isinstance(listed, dict):
        raise _fault(name, "$.artifacts", "must be a map")
    present = listed.get(artifact)
    if present is None:
        listed[artifact] = {"path": path, "type": "model"}
        return yamldialect.dump(document)
    if not isinstance(present, dict) or present.get("path") != path:
        raise _fault(name, f"$.artifacts.{artifact}", f"is another artifact than {path}")
    return data


def _load(data: bytes, name: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(data) > MAX_BYTES:
        raise _fault(name, "$", f"is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode()
        # The safe reader copies what is merged, so a few merges of merges would fill the memory; the other does not.
        loaded = YAML(typ="rt" if "<<" in text else "safe", pure=True).load(text)
    except RecursionError:
        raise _fault(name, "$", "is nested too deeply") from None
    except (YAMLError, ValueError) as error:
        raise _fault(name, "$", f"is not YAML: {str(error).splitlines()[0]}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise _fault(name, "$", "must be a map")
    return loaded


def _fault(name: str, path: str, message: str) -> FormatError:
    return FormatError(f"{name}: {path} {message}", faults=[Fault(path, message)], path=name)
