"""Verifying and loading need no network: their whole test suite passes where there is none, and makes no socket."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Everything that judges or loads by its own code; what needs torch is run without a network by test_harmless.
SUITE = sorted(
    str(path)
    for pattern in ("verify", "load", "countersign", "trust_cli", "trust_explain", "keyless", "oms", "channels")
    for path in (TESTS / "unit").glob(f"test_{pattern}*.py")
    if "sign" not in path.stem or "counter" in path.stem  # who signs without a key asks a service and a log
)
WITHOUT_NETWORK = ("unshare", "--user", "--map-root-user", "--net")

pytestmark = pytest.mark.slow


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [*WITHOUT_NETWORK, sys.executable, "-m", "pytest", "-p", "rigs.nosockets", "-p", "no:cacheprovider", "-x"]
    path = os.pathsep.join([str(TESTS), environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [*command, *words], cwd=TESTS.parent, env={**environ, "PYTHONPATH": path}, capture_output=True, text=True
    )


def test_there_is_no_network_there_and_sockets_are_seen(tmp_path):
    """Else the test below could not fail."""
    (tmp_path / "test_out.py").write_text(
        "import socket\n\n\ndef test_out():\n"
        "    try:\n        socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
        "    except OSError as error:\n        print(error.errno)\n"
    )
    done = run("-s", "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path / "test_out.py"))
    assert done.returncode != 0
    assert "101" in done.stdout, "the network is unreachable, not the port closed"
    assert re.search("socket calls: [1-9]", done.stdout)


def test_verifying_and_loading_make_no_socket():
    assert len(SUITE) >= 4
    done = run(*SUITE)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "socket calls: 0" in done.stdout
