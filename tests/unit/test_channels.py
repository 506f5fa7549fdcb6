"""Where channel statements are looked for, how one is read while it is replaced, and which of several counts."""

import threading
from dataclasses import replace

import pytest

from rigs.channels import NOW, A, B, put, statement
from rigs.signed import fixed_key
from sycee.core.quorum import Counting
from sycee.digest import sha256_hex
from sycee.errors import Conflict, NotFound, UsageError
from sycee.formats import channel
from sycee.formats.trust import Role
from sycee.trust.keys import generate
from sycee.trust.policy import channels
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import Places, Wanted, candidates, read_settled, record_path, sighting, statement_path
from sycee.trust.policy.documents import sign_document
from sycee.trust.policy.memory import Memory, Seen

KEY, OTHER, STRANGER = fixed_key(), generate("p256"), generate("p256")


def authority(*keys, threshold=1, members=None):
    """Trust keys named after their order, k0 and so on, of which the members may speak for channels."""
    base = Authority.of_key(keys[0].public)
    names = {f"k{at}": key.public for at, key in enumerate(keys)}
    known = {name: base.trust.keys["key"]._replace(name=name) for name in names}
    roles = {"channel": Role("channel", frozenset(members or names), threshold)}
    return Authority(replace(base.trust, keys=known, roles=roles), names, None, "the trust file")


def test_all_three_places_are_looked_at(tmp_path):
    repo, model = tmp_path / "repo", tmp_path / "model"
    repo.mkdir()
    model.mkdir()
    assert candidates(Places(model, repo), "bert", "production") == ()
    put(repo / ".sycee/channels/bert/production.json", statement(1), KEY)
    put(model / "records/channel-production.json", statement(2), KEY)
    file = put(tmp_path / "given.json", statement(3), KEY)
    found = candidates(Places(model, repo, file), "bert", "production")
    assert [channel.parse(one.data, "x").serial for one in found] == [3, 1, 2]
    assert all(len(one.signatures) == 1 for one in found)
    assert candidates(Places(model, repo), "bert", "staging") == ()
    assert candidates(Places(model, repo), "tiny", "staging") == ()


def test_the_one_that_is_named_must_be_there(tmp_path):
    with pytest.raises(NotFound):
        candidates(Places(file=tmp_path / "none.json"), "bert", "production")


@pytest.mark.parametrize("name", ["", "Production", "a/b", "..", "a b", "x" * 65, "-a"])
def test_names_of_channels(name):
    with pytest.raises(UsageError, match="is not the name of a channel"):
        statement_path("bert", name)


@pytest.mark.parametrize("model", ["../x", "/x", "a/../b", ".git", "a\0b"])
def test_a_model_whose_name_leads_away_has_no_channels(model):
    with pytest.raises(UsageError, match="cannot have channels"):
        statement_path(model, "production")


def test_nothing_is_read_through_a_link(tmp_path):
    real = put(tmp_path / "elsewhere/bert/production.json", statement(), KEY)
    (tmp_path / "repo/.sycee").mkdir(parents=True)
    (tmp_path / "repo/.sycee/channels").symlink_to(real.parents[1])
    with pytest.raises(Conflict):
        candidates(Places(None, tmp_path / "repo"), "bert", "production")


def test_what_is_too_long_is_not_read(tmp_path):
    path = put(tmp_path / "x.json", statement(), KEY)
    path.write_bytes(b" " * (channel.MAX_SIZE + 1))
    with pytest.raises(Conflict, match="longer than"):
        read_settled(tmp_path, "x.json")


def test_a_reader_never_meets_a_statement_without_its_signature(tmp_path):
    """One thread replaces the statement again and again; another always finds one with a good signature."""
    put(tmp_path / "x.json", statement(1), KEY)
    done, wrong, serials = threading.Event(), [], set()

    def read() -> None:
        while not done.is_set():
            found = read_settled(tmp_path, "x.json")
            digest = sha256_hex(found.data)
            if not any(KEY.public.verify_detached(one, digest) for one in found.signatures):
                wrong.append(channel.parse(found.data, "x").serial)
            serials.add(channel.parse(found.data, "x").serial)

    reader = threading.Thread(target=read)
    reader.start()
    for serial in range(2, 40):
        put(tmp_path / "x.json", statement(serial), KEY)
    done.set()
    reader.join()
    assert wrong == []
    assert len(serials) > 3


def test_one_that_never_stays_the_same_is_given_up(tmp_path, monkeypatch):
    put(tmp_path / "x.json", statement(), KEY)
    real = channels.read_document
    monkeypatch.setattr(channels, "read_document", lambda *args: real(*args)._replace(data=b"another"))
    with pytest.raises(Conflict, match="again and again"):
        read_settled(tmp_path, "x.json")


def sight(documents, authority, memory=None, *, revoked=()):
    """Look for production of bert."""
    counting = Counting(authority.trust, NOW, {key.public.fingerprint: "stolen" for key in revoked})
    return sighting(documents, authority, Wanted("bert", "production", counting), memory)


def found(tmp_path, *signed):
    """Return the documents of statements, each a statement and who signs it."""
    for at, (said, *keys) in enumerate(signed):
        put(tmp_path / f"{at}.json", said, *keys)
    return [read_settled(tmp_path, f"{at}.json") for at in range(len(signed))]


def test_the_highest_serial_counts(tmp_path):
    documents = found(tmp_path, (statement(2), KEY), (statement(9, B), KEY), (statement(5), KEY))
    seen = sight(documents, authority(KEY))
    assert (seen.fact.statement.serial, seen.fact.statement.identity, seen.faults) == (9, B, ())
    assert {signer.name for signer in seen.fact.signers} == {"k0"}
    assert (seen.fact.seen, seen.fact.seen_identity) == (None, None)


def test_what_nobody_known_signed_is_not_even_parsed(tmp_path, monkeypatch):
    documents = found(tmp_path, (statement(9), STRANGER))
    monkeypatch.setattr(channel, "parse", lambda *_: pytest.fail("parsed"))
    seen = sight(documents, authority(KEY))
    assert seen.fact is None
    assert seen.faults == ("0.json is signed by nobody whom the trust file names",)


def test_who_may_not_speak_for_channels_cannot_hide_the_right_one(tmp_path):
    documents = found(tmp_path, (statement(2, A), KEY), (statement(10**9, B), OTHER))
    seen = sight(documents, authority(KEY, OTHER, members={"k0"}))
    assert seen.fact.statement.serial == 2
    alone = sight(documents[1:], authority(KEY, OTHER, members={"k0"}))
    assert alone.fact.statement.serial == 10**9  # for the policy to refuse, in words


def test_below_the_threshold_a_higher_serial_does_not_count(tmp_path):
    documents = found(tmp_path, (statement(2), KEY, OTHER), (statement(3), KEY))
    assert sight(documents, authority(KEY, OTHER, threshold=2)).fact.statement.serial == 2
    assert sight(documents, authority(KEY, OTHER)).fact.statement.serial == 3


def test_who_stole_a_key_that_was_withdrawn_cannot_hide_the_right_one(tmp_path):
    documents = found(tmp_path, (statement(2, A), KEY), (statement(channel.MAX_SERIAL, B), OTHER))
    trust = authority(KEY, OTHER)
    assert sight(documents, trust).fact.statement.identity == B
    assert sight(documents, trust, revoked=[OTHER]).fact.statement.identity == A


def test_one_key_under_two_names_is_one(tmp_path):
    documents = found(tmp_path, (statement(2), KEY, OTHER), (statement(3), KEY))
    trust = authority(KEY, KEY, OTHER, threshold=2)
    assert sight(documents, trust).fact.statement.serial == 2


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (statement(model="tiny"), "is about production of tiny, not production of bert"),
        (statement(name="staging"), "is about staging of bert"),
    ],
)
def test_a_statement_about_something_else_does_not_count(tmp_path, said, fault):
    seen = sight(found(tmp_path, (said, KEY)), authority(KEY))
    assert seen.fact is None
    assert fault in seen.faults[0]


def test_what_is_signed_and_malformed_does_not_count(tmp_path):
    sign_document(tmp_path / "x.json", b"{}", KEY)
    seen = sight([read_settled(tmp_path, "x.json")], authority(KEY))
    assert seen.fact is None
    assert "is missing" in seen.faults[0]


def test_what_was_accepted_before_comes_with_it(tmp_path):
    memory = Memory(tmp_path / "state")
    memory.accept("bert", "production", Seen(7, B))
    seen = sight(found(tmp_path, (statement(2), KEY)), authority(KEY), memory)
    assert (seen.fact.seen, seen.fact.seen_identity) == (7, B)
    assert record_path("production") == "records/channel-production.json"
    assert seen.fact.statement.issued == NOW
