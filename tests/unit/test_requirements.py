"""``requirements.lock``: digests where they are known, and no line that decides where packages come from."""

import re
from pathlib import Path

import pytest

from sycee.errors import FormatError
from sycee.formats import requirements
from sycee.formats.requirements import HEADER, Lock, Requirement

PAGE = (Path(__file__).parents[2] / "docs/spec/requirements-lock.md").read_text()
EXAMPLE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].encode()
NUMPY, TORCH = re.findall(rb"sha256:(\w{64})", EXAMPLE)
A, B = "a" * 64, "b" * 64
FOUND = [
    Requirement("torch", "2.13.0+cpu", hashes=(TORCH.decode(),)),
    Requirement("NumPy", "2.4.6", hashes=(NUMPY.decode(),)),
    Requirement("sycee", "0.1.0", "editable"),
    Requirement("antlr4_python3.runtime", "4.9.3"),
    Requirement("Typing_Tools", "1.0", "vcs", "c3499c2729730a7f807efb8676a92dcb6f8a3f8f"),
    Requirement("numpy", "1.0"),  # further down on sys.path: not the one that is imported
]


def test_example_of_the_specification():
    assert requirements.render(FOUND) == EXAMPLE
    lock = requirements.parse(EXAMPLE)
    assert requirements.render(lock.requirements) == EXAMPLE
    assert [one.pin for one in lock.indexed] == ["antlr4-python3-runtime==4.9.3", "numpy==2.4.6", "torch==2.13.0+cpu"]
    assert not lock.fully_hashed
    assert Lock(lock.requirements[1:]).fully_hashed


def test_versions_reads_every_generation():
    assert requirements.versions(EXAMPLE) == {
        "antlr4-python3-runtime": "4.9.3",
        "numpy": "2.4.6",
        "sycee": "0.1.0 (editable)",
        "torch": "2.13.0+cpu",
        "typing-tools": "1.0 (vcs c3499c2729730a7f807efb8676a92dcb6f8a3f8f)",
    }
    old = HEADER.encode() + b"numpy==2.3.1\n# editable: sycee==0.1.0\ntorch==2.13.0+cpu\n"
    assert requirements.versions(old) == {"numpy": "2.3.1", "sycee": "0.1.0 (editable)", "torch": "2.13.0+cpu"}
    assert not requirements.parse(old).fully_hashed
    assert requirements.versions(b"\xff\x00--index-url x\nnumpy>=2\n") == {}


def test_nothing_to_install_is_fully_hashed():
    assert requirements.parse(b"").fully_hashed
    assert requirements.render([]) == HEADER.encode() + b"# With digests: 0 of 0.\n"


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--extra-index-url=https://index.example/simple",
        "-i https://index.example/simple",
        "--find-links /tmp/wheels",
        "-f .",
        "--pre",
        "-r other.txt",
        "-e .",
        "./six.whl",
        "/tmp/six-1.0-py3-none-any.whl",
        "six @ https://index.example/six-1.0-py3-none-any.whl",
        "https://index.example/six-1.0-py3-none-any.whl",
        "six==1.0 --index-url https://index.example/simple",
        "six==1.0 --hash=sha256:" + A,
        "six==1.0; python_version > '3'",
        "six[extra]==1.0",
        "six===1.0",
        "six>=1.0",
        "six==1.*",
        "six",
        " six==1.0",
        "six==1.0 ",
        "six==1.0\r",
        "six==1.0\x0b--pre",
        "six==-1",
        "six=={env}",
        "${HOME}==1.0",
        "    --hash=sha256:" + A,
        "\t# comment",
        "# a comment\x0c--pre",
        "# a comment\u2028--pre",
    ],
)
def test_a_line_that_is_no_pin_is_refused(line):
    with pytest.raises(FormatError, match="is no lock: line 2: ") as caught:
        requirements.parse(f"numpy==2.3.1\n{line}\n".encode())
    assert "index.example" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("six==1.0 \\\n", "line 2: must be a digest"),
        ("six==1.0 \\", "line 1: a digest must follow"),
        ("six==1.0 \\\n--pre\n", "line 2: must be a digest"),
        (f"six==1.0 \\\n    --hash=md5:{A[:32]}\n", "line 2: must be a digest"),
        (f"six==1.0 \\\n    --hash=sha256:{A[1:]}\n", "line 2: must be a digest"),
        (f"six==1.0 \\\n    --hash=sha256:{A} --pre\n", "line 2: must be a digest"),
        (f"six==1.0 \\\n    --hash=sha256:{A} \\\nnumpy==1.0\n", "line 3: must be a digest"),
        ("six==1.0\nSix==1.1\n", "line 2: names Six again"),
        ("six==1.0\n# editable: six==1.0\n", "line 2: names six again"),
    ],
)
def test_refused(text, fault):
    with pytest.raises(FormatError) as caught:
        requirements.parse(text.encode())
    assert fault in caught.value.message


def test_every_fault_is_told():
    with pytest.raises(FormatError) as caught:
        requirements.parse(b"--pre\nsix==1.0\n-e .\n", "context/requirements.lock")
    assert [fault.path for fault in caught.value.faults] == ["line 1", "line 3"]
    assert caught.value.message.startswith("context/requirements.lock is no lock: line 1: ")


@pytest.mark.parametrize("data", [b"\xff", b"#" * (requirements.MAX_BYTES + 1)], ids=["not UTF-8", "too large"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(FormatError):
        requirements.parse(data)


def test_other_versions_have_no_digests():
    lock = requirements.render([Requirement("six", "1.0", hashes=(A,)), Requirement("idna", "3.0", hashes=(B, A))])
    changed = requirements.parse(requirements.with_versions(lock, {"SIX": "2.0+x", "attrs": "1"})).requirements
    assert changed == (
        Requirement("attrs", "1"), Requirement("idna", "3.0", hashes=(A, B)), Requirement("six", "2.0+x")
    )  # fmt: skip
    assert requirements.with_versions(lock, {"Six": "1.0"}) == lock
    with pytest.raises(FormatError, match="pins nothing"):
        requirements.with_versions(lock, {"six": "1 --pre"})


def test_some_packages_of_a_lock():
    lock = requirements.render([Requirement("six", "1.0", hashes=(A,)), Requirement("My_Tool", "3.0")])
    assert requirements.parse(requirements.selected(lock, {"my.tool", "absent"})).requirements == (
        Requirement("my-tool", "3.0"),
    )
