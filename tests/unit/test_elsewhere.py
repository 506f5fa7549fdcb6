"""Outs that sycee cannot bring: it says so, says how, and leaves them and their pointers as they are."""

import pytest

from sycee.errors import NotFound
from sycee.ops.checkout import Options, checkout
from sycee.ops.push import push
from sycee.ops.status import status
from sycee.ops.transfer import fetch
from sycee.store.objects import Outcome

FOLDER = """\
outs:
- path: d
  hash: md5
  files:
  - size: 2
    cloud:
      vr:
        etag: abc1
        version_id: v1
    md5: 26ab0db90d72e28ad0ba1e22ee510510
    relpath: s/b
  - relpath: a
    md5: b026324c6904b2a9cb4b88d6d61c81d1
"""
FILE = """\
outs:
- md5: 26ab0db90d72e28ad0ba1e22ee510510
  size: 2
  hash: md5
  path: w.bin
  cloud:
    vr:
      etag: abc
      version_id: v2
"""
LEFT_OUT = """\
md5: ab4518e92ca5f4cf6fb0e244468b9e69
frozen: true
deps:
- md5: 3e2b31c72181b87149ff995e7202c0e3
  size: 10
  hash: md5
  path: ../src/models/run.sh
outs:
- hash: md5
  path: r.sh
"""


def no_remote(name):
    raise NotFound(f"no remote is to be asked, not even {name}")


@pytest.fixture
def versions(repo):
    """Versioned pointers, with the content that they name in the work tree."""
    (repo.root / "d/s").mkdir(parents=True)
    for name, text in {"d/a": "1\n", "d/s/b": "2\n", "w.bin": "2\n", "d.dvc": FOLDER, "w.bin.dvc": FILE}.items():
        (repo.root / name).write_text(text)
    return repo


def test_what_is_here_needs_nothing(versions):
    assert not status(versions, versions.tracked()).changes
    assert fetch(versions, versions.tracked(), no_remote) == Outcome()
    assert not checkout(versions, versions.tracked()).marks
    assert push(versions, versions.tracked(), no_remote) == Outcome()
    assert (versions.root / "d.dvc").read_text() == FOLDER


@pytest.mark.parametrize("name", ["d/a", "w.bin"])
def test_what_changed_or_is_gone_is_told_and_left_alone(versions, name):
    changed = versions.root / name
    tracked = name.partition("/")[0]
    changed.write_text("mine")
    assert [(one.relpath, one.state) for one in status(versions, versions.tracked()).changes] == [(tracked, "modified")]
    with pytest.raises(NotFound, match=f"{tracked}: it is kept as versions") as raised:
        checkout(versions, versions.tracked())
    hints = {"d": "bring it with dvc: dvc pull d.dvc", "w.bin": "bring it: sycee pull w.bin.dvc"}  # d has one without
    assert raised.value.hint == hints[tracked]
    told = {"d": "d: it is kept as versions", "w.bin": "w.bin: there is no remote 'vr'"}
    with pytest.raises(NotFound, match=told[tracked]):
        fetch(versions, versions.tracked(), no_remote)
    with pytest.raises(NotFound):
        checkout(versions, versions.tracked(), Options(force=True))
    assert changed.read_text() == "mine"
    assert (versions.root / "w.bin.dvc").read_text() == FILE
    assert (versions.root / "d.dvc").read_text() == FOLDER


def test_an_import_from_an_address_without_content_is_told(repo):
    (repo.root / "r.sh.dvc").write_text(LEFT_OUT)
    with pytest.raises(NotFound, match="imported without its content") as raised:
        checkout(repo, repo.tracked())
    assert raised.value.hint == "bring it and note it in its pointer: sycee pull r.sh.dvc"


def test_a_folder_of_versions_without_digests_is_not_taken_for_what_lies_there(versions):
    (versions.root / "d.dvc").write_text(FOLDER.replace("    md5: 26ab0db90d72e28ad0ba1e22ee510510\n", ""))
    with pytest.raises(NotFound):
        fetch(versions, versions.tracked(), no_remote)
