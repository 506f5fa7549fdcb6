"""Auxiliary files: what the functions of a model read beside its folder, such as a vocabulary or a label map.

Code finds such a file by its working folder or by its own place. So a file goes where replay has the one or the other:
below ``context/files/``, which becomes the working folder, or below ``context/source/``, beside the code.
"""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from sycee.capture.steps import Steps
from sycee.core import modelfolder
from sycee.core.secretscan import is_secret_file, secret_in
from sycee.ops.context import FOLDER, Part

SOURCE, AUX = f"{FOLDER}/source", f"{FOLDER}/files"
MAX_AUX = 16 << 20  # bytes of one file


def aux_parts(
    given: Collection[Path], seen: Iterable[Path], source: Mapping[str, bytes], steps: Steps
) -> tuple[Part, ...]:
    """Return the auxiliary files of a model, for its context.

    Args:
        given: Files that the user named.
        seen: Files that were seen to be read.
        source: The frozen source, by path.
        steps: Collects what is left out.
    """
    places = [(Path.cwd(), AUX), *((root, SOURCE) for root in _roots(source))]  # the two may be one folder
    parts: dict[str, Part] = {}
    for path in dict.fromkeys((*given, *seen)):
        names = _names(path, places)
        if not names and path not in given:
            steps.warn(
                f"{path.name} is read from outside of the project, so a replay elsewhere does not find it: "
                "keep it in the model's folder, and let load read it"
            )
        elif not names:
            names = [f"{AUX}/{path.name}"]
        if names and (why := _secret(path, names[0])):
            steps.warn(f"the auxiliary file {_shown(names[0])} {why}")
            names = names if path in given else []
        parts |= {name: part for name in names if (part := _part(name, path, steps))}
    return tuple(parts.values())


def _names(path: Path, places: Sequence[tuple[Path, str]]) -> list[str]:
    return [f"{place}/{path.relative_to(root).as_posix()}" for root, place in places if root in path.parents]


def _part(name: str, path: Path, steps: Steps) -> Part | None:
    shown = _shown(name)
    if not path.is_file() or path.stat().st_size > MAX_AUX:
        steps.warn(f"the auxiliary file {shown} is not there, or is larger than {MAX_AUX >> 20} MB")
    elif fault := modelfolder.refusal(name):
        steps.warn(f"the auxiliary file {shown} is left out: it {fault}")
    else:
        return Part(name, path.read_bytes(), "aux")
    return None


def _shown(name: str) -> str:
    return name.split("/", 2)[2]


def _secret(path: Path, name: str) -> str | None:
    """Say that a file seems to hold a secret, and what to do; a context is signed and shared."""
    if is_secret_file(_shown(name)):
        return "has a name of files that hold secrets: it is kept only if it is named, aux=…"
    if path.is_file() and path.stat().st_size <= MAX_AUX and (found := secret_in(path.read_bytes())):
        return f"holds, in line {found.line}, what looks like {found.kind}: it is kept only if it is named, aux=…"
    return None


def _roots(source: Mapping[str, bytes]) -> set[Path]:
    """Return the folders from which the modules of the frozen source were imported."""
    files = [
        file for module in tuple(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)
    ]
    return {
        Path(file.removesuffix(relpath))
        for relpath in source
        for file in files
        if file.endswith(f"/{relpath}") and file != relpath
    }
