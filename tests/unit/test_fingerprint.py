"""``context/fingerprint.json``: one text for one set of facts, read strictly."""

import json
import re
from pathlib import Path

import pytest

from sycee.errors import FormatError
from sycee.formats import fingerprint
from sycee.formats.fingerprint import AREAS, Fingerprint

PAGE = (Path(__file__).parents[2] / "docs/spec/fingerprint.md").read_text()
EXAMPLE = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].encode()
EMPTY = {"version": 1, **{area: {} for area in AREAS}}


def text(**changes) -> bytes:
    value = {key: item for key, item in {**EMPTY, **changes}.items() if item is not ...}
    return f"{json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode()


def test_example_of_the_specification():
    found = fingerprint.parse(EXAMPLE, "fingerprint.json")
    assert fingerprint.render(found) == EXAMPLE
    assert found.facts["cpu"]["torch.capability"] == "AVX512"
    assert found.facts["gpu"] == {}
    assert f"device class is `{fingerprint.device_class(found)}`" in PAGE
    assert f"its key is `{fingerprint.key(found)}`" in PAGE


def test_the_page_names_every_area():
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == AREAS


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not strict JSON"),
        (b"[]\n", "must be an object"),
        (b"\xff", "not strict JSON"),
        (text(version=2), "$.version: must be 1, not 2"),
        (text(version=True), "$.version: must be 1, not true"),
        (text(version=...), "$.version: is missing"),
        (text(cpu=...), "$.cpu: is missing"),
        (text(host={}), "$.host: is not a member this format knows"),
        (text(cpu=[]), "$.cpu: must be an object, not an array"),
        (text(threads={"cores": 2}), "$.threads.cores: must be a string, not a number"),
        (text(cpu={"model": ""}), "$.cpu.model: is empty"),
        (text(cpu={"model": "a\nb"}), "$.cpu.model: is not one line"),
        (text(cpu={"model": "a\u2028b"}), "$.cpu.model: is not one line"),
        (text(cpu={"model": "x" * 1001}), "$.cpu.model: is not one line of at most 1000"),
        (text(cpu={"": "x"}), "$.cpu: '' is not the name of a fact"),
        (text(cpu={"a b": "x"}), "$.cpu: 'a b' is not the name of a fact"),
        (text(cpu={"a" * 201: "x"}), "is not the name of a fact"),
        (text().replace(b'"version": 1', b'"version": 1,\n  "version": 1'), "the member 'version' is there twice"),
        (text()[:-1], "canonical form"),
        (json.dumps(EMPTY).encode(), "canonical form"),
        (text(cpu={"model": "\xe9"}).replace("\xe9".encode(), b"\\u00e9"), "canonical form"),
        (text(cpu={"model": "?"}).replace(b"?", b"\\ud800"), "is not valid Unicode"),
        (b" " * (fingerprint.MAX_SIZE + 1), "longer than"),
    ],
)
def test_what_is_refused(data, fault):
    with pytest.raises(FormatError) as error:
        fingerprint.parse(data, "fingerprint.json")
    assert fault in error.value.message
    assert "fingerprint.json" in error.value.message


def test_all_faults_are_told_at_once():
    with pytest.raises(FormatError) as error:
        fingerprint.parse(text(cpu={"model": ""}, gpu=3, env=...), "f")
    assert {fault.path for fault in error.value.faults} == {"$.cpu.model", "$.gpu", "$.env"}


@pytest.mark.parametrize("size", [1, 1000])
def test_texts_at_the_limits_pass(size):
    data = text(cpu={"a" * 200: "\xe9" * size})
    assert fingerprint.render(fingerprint.parse(data, "f")) == data


def of(**areas) -> Fingerprint:
    return fingerprint.read({**EMPTY, **areas}, "facts")


@pytest.mark.parametrize(
    ("areas", "is_other"),
    [
        ({}, False),
        ({"env": {"LANG": "C"}}, False),
        ({"env": {"LC_ALL": "C"}}, False),
        ({"env": {"TZ": "UTC"}}, False),
        ({"env": {"PYTHONHASHSEED": "1"}}, False),
        ({"env": {"TOKENIZERS_PARALLELISM": "false"}}, False),
        ({"env": {"KMP_DUPLICATE_LIB_OK": "True", "KMP_INIT_AT_FORK": "FALSE"}}, False),  # as scikit-learn sets them
        ({"env": {"CUDA_MODULE_LOADING": "LAZY"}}, False),  # as torch sets it
        ({"env": {"KMP_DETERMINISTIC_REDUCTION": "1"}}, True),
        ({"python": {"build": "main", "compiler": "GCC", "encoding": "ascii"}}, False),
        ({"flag": {"sys.flags.utf8_mode": "1"}}, False),
        ({"blas": {"numpy.openblas.file": "libopenblas.so"}}, False),
        ({"blas": {"numpy.openblas.kernel": "Zen"}}, True),
        ({"env": {"OMP_NUM_THREADS": "1"}}, True),
        ({"env": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}, True),
        ({"python": {"libc": "glibc 2.36"}}, True),
        ({"package": {"numpy": "2.0"}}, True),
        ({"cpu": {"isa": "avx"}}, True),
        ({"gpu": {"driver": "550.54"}}, True),
        ({"threads": {"cores": "2"}}, True),
        ({"flag": {"torch.is_grad_enabled": "True"}}, True),
        ({"build": {"torch.onednn": "3.12.0"}}, True),
    ],
)
def test_the_key_is_over_what_decides(areas, is_other):
    assert (fingerprint.key(of(**areas)) != fingerprint.key(of())) is is_other


def test_the_page_names_every_variable_that_does_not_decide():
    listed = PAGE.partition("Every fact decides except:")[2].partition("\n## ")[0]
    names = [name.replace("*", "X") for name in re.findall(r"`([A-Z]+(?:_[A-Z*_]+)?)`", listed)]
    assert len(names) == 28
    assert not [name for name in names if fingerprint.decides("env", name)]
    assert fingerprint.decides("env", "OMP_NUM_THREADS")


def test_the_key_does_not_depend_on_the_order_of_facts():
    one, two = of(cpu={"isa": "avx", "machine": "x86_64"}), of(cpu={"machine": "x86_64", "isa": "avx"})
    assert fingerprint.key(one) == fingerprint.key(two)


def test_the_device_class():
    assert fingerprint.device_class(of()) == "cpu unknown"
    assert fingerprint.device_class(of(cpu={"machine": "aarch64"}, gpu={"driver": "550.54"})) == "cpu aarch64"
    assert fingerprint.device_class(of(gpu={"devices": "NVIDIA A10 (8.6)"})) == "cuda NVIDIA A10 (8.6)"
