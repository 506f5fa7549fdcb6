"""The process of a replay: ``python worker.py REQUEST.json`` runs golden samples and writes what came out.

Standalone: the standard library only, Python 3.9 and newer. User code is imported from one folder and from the
packages of this Python, nothing else; it finds no network. What it prints never reaches the files that are read.

The request is written by :mod:`sycee.replay.runner`, which also reads ``observed.json`` and ``tensors.safetensors``.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import re
import signal
import site
import socket
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, ModuleType

CHILD = "_sycee_child"  # under which the folder ``child`` beside this file is imported
OBSERVED, TENSORS = "observed.json", "tensors.safetensors"
AGAIN, AGAIN_TENSORS = "again.json", "again.safetensors"  # of the run with repeated samples
_PR_SET_PDEATHSIG = 1
_NEW_NAMESPACES = 0x10000000 | 0x40000000  # CLONE_NEWUSER | CLONE_NEWNET


def main(request_file: str) -> None:
    """Do what a request asks for; a fault of user code is a part of the result."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    network = cut_off()
    _die_with_parent()  # after that: with a namespace of its own a process forgets that it was to die
    only_packages(request["source"], request.get("sycee"))
    if request["bytecode"]:
        keep_bytecode(sys.prefix)
    child = _package(CHILD, Path(__file__).parent / "child")
    out = Path(request["out"])
    samples, runners = _samples(request, child), []

    def outcomes() -> Any:
        runners.append(_runner(request, child))
        return runners[0].run(samples)

    found, tensors = _observed(outcomes, child)
    machine = request.get("machine")
    if machine:
        found.update(
            packages=packages(), loaded=loaded(), fingerprint=_module("_sycee_machine", Path(machine)).collect()
        )
    _write(out, (OBSERVED, TENSORS), {**found, "network": network}, child.samples.render(tensors))
    if request["again"] and not found["error"]:  # after all else is written: this may take the process down
        found, tensors = _observed(lambda: runners[0].repeating(request["again"]).run(samples), child)
        _write(out, (AGAIN, AGAIN_TENSORS), found, child.samples.render(tensors))


def _observed(outcomes: Any, child: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what samples gave, up to a fault of user code, and their tensors."""
    found: dict[str, Any] = {"samples": [], "error": None, "unbatched": False}
    tensors: dict[str, Any] = {}
    try:
        for outcome in outcomes():
            found["samples"].append(child.forms.sample(outcome, tensors))
    except child.stages.Unbatched:
        found["unbatched"] = True
    except child.stages.Failed as failed:
        found["error"] = failed.fault
    return found, tensors


def _write(out: Path, names: tuple[str, str], found: dict[str, Any], tensors: bytes) -> None:
    observed, beside = names
    (out / beside).write_bytes(tensors)
    part = out / f"{observed}.part"
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(out / observed)  # last: whoever finds it has everything


def _samples(request: dict[str, Any], child: Any) -> list[tuple[str, Any]]:
    return [
        (one["id"], child.samples.Stored(one["kind"], Path(one["path"]).read_bytes(), one["name"]))
        for one in request["samples"]
    ]


def _runner(request: dict[str, Any], child: Any) -> Any:
    source = Path(request["source"])
    functions = child.stages.Functions(**{role: _entry(name, source, child) for role, name in request["entry"].items()})
    _apply(request["call"])
    settings = child.stages.Settings(
        Path(request["model"]), Path(request["scratch"]), request["call"]["seeds"], request["call"]["copies"], source
    )
    return child.stages.Runner(functions, settings)


def _entry(name: str, source: Path, child: Any) -> Any:
    """Import ``module:qualified.name``."""
    try:
        module, _, within = name.partition(":")
        found: Any = importlib.import_module(module)
        for part in within.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise child.stages.Failed(
            {
                "stage": "import",
                "sample": None,
                "type": type(error).__name__,
                "message": child.stages.message_of(error),
                "where": child.stages.place_of(error, source) or name,
            }
        ) from error
    return found


def _apply(call: dict[str, Any]) -> None:
    """Set threads and flags of torch, if it was imported; other libraries follow the environment."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    if call["threads"]:
        torch.set_num_threads(call["threads"])
    flags = call["flags"]
    for name, setter in _SETTERS.items():
        if flags.get(f"torch.{name}") is not None:
            setter(torch, flags[f"torch.{name}"])


# Flags of the fingerprint that code sets for a whole process, to what sets them.
_SETTERS: dict[str, Any] = {
    "get_default_dtype": lambda torch, value: torch.set_default_dtype(getattr(torch, value.rpartition(".")[2])),
    "get_float32_matmul_precision": lambda torch, value: torch.set_float32_matmul_precision(value),
    "are_deterministic_algorithms_enabled": lambda torch, value: torch.use_deterministic_algorithms(value == "True"),
    "is_deterministic_algorithms_warn_only_enabled": lambda torch, value: torch.use_deterministic_algorithms(
        torch.are_deterministic_algorithms_enabled(), warn_only=value == "True"
    ),
    "backends.cudnn.benchmark": lambda torch, value: setattr(torch.backends.cudnn, "benchmark", value == "True"),
    "backends.cudnn.deterministic": lambda torch, value: setattr(
        torch.backends.cudnn, "deterministic", value == "True"
    ),
}


def _package(name: str, folder: Path) -> Any:
    """Import a folder as a package under a name of our own, which no other package has."""
    package = _module(name, folder / "__init__.py", [str(folder)])
    for part in ("values", "samples", "stages", "forms"):
        importlib.import_module(f"{name}.{part}")
    return package


def _module(name: str, file: Path, below: list[str] | None = None) -> Any:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=below)
    module = importlib.util.module_from_spec(spec) if spec else None
    if spec is None or spec.loader is None or module is None:
        raise ImportError(f"{file.name} is no Python file")
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def only_packages(source: str, sycee: str | None) -> None:
    """Leave the standard library and installed packages on ``sys.path``, and put the frozen source first.

    What editable installations and the working folder would add is no part of a version.

    Args:
        source: The folder of the frozen source.
        sycee: The folder in which the sycee that replays is found, if it is not installed here: a frozen training
            script imports it.
    """
    installed = {*site.getsitepackages(), *(sysconfig.get_path(name) for name in ("purelib", "platlib"))}
    library = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    kept = tuple(f"{os.path.realpath(path)}{os.sep}" for path in installed | library)
    zipped = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    sys.path[:] = [
        path for path in sys.path if f"{os.path.realpath(path)}{os.sep}".startswith(kept) or Path(path).name == zipped
    ]
    sys.path.insert(0, source)
    sys.meta_path[:] = [one for one in sys.meta_path if not _module_of(one).startswith("__editable__")]
    if sycee:
        sys.meta_path.append(_Offered("sycee", sycee))
    sys.dont_write_bytecode = True


def _module_of(finder: object) -> str:
    return str(getattr(finder, "__module__", "") or getattr(type(finder), "__module__", ""))


class _Offered:
    """Finds one package in one folder, after all other finders have not."""

    def __init__(self, name: str, folder: str) -> None:
        self._name, self._folder = name, folder

    def find_spec(self, name: str, _path: object = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where the package is, if this is its name."""
        return PathFinder.find_spec(name, [self._folder]) if name == self._name else None


def keep_bytecode(environment: str) -> None:
    """Let the packages of an environment have their bytecode in it, and nothing else have any anywhere."""
    below = os.path.realpath(environment) + os.sep

    def finder(folder: str) -> FileFinder:
        if not os.path.realpath(folder).startswith(below):
            raise ImportError("not of this environment")
        return FileFinder(
            folder,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_Keeping, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()


class _Keeping(SourceFileLoader):
    """Writes bytecode, although it is switched off."""

    def get_code(self, fullname: str) -> CodeType | None:
        sys.dont_write_bytecode = False
        try:
            return super().get_code(fullname)
        finally:
            sys.dont_write_bytecode = True


def cut_off() -> str:
    """Take the network away from this process and those that it starts.

    Returns:
        ``none`` where the system gave the process a network of its own, without any device; ``blocked`` where only
        this Python refuses to connect.
    """
    sys.addaudithook(_refuse)
    user, group = os.getuid(), os.getgid()  # in the new namespace they are unknown
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NAMESPACES):
            return "blocked"
    except (OSError, AttributeError):  # not Linux
        return "blocked"
    _keep_identity(user, group)
    return "none"


def _keep_identity(user: int, group: int) -> None:
    """Let this process have in its own namespace the numbers it had outside; without them it still runs."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            Path("/proc/self", name).write_text(text, encoding="ascii")
        except OSError:
            return


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.bind"} and args[0].family == getattr(socket, "AF_UNIX", None):
        return
    if event in _OUTWARD:
        raise PermissionError(f"a replay has no network ({event}): give what is needed as a file of the model")


_OUTWARD = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


def _die_with_parent() -> None:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # not Linux: the parent kills us when it can
        return


def packages() -> dict[str, str]:
    """Return every installed distribution's normalised name and version."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(_normal(name), distribution.version)
    return found


def loaded() -> list[str] | None:
    """Return the normalised names of the distributions of which something was imported; None if Python cannot say."""
    owners: Any = getattr(metadata, "packages_distributions", None)  # Python 3.10
    if owners is None:
        return None
    tops = {name.partition(".")[0] for name in sys.modules}
    return sorted({_normal(name) for top, names in owners().items() if top in tops for name in names})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1])
