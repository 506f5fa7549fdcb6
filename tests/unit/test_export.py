"""Export: the whole right folder under its name, or nothing."""

import shutil

import pytest

from rigs.signed import MODEL, fixed_key, sign_folder, verify_folder, write_model
from sycee.errors import Conflict, DigestMismatch, NotFound, SignatureInvalid
from sycee.ops.export import export
from sycee.ops.trustplace import Asked
from sycee.trust import keys


@pytest.fixture
def model(tmp_path):
    folder = write_model(tmp_path / "bert")
    sign_folder(folder)
    (folder / ".gitignore").write_bytes(b"/model.pt\n")
    (folder / "records").mkdir()
    (folder / "records" / "eval.json").write_bytes(b"{}\n")
    return folder


EXPORTED = {*MODEL, "SHA256SUMS", "SHA256SUMS.sig", "model.pt.sig", "model.sig", ".gitattributes", "records/eval.json"}


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("with_key", [True, False])
def test_export(model, tmp_path, with_key):
    done = export(model, tmp_path / "srv", asked=Asked(key=fixed_key().public) if with_key else None)
    assert done.verified is with_key
    assert names(tmp_path / "srv") == EXPORTED
    assert done.files == len(EXPORTED)
    assert verify_folder(tmp_path / "srv").identity == done.identity
    assert {path.name for path in tmp_path.iterdir()} == {"bert", "srv"}


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("name", ["model.pt", "extra", "SHA256SUMS"])
def test_what_differs_leaves_nothing(model, tmp_path, with_key, name):
    (model / name).write_bytes(b"evil")
    with pytest.raises(Exception, match=name) as caught:
        export(model, tmp_path / "srv", asked=Asked(key=fixed_key().public) if with_key else None)
    assert isinstance(caught.value, DigestMismatch) or name == "SHA256SUMS"
    assert {path.name for path in tmp_path.iterdir()} == {"bert"}


def test_wrong_key(model, tmp_path):
    with pytest.raises(SignatureInvalid):
        export(model, tmp_path / "srv", asked=Asked(key=keys.generate("p256").public))
    assert not (tmp_path / "srv").exists()


def test_places_that_are_refused(model, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(Conflict, match="exists"):
        export(model, tmp_path / "there")
    with pytest.raises(Conflict, match="lies in the model"):
        export(model, model / "context" / "srv")
    with pytest.raises(NotFound, match="there is no folder"):
        export(model, tmp_path / "no" / "srv")
    with pytest.raises(NotFound, match="is not a model folder"):
        export(tmp_path / "nothing", tmp_path / "srv")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="symbolic links"):
        export(tmp_path / "circle", tmp_path / "srv")
    shutil.rmtree(model / "records")
    (model / "SHA256SUMS").unlink()
    with pytest.raises(NotFound, match="has no SHA256SUMS"):
        export(model, tmp_path / "srv")
    assert not (tmp_path / "srv").exists()
