"""``python -m sycee`` and the ``sycee`` script."""

import gc
import os
import sys

from sycee.cli.exitcodes import STOPPED
from sycee.cli.main import main as run

PATIENCE = 2.0  # seconds


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.stdin is None:  # closed, as by some schedulers: nobody can answer, and no file may take its number
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - open as long as the process
    code = run()
    gc.freeze()  # else Python looks for cycles in all that was loaded, for a tenth of the time of a no-op
    if code in STOPPED:
        _abandon_threads(code)
    sys.exit(code)


def _abandon_threads(code: int) -> None:
    """Let transfers give up what they began, but not wait for a server that does not answer: they wait for it."""
    import threading
    import time

    deadline = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                os._exit(code)


if __name__ == "__main__":
    main()
