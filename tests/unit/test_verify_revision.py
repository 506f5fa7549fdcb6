"""A commit is judged without checking it out, and gets the verdict that it would get checked out."""

import subprocess
from dataclasses import replace

import pytest

from rigs.signed import fixed_key, sign_folder
from rigs.versions import NAME, commit, commit_version, git, model_of
from sycee.cli.main import main
from sycee.core.progress import SILENT
from sycee.digest import digest_bytes
from sycee.errors import MissingData, NotFound, SyceeError, UsageError, WrongVersion
from sycee.ops.add import add
from sycee.ops.atrevision import Spot, spot_of, verify_at
from sycee.ops.checkout import Options, checkout
from sycee.ops.trustplace import Asked
from sycee.ops.verify import verify

ASKED = Asked(key=fixed_key().public)


def verdict(judge):
    try:
        done = judge()
    except SyceeError as error:
        return type(error), sorted(map(str, error.details.get("problems", [])))
    return done.identity, sorted(done.files), done.warnings


def both(repo, rev):
    """Judge a commit from its objects; then check it out and judge the folder."""
    before = git(repo, "status", "--porcelain")
    far = verdict(lambda: verify_at(repo, Spot(rev, NAME), ASKED))
    assert git(repo, "status", "--porcelain") == before
    git(repo, "checkout", "-q", "--force", rev)
    git(repo, "clean", "-qfd", "models")
    checkout(repo, repo.tracked(), Options(force=True), progress=SILENT)
    return far, verdict(lambda: verify(model_of(repo), ASKED))


def tamper_card(repo):
    (model_of(repo) / "model_card.yaml").write_bytes(b"task: other\n")


def add_file(repo):
    (model_of(repo) / "context" / "notes.txt").write_bytes(b"x")


def remove_file(repo):
    (model_of(repo) / "context" / "requirements.lock").unlink()


def link(repo):
    (model_of(repo) / "context" / "requirements.lock").unlink()
    (model_of(repo) / "context" / "requirements.lock").symlink_to("../model_card.yaml")


def bytecode(repo):
    (model_of(repo) / "__pycache__").mkdir()
    (model_of(repo) / "__pycache__" / "x.pyc").write_bytes(b"x")


def hidden(repo):
    (model_of(repo) / ".github").mkdir()
    (model_of(repo) / ".github" / "x.yaml").write_bytes(b"x")


def other_weights(repo):
    (model_of(repo) / "model.pt").unlink()
    (model_of(repo) / "model.pt").write_bytes(b"other weights")
    add(repo, [model_of(repo) / "model.pt"])


def unsigned(repo):
    (model_of(repo) / "model.sig").unlink()


def torn_bundle(repo):
    (model_of(repo) / "model.sig").write_bytes(b"{}")


def other_sums(repo):
    (model_of(repo) / "SHA256SUMS").write_bytes(b"0" * 64 + b"  x\n")


def nothing(_repo):
    pass


CHANGES = [nothing, tamper_card, add_file, remove_file, link, bytecode, hidden, other_weights, unsigned, torn_bundle]


@pytest.mark.parametrize("change", [*CHANGES, other_sums], ids=lambda change: change.__name__)
def test_the_same_verdict_as_checked_out(repo, change):
    commit_version(repo, "1.0.0")
    change(repo)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "--allow-empty", "-m", "changed")
    git(repo, "tag", "changed")
    (model_of(repo) / "model_card.yaml").write_bytes(b"what lies here now does not matter\n")
    far, near = both(repo, "changed")
    assert far == near
    assert isinstance(far[0], str) == (change is nothing)


def test_every_name_of_a_commit(repo):
    identities = [commit_version(repo, version) for version in ("1.0.0", "1.1.0", "1.2.0")]
    git(repo, "branch", "-m", "renamed")
    git(repo, "tag", "-am", "annotated", "again", "v1.1.0")
    for rev, at in (("v1.0.0", 0), ("HEAD~2", 0), ("again", 1), ("renamed~1", 1), ("HEAD", 2), ("renamed", 2)):
        assert verify_at(repo, Spot(rev, NAME), ASKED).identity == identities[at]
    with pytest.raises(WrongVersion):
        verify_at(repo, Spot("v1.0.0", NAME), replace(ASKED, expect="bert@1.1.0"))


def test_a_folder_tracked_as_a_whole(repo):
    identity = commit_version(repo, "1.0.0", whole=True)
    commit_version(repo, "1.1.0", whole=True)
    far, near = both(repo, "v1.0.0")
    assert far == near
    assert far[0] == identity


def test_missing_objects_are_named_with_what_brings_them(repo):
    commit_version(repo, "1.0.0")
    commit_version(repo, "1.1.0")
    lost = repo.cache.path(digest_bytes(b"weights of 1.0.0").md5)
    lost.unlink()
    with pytest.raises(MissingData, match=r"the cache lacks model\.pt") as caught:
        verify_at(repo, Spot("v1.0.0", NAME), ASKED)
    assert caught.value.hint == "bring it: sycee fetch --rev v1.0.0"
    lost.parent.mkdir(exist_ok=True)
    lost.write_bytes(b"weights of 6.6.6")
    assert verdict(lambda: verify_at(repo, Spot("v1.0.0", NAME), ASKED))[1]


def test_submodules_are_no_files(repo, tmp_path):
    commit_version(repo, "1.0.0")
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},{NAME}/vendored")
    git(repo, "commit", "-qm", "submodule")
    with pytest.raises(SyceeError, match="vendored is a submodule"):
        verify_at(repo, Spot("HEAD", NAME), ASKED)


def test_a_project_below_the_top_of_git(tmp_path, repo, run):
    inner = repo.root / "inner"
    inner.mkdir()
    assert main(["-C", str(inner), "init", "--subdir"]) == 0
    model = inner / "bert"
    model.mkdir()
    (model / "model.pt").write_bytes(b"weights")
    assert main(["-C", str(inner), "add", "bert/model.pt"]) == 0
    sign_folder(model)
    commit(repo, "inner")
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    for place, text in ((inner, "HEAD:inner/bert"), (inner, "HEAD:./bert"), (model, "HEAD:../bert/")):
        words = ["-C", str(place), "verify", text, "--key", str(tmp_path / "key.pub")]
        assert main(words) == 0, text


@pytest.mark.parametrize("text", [":models/bert", "HEAD:", "HEAD:.", "HEAD:/"])
def test_what_is_no_spot(repo, text):
    with pytest.raises(UsageError, match="not REV:PATH"):
        spot_of(repo, text, repo.root)


@pytest.mark.parametrize(
    ("rev", "folder", "words"),
    [
        ("nobody", NAME, "'nobody' is no revision"),
        ("--all", NAME, "'--all' is no revision"),
        ("HEAD", "models/none", "has no folder models/none"),
        ("HEAD", f"{NAME}/model_card.yaml", "has no folder"),
        ("HEAD", "a\nb", "has no folder"),
    ],
)
def test_what_is_not_there(repo, rev, folder, words):
    commit_version(repo, "1.0.0")
    with pytest.raises(NotFound, match=words):
        verify_at(repo, Spot(rev, folder), ASKED)


def test_outside_of_the_repository(repo):
    for text in ("HEAD:../x", "HEAD:./../../x"):
        with pytest.raises(NotFound, match="outside"):
            spot_of(repo, text, repo.root)


def test_a_folder_of_that_name_comes_first(repo, tmp_path, capsys):
    commit_version(repo, "1.0.0")
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    (repo.root / "v1.0.0:models" / "bert").mkdir(parents=True)
    words = ["-C", str(repo.root), "verify", "v1.0.0:models/bert", "--key", str(tmp_path / "key.pub")]
    assert main(words) == 12
    assert "v1.0.0:models/bert is not signed" in capsys.readouterr().err


def test_the_command(repo, tmp_path, capsys):
    identity = commit_version(repo, "1.0.0")
    commit_version(repo, "1.1.0")
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    words = ["-C", str(repo.root), "verify", "v1.0.0:models/bert", "--key", str(tmp_path / "key.pub")]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"verified  bert@1.0.0\nidentity  sycee:{identity}\n")
    subprocess.run(["git", "-C", str(repo.root), "rm", "-rq", "--cached", NAME], check=True)
    assert main([*words, "--expect", "bert@1.1.0"]) == 13
    assert main(["-C", str(tmp_path), *words[2:]]) == 1  # no repository
