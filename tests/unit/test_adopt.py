"""Models that are tracked get cards, digests and folders; no path goes away, nothing is uploaded, nothing half done."""

import json
import shutil
from pathlib import Path

import pytest

from sycee.cli.main import main
from sycee.digest import digest_bytes, md5_hex, sha256_hex
from sycee.errors import Conflict, FormatError
from sycee.formats import card, dirobject, pipeline, pointer
from sycee.ops import adopt
from sycee.ops.adoptable import looks_like_weights
from sycee.store.layout import object_key
from sycee.workspace import together
from sycee.workspace.together import Change, do_together, finish, pending

WEIGHTS = b"weights"


@pytest.fixture
def sycee(repo_dir, monkeypatch, capsys):
    """The command in this process, in a repository with a remote."""
    monkeypatch.chdir(repo_dir)

    def sycee(*words, rc=0):
        assert main(words) == rc, capsys.readouterr()
        return capsys.readouterr()

    sycee("remote", "add", "-d", "store", "../store")
    return sycee


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def tree(root):
    files = [path for path in root.rglob("*") if path.is_file() and ".git/" not in str(path)]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files if ".dvc/tmp" not in str(path)}


def changed(done):
    """Mark and path of every change, of JSON."""
    told = json.loads(done.out)
    rows = [row for model in told["models"] for row in model["changes"]] + told["shared"]
    return {row["path"]: row["mark"] for row in rows}


def read_card(path):
    return card.parse((path / card.FILE_NAME).read_bytes())


def out_of(path):
    (out,) = pointer.parse(path.read_bytes(), path.name).outs
    return out


def real_changes(before, after):
    names = before.keys() | after.keys()
    marks = {name: "A" if name not in before else "D" if name not in after else "M" for name in names}
    return {name: mark for name, mark in marks.items() if before.get(name) != after.get(name)}


# each kind of layout


def test_weights_alone_in_a_folder_get_their_card_there(sycee, repo_dir):
    write(repo_dir, {"models/ner/model.pt": WEIGHTS})
    sycee("add", "models/ner/model.pt")
    before = tree(repo_dir)
    planned = changed(sycee("adopt", "models/ner", "--dry-run", "--json"))
    assert tree(repo_dir) == before
    sycee("adopt", "models/ner", "--task", "ner")
    assert (
        real_changes(before, tree(repo_dir))
        == planned
        == {
            "models/ner/model_card.yaml": "A",
            "models/ner/.gitattributes": "A",
            "models/ner/model.pt.dvc": "M",
            "dvc.yaml": "A",
        }
    )
    written = read_card(repo_dir / "models/ner")
    digests = digest_bytes(WEIGHTS)
    assert (written.task, written.name, written.values["status"]) == ("ner", "ner", "partial")
    assert (written.metrics, written.training_config, written.data_version) == ({}, {}, "unknown")
    (file,) = written.files
    assert (file.path, file.size, file.sha256, file.blake3) == ("model.pt", 7, digests.sha256, digests.blake3)
    assert any("were not recorded" in warning for warning in written.warnings)
    meta = pointer.parse((repo_dir / "models/ner/model.pt.dvc").read_bytes(), "p").meta["sycee"]
    assert meta["card"] == sha256_hex(written.raw)
    assert meta[digests.md5] == {"sha256": digests.sha256, "blake3": digests.blake3}


def test_several_models_in_one_folder_get_folders_and_keep_their_paths(sycee, repo_dir):
    files = {"models/a.pt": b"a", "models/b.pt": b"b", "models/b.onnx": b"bo"}
    files |= {f"models/big-0000{n}-of-00002.safetensors": bytes([n]) for n in (1, 2)}
    write(repo_dir, files)
    sycee("add", *files)
    before = tree(repo_dir)
    planned = changed(sycee("adopt", "--all", "--dry-run", "--json"))
    sycee("adopt", "--all")
    after = tree(repo_dir)
    assert real_changes(before, after) == planned
    assert set(planned.values()) == {"A"}
    assert before.items() <= after.items()
    for folder, names in (("a", ["a.pt"]), ("b", ["b.onnx", "b.pt"]), ("big", [n[7:] for n in files if "big" in n])):
        assert sorted(file.path for file in read_card(repo_dir / "models" / folder).files) == names
        for name in names:
            assert after[f"models/{folder}/{name}"] == files[f"models/{name}"]
            assert out_of(repo_dir / f"models/{folder}/{name}.dvc") == out_of(repo_dir / f"models/{name}.dvc")
    sycee("push")
    assert sycee("push").out == "Everything is up to date.\n"


@pytest.mark.parametrize("hint", ["option", "config.json"])
def test_several_weights_that_are_one_model(sycee, repo_dir, hint):
    write(repo_dir, {"m/model.safetensors": b"s", "m/pytorch_model.bin": b"p"})
    sycee("add", "m/model.safetensors", "m/pytorch_model.bin")
    if hint == "config.json":
        (repo_dir / "m/config.json").write_text("{}")
    sycee("adopt", "m", *(["--as-one"] if hint == "option" else []))
    assert [file.path for file in read_card(repo_dir / "m").files] == ["model.safetensors", "pytorch_model.bin"]


FOLDER = {
    "models/bert/model.safetensors": WEIGHTS,
    "models/bert/onnx/model.onnx": b"onnx",
    "models/bert/config.json": b"{}",
    "models/bert/tokenizer.json": b" " * (1 << 20) + b"{}",
    "models/bert/checkpoint-5/optimizer.pt": b"state",
}


@pytest.mark.parametrize("cache_type", ["copy", "symlink", "hardlink"])
def test_a_folder_tracked_as_a_whole(sycee, repo_dir, git, cache_type):
    sycee("config", "cache.type", cache_type)
    write(repo_dir, FOLDER | {"models/gpt/model.pt": b"gpt"})
    sycee("add", "models/bert", "models/gpt")
    sycee("push")
    git("add", "-A")
    git("commit", "-qm", "before")
    before = tree(repo_dir)
    planned = changed(sycee("adopt", "--all", "--dry-run", "--json"))
    assert tree(repo_dir) == before
    done = sycee("adopt", "--all")
    assert "left over from the training, to be moved out before it is signed: checkpoint-5/optimizer.pt" in done.out
    after = tree(repo_dir)
    assert real_changes(before, after) | {"models/bert/config.json": "A"} == planned
    pointed = {name for name in after if name.endswith(".dvc") and name.startswith("models/")}
    assert pointed == {f"{name}.dvc" for name in [*FOLDER, "models/gpt/model.pt"] if "config" not in name}
    assert {after[name] for name in FOLDER} == set(FOLDER.values())
    assert ".gitignore" not in {Path(name).relative_to("models").as_posix() for name in after if "models/" in name}
    assert not (repo_dir / "models/bert/config.json").is_symlink()
    for name in pointed:
        assert out_of(repo_dir / name).md5 == md5_hex(after[name.removesuffix(".dvc")])
    assert "Data and pipelines are up to date." in sycee("status").out
    assert sycee("push").out == "Everything is up to date.\n"
    git("add", "-A")
    listed = git("ls-files", "models").stdout.split()
    assert "models/bert/config.json" in listed
    assert not {*FOLDER} - {"models/bert/config.json"} & {*listed}


def test_an_output_of_a_stage_stays_with_its_stage(sycee, repo_dir):
    model, data, metrics = b"model", b"data", b'{"f1": 0.5, "per": {"a": 1}, "note": "text"}'
    late = b"acc: 0.75\n"
    write(repo_dir, {"m/model.pkl": model, "data.csv": data, "metrics.json": metrics, "eval.yaml": late})
    sycee("add", "data.csv")
    (repo_dir / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: x\n    metrics: [metrics.json]\n  eval:\n    cmd: y\n"
        "    metrics:\n    - eval.yaml: {cache: false}\n    - '${x}.json'\n"
    )

    def entry(path, content):
        return f"    - {{path: {path}, hash: md5, md5: {md5_hex(content)}, size: {len(content)}}}\n"

    (repo_dir / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    params:\n      params.yaml: {lr: 0.1, train.epochs: 3}\n"
        f"    deps:\n{entry('data.csv', data)}{entry('train.py', b'code')}"
        f"    outs:\n{entry('m/model.pkl', model)}{entry('metrics.json', metrics)}"
        f"  eval:\n    cmd: y\n    deps:\n{entry('m/model.pkl', model)}    outs:\n{entry('eval.yaml', late)}"
    )
    for content in (model, metrics, late):
        path = repo_dir / ".dvc/cache" / object_key(md5_hex(content))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = tree(repo_dir)
    sycee("adopt", "m/model.pkl")
    found = real_changes(before, tree(repo_dir))
    assert found == {"m/model_card.yaml": "A", "m/.gitattributes": "A", "dvc.yaml": "M"}
    written = read_card(repo_dir / "m")
    assert written.training_config == {"lr": 0.1, "train.epochs": 3}
    assert written.metrics == {"metrics": {"f1": 0.5, "per": {"a": 1}}, "eval": {"acc": 0.75}}
    assert written.data_version == f"data.csv@md5:{md5_hex(data)}"
    assert written.values["data"] == [{"path": "data.csv", "dvc": {"md5": md5_hex(data), "size": 4}}]


def test_metrics_that_changed_since_are_not_believed(sycee, repo_dir):
    model = b"model"
    write(repo_dir, {"m/model.pt": model, "metrics.json": b'{"f1": 0.9}'})
    sycee("add", "m/model.pt")
    (repo_dir / "dvc.yaml").write_text("stages: {eval: {cmd: y, metrics: [metrics.json, gone.json]}}\n")
    (repo_dir / "dvc.lock").write_text(
        "stages:\n  eval:\n    cmd: y\n"
        f"    deps: [{{path: m/model.pt, md5: {md5_hex(model)}}}]\n"
        f"    outs: [{{path: metrics.json, hash: md5, md5: {md5_hex(b'{}')}}}]\n"
    )
    sycee("adopt", "m")
    written = read_card(repo_dir / "m")
    assert written.metrics == {}
    assert "the metrics metrics.json changed since the stage ran, so they are left out" in written.warnings
    assert "the metrics gone.json are not here" in written.warnings


# where the bytes are


def test_digests_of_what_only_the_remote_has_are_read_and_not_stored(sycee, repo_dir):
    write(repo_dir, {"m/model.pt": WEIGHTS} | FOLDER)
    sycee("add", "m/model.pt", "models/bert")
    sycee("push")
    for name in (".dvc/cache", ".dvc/tmp", "models/bert"):
        shutil.rmtree(repo_dir / name)
    (repo_dir / "m/model.pt").unlink()
    sycee("adopt", "--all")
    assert not (repo_dir / ".dvc/cache/files").exists()
    assert read_card(repo_dir / "m").files[0].sha256 == sha256_hex(WEIGHTS)
    assert (repo_dir / "models/bert/config.json").read_bytes() == b"{}"
    assert not (repo_dir / "models/bert/model.safetensors").exists()
    sycee("pull")
    assert sycee("push").out == "Everything is up to date.\n"
    assert (repo_dir / "models/bert/model.safetensors").read_bytes() == WEIGHTS


def test_bytes_that_are_nowhere(sycee, repo_dir):
    write(repo_dir, {"m/model.pt": WEIGHTS, "n/model.pt": b"other"})
    sycee("add", "m/model.pt", "n/model.pt")
    (repo_dir / ".dvc/cache" / object_key(md5_hex(WEIGHTS))).unlink()
    before = tree(repo_dir / "m")
    done = sycee("adopt", "m/model.pt", "n/model.pt", rc=1)
    assert "left alone  m/model.pt: object" in done.err
    assert tree(repo_dir / "m") == before
    assert (repo_dir / "n/model_card.yaml").is_file()


def test_pointers_of_before_dvc_3(sycee, repo_dir):
    text, weights = b"a\r\nb\r\n", b"\0weights"
    address = {"vocab.txt": md5_hex(b"a\nb\n"), "model.pt": md5_hex(weights)}
    listing = dirobject.render(dirobject.Entry(name, md5) for name, md5 in address.items())
    for md5, content in (
        (address["vocab.txt"], text),
        (address["model.pt"], weights),
        (md5_hex(listing) + ".dir", listing),
    ):
        path = repo_dir / ".dvc/cache" / object_key(md5, legacy=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (repo_dir / "m.dvc").write_text(f"outs:\n- md5: {md5_hex(listing)}.dir\n  path: m\n")
    sycee("adopt", "m")
    out = out_of(repo_dir / "m/model.pt.dvc")
    assert (out.md5, out.hash, out.size) == (address["model.pt"], None, 8)
    assert (repo_dir / "m/vocab.txt").read_bytes() == text
    sycee("checkout")
    assert (repo_dir / "m/model.pt").read_bytes() == weights


# what is left alone


def test_what_is_adopted_or_frozen_is_left_alone(sycee, repo_dir):
    write(repo_dir, FOLDER | {"flat/a.pt": b"a", "flat/b.pt": b"b"})
    sycee("add", "models/bert", "flat/a.pt", "flat/b.pt")
    sycee("adopt", "--all")
    before = tree(repo_dir)
    done = sycee("adopt", "--all")
    assert done.out == "Nothing to adopt.\n"
    assert "with cards already" in done.err
    assert "models/bert has a card" in sycee("adopt", "models/bert/model.safetensors").err
    assert tree(repo_dir) == before


def test_a_folder_with_its_card_in_it(sycee, repo_dir):
    write(repo_dir, {"m/model.pt": WEIGHTS, "m/model_card.yaml": b"task: x\n"})
    sycee("add", "m")
    shutil.rmtree(repo_dir / "m")
    assert "m has a card" in sycee("adopt", "m").err


def test_data_is_not_taken_for_a_model(sycee, repo_dir):
    write(repo_dir, {"data/x.csv": b"x", "data/y.npy": b"y", "table.h5": b"h", "raw.bin": b"r", "big/y.csv": b"z"})
    sycee("add", "data", "table.h5", "raw.bin", "big/y.csv")
    assert sycee("adopt", "--all").out == "Nothing to adopt.\n"
    sycee("adopt", "raw.bin")
    assert (repo_dir / "raw/model_card.yaml").is_file()


@pytest.mark.parametrize(
    ("path", "is_model"),
    [
        ("x/a.pt", True),
        ("a.safetensors", True),
        ("x/a.bin", False),
        ("models/a.bin", True),
        ("x/model.pkl", True),
        ("x/a.csv", False),
        ("model/config.json", False),
        ("x/checkpoint-10/a.pt", False),
        ("x/optimizer.pt", False),
    ],
)
def test_what_looks_like_weights(path, is_model):
    assert looks_like_weights(path) == is_model


def test_a_folder_that_is_changed_is_left_alone(sycee, repo_dir):
    write(repo_dir, FOLDER)
    sycee("add", "models/bert")
    (repo_dir / "models/bert/config.json").write_text("changed")
    before = tree(repo_dir)
    assert "models/bert has changes" in sycee("adopt", "models/bert", rc=1).err
    assert tree(repo_dir) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.dvc", "would read as its own"),
        (".gitattributes", "as its own"),
        ("a.pyc", "bytecode"),
        ("aux.txt", "part of"),
    ],
)
def test_names_that_would_mean_something_else(sycee, repo_dir, name, reason):
    oid_of = {"model.pt": md5_hex(WEIGHTS), name: md5_hex(b"x")}
    listing = dirobject.render(dirobject.Entry(*one) for one in oid_of.items())
    for oid, content in ((oid_of["model.pt"], WEIGHTS), (oid_of[name], b"x"), (md5_hex(listing) + ".dir", listing)):
        path = repo_dir / ".dvc/cache" / object_key(oid)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (repo_dir / "m.dvc").write_text(f"outs:\n- md5: {md5_hex(listing)}.dir\n  hash: md5\n  path: m\n")
    assert reason in sycee("adopt", "m", rc=1).err
    assert not (repo_dir / "m").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("deps:\n- path: ../x\nouts:\n- md5: {md5}\n  hash: md5\n  path: a.pt\n", "is an import"),
        ("outs:\n- md5: {md5}\n  hash: md5\n  path: a.pt\n- md5: {md5}\n  path: b.pt\n", "names several outs"),
        ("outs:\n- path: a.pt\n", "no object of the cache"),
        ("outs:\n- md5: {md5}\n  path: a.pt\n  cache: false\n", "no object of the cache"),
    ],
)
def test_what_cannot_be_adopted(sycee, repo_dir, text, reason):
    (repo_dir / "a.pt.dvc").write_text(text.format(md5=md5_hex(WEIGHTS)))
    assert reason in sycee("adopt", "a.pt", rc=1).err
    assert reason in sycee("adopt", "--all").err


def test_a_folder_that_a_stage_makes(sycee, repo_dir):
    (repo_dir / "dvc.lock").write_text(f"stages: {{t: {{outs: [{{path: m, md5: {md5_hex(b'x')}.dir, hash: md5}}]}}}}\n")
    assert "let it end in sycee.freeze" in sycee("adopt", "m", rc=1).err


def test_something_in_the_way_of_the_new_folder(sycee, repo_dir):
    write(repo_dir, {"flat/a.pt": b"a", "flat/b.pt": b"b", "flat/a/notes.txt": b"mine"})
    sycee("add", "flat/a.pt", "flat/b.pt")
    assert "flat/a is in the way" in sycee("adopt", "flat/a.pt", rc=1).err
    assert (repo_dir / "flat/a/notes.txt").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "rc", "told"),
    [
        ([], 2, "name models, or take all"),
        (["m", "--all"], 2, "name models, or take all"),
        (["nothing.pt"], 1, "is not tracked here"),
    ],
)
def test_wrong_words(sycee, words, rc, told):
    assert told in sycee("adopt", *words, rc=rc).err


def test_the_words_of_a_pointer_go_into_the_card(sycee, repo_dir):
    write(repo_dir, {"m/a.pt": WEIGHTS})
    sycee("add", "m/a.pt")
    path = repo_dir / "m/a.pt.dvc"
    path.write_text(f"# ours\ndesc: finds names\n{path.read_text()}")
    sycee("adopt", "m")
    assert read_card(repo_dir / "m").values["description"] == "finds names"
    assert path.read_text().startswith("# ours\ndesc: finds names\n")


# all or the rest at the next run


def test_an_interrupted_run_is_completed(repo):
    (repo.root / "old").write_bytes(b"old")
    changes = [Change("old"), Change("sub/new", b"new"), Change("same", b"same")]
    (repo.root / "same").mkdir()
    with pytest.raises(IsADirectoryError):
        do_together(repo, "work", changes)
    assert pending(repo, "work")
    (repo.root / "same").rmdir()
    assert finish(repo, "work") == changes
    assert (repo.root / "sub/new").read_bytes() == b"new"
    assert not (repo.root / "old").exists()
    assert finish(repo, "work") == []


@pytest.mark.parametrize("done", range(12))
def test_the_same_command_completes_it(sycee, repo_dir, monkeypatch, done):
    write(repo_dir, FOLDER)
    sycee("add", "models/bert")
    left = iter(range(done))

    def stops(repo, path, change):
        next(left)
        real(repo, path, change)

    with monkeypatch.context() as patch:
        real = together._do_one
        patch.setattr(together, "_do_one", stops)
        with pytest.raises(AssertionError, match="bug"):
            sycee("adopt", "models/bert")
    completed = sycee("adopt", "models/bert").err
    assert "completed what an interrupted run had begun: models/bert.dvc" in completed
    assert not (repo_dir / "models/bert.dvc").exists()
    assert "Data and pipelines are up to date." in sycee("status").out
    assert sycee("adopt", "--all").out == "Nothing to adopt.\n"


def test_too_many_files_for_a_model(sycee, repo_dir, monkeypatch):
    monkeypatch.setattr(adopt, "MAX_FILES", 4)
    write(repo_dir, FOLDER)
    sycee("add", "models/bert")
    assert "models/bert has 5 files, more than 4" in sycee("adopt", "--all").err
    monkeypatch.setattr(adopt, "MAX_FILES", 5)
    monkeypatch.setattr(adopt, "GIT_TOTAL", 1)
    assert "too many for Git" in sycee("adopt", "--all").err


def test_what_somebody_changed_since_then_is_not_overwritten(repo):
    (repo.root / "last").mkdir()
    with pytest.raises(IsADirectoryError):
        do_together(repo, "work", [Change("new", b"new"), Change("last", b"")])
    (repo.root / "last").rmdir()
    (repo.root / "new").write_bytes(b"mine")
    with pytest.raises(Conflict, match="new changed since"):
        finish(repo, "work")
    assert (repo.root / "new").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../x"},
        {"path": ".git/hooks/post-checkout"},
        {"path": ".dvc/config"},
        {"path": "/etc/x"},
        {"data": "%"},
        {"oid": "../../x"},
        {"data": 3},
    ],
)
def test_a_note_that_a_stranger_wrote(repo, change):
    note = repo.scratch / "work.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    usual = {"path": "x", "data": "", "oid": None, "legacy": False, "before": None}
    note.write_text(json.dumps([usual | change]))
    with pytest.raises(FormatError, match="no note of an interrupted run"):
        finish(repo, "work")


def test_a_look_at_what_was_interrupted_is_refused(sycee, repo_dir):
    note = repo_dir / ".dvc/tmp/sycee/adopt.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("[]")
    assert "interrupted" in sycee("adopt", "--all", "--dry-run", rc=1).err
    sycee("adopt", "--all")
    assert not note.exists()


# stages


def test_stages_of_odd_forms_are_read_as_far_as_they_go():
    lock = b"stages: {a: 3, b: {params: {p.yaml: 3}, deps: 4, outs: [5, {path: 6}]}, 'c@1': {outs: [{path: s-1.json}]}}"
    declared = (
        b"stages: {a: {metrics: 3}, b: {wdir: sub, metrics: [m.json, {n.json: }, '${x}.json']},"
        b" c: {foreach: [1, 2], do: {metrics: ['s-${item}.json']}}}"
    )
    found = {stage.name: stage for stage in pipeline.stages(lock, "dvc.lock", declared)}
    assert list(found) == ["a", "b", "c@1"]
    assert (found["b"].wdir, found["b"].params, found["b"].outs) == ("sub", {"p.yaml": {}}, ())
    assert found["b"].metrics == ("m.json", "n.json")
    assert found["c@1"].metrics == ("s-1.json",)
