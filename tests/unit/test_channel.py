"""``sycee channel``: what is stated, serials, fallbacks, other versions, several signers, and what is shown of it."""

import datetime as dt
import json
import subprocess

import pytest

from rigs.channels import NOW, A, commit, key_file, put, release, statement
from rigs.fulcio import Sigstore
from rigs.signed import fixed_key
from rigs.sigstoreserver import serving, token, write_config
from sycee.cli.main import main
from sycee.digest import sha256_hex
from sycee.errors import Conflict, NotFound, RemoteError, UsageError
from sycee.formats import channel, revocations
from sycee.formats.channel import MAX_SERIAL
from sycee.formats.revocations import Revocations
from sycee.ops.channel import Request, model_named, set_channel, sign_channel
from sycee.ops.channelview import history, show
from sycee.trust.keys import generate
from sycee.trust.policy.channels import read_settled, statement_path
from sycee.trust.policy.documents import sign_document
from sycee.trust.policy.memory import Memory, Seen
from sycee.trust.signing.keylesssign import KeylessSigner

KEY, OTHER = fixed_key(), generate("p256")
PLACE = ".sycee/channels/bert/production.json"


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "state")


@pytest.fixture
def state(repo, memory):
    """Set the channel of bert, and return what was written."""

    def state(version=None, *, key=KEY, name="production", **options):
        expires = NOW.replace(month=3)
        folder = repo.root / "models/bert"
        request = Request(folder=folder, name=name, now=NOW, expires=expires, version=version, **options)
        return set_channel(repo, request, key, memory)

    return state


def said(repo_dir, name=PLACE):
    return channel.parse((repo_dir / name).read_bytes(), "x")


def signed_by(repo_dir, *keys):
    document = read_settled(repo_dir, PLACE)
    digest = sha256_hex(document.data)
    return [any(key.public.verify_detached(one, digest) for one in document.signatures) for key in keys]


def test_a_statement_is_signed_and_in_its_place(repo_dir, state):
    identity = release(repo_dir, "1.2.0")
    written = state()
    assert written.path == repo_dir / PLACE
    assert said(repo_dir) == written.statement == statement(1, identity, expires=NOW.replace(month=3), version="1.2.0")
    assert signed_by(repo_dir, KEY, OTHER) == [True, False]
    assert (repo_dir / ".sycee/channels/.gitattributes").read_bytes() == b"* -text\n"
    assert written.former is None


def test_openssl_checks_it(repo_dir, state, tmp_path):
    release(repo_dir, "1.2.0")
    written = state()
    (tmp_path / "pub").write_bytes(KEY.public.pem)
    command = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "pub", "-signature", written.signature, written.path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_without_a_key(repo_dir, state, tmp_path):
    release(repo_dir, "1.2.0")
    with serving(Sigstore()) as service:
        ci = KeylessSigner.connect(token(), write_config(service, tmp_path / "config.json"))
        written = state(key=ci)
        assert written.signature.name.endswith(".sigstore.json")
        service.broken.add("/api/v1/log/entries")
        with pytest.raises(RemoteError):
            state(key=ci)
    assert said(repo_dir).serial == 1
    document = read_settled(repo_dir, PLACE)
    assert (document.signatures, ci.made_file(*document.bundles, document.data)) == ((), True)
    assert state().statement.serial == 2
    assert not read_settled(repo_dir, PLACE).bundles


def test_the_next_one_has_the_next_serial_and_falls_back_on_the_one_before(repo_dir, state):
    first = release(repo_dir, "1.2.0")
    state()
    second = release(repo_dir, "1.3.0")
    written = state()
    assert (written.statement.serial, written.statement.identity, written.statement.fallback) == (2, second, first)
    assert written.former.identity == first
    assert sorted(path.name for path in (repo_dir / PLACE).parent.iterdir()) == [
        "production.json",
        "production.json.sig",
    ]


def test_serials_are_of_one_channel_of_one_model(repo_dir, state):
    release(repo_dir, "1.2.0")
    state()
    assert state(name="staging").statement.serial == 1


def test_the_serial_goes_on_from_what_git_has(repo_dir, state):
    release(repo_dir, "1.2.0")
    for _ in range(3):
        state()
    commit(repo_dir, "three")
    (repo_dir / PLACE).unlink()
    commit(repo_dir, "gone")
    assert state().statement.serial == 4


def test_the_serial_goes_on_from_what_another_branch_has(repo_dir, state, git):
    release(repo_dir, "1.2.0")
    git("checkout", "-qb", "other")
    state(), state()
    commit(repo_dir, "two")
    git("checkout", "-q", "-")
    assert state().statement.serial == 3


def test_the_serial_goes_on_from_what_this_machine_accepted(repo_dir, state, memory):
    release(repo_dir, "1.2.0")
    memory.accept("bert", "production", Seen(40, A))
    assert state().statement.serial == 41


def test_after_the_last_serial_there_is_none(repo_dir, state):
    release(repo_dir, "1.2.0")
    put(repo_dir / PLACE, statement(MAX_SERIAL), KEY)
    with pytest.raises(UsageError, match="there is no higher one"):
        state()


def test_the_same_version_for_longer_keeps_its_fallback(repo_dir, state):
    first = release(repo_dir, "1.2.0")
    state()
    release(repo_dir, "1.3.0")
    state()
    assert state().statement.fallback == first


def test_what_was_gone_back_from_is_no_fallback(repo_dir, state):
    first = release(repo_dir, "1.2.0")
    state()
    release(repo_dir, "1.3.0")
    state()
    back = state("bert@1.2.0")
    assert (back.statement.serial, back.statement.identity, back.statement.fallback) == (3, first, None)
    assert "goes back" in back.notes[0]
    again = state()
    assert (again.statement.fallback, again.notes) == (first, ())


def test_what_was_withdrawn_is_no_fallback(repo_dir, state):
    first = release(repo_dir, "1.2.0")
    state()
    release(repo_dir, "1.3.0")
    written = state(withdrawn=frozenset({first}))
    assert written.statement.fallback is None
    assert "was withdrawn" in written.notes[0]


def test_a_fallback_can_be_chosen_or_refused(repo_dir, state):
    first = release(repo_dir, "1.2.0")
    second = release(repo_dir, "1.3.0")
    third = release(repo_dir, "1.4.0")
    assert state(fallback="bert@1.2.0").statement.fallback == first
    assert state(fallback="HEAD~1").statement.fallback == second
    assert state(fallback=f"sycee:{second}").statement.fallback == second
    assert state(no_fallback=True).statement.fallback is None
    unknown = state(fallback=A)
    assert unknown.statement.fallback == A
    assert "no commit here has the fallback" in unknown.notes[0]
    with pytest.raises(UsageError, match="is the version itself"):
        state(fallback=third)


@pytest.mark.parametrize("words", ["bert@1.2.0", "bert@v1.2.0", "HEAD~1", "old", "IDENTITY", "sycee:IDENTITY"])
def test_another_version_can_be_named(repo_dir, state, git, words):
    first = release(repo_dir, "1.2.0")
    git("tag", "old")
    release(repo_dir, "1.3.0")
    written = state(words.replace("IDENTITY", first))
    assert (written.statement.identity, written.statement.version) == (first, "1.2.0")


@pytest.mark.parametrize("words", ["bert@9.9.9", "tiny@1.2.0", "nowhere", A, "HEAD~7", "--all", ""])
def test_a_version_that_is_not_known(repo_dir, state, words):
    release(repo_dir, "1.2.0")
    with pytest.raises(NotFound):
        state(words)
    assert not (repo_dir / PLACE).exists()


def test_a_version_of_the_past_that_was_not_signed(repo_dir, state):
    (repo_dir / "models/bert").mkdir(parents=True)
    (repo_dir / "models/bert/x").write_bytes(b"")
    commit(repo_dir, "nothing signed")
    release(repo_dir, "1.2.0")
    with pytest.raises(NotFound, match=r"models/bert at HEAD~1 is not signed"):
        state("HEAD~1")


def test_a_version_must_be_signed_as_it_is(repo_dir, state):
    release(repo_dir, "1.2.0")
    folder = repo_dir / "models/bert"
    card = (folder / "model_card.yaml").read_bytes()
    (folder / "model_card.yaml").write_bytes(card.replace(b"0.892", b"0.999"))
    with pytest.raises(Conflict, match="of another version"):
        state()
    (folder / "model_card.yaml").write_bytes(card)
    (folder / "model.sig").unlink()
    with pytest.raises(NotFound, match=r"is not signed: it has no model.sig"):
        state()


def test_a_statement_that_git_left_in_conflict_is_replaced(repo_dir, state):
    release(repo_dir, "1.2.0")
    state()
    commit(repo_dir, "one")
    (repo_dir / PLACE).write_bytes(b"<<<<<<< HEAD\n{}\n")
    written = state()
    assert written.statement.serial == 2
    assert "cannot be read, and was replaced" in written.notes[0]
    assert signed_by(repo_dir, KEY) == [True]


def test_past_statements_that_cannot_be_read_are_told(repo_dir, repo, state):
    release(repo_dir, "1.2.0")
    put(repo_dir / PLACE, statement(5), KEY)
    (repo_dir / PLACE).write_bytes(b"{}")
    commit(repo_dir, "nonsense")
    (repo_dir / PLACE).unlink()
    written = state()
    assert "$.type: is missing" in written.notes[0]
    assert len(history(repo, "bert", "production").unreadable) == 1


def test_a_place_that_leads_elsewhere_is_not_written_to(repo_dir, state, tmp_path):
    release(repo_dir, "1.2.0")
    (tmp_path / "elsewhere").mkdir()
    (repo_dir / ".sycee").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match="is a symlink"):
        state()
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_a_second_signer_signs_the_same_bytes(repo_dir, repo, state):
    release(repo_dir, "1.2.0")
    state()
    before = (repo_dir / PLACE).read_bytes()
    written = sign_channel(repo, "bert", "production", OTHER)
    assert (repo_dir / PLACE).read_bytes() == before
    assert signed_by(repo_dir, KEY, OTHER) == [True, True]
    assert written.signature.name == f"production.json.{OTHER.public.fingerprint[:12]}.sig"
    state()
    assert signed_by(repo_dir, KEY, OTHER) == [True, False]
    assert not written.signature.exists()


def test_nothing_is_signed_that_is_no_statement(repo_dir, repo):
    with pytest.raises(NotFound, match="bert has no channel production"):
        sign_channel(repo, "bert", "production", OTHER)
    (repo_dir / PLACE).parent.mkdir(parents=True)
    (repo_dir / PLACE).write_bytes(b"{}")
    with pytest.raises(Exception, match="is missing"):
        sign_channel(repo, "bert", "production", OTHER)
    (repo_dir / PLACE).write_bytes(b" " * 20_000)
    with pytest.raises(NotFound, match=r"cannot be read: .* is longer than"):
        sign_channel(repo, "bert", "production", OTHER)
    assert [path.name for path in (repo_dir / PLACE).parent.iterdir()] == ["production.json"]


def test_what_is_shown(repo_dir, repo, state, git):
    release(repo_dir, "1.2.0")
    git("tag", "-a", "-m", "x", "bert@v1.2.0")
    state()
    release(repo_dir, "1.3.0")
    state(name="staging")
    [production, staging] = show(repo, NOW)
    assert (production.tag, production.commit) == ("bert@v1.2.0", git("rev-parse", "HEAD~1").stdout.strip())
    assert (staging.tag, staging.commit) == (None, git("rev-parse", "HEAD").stdout.strip())
    assert show(repo, NOW, None, "bert", "staging") == (staging,)
    assert show(repo, NOW, None, "bert") == (production, staging)
    for wanted in (("tiny",), ("bert", "nix")):
        with pytest.raises(NotFound, match="has no channel"):
            show(repo, NOW, None, *wanted)


def test_a_version_that_no_commit_has_is_shown_so(repo_dir, repo):
    put(repo_dir / PLACE, statement(), KEY)
    [one] = show(repo, NOW)
    assert (one.tag, one.commit, one.signed) == (None, None, None)


def test_one_that_cannot_be_read_is_shown_so(repo_dir, repo):
    put(repo_dir / PLACE, statement(), KEY)
    (repo_dir / PLACE).write_bytes(b"{}")
    [one] = show(repo, NOW)
    assert one.as_json()["path"] == PLACE
    assert "is missing" in one.as_json()["fault"]


def test_history_has_each_statement_once_the_newest_first(repo_dir, repo, state, git):
    release(repo_dir, "1.2.0")
    for serial in range(1, 4):
        state()
        commit(repo_dir, f"serial {serial}")
        git("commit", "-q", "--allow-empty", "-m", "something else")
    state()
    found = history(repo, "bert", "production")
    assert found.uncommitted.serial == 4
    assert [one.statement.serial for one in found.past] == [3, 2, 1]
    assert [one.change.author for one in found.past] == ["Tester"] * 3
    assert git("log", "-1", "--format=%s", found.past[0].change.commit).stdout == "serial 3\n"
    with pytest.raises(NotFound):
        history(repo, "bert", "staging")


@pytest.mark.parametrize("name", ["org/bert", "b"])
def test_a_model_is_named_by_its_folder_or_its_name(repo_dir, name):
    release(repo_dir, "1.2.0", name="bert")
    assert model_named(repo_dir / "models/bert", "models/bert") == "bert"
    assert model_named(repo_dir / name, name) == name


def sycee(capsys, *words, rc=0):
    code = main([str(word) for word in words])
    printed = capsys.readouterr()
    assert code == rc, printed
    return printed


def test_the_verb(repo_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(repo_dir)
    key = key_file(tmp_path)
    identity = release(repo_dir, "1.2.0")
    printed = sycee(capsys, "channel", "set", "models/bert", "production", "-k", key, "--expires", "30d")
    assert printed.out == f"{PLACE}\n"
    assert f"production of bert: 1.2.0 ({identity[:12]}…), serial 1" in printed.err
    assert ", in 30 days" in printed.err
    assert "git add .sycee/channels" in printed.err
    release(repo_dir, "1.3.0")
    written = json.loads(sycee(capsys, "channel", "set", "models/bert", "production", "-k", key, "--json").out)
    assert (written["serial"], written["fallback"]) == (2, f"sycee:{identity}")
    shown = sycee(capsys, "channel", "show").out.splitlines()
    assert shown[0].split() == ["model", "channel", "version", "identity", "serial", "expires", "signed", "by", "in"]
    assert shown[1].startswith("bert   production  1.3.0    ")
    assert "not checked" in shown[1]
    [one] = json.loads(sycee(capsys, "channel", "show", "models/bert", "production", "--json").out)
    assert one["serial"] == 2
    assert one["expired"] is False
    told = sycee(capsys, "channel", "history", "bert", "production").out.splitlines()
    assert [line.split()[0] for line in told] == ["serial", "2", "1"]
    assert "not committed" in told[1]
    assert "Tester" in told[2]
    [newest, oldest] = json.loads(sycee(capsys, "channel", "history", "bert", "production", "--json").out)
    assert (newest["commit"], oldest["author"]) == (None, "Tester")
    sycee(capsys, "channel", "sign", "bert", "production", "-k", key)


def test_without_channels_it_says_how_to_make_one(repo_dir, capsys, monkeypatch):
    monkeypatch.chdir(repo_dir)
    printed = sycee(capsys, "channel", "show")
    assert printed.out == ""
    assert "sycee channel set" in printed.err
    assert sycee(capsys, "channel", "show", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("words", "rc", "why"),
    [
        (("set", "models/bert", "Prod"), 2, "is not the name of a channel"),
        (("set", "models/bert", "../x"), 2, "is not the name of a channel"),
        (("set", "models/bert", "p", "--expires", "never"), 2, "is no time to end at"),
        (("set", "models/bert", "p", "--version-of", "nix"), 1, "has no revision 'nix'"),
        (("set", "models/nix", "p"), 1, "is not a model folder"),
        (("sign", "models/bert", "p"), 1, "has no channel p"),
    ],
)
def test_what_is_refused(repo_dir, tmp_path, capsys, monkeypatch, words, rc, why):
    monkeypatch.chdir(repo_dir)
    release(repo_dir, "1.2.0")
    printed = sycee(capsys, "channel", *words, "-k", key_file(tmp_path), rc=rc)
    assert why in printed.err
    assert "hint: " in printed.err
    assert not (repo_dir / ".sycee").exists()


@pytest.mark.parametrize("words", [("show", "bert"), ("history", "bert", "p"), ("history", "bert", "P")])
def test_what_cannot_be_shown(repo_dir, capsys, monkeypatch, words):
    monkeypatch.chdir(repo_dir)
    assert "hint: " in sycee(capsys, "channel", *words, rc=2 if "P" in words else 1).err


def test_a_damaged_memory_gives_no_serial(repo_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(repo_dir)
    monkeypatch.setenv("SYCEE_STATE", str(tmp_path / "state"))
    release(repo_dir, "1.2.0")
    Memory(tmp_path / "state").accept("bert", "production", Seen(5, A))
    [path] = (tmp_path / "state").glob("channels/*")
    path.write_bytes(b"")
    printed = sycee(capsys, "channel", "set", "models/bert", "production", "-k", key_file(tmp_path), rc=13)
    assert "cannot be read" in printed.err


def test_where_a_statement_lies():
    assert statement_path("org/bert", "production") == ".sycee/channels/org/bert/production.json"


TRUST = """\
format = 1
[keys.alice]
file = "alice.pub"
fingerprint = "{}"
[keys.bob]
file = "bob.pub"
fingerprint = "{}"
[roles.release]
members = ["alice"]
[roles.channel]
members = ["{}"]
[roles.revocation]
members = ["alice"]
[[models]]
match = "bert"
signed_by = ["release"]
formats = ["unknown"]
[revocations]
file = "revoked.json"
"""


@pytest.fixture
def etc(tmp_path):
    """A folder with a trust file in which alice has the key of the tests, and bob speaks for channels or alice does."""
    folder = tmp_path / "etc"
    folder.mkdir()

    def write(speaker="alice", versions=None):
        (folder / "alice.pub").write_bytes(KEY.public.pem)
        (folder / "bob.pub").write_bytes(OTHER.public.pem)
        prints = (KEY.public.fingerprint, OTHER.public.fingerprint)
        (folder / "trust.toml").write_text(TRUST.format(*prints, speaker))
        today = dt.datetime.now(dt.UTC).replace(microsecond=0)
        said = Revocations(1, today, today + dt.timedelta(days=9), versions=versions or {})
        sign_document(folder / "revoked.json", revocations.render(said), KEY, replace=True)
        return folder / "trust.toml"

    return write


def test_it_is_tried_whether_it_would_be_accepted(repo_dir, tmp_path, capsys, monkeypatch, etc):
    monkeypatch.chdir(repo_dir)
    first = release(repo_dir, "1.2.0")
    words = ("channel", "set", "models/bert", "production", "-k", key_file(tmp_path), "--trust", etc())
    assert "refused" not in sycee(capsys, *words).err
    shown = sycee(capsys, "channel", "show", "--trust", etc()).out
    assert "  alice  " in shown
    release(repo_dir, "1.3.0")
    assert "refused" not in sycee(capsys, *words, "--version-of", "HEAD~1").err  # judged from Git, card and all
    etc("bob")
    told = sycee(capsys, *words).err
    assert "would be refused: channel production: expected 1 of bob, found alice" in " ".join(told.split())
    monkeypatch.setenv("SYCEE_TRUST", str(etc("bob")))
    assert "would be refused" in sycee(capsys, *words[:-2]).err
    assert "alice, NOT ENOUGH" in sycee(capsys, "channel", "show", "--trust", etc("bob")).out
    etc(versions={first: "wrong labels"})
    release(repo_dir, "1.4.0")
    sycee(capsys, *words, "--version-of", "bert@1.2.0")
    told = sycee(capsys, *words)
    assert "was withdrawn, so it is no fallback" in told.err


def test_a_trust_file_of_the_repository_is_refused(repo_dir, capsys, monkeypatch, etc):
    monkeypatch.chdir(repo_dir)
    (repo_dir / "trust.toml").write_bytes(etc().read_bytes())
    assert "who can write there" in sycee(capsys, "channel", "show", "--trust", "trust.toml", rc=2).err
