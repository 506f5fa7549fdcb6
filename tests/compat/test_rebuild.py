"""Environments made again from a lock, by the real uv, of wheels that are made here."""

import json
import os
import platform
import subprocess
import sys
import types
from importlib.metadata import PathDistribution

import pytest

from rigs.wheels import install, make_wheel, sha256
from sycee.capture import packages
from sycee.errors import CannotRebuild, CannotRun
from sycee.formats import pylock, requirements
from sycee.formats.pylock import File, Machine, Package, Pylock
from sycee.formats.requirements import Requirement
from sycee.replay import rebuild as module
from sycee.replay.rebuild import Options, rebuild

pytestmark = pytest.mark.slow

PYTHON = platform.python_version()
HERE = Machine(PYTHON, sys.platform, platform.machine(), platform.python_implementation())


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of wheels that the user has configured, and a place for environments."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    return types.SimpleNamespace(wheels=wheels, place=tmp_path / "environments", path=tmp_path)


def locked(*wheels, **versions):
    """Return a lock with the digests of wheels, and with versions without a digest."""
    pins = [Requirement(*wheel.name.split("-")[:2], hashes=(sha256(wheel),)) for wheel in wheels]
    return requirements.render([*pins, *(Requirement(name, version) for name, version in versions.items())])


def made(house, lock, described=None, python=PYTHON, **options):
    data = pylock.render(Pylock(HERE, described)) if described else None
    return rebuild(lock, data, python, house.place, Options(os.environ, **options))


def imported(rebuilt, name):
    code = f"import {name}; print({name}.VERSION)"
    done = subprocess.run([rebuilt.python, "-I", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def refused(house, lock, described=None, python=PYTHON, **options):
    with pytest.raises(CannotRebuild) as caught:
        made(house, lock, described, python, **options)
    assert isinstance(caught.value, CannotRun)
    assert caught.value.hint
    assert not list(house.place.iterdir() if house.place.exists() else ())
    return caught.value


def test_an_environment_is_made_once_and_checked_before_it_is_used_again(house, monkeypatch):
    a, b = make_wheel(house.wheels, "a", "1.0"), make_wheel(house.wheels, "b", "2.0+cpu")
    make_wheel(house.wheels, "a", "9.0")
    first = made(house, locked(a, b))
    assert (imported(first, "a"), imported(first, "b"), first.notes) == ("1.0", "2.0+cpu", ())
    assert imported(first, "sycee") is None
    calls = []
    monkeypatch.setattr(module, "_make", lambda *given: calls.append(given))
    assert made(house, locked(a, b)) == first
    assert calls == []
    monkeypatch.undo()
    monkeypatch.setenv("UV_FIND_LINKS", str(house.wheels))
    next(first.python.parents[1].glob("lib/*/site-packages/a-1.0.dist-info")).rename(house.path / "gone")
    assert imported(made(house, locked(a, b)), "a") == "1.0"
    assert [path.name for path in house.place.iterdir()] == [first.python.parents[1].name]


def test_another_lock_is_another_environment_and_some_packages_are_enough(house):
    a, b = make_wheel(house.wheels, "a", "1.0"), make_wheel(house.wheels, "b", "1.0")
    make_wheel(house.wheels, "a", "2.0")
    lock = locked(a, b)
    assert imported(made(house, requirements.with_versions(lock, {"a": "2.0"})), "a") == "2.0"
    few = made(house, lock, only={"A"})
    assert (imported(few, "a"), imported(few, "b")) == ("1.0", None)


def test_wheels_that_the_version_carries_are_beside_those_of_the_user(house):
    a, b = make_wheel(house.path / "carried", "a", "1.0"), make_wheel(house.wheels, "b", "1.0")
    rebuilt = made(house, locked(a, b), wheels=house.path / "carried")
    assert (imported(rebuilt, "a"), imported(rebuilt, "b")) == ("1.0", "1.0")


def test_a_file_that_is_not_the_frozen_one_is_refused(house):
    frozen = make_wheel(house.path, "a", "1.0")
    make_wheel(house.wheels, "a", "1.0", code="import os\n")
    error = refused(house, locked(frozen))
    assert error.message == "a==1.0: the file that is to be had under this name is not the one that was frozen"
    refused(house, requirements.with_versions(locked(frozen), {"b": "1"}))


def test_a_local_version_that_is_nowhere_becomes_the_public_one_and_that_is_said(house):
    frozen = make_wheel(house.path, "tool", "1.0+cpu")
    other = make_wheel(house.wheels, "other", "1.0")
    make_wheel(house.wheels, "tool", "1.0")
    rebuilt = made(house, locked(frozen, other))
    assert imported(rebuilt, "tool") == "1.0"
    assert rebuilt.notes == ("tool==1.0+cpu is not to be had here: tool==1.0 stands in for it, which is another build",)
    assert made(house, locked(frozen, other)).notes == rebuilt.notes


@pytest.mark.parametrize("version", ["1.0", "1.0+cpu"])
def test_a_package_that_is_nowhere_is_named(house, version):
    error = refused(house, locked(make_wheel(house.path, "tool", version), make_wheel(house.wheels, "b", "1")))
    assert error.message == "tool==1.0 is on no index that is configured here"
    assert error.details["package"] == "tool==1.0"


def test_a_wheel_for_another_machine(house):
    error = refused(house, locked(make_wheel(house.wheels, "tool", "1.0", tag="cp311-cp311-win_amd64")))
    assert error.message == "tool==1.0 has no wheel for this machine and this Python"


def test_a_lock_for_another_machine(house):
    wheel = make_wheel(house.wheels, "a", "1.0")
    data = pylock.render(Pylock(Machine(PYTHON, "darwin", "arm64"), ()))
    with pytest.raises(CannotRebuild, match="were frozen on darwin arm64, and this is linux"):
        rebuild(locked(wheel), data, PYTHON, house.place, Options(os.environ))


def test_nothing_is_built_from_source(house):
    (house.wheels / "tool-1.0.tar.gz").write_bytes(b"no archive")
    tool = Package("tool", "1.0", (File("tool-1.0.tar.gz", "a" * 64),), imported=True)
    lock = requirements.render([Requirement("tool", "1.0", hashes=("a" * 64,))])
    assert refused(house, lock, (tool,)).message.startswith("tool==1.0 has no wheel for this machine")
    rebuilt = made(house, lock, (tool._replace(imported=False),))
    assert rebuilt.notes[0].startswith("not installed: tool==1.0; there is only source")


def test_what_no_index_can_give_back_is_left_out_and_said(house):
    mine = Requirement("mine", "0.1", "editable")
    lock = requirements.render([mine, Requirement("tools", "1", "vcs", "c" * 40)])
    note = "not installed: mine==0.1 (editable), tools==1 (vcs); what the version needs of them is in its source"
    assert made(house, lock).notes == (note,)


def test_without_digests_the_files_are_compared_with_those_that_were_frozen(house):
    make_wheel(house.wheels, "a", "1.0")
    site = house.path / "site"
    install(make_wheel(house.path, "a", "1.0", code="changed = True\n"), site)
    install(make_wheel(house.wheels, "b", "1.0"), site)
    notes = {path.name[0]: PathDistribution(path) for path in site.glob("*.dist-info")}
    known = tuple(Package(name, "1.0", record=packages.record(found)) for name, found in sorted(notes.items()))
    assert made(house, locked(a="1.0", b="1.0"), known).notes == (
        "no digest was frozen of a==1.0, b==1.0: the same version may be another file",
        "a==1.0 has other files here than when the model was frozen, under the same version",
    )


def test_another_python_of_the_same_minor_version_stands_in_and_that_is_said(house, monkeypatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    version = f"{sys.version_info.major}.{sys.version_info.minor}.99"
    rebuilt = made(house, b"", python=version)
    assert rebuilt.notes[0].startswith(f"Python {version} is not to be had here: {sys.version_info.major}.")
    error = refused(types.SimpleNamespace(place=house.path / "none"), b"", python="3.99.1")
    assert error.message.startswith("Python 3.99.1 is not to be had here, nor another 3.99: ")


@pytest.mark.parametrize("python", ["", "3.11", "-c x", "/bin/sh", "../python", "3.11.7 --pre", "python@3.11.7"])
def test_what_is_no_version_of_python(house, python):
    assert refused(house, b"", python=python).message == f"{python!r} is no version of Python"


@pytest.mark.parametrize(
    "lock",
    [
        b"\x00\xff",
        b"--index-url https://a.example/simple\na==1.0\n",
        b"a==1.0 --index-url=https://a.example/simple\n",
        b"a @ https://a.example/a-1.0-py3-none-any.whl\n",
        b"../a-1.0-py3-none-any.whl\n",
        b"-e /tmp/a\n",
        b"-r /etc/passwd\n",
    ],
)
def test_a_lock_that_says_where_packages_come_from_is_refused(house, lock):
    assert "is no" in refused(house, lock).message


def test_a_pylock_that_is_none_is_refused(house):
    text = pylock.render(Pylock(HERE, ())).replace(b"[tool.sycee]", b'[tool.sycee]\nurl = "https://a.example"')
    with pytest.raises(CannotRebuild, match=r"pylock.toml is malformed: .*url"):
        rebuild(b"", text, PYTHON, house.place, Options(os.environ))


def test_offline(house, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    error = refused(house, locked(make_wheel(house.path, "tool", "1.0")))
    assert error.message == "tool==1.0 is not in uv's cache, and no index was reached"
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://user:secret@127.0.0.1:9/simple")
    error = refused(house, locked(make_wheel(house.path, "tool", "1.0")))
    assert error.message == "tool==1.0 is not in uv's cache, and no index was reached"
    assert "secret" not in json.dumps([error.message, error.hint, dict(error.details)])


def test_without_uv(house, monkeypatch):
    monkeypatch.setattr(module, "find_uv", lambda environ: None)
    assert refused(house, b"").hint == "pip install 'sycee[replay]'"


def test_the_folder_it_runs_in_has_no_say(house, monkeypatch):
    clone = house.path / "clone"
    clone.mkdir()
    (clone / "uv.toml").write_text('find-links = ["evil"]\n')
    (clone / "pyproject.toml").write_text("[tool.uv]\nno-index = false\n")
    make_wheel(clone / "evil", "tool", "1.0")
    monkeypatch.chdir(clone)
    assert refused(house, locked(tool="1.0")).message == "tool==1.0 is on no index that is configured here"


def test_packages_of_the_real_index(house, monkeypatch):
    for name in ("UV_OFFLINE", "PIP_NO_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    rebuilt = made(house, locked(six="1.16.0"))
    assert rebuilt.notes == ("no digest was frozen of six==1.16.0: the same version may be another file",)
    assert list(rebuilt.python.parents[1].glob("lib/*/site-packages/six-1.16.0.dist-info"))
