"""Which data a card names, and that a change since it was added is told without reading it."""

import os
from pathlib import Path

import pytest

from sycee.capture import seeds
from sycee.ops.add import add
from sycee.ops.freeze import freeze
from sycee.ops.init import InitRequest, init
from sycee.ops.training import training
from sycee.store import statcache
from sycee.system import onepass
from sycee.system.git import Git
from sycee.workspace.repository import find_repository

CHANGED = (
    "the data {} is not what its pointer says: it was changed since it was added, so the version in this card is not "
    "the one that was used"
)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A repository with data: a file, and a folder of three."""
    monkeypatch.setattr(seeds, "_seen", {"python": 7})
    monkeypatch.chdir(tmp_path)
    Git(tmp_path).run("init", "-q")
    init(InitRequest(tmp_path))
    for name in ("train.csv", "unused.csv", "images/a", "images/b", "images/deep/c", "models/base/model.pt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is {name}")
    (tmp_path / "models/base/model_card.yaml").write_text("task: t")
    with_repo(tmp_path, lambda repo: add(repo, [tmp_path / name for name in ("train.csv", "unused.csv", "images")]))
    with_repo(tmp_path, lambda repo: add(repo, [tmp_path / "models/base/model.pt"]))
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.pt").write_bytes(b"weights")
    return tmp_path


def with_repo(root, work):
    repo = find_repository(root, environ=os.environ)
    try:
        return work(repo)
    finally:
        repo.close()


def data(frozen):
    return [entry["path"] for entry in frozen.card.values.get("data", [])]


def changed(frozen):
    return [warning for warning in frozen.warnings if "is not what its pointer says" in warning]


def test_tracked_files_that_a_training_reads_are_its_data(root):
    with training("m", task="t") as run:
        for name in ("images/deep/c", "train.csv", "images/a", "models/base/model.pt", "m/model.pt"):
            (root / name).read_bytes()
    assert data(run.frozen) == ["images", "train.csv"]
    assert run.frozen.card.values["data"][0]["dvc"]["nfiles"] == 3
    assert run.frozen.card.data_version.startswith("images@md5:")
    (root / "unused.csv").read_bytes()  # nobody watches any more
    assert data(freeze("m", task="t", data="train.csv")) == ["train.csv"]


def test_data_that_was_named_comes_first_and_once(root):
    with training("m", task="t", data=["train.csv.dvc"], data_version="v3") as run:
        (root / "train.csv").read_bytes()
        (root / "images/b").read_bytes()
    assert data(run.frozen) == ["train.csv", "images"]
    assert run.frozen.card.data_version == "v3"


def test_a_training_that_fails_is_watched_no_longer(root):
    runs = []

    def train():
        with training("m", task="t") as run:
            runs.append(run)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    (root / "train.csv").read_bytes()
    assert str(root / "train.csv") not in runs[0].reads.paths


def test_data_as_it_was_added_is_not_warned_of_and_not_read(root, monkeypatch):
    monkeypatch.setattr(onepass, "digest_file", None)
    monkeypatch.setattr(statcache, "read_regular", None)
    frozen = freeze("m", task="t", data=["train.csv", "images"], weights=["m/model.pt"])
    assert changed(frozen) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("train.csv", "longer than it was before", "train.csv"),
        ("images/a", "longer than it was before", "images"),
        ("images/new", "new", "images"),
        ("images/deep/c", None, "images"),
    ],
)
def test_data_that_was_changed_since_is_told(root, name, text, told):
    if text is None:
        (root / name).unlink()
    else:
        (root / name).unlink(missing_ok=True)
        (root / name).write_text(text)
    assert changed(freeze("m", task="t", data=["train.csv", "images"])) == [CHANGED.format(told)]


@pytest.mark.parametrize(("name", "told"), [("train.csv", "train.csv"), ("images/b", "images")])
def test_a_change_of_the_same_size_is_told_once_it_is_known(root, name, told):
    path = root / name
    data_ = path.read_bytes()[::-1]
    path.unlink()
    path.write_bytes(data_)
    os.utime(path, (1, 1))
    assert changed(freeze("m", task="t", data=["train.csv", "images"])) == []  # nothing is hashed to find out

    def look(repo):
        repo.statcache.put(path, repo.statcache.digests_of(path), path.lstat(), settled=True)

    with_repo(root, look)
    assert changed(freeze("m", task="t", data=["train.csv", "images"])) == [CHANGED.format(told)]


def test_data_that_is_not_here_cannot_differ(root):
    (root / "train.csv").unlink()
    frozen = freeze("m", task="t", data=["train.csv", "elsewhere.csv"])
    assert changed(frozen) == []
    assert data(frozen) == ["train.csv", "elsewhere.csv"]
    assert "the data elsewhere.csv is not tracked, so its version is not known" in frozen.warnings
