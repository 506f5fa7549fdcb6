"""A pytest plugin that tells whether anything made a socket: ``-p rigs.nosockets``."""

import sys

import pytest

SEEN: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket."):
        SEEN.append(f"{event}{arguments[1:]!r}")


sys.addaudithook(_watch)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number, and the calls."""
    terminalreporter.write_line(f"socket calls: {len(SEEN)}")
    for one in SEEN[:20]:
        terminalreporter.write_line(one)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if there was one."""
    if SEEN:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
