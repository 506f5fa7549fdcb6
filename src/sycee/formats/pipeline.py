"""What sycee must understand of DVC's pipeline files.

Models are often outputs of a pipeline and then have no pointer of their own: ``dvc.lock`` records them, and sycee only
reads it. ``dvc.yaml`` is read for what the lock leaves out; one section of it, DVC's own list of models
(``artifacts:``), is where sycee enters a model, by name and path.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sycee.errors import Fault, FormatError
from sycee.formats import yamldialect
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
