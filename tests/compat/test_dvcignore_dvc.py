"""The same `.dvcignore`, the real dvc and sycee: the same files belong to a tracked folder."""

import re

import pytest

pytestmark = pytest.mark.slow

NAMES = ["a.bin", "a.tmp", "#hash", "!bang", "top", "keep.tmp", "logs", "odd name", "x", "ünï.tmp", ".hg"]
FOLDERS = ["data", "data/sub", "data/sub/deep", "data/build", "data/cache [1]"]
RULES = {
    "suffix": {".dvcignore": "*.tmp\n!keep.tmp\n"},
    "places": {".dvcignore": "/top\ndata/sub/x\nbuild/\n**/deep/x\n/data/*/logs\n"},
    "spelling": {".dvcignore": "\\#hash\r\n\\!bang  \r\n# *.bin\r\n  odd name\t\r\n\r\nx"},
    "odd": {
        ".dvcignore": "/\n[ab].*\n!a.bin\na[\ndata/**/top\nlogs/\n!!bang\n?\ndata/cache [1]/x\n*.TMP\nsub/**\n!sub/x"
    },
    "whole folders": {".dvcignore": "data/sub\n!data/sub/a.bin\n*/build/**\n"},
    "above, deeper overrides": {".dvcignore": "*.tmp\ntop\n", "in/.dvcignore": "!a.tmp\n/data/top\n*.bin\n\\#hash\n"},
    "deeper, odd": {
        ".dvcignore": "none\n",
        "in/.dvcignore": "/\na[\n\\[x]\n**/top\ndata/sub/**\n!*/\n!data/**/[a-w]*\nbuild/\n",
    },
    "in a folder with wildcards": {"in [1]/.dvcignore": "*.tmp\n", "in [1]/data/sub/none": ""},
    "ignored itself": {".dvcignore": "in/.dvcignore\n", "in/.dvcignore": "*\n"},
    "nested project": {"in/data/sub/.dvc/config": "", "in/data/other/a.bin": "other"},
}


def build(root, rules):
    """Write the tree and its rules; returns the folder that is to be tracked."""
    home = root / next((name.split("/")[0] for name in rules if "/" in name), "")
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (home / folder / name).write_text(f"{folder}/{name}")
    for name, text in rules.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    return (home / "data").relative_to(root)


def md5(pointer):
    return re.search(r"md5: (\S+)", pointer.read_text())[1]


@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_the_same_files_belong_to_a_folder(repo_dir, run, dvc, rules):
    data = build(repo_dir, rules)
    pointer = repo_dir / f"{data}.dvc"
    run("add", data)
    ours = md5(pointer)
    assert "up to date" in dvc("status").stdout
    pointer.unlink()
    dvc("add", data)
    assert md5(pointer) == ours
    assert "up to date" in run("status").stdout


@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_the_same_rules_are_shown(repo_dir, run, dvc, rules):
    build(repo_dir, rules)
    places = sorted(str(path.relative_to(repo_dir)) for path in repo_dir.rglob("*") if ".git/" not in str(path))
    targets = [*places, "data/", "./data/./a.tmp", "absent/a.tmp", "absent", "..", ".", ".git/x", repo_dir / "data/x"]
    for options in ((), ("-d", "-a", "-n")):
        expected = dvc("check-ignore", *options, *targets, rc=None)
        assert run("check-ignore", *options, *targets, rc=expected.rc).stdout == expected.stdout


def test_a_path_that_is_shown_because_it_is_not_ignored(repo_dir, run, dvc):
    (repo_dir / ".dvcignore").write_text("*.tmp\n!keep.tmp\n")
    for words, rc in ((["keep.tmp"], 1), (["-d", "keep.tmp"], 0), (["-d", "a"], 1), (["-d", "-n", "a"], 1)):
        ours, theirs = run("check-ignore", *words, rc=rc), dvc("check-ignore", *words, rc=rc)
        assert ours.stdout == theirs.stdout


def test_a_rule_that_comes_later_is_a_change_for_both(repo_dir, run, dvc):
    data = build(repo_dir, RULES["suffix"])
    run("add", data)
    (repo_dir / "data" / "new.tmp").write_text("not seen")
    assert "up to date" in run("status").stdout
    assert "up to date" in dvc("status").stdout
    (repo_dir / ".dvcignore").write_text("*.bin\n")
    assert "modified" in run("status").stdout
    assert "modified" in dvc("status").stdout


@pytest.mark.parametrize("command", [("status",), ("checkout",), ("add", "data")])
def test_both_refuse_a_dvcignore_in_a_tracked_folder(repo_dir, run, dvc, command):
    (repo_dir / "data").mkdir()
    (repo_dir / "data" / "a").write_text("a")
    run("add", "data")
    (repo_dir / "data" / ".dvcignore").write_text("x\n")
    assert ".dvcignore" in run(*command, rc=1).stderr
    assert ".dvcignore" in dvc(*command, rc=255).stderr


@pytest.mark.parametrize("command", [("status",), ("checkout",), ("add", "a.bin")])
def test_both_refuse_to_track_what_is_ignored(repo_dir, run, dvc, command):
    (repo_dir / "a.bin").write_text("a")
    run("add", "a.bin")
    (repo_dir / ".dvcignore").write_text("# no weights\n*.bin\n")
    assert "a.bin is ignored by .dvcignore:2:*.bin" in run(*command, rc=1).stderr
    assert "a.bin' is ignored by .dvcignore:2:*.bin" in dvc(*command, rc=None).stderr


def test_neither_finds_pointers_in_ignored_folders(repo_dir, run, dvc):
    (repo_dir / "old").mkdir()
    for name in ("old/a", "b"):
        (repo_dir / name).write_text(name)
    run("add", "old/a", "b")
    (repo_dir / ".dvcignore").write_text("old/\n")
    (repo_dir / "old" / "a").unlink()
    assert "up to date" in run("status").stdout
    assert "up to date" in dvc("status").stdout
