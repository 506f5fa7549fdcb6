"""``cache dir`` and ``cache migrate``: where the cache lies, and names of DVC 3 for what DVC 2 stored."""

import os
import shutil
import subprocess

import pytest

from rigs.legacy import FILES, FOLDER, old_repository
from sycee.cli.main import main
from sycee.digest import legacy_md5, md5_hex
from sycee.formats import pointer
from sycee.ops.migrate import migrate


@pytest.fixture
def sycee(repo_dir, capsys):
    """Runs ``sycee`` in the repository, in this process; returns what it printed to stdout and stderr."""

    def run(*words, rc=0, cwd=repo_dir):
        code = main(["-C", str(cwd), *map(str, words)])
        printed = capsys.readouterr()
        assert code == rc, printed
        return printed

    return run


def test_the_folder_that_applies_is_printed_absolute(sycee, repo_dir, tmp_path):
    assert sycee("cache", "dir").out == f"{repo_dir}/.dvc/cache\n"
    sycee("cache", "dir", "--global", "/srv/global")
    assert sycee("cache", "dir").out == "/srv/global\n"
    assert sycee("cache", "dir", cwd=tmp_path).out == "/srv/global\n"
    (repo_dir / "sub").mkdir()
    sycee("cache", "dir", "../../shared", cwd=repo_dir / "sub")
    assert (repo_dir / ".dvc/config").read_text() == "[cache]\n    dir = ../../shared\n"
    sycee("cache", "dir", "--local", "~/cache")
    assert sycee("cache", "dir", "--project").out == f"{tmp_path}/shared\n"
    assert sycee("cache", "dir").out.endswith("/cache\n")
    sycee("cache", "dir", "--unset", "--local")
    assert sycee("cache", "dir").out == f"{tmp_path}/shared\n"


def test_what_is_not_set_is_no_default(sycee, repo_dir, tmp_path):
    assert f"not set in {repo_dir}/.dvc/config.local" in sycee("cache", "dir", "--local", rc=1).err
    sycee("cache", "dir", "--unset", rc=1)
    assert "not inside" in sycee("cache", "dir", cwd=tmp_path, rc=1).err
    assert "not inside" in sycee("cache", "dir", "x", cwd=tmp_path, rc=1).err
    sycee("cache", "dir", "x", "--unset", rc=2)


def test_a_cache_that_is_no_folder_is_refused_when_it_is_set_and_when_it_is_used(sycee, repo_dir):
    (repo_dir / "file").write_text("precious")
    assert "is a file, and a cache is a folder" in sycee("cache", "dir", "file", rc=1).err
    assert (repo_dir / ".dvc/config").read_text() == ""
    sycee("config", "cache.dir", "file")
    (repo_dir / "a").touch()
    refused = sycee("add", "a", rc=1).err
    assert f"{repo_dir}/file is a file, where the cache needs a folder" in refused
    assert "sycee cache dir FOLDER" in refused
    assert not (repo_dir / "a.dvc").exists()
    assert (repo_dir / "file").read_text() == "precious"


def test_a_cache_that_may_not_be_written_is_named(sycee, repo_dir, tmp_path):
    (repo_dir / "a").write_text("1")
    (tmp_path / "sealed").mkdir(mode=0o500)
    sycee("cache", "dir", tmp_path / "sealed")
    tamed = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]  # root may else
    words = tamed if os.getuid() == 0 else []
    done = subprocess.run([*words, "sycee", "add", "a"], cwd=repo_dir, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [f"error: {tmp_path}/sealed/sycee: Permission denied", "hint: check who owns it, and its permissions"],
    )
    assert not (repo_dir / "a.dvc").exists()


def test_an_object_of_another_user_of_the_cache_is_left_as_it_is(repo, repo_dir, monkeypatch):
    (repo_dir / "a").write_text("shared")
    digests = repo.cache.ingest(repo_dir / "a")

    def refuse(*_, **__):
        raise PermissionError("not the owner")

    monkeypatch.setattr("os.chmod", refuse)
    (repo_dir / "b").write_text("shared")
    assert repo.cache.ingest(repo_dir / "b") == digests


def test_old_objects_get_new_names_and_keep_the_old(repo, repo_dir):
    old_repository(repo_dir)
    before = {path: path.read_bytes() for path in (repo_dir / ".dvc/cache").rglob("*") if path.is_file()}
    done = migrate(repo, pointers=False)
    assert (done.objects, done.pointers, done.left, done.failures) == (len(before), [], [], [])
    for path, data in before.items():
        assert path.read_bytes() == data
        new = repo.cache.path(md5_hex(data) + path.suffix)
        assert not data or new.samefile(path)
        assert new.stat().st_mode & 0o777 == 0o444
    assert migrate(repo, pointers=False).objects == 0


def test_pointers_are_rewritten_from_the_objects_not_from_the_work_tree(repo, repo_dir):
    old_repository(repo_dir)
    raw = "# why\n" + (repo_dir / "a.txt.dvc").read_text() + "desc: kept\n"
    (repo_dir / "a.txt.dvc").write_text(raw)
    (repo_dir / "a.txt").write_bytes(b"changed, and not committed")
    shutil.rmtree(repo_dir / "data")
    done = migrate(repo, pointers=True)
    assert [path.name for path in done.pointers] == ["a.txt.dvc", "b.bin.dvc", "data.dvc"]
    text = (repo_dir / "a.txt.dvc").read_text()
    assert text.startswith("# why\n")
    assert "desc: kept\n" in text
    found = pointer.parse(text.encode(), "a.txt.dvc")
    assert (found.outs[0].md5, found.outs[0].hash) == (md5_hex(FILES["a.txt"]), "md5")
    assert pointer.strong_digests(found, md5_hex(FILES["a.txt"]))
    assert (repo_dir / "a.txt").read_bytes() == b"changed, and not committed"
    [data] = pointer.parse((repo_dir / "data.dvc").read_bytes(), "data.dvc").outs
    assert (data.nfiles, data.size) == (len(FOLDER), sum(map(len, FOLDER.values())))
    assert migrate(repo, pointers=True).pointers == []


def test_damaged_and_missing_objects_are_told_and_the_rest_is_done(sycee, repo_dir):
    old_repository(repo_dir)
    cache = repo_dir / ".dvc/cache"
    damaged, missing = (legacy_md5([data]) for data in (FILES["b.bin"], FOLDER["sub/c"]))
    place = cache / damaged[:2] / damaged[2:]
    place.chmod(0o644)
    place.write_bytes(b"other bytes")
    (cache / missing[:2] / missing[2:]).unlink()
    before = {name: (repo_dir / name).read_bytes() for name in ("b.bin.dvc", "data.dvc")}
    printed = sycee("cache", "migrate", "--dvc-files", rc=11)
    assert printed.out == "Migrated 4 files to DVC 3.0 cache location.\nUpdating DVC file 'a.txt.dvc'\n"
    assert f"object {damaged} is damaged" in printed.err
    assert f"data: object {missing} is not in the cache, or damaged" in printed.err
    assert {name: (repo_dir / name).read_bytes() for name in before} == before
    assert [path.read_bytes() for path in (cache / "sycee/quarantine").iterdir()] == [b"other bytes"]


def test_a_collision_loses_nothing(sycee, repo_dir):
    old_repository(repo_dir)
    taken = md5_hex(FILES["a.txt"])
    place = repo_dir / ".dvc/cache/files/md5" / taken[:2] / taken[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"damaged")
    sycee("cache", "migrate")
    assert place.read_bytes() == FILES["a.txt"]
    assert [path.read_bytes() for path in (repo_dir / ".dvc/cache/sycee/quarantine").iterdir()] == [b"damaged"]


def test_imports_and_pipelines_are_left_to_dvc(sycee, repo_dir):
    old_repository(repo_dir)
    imported = "deps:\n- path: x\n  repo:\n    url: ../other\n    rev_lock: abcdef0123456789012345678901234567890123\n"
    (repo_dir / "b.bin.dvc").write_text(imported + (repo_dir / "b.bin.dvc").read_text())
    before = (repo_dir / "b.bin.dvc").read_bytes()
    printed = sycee("cache", "migrate", "--dvc-files")
    assert "b.bin.dvc is left as it is: dvc cache migrate" in printed.err
    assert "git add a.txt.dvc data.dvc" in printed.err
    assert (repo_dir / "b.bin.dvc").read_bytes() == before


def test_dry_changes_nothing(sycee, repo_dir):
    old_repository(repo_dir)
    before = {path: path.read_bytes() for path in repo_dir.rglob("*") if path.is_file()}
    assert sycee("cache", "migrate", "--dry").out == (
        "6 files will be re-hashed and migrated to the DVC 3.0 cache location.\n"
    )
    assert "\ta.txt.dvc\n\tb.bin.dvc\n\tdata.dvc\n" in sycee("cache", "migrate", "--dry", "--dvc-files").out
    assert {path: path.read_bytes() for path in repo_dir.rglob("*") if path.is_file()} == before


def test_a_link_in_the_cache_is_no_object(repo, repo_dir, tmp_path):
    (tmp_path / "secret").write_text("secret")
    name = legacy_md5([b"secret"])
    (repo_dir / ".dvc/cache" / name[:2]).mkdir(parents=True)
    (repo_dir / ".dvc/cache" / name[:2] / name[2:]).symlink_to(tmp_path / "secret")
    assert migrate(repo, pointers=True).objects == 0
