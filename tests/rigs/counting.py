"""A relay on loopback between a client and a server that counts bytes and requests, and can stop letting bytes pass."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(GET|PUT|POST|HEAD|DELETE) /\S* HTTP/1\.1\r\n")


class Relay:
    """Forwards connections to a server.

    Attributes:
        endpoint: Where clients connect.
        sent: Bytes from clients to the server.
        received: Bytes from the server to clients.
        requests: How many requests the clients made, as the first lines show that begin a piece of the stream.
        limit: Once so many bytes went either way, no further byte passes, and connections stay open.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._guard = threading.Lock()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.limit: int | None = None
        self.stalled = threading.Event()
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Count from zero."""
        self.sent = self.received = self.requests = 0

    def close(self) -> None:
        """End all connections."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, outgoing: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not self._count(data, outgoing=outgoing):
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _count(self, data: bytes, *, outgoing: bool) -> bool:
        with self._guard:
            if self.limit is not None and self.sent + self.received >= self.limit:
                self.stalled.set()
                return False
            if outgoing:
                self.sent += len(data)
                self.requests += len(_REQUEST.findall(data))
            else:
                self.received += len(data)
            return True


@contextlib.contextmanager
def relayed(target: str) -> Iterator[Relay]:
    """Run a relay for the length of the block."""
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.close()
