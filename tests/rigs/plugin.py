"""Fixtures shared by all test folders; `tests/conftest.py` loads them with ``pytest_plugins = ["rigs.plugin"]``."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.azure import AzureServer, running_azure
from rigs.gcs import GcsServer, running_gcs
from rigs.http import HttpRig, running_http
from rigs.s3 import S3Server, running_s3

KILL_POINTS = "kill points"  # property of a test: what is killed, and at how many points it could be


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS with the buckets ``models`` and ``second``, one per test process."""
    with running_s3(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def http_server(tmp_path: Path) -> Iterator[HttpRig]:
    """A good HTTP server whose objects are files in ``folder``; tests change its ``rules``."""
    with running_http(tmp_path / "http") as server:
        yield server


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """An Azurite with the container ``models``, one per test process."""
    with running_azure(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[GcsServer]:
    """The buckets of ``s3_server``, as Google Cloud Storage would show them."""
    with running_gcs(tmp_path_factory.mktemp("gcs"), s3_server) as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show at how many points the kill tests can kill each command, where all of them were asked for."""
    if os.environ.get("SYCEE_CRASH") != "all":
        return
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    counts = dict(value for report in reports for key, value in report.user_properties if key == KILL_POINTS)
    terminalreporter.section("points at which a command was killed")
    for name, count in sorted({**counts, "all": sum(counts.values())}.items(), key=lambda one: one[1]):
        terminalreporter.write_line(f"{count:5} {name}")
