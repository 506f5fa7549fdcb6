"""The review: what differs and nothing else, read from Git alone; and nothing in a repository becomes markup."""

import json
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rigs.signed import KEY_PEM, write_model
from sycee.cli.commands.review import _size
from sycee.cli.main import main
from sycee.cli.page import MAX_MARKDOWN, Bullets, Heading, Paragraph, Quoted, Table, as_markdown, as_text
from sycee.core.fields import Field, changed
from sycee.formats import requirements
from sycee.ops.add import add
from sycee.ops.modelstate import Weights
from sycee.ops.review import review

CARD = """\
task: ner
metrics: {f1: %s, acc: 0.5}
training_config: {lr: 0.01, epochs: %s}
data_version: v%s
framework_version: torch==2.13.0
"""


def commit(git, message="x"):
    git("add", "-A")
    git("commit", "-qm", message)
    return git("rev-parse", "HEAD").stdout.strip()


def model(repo, name="models/bert", *, weights=b"1", card=CARD % ("0.8", 3, 1), lock=b"torch==2.13.0\nnumpy==2.0\n"):
    folder = repo.root / name
    files = {"model.pt": weights, "model_card.yaml": card.encode(), "context/requirements.lock": lock}
    write_model(folder, files)
    add(repo, [folder / "model.pt"])


@pytest.fixture
def base(repo, git):
    model(repo)
    (repo.root / "data").write_bytes(b"1")
    add(repo, [repo.root / "data"])
    return commit(git)


def found(repo, base, head="HEAD"):
    return review(repo, base, head, None)


def page(repo, capsys, *words, rc=0):
    capsys.readouterr()
    assert main(["-C", str(repo.root), "review", *words]) == rc
    return capsys.readouterr().out


def test_only_what_differs(repo, git, base, capsys):
    card = CARD % ("0.85", 3, 2) + "name: bert\n"
    model(repo, weights=b"22", card=card, lock=b"torch==2.13.0\nnumpy==2.1\nnew==1\n")
    (repo.root / "data").write_bytes(b"two")
    add(repo, [repo.root / "data"])
    head = commit(git)
    (one,) = found(repo, base).models
    assert (one.folder, one.kind) == ("models/bert", "updated")
    assert one.fields == {
        "metrics": (Field("f1", 0.8, 0.85),),
        "data": (Field("data_version", "v1", "v2"),),
        "about": (Field("name", None, "bert"),),
    }
    assert one.packages == (Field("numpy", "2.0", "2.1"), Field("new", None, "1"))
    assert page(repo, capsys, base, "--no-remote").splitlines() == [
        f"Models and data: {base[:10]} → {head[:10]}",
        "",
        "1 model updated, 1 tracked path outside of models changed.",
        "Remotes were not asked whether they have the objects.",
        "",
        "models/bert updated: bert",
        "",
        "  weights               before  after    object",
        "  models/bert/model.pt  1 byte  2 bytes  c4ca4238a0 → b6d767d2f8",
        "",
        "  metric  before  after  change",
        "  f1      0.8     0.85   +0.05",
        "",
        "  data          before  after",
        "  data_version  v1      v2",
        "",
        "  about  before  after",
        "  name   -       bert",
        "",
        "  package  before  after",
        "  numpy    2.0     2.1",
        "  new      -       1",
        "",
        "  - ⚠ it is not signed",
        "",
        "Outside of models",
        "",
        "  tracked  before  after    object",
        "  data     1 byte  3 bytes  c4ca4238a0 → b8a9f715db",
    ]


def test_a_pointer_that_became_unreadable_is_no_pointer_that_has_everything(repo, git, base, capsys, tmp_path):
    for words in (["remote", "add", "-d", "store", str(tmp_path / "store")], ["push"]):
        assert main(["-C", str(repo.root), *words]) == 0
    assert "✓ Every object" in page(repo, capsys, base)
    (repo.root / "data.dvc").write_text("outs: [")
    broken = commit(git)
    assert main(["-C", str(repo.root), "review", base, "--markdown"]) == 1
    said = capsys.readouterr()
    assert "✗ Not every pointer can be read" in said.out
    assert "data.dvc is not readable YAML" in said.err
    (repo.root / "plain").write_text("x")
    commit(git)
    assert "✗" in page(repo, capsys, base, rc=1)
    assert "Note: data.dvc" in page(repo, capsys, broken)  # it was so before


def test_added_removed_and_nothing(repo, git, base, capsys):
    assert "No model and nothing tracked changed." in page(repo, capsys, base, "--no-remote")
    shutil.rmtree(repo.root / "models/bert")
    model(repo, "models/new")
    commit(git)
    removed, added = found(repo, base).models
    assert (removed.kind, removed.fields, removed.new) == ("removed", {}, None)
    assert (added.kind, added.weights[0].old) == ("added", None)
    assert {field.name for field in added.fields["metrics"]} == {"f1", "acc"}
    said = json.loads(page(repo, capsys, f"{base}..HEAD", "--json", "--no-remote"))
    assert [one["kind"] for one in said["models"]] == ["removed", "added"]
    assert said["objects"] is None
    assert said["models"][1]["weights"][0]["new"]["md5"] == "c4ca4238a0b923820dcc509a6f75849b"


def test_it_begins_where_the_changes_left_the_base(repo, git, base):
    git("checkout", "-qb", "feature")
    model(repo, "models/mine")
    commit(git)
    git("checkout", "-q", "main")
    model(repo, "models/theirs")
    commit(git)
    assert [one.folder for one in found(repo, "main", "feature").models] == ["models/mine"]


def test_without_history_in_common(repo, git, base):
    git("checkout", "-q", "--orphan", "alone")
    model(repo, card=CARD % ("0.9", 3, 1))
    commit(git)
    seen = found(repo, "main")
    assert seen.notes == (
        "where the changes began is not known, since the two have no history in common: compared with main as it is",
    )
    assert [one.kind for one in seen.models] == ["updated"]


def test_a_shallow_clone(repo, git, base, tmp_path, capsys):
    model(repo, weights=b"2")
    commit(git)
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo.root}", tmp_path / "c"], check=True)
    assert main(["-C", str(tmp_path / "c"), "review", base, "--no-remote"]) == 1
    assert "this clone is shallow and may lack it: git fetch --unshallow" in capsys.readouterr().err


def test_whose_signature_it_is_and_whether_it_is_stale(repo, git, base, tmp_path, capsys):
    (tmp_path / "k").write_bytes(KEY_PEM)
    (tmp_path / "k").chmod(0o600)
    assert main(["-C", str(repo.root), "sign", "models/bert", "--key", str(tmp_path / "k")]) == 0
    signed = commit(git)
    (one,) = found(repo, base).models
    assert one.warnings == ()
    assert one.signature_files == ("SHA256SUMS", "SHA256SUMS.sig", "model.pt.sig", "model.sig")
    said = page(repo, capsys, base, "--no-remote")
    assert "Signature: new, names key " in said
    assert "Keys are those that the signature files name; whether they hold, `sycee verify` tells." in said

    (repo.root / "models/bert/model_card.yaml").write_text(CARD % ("0.99", 3, 1))
    commit(git)
    another = "the pointer of models/bert/model.pt names another card than the one beside it"
    stale = "stale signature: model_card.yaml is not what was signed"
    assert found(repo, signed).models[0].warnings == (another, stale)
    said = page(repo, capsys, f"{signed}..HEAD", "--markdown", "--no-remote")
    assert "Signature: as before, by key `" in said
    assert "It was not made for these changes." in said

    (repo.root / "models/bert/model.pt").write_bytes(b"other")
    add(repo, [repo.root / "models/bert/model.pt"])
    (repo.root / "models/bert/second.pt").write_bytes(b"more")
    add(repo, [repo.root / "models/bert/second.pt"])
    commit(git)
    assert set(found(repo, signed).models[0].warnings) == {
        stale,
        "stale signature: other bytes of model.pt were signed",
        "second.pt is not covered by the signature",
    }
    pointer = repo.root / "models/bert/model.pt.dvc"
    pointer.write_bytes(pointer.read_bytes().partition(b"meta:")[0])
    for path in (repo.root / "models/bert").glob("*.sig"):
        path.unlink()
    commit(git)
    (one,) = found(repo, signed).models
    assert "model.pt has no sha256 in its pointer, so the signature cannot be compared" in one.warnings
    (repo.root / "models/bert/SHA256SUMS").unlink()
    commit(git)
    assert "Signature: removed." in page(repo, capsys, signed, "--no-remote")


def test_what_does_not_fit_together(repo, git, base):
    sha, other = "a" * 64, "b" * 64
    files = (
        f"model: {{files: [{{path: model.pt, size: 1, sha256: {sha}}}, {{path: gone.pt, size: 1, sha256: {sha}}}]}}\n"
    )
    context = f"context: [{{path: context/requirements.lock, sha256: {other}, size: 1, role: lock}}]\n"
    model(repo, card=CARD % ("0.8", 3, 1) + files + context + "warnings: [no seed]\n")
    pointer = repo.root / "models/bert/model.pt.dvc"
    pointer.write_bytes(pointer.read_bytes() + f"    card: {sha}\n".encode())
    commit(git)
    assert found(repo, base).models[0].warnings == (
        "the card says: no seed",
        "the pointer of models/bert/model.pt names another card than the one beside it",
        "the card describes other bytes of model.pt than its pointer names",
        "the card lists gone.pt, which is not tracked",
        "the card binds another context/requirements.lock",
        "it is not signed",
    )


HOSTILE = {
    "model_card.yaml": [b"", b"\xff", b"a: [", b"task: &x [*x]\n", b"x" * (20 << 20)],
    "model.sig": [b"", b"{}", b"[" * 100_000, b"\xff"],
    "SHA256SUMS": [b"", b"x", b"\x00" * 100],
    "context/requirements.lock": [b"\xff\xfe==", b"==\n" * 9, b"a==" + b"1" * 100_000],
    "model.pt.dvc": [b"", b"outs: [", b"outs:\n- path: ../../x\n  md5: " + b"a1" * 16 + b"\n", b"\xff"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_named_and_no_more(repo, git, base, capsys, name):
    for data in HOSTILE[name]:
        (repo.root / "models/bert" / name).write_bytes(data)
        commit(git)
        said = page(repo, capsys, base, "--markdown", "--no-remote")
        assert "### `models/bert` updated" in said
        assert len(said) < MAX_MARKDOWN
        if name == "model_card.yaml":
            assert "the card cannot be read" in said or "there is no card" in said
        if name == "model.sig":
            assert "a signature file cannot be read" in said
        if name.endswith(".dvc"):
            assert "Note: `models/bert/model.pt.dvc" in said


def test_nested_models_and_one_at_the_root(repo, git, base):
    """A tracked file belongs to the innermost model."""
    model(repo, "models/bert/adapter", weights=b"3")
    (repo.root / "model_card.yaml").write_text(CARD % ("0.1", 1, 1))
    commit(git)
    root, adapter = found(repo, base).models
    assert [one.folder for one in (root, adapter)] == [".", "models/bert/adapter"]
    assert [one.path for one in root.weights] == ["data"]
    assert [one.path for one in adapter.weights] == ["models/bert/adapter/model.pt"]


def test_weights_that_a_pipeline_elsewhere_records(repo, git, base):
    """Nothing in the model's folder changed, but what the lock at the root says of it."""
    lock = (
        "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - {path: models/bert/made.pt, hash: md5, md5: %s}\n"
    )
    heads = []
    for digit in "ab":
        (repo.root / "dvc.lock").write_text(lock % (digit * 32))
        heads.append(commit(git))
    (one,) = found(repo, *heads).models
    assert [(change.path, change.new.oid) for change in one.weights] == [("models/bert/made.pt", "b" * 32)]


@pytest.fixture
def remote(repo, tmp_path):
    assert main(["-C", str(repo.root), "remote", "add", "-d", "store", str(tmp_path / "store")]) == 0
    return tmp_path / "store"


def test_objects_that_are_missing(repo, git, base, remote, capsys):
    capsys.readouterr()
    assert main(["-C", str(repo.root), "review", base]) == 1
    out, err = capsys.readouterr()
    assert "✗ 1 of the objects that the pointers need are not on their remote:" in out
    assert "  models/bert/model.pt  c4ca4238a0b923820dcc509a6f75849b  store\n" in out
    assert f"hint: whoever made them has to push: sycee push --rev {base[:10]}" in err
    assert json.loads(page(repo, capsys, base, "--json", rc=1).partition("\n}\n")[0] + "}")["objects"]["missing"]
    assert main(["-C", str(repo.root), "push"]) == 0
    assert "✓ Every object is on its remote" in page(repo, capsys, base)


def test_a_remote_that_cannot_be_asked(repo, git, base, capsys):
    main(["-C", str(repo.root), "remote", "add", "-d", "far", "s3://bucket/x"])
    for option, value in (("endpointurl", "http://127.0.0.1:9"), ("access_key_id", "x"), ("secret_access_key", "y")):
        main(["-C", str(repo.root), "remote", "modify", "--local", "far", option, value])
    assert "✗ It is not known whether the objects are stored: " in page(repo, capsys, base, "--markdown", rc=20)
    for words in (["--local", "far"], ["far"]):
        assert main(["-C", str(repo.root), "remote", "remove", *words]) == 0
    assert "there is no default remote" in page(repo, capsys, base, rc=1)


@pytest.mark.parametrize("words", [[], ["..HEAD"], ["main.."], ["a", "b"], ["main", "--json", "--markdown"]])
def test_wrong_usage(repo, base, words):
    assert main(["-C", str(repo.root), "review", *words]) == 2


@pytest.mark.parametrize("words", ["nothing", "main..nothing", "-x..main", "main..--all"])
def test_unknown_revisions(repo, base, words, capsys):
    assert main(["-C", str(repo.root), "review", "--no-remote", "--", words]) == 1
    assert "is no revision of this repository" in capsys.readouterr().err


# The page: nothing that a repository says becomes markup.


MARKUP = [
    "`",
    "``x",
    "|",
    "\\|",
    "\n",
    "\n\n# x",
    "<b>",
    "<!--",
    "![x](https://x)",
    "@somebody",
    "#1",
    "www.x.org",
    "&amp;",
    "\x1b[2J",
    "\u202e",
    "*a*",
    " ",
    "\\",
    "$x$",
]


@given(st.lists(st.one_of(st.sampled_from(MARKUP), st.text(max_size=4)), max_size=5).map("".join))
@example("a | b ` c\n| d | e |")
def test_no_text_becomes_markup(text):
    quoted = Quoted(text)
    blocks = [
        Heading(1, ["Title ", quoted]),
        Paragraph(["Words ", quoted]),
        Bullets([["a ", quoted], [quoted]]),
        Table(["h", "i"], [[quoted, "x"], ["y", quoted]]),
    ]
    rendered = as_markdown(blocks)
    tokens = MarkdownIt("commonmark").enable("table").parse(rendered)
    outer = [
        token.type for token in tokens if not token.type.startswith(("table", "thead", "tbody", "th_", "td_", "tr_"))
    ]
    assert [kind for kind in outer if kind.endswith("_open")] == [
        "heading_open",
        "paragraph_open",
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "list_item_open",
        "paragraph_open",
    ]
    assert sum(token.type == "td_open" for token in tokens) == 4
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner <= {"text", "code_inline"}
    assert not set(as_text(blocks)) & {"\x1b", "\u202e"}
    assert len(as_text(blocks).splitlines()) == 8


def test_pages_are_bounded():
    long = Table(["h"], [[Quoted("x" * 10_000)]] * 1000)
    said = as_markdown([long] * 40)
    assert len(said) < 65_536
    assert "… and 940 more" in said
    assert said.endswith("too long for this page: see `sycee review` or its `--json`.")


def test_names_of_a_repository_in_the_page(repo, git, base, capsys):
    model(repo, "models/a|b`c\n# d<script>")
    commit(git)
    said = page(repo, capsys, base, "--markdown", "--no-remote")
    assert "### `models/a\\u007cb\\u0060c\\u000a# d<script>` added" in said


def test_values_differ_by_kind_too():
    old, new = (
        {"a": 1, "b": {"c": True}, "d": None, "e": [1]},
        {"a": 1.0, "b": {"c": 1}, "d": None, "e": [1], "f": None},
    )
    assert changed(old, new) == (Field("a", 1, 1.0), Field("b.c", True, 1), Field("f", None, None))


def test_pinned_versions():
    data = b"# comment\nA_b==1.0\nx==2+cpu\n# vcs: y==3 abc\n# editable: z==4\n-e .\nw>=1\nq==5; python_version<'3'\n"
    assert requirements.versions(data) == {"A_b": "1.0", "x": "2+cpu", "y": "3 (vcs abc)", "z": "4 (editable)"}


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        *((None, "?"), (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (999_400, "999 kB")),
        *((16_106_127_360, "16.1 GB"), (999_999, "999 kB"), (2 * 10**15, "2,000 TB")),
    ],
)
def test_sizes(size, shown):
    assert _size(Weights("w.pt", size, None, None)) == shown
