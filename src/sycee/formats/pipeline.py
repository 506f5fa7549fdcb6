"""What sycee must understand of DVC's pipelines: the outputs that ``dvc.lock`` records.

Models are often outputs of a pipeline and then have no pointer of their own. sycee reads them, and never writes them.
``docs/spec/pointer.md`` lists the fields; ``dvc.yaml`` is read only for what the lock leaves out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sycee.errors import Fault, FormatError
from sycee.formats.pointer import Out

MAX_BYTES = 64 << 20  # a lock of 100 000 outs has about 10 MB


def outs(data: bytes, name: str) -> Iterator[tuple[str, Out]]:
    """Yield (stage, out) for every output with an md5 in a ``dvc.lock``.

    Args:
        data: The file.
        name: Its path, for messages.

    Raises:
        FormatError: If it is not a map of stages.
    """
    stages = _load(data, name).get("stages", {})
    if not isinstance(stages, Mapping):
        raise _fault(name, "$.stages", "must be a map")
    for stage, body in stages.items():
        for index, entry in enumerate(body.get("outs", ()) if isinstance(body, Mapping) else ()):
            if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
                raise _fault(name, f"$.stages.{stage}.outs[{index}]", "must be a map with a path")
            if isinstance(entry.get("md5"), str):
                yield str(stage), _out(entry)


def _out(entry: Mapping[str, Any]) -> Out:
    return Out(
        path=entry["path"],
        md5=entry["md5"],
        size=entry.get("size"),
        nfiles=entry.get("nfiles"),
        isexec=bool(entry.get("isexec", False)),
        hash=entry.get("hash"),
    )


def working_dirs(data: bytes, name: str) -> dict[str, str]:
    """Return the ``wdir`` of each stage of a ``dvc.yaml`` that has a plain one.

    Args:
        data: The file; empty if there is none.
        name: Its path, for messages.
    """
    if not data:
        return {}
    stages = _load(data, name).get("stages", {})
    if not isinstance(stages, Mapping):
        return {}
    wdirs = {str(stage): body.get("wdir") for stage, body in stages.items() if isinstance(body, Mapping)}
    return {stage: wdir for stage, wdir in wdirs.items() if isinstance(wdir, str) and "${" not in wdir}


def _load(data: bytes, name: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(data) > MAX_BYTES:
        raise _fault(name, "$", f"is larger than {MAX_BYTES} bytes")
    try:
        loaded = YAML(typ="safe", pure=True).load(data.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        raise _fault(name, "$", f"is not YAML: {str(error).splitlines()[0]}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise _fault(name, "$", "must be a map")
    return loaded


def _fault(name: str, path: str, message: str) -> FormatError:
    return FormatError(f"{name}: {path} {message}", faults=[Fault(path, message)], path=name)
