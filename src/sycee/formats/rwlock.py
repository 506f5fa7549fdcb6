"""``.dvc/tmp/rwlock``: which commands of DVC and sycee read or write which paths at this moment.

    {"write": {"/abs/path": {"pid": 4711, "cmd": "dvc repro"}}, "read": {"/abs/path": [{"pid": 4712, "cmd": "…"}]}}

Either member may be missing. The format is DVC's; what it would refuse is refused here too.
"""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from sycee.formats import strictjson
from sycee.formats.strictjson import Reader

MAX_BYTES = 1 << 24


class Process(NamedTuple):
    """A command at work.

    Attributes:
        pid: Its process id.
        command: What was typed.
    """

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


@dataclass(slots=True)
class Table:
    """Who works on what.

    Attributes:
        write: The one writer of a path.
        read: The readers of a path.
    """

    write: dict[str, Process] = field(default_factory=dict)
    read: dict[str, list[Process]] = field(default_factory=dict)

    def drop(self, path: str, process: Process) -> None:
        """Remove what a process has at a path, if it is still there."""
        if self.write.get(path) == process:
            del self.write[path]
        readers = [one for one in self.read.pop(path, []) if one != process]
        if readers:
            self.read[path] = readers


def parse(data: bytes, name: str) -> Table:
    """Parse the file. An empty one, as DVC leaves it when it is killed at the wrong moment, names nobody.

    Raises:
        FormatError: If it is not of this format.
    """
    if not data.strip(b"\0 \r\n\t"):
        return Table()
    reader = Reader(name)
    top = reader.mapping(strictjson.parse(data, name), "$", optional=("write", "read"))
    write = reader.mapping(top.get("write", {}), "$.write")
    read = reader.mapping(top.get("read", {}), "$.read")
    table = Table(
        {path: _process(reader, value, f"$.write[{index}]") for index, (path, value) in enumerate(write.items())},
        {
            path: [_process(reader, value, f"$.read[{index}]") for value in reader.array(values, f"$.read[{index}]")]
            for index, (path, values) in enumerate(read.items())
        },
    )
    reader.finish()
    return table


def _process(reader: Reader, value: object, path: str) -> Process:
    members = reader.mapping(value, path, required=("pid", "cmd"), optional=())
    pid, command = members.get("pid"), members.get("cmd")
    if "pid" in members and type(pid) is not int:
        reader.fault(f"{path}.pid", "must be an integer")
    if "cmd" in members and not isinstance(command, str):
        reader.fault(f"{path}.cmd", "must be a string")
    return Process(pid if isinstance(pid, int) else 0, command if isinstance(command, str) else "")


def render(table: Table) -> bytes:
    """Return the bytes of the file, as Python's ``json`` writes them for DVC."""
    write = {path: _members(process) for path, process in table.write.items()}
    read = {path: [_members(process) for process in processes] for path, processes in table.read.items()}
    return json.dumps({"write": write, "read": read}).encode()


def _members(process: Process) -> dict[str, object]:
    return {"pid": process.pid, "cmd": process.command}
