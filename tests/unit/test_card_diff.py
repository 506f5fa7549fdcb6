"""``sycee card diff``: what two cards say otherwise, from folders and from Git."""

import json
import shutil
import subprocess

import pytest

from rigs.fullcard import FULL
from sycee.cli.main import main
from sycee.digest import sha256_hex
from sycee.formats import card, fingerprint
from sycee.formats.fingerprint import AREAS, Fingerprint

FIVE = {key: FULL[key] for key in card.REQUIRED}


def write(folder, values, lock=b"torch==2.1.2\n", simd="avx2"):
    facts = {area: {} for area in AREAS} | {"cpu": {"simd": simd}}
    files = {
        "context/requirements.lock": ("lock", lock),
        "context/fingerprint.json": ("fingerprint", fingerprint.render(Fingerprint(facts))),
    }
    bound = []
    for name, (role, data) in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        bound.append({"path": name, "sha256": sha256_hex(data), "size": len(data), "role": role})
    (folder / "model_card.yaml").write_bytes(card.render({**values, "context": bound}))


def run(capsys, folder, *arguments):
    code = main(["-C", str(folder), "card", "diff", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def two(tmp_path):
    write(tmp_path / "a", FULL)
    evaluations = [{**FULL["evaluations"][0], "metrics": [{"name": "F1", "value": 0.9}]}]
    changed = {
        **FULL,
        "metrics": {"val_f1": 0.9, "new": 1},
        "training_config": {**FULL["training_config"], "lr": 3e-5},
        "data_version": "dataset-v4",
        "license": "MIT",
        "environment": {"python": "3.12.1", "platform": "Linux x86_64"},
        "evaluations": evaluations,
        "model": {**FULL["model"], "parameters": 7, "files": [{**FULL["model"]["files"][0], "sha256": "9" * 64}]},
    }
    write(tmp_path / "b", changed, b"torch==2.2.0\nnumpy==2.0\n", "avx512")
    return tmp_path


def by_name(fields):
    return {one["name"]: (one["old"], one["new"]) for one in fields}


def test_every_group(capsys, two):
    code, out, err = run(capsys, two, "a", "b", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert list(found) == ["old", "new", "metrics", "settings", "data", "about", "environment", "packages", "files"]
    metrics = by_name(found["metrics"])
    assert metrics["val_f1"] == (0.892, 0.9)
    assert metrics["test.acc"] == (0.921, None)
    assert metrics["WikiANN, en, test: F1"] == (0.871, 0.9)
    assert metrics["WikiANN, en, test: F1 #2"] == (0.869, None)
    assert {one["name"]: one["diff"] for one in found["metrics"]}["val_f1"] == pytest.approx(0.008)
    assert {one["name"]: one["diff"] for one in found["metrics"]}["new"] is None
    assert by_name(found["settings"]) == {"lr": (2e-05, 3e-05)}
    assert by_name(found["data"]) == {"data_version": ("dataset-v3.2.1", "dataset-v4")}
    assert by_name(found["about"]) == {"license": ("Apache-2.0", "MIT"), "model.parameters": (108310272, 7)}
    assert by_name(found["environment"]) == {"environment.python": ("3.11.9", "3.12.1"), "cpu.simd": ("avx2", "avx512")}
    assert by_name(found["packages"]) == {"torch": ("2.1.2", "2.2.0"), "numpy": (None, "2.0")}
    assert by_name(found["files"])["model.pt"] == ("0" * 64, "9" * 64)


def test_for_a_person(capsys, two):
    code, out, _ = run(capsys, two, "a", "b")
    assert code == 0
    assert out.startswith("Card: a → b\n")
    assert "  metric                        before               after  change\n" in out
    assert "  val_f1                        0.892                0.9    +0.008\n" in out
    assert "x_ticket" not in out
    code, out, _ = run(capsys, two, "a", "b", "--markdown")
    assert "| `val_f1` | `0.892` | `0.9` | +0.008 |\n" in out


def test_cards_that_say_the_same(capsys, two):
    assert run(capsys, two, "a", "a/model_card.yaml")[1] == "Card: a → a/model_card.yaml\n\nThe cards say the same.\n"


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True)


def test_a_side_from_git(capsys, tmp_path):
    model = tmp_path / "models/bert"
    write(model, {**FIVE, "metrics": {"f1": 0.5}})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    write(model, {**FIVE, "metrics": {"f1": 0.75}}, b"torch==2.2.0\n")
    for folder, old, new in (
        (tmp_path, "HEAD:models/bert", "models/bert"),
        (tmp_path, "HEAD:models/bert/model_card.yaml", "models/bert"),
        (model, "HEAD:models/bert/", "."),
        (model, "HEAD:.", "model_card.yaml"),
        (model / "context", "HEAD:..", ".."),
    ):
        code, out, err = run(capsys, folder, old, new, "--json")
        assert (code, err) == (0, ""), (old, err)
        assert by_name(json.loads(out)["metrics"]) == {"f1": (0.5, 0.75)}
        assert by_name(json.loads(out)["packages"]) == {"torch": ("2.1.2", "2.2.0")}


def test_a_side_that_is_tracked_as_a_whole(capsys, repo_dir):
    model = repo_dir / "models/bert"
    write(model, {**FIVE, "metrics": {"f1": 0.5}})
    assert main(["-q", "-C", str(repo_dir), "add", "models/bert"]) == 0
    git(repo_dir, "add", "-A")
    git(repo_dir, "commit", "-qm", "one")
    write(model, {**FIVE, "metrics": {"f1": 0.75}}, b"torch==2.2.0\n")
    code, out, err = run(capsys, repo_dir, "HEAD:models/bert", "models/bert", "--json")
    assert (code, err) == (0, "")
    assert by_name(json.loads(out)["metrics"]) == {"f1": (0.5, 0.75)}
    assert by_name(json.loads(out)["packages"]) == {"torch": ("2.1.2", "2.2.0")}
    shutil.rmtree(repo_dir / ".dvc/cache")
    code, _, err = run(capsys, repo_dir, "HEAD:models/bert", "models/bert")
    assert code == 1
    assert "is not in the cache\nhint: fetch it: sycee fetch" in err


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("none", "none does not exist"),
        ("HEAD:none", "HEAD:none has no model_card.yaml"),
        ("v9:models/bert", "'v9' is no revision of this repository"),
        ("--all:x", "'--all' is no revision of this repository"),
        ("HEAD:../x", "git ls-tree failed"),
        ("HEAD:link", "HEAD:link has no model_card.yaml"),
    ],
)
def test_a_side_that_is_not_there(capsys, two, old, said):
    git(two, "init", "-q")
    (two / "link").mkdir()
    (two / "link/model_card.yaml").symlink_to(two / "a/model_card.yaml")
    git(two, "add", "-A")
    git(two, "commit", "-qm", "one")
    code, out, err = run(capsys, two, "--", old, "a")
    assert (code, out) == (1, "")
    assert said in err


def test_without_git(capsys, two):
    code, _, err = run(capsys, two, "HEAD:a", "a")
    assert code == 1
    assert "needs Git" in err


def test_what_the_card_does_not_bind_is_not_compared(capsys, two):
    (two / "a/context/requirements.lock").write_bytes(b"evil==1\n")
    (two / "b/context/fingerprint.json").unlink()
    code, out, err = run(capsys, two, "a", "b", "--json")
    assert code == 0
    assert "evil" not in out
    assert err.splitlines() == [
        "warning: a: context/requirements.lock is not the one that the card binds, so it is not compared",
        "warning: b: context/fingerprint.json is not there, so it is not compared",
    ]


def test_wrong_use(capsys, two):
    assert run(capsys, two, "a")[0] == 2
    assert run(capsys, two, "a", "b", "--json", "--markdown")[0] == 2
