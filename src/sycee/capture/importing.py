"""Which files are read when the source of functions is imported: a vocabulary at the top level of a module.

By the time of a freeze the modules are long imported, and what they read then was not watched. So a child process
imports them once more from where they are, if their top levels look as if they read anything, and tells what it opens.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sycee.capture.opened import of_user
from sycee.capture.source import Source
from sycee.core.extract import may_read_when_imported

SECONDS = 60
_CHILD = """
import importlib, json, os, sys, types
asked = json.load(open(sys.argv[1]))
sys.path[:] = asked["path"]
sys.argv[1:] = []
paths = {}
def hook(event, arguments):
    try:
        if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            if arguments[2] & os.O_ACCMODE != os.O_WRONLY and not arguments[2] & os.O_TRUNC:
                paths[os.path.join(os.getcwd(), os.fsdecode(arguments[0]))] = None
    except Exception:
        pass
sys.addaudithook(hook)
try:
    for name in asked["modules"]:
        importlib.import_module(name)
    for name, file, text in asked["mains"]:
        module = sys.modules[name] = types.ModuleType(name)
        module.__file__ = file
        exec(compile(text, file, "exec"), vars(module))
finally:
    with open(asked["answer"], "w") as answer:
        json.dump(list(paths), answer)
"""


def read_at_import(source: Source, *, leave: Sequence[Path] = ()) -> list[Path]:
    """Return the files of the user that importing this source reads.

    Args:
        source: The source of some functions.
        leave: Files and folders that are known already: the model's.
    """
    if not any(may_read_when_imported(data) for data in source.files.values()):
        return []
    with tempfile.TemporaryDirectory(prefix="sycee-") as place:
        asked, answer = Path(place, "asked.json"), Path(place, "answer.json")
        asked.write_text(json.dumps({**_asked(source), "answer": str(answer)}))
        try:
            subprocess.run(
                [sys.executable, "-B", "-c", _CHILD, str(asked)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
            paths: list[str] = json.loads(answer.read_text())
        except (OSError, ValueError, subprocess.TimeoutExpired):  # what is missing shows when the source runs alone
            return []
    return list(of_user(paths, [*leave, Path(place)]))


def _asked(source: Source) -> dict[str, object]:
    """Return what to import from where it is, and what stands for ``__main__`` as text, with the script's place."""
    names = list(dict.fromkeys(entry.partition(":")[0] for entry in source.entries.values()))
    main = getattr(sys.modules.get("__main__"), "__file__", None) or os.path.join(os.getcwd(), "notebook")  # noqa: PTH109, PTH118
    made = {name: source.files.get(f"{name.replace('.', '/')}.py", b"") for name in names if name not in sys.modules}
    mains = [(name, str(main), data.decode(errors="replace")) for name, data in made.items() if data]
    return {"path": sys.path, "modules": [name for name in names if name in sys.modules], "mains": mains}
