"""What the files of a model say of it, and how little a broken one can do."""

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from rigs.signed import sign_folder
from rigs.tensors import onnx_model, safetensors, tensor, torch_file
from sycee.capture.facts import NO_FACTS, base_facts, model_facts, public_name, signed_identity
from sycee.digest import sha256_hex
from sycee.formats import tensorheader
from sycee.ops.freeze import freeze
from sycee.system.git import Git


def put(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())


def facts(folder, files, weights=None):
    warnings = []
    put(folder, files)
    names = [name for name in files if not name.endswith(".json")] if weights is None else weights
    return model_facts(folder, names, warnings.append), warnings


SMALL = {"w": ("F32", [2, 3], 24), "b": ("BF16", [3], 6), "n": ("I64", [], 8)}
COUNTS = {"parameters": 10, "dtype": {"bfloat16": 3, "float32": 6, "int64": 1}}


def test_a_folder_of_transformers(tmp_path):
    config = {"architectures": ["BertForTokenClassification"], "model_type": "bert", "_name_or_path": "/home/me/x"}
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    found, warnings = facts(
        tmp_path, {"config.json": config, "model.safetensors": safetensors(SMALL, metadata={"format": "pt"})}
    )
    words = {"architecture": "BertForTokenClassification", "family": "bert", "quantization": "gptq 4-bit"}
    assert found.model == {**words, **COUNTS}
    assert found.base_model == {}
    assert warnings == []


def test_shards_are_one_model_and_forms_are_not(tmp_path):
    shards = {f"model-{n}.safetensors": safetensors({f"w{n}": ("F16", [4], 8)}) for n in (1, 2)}
    assert facts(tmp_path / "a", shards)[0].model == {"parameters": 8, "dtype": {"float16": 8}}
    forms = {name: safetensors(SMALL) for name in ("model.safetensors", "model.fp16.safetensors")}
    assert facts(tmp_path / "b", forms)[0].model == {}
    parts = {f"{part}/model.safetensors": safetensors(SMALL) for part in ("unet", "vae")}
    assert facts(tmp_path / "c", parts)[0].model["parameters"] == 20


def test_a_state_dict_of_torch_with_tied_weights(tmp_path):
    state = {"w": tensor((2, 3)), "tied": tensor((2, 3)), "n": tensor((), "Long", "1")}
    found, warnings = facts(tmp_path, {"model.pt": torch_file(state)})
    assert found.model == {"parameters": 7, "dtype": {"float32": 6, "int64": 1}}
    assert warnings == []


def test_a_model_of_onnx(tmp_path):
    found, _ = facts(tmp_path, {"model.onnx": onnx_model()})
    assert found.model == {"parameters": 9, "dtype": {"float32": 6, "int64": 3}}


def test_a_model_of_onnx_that_is_too_large_to_be_read_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr("sycee.capture.facts.MAX_ONNX", 10)
    assert facts(tmp_path, {"model.onnx": onnx_model()})[0].model == {}


def test_an_adapter_names_its_base_model_without_a_path_of_this_machine(tmp_path):
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "revision": "abc"}
    found, _ = facts(tmp_path, {"adapter_config.json": adapter, "adapter_model.safetensors": safetensors(SMALL)})
    assert found.model == {"architecture": "LORA", **COUNTS}
    assert found.base_model == {"name": "org/base", "revision": "abc", "relation": "adapter"}
    names = {"bert": "bert", "/home/me/models/bert-x": "bert-x", "C:\\models\\bert": "bert", "../base/": "base"}
    assert {text: public_name(text) for text in names} == names
    assert [public_name(text) for text in ("", "/", None, 7, "a\nb", "x" * 201)] == [None] * 6


def test_a_model_of_keras_and_one_of_diffusers(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional"}))
    assert facts(tmp_path / "a", {"model.keras": file.getvalue()})[0].model == {"architecture": "Functional"}
    pipeline = {"model_index.json": {"_class_name": "DDPMPipeline"}}
    assert facts(tmp_path / "b", pipeline)[0].model == {"architecture": "DDPMPipeline"}


GOOD = safetensors(SMALL)
BROKEN = {
    "empty": (b"", "header is cut off"),
    "cut-off-header": (GOOD[:20], "header is cut off"),
    "cut-off-numbers": (GOOD[:-1], "its tensors take 38 bytes, it has 37"),
    "bytes-behind": (GOOD + b"x", "its tensors take 38 bytes, it has 39"),
    "header-too-long": (b"\xff" * 8 + b"{}", "header is cut off or too long"),
    "no-json": (b"\x02" + bytes(7) + b"{x", "is not strict JSON"),
    "a-list": (b"\x02" + bytes(7) + b"[]", "is not an object"),
    "tensor-a-number": (b"\x07" + bytes(7) + b'{"w":1}', "describes the tensor 'w' wrongly"),
    "unknown-type": (safetensors({"w": ("F7", [2], 2)}), "or in an unknown type"),
    "wrong-size": (safetensors({"w": ("F32", [2], 4)}), "describes the tensor 'w' wrongly"),
    "negative": (safetensors({"w": ("F32", [-2, -2], 16)}), "describes the tensor 'w' wrongly"),
    "shape-boolean": (safetensors({"w": ("F32", [True], 4)}), "describes the tensor 'w' wrongly"),
    "gap": (GOOD.replace(b"[24, 30]", b"[25, 31]"), "overlap, or leave a gap"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_safetensors_file_is_told_and_counts_nothing(tmp_path, case):
    data, words = BROKEN[case]
    found, warnings = facts(tmp_path, {"model.safetensors": data})
    assert found.model == {}
    assert len(warnings) == 1
    assert words in warnings[0]


OTHERS = {
    "none": {},
    "no-archive": {"model.pt": b"weights"},
    "another-archive": {"model.pt": torch_file({"w": 1}, "a/other.pkl")},
    "no-state-dict": {"model.pt": torch_file({"w": 1})},
    "cut-off": {"model.pt": torch_file({"w": tensor((2,))})[:-30]},
    "onnx-without-graph": {"model.onnx": b"\x08\x08"},
    "onnx-cut-off": {"model.onnx": onnx_model()[:-1]},
    "onnx-twice": {"model.onnx": onnx_model(), "model_int8.onnx": onnx_model()},
    "onnx-garbage": {"model.onnx": b"\x3f\xff\xff"},
    "onnx-empty": {"model.onnx": b""},
    "keras-broken": {"model.keras": b"PK\x03\x04"},
    "config-of-others": {"config.json": {"architectures": "Bert", "model_type": 7, "quantization_config": []}},
    "config-a-list": {"config.json": []},
    "config-long-text": {"config.json": {"model_type": "x" * 201}},
    "adapter-empty": {"adapter_config.json": {"base_model_name_or_path": None, "peft_type": None}},
    "one-of-two-unknown": {"a.pt": torch_file({"w": tensor((2,))}), "b.pt": b"weights"},
    "nothing-counted": {"model.safetensors": safetensors({})},
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_says_nothing_is_passed_over(tmp_path, case):
    found, warnings = facts(tmp_path, OTHERS[case])
    assert (dict(found.model), dict(found.base_model), warnings) == ({}, {}, [])


def test_a_broken_configuration_is_told(tmp_path):
    assert "config.json is not strict JSON" in facts(tmp_path, {"config.json": b"{"})[1][0]


def test_a_member_that_unpacks_to_more_than_it_may_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("sycee.capture.facts.MAX_PICKLE", 10)
    assert facts(tmp_path, {"model.pt": torch_file({"w": tensor((2,))})})[0].model == {}


def test_a_header_that_is_longer_than_any_model_needs_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("sycee.capture.facts.MAX_HEADER", 10)
    assert facts(tmp_path, {"model.safetensors": GOOD}) == (NO_FACTS, [])


def test_a_special_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    assert facts(tmp_path, {})[0].model == {}


def test_every_type_has_a_name_of_its_own():
    names = [name for name, _bits in tensorheader.DTYPES.values()]
    assert len(set(names)) == len(names)


def frozen_card(folder, **options):
    return freeze(folder, task="t", **options).card.values


def test_the_card_tells_facts_and_what_a_person_gave_wins(tmp_path):
    folder = tmp_path / "m"
    put(folder, {"model.safetensors": GOOD, "config.json": {"model_type": "bert", "architectures": ["Bert"]}})
    model = frozen_card(folder, extra={"model": {"family": "roberta"}})["model"]
    assert [*model] == ["format", "architecture", "family", "parameters", "dtype", "files"]
    assert (model["family"], model["architecture"], model["parameters"]) == ("roberta", "Bert", 10)


def test_what_a_person_wrote_of_the_base_model_stays_while_it_is_the_same(tmp_path):
    folder = tmp_path / "m"
    put(folder, {"a.safetensors": GOOD, "adapter_config.json": {"base_model_name_or_path": "org/base"}})
    given = {"base_model": {"name": "org/base", "sha256": "0" * 64, "relation": "finetune"}, "supersedes": "m@1.0.0"}
    assert frozen_card(folder, extra={"lineage": given})["lineage"] == given
    kept = {"name": "org/base", "sha256": "0" * 64, "relation": "adapter"}
    assert frozen_card(folder)["lineage"] == {"base_model": kept, "supersedes": "m@1.0.0"}
    put(folder, {"adapter_config.json": {"base_model_name_or_path": "org/other"}})
    assert frozen_card(folder)["lineage"]["base_model"] == {"name": "org/other", "relation": "adapter"}


def test_a_lineage_of_nothing_or_of_nonsense_costs_no_training(tmp_path):
    put(tmp_path / "m", {"model.pt": b"w"})
    assert "lineage" not in frozen_card(tmp_path / "m", extra={"lineage": {}})
    nonsense = frozen_card(tmp_path / "m", extra={"lineage": "of kings"})
    assert "lineage" not in nonsense
    assert any("'lineage' is left out" in warning for warning in nonsense["warnings"])


def test_a_freeze_that_was_killed_has_the_same_parent(tmp_path):
    git = Git(tmp_path)
    git.run("init", "-q")
    folder = tmp_path / "m"
    put(folder, {"model.pt": b"one"})
    freeze(folder, task="t")
    sign_folder(folder)
    git.run("add", "-A")
    git.run("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "signed")
    parent = f"sycee:{sha256_hex((folder / 'SHA256SUMS').read_bytes())}"
    for signature in ("SHA256SUMS", "model.sig"):  # put aside; then the power went
        (folder / signature).unlink()
    assert frozen_card(folder)["lineage"] == {"parent_version": parent}
    put(folder, {"model_card.yaml": (folder / "model_card.yaml").read_bytes().replace(b"lineage", b"x_lineage")})
    assert "lineage" not in frozen_card(folder)  # that card was no signed one


def test_the_signed_version_that_was_here_is_the_parent(tmp_path):
    folder = tmp_path / "m"
    put(folder, {"model.pt": b"one"})
    freeze(folder, task="t")
    sign_folder(folder)
    parent = f"sycee:{sha256_hex((folder / 'SHA256SUMS').read_bytes())}"
    assert frozen_card(folder)["lineage"] == {"parent_version": parent}
    assert frozen_card(folder)["lineage"] == {"parent_version": parent}  # the version in between was never signed
    sign_folder(folder)
    put(folder, {"model_card.yaml": (folder / "model_card.yaml").read_bytes() + b"x_mine: 1\n"})
    assert frozen_card(folder)["lineage"] == {"parent_version": parent}  # what was signed was not what is here
    (folder / "SHA256SUMS").write_bytes(b"nonsense")
    (folder / "model.sig").write_bytes(b"nonsense")
    assert signed_identity(folder) is None


def test_a_base_model_that_was_frozen_here_is_named_by_its_card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "models/base", {"model.pt": b"one"})
    freeze("models/base", task="t", name="org/base", license="Apache-2.0")
    found = base_facts("models/base", "finetune")
    assert found == ({}, {"name": "org/base", "relation": "finetune"}, "Apache-2.0")
    sign_folder(tmp_path / "models/base")
    identity = sha256_hex(Path("models/base/SHA256SUMS").read_bytes())
    adapter = {"adapter_config.json": {"base_model_name_or_path": str(tmp_path / "models/base")}}
    put(tmp_path / "m", {"a.safetensors": GOOD, **adapter})
    values = frozen_card(tmp_path / "m")
    assert values["lineage"]["base_model"] == {"name": "org/base", "relation": "adapter", "sha256": identity}
    assert "no licence is given; that of the base model org/base is Apache-2.0" in values["warnings"]
    assert not any("licence" in warning for warning in frozen_card(tmp_path / "m", license="MIT")["warnings"])


@pytest.mark.parametrize("name", ["org/base", "bert", "no/such\0name", "x" * 300, "", None, 7])
def test_a_base_model_that_is_not_here(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, {"bert/model_card.yaml": b"nonsense: ["})
    assert base_facts(name, "finetune").base_model.get("sha256") is None


def test_a_revision_is_told(tmp_path):
    assert base_facts("org/b", "finetune", "abc").base_model == {
        "name": "org/b",
        "revision": "abc",
        "relation": "finetune",
    }
