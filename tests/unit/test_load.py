"""Loading: what is handed out is what was hashed, whatever happens to the files meanwhile."""

import os
import threading
from pathlib import Path

import pytest

from rigs.signed import CARD, MODEL, fixed_key, open_folder, sign_folder, write_model
from sycee.errors import DigestMismatch, NotFound, PolicyDenied, SignatureInvalid, UsageError
from sycee.trust import keys
from sycee.trust.loading import frameworks

BIG = os.urandom(3 << 20)  # more than what is kept as a bytes object


@pytest.fixture
def folder(tmp_path):
    folder = write_model(tmp_path / "bert", {**MODEL, "model.pt": BIG})
    sign_folder(folder)
    return folder


def key():
    return fixed_key().public


def overwrite(path):
    path.write_bytes(b"evil" * (path.stat().st_size // 4))


def truncate(path):
    os.truncate(path, 1)


def rename_over(path):
    other = path.with_name("other")
    other.write_bytes(b"evil")
    other.replace(path)


def remove(path):
    path.unlink()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


CHANGES = [overwrite, truncate, rename_over, remove]


def test_what_a_model_tells(folder):
    with open_folder(folder, key()) as model:
        assert (model.name, model.version, model.card.metrics["val_f1"]) == ("bert", "1.2.0", 0.892)
        assert model.card.raw == CARD
        assert [signer.fingerprint for signer in model.signers] == [key().fingerprint]
        assert model.files.keys() == {*MODEL, "SHA256SUMS"}
        assert model.shards() == ("model.pt",)
        assert repr(model).startswith("<VerifiedModel bert@1.2.0 sycee:")
        for name in MODEL:
            assert model.read(name) == (BIG if name == "model.pt" else MODEL[name])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["model.pt", "context/source/pre.py", "model_card.yaml"])
def test_bytes_are_those_that_were_hashed(folder, change, name):
    with open_folder(folder, key()) as model:
        change(folder / name)
        assert model.read(name) == (BIG if name == "model.pt" else MODEL[name])
        with model.path() as path:
            assert (path / name).read_bytes() == model.read(name)


@pytest.mark.parametrize("change", CHANGES)
def test_lazy_model_refuses_weights_that_changed_before_they_were_asked_for(folder, change):
    with open_folder(folder, key(), lazy=True) as model:
        change(folder / "model.pt")
        with pytest.raises((DigestMismatch, NotFound)):
            model.open("model.pt")


@pytest.mark.parametrize("change", CHANGES)
def test_lazy_model_keeps_weights_once_they_were_asked_for(folder, change):
    with open_folder(folder, key(), lazy=True) as model:
        assert model.read("model.pt") == BIG
        change(folder / "model.pt")
        assert model.read("model.pt") == BIG


@pytest.mark.parametrize("shown", [b"\0", b"PK\x03\x04"], ids=["unknown", "torch"])
def test_lazy_model_refuses_weights_of_another_form_than_the_policy_was_asked_about(folder, shown):
    pickled = b"\x80\x02}." + BIG
    (folder / "model.pt").write_bytes(pickled)
    sign_folder(folder)
    (folder / "model.pt").write_bytes(shown + pickled[len(shown) :])
    with open_folder(folder, key(), lazy=True) as model:
        (folder / "model.pt").write_bytes(pickled)
        with pytest.raises(PolicyDenied, match="replaced while the model was open"):
            model.read("model.pt")


def test_lazy_model_has_read_everything_else(folder):
    with open_folder(folder, key(), lazy=True) as model:
        overwrite(folder / "context/source/pre.py")
        assert model.read("context/source/pre.py") == MODEL["context/source/pre.py"]


@pytest.mark.parametrize("lazy", [False, True])
def test_tampered_model_is_not_opened(folder, lazy):
    overwrite(folder / "context/source/pre.py")
    with pytest.raises(DigestMismatch):
        open_folder(folder, key(), lazy=lazy)
    with pytest.raises(SignatureInvalid):
        open_folder(folder, keys.generate("p256").public, lazy=lazy)


def test_weights_that_change_size_are_seen_even_lazily(folder):
    truncate(folder / "model.pt")
    with pytest.raises(DigestMismatch):
        open_folder(folder, key(), lazy=True)


def test_writer_thread_never_gets_through(folder):
    stop = threading.Event()

    def write():
        flip = False
        while not stop.is_set():
            flip = not flip
            with (folder / "model.pt").open("r+b") as file:
                file.seek(1 << 20)
                file.write(b"evil" if flip else BIG[1 << 20 : (1 << 20) + 4])

    thread = threading.Thread(target=write)
    thread.start()
    opened = 0
    try:
        for _ in range(40):
            try:
                with open_folder(folder, key()) as model:
                    assert model.read("model.pt") == BIG
                    opened += 1
            except DigestMismatch:
                pass
    finally:
        stop.set()
        thread.join()
    (folder / "model.pt").write_bytes(BIG)
    with open_folder(folder, key()) as model:
        assert model.read("model.pt") == BIG


def test_handed_out_bytes_cannot_be_written(folder):
    with open_folder(folder, key()) as model, model.open("model.pt") as file:
        path = f"/proc/self/fd/{file.fileno()}"
        for attempt in (lambda: os.open(path, os.O_RDWR), lambda: os.truncate(path, 1)):
            with pytest.raises(OSError, match=r"not permitted|denied|Invalid"):
                os.write(attempt(), b"evil")
        file.seek(0)
        assert file.read() == BIG


def test_each_open_has_its_own_position(folder):
    with open_folder(folder, key()) as model, model.open("model.pt") as one, model.open("model.pt") as two:
        assert one.read(4) == two.read(4) == BIG[:4]


def test_names_that_are_not_in_the_model(folder):
    with open_folder(folder, key()) as model:
        for name in ("nothing", "../bert/model.pt", "model.sig", "/etc/passwd"):
            with pytest.raises(NotFound, match="is not a file of bert"):
                model.open(name)


def test_closed_model(folder):
    model = open_folder(folder, key())
    copy = model.path()
    assert copy.path.is_dir()
    model.close()
    model.close()
    assert not copy.path.exists()
    for name in ("model.pt", "model_card.yaml"):
        with pytest.raises(UsageError, match="was closed"):
            model.open(name)


def test_private_copy(folder, tmp_path):
    with open_folder(folder, key()) as model:
        copy = model.path(parent=tmp_path)
        assert copy.path.parent.stat().st_mode & 0o777 == 0o700
        assert os.fspath(copy) == str(copy) == str(copy.path)
        assert repr(copy) == f"PrivateCopy('{copy.path}')"
        found = {path.relative_to(copy.path).as_posix() for path in copy.path.rglob("*") if path.is_file()}
        assert found == {*MODEL, "SHA256SUMS"}
        assert all(path.stat().st_mode & 0o777 == 0o400 for path in copy.path.rglob("*") if path.is_file())
        copy.close()
        assert not copy.path.parent.exists()


def test_private_copy_of_a_folder_that_is_named_by_two_dots(folder, monkeypatch):
    monkeypatch.chdir(folder / "context")
    with open_folder(Path(".."), key()) as model, model.path() as copy:
        assert copy.name == "bert"
        assert (copy / "model.pt").read_bytes() == BIG


def test_expected_version_or_identity(folder):
    with open_folder(folder, key(), expect="bert@1.2.0") as model:
        identity = model.identity
    with open_folder(folder, key(), identity=f"sycee:{identity}"):
        pass
    for other in ({"expect": "bert@2.0.0"}, {"identity": f"sycee:{'0' * 64}"}):
        with pytest.raises(PolicyDenied):
            open_folder(folder, key(), **other)


def test_no_descriptor_is_left_open(folder):
    before = descriptors()
    for lazy in (False, True):
        open_folder(folder, key(), lazy=lazy).close()
    with pytest.raises(SignatureInvalid):
        open_folder(folder, keys.generate("p256").public)
    overwrite(folder / "model.pt")
    with pytest.raises(DigestMismatch):
        open_folder(folder, key())
    assert descriptors() == before


def test_many_small_files_need_few_descriptors(tmp_path):
    folder = write_model(tmp_path / "many", {**MODEL, **{f"context/{n}.txt": b"x" for n in range(2000)}})
    sign_folder(folder)
    with open_folder(folder, key()) as model:
        assert descriptors() < 50
        assert model.read("context/1999.txt") == b"x"


def test_environment_that_turns_protection_off(folder):
    for value in ("1", "y", "yes", "true", "TRUE"):
        with (
            open_folder(folder, key(), environ={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": value}) as model,
            pytest.raises(PolicyDenied, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set"),
        ):
            model.torch()


@pytest.mark.parametrize("version", ["2.9.1", "1.13.0+cu117", "2.5.1", "main"])
def test_torch_that_is_too_old(folder, monkeypatch, version):
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__=version))
    with open_folder(folder, key()) as model, pytest.raises(PolicyDenied, match="does not load files safely"):
        model.torch()


def test_torch_that_is_not_installed(folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with open_folder(folder, key()) as model, pytest.raises(NotFound, match="torch is not installed"):
        model.torch()


def test_merging_shards():
    assert frameworks.merge({"a": {"x": 1}, "b": {"y": 2}}) == {"x": 1, "y": 2}
    with pytest.raises(Exception, match="which another shard holds too"):
        frameworks.merge({"a": {"x": 1}, "b": {"x": 2}})
    with pytest.raises(Exception, match="no mapping"):
        frameworks.merge({"a": 1})
