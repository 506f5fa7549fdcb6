"""The real ``dvc`` and ``sycee``, without the second that Python takes to import them at each run.

    done = run_warm("dvc", ["status"], cwd=folder)

A helper process has the program imported and forks for each run: what runs is the program's own ``main`` in a process
of its own, with the arguments, folder and environment it would have had. Runs of several threads have several helpers.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

# What a run imports anyway, sooner or later.
_WANTED = {
    "dvc": (
        *("dvc.cli", "dvc.repo", "dvc.stage", "dvc.output", "dvc.fs", "dvc.cachemgr", "dvc.data_cloud", "dvc.ignore"),
        *("dvc.lock", "dvc.rwlock", "dvc.scm", "dvc.repo.index", "dvc.dependency", "dvc.utils.serialize", "dvc.schema"),
        *(
            "dvc_data.hashfile.transfer",
            "dvc_data.index",
            "dvc_data.hashfile.build",
            "dvc_objects.fs.local",
            "scmrepo.git",
        ),
        *("diskcache", "pygit2", "rich.progress"),
    ),
    "sycee": ("sycee.cli.main", "ruamel.yaml", "rich.progress", "blake3"),
}


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    rc: int
    stdout: str
    stderr: str


def run_warm(program: str, words: Iterable[str | Path], cwd: Path, environ: Mapping[str, str] | None = None) -> Done:
    """Run ``dvc`` or ``sycee`` in a folder, without input; in the environment of this process, if none is given."""
    with _LOCK:
        idle = _IDLE.setdefault(program, [])
        helper = idle.pop() if idle else _Helper(program)
    done = helper.run([str(word) for word in words], cwd, os.environ if environ is None else environ)
    with _LOCK:
        idle.append(helper)
    return done


class _Helper:
    """One process that forks."""

    def __init__(self, program: str) -> None:
        words = [sys.executable, __file__, program]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self._process.kill)

    def run(self, words: list[str], cwd: Path, environ: Mapping[str, str]) -> Done:
        order = {"words": words, "cwd": str(cwd), "environ": dict(environ)}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return Done(**json.loads(self._process.stdout.readline()))


_IDLE: dict[str, list[_Helper]] = {}
_LOCK = threading.Lock()


def _serve(program: str) -> None:
    for module in _WANTED[program]:
        import_module(module)
    main = _main_of(program)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = json.loads(line)
        printed = {"stdout": os.memfd_create("stdout"), "stderr": os.memfd_create("stderr")}
        child = os.fork()
        if child == 0:
            answers.close()
            _become(program, order, printed)
            os._exit(_ending(main))
        _, status = os.waitpid(child, 0)
        texts = {name: _text(fd) for name, fd in printed.items()}
        print(json.dumps({"rc": os.waitstatus_to_exitcode(status), **texts}), file=answers, flush=True)


def _main_of(program: str) -> Callable[[list[str]], int]:
    if program == "sycee":
        from sycee.cli.main import VERBS, main

        for verb in VERBS:
            import_module(f"sycee.cli.commands.{verb.replace('-', '_')}")
        return main
    from dvc.cli import main
    from dvc.cli.parser import get_main_parser

    get_main_parser()  # imports all its commands
    return main


def _become(program: str, order: dict, printed: dict[str, int]) -> None:
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, target in ((nothing, 0), (printed["stdout"], 1), (printed["stderr"], 2)):
        os.dup2(fd, target)
    sys.argv = [str(Path(sys.executable).with_name(program)), *order["words"]]
    sys.path[0] = str(Path(sys.executable).parent)  # as a script has it; that of this file is nobody's


def _ending(main: Callable[[list[str]], int]) -> int:
    try:
        sys.exit(main(sys.argv[1:]))
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - what Python does at the top
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


def _text(fd: int) -> str:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read().decode(errors="surrogateescape").replace("\r\n", "\n")


if __name__ == "__main__":
    _serve(sys.argv[1])
