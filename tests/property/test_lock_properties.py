"""Locks of any content: what is written is read back, and what is spoilt is refused or still only pins."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sycee.errors import FormatError
from sycee.formats import pylock, requirements
from sycee.formats.pylock import File, Machine, Package, Pylock
from sycee.formats.requirements import Requirement

SPEC = Path(__file__).parents[2] / "docs/spec"
LOCK = re.search(r"```text\n(.*?)```", (SPEC / "requirements-lock.md").read_text(), re.DOTALL)[1].encode()
PYLOCK = re.search(r"```toml\n(.*?)```", (SPEC / "pylock.md").read_text(), re.DOTALL)[1].encode()

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(\+[a-z0-9]+)?", fullmatch=True)
SHA256 = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
HASHES = st.sets(SHA256, max_size=3).map(lambda digests: tuple(sorted(digests)))
PINS = st.builds(Requirement, NAMES, VERSIONS, st.just(""), st.just(""), HASHES)
ORIGINS = st.sampled_from(["editable", "vcs", "local"])
ELSEWHERE = st.builds(Requirement, NAMES, VERSIONS, ORIGINS, st.sampled_from(["", "c"]), st.just(()))
FILES = st.tuples(NAMES, VERSIONS, SHA256, st.none() | st.integers(0, 2**40), st.booleans())
ODD = st.builds(Requirement, st.text(), st.text(), st.sampled_from(["", "vcs"]), st.text(), st.just(()))
SPOILING = st.sampled_from([*b"\n\r \\-=#:/@+\"'[]{}\0\xff", *b"ai09"]).map(lambda byte: bytes([byte]))


def spoilt(data, position, byte, replaced):
    at = position % len(data)
    return data[:at] + byte + data[at + replaced :]


@given(st.lists(PINS | ELSEWHERE, max_size=6, unique_by=lambda one: one.name))
def test_a_lock_is_read_as_it_was_meant(found):
    lock = requirements.parse(requirements.render(found))
    assert list(lock.requirements) == sorted(found)
    assert requirements.render(lock.requirements) == requirements.render(found)
    shown = requirements.versions(requirements.render(found))
    assert {name: version.partition(" ")[0] for name, version in shown.items()} == {
        one.name: one.version for one in found
    }


@given(st.lists(ODD, max_size=4))
def test_metadata_of_any_kind_gives_lines_of_one_kind(found):
    for line in requirements.render(found).decode().splitlines():
        assert not line.startswith(("-", " ", "/", "."))
        assert "://" not in line


@given(st.integers(0), SPOILING, st.integers(0, 2))
def test_a_spoilt_lock_has_only_pins(position, byte, replaced):
    try:
        found = requirements.parse(spoilt(LOCK, position, byte, replaced))
    except FormatError:
        return
    for one in found.indexed:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", f"{one.name}=={one.version}")
        assert not one.name.startswith("-")


@given(st.integers(0), SPOILING, st.integers(0, 2))
def test_a_spoilt_pylock_has_only_names_of_files(position, byte, replaced):
    try:
        found = pylock.parse(spoilt(PYLOCK, position, byte, replaced))
    except FormatError:
        return
    assert all("/" not in file.name for package in found.packages for file in package.files)
    assert pylock.parse(pylock.render(found)) == found


@given(st.lists(FILES, max_size=5, unique_by=lambda one: one[0]))
def test_a_pylock_is_read_as_it_was_meant(entries):
    packages = tuple(
        Package(name, version, (File(f"{name.replace('-', '_')}-{version}-py3-none-any.whl", sha256, size),), imported)
        for name, version, sha256, size, imported in sorted(entries)
    )
    lock = Pylock(Machine("3.12.1", "linux", "aarch64"), packages)
    assert pylock.parse(pylock.render(lock)) == lock
