"""Runs sycee and kills it at the N-th change it makes to the disk, as a power cut or the kernel would.

with Crasher() as crasher:
    died = crasher.run(folder, ["add", "model.pt"], at=7)   # dies at the 7th write, rename, fsync, …
    died = crasher.run(folder, "sycee.freeze('models/m', task='ner')")   # Python instead; nothing is injected: False

A helper process has sycee imported and forks for each run, so a run costs milliseconds. Chunks are small there, so that
a file of some hundred kilobytes takes the ways of a large one: threads, several writes.
"""

import json
import mmap
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sycee.system import staging

KILLED = 137
CHUNK = 1 << 16
# Each of them changes what is on the disk, or promises that it will stay.
POINTS = (
    *("write", "pwrite", "copy_file_range", "truncate", "ftruncate", "open"),
    *("fsync", "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "mkdir"),
    *("chmod", "fchmod", "utime"),
)


class Crasher:
    """The helper process."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, folder: Path, what: Sequence[str] | str, *, at: int | None = None, durable: bool = True) -> bool:
        """Run arguments of ``sycee``, or Python source, in a folder; tell whether it was killed at point ``at``.

        Unless ``durable``, what it promises the disk by fsync is not kept.

        Raises:
            AssertionError: If it ended otherwise and not with 0.
        """
        answer = self.ask(folder, what, at=at or 0, durable=durable)
        assert answer["rc"] in ({0, KILLED} if at else {0}), (what, answer)
        return bool(answer["rc"] == KILLED)

    def ask(
        self, folder: Path, what: Sequence[str] | str, *, at: int = 0, largest: int = -1, durable: bool = True
    ) -> dict[str, Any]:
        """Do the same, where no file may grow beyond ``largest`` bytes; return ``rc``, ``printed`` and ``points``."""
        what = what if isinstance(what, str) else [*what]
        order = {"folder": str(folder), "what": what, "at": at, "largest": largest, "durable": durable}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class _Countdown:
    """Counts changes, of all threads together; at the last one the process ends between two instructions."""

    def __init__(self, at: int, counted: mmap.mmap) -> None:
        self._left = at
        self._shown = counted
        self._lock = threading.Lock()

    def arm(self) -> None:
        for name in POINTS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        staging.flush_file_system = self._counted("syncfs", staging.flush_file_system)

    def _counted(self, name: str, real: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            with self._lock:
                self._left -= 1
                self._shown[:8] = (int.from_bytes(self._shown[:8], "big") + 1).to_bytes(8, "big")
                if self._left == 0:
                    try:
                        if name in {"write", "pwrite"}:  # torn: the first half reaches the disk
                            real(args[0], memoryview(args[1])[: len(args[1]) // 2], *args[2:])
                    finally:
                        os._exit(KILLED)
            return real(*args, **kwargs)

        return counted


def _serve() -> None:
    import cryptography.hazmat.primitives.asymmetric.ec  # noqa: F401 - warm, as are the modules below
    import ruamel.yaml  # noqa: F401

    import sycee
    from sycee.cli.main import VERBS, main
    from sycee.ops import ahead
    from sycee.storage import local, port
    from sycee.system import links, onepass

    for verb in VERBS:
        __import__(f"sycee.cli.commands.{verb.replace('-', '_')}")
    for module in (local, port, links, onepass):
        module.CHUNK = CHUNK
    ahead.LARGE = CHUNK
    staging.FEW = 2  # so that a handful of files takes the way of many

    def work(what: list[str] | str) -> int:
        if isinstance(what, list):
            return main(what)
        exec(what, {"sycee": sycee})
        return 0

    for line in sys.stdin:
        order = json.loads(line)
        printed_in, printed_out = os.pipe()
        points = mmap.mmap(-1, 8)  # shared with the child
        child = os.fork()
        if child == 0:
            os.close(printed_in)
            os.dup2(printed_out, 1)
            os.dup2(printed_out, 2)
            os.chdir(order["folder"])
            code = 1
            try:
                if order["largest"] >= 0:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], resource.RLIM_INFINITY))
                if not order["durable"]:
                    os.fsync = lambda _fd: None
                    staging.flush_file_system = lambda _folder: True
                _Countdown(order["at"], points).arm()
                code = work(order["what"])
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException as error:  # noqa: BLE001 - the child ends here, whatever it was
                os.write(2, repr(error).encode())
            finally:
                os._exit(code)
        os.close(printed_out)
        with os.fdopen(printed_in, errors="replace") as pipe:
            printed = pipe.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"rc": os.waitstatus_to_exitcode(status), "printed": printed, **_total(points)}), flush=True)


def _total(points: mmap.mmap) -> dict[str, int]:
    return {"points": int.from_bytes(points[:8], "big")}


if __name__ == "__main__":
    _serve()
