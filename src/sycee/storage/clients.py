"""What the openers of buckets share: the four clients, and the place a url names."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sycee.errors import UsageError
from sycee.storage.objectstore import Clients
from sycee.storage.options import RemoteRequest

CONNECT_SECONDS = 10
STALL_SECONDS = 60  # a download that delivers nothing for so long is resumed
PART_SECONDS = 3_600  # a part may take this long on a slow line
KNOCK_SECONDS = 15  # thrice: within a minute it is clear that nobody answers
RETRY = timedelta(seconds=180)

Make = Callable[[dict[str, Any], dict[str, Any]], Any]  # client options and retry configuration to a client


def four_clients(make: Make, transport: Mapping[str, Any], stall: float = STALL_SECONDS) -> Clients:
    """Return the clients of a bucket.

    Args:
        make: Makes one.
        transport: Options of all of them.
        stall: Seconds without a byte after which a download is resumed.
    """

    def client(retries: int, **timeouts: str) -> Any:
        return make({**transport, **timeouts}, {"max_retries": retries, "retry_timeout": RETRY})

    return Clients(
        reader=client(10, timeout=f"{PART_SECONDS}s", read_timeout=f"{stall}s"),
        writer=client(10, timeout=f"{PART_SECONDS}s"),
        knocker=client(2, timeout=f"{KNOCK_SECONDS}s"),
        creator=client(0, timeout=f"{KNOCK_SECONDS}s"),
    )


def bucket_of(request: RemoteRequest, word: str) -> tuple[str, str]:
    """Return bucket and prefix of a url such as ``gs://bucket/prefix``.

    Args:
        request: The remote.
        word: What its kind of store calls a bucket.

    Raises:
        UsageError: If the url names none.
    """
    parts = urlsplit(request.url)
    plain = parts.netloc.isascii() and parts.netloc.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not plain or parts.query or parts.fragment:
        raise UsageError(
            f"the url of the remote {request.name!r} names no {word}",
            hint=f"write it as {parts.scheme}://{word.upper()}/PREFIX",
        )
    return parts.netloc, parts.path.strip("/")


def address(text: str, option: str) -> str:
    """Return the address of a server without a final ``/``.

    Raises:
        UsageError: If it is no http or https address, or holds a user name.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.query:
        shown = "" if parts.username is not None or parts.query else f" {text!r}"
        raise UsageError(f"{option}{shown} is no http or https address", hint="write it as https://HOST[:PORT]")
    return text.rstrip("/")
