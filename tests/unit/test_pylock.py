"""``pylock.toml``: the standard lock, with files beside it and no address."""

import re
from pathlib import Path

import pytest

from sycee.errors import FormatError
from sycee.formats import pylock
from sycee.formats.pylock import File, Machine, Package, Pylock

PAGE = (Path(__file__).parents[2] / "docs/spec/pylock.md").read_text()
EXAMPLE = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1].encode()
SIX = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
TORCH = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
RECORD = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LOCK = Pylock(
    Machine("3.11.7", "linux", "x86_64"),
    (
        Package("of-the-house", "0.3", record=RECORD),
        Package("six", "1.17.0", (File("six-1.17.0-py2.py3-none-any.whl", SIX, 11050),), installer="pip"),
        Package(
            "torch",
            "2.13.0+cpu",
            (File("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", TORCH),),
            imported=True,
            installer="uv",
        ),
    ),
)


def test_example_of_the_specification():
    assert pylock.render(LOCK) == EXAMPLE
    assert pylock.parse(EXAMPLE) == LOCK
    assert pylock.render(LOCK._replace(packages=LOCK.packages[::-1])) == EXAMPLE


def test_the_packaging_library_reads_it():
    import tomllib

    from packaging.pylock import Pylock as Standard

    standard = Standard.from_dict(tomllib.loads(EXAMPLE.decode()))
    assert [package.name for package in standard.packages] == ["six", "torch"]
    assert standard.packages[0].wheels[0].path == "wheels/six-1.17.0-py2.py3-none-any.whl"
    assert str(standard.requires_python) == "==3.11.*"


def test_a_lock_without_files():
    empty = Pylock(LOCK.machine, (Package("six", "1.0"),))
    assert b"\npackages = []\n" in pylock.render(empty)
    assert pylock.parse(pylock.render(empty)) == empty


def test_a_source_archive():
    built = Pylock(LOCK.machine, (Package("antlr4", "4.9", (File("antlr4-4.9.tar.gz", SIX, 7),)),))
    assert b'\nsdist = { path = "wheels/antlr4-4.9.tar.gz", size = 7, hashes' in pylock.render(built)
    assert pylock.parse(pylock.render(built)) == built


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('path = "wheels/six', 'path = "/tmp/six', "$.packages[0].wheels[0].path: must be wheels/"),
        ('path = "wheels/six', 'path = "wheels/../six', "$.packages[0].wheels[0].path: must be wheels/"),
        ('path = "wheels/six', 'path = "../wheels/six', "$.packages[0].wheels[0].path: must be wheels/"),
        ('path = "wheels/six', 'path = "wheels\\\\..\\\\six', "$.packages[0].wheels[0].path: must be wheels/"),
        ('path = "wheels/six', 'path = "file:///wheels/six', "$.packages[0].wheels[0].path: must be wheels/"),
        ('path = "wheels/six', 'url = "https://a.example/six', "$.packages[0].wheels[0].path: is missing"),
        ("size = 11050,", 'url = "https://a.example/six.whl",', "$.packages[0].wheels[0].url: is not a member"),
        ("size = 11050,", "size = -1,", "$.packages[0].wheels[0].size: must be a number"),
        ("size = 11050,", "size = true,", "$.packages[0].wheels[0].size: must be a number"),
        (f'sha256 = "{SIX}"', f'sha256 = "{SIX[1:]}"', "$.packages[0].wheels[0].hashes.sha256: is malformed"),
        (f'sha256 = "{SIX}"', f'md5 = "{SIX[:32]}"', "$.packages[0].wheels[0].hashes.sha256: is missing"),
        ("py2.py3-none-any.whl", "py2.py3-none-any.exe", "must be wheels/ and the name of a file"),
        ("py2.py3-none-any.whl", "1.tar.gz", "which is no wheel"),
        ('version = "1.17.0"', 'version = "1.17.0"\nindex = "https://a.example/simple"', "[0].index: is not a member"),
        ('version = "1.17.0"', 'version = "1.17.0"\nvcs = { type = "git" }', "$.packages[0].vcs: is not a member"),
        ('version = "1.17.0"', 'version = "1.17.0"\ndirectory = { path = "." }', "[0].directory: is not a member"),
        ('version = "1.17.0"', 'version = "1 --pre"', "$.packages[0].version: is malformed"),
        ('version = "1.17.0"', "version = 1979-05-27", "$.packages[0].version: must be a string"),
        ('name = "six"', 'name = "Six"', "$.packages[0].name: is not in its normal form"),
        ('name = "six"', 'name = "seven"', "a file of another package"),
        ('name = "of-the-house"', 'name = "six"', "$.packages: has a name twice"),
        ('"1.0"', "1.0", "$.lock-version: must be"),
        ('"1.0"', '"2.0"', "$.lock-version: must be"),
        ('created-by = "sycee"', 'created-by = "uv"', "$.created-by: must be"),
        ('created-by = "sycee"', 'created-by = "sycee"\nextras = []', "$.extras: is not a member"),
        ("sys_platform == 'linux'", "os_name == 'posix'", "$.environments: must be one marker"),
        ('requires-python = "==3.11.*"', 'requires-python = ">=3.11"', "$.requires-python: must be"),
        ("imported = true", 'imported = "yes"', "imported: must be true or false"),
        ('installer = "pip"', 'installer = "p i p"', "installer: is malformed"),
        ('installer = "pip"', 'note = "pip"', "note: is not a member"),
        ('[tool.sycee]\npython = "3.11.7"', "[tool.uv]", "$.tool.uv: is not a member"),
        ('lock-version = "1.0"', "lock-version = ", "is not TOML"),
    ],
)
def test_refused(old, new, fault):
    text = EXAMPLE.decode()
    assert old in text
    with pytest.raises(FormatError) as caught:
        pylock.parse(text.replace(old, new, 1).encode())
    assert fault in "\n".join([caught.value.message, *map(str, caught.value.faults)])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"a = " + b"[" * 100_000, b"packages = 3", b'packages = [1]\ntool = "x"', b"#" * (16 << 20) + b"#"],
    ids=["empty", "not UTF-8", "deep", "number", "odd members", "too large"],
)
def test_garbage_is_refused(data):
    with pytest.raises(FormatError):
        pylock.parse(data)


def test_what_would_not_be_read_is_not_written():
    with pytest.raises(FormatError):
        pylock.render(LOCK._replace(packages=(Package("six", '1"\nx = 1'),)))
    with pytest.raises(FormatError):
        pylock.render(LOCK._replace(packages=(LOCK.packages[1], LOCK.packages[1])))


def test_files_of_another_tools_lock_come_without_their_addresses():
    data = f"""
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "Torch"
version = "2.13.0+cpu"
sdist = {{ url = "https://a.example/torch.tar.xz", hashes = {{ sha256 = "{SIX}" }} }}
wheels = [
  {{ url = "file:///home/me/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl#x", hashes = {{ sha256 = "{TORCH}" }} }},
  {{ url = "https://a.example/torch-1-py3-none-any.whl", size = 3, hashes = {{ md5 = "x" }} }},
  {{ url = "https://a.example/%2e%2e", hashes = {{ sha256 = "{TORCH}" }} }},
]
[[packages]]
name = "odd"
wheels = 3
""".encode()
    assert pylock.foreign_files(data, "uv's answer") == {
        ("torch", "2.13.0+cpu"): [File("torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl", TORCH)],
        ("odd", "None"): [],
    }
