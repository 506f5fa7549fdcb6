"""A pytest plugin that tells whether anything made a socket: ``-p rigs.nosockets``."""

import sys

import pytest

SEEN: list[str] = []
# What the sigstore package imports asks the kernel once, when it is imported, whether there is IPv6.
_IMPORTING = ["socket.__new__(10, 1, 0)", "socket.bind(('::1', 0),)"]


def counted() -> list[str]:
    """Return the calls, without those of that import."""
    return [one for number, one in enumerate(SEEN) if one not in _IMPORTING or one in SEEN[:number]]


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket."):
        SEEN.append(f"{event}{arguments[1:]!r}")


sys.addaudithook(_watch)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number, and the calls."""
    terminalreporter.write_line(f"socket calls: {len(counted())}")
    for one in counted()[:20]:
        terminalreporter.write_line(one)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if there was one."""
    if counted():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
