"""Fixtures shared by all test folders; `tests/conftest.py` loads them with ``pytest_plugins = ["rigs.plugin"]``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.http import HttpRig, running_http
from rigs.s3 import S3Server, running_s3


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
