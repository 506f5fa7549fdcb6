"""Functions of a real notebook: what is frozen of them runs without it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

KERNEL = """
import sys, nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read(sys.argv[1], 4), allow_errors=True, timeout=60).execute()
"""
RIG = Path(__file__).parents[1] / "rigs/cells.py"
CELLS = [
    "%matplotlib inline\nimport json, math\nfrom helper import shift",
    "SCALE = 1",
    "!pip list\nSCALE = 2",
    "%%time\ndef scaled(x):\n    return shift(x) * SCALE",
    "def predict(x):\n    return scaled(x) + math.floor(OFFSET)",
    "OFFSET = 1.5\nLABELS = {}\nfor at, name in enumerate(['a', 'b']):\n    LABELS[name] = at",
    "class Model:\n    def fit(self): return self\nmodel = Model()\nmodel.fit()",
    "def predict(x):\n    return scaled(x) + math.floor(OFFSET) + 100 * LABELS['b']",
    "predict(3)",
    "raise SystemError\ndef predict(x): return 'of a cell that failed'",
    "def predict(x): return 'of a cell that failed at its head' +",
    "def describe(model, x): return json.dumps([predict(x), type(model).__name__])\nshort = lambda x: x",
    """
from pathlib import Path
from sycee.capture.source import closure
source = closure({"predict": predict, "postprocess": describe, "preprocess": short, "load": model.fit})
for name, data in source.files.items():
    (Path("frozen") / name).parent.mkdir(parents=True, exist_ok=True)
    (Path("frozen") / name).write_bytes(data)
Path("result.json").write_text(json.dumps([source.entries, source.warnings]))
""",
]


def test_the_functions_of_a_notebook(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell("# A training"), *map(nbformat.v4.new_code_cell, CELLS)]
    nbformat.write(notebook, tmp_path / "train.ipynb")
    (tmp_path / "helper.py").write_text("def shift(x): return x + 1\n")
    if importlib.util.find_spec("nbclient"):
        command = [sys.executable, "-c", KERNEL, "train.ipynb"]
    else:
        command = [sys.executable, str(RIG), "train.ipynb"]
    environ = {"PYTHONPATH": f"{tmp_path}:{':'.join(filter(None, sys.path))}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    entries, warnings = json.loads((tmp_path / "result.json").read_text())
    assert entries == {
        "predict": "notebook:predict",
        "postprocess": "notebook:describe",
        "preprocess": "notebook:short",
        "load": "notebook:model.fit",
    }, done.stderr
    assert [warning.partition(":")[0] for warning in warnings] == [
        "what predict or postprocess or preprocess or load needs is computed at run time",
        "what predict or postprocess or preprocess or load uses is changed by the training",
    ]
    frozen = tmp_path / "frozen"
    assert sorted(path.name for path in frozen.iterdir()) == ["helper.py", "notebook.py"]
    code = "import sys; sys.path.insert(0, sys.argv[1]); import notebook as n; print(n.predict(3), n.describe(0, 3))"
    ran = subprocess.run([sys.executable, "-I", "-B", "-c", code, frozen], capture_output=True, text=True, check=True)
    assert ran.stdout == '109 [109, "int"]\n'
