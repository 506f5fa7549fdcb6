"""What commands that have nothing to do must not load: most of their time is the start."""

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "ctypes", "cryptography", "http", "numpy", "obstore", "pathspec", "rich", "ruamel", "subprocess"}
OF_REMOTES = ("storage.port", "store.moving", "store.transfer", "workspace.remotes", "workspace.revisions")
UNUSED = {f"sycee.{name}" for name in OF_REMOTES}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status"], ["checkout", "--help"]])
def test_a_no_op_loads_only_what_it_needs(tmp_path, words):
    (tmp_path / ".dvc").mkdir()
    code = (
        "import sys; from sycee.cli.main import main; code = main(sys.argv[1:])\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "sycee.cli.main" in loaded
    assert not loaded & HEAVY
    assert words != ["status"] or not loaded & UNUSED
