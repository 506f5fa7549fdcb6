"""Replay: a version comes out the same, or it is named what differs and why."""

import json
import os
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest

import sycee
from rigs.golden import CODE, freeze_golden
from rigs.goldens import record as golden_record
from rigs.goldens import results as golden_results
from rigs.signed import KEY_PEM, fixed_key
from sycee.cli.main import main
from sycee.core.compare import compare
from sycee.digest import sha256_hex
from sycee.errors import CannotRun, ContextMismatch, DigestMismatch, NotFound, UsageError
from sycee.formats.card import parse as parse_card
from sycee.formats.card import render as render_card
from sycee.formats.golden import Rule
from sycee.formats.golden import parse as parse_golden
from sycee.formats.replay import parse
from sycee.ops.loaded import only
from sycee.ops.replay import ReplayRequest, replay
from sycee.ops.sign import sign
from sycee.replay import worker
from sycee.replay.runner import How, environment

SOURCE, GOLDEN = "context/source", "context/golden"
DOCUMENT = Path(__file__).parents[2] / "docs/replay.md"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A signed model with golden samples."""
    place = tmp_path_factory.mktemp("frozen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sycee.replay.calibrate.circumstances", lambda how: [("threads 1", How(1))])
        freeze_golden(place / "model")
    sign(place / "model", fixed_key())
    (place / "k.pub").write_bytes(fixed_key().public.pem)
    return place


@pytest.fixture
def model(frozen, tmp_path):
    return Path(shutil.copytree(frozen / "model", tmp_path / "model"))


@pytest.fixture
def run(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def plant(model, name, old, new):
    """Change a file of a frozen model, and the card with it, so that only the record knows better."""
    [path] = model.glob(name)
    data = path.read_bytes()
    assert old in data
    changed = data.replace(old, new, 1)
    path.write_bytes(changed)
    card = model / "model_card.yaml"
    text = card.read_text().replace(sha256_hex(data), sha256_hex(changed))
    card.write_text(text.replace(f"size: {len(data)}\n", f"size: {len(changed)}\n"))
    return path.relative_to(model).as_posix()


def unsigned(model, **options):
    return replay(ReplayRequest(folder=model, asked=None, **options))


def test_a_signed_version_comes_out_the_same(frozen, run):
    code, out, err = run("replay", frozen / "model", "--key", frozen / "k.pub")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "reproduced  model@1.0.0: all samples are equal to the bit",
        "stage         equal  samples  largest deviation",
        "preprocessed  bit    2        none",
        "output        bit    2        none",
        "decision      bit    2        none",
    ]


def test_the_result_for_machines(frozen, run):
    code, out, _ = run("replay", frozen / "model", "--key", frozen / "k.pub", "--json")
    found = parse(out.encode(), "replay.json")
    assert code == 0
    assert (found.result, found.demanded, found.level, found.mode) == ("reproduced", "bit", "bit", "here")
    assert found.network in {"none", "blocked"}
    assert found.identity.startswith("sycee:")
    assert len(found.stages) == 6
    assert unsigned(frozen / "model").report.identity.startswith("card:")


def test_nothing_is_left_in_the_folder(frozen):
    before = sorted(frozen.rglob("*"))
    unsigned(frozen / "model")
    assert sorted(frozen.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "verdict"),
    [
        ("golden_code_*.py", b"x @ w", b"(x @ w).round(1)", "outputs differ: the source file golden_code_"),
        ("golden_code_*.py", b"[None, :4]", b"[None, 3::-1]", "preprocessed values differ: the source file golden_"),
        ("golden_code_*.py", b"argmax", b"argmin", "the source file golden_code_"),
        ("golden_labels_*.py", b'"cat", "dog", "cow"', b'"a", "b", "c"', "the source file golden_labels_"),
    ],
)
def test_a_changed_source_is_named(model, name, old, new, verdict):
    file = plant(model, f"{SOURCE}/{name}", old, new).removeprefix(f"{SOURCE}/")
    done = unsigned(model)
    assert not done.reproduced
    assert verdict in done.report.verdict
    assert [change.name for change in done.report.can][:1] == [file]


def test_a_sample_that_was_changed_is_no_sample(model):
    data = (model / GOLDEN / "inputs/0.txt").read_bytes()
    plant(model, f"{GOLDEN}/inputs/0.txt", data, b"abce")
    with pytest.raises(ContextMismatch, match=r"inputs/0.txt is not the file that context/golden/golden.json names"):
        unsigned(model)


@pytest.mark.parametrize("name", ["inputs/0.txt", "expected.safetensors"])
def test_a_file_of_the_record_that_no_card_names_is_missed(model, name):
    card = model / "model_card.yaml"
    values = dict(parse_card(card.read_bytes()).values)
    kept = [entry for entry in values["context"] if entry["path"] != f"{GOLDEN}/{name}"]
    card.write_bytes(render_card({**values, "context": kept}))
    (model / GOLDEN / name).unlink()
    with pytest.raises(ContextMismatch, match=f"golden.json names {name}, which is no file here"):
        unsigned(model)


@pytest.mark.parametrize("name", ["numpy.py", "extra.py", "json/__init__.py"])
def test_source_that_no_card_names_is_never_run(model, name):
    extra = model / SOURCE / name
    extra.parent.mkdir(exist_ok=True)
    extra.write_text("raise SystemExit(3)\n")
    with pytest.raises(DigestMismatch, match=f"{SOURCE}/{name} is source that the card does not name"):
        unsigned(model)


def test_changed_weights_are_named(model):
    data = (model / "w.npy").read_bytes()
    plant(model, "w.npy", data[-8:], bytes(8))
    done = unsigned(model)
    assert "outputs differ: the weights file w.npy was changed" in done.report.verdict


def test_what_was_signed_is_demanded_first(model, frozen, run):
    plant(model, f"{SOURCE}/golden_code_*.py", b"x @ w", b"x * 0")
    code, out, err = run("replay", model, "--key", frozen / "k.pub")
    assert (code, out) == (11, "")
    assert "is not what was signed" in err
    (model / "w.npy").write_bytes(b"other")
    with pytest.raises(DigestMismatch, match=r"is not what its own card says:\n  w.npy has"):
        unsigned(model)
    (model / "w.npy").unlink()
    with pytest.raises(DigestMismatch, match=r"w.npy is named by the card and not here"):
        unsigned(model)


def test_a_difference_has_its_exit_code_and_its_cause(model, run):
    plant(model, f"{SOURCE}/golden_code_*.py", b"[None, :4]", b"[None, 3::-1]")
    code, out, err = run("replay", model, "--unsigned")
    assert code == 15
    assert out.startswith("differs     model@1.0.0: preprocessed values differ: the source file golden_code_")
    assert "\ncan be the cause:\n  source golden_code_" in out
    assert "not verified: the folder was compared with its own card alone" in err
    found = json.loads(run("replay", model, "--unsigned", "--json")[1])
    assert found["can"][0]["area"] == "source"
    assert found["notes"][0].startswith("not verified: ")


def test_a_stage_can_be_waived_by_name(model, run):
    plant(model, f"{SOURCE}/golden_code_*.py", b'.astype("float32")', b'.astype("float64")')
    assert run("replay", model, "--unsigned")[0] == 15
    assert run("replay", model, "--unsigned", "--waive", "preprocessed", "--waive", "output")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"import numpy\n", b"import numpyy\n", r"import \(golden_code_\d+.py:1\): ModuleNotFoundError: No module"),
        (b"x @ w", b"x @ w @ w", r"predict of sample 0 \(golden_code_\d+.py:11\): ValueError: matmul"),
        (b"import numpy\n", b"import numpy, socket\nsocket.getaddrinfo('x', 1)\n", "a replay has no network"),
    ],
)
def test_code_that_does_not_run_is_no_difference(model, run, old, new, message):
    plant(model, f"{SOURCE}/golden_code_*.py", old, new)
    with pytest.raises(CannotRun, match=message):
        unsigned(model)
    code, out, err = run("replay", model, "--unsigned")
    assert (code, out) == (1, "")
    assert err.startswith("error: the frozen code does not run here: ")
    assert "Traceback" not in err


def test_whom_to_trust_has_to_be_said(frozen, run):
    code, _, err = run("replay", frozen / "model")
    assert code == 2
    assert "--key FILE or --trust FILE demands a signature; --unsigned compares the folder with its own card" in err
    assert run("replay", frozen / "model", "--unsigned", "--key", "k")[0] == 2


def test_a_version_without_samples_has_nothing_to_replay(tmp_path, run):
    freeze_golden(tmp_path / "model", samples=[])
    code, _, err = run("replay", tmp_path / "model", "--unsigned")
    assert code == 1
    assert "model has no golden samples, so there is nothing to replay" in err


def test_private_samples_are_brought(tmp_path, monkeypatch):
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
    model, inputs = tmp_path / "model", tmp_path / "mine"
    freeze_golden(model, private_samples=True)
    with pytest.raises(NotFound, match=r"sample 0 is private: only its sha256 88d4266fd4e6… is kept"):
        unsigned(model)
    with pytest.raises(NotFound, match="there is no folder"):
        unsigned(model, inputs=inputs)
    inputs.mkdir()
    (inputs / "a").write_text("abcd")
    with pytest.raises(NotFound, match="sample 1 is private"):
        unsigned(model, inputs=inputs)
    (inputs / "b").write_text("wxyz")
    assert unsigned(model, inputs=inputs).reproduced


def test_of_a_private_sample_no_file_has_anything(tmp_path, monkeypatch, run):
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
    model, inputs = tmp_path / "model", tmp_path / "mine"
    freeze_golden(model, private_samples=True)
    (frozen,) = (model / "context").glob("golden/golden.json")
    record = parse_golden(frozen.read_bytes(), "golden.json")
    leaves = [leaf for sample in record.samples for leaf in sample.stages["preprocessed"]]
    assert leaves
    assert not any(leaf.stored or leaf.sliced or isinstance(leaf.value, str) for leaf in leaves)
    assert all(sample.stages["output"][0].stored for sample in record.samples)
    inputs.mkdir()
    for name, text in (("a", "abcd"), ("b", "wxyz")):
        (inputs / name).write_text(text)
    code, _, _ = run("replay", model, "--unsigned", "--inputs", inputs, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    assert "not shown; sha256 88d4266fd4e6" in page
    assert "abcd" not in page


@pytest.fixture
def elsewhere(monkeypatch):
    """Another processor, of the same device class."""
    monkeypatch.setattr("sycee.core.explain.demanded", lambda frozen, here: "numeric")


def test_what_was_accepted_for_a_platform_is_demanded_there(model, run, elsewhere, tmp_path):
    (tmp_path / "my.key").write_bytes(KEY_PEM)
    (tmp_path / "my.key").chmod(0o600)
    assert unsigned(model).report.demanded == "numeric"
    code, _, err = run("replay", model, "--unsigned", "--accept", "--sign", tmp_path / "my.key")
    [written] = (model / "records").glob("replay-*.json")
    assert code == 0
    assert f"accepted for cpu {platform.machine()}: " in err
    assert written.with_name(f"{written.name}.sig").is_file()
    again = unsigned(model)
    assert (again.report.demanded, again.report.level) == ("bit", "bit")
    assert again.report.notes[-1].startswith("compared with what was accepted for this platform")
    code, _, err = run("replay", model, "--unsigned", "--accept")
    assert code == 1
    assert "this platform has its bits already" in err


def test_a_bit_that_is_not_that_of_the_baseline_is_noticed(model, run, elsewhere):
    assert run("replay", model, "--unsigned", "--accept")[0] == 0
    [written] = (model / "records").glob("replay-*.json")
    record = parse_golden((model / GOLDEN / "golden.json").read_bytes(), "golden.json")
    [leaf] = record.samples[0].stages["output"]
    written.write_text(written.read_text().replace(leaf.sha256, "0" * 64))
    done = unsigned(model)
    assert (done.report.result, done.report.demanded, done.report.first.stage) == ("differs", "bit", "output")


@pytest.mark.parametrize("member", ["key", "golden"])
def test_a_baseline_of_another_platform_or_record_does_not_count(model, run, elsewhere, member):
    assert run("replay", model, "--unsigned", "--accept")[0] == 0
    [written] = (model / "records").glob("replay-*.json")
    content = json.loads(written.read_text())
    content["predicate"]["replay"][member] = "0" * 64
    written.write_text(json.dumps(content))
    assert unsigned(model).report.demanded == "numeric"


def test_what_differs_is_not_accepted(model, run, elsewhere):
    plant(model, f"{SOURCE}/golden_code_*.py", b"x @ w", b"-(x @ w)")
    assert run("replay", model, "--unsigned", "--accept")[0] == 15
    assert not (model / "records").exists()


def test_what_was_waived_is_not_accepted(model, run, elsewhere):
    plant(model, f"{SOURCE}/golden_code_*.py", b"x @ w", b"2 * (x @ w)")
    code, _, err = run("replay", model, "--unsigned", "--accept", "--waive", "output")
    assert code == 1
    assert "use --accept without --waive" in err
    assert not (model / "records").exists()


def test_a_key_is_for_what_is_accepted(model, run):
    code, _, err = run("replay", model, "--unsigned", "--sign", "my.key")
    assert code == 2
    assert "--sign is for what --accept writes" in err


def test_a_page_is_written_also_when_it_differs(frozen, model, run, tmp_path):
    file = tmp_path / "page.html"
    assert run("replay", frozen / "model", "--key", frozen / "k.pub", "--html", file)[0] == 0
    assert "<title>reproduced: replay of model</title>" in file.read_text()
    assert "<pre>abcd</pre>" in file.read_text()
    plant(model, f"{SOURCE}/golden_code_*.py", b"x @ w", b"-(x @ w)")
    assert run("replay", model, "--unsigned", "--html", file)[0] == 15
    assert "<title>differs: replay of model</title>" in file.read_text()


def test_a_page_that_cannot_be_written_is_told_before_anything_runs(run, tmp_path):
    code, _, err = run("replay", tmp_path / "no model", "--unsigned", "--html", tmp_path / "no" / "page.html")
    assert code == 1
    assert f"there is no folder {tmp_path / 'no'}" in err


@pytest.mark.parametrize("name", ["golden.json", "fingerprint.json"])
def test_a_malformed_record_is_told(model, name):
    plant(model, f"{GOLDEN}/{name}", b'"version": 1', b'"version": 2')
    with pytest.raises(ContextMismatch, match="the golden samples are malformed: context/golden/"):
        unsigned(model)


def test_tensors_that_are_not_those_of_the_record_are_told(model):
    plant(model, f"{GOLDEN}/golden.json", b"            3\n", b"            4\n")
    with pytest.raises(ContextMismatch, match="the golden samples and their tensors do not agree about 0/"):
        unsigned(model)


def test_a_slow_model_is_not_waited_for_endlessly(model):
    plant(model, f"{SOURCE}/golden_code_*.py", b"import numpy\n", b"import numpy, time; time.sleep(60)\n")
    with pytest.raises(CannotRun, match="did not come to an end within 1 seconds"):
        unsigned(model, timeout=1)


# What a user may have set; docs/replay.md lists the names.
HARMLESS = {
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "C",
    "TZ": "Asia/Tokyo",
    "HOME": "/nowhere",
    "USER": "nobody",
    "TMPDIR": "/nowhere",
    "PATH": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONHASHSEED": "7",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSTARTUP": "/nowhere",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Nehalem",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": "AVX2",
    "HF_TOKEN": "a secret",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_user_has_set_does_not_reach_the_samples(tmp_path, name):
    assert environment(How(environ={name: HARMLESS[name]}), tmp_path) == environment(How(), tmp_path)
    assert f"`{name}`" in DOCUMENT.read_text()


def test_nothing_harmless_raises_an_alarm(model, monkeypatch, tmp_path):
    """Everything at once: what is set, the working folder, umask, name, times and modes of the files."""
    for name, value in HARMLESS.items():
        if name not in {"TMPDIR", "PATH"}:  # which this process needs
            monkeypatch.setenv(name, value)
    elsewhere = model.rename(tmp_path / "another name")
    for path in elsewhere.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(path.stat().st_mode | 0o111)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    before = os.umask(0o077)
    try:
        done = unsigned(elsewhere, environ=HARMLESS)
    finally:
        os.umask(before)
    assert (done.reproduced, done.report.level, done.report.can, done.report.cannot) == (True, "bit", (), ())


def test_code_that_keeps_to_itself_is_needed(model):
    assert "import numpy" in CODE  # of the frozen environment alone
    plant(model, f"{SOURCE}/golden_code_*.py", b"import numpy\n", b"import numpy, rigs\n")  # found by PYTHONPATH here
    with pytest.raises(CannotRun, match="No module named 'rigs'"):
        unsigned(model)


def functions_of(frozen):
    """Return the functions as a service has them: its own, in this process."""
    [path] = (frozen / "model" / SOURCE).glob("golden_code_*.py")
    space = {}
    exec(path.read_text().replace("import golden", "golden = None  # "), space)
    return {role: space[role] for role in ("load", "preprocess", "predict")}


@pytest.fixture
def service(frozen):
    with sycee.load(frozen / "model", key=frozen / "k.pub") as model:
        yield model


def test_a_loaded_model_replays_itself(service):
    done = service.replay()
    assert done.reproduced
    assert repr(done) == "<Replayed model@1.0.0: reproduced, all samples are equal to the bit>"
    assert done.report.mode == "here"


def test_what_a_service_really_uses_is_replayed_in_its_process(service, frozen):
    mine = functions_of(frozen)
    done = service.replay(**mine)
    assert (done.reproduced, done.report.mode, done.report.network) == (True, "in process", "open")
    assert {one.stage for one in done.report.stages} == {"preprocessed", "output"}
    whole = service.replay(
        predict=lambda text: mine["predict"](mine["load"](frozen / "model"), mine["preprocess"](text))
    )
    assert whole.reproduced
    assert {one.stage for one in whole.report.stages} == {"output"}


def test_without_its_postprocess_the_output_of_a_service_decides():
    logits = np.array([[0.1, 2.5, -1.0]], np.float32)
    made, kept = golden_record(Rule("regression", "$.score"), output=logits, decision={"score": 0.5})
    alone = only(made, {"output"}, "text-classification")
    assert alone.rule == Rule("top1", "$")
    assert compare(alone, kept, *golden_results(output=logits * np.float32(1 + 1e-6))).level == "numeric"
    assert compare(alone, kept, *golden_results(output=-logits)).level == "fail"
    assert only(made, {"output", "decision"}, "text-classification") == made


def test_what_a_service_does_otherwise_is_found(service, frozen):
    mine = functions_of(frozen)
    swapped = service.replay(**{**mine, "preprocess": lambda text: mine["preprocess"](text)[:, ::-1]})
    assert not swapped.reproduced
    assert swapped.report.verdict.startswith("preprocessed values differ: preprocess: test_replay:<lambda> here, ")
    assert [change.name for change in swapped.report.can if change.area == "source"] == ["preprocess"]
    drops = service.replay(**{**mine, "predict": lambda w, x: {"logits": x @ w * np.random.rand()}})
    assert (drops.reproduced, drops.report.level) == (False, "fail")
    assert drops.report.verdict.endswith(", as with dropout left on, or something kept from run to run")
    with pytest.raises(CannotRun, match="predict of sample 0"):
        service.replay(predict=lambda _: 1 / 0)
    with pytest.raises(UsageError, match="these are not the functions of a model: preprocess"):
        service.replay(preprocess=len)


def test_a_package_of_the_service_is_a_suspect(service, frozen, monkeypatch):
    mine = functions_of(frozen)
    installed = worker.packages()
    monkeypatch.setattr(worker, "packages", lambda: {**installed, "numpy": "0.1"})
    swapped = service.replay(**{**mine, "preprocess": lambda text: mine["preprocess"](text)[:, ::-1]})
    assert ("package", "numpy", "0.1") in {(one.area, one.name, one.here) for one in swapped.report.can}
