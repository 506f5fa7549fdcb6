"""`.dvcignore`: what is a rule, which rule decides, and what the operations make of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sycee.cli.main import cli
from sycee.errors import Conflict, FormatError, UsageError
from sycee.formats.dvcignore import MAX_BYTES, Matcher, parse
from sycee.ops.add import add
from sycee.ops.checkout import Options, checkout
from sycee.ops.status import status
from sycee.workspace.content import members
from sycee.workspace.ignored import Ignored


def write(root, **files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def names(repo, folder):
    return [member.relpath for member in members(repo, repo.root / folder)]


def test_the_page_says_what_the_code_does():
    page = (Path(__file__).parents[2] / "docs/spec/dvcignore.md").read_text()
    matcher = Matcher(parse(re.search(r"```gitignore\n(.*?)```", page, re.DOTALL)[1].encode(), ""))
    rows = re.findall(r"^\| `(.+?)` \| (?:`(.+)`|none) \| (yes|no) \|$", page, re.MULTILINE)
    assert len(rows) == 6
    for path, source, ignored in rows:
        verdict = matcher.match(path, is_dir=False)
        assert (verdict.rule.source if verdict.rule else "", verdict.ignored) == (source, ignored == "yes"), path


def test_lines_are_stripped_and_comments_left_out():
    rules = parse(b"# no\r\n\r\n  *.tmp\t\r\n\\#x\rlast", "a/b")
    assert [(rule.pattern, rule.source) for rule in rules] == [
        ("*.tmp", "a/b/.dvcignore:3:*.tmp"),
        ("\\#x", "a/b/.dvcignore:4:\\#x"),
        ("last", "a/b/.dvcignore:5:last"),
    ]


@pytest.mark.parametrize("data", [b"\xff", b"x" * (MAX_BYTES + 1)], ids=["not-utf8", "long"])
def test_a_file_that_cannot_be_read_is_refused(data):
    with pytest.raises(FormatError, match=r"^a/\.dvcignore is "):
        parse(data, "a")


@pytest.mark.parametrize("pattern", ["!", "a\\", "\\"])
def test_a_line_that_is_no_pattern_is_named(pattern):
    with pytest.raises(FormatError) as raised:
        Matcher(parse(f"ok\n{pattern}\n".encode(), ""))
    assert raised.value.message == f".dvcignore:2:{pattern}: not a pattern"
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "folder", "ignored", "seen"),
    [
        ("*.tmp\n!keep.tmp", "", ["a.tmp", "x/a.tmp"], ["keep.tmp", "x/keep.tmp", "a.tmpx"]),
        ("!keep.tmp\n*.tmp", "", ["keep.tmp"], []),
        ("/top", "", ["top", "top/x"], ["x/top"]),
        ("dir/", "", ["dir/x", "x/dir/y"], ["dir"]),
        ("dir/\n!dir/x", "", ["dir/x"], []),
        ("a/**/z", "", ["a/z", "a/b/c/z"], ["z", "b/a/z"]),
        ("/top", "sub", ["sub/top"], ["top", "sub/x/top"]),
        ("top", "sub", ["sub/top", "sub/x/top"], ["top"]),
        ("x/y", "sub", ["sub/x/y"], ["x/y", "sub/a/x/y"]),
        ("/", "sub", [], ["sub/x"]),
        ("\\[x]", "sub", ["sub/x"], ["sub/[x]"]),  # so DVC: a deeper rule loses the backslash at its beginning
        ("\\[x]", "", ["[x]"], ["x"]),
        ("", "", [".git", ".git/config", "x/.git", ".dvc/config", ".hg/x"], [".hg", ".dvc", ".gitignore", "x.dvc"]),
        ("unrelated", "", [".git", "x/.dvc/config", ".hg/x"], [".hg", ".dvc"]),
    ],
)
def test_which_files_are_ignored(text, folder, ignored, seen):
    matcher = Matcher(parse(text.encode(), folder))
    assert [path for path in ignored + seen if matcher.match(path, is_dir=False).ignored] == ignored


def test_a_deeper_file_overrides(tmp_path):
    write(tmp_path, **{".dvcignore": "*.tmp\nlost\n", "in/.dvcignore": "!a.tmp\n", "lost/.dvcignore": "!*\n"})
    ignored = Ignored(tmp_path)
    assert not ignored.ignores("in/deep/a.tmp")
    assert ignored.ignores("a.tmp")
    assert ignored.verdict("in/b.tmp").rule.source == ".dvcignore:1:*.tmp"
    assert ignored.verdict("in/a.tmp").rule.source == "in/.dvcignore:1:!a.tmp"
    assert ignored.ignores("lost/x")  # an ignored folder has no rules to say


def test_what_git_calls_its_own_is_ignored_beside_files_that_are_not(tmp_path):
    ignored = Ignored(tmp_path)  # as of a submodule, whose .git is a file
    judged = [name for name in ("d/-b", "d/.git", "d/a", "d/.git/x", "d/.gitignore") if ignored.ignores(name)]
    assert judged == ["d/.git", "d/.git/x"]


def test_another_project_is_no_part_of_a_folder(repo):
    write(repo.root, **{"data/a": "a", "data/p/.dvc/config": "", "data/p/x": "x", "data/.hg": "a file"})
    assert names(repo, "data") == [".hg", "a"]
    write(repo.root, **{"data/p/q/.dvc/config": ""})
    for paths in (["data/p/x", "data/p/q/x", "data/p/q/r/x"], ["data/p/q/r/x", "data/p/q/x", "data/p/x"]):
        ignored = Ignored(repo.root)
        assert {ignored.verdict(path).rule.source for path in paths} == {"in sub_repo:p"}
        assert not ignored.ignores("data/a")


def test_what_lies_in_an_ignored_folder_is_ignored_by_the_rule_of_that_folder():
    matcher = Matcher(parse(b"lost/\n!lost/in/\n", ""))
    for paths in (["lost/in/deep/x", "lost/in/x", "lost/x"], ["lost/x", "lost/in/x", "lost/in/deep/x"]):
        assert {matcher.match(path, is_dir=False).rule.pattern for path in paths} == {"lost/"}
    assert not matcher.match("in/x", is_dir=False).ignored


def test_a_file_deeper_than_the_stack_is_judged(tmp_path):
    write(tmp_path, **{".dvcignore": "x\n"})
    assert Ignored(tmp_path).ignores("a/" * 1500 + "x")


def test_checkout_and_status_leave_ignored_files_alone(repo):
    data = repo.root / "data"
    write(repo.root, **{".dvcignore": "*.tmp\nscratch/\n", "data/a": "a"})
    add(repo, [data])
    write(data, **{"notes.tmp": "mine", "scratch/x": "mine", "extra": "a"})
    assert names(repo, "data") == ["a", "extra"]
    assert [change.state for change in status(repo, repo.tracked()).changes] == ["modified"]
    assert checkout(repo, repo.tracked(), Options(force=True)).marks == [("M", "data/")]
    assert sorted(path.name for path in data.rglob("*")) == ["a", "notes.tmp", "scratch", "x"]
    assert status(repo, repo.tracked()).changes == ()


def test_a_folder_that_moves_away_keeps_its_ignored_files(repo):
    data = repo.root / "data"
    write(repo.root, **{".dvcignore": "*.tmp\n", "data/sub/a": "a", "data/b": "b"})
    add(repo, [data])
    old = repo.tracked()
    (data / "sub" / "a").unlink()
    write(data, **{"sub/mine.tmp": "mine", "sub/c": "b"})
    checkout(repo, old, Options(force=True))
    assert (data / "sub" / "mine.tmp").read_text() == "mine"
    assert not (data / "sub" / "c").exists()


def test_what_is_ignored_cannot_be_added(repo):
    write(repo.root, **{".dvcignore": "*.tmp\n", "a.tmp": "a"})
    with pytest.raises(Conflict, match=r"^a\.tmp is ignored by \.dvcignore:1:\*\.tmp"):
        add(repo, [repo.root / "a.tmp"])
    assert not (repo.root / "a.tmp.dvc").exists()


def test_a_pointer_whose_file_is_ignored_is_refused_even_if_the_file_is_gone(repo):
    write(repo.root, **{"a.bin": "a"})
    add(repo, [repo.root / "a.bin"])
    write(repo.root, **{".dvcignore": "/a.bin/\n"})
    assert repo.tracked()  # the rule speaks of a folder
    (repo.root / "a.bin").unlink()
    with pytest.raises(Conflict, match=r"is ignored by \.dvcignore:1"):
        repo.tracked()


def test_a_dvcignore_in_a_tracked_folder_is_refused(repo):
    write(repo.root, **{"data/a": "a", "data/.dvcignore": "a\n"})
    with pytest.raises(Conflict, match="lies in a tracked folder"):
        add(repo, [repo.root / "data"])
    write(repo.root, **{".dvcignore": "data/.dvcignore\n"})
    assert names(repo, "data") == ["a"]


def test_pathspec_is_loaded_only_for_rules(repo, run):
    script = (
        "import sys; from pathlib import Path; from sycee.workspace.ignored import Ignored\n"
        "print(Ignored(Path()).ignores('a/.git/x'), 'pathspec' in sys.modules)"
    )

    def loaded():
        return subprocess.run([sys.executable, "-c", script], cwd=repo.root, capture_output=True, text=True).stdout

    assert loaded() == "True False\n"
    write(repo.root, **{".dvcignore": "x\n"})
    assert loaded() == "True True\n"


def test_check_ignore_prints_what_scripts_match(repo_dir, run):
    write(repo_dir, **{".dvcignore": "*.tmp\n!keep.tmp\n", "sub/a.tmp": ""})
    assert run("check-ignore", "a.tmp", "b", "keep.tmp").stdout == "a.tmp\n"
    assert run("check-ignore", "../a.tmp", "a.tmp", cwd=repo_dir / "sub").stdout == "../a.tmp\na.tmp\n"
    assert run("check-ignore", "b", "keep.tmp", rc=1).stdout == ""
    details = ".dvcignore:1:*.tmp\ta.tmp\n::\tb\n.dvcignore:2:!keep.tmp\tkeep.tmp\n"
    assert run("check-ignore", "-d", "-a", "-n", "a.tmp", "b", "keep.tmp").stdout == details
    assert run("check-ignore", "-d", "..", ".", rc=1).stdout == ""
    assert "add --details" in run("check-ignore", "-n", "b", rc=2).stderr
    assert "add --details" in run("check-ignore", "-a", "b", rc=2).stderr


def test_check_ignore_reads_paths_from_standard_input(repo_dir, monkeypatch):
    monkeypatch.chdir(repo_dir)
    (repo_dir / ".dvcignore").write_text("*.tmp\n")

    def piped(text, *words):
        done = CliRunner().invoke(cli, ["check-ignore", "--stdin", *words], input=text)
        return done.exit_code, done.stdout

    assert piped("a.tmp\nb\na b.tmp") == (0, "a.tmp\na b.tmp\n")
    assert piped("a.tmp\nb\n", "-d", "-n") == (0, ".dvcignore:1:*.tmp\ta.tmp\n::\tb\n")
    assert piped("b\n") == piped("") == (1, "")
    for words in (["--stdin", "a.tmp"], []):
        with pytest.raises(UsageError, match=r"which paths\?"):
            CliRunner().invoke(cli, ["check-ignore", *words], catch_exceptions=False)
