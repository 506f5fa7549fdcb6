"""The lock of the running environment: digests from the user's indexes, asked once, and never a reason to fail."""

import json
import os
import sys
import types

import pytest

from rigs.wheels import install, make_wheel, sha256
from sycee.capture import indexes, lock, packages
from sycee.capture.indexes import Found, Memory
from sycee.formats import pylock, requirements
from sycee.formats.pylock import File
from sycee.formats.requirements import Requirement
from sycee.system import uv
from sycee.system.pipsettings import pip_settings
from sycee.system.uv import Answer, Uv

TODAY = "2026-11-23"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of wheels that the user's pip looks into, and nothing else, beside an empty environment."""
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    wheels.mkdir()
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{wheels} {tmp_path / 'absent'}")
    return types.SimpleNamespace(wheels=wheels, site=site, path=tmp_path)


@pytest.fixture
def asked(monkeypatch):
    """What uv was asked for, call by call."""
    calls = []
    run = Uv.run

    def noting(self, *arguments, stdin=b"", patience):
        calls.append(stdin.decode().split())
        return run(self, *arguments, stdin=stdin, patience=patience)

    monkeypatch.setattr(Uv, "run", noting)
    return calls


def finish(environ=None):
    locks = lock.begin(os.environ if environ is None else environ, TODAY).finish()
    return requirements.parse(locks.lock), pylock.parse(locks.pylock), locks.warnings


def test_digests_come_from_the_users_indexes_and_are_remembered(house, asked):
    six = make_wheel(house.wheels, "six", "1.0")
    tool = make_wheel(house.wheels, "tool", "2.0+cpu")
    for wheel in (six, tool):
        install(wheel, house.site)
    for _ in range(2):
        found, described, warnings = finish()
        assert warnings == ()
        assert found.fully_hashed
        assert [(one.pin, one.hashes) for one in found.requirements] == [
            ("six==1.0", (sha256(six),)),
            ("tool==2.0+cpu", (sha256(tool),)),
        ]
        assert [package.files[0].name for package in described.packages] == [six.name, tool.name]
        assert {package.installer for package in described.packages} == {"pip"}
    assert asked == [["six==1.0", "tool==2.0+cpu"]]


def test_one_package_that_no_index_has_costs_the_others_nothing(house, asked):
    for name in ("a", "b", "c", "d", "e", "f"):
        wheel = make_wheel(house.wheels, name, "1.0")
        install(wheel, house.site)
        if name in "bcdef":
            wheel.unlink()
    found, described, warnings = finish()
    assert [one.pin for one in found.requirements if one.hashes] == ["a==1.0"]
    assert warnings == ("no index has b==1.0, c==1.0, d==1.0, e==1.0 and 1 more: recorded without a digest",)
    assert all(len(package.record) == 64 for package in described.packages if not package.files)
    assert len(asked) <= 6
    asked.clear()
    assert finish()[2] == warnings
    assert asked == []  # today; tomorrow it is asked again
    make_wheel(house.wheels, "b", "1.0")
    locks = lock.begin(os.environ, "2026-11-24").finish()
    assert [one.pin for one in requirements.parse(locks.lock).requirements if one.hashes] == ["a==1.0", "b==1.0"]


def test_the_digest_is_that_of_the_wheel_that_is_installed(house):
    made = [make_wheel(house.wheels, "six", "1.0", tag=tag) for tag in ("py2.py3-none-any", "py3-none-any")]
    install(made[1], house.site)
    assert finish()[0].requirements[0].hashes == (sha256(made[1]),)


def test_a_package_that_was_built_here_gets_the_wheels_that_would_be_installed(house):
    install(make_wheel(house.path, "six", "1.0", tag="cp311-cp311-linux_x86_64"), house.site)
    wheel = make_wheel(house.wheels, "six", "1.0")
    assert finish()[0].requirements[0].hashes == (sha256(wheel),)


def test_a_file_that_was_installed_by_its_path_is_known_by_the_installers_note(house, asked):
    url = {"url": "file:///home/me/six-1.0%2Bcpu-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "a" * 64}}}
    install(make_wheel(house.path, "six", "1.0+cpu"), house.site, direct_url=url)
    found, described, _warnings = finish()
    assert found.requirements == (Requirement("six", "1.0+cpu", hashes=("a" * 64,)),)
    assert described.packages[0].files == (File("six-1.0+cpu-py3-none-any.whl", "a" * 64),)
    assert asked == []


def test_the_archive_of_a_checkout_is_no_file_of_an_index(house):
    url = {"url": "https://a.example/me/six/archive/main.zip", "archive_info": {"hash": f"sha256={'a' * 64}"}}
    install(make_wheel(house.path, "six", "1.0"), house.site, direct_url=url)
    found, described, warnings = finish()
    assert found.requirements == (Requirement("six", "1.0", "local"),)
    assert (described.packages, warnings) == ((), ())


def test_what_no_index_can_give_back_is_not_asked_for(house, asked):
    wheel = make_wheel(house.path, "six", "1.0")
    install(wheel, house.site, direct_url={"url": "file:///w", "dir_info": {"editable": True}})
    found, described, warnings = finish()
    assert found.requirements == (Requirement("six", "1.0", "editable"),)
    assert (described.packages, warnings, asked) == ((), (), [])


def test_told_to_be_offline_it_asks_nothing_and_the_versions_are_recorded(house, asked, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    install(make_wheel(house.wheels, "six", "1.0"), house.site)
    found, described, warnings = finish()
    assert found.requirements == (Requirement("six", "1.0"),)
    assert described.packages[0].record
    assert (warnings, asked) == ((), [])


def test_an_index_that_does_not_answer(house, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    install(make_wheel(house.path, "six", "1.0"), house.site)
    locks = lock.begin(os.environ, TODAY).finish()
    assert locks.warnings == ("no index was reached: 1 of 1 packages are recorded without a digest",)
    assert not any(word in locks.lock + locks.pylock for word in (b"secret", b"127.0.0.1", b"simple"))


def test_without_uv(house, monkeypatch):
    monkeypatch.setattr(lock, "find_uv", lambda environ: None)
    install(make_wheel(house.wheels, "six", "1.0"), house.site)
    assert finish()[2] == (lock.NO_UV,)


def test_a_slow_index_is_waited_for_but_not_for_ever(house, monkeypatch):
    monkeypatch.setattr(indexes, "PATIENCE", 0.05)
    monkeypatch.setattr(Uv, "run", lambda self, *arguments, stdin, patience: Answer(None, b"", "too slow"))
    install(make_wheel(house.wheels, "six", "1.0"), house.site)
    assert finish()[2] == ("no index was reached: 1 of 1 packages are recorded without a digest",)


@pytest.mark.parametrize("answer", [b"", b"\xff", b"packages = 3", b"[[packages]]\nname = 'six'\nversion = '1.0'"])
def test_an_odd_answer_gives_no_digest(house, monkeypatch, answer):
    monkeypatch.setattr(Uv, "run", lambda self, *arguments, stdin, patience: Answer(0, answer, ""))
    install(make_wheel(house.wheels, "six", "1.0"), house.site)
    found, _described, warnings = finish()
    assert found.requirements == (Requirement("six", "1.0"),)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"files": {"six==1.0": 3}, "unknown": {}}',
        '{"files": {"six==1.0": [["../six.whl", "x", 1]]}, "unknown": {}}',
        json.dumps({"files": {"six==1.0": [["six.whl", "a" * 64, -1]]}, "unknown": {}}),
        json.dumps({"files": {"six==1.0": [[3, "a" * 64]]}, "unknown": {}}),
    ],
)
def test_a_damaged_memory_is_none(tmp_path, text):
    memory = Memory(tmp_path / "m.json", TODAY)
    memory.path.write_text(text)
    assert memory.read() == Found({})
    memory.add(Found({"six==1.0": (File("six.whl", "a" * 64),)}, frozenset({"x==1"})))
    assert memory.read() == Found({"six==1.0": (File("six.whl", "a" * 64),)}, frozenset({"x==1"}))
    assert Memory(memory.path, "2026-11-24").read().unknown == frozenset()


def test_a_memory_that_cannot_be_written_is_no_harm(tmp_path):
    (tmp_path / "file").touch()
    Memory(tmp_path / "file" / "m.json", TODAY).add(Found({}))


def test_broken_metadata_is_no_option_of_uv_and_costs_the_others_nothing(house, asked):
    install(make_wheel(house.wheels, "six", "1.0"), house.site)
    install(make_wheel(house.path, "odd", "1.0"), house.site)
    broken = house.site / "odd-1.0.dist-info/METADATA"
    for name, version in (("--index-url=https://a.example", "1"), ("odd", "1 --pre"), ("a b", "1"), ("odd", "")):
        broken.write_text(f"Name: {name}\nVersion: {version}\n")
        locks = lock.begin(os.environ, TODAY).finish()
        assert requirements.versions(locks.lock)["six"] == "1.0"
        assert [package.name for package in pylock.parse(locks.pylock).packages] == ["six"]
    assert asked == [["six==1.0"]]


def test_what_is_imported_is_told_by_its_files(house):
    install(make_wheel(house.path, "six", "1.0"), house.site)
    install(make_wheel(house.path, "tool", "1.0"), house.site)
    module = types.ModuleType("six")
    module.__file__ = str(house.site / "six.py")
    import importlib.metadata

    found = {one.name: one for one in importlib.metadata.distributions()}
    assert packages.imported(found, {"six": module, "json": json}) == {"six"}
    assert packages.imported(found, {"six": types.ModuleType("six")}) == set()


def test_the_same_wheel_has_the_same_record_wherever_it_is_installed(house, monkeypatch):
    import importlib.metadata

    wheel = make_wheel(house.path, "six", "1.0")
    install(wheel, house.site)
    first = packages.record(importlib.metadata.distribution("six"))
    text = house.site / "six-1.0.dist-info" / "RECORD"
    text.write_text(
        f"six-1.0.dist-info/INSTALLER,sha256=x,4\n__pycache__/six.pyc,sha256=y,1\n../bin/six,sha256=z,2\n{text.read_text()}"
    )
    assert packages.record(importlib.metadata.distribution("six")) == first
    text.write_text(text.read_text().replace("six.py,sha256=", "six.py,sha256=0"))
    assert packages.record(importlib.metadata.distribution("six")) != first


def test_the_tags_of_a_file_name():
    assert packages.tags_of(File("a-1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "")) == {
        "cp311-cp311-manylinux_2_27_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
    }
    assert packages.tags_of(File("a-1-1build-py2.py3-none-any.whl", "")) == {"py2-none-any", "py3-none-any"}
    assert packages.tags_of(File("a.whl", "")) == frozenset()


def test_pips_settings(tmp_path):
    home = tmp_path / "home"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".pip").mkdir()
    (home / ".pip/pip.conf").write_text("[global]\nindex-url = https://old.example/simple\ncert = /c.pem\n")
    (home / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\nfind-links =\n  one\n  two\n"
        "[install]\nextra-index-url = https://%20b.example\n[list]\nindex-url = x\n"
    )
    environ = {"HOME": str(home), "XDG_CONFIG_DIRS": str(tmp_path / "etc"), "PIP_EXTRA_INDEX_URL": "https://c.example"}
    assert pip_settings(environ) == {
        "index-url": "https://a.example/simple",
        "extra-index-url": "https://c.example",
        "find-links": "one two",
        "cert": "/c.pem",
    }
    assert pip_settings({**environ, "PIP_CONFIG_FILE": os.devnull}) == {"extra-index-url": "https://c.example"}
    (home / ".config/pip/pip.conf").write_bytes(b"no [ini \xff")
    assert pip_settings(environ)["index-url"] == "https://old.example/simple"


def test_uv_gets_the_users_sources_and_nothing_that_changes_what_is_installed(tmp_path):
    environ = {
        "PATH": "/bin",
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://pip.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://more.example/simple",
        "PIP_FIND_LINKS": f"{tmp_path} /absent https://links.example",
        "PIP_NO_INDEX": "true",
        "PIP_CERT": "/c.pem",
        "UV_DEFAULT_INDEX": "https://uv.example/simple",
        "UV_INDEX_HOUSE_PASSWORD": "secret",
        "UV_CONSTRAINT": "/c.txt",
        "UV_OVERRIDE": "/o.txt",
        "UV_EXCLUDE_NEWER": "2020-01-01",
        "VIRTUAL_ENV": "/v",
        "PYTHONPATH": "/p",
        "LD_PRELOAD": "/l.so",
        "https_proxy": "http://proxy.example",
    }
    found = uv.find_uv(environ)
    assert found.indexes == ("--no-index",)
    assert found.environ == {
        "PATH": "/bin",
        "HOME": str(tmp_path),
        "UV_DEFAULT_INDEX": "https://uv.example/simple",
        "UV_INDEX": "https://more.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INDEX_HOUSE_PASSWORD": "secret",
        "UV_FIND_LINKS": f"{tmp_path},https://links.example",
        "SSL_CERT_FILE": "/c.pem",
        "https_proxy": "http://proxy.example",
    }


def test_a_uv_that_does_not_start(tmp_path):
    answer = Uv(str(tmp_path / "absent"), {}).run("--version", patience=1)
    assert (answer.code, answer.words, answer.is_offline) == (2, "No such file or directory", False)
