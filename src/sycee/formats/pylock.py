"""``context/pylock.toml``: the installed packages by the names of their files, as the standard lock (PEP 751).

Every file is ``wheels/NAME`` beside the lock, with size and sha256: whoever lays the files there can install without
an index. There is no address, no index, and no path of a machine. Specification: docs/spec/pylock.md.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from sycee.digest import is_hex
from sycee.errors import Fault, FormatError
from sycee.formats.requirements import normal_name
from sycee.formats.strictjson import Reader

FOLDER = "wheels"  # beside the lock
MAX_BYTES = 16 << 20
_CREATOR = "sycee"

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}\.(?:whl|tar\.gz|zip)")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_SHA256 = re.compile("[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_PYTHON = re.compile(r"[0-9]+(\.[0-9]+)+[A-Za-z0-9]*\+?")
_MARKER = re.compile(
    r"sys_platform == '(?P<system>[a-z0-9]+)' and platform_machine == '(?P<machine>[A-Za-z0-9_]+)'"
    r" and platform_python_implementation == '(?P<implementation>[A-Za-z]+)'"
)


class File(NamedTuple):
    """A wheel or a source archive.

    Attributes:
        name: ``numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl``.
        sha256: 64 hex digits.
        size: In bytes, if known.
    """

    name: str
    sha256: str
    size: int | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it can be installed without being built."""
        return self.name.endswith(".whl")


class Package(NamedTuple):
    """One distribution.

    Attributes:
        name: In its normal form.
        version: With its local label.
        files: What it can be installed from; empty when not known.
        imported: Whether the process that froze had imported it.
        installer: What had installed it (``pip``), if it said so.
        record: sha256 of what it consists of (see the specification); taken where no file is known.
    """

    name: str
    version: str
    files: tuple[File, ...] = ()
    imported: bool = False
    installer: str = ""
    record: str = ""


class Machine(NamedTuple):
    """What a lock is for.

    Attributes:
        python: The full version of Python.
        system: ``sys.platform``: ``linux``.
        machine: ``platform.machine()``: ``x86_64``.
        implementation: ``CPython``.
    """

    python: str
    system: str
    machine: str
    implementation: str = "CPython"


class Pylock(NamedTuple):
    """All packages of an environment that an index can give back.

    Attributes:
        machine: Where they were installed.
        packages: Sorted by name; those of which no file is known among them.
    """

    machine: Machine
    packages: tuple[Package, ...]


def render(lock: Pylock) -> bytes:
    """Return the text of ``pylock.toml``.

    Raises:
        FormatError: If a value would not be read back.
    """
    ordered = lock._replace(packages=_ordered(lock.packages))
    names = {package.name for package in ordered.packages}
    here = ordered.machine
    if not (
        len(names) == len(ordered.packages)
        and all(map(_is_sound, ordered.packages))
        and _PYTHON.fullmatch(here.python)
        and _MARKER.fullmatch(_marker(here))
    ):
        raise FormatError("pylock.toml would not be read as it was meant")
    return "".join(f"{line}\n" for line in _lines(ordered)).encode()


def _is_sound(package: Package) -> bool:
    """Tell whether every text is of a form that needs no escape and is read back."""
    words = (package.name, package.installer or "x")
    return (
        all(map(_WORD.fullmatch, words))
        and _VERSION.fullmatch(package.version) is not None
        and package.name == normal_name(package.name)
        and _SHA256.fullmatch(package.record or "0" * 64) is not None
        and all(is_file_of(package.name, file) for file in package.files)
    )


def is_file_of(name: str, file: File) -> bool:
    """Tell whether a file is named after its package, as all but archives of checkouts are.

    Args:
        name: The package's, in its normal form.
        file: The file.
    """
    named = FILE_NAME.fullmatch(file.name) is not None and normal_name(file.name).startswith(name)
    return named and _SHA256.fullmatch(file.sha256) is not None and (file.size or 0) >= 0


def _ordered(packages: Iterable[Package]) -> tuple[Package, ...]:
    sorted_files = (package._replace(files=_by_name(package.files)) for package in packages)
    return tuple(sorted(sorted_files, key=lambda package: package.name))


def _by_name(files: Iterable[File]) -> tuple[File, ...]:
    return tuple(sorted(files, key=lambda file: file.name))


def _lines(lock: Pylock) -> Iterator[str]:
    here = lock.machine
    yield 'lock-version = "1.0"'
    yield f'environments = ["{_marker(here)}"]'
    yield f'requires-python = "=={_minor(here.python)}.*"'
    yield f'created-by = "{_CREATOR}"'
    if not any(package.files for package in lock.packages):
        yield "packages = []"
    for package in lock.packages:
        if package.files:
            yield from _package(package)
    yield from ("", "[tool.sycee]", f'python = "{here.python}"')
    for package in lock.packages:
        if not package.files:
            yield from ("", "[[tool.sycee.unhashed]]", *_name(package), *_facts(package))


def _marker(here: Machine) -> str:
    system, machine = f"sys_platform == '{here.system}'", f"platform_machine == '{here.machine}'"
    return f"{system} and {machine} and platform_python_implementation == '{here.implementation}'"


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _package(package: Package) -> Iterator[str]:
    yield from ("", "[[packages]]", *_name(package))
    yield from (f"sdist = {_file(file)}" for file in package.files if not file.is_wheel)
    if wheels := [_file(file) for file in package.files if file.is_wheel]:
        yield f"wheels = [{', '.join(wheels)}]"
    if facts := [*_facts(package)]:
        yield from ("", "[packages.tool.sycee]", *facts)


def _name(package: Package) -> Iterator[str]:
    yield from (f'name = "{package.name}"', f'version = "{package.version}"')


def _file(file: File) -> str:
    size = "" if file.size is None else f"size = {file.size}, "
    return f'{{ path = "{FOLDER}/{file.name}", {size}hashes = {{ sha256 = "{file.sha256}" }} }}'


def _facts(package: Package) -> Iterator[str]:
    if package.imported:
        yield "imported = true"
    yield from (f'{key} = "{value}"' for key in ("installer", "record") if (value := getattr(package, key)))


def parse(data: bytes, name: str = "pylock.toml") -> Pylock:
    """Return what a lock that sycee wrote says, strictly.

    PEP 751 allows much more: addresses, checkouts, folders, indexes, absolute paths. A lock that comes with a model
    must not say where packages come from, so all of that is refused.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault.
    """
    value = _toml(data, name)
    reader = Reader(name)
    top = ("lock-version", "environments", "requires-python", "created-by", "packages", "tool")
    reader.mapping(value, "$", required=top, optional=())
    _exactly(value.get("lock-version"), "$.lock-version", "1.0", reader)
    _exactly(value.get("created-by"), "$.created-by", _CREATOR, reader)
    tool = reader.mapping(value.get("tool"), "$.tool", required=("sycee",), optional=())
    own = reader.mapping(tool.get("sycee"), "$.tool.sycee", required=("python",), optional=("unhashed",))
    machine = _machine(value, own, reader)
    packages = [
        *_packages(value.get("packages"), "$.packages", reader, hashed=True),
        *_packages(own.get("unhashed", []), "$.tool.sycee.unhashed", reader, hashed=False),
    ]
    if len({package.name for package in packages}) < len(packages):
        reader.fault("$.packages", "has a name twice")
    reader.finish()
    return Pylock(machine, _ordered(packages))


def _toml(data: bytes, name: str) -> Mapping[str, Any]:
    if len(data) > MAX_BYTES:
        raise FormatError(f"{name} is larger than {MAX_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise FormatError(f"{name} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise FormatError(f"{name} is not TOML: {error}", faults=[Fault("$", str(error))]) from None


def _machine(value: Mapping[str, Any], own: Mapping[str, Any], reader: Reader) -> Machine:
    python = _matching(own.get("python"), "$.tool.sycee.python", _PYTHON, reader)
    _exactly(value.get("requires-python"), "$.requires-python", f"=={_minor(python)}.*", reader)
    markers = reader.array(value.get("environments"), "$.environments")
    found = _MARKER.fullmatch(markers[0]) if len(markers) == 1 and isinstance(markers[0], str) else None
    if found is None:
        reader.fault("$.environments", "must be one marker of system, machine and implementation")
        return Machine(python, "", "")
    return Machine(python, **found.groupdict())


def _exactly(value: object, path: str, expected: str, reader: Reader) -> None:
    if reader.text(value, path) != expected:
        reader.fault(path, f"must be {expected!r}")


def _packages(value: object, path: str, reader: Reader, *, hashed: bool) -> Iterable[Package]:
    for index, entry in enumerate(reader.array(value, path)):
        yield _read_package(entry, f"{path}[{index}]", reader, hashed=hashed)


_FACTS = ("imported", "installer", "record")


def _read_package(value: object, path: str, reader: Reader, *, hashed: bool) -> Package:
    optional = ("sdist", "wheels", "tool") if hashed else _FACTS
    entry = reader.mapping(value, path, required=("name", "version"), optional=optional)
    facts, where = entry, path
    if hashed:
        tool = reader.mapping(entry.get("tool", {}), f"{path}.tool", optional=("sycee",))
        where = f"{path}.tool.sycee"
        facts = reader.mapping(tool.get("sycee", {}), where, optional=_FACTS)
    package = Package(
        name=_matching(entry.get("name"), f"{path}.name", _WORD, reader),
        version=_matching(entry.get("version"), f"{path}.version", _VERSION, reader),
        files=_files(entry, path, reader) if hashed else (),
        imported=_imported(facts.get("imported", False), f"{where}.imported", reader),
        installer=_optional(facts.get("installer"), f"{where}.installer", _WORD, reader),
        record=_optional(facts.get("record"), f"{where}.record", _SHA256, reader),
    )
    if package.name != normal_name(package.name):
        reader.fault(f"{path}.name", "is not in its normal form")
    if foreign := [file.name for file in package.files if not normal_name(file.name).startswith(package.name)]:
        reader.fault(path, f"has {foreign[0]!r}, a file of another package")
    return package


def _imported(value: object, path: str, reader: Reader) -> bool:
    if not isinstance(value, bool):
        reader.fault(path, "must be true or false")
    return value is True


def _files(entry: Mapping[str, Any], path: str, reader: Reader) -> tuple[File, ...]:
    wheels = reader.array(entry.get("wheels", []), f"{path}.wheels")
    found = [_read_file(item, f"{path}.wheels[{index}]", reader) for index, item in enumerate(wheels)]
    if faulty := [file.name for file in found if not file.is_wheel]:
        reader.fault(f"{path}.wheels", f"has {faulty[0]!r}, which is no wheel")
    if "sdist" in entry:
        found.append(_read_file(entry["sdist"], f"{path}.sdist", reader))
    if not found:
        reader.fault(path, "has no file")
    return _by_name(found)


def _read_file(value: object, path: str, reader: Reader) -> File:
    entry = reader.mapping(value, path, required=("path", "hashes"), optional=("size",))
    place = reader.text(entry.get("path"), f"{path}.path")
    folder, _, name = place.rpartition("/")
    if folder != FOLDER or not FILE_NAME.fullmatch(name):
        reader.fault(f"{path}.path", f"must be {FOLDER}/ and the name of a file")
    hashes = reader.mapping(entry.get("hashes"), f"{path}.hashes", required=("sha256",), optional=())
    size = entry.get("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        reader.fault(f"{path}.size", "must be a number of bytes")
        size = None
    return File(name, _matching(hashes.get("sha256"), f"{path}.hashes.sha256", _SHA256, reader), size)


def _optional(value: object, path: str, form: re.Pattern[str], reader: Reader) -> str:
    return "" if value is None else _matching(value, path, form, reader)


def _matching(value: object, path: str, form: re.Pattern[str], reader: Reader) -> str:
    text = reader.text(value, path)
    if not form.fullmatch(text):
        reader.fault(path, "is malformed")
    return text


def foreign_files(data: bytes, name: str) -> Mapping[tuple[str, str], Sequence[File]]:
    """Return the files of each package of any lock, without the addresses it gives for them; what is odd is left out.

    Args:
        data: The lock, as ``uv pip compile --format pylock.toml`` writes it.
        name: What it is, for messages.

    Returns:
        Normal name and version to its files.

    Raises:
        FormatError: If it is not TOML.
    """
    found: dict[tuple[str, str], Sequence[File]] = {}
    for entry in _dicts(_toml(data, name).get("packages")):
        items = (*_dicts(entry.get("wheels")), *_dicts([entry.get("sdist")]))
        files = [file for item in items if (file := _foreign(item))]
        found[normal_name(str(entry.get("name"))), str(entry.get("version"))] = files
    return found


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _foreign(entry: Mapping[str, Any]) -> File | None:
    place = str(entry.get("name") or entry.get("path") or entry.get("url") or "")
    name = unquote(place.partition("#")[0].partition("?")[0].replace("\\", "/").rpartition("/")[2])
    hashes = entry.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not FILE_NAME.fullmatch(name) or not isinstance(sha256, str) or not is_hex(sha256, "sha256"):
        return None
    size = entry.get("size")
    return File(name, sha256, size if isinstance(size, int) else None)
