"""The diff driver: a pointer as lines to compare, its card's metrics beside it; anything else as it is."""

import pytest

from sycee.formats import card
from sycee.ops.describe import describe

MD5 = b"a1" * 16
POINTER = b"outs:\n- md5: %b\n  size: 1234567\n  hash: md5\n  path: a.pt\n" % MD5
PLAIN = f"a.pt\n    size  1,234,567 bytes\n    md5   {MD5.decode()}\n"


def shown(repo, data, name="m/a.pt.dvc"):
    path = repo.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return describe(path, repo.root)


def a_card(f1, **more):
    values = {"task": "ner", "metrics": {"val": {"f1": f1}, **more}, "training_config": {}, "data_version": "v1"}
    return card.render(values | {"framework_version": "torch==2.13.0"})


def naming(data, size=b"1"):
    from sycee.digest import sha256_hex

    return POINTER.replace(b"1234567", size) + b"meta:\n  sycee:\n    card: %b\n" % sha256_hex(data).encode()


def test_size_and_digest(repo):
    assert shown(repo, POINTER).decode() == PLAIN


def test_nothing_that_matters_is_hidden(repo):
    text = b"desc: best\nmeta:\n  team: x\nouts:\n- md5: %b.dir\n  nfiles: 7\n  path: d\n  push: false\n  labels: [a]\n"
    said = shown(repo, text % MD5).decode()
    for line in ("files ", "format ", "md5 ", "push ", "labels ", "desc ", "meta.team "):
        assert f"\n    {line}" in said
    sizes = b"isexec: true\n  remote: far\n  path: a.pt\n"
    assert "executable" in shown(repo, POINTER.replace(b"path: a.pt\n", sizes)).decode()


def test_the_metrics_of_its_own_card(repo, git):
    """Each version of the pointer finds its version of the card: in the work tree, the index, HEAD or before."""
    cards = [a_card(f1) for f1 in (0.1, 0.2, 0.3, 0.4)]
    place = repo.root / "m/model_card.yaml"
    for number, data in enumerate(cards):
        shown(repo, naming(data))
        place.write_bytes(data)
        if number < 3:
            git("add", "m")
        if number < 2:
            git("commit", "-qm", "x")
    for number, data in enumerate(cards, 1):
        said = shown(repo, naming(data), "git-blob-x/a.pt.dvc").decode()
        assert f"    metrics.val.f1  0.{number}\n" in said
    assert "metrics" not in shown(repo, naming(b"another card"), "git-blob-x/a.pt.dvc").decode()


def test_git_diff_shows_it(repo, git, run):
    run("install")
    old, new = a_card(0.1), a_card(0.2)
    for data, size in ((old, b"1"), (new, b"2")):
        shown(repo, naming(data, size))
        (repo.root / "m/model_card.yaml").write_bytes(data)
        git("add", "-A")
        git("commit", "-qm", "x", "--no-verify")
    said = git("diff", "HEAD^", "--", "m/a.pt.dvc").stdout.splitlines()
    assert [line.split() for line in said if line[:2] in ("- ", "+ ")] == [
        ["-", "size", "1", "bytes"],
        ["+", "size", "2", "bytes"],
        ["-", "card", card_id(old)],
        ["-", "metrics.val.f1", "0.1"],
        ["+", "card", card_id(new)],
        ["+", "metrics.val.f1", "0.2"],
    ]
    (repo.root / "m/a.pt.dvc").write_text("no pointer")
    assert "+no pointer\n" in git("diff").stdout


def card_id(data):
    from sycee.digest import sha256_hex

    return sha256_hex(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"no pointer",
        b"outs: [",
        POINTER + b"<<<<<<< HEAD\n",
        POINTER + b"- md5: %b\n  path: b\n" % MD5,
        POINTER.replace(b"a.pt", b"../a.pt"),
        b"x" * (2 << 20),
    ],
    ids=range(8),
)
def test_what_is_no_pointer_is_shown_as_it_is(repo, data):
    assert shown(repo, data) == data


def test_a_card_that_is_none_and_an_odd_record(repo):
    (repo.root / "m").mkdir()
    (repo.root / "m/model_card.yaml").write_bytes(b"no card")
    assert "metrics" not in shown(repo, naming(b"no card")).decode()
    assert shown(repo, POINTER + b"meta: {sycee: {card: [1], sig: 5}}\n").decode() == PLAIN


def test_a_name_is_no_order_to_the_terminal(repo):
    text = POINTER.replace(b"path: a.pt", b'path: "a\\u202ept"') + b'desc: "x\\e[2Jy\\nz"\n'
    said = shown(repo, text)
    assert b"\x1b" not in said
    assert "\u202e" not in said.decode()
    assert len(said.splitlines()) == 4


def test_names_that_are_patterns_for_git(repo, git):
    for name in ("a*.pt.dvc", ":!x.dvc", "[a].pt.dvc"):
        data = a_card(0.5)
        shown(repo, naming(data).replace(b"path: a.pt", b'path: "%b"' % name[:-4].encode()), f"m/{name}")
        (repo.root / "m/model_card.yaml").write_bytes(data)
        git("add", "m")
        (repo.root / "m/model_card.yaml").unlink()
        said = shown(repo, (repo.root / "m" / name).read_bytes(), f"blob/{name}").decode()
        assert "metrics.val.f1  0.5" in said, name


def test_outside_of_git(tmp_path):
    path = tmp_path / "a.pt.dvc"
    path.write_bytes(naming(b"x"))
    assert describe(path, tmp_path).startswith(b"a.pt\n")
