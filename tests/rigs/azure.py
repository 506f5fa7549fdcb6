"""A real Azure Blob server for tests: Azurite, which checks signatures and keeps blobs on disk; `make` installs it."""

import base64
import contextlib
import datetime as dt
import hashlib
import hmac
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rigs.s3 import clean_environ, die_with_parent, free_ports

PROGRAM = Path(sys.prefix) / "rigs/node_modules/azurite/dist/src/blob/main.js"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's own
START_SECONDS = 60


@dataclass(frozen=True)
class AzureServer:
    """A running server with the container ``models``."""

    endpoint: str

    @property
    def connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    def options(self, **more: str) -> dict[str, str]:
        """The options of a DVC remote that reaches this server."""
        return {"connection_string": self.connection_string, **more}

    def sas(self, permissions: str = "rwdlac", *, minutes: int = 60) -> str:
        """Return a shared access signature for the whole account (version 2018-11-09)."""
        end = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = [ACCOUNT, permissions, "b", "sco", "", end, "", "", "2018-11-09", ""]
        given = {"sv": "2018-11-09", "ss": "b", "srt": "sco", "sp": permissions, "se": end, "sig": _signed(fields)}
        return "&".join(f"{name}={urllib.request.quote(value, safe='')}" for name, value in given.items())

    def create_container(self, name: str) -> None:
        """Make a container, by a request of our own."""
        date = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        lines = ["PUT", *[""] * 11, f"x-ms-date:{date}", "x-ms-version:2021-08-06", resource]
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2021-08-06",
            "Authorization": f"SharedKey {ACCOUNT}:{_signed(lines)}",
        }
        url = f"{self.endpoint}/{name}?restype=container"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(url, method="PUT", headers=headers), timeout=20).close()


def _signed(lines: list[str]) -> str:
    digest = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@contextlib.contextmanager
def running_azure(folder: Path) -> Iterator[AzureServer]:
    """Run a server that keeps its data in ``folder`` until the block ends (or this process dies)."""
    (port,) = free_ports(1)
    server = AzureServer(f"http://127.0.0.1:{port}/{ACCOUNT}")
    words = [str(shutil.which("node")), str(PROGRAM), "--silent", "--location", str(folder), "--disableTelemetry"]
    words += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--skipApiVersionCheck", "--disableProductStyleUrl"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            words, env=clean_environ(), stdout=log, stderr=subprocess.STDOUT, cwd=folder, preexec_fn=die_with_parent
        )
    try:
        _wait(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(server: AzureServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            server.create_container("models")
            return
        time.sleep(0.1)
    raise RuntimeError("Azurite did not start")
