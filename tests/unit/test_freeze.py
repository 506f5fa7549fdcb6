"""Freezing: what is written, what is kept, what goes aside, and that no training is lost."""

import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sycee.capture import code, lock, machine, seeds
from sycee.capture.worktree import tree_in
from sycee.digest import digest_bytes, sha256_hex
from sycee.errors import UsageError
from sycee.formats import card, fingerprint, pointer
from sycee.ops.freeze import freeze
from sycee.ops.init import InitRequest, init
from sycee.system.git import Git
from sycee.workspace.repository import find_repository

NOW = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
WEIGHTS = b"weights " * 1000


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder, outside of Git."""
    for name in ("DVC_ROOT", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(seeds, "_seen", {"python": 7})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def repo(folder) -> Path:
    """A repository with one commit."""
    git = Git(folder)
    git.run("init", "-q", "-b", "main")
    git.run("config", "user.email", "ada@example.com")
    git.run("config", "user.name", "Ada")
    init(InitRequest(folder))
    git.run("commit", "-q", "-m", "begin")
    return folder


def put(path: Path, data: bytes = WEIGHTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(path: Path) -> card.Card:
    return card.parse((path / card.FILE_NAME).read_bytes())


def test_a_model_in_a_repository(repo):
    put(repo / "models/bert/model.pt")
    frozen = freeze("models/bert", task="ner", metrics={"val_f1": 0.892}, training_config={"lr": 2e-5},
                    data_version="v3", now=NOW, license="MIT")  # fmt: skip
    model = repo / "models/bert"
    written = read(model)
    digests = digest_bytes(WEIGHTS)
    assert written.values == {
        "task": "ner", "metrics": {"val_f1": 0.892}, "training_config": {"lr": 2e-5}, "data_version": "v3",
        "framework_version": written.framework_version, "schema_version": 1, "name": "bert",
        "created": "2026-01-31T12:00:00Z", "status": "complete", "license": "MIT",
        "model": {"format": "torch", "files": [{"path": "model.pt", "size": digests.size, "sha256": digests.sha256,
                                               "md5": digests.md5, "blake3": digests.blake3}]},
        "code": written.values["code"], "seeds": {"python": 7}, "environment": written.values["environment"],
        "context": written.values["context"],
    }  # fmt: skip
    assert written.values["code"]["commit"] == Git(repo).head()
    assert written.values["code"]["dirty"] is False
    locked = (model / "context/requirements.lock").read_bytes()
    bound = {entry.path: entry.sha256 for entry in written.context}
    assert bound["context/requirements.lock"] == sha256_hex(locked) == written.values["environment"]["lock_sha256"]
    assert bound["context/pylock.toml"] == written.values["environment"]["requirements_sha256"]
    assert f"pytest=={pytest.__version__}\n".encode() in locked
    assert (model / ".gitattributes").read_bytes() == b"* -text\n"
    kept = pointer.parse((model / "model.pt.dvc").read_bytes(), "p")
    assert kept.outs[0].md5 == digests.md5
    assert kept.meta["sycee"]["card"] == sha256_hex(written.raw)
    assert kept.meta["sycee"][digests.md5] == {"sha256": digests.sha256, "blake3": digests.blake3}
    assert (model / ".gitignore").read_bytes() == b"/model.pt\n"
    assert find_repository(repo, environ={}).cache.find(digests.md5)
    assert frozen.card.raw == written.raw
    assert [(file.path, file.kept) for file in frozen.files] == [("model.pt", "pointer")]
    assert {os.path.relpath(path, model) for path in frozen.changed} == {
        "model_card.yaml", "context/requirements.lock", "context/pylock.toml", "context/fingerprint.json",
        ".gitattributes", "model.pt.dvc", ".gitignore", "../../dvc.yaml",
    }  # fmt: skip
    assert (repo / "dvc.yaml").read_text() == "artifacts:\n  bert:\n    path: models/bert\n    type: model\n"
    assert "git add models/bert dvc.yaml" in frozen.hints[-1]


def test_no_name_of_the_machine_is_written(repo):
    put(repo / "m/model.pt")
    freeze("m", task="t", training_config={"n": 1})
    text = "".join(
        (repo / "m" / name).read_text()
        for name in ("model_card.yaml", "context/requirements.lock", "context/fingerprint.json")
    )
    for private in (str(repo), str(Path.home()), os.uname().nodename, "://"):
        assert private not in text


def test_the_fingerprint_of_the_machine_is_bound_by_the_card(repo, monkeypatch):
    put(repo / "m/model.pt")
    frozen = freeze("m", task="t", training_config={"n": 1})
    data = (repo / "m/context/fingerprint.json").read_bytes()
    found = fingerprint.parse(data, "fingerprint.json")
    assert found.facts["python"]["version"] == frozen.card.values["environment"]["python"]
    assert frozen.card.values["environment"]["fingerprint_sha256"] == sha256_hex(data)
    assert "accelerator" not in frozen.card.values["environment"]
    bound = {file.path: file for file in frozen.card.context}["context/fingerprint.json"]
    assert (bound.sha256, bound.size, bound.role) == (sha256_hex(data), len(data), "fingerprint")
    value = machine.collect()
    monkeypatch.setattr(machine, "collect", lambda: {**value, "gpu": {"devices": "NVIDIA A10 (8.6)"}})
    again = freeze("m", task="t", training_config={"n": 1})
    assert again.card.values["environment"]["accelerator"] == "NVIDIA A10 (8.6)"


def test_a_machine_that_cannot_be_described_costs_no_training(repo, monkeypatch):
    def broken():
        raise RuntimeError("not at /proc/9")

    put(repo / "m/model.pt")
    monkeypatch.setattr(machine, "collect", broken)
    frozen = freeze("m", task="t", training_config={"n": 1})
    assert frozen.card.values["status"] == "partial"
    told = "the fingerprint of this machine could not be captured: RuntimeError: not at <path>"
    assert told in frozen.card.values["warnings"]
    assert "fingerprint_sha256" not in frozen.card.values["environment"]
    assert not (repo / "m/context/fingerprint.json").exists()


def test_the_state_of_the_work_tree_is_frozen_with_the_model(repo):
    clean = freeze("m", task="t", weights=[put(repo / "m/model.pt")], training_config={"n": 1})
    git = Git(repo)
    assert clean.card.values["code"]["tree"] == git.run("rev-parse", "HEAD^{tree}").decode().strip()
    git.run("add", "-A")
    git.run("commit", "-qm", "first")
    put(repo / "train.py", b"lr = 1\n")
    put(repo / "notes.csv", b"1,2\n")
    put(repo / "m/extra.yaml", b"a: 1\n")
    frozen = freeze("m", task="t", training_config={"n": 2})
    patch = (repo / "m/context/work.patch").read_bytes()
    assert re.findall(rb"^diff --git a/(.*) b/", patch, re.MULTILINE) == [b"train.py"]
    assert frozen.card.values["code"]["tree"] == tree_in(patch)
    assert (
        repo / "m/context/work.left-out"
    ).read_bytes() == f"{sha256_hex(b'1,2' + bytes([10]))}  notes.csv\n".encode()
    roles = {file.path: file.role for file in frozen.card.context}
    assert (roles["context/work.patch"], roles["context/work.left-out"]) == ("patch", "patch")
    (repo / "train.py").unlink()
    again = freeze("m", task="t", training_config={"n": 3})
    assert "context/work.patch" not in {file.path for file in again.card.context}
    assert not (repo / "m/context/work.patch").exists()


def test_rules_for_other_files_do_not_keep_the_context_out_of_git(repo):
    put(repo / ".gitignore", b"*.patch\n*.json\n")
    put(repo / "train.py", b"lr = 1\n")
    frozen = freeze("m", task="t", weights=[put(repo / "m/model.pt")], training_config={"n": 1})
    bound = [f"m/{file.path}" for file in frozen.card.context]
    assert {"m/context/work.patch", "m/context/fingerprint.json"} <= set(bound)
    assert Git(repo).ignored(bound) == set()
    assert repo / "m/context/.gitignore" in frozen.changed
    put(repo / ".gitignore", b"context/\n")
    assert (
        "Git ignores m/context/fingerprint.json: take the rule away that names its folder"
        in freeze("m", task="t", training_config={"n": 1}).warnings
    )


def test_a_script_that_git_ignores_is_told(repo, monkeypatch):
    put(repo / ".gitignore", b"train.py\n")
    script = put(repo / "train.py", b"lr = 1\n")
    monkeypatch.setattr(code, "running_script", lambda: [str(script)])
    frozen = freeze("m", task="t", weights=[put(repo / "m/model.pt")], training_config={"n": 1})
    assert "Git ignores the script train.py, so neither commit nor work state holds it" in frozen.warnings


def test_a_script_that_was_called_by_a_path_with_dots_is_in_its_work_tree(repo, monkeypatch):
    put(repo / ".gitignore", b"train.py\n")
    put(repo / "train.py", b"lr = 1\n")
    put(repo / "library.py", b"scale = 2\n")
    (repo / "runs").mkdir()
    monkeypatch.chdir(repo / "runs")
    monkeypatch.setattr(code, "running_script", lambda: ["../train.py"])
    away = repo.parent / "m"
    frozen = freeze(away, task="t", weights=[put(away / "model.pt")], training_config={"n": 1})
    assert frozen.card.values["code"]["commit"] == Git(repo).head()
    assert b"scale = 2" in (away / "context/work.patch").read_bytes()
    assert "Git ignores the script train.py, so neither commit nor work state holds it" in frozen.warnings


def test_the_code_is_where_the_script_is_not_where_the_model_is(repo, tmp_path, monkeypatch):
    other = tmp_path / "code"
    script = put(other / "train.py", b"lr = 1\n")
    git = Git(other)
    git.run("init", "-q")
    git.run("add", "-A")
    git.run("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "code")
    monkeypatch.chdir(other)
    monkeypatch.setattr(code, "running_script", lambda: [str(script)])
    frozen = freeze(repo / "m", task="t", weights=[put(repo / "m/model.pt")], training_config={"n": 1})
    assert frozen.card.values["code"]["commit"] == git.head()


def test_data_is_known_by_its_pointer(repo, monkeypatch):
    from sycee.ops.add import add

    put(repo / "data/conll/train.txt", b"1")
    put(repo / "data/raw.csv", b"2")
    put(repo / "data/loose.csv", b"3")
    opened = find_repository(repo, environ={})
    add(opened, [repo / "data/conll", repo / "data/raw.csv"])
    opened.close()
    put(repo / "m/model.pt")
    monkeypatch.chdir(repo / "data")
    frozen = freeze("../m", task="t", data=["conll/train.txt", "raw.csv.dvc", "loose.csv", "/etc/hosts"])
    conll, raw, loose, far = frozen.card.values["data"]
    assert conll["path"] == "data/conll"
    assert conll["dvc"]["md5"].endswith(".dir")
    assert raw == {"path": "data/raw.csv", "dvc": {"md5": digest_bytes(b"2").md5, "size": 1}}
    assert (loose, far) == ({"path": "data/loose.csv"}, {"path": "hosts"})
    assert frozen.card.data_version == (
        f"data/conll@md5:{conll['dvc']['md5']}, data/raw.csv@md5:{raw['dvc']['md5']}, data/loose.csv, hosts"
    )
    assert "the data data/loose.csv is not tracked, so its version is not known" in frozen.warnings


def test_what_a_person_wrote_survives_and_the_rest_does_not(repo):
    put(repo / "m/model.pt")
    freeze("m", task="t", license="MIT", version="v1.0.0", metrics={"old": 1}, extra={"x_ticket": 7, "tags": ["a"]})
    path = repo / "m/model_card.yaml"
    assert read(repo / "m").version == "1.0.0"
    path.write_text(path.read_text() + "considerations:\n  limitations: [English only]\ndescription: by hand\n")
    put(repo / "m/model.pt", b"new")
    values = freeze("m", task="u", metrics={"new": 2}).card.values
    assert (values["license"], values["description"], values["tags"]) == ("MIT", "by hand", ["a"])
    assert (values["x_ticket"], values["considerations"]) == (7, {"limitations": ["English only"]})
    assert (values["task"], values["metrics"], "version" in values) == ("u", {"new": 2}, False)


def test_a_card_that_is_none_goes_aside(repo):
    put(repo / "m/model.pt")
    put(repo / "m/model_card.yaml", b"task: [\n")
    frozen = freeze("m", task="t", now=NOW)
    ((old, new),) = frozen.set_aside
    assert old == repo / "m/model_card.yaml"
    assert new == repo / ".dvc/tmp/sycee/aside/20260131T120000Z/m/model_card.yaml"
    assert new.read_bytes() == b"task: [\n"
    assert "since it was no valid card" in frozen.warnings[0]


def test_a_context_file_of_the_former_version_goes_aside(repo):
    model = repo / "model"
    put(model / "model.pt")
    put(model / "context" / "notes.txt", b"mine")
    freeze(model, task="ner")
    old = put(model / "context" / "source" / "gone.py", b"x = 1\n")
    path = model / card.FILE_NAME
    entry = {"path": "context/source/gone.py", "sha256": sha256_hex(b"x = 1\n"), "size": 6, "role": "source"}
    values = dict(read(model).values)
    path.write_bytes(card.render({**values, "context": [*values["context"], entry]}))

    frozen = freeze(model, task="ner")

    assert [before for before, _now in frozen.set_aside] == [old]
    assert frozen.set_aside[0][1].read_bytes() == b"x = 1\n"
    assert not old.exists()
    assert (model / "context" / "notes.txt").read_bytes() == b"mine"  # no card ever named it


def test_signatures_that_no_longer_hold_go_aside(repo):
    names = ["model.pt.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.sig", "shards/a.pt.sig"]
    names.append("records/0123456789abcdef.model.sig")
    for name in [*names, "records/eval.sig", "context/x.sig"]:
        put(repo / "m" / name, name.encode())
    put(repo / "m/model.pt")
    frozen = freeze("m", task="t", now=NOW)
    assert sorted(old.relative_to(repo / "m").as_posix() for old, _ in frozen.set_aside) == sorted(names)
    for old, new in frozen.set_aside:
        assert not old.exists()
        assert new.read_bytes().decode() == old.relative_to(repo / "m").as_posix()
    assert (repo / "m/records/eval.sig").exists()
    put(repo / "m/model.sig", b"again")
    ((_, again),) = freeze("m", task="t", now=NOW).set_aside
    assert (again.name, again.read_bytes()) == ("model.sig.2", b"again")


def test_outside_of_a_repository(folder):
    put(folder / "m/model.pt")
    put(folder / "m/model.sig", b"old")
    frozen = freeze("m", task="t", metrics={"f1": 1}, now=NOW)
    assert [(file.path, file.kept) for file in frozen.files] == [("model.pt", "no")]
    assert read(folder / "m").files[0].sha256 == digest_bytes(WEIGHTS).sha256
    assert set(frozen.warnings) == {
        "not in a sycee repository: the weights are not tracked",
        "neither data nor data_version was given: the version of the data is not known",
        "not in a Git repository: the version of the code is not known",
    }
    assert frozen.hints == ("track the weights: git init && sycee init, then freeze again",)
    assert not (folder / "m/model.pt.dvc").exists()
    assert frozen.set_aside == ((folder / "m/model.sig", folder / ".sycee-aside-20260131T120000Z/m/model.sig"),)


def test_weights_from_elsewhere_are_copied_in(repo, tmp_path):
    put(tmp_path / "out/model.safetensors", b"a")
    put(tmp_path / "out/config.json", b"{}")
    put(tmp_path / "out/checkpoint-1/model.safetensors", b"c")
    put(tmp_path / "one/head.pt", b"h")
    frozen = freeze("m", task="t", weights=[tmp_path / "out", "../one/head.pt"])
    assert [file.path for file in frozen.files] == ["model.safetensors", "head.pt"]
    assert (repo / "m/model.safetensors").read_bytes() == b"a"
    assert (repo / "m/config.json").read_bytes() == b"{}"
    assert frozen.left_out == ("checkpoint-1/",)
    assert (tmp_path / "one/head.pt").read_bytes() == b"h"


def test_weights_that_are_replaced_are_kept_somewhere(repo, tmp_path):
    put(repo / "m/model.pt", b"tracked")
    freeze("m", task="t")
    put(tmp_path / "new/model.pt", b"new")
    assert freeze("m", task="t", weights=tmp_path / "new/model.pt").set_aside == ()  # the cache has the old ones
    put(repo / "m/model.pt", b"unsaved")
    put(tmp_path / "new/model.pt", b"newer")
    ((_, kept),) = freeze("m", task="t", weights=tmp_path / "new/model.pt").set_aside
    assert kept.read_bytes() == b"unsaved"
    assert (repo / "m/model.pt").read_bytes() == b"newer"


def test_weights_of_the_version_before_that_stay_in_the_folder_are_named(repo, caplog):
    put(repo / "m/one.pt", b"1")
    freeze("m", task="t")
    put(repo / "m/two.pt", b"2")
    assert freeze("m", task="t", weights="m/two.pt").left_out == ("one.pt",)
    assert "m still has weights of the version before, which will be signed with it" in caplog.text
    (repo / "m/one.pt").unlink()
    assert freeze("m", task="t", weights="m/two.pt").left_out == ()


def test_named_weights_inside_of_the_folder(repo):
    put(repo / "m/a/one.pt", b"1")
    put(repo / "m/two.custom", b"2")
    put(repo / "m/three.pt", b"3")
    frozen = freeze("m", task="t", weights=["m/a", "m/two.custom"])
    assert [file.path for file in frozen.files] == ["a/one.pt", "two.custom"]


def test_many_shards_are_one_model(repo):
    for number in range(1, 15):
        put(repo / f"m/model-{number:05}-of-00014.safetensors", bytes([number]))
    put(repo / "m/model.safetensors.index.json", b"{}")
    frozen = freeze("m", task="t")
    assert len(frozen.files) == len(frozen.card.files) == 14
    assert len(list((repo / "m").glob("*.dvc"))) == 14
    assert frozen.card.values["model"]["format"] == "safetensors"


def test_missing_weights_do_not_lose_the_metrics(repo):
    frozen = freeze("m", task="t", metrics={"f1": 1.0}, weights="out/nothing.pt")
    assert read(repo / "m").metrics == {"f1": 1.0}
    assert frozen.card.values["status"] == "partial"
    assert frozen.warnings[-2:] == (
        "the weights nothing.pt are not there",
        "no weights were found; name them: weights=…",
    )


def test_a_capture_that_fails_is_a_warning(repo, monkeypatch):
    put(repo / "m/model.pt")
    monkeypatch.setattr(lock, "begin", lambda environ, today: 1 / 0)
    frozen = freeze("m", task="t", metrics={"f1": 1.0, "loss": float("nan")}, training_config={"x": object()})
    assert frozen.card.values["status"] == "partial"
    assert "the installed packages could not be captured: ZeroDivisionError: division by zero" in frozen.warnings
    assert "metrics.loss is nan and left out" in frozen.warnings
    assert frozen.files[0].kept == "pointer"
    assert frozen.card.metrics == {"f1": 1.0}


def test_a_field_that_is_wrong_is_left_out_and_named(repo):
    put(repo / "m/model.pt")
    frozen = freeze("m", task="", name="no good", extra={"tags": "a", "seeds": {"python": 1}})
    assert frozen.card.task == "unknown"
    assert frozen.card.values["seeds"] == {"python": 1}
    assert [warning.partition(":")[0] for warning in frozen.warnings if "left out" in warning] == [
        "the field 'task' is left out of the card", "the field 'name' is left out of the card",
        "the field 'tags' is left out of the card",
    ]  # fmt: skip


def test_an_evaluation_that_is_wrong_costs_no_other(repo):
    put(repo / "m/model.pt")
    good = {"dataset": {"name": "d"}, "metrics": [{"name": "f1", "value": 0.5}]}
    wrong = {"dataset": {"name": "d"}, "metrics": [{"name": "f1", "value": float("nan")}]}
    frozen = freeze("m", task="t", extra={"evaluations": [wrong, good, "none"]})
    assert frozen.card.values["evaluations"] == [good]
    assert frozen.card.values["status"] == "partial"
    assert [warning for warning in frozen.warnings if warning.startswith("evaluations[")][-2:] == [
        "evaluations[0] is left out of the card: $.metrics[0].value: expected a finite number, found 'nan'",
        "evaluations[2] is left out of the card: $: expected a mapping, found 'none'",
    ]
    assert "evaluations" in freeze("m", task="t", extra={"evaluations": good}).warnings[-1]


def test_weights_that_cannot_be_tracked_are_told_in_the_card(repo):
    put(repo / "m/model.pt")
    put(repo / "m/other.pt", b"o")
    Git(repo).run("add", "-f", "m/model.pt")
    frozen = freeze("m", task="t")
    assert [(file.path, file.kept) for file in frozen.files] == [("model.pt", "no"), ("other.pt", "pointer")]
    assert any(
        warning.startswith("model.pt is not tracked: m/model.pt is tracked by Git") for warning in frozen.warnings
    )
    kept = pointer.parse((repo / "m/other.pt.dvc").read_bytes(), "p")
    assert kept.meta["sycee"]["card"] == sha256_hex(read(repo / "m").raw)
    assert not (repo / "m/model.pt.dvc").exists()


def test_a_stage_of_a_pipeline_keeps_its_pointer(repo, monkeypatch):
    put(repo / "m/model.pt")
    monkeypatch.setenv("DVC_STAGE", "train")
    monkeypatch.setenv("DVC_ROOT", str(repo))
    frozen = freeze("m", task="t")
    assert [file.kept for file in frozen.files] == ["pipeline"]
    assert not (repo / "m/model.pt.dvc").exists()
    assert frozen.card.files[0].md5 == digest_bytes(WEIGHTS).md5
    monkeypatch.setenv("DVC_ROOT", str(repo.parent))  # somebody else's pipeline
    assert freeze("m", task="t").files[0].kept == "pointer"


def test_an_output_in_dvc_lock_keeps_its_pointer(repo):
    put(repo / "m/model.pt")
    (repo / "dvc.yaml").write_text("stages:\n  train:\n    cmd: x\n    outs:\n    - m/model.pt\n")
    md5 = digest_bytes(WEIGHTS).md5
    out = f"    - path: m/model.pt\n      hash: md5\n      md5: {md5}\n"
    (repo / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n{out}")
    assert freeze("m", task="t").files[0].kept == "pipeline"
    assert not (repo / "m/model.pt.dvc").exists()


def test_a_folder_tracked_as_a_whole_stays_so(repo):
    from sycee.ops.add import add

    put(repo / "m/model.pt")
    opened = find_repository(repo, environ={})
    add(opened, [repo / "m"])
    opened.close()
    frozen = freeze("m", task="t")
    assert frozen.files[0].kept == "folder"
    assert frozen.hints == (
        "sign it: sycee sign m --key release.key",
        "then commit it: git add m.dvc dvc.yaml && git commit",
    )
    assert not (repo / "m/model.pt.dvc").exists()


def test_no_seed_is_a_warning(repo, monkeypatch):
    put(repo / "m/model.pt")
    monkeypatch.setattr(seeds, "_seen", {"python": None})
    assert any("how it was seeded is not known" in warning for warning in freeze("m", task="t").warnings)
    frozen = freeze("m", task="t", seeds={"jax": 3})
    assert frozen.card.values["seeds"] == {"jax": 3}
    assert not any("seeding" in warning for warning in frozen.warnings)


def test_it_shows_itself(repo):
    put(repo / "m/model.pt")
    put(repo / "m/runs/x.pt")
    frozen = freeze("m", task="<script>alert(1)</script>", metrics={"f1": 0.5, "by": {"dev": 0.25}}, now=NOW)
    shown = repr(frozen)
    assert re.search(r"^ +metrics +f1 0\.5, by\.dev 0\.25$", shown, re.MULTILINE)
    assert re.search(r"^ +weights +model\.pt  8,000 bytes  sha256 [0-9a-f]{12}…$", shown, re.MULTILINE)
    assert re.search(r"^ +left out +runs/$", shown, re.MULTILINE)
    page = frozen._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_wrong_use_is_told_before_anything_is_done(repo):
    put(repo / "model.pt")
    with pytest.raises(UsageError, match="is a file, and a model is a folder"):
        freeze("model.pt", task="t")
    with pytest.raises(UsageError, match="unknown option metric"):
        freeze("m", task="t", metric={"f1": 1})
    with pytest.raises(UsageError, match="licence: is not a field of the card; did you mean license"):
        freeze("m", task="t", extra={"licence": "MIT"})
    assert not (repo / "m").exists()


def test_a_repository_without_commits(folder):
    Git(folder).run("init", "-q")
    init(InitRequest(folder))
    put(folder / "m/model.pt")
    frozen = freeze("m", task="t", data_version="v")
    assert frozen.warnings == ("the Git repository has no commit yet: the version of the code is not known",)


def test_without_a_git_program(repo, monkeypatch):
    put(repo / "m/model.pt")
    monkeypatch.setenv("PATH", "/nonexistent")
    frozen = freeze("m", task="t", metrics={"f1": 1.0})
    assert "git is not installed: the version of the code is not known" in frozen.warnings
    assert frozen.card.metrics == {"f1": 1.0}
    assert frozen.card.files[0].sha256 == digest_bytes(WEIGHTS).sha256


def test_in_a_notebook(repo):
    put(repo / "out/checkpoint-3/model.pt")
    put(repo / "out/model.pt")
    cell = (
        "import sys; sys.argv = ['/x/ipykernel_launcher.py', '-f', '/home/ada/kernel.json']\n"
        "from sycee.ops.freeze import freeze\n"
        "print(freeze('m', task='t', weights='out')._repr_html_())"
    )
    page = subprocess.run([sys.executable, "-c", cell], capture_output=True, text=True, check=True).stdout
    assert page.startswith("<table><tr><th")
    assert "checkpoint-3/" in page
    assert "argv" not in read(repo / "m").values["code"]
    assert "entrypoint" not in read(repo / "m").values["code"]


def test_weights_linked_from_the_cache_are_frozen_again(repo):
    put(repo / "m/model.pt")
    first = freeze("m", task="t").files[0]
    cached = find_repository(repo, environ={}).cache.path(first.digests.md5)
    (repo / "m/model.pt").unlink()
    (repo / "m/model.pt").symlink_to(cached)  # as cache.type = symlink does
    again = freeze("m", task="t").files[0]
    assert again == first
    assert (repo / "m/model.pt").is_symlink()


def test_further_fields_of_the_model_are_kept_beside_its_files(repo):
    put(repo / "m/model.pt")
    model = freeze("m", task="t", extra={"model": {"architecture": "BERT"}}).card.values["model"]
    assert model["architecture"] == "BERT"
    assert [file["path"] for file in model["files"]] == ["model.pt"]
    assert freeze("m", task="t", extra={"model": "nonsense"}).card.files[0].path == "model.pt"


def test_a_linked_pipeline_file_does_not_draw_a_secret_into_the_repository(repo, tmp_path):
    (tmp_path / "hosts.yml").write_text("github.com:\n  oauth_token: x\n")
    (repo / "dvc.yaml").symlink_to(tmp_path / "hosts.yml")
    put(repo / "m/model.pt")
    frozen = freeze("m", task="ner", now=NOW)
    assert (repo / "dvc.yaml").is_symlink()
    assert repo / "dvc.yaml" not in frozen.changed


def test_what_a_version_lacks_is_said_aloud(repo, caplog):
    freeze("m", task="t", weights="nowhere.pt")
    [record] = caplog.records
    assert (record.name, record.levelname) == ("sycee", "WARNING")
    assert record.getMessage().startswith("m is frozen, but not all of it: ")
    assert "the weights nowhere.pt are not there" in record.getMessage()


def test_a_whole_version_is_frozen_in_silence(repo, caplog, capfd):
    freeze("m", task="t", weights=put(repo / "model.pt"))
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))


def test_originals_of_copied_weights_are_named_before_git_takes_them(repo):
    for name in ("loose.pt", "ignored.pt", "m/inside.pt"):
        put(repo / name)
    (repo / ".gitignore").write_text("/ignored.pt\n")
    frozen = freeze("m", task="t", weights=["loose.pt", "ignored.pt", "m/inside.pt"])
    [hint] = [hint for hint in frozen.hints if "originals" in hint]
    assert hint == "keep the originals out of Git, since they were copied: loose.pt"


def test_a_model_in_the_root_of_the_repository_is_frozen_with_a_warning(repo):
    put(repo / "model.pt")
    frozen = freeze(".", task="t")
    assert frozen.files[0].kept == "pointer"
    assert any("it cannot be signed: give it a folder of its own" in warning for warning in frozen.warnings)


def test_the_same_weights_again_set_nothing_aside(repo):
    put(repo / "out/model.pt")
    freeze("models/bert", task="ner", weights="out/model.pt", now=NOW)
    (repo / "models/bert/model.pt").chmod(0o644)
    again = freeze("models/bert", task="ner", weights="out/model.pt", now=NOW)
    assert again.set_aside == ()
    assert "dvc.yaml" in again.hints[-1]
