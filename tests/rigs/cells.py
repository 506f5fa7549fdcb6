"""Run a notebook as IPython's kernel does, where that is not installed: ``python cells.py NOTEBOOK``.

As in the kernel: one namespace, which is ``__main__`` and has no file; ``In`` with each cell as Python, magics turned
into calls; a name for the source of each cell, which ``linecache`` knows; and a cell that fails does not end it.
"""

import linecache
import re
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import nbformat


def transformed(cell: str) -> str:
    """Return a cell as the kernel writes it down and compiles it."""
    if cell.startswith("%%"):
        head, _, body = cell.partition("\n")
        name, _, line = head[2:].partition(" ")
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body + chr(10)!r})\n"
    cell = re.sub(r"^!(.*)$", lambda found: f"get_ipython().system({found[1]!r})", cell, flags=re.MULTILINE)
    return re.sub(r"^%(\S+) ?(.*)$", r"get_ipython().run_line_magic('\1', '\2')", cell, flags=re.MULTILINE) + "\n"


def run(path: str, namespace: dict[str, Any]) -> None:
    """Execute the code cells of a notebook in a namespace."""
    shell = SimpleNamespace(
        run_cell_magic=lambda _name, _line, body: exec(compile(body, "<timed exec>", "exec"), namespace),
        run_line_magic=lambda _name, _line: None,
        system=lambda _line: 0,
    )
    namespace |= {"In": [""], "get_ipython": lambda: shell}
    for number, cell in enumerate(one for one in nbformat.read(path, 4).cells if one.cell_type == "code"):
        text, name = transformed(cell.source), f"<ipython-input-{number + 1}-0123456789ab>"
        namespace["In"].append(text)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        try:
            exec(compile(text, name, "exec"), namespace)
        except Exception:  # noqa: BLE001 - whatever a cell raises
            traceback.print_exc()


if __name__ == "__main__":
    main = sys.modules["__main__"]
    del main.__file__
    run(sys.argv[1], vars(main))
