"""``sycee trust``: a file to begin with, what it says, what ends when, and lists of what is withdrawn."""

import datetime as dt
import json
import os
import re
import subprocess

import pytest

from rigs.policies import IDENTITY, OTHER
from rigs.signed import fixed_key
from sycee.cli.main import main
from sycee.errors import Conflict, UsageError
from sycee.formats import revocations, trustfile
from sycee.ops.trustcheck import check
from sycee.ops.trustinit import init_trust
from sycee.ops.trustrevoke import Withdrawal, revoke
from sycee.trust import keys
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.withdrawn import read_list

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def pair(tmp_path):
    """A pair of keys in files, and the private one."""
    key = fixed_key()
    (tmp_path / "alice.key.pub").write_bytes(key.public.pem)
    (tmp_path / "alice.key").write_bytes(key.to_pem(None))
    (tmp_path / "alice.key").chmod(0o600)
    return key


@pytest.fixture
def second(tmp_path):
    key = keys.generate("p256")
    (tmp_path / "bob.pub").write_bytes(key.public.pem)
    return key


def sycee(tmp_path, *words: str) -> int:
    return main(["-C", str(tmp_path), "trust", *words])


# init


def test_a_starter_trusts_the_keys_and_nothing_else(tmp_path, pair, second):
    made = init_trust(tmp_path / "t.toml", [tmp_path / "alice.key.pub", tmp_path / "bob.pub"], "bert-*", NOW)
    trust = Authority.read(made.path).trust
    assert list(trust.keys) == ["alice", "bob"]
    assert trust.roles["release"].members == {"alice", "bob"}
    [rule] = trust.models
    assert (rule.match, rule.signed_by, rule.formats) == ("bert-*", ("release",), ("safetensors", "onnx"))
    assert trust.expires == dt.datetime(2027, 6, 1, tzinfo=dt.UTC)
    text = made.path.read_text()
    assert pair.public.fingerprint in text
    assert second.public.fingerprint in text


@pytest.mark.parametrize("with_key", [True, False])
def test_every_comment_of_a_starter_is_right_once_it_is_taken_as_said(tmp_path, pair, with_key):
    made = init_trust(tmp_path / "t.toml", [tmp_path / "alice.key.pub"] if with_key else [], "*", NOW)
    assert trustfile.parse(made.path.read_bytes()).models == () or with_key
    text = re.sub(r"(?m)^# (?=\[|\w+ = )", "", made.path.read_text())
    text = text.replace("sycee:…", f"sycee:{IDENTITY}").replace('fingerprint = "…"', f'fingerprint = "{"a" * 64}"')
    trust = trustfile.parse(text.encode())
    assert set(trust.roles) == {"release", "channel", "revocation"}
    assert trust.waivers
    assert trust.revocations


def test_a_starter_never_overwrites_and_takes_a_folder(tmp_path, pair):
    made = init_trust(tmp_path, [], "*", NOW)
    assert made.path == tmp_path / "trust.toml"
    before = made.path.read_bytes()
    with pytest.raises(Conflict, match="never overwritten"):
        init_trust(made.path, [tmp_path / "alice.key.pub"], "*", NOW)
    assert made.path.read_bytes() == before


@pytest.mark.parametrize(
    ("files", "pattern", "fault"),
    [
        (["alice.key.pub", "copy.pub"], "*", "keys.copy: is keys.alice again"),
        (["alice.key.pub"], "bert?", "must be a model's name"),
        (["alice.key.pub"], 'x"\n', "must be a model's name"),
    ],
)
def test_what_no_trust_file_can_say_is_not_written(tmp_path, pair, files, pattern, fault):
    (tmp_path / "copy.pub").write_bytes(pair.public.pem)
    with pytest.raises(UsageError, match=fault):
        init_trust(tmp_path / "t.toml", [tmp_path / name for name in files], pattern, NOW)
    assert not (tmp_path / "t.toml").exists()


def test_names_come_from_files_and_stay_apart(tmp_path, pair, second):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/alice.pub").write_bytes(second.public.pem)
    (tmp_path / "ключ.pub").write_bytes(keys.generate("p384").public.pem)
    files = [tmp_path / name for name in ("alice.key.pub", "a/alice.pub", "ключ.pub")]
    assert list(init_trust(tmp_path / "t.toml", files, "*", NOW).keys) == ["alice", "alice-2", "key"]


def test_init_writes_into_the_configuration_of_the_user(tmp_path, pair, capsys):
    assert sycee(tmp_path, "init", "--key", "alice.key.pub") == 0
    out, err = capsys.readouterr()
    path = f"{os.environ['XDG_CONFIG_HOME']}/sycee/trust.toml"
    assert out == f"{path}\n"
    assert pair.public.fingerprint in err
    assert sycee(tmp_path, "init") == 1
    assert sycee(tmp_path, "show") == 0
    assert f"alice      EC P-256, {pair.public.fingerprint}" in capsys.readouterr().out


def test_a_final_slash_means_a_folder_that_is_made(tmp_path, capsys):
    assert sycee(tmp_path, "init", "deploy/") == 0
    assert capsys.readouterr().out == "deploy/trust.toml\n"
    assert (tmp_path / "deploy/trust.toml").is_file()


def test_a_starter_in_a_work_tree_warns(tmp_path, capsys):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert sycee(tmp_path, "init", "trust.toml") == 0
    assert "is not used for models in there" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("show",), ("check",)])
def test_without_a_trust_file_the_way_to_one_is_said(tmp_path, words, capsys):
    assert sycee(tmp_path, *words) == 2
    assert "sycee trust init --key FILE" in capsys.readouterr().err
    assert sycee(tmp_path, *words, "--trust", "none.toml") == 1


# show and check

TRUST = """\
format = 1
expires = 2026-12-31T00:00:00Z
[keys.alice]
file = "alice.key.pub"
fingerprint = "{alice}"
valid_until = 2026-09-01T00:00:00Z
[keys.bob]
file = "bob.pub"
fingerprint = "{bob}"
[identities.ci]
issuer = "https://issuer.example"
subject = "https://ci.example/train"
valid_until = 2026-05-01T00:00:00Z
[roles.training]
members = ["ci"]
[roles.release]
members = ["alice", "bob"]
threshold = 2
[roles.any]
members = ["alice", "bob"]
[[models]]
match = "bert-*"
signed_by = ["training", "release"]
records = [{{kind = "replay", role = "training", max_age_days = 90}}]
gates = ["metrics.val_f1 >= 0.89"]
minimum_serial = 3
channel_serials = {{production = 7}}
[[models]]
match = "bert-large"
signed_by = ["any"]
[[models]]
match = "gpt"
signed_by = ["any"]
[[waivers]]
identity = "sycee:{identity}"
rules = ["metrics.val_f1 >= 0.89"]
until = 2026-08-01T00:00:00Z
reason = "old split"
"""
REVOKED = '[revocations]\nfile = "revoked.json"\nrole = "any"\ngrace_days = 7\n'


@pytest.fixture
def authority(tmp_path, pair, second):
    def read(more: str = "") -> Authority:
        text = TRUST.format(alice=pair.public.fingerprint, bob=second.public.fingerprint, identity=IDENTITY) + more
        (tmp_path / "trust.toml").write_text(text)
        return Authority.read(tmp_path / "trust.toml")

    return read


def test_show_is_a_table_for_people(tmp_path, authority, pair, capsys):
    authority(REVOKED)
    assert sycee(tmp_path, "show", "--trust", "trust.toml") == 0
    out = capsys.readouterr().out
    assert f"  alice          EC P-256, {pair.public.fingerprint}, until 2026-09-01T00:00:00Z\n" in out
    assert "  ci             https://ci.example/train, by https://issuer.example, until 2026-05-01T00:00:00Z\n" in out
    assert "  release        2 of alice, bob\n" in out
    assert "  bert-*         signed by training and by release\n" in out
    assert "                 record replay by training, at most 90 days old\n" in out
    assert "                 channel production from serial 7 on\n" in out
    assert f"  {IDENTITY[:12]}…  until 2026-08-01T00:00:00Z: old split\n" in out
    assert "revocations      revoked.json, signed by any; 7 days of grace\n" in out


def test_show_as_json_has_all_of_it(tmp_path, authority, second, capsys):
    authority()
    assert sycee(tmp_path, "show", "--trust", "trust.toml", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["keys"]["bob"]["fingerprint"] == second.public.fingerprint
    assert said["keys"]["bob"]["pem"] == second.public.pem.decode()
    assert said["models"][0]["gates"] == ["metrics.val_f1 >= 0.89"]
    assert said["models"][0]["records"] == [{"kind": "replay", "role": "training", "max_age_days": 90}]
    assert said["roles"]["release"] == {"name": "release", "members": ["alice", "bob"], "threshold": 2}
    assert said["revocations"] is None
    assert said["expires"] == "2026-12-31T00:00:00Z"


def test_check_tells_what_ends_first_and_what_that_refuses(authority):
    checked = check(authority(), NOW)
    assert [end.what for end in checked.ends] == [
        "identity ci", f"waiver for sycee:{IDENTITY[:12]}…", "key alice", "trust file",
    ]  # fmt: skip
    assert checked.is_good  # what the identity signed before its end stays good
    bert, large, gpt = checked.models
    assert (bert.until, bert.then.name) == (dt.datetime(2026, 9, 1, tzinfo=dt.UTC), "signed by release")
    assert large.hidden_by == "bert-*"
    assert (gpt.until, gpt.then.name) == (dt.datetime(2026, 12, 31, tzinfo=dt.UTC), "trust file is current")
    assert checked.warnings == ()


@pytest.mark.parametrize(
    ("at", "refused", "warned"),
    [
        (dt.datetime(2026, 8, 25, tzinfo=dt.UTC), [], "the validity of the key alice ends in 7 days"),
        (dt.datetime(2026, 9, 1, tzinfo=dt.UTC), ["bert-*"], ""),
        (dt.datetime(2026, 12, 25, tzinfo=dt.UTC), ["bert-*"], "the trust file expires in 6 days"),
        (dt.datetime(2027, 1, 1, tzinfo=dt.UTC), ["bert-*", "bert-large", "gpt"], ""),
    ],
)
def test_a_day_to_come_is_rehearsed(authority, at, refused, warned):
    checked = check(authority(), at)
    assert [one.match for one in checked.models if one.refused] == refused
    assert [warning for warning in checked.warnings if warned in warning] or not warned
    assert checked.is_good is False  # the waiver is over, and should be taken out


def test_the_revocation_list_is_rehearsed_with_its_grace(tmp_path, authority, pair):
    held = authority(REVOKED)
    assert [one.refused[0].name for one in check(held, NOW).models] == ["revocation list is current"] * 3
    revoke(Withdrawal(path=tmp_path / "revoked.json", expires=NOW + 10 * DAY), pair, NOW)
    assert check(held, NOW).is_good
    assert "the revocation list expires in 10 days" in check(held, NOW).warnings[0]
    in_grace = check(held, NOW + 12 * DAY)
    assert in_grace.is_good
    assert "it counts for 5 days more" in in_grace.warnings[0]
    assert not check(held, NOW + 17 * DAY).is_good
    assert check(held, NOW).models[2].until == NOW + 17 * DAY


def test_check_prints_and_exits(tmp_path, authority, capsys):
    authority()
    assert sycee(tmp_path, "check", "--trust", "trust.toml", "--at", "2026-06-01") == 0
    out = re.sub(" +", " ", capsys.readouterr().out)
    assert "✓ key alice 2026-09-01T00:00:00Z in 92 days\n" in out
    assert "! identity ci 2026-05-01T00:00:00Z 31 days ago; what was signed before stays good\n" in out
    assert "✓ bert-* can be accepted until 2026-09-01T00:00:00Z; then fails: signed by release\n" in out
    assert "✓ bert-large is never reached: the entry for bert-* before it decides\n" in out
    assert sycee(tmp_path, "check", "--trust", "trust.toml", "--at", "2026-09-01T00:00:00Z") == 13
    out = capsys.readouterr().out
    assert "✗ bert-*  refused, whoever signs\n" in out
    assert "    signed by release: expected 2 of alice, bob, found bob, " in out
    assert "    hint: have it signed with a key that is valid now" in out
    assert sycee(tmp_path, "check", "--trust", "trust.toml", "--at", "2026-12-31", "--json") == 13
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["at"]) == (False, "2026-12-31T00:00:00Z")
    assert [end["over"] for end in said["ends"]] == [True, True, True, True]
    assert said["models"][2]["refused"][0]["name"] == "trust file is current"


@pytest.mark.parametrize("at", ["tomorrow", "2026-02-30", "2026-01-01T00:00:00", ""])
def test_a_time_that_is_none_is_wrong_usage(tmp_path, authority, at, capsys):
    authority()
    assert sycee(tmp_path, "check", "--trust", "trust.toml", "--at", at or " ") == 2
    assert "is no time" in capsys.readouterr().err


def test_check_prints_every_fault(tmp_path, capsys):
    (tmp_path / "trust.toml").write_text('format = 1\nx = 1\n[roles.release]\nmembers = ["eve"]\n')
    assert sycee(tmp_path, "check", "--trust", "trust.toml") == 1
    err = capsys.readouterr().err
    assert "x: is not a member this format knows" in err
    assert "roles.release.members[0]: 'eve' is neither a key nor an identity" in err
    assert "hint: correct it" in err


def test_check_refuses_a_key_file_that_is_another_one(tmp_path, authority, second, capsys):
    authority()
    (tmp_path / "alice.key.pub").write_bytes(second.public.pem)
    assert sycee(tmp_path, "check", "--trust", "trust.toml") == 1
    assert "is another key than" in capsys.readouterr().err


def test_check_looks_at_the_roots_of_identities(tmp_path, authority, capsys):
    authority()
    path = tmp_path / "trust.toml"
    path.write_text(path.read_text().replace("[identities.ci]", '[identities.ci]\nroot = "root.json"'))
    assert sycee(tmp_path, "check", "--trust", "trust.toml") == 1
    assert "there is no trust root" in capsys.readouterr().err
    (tmp_path / "root.json").write_text("{}")
    assert sycee(tmp_path, "check", "--trust", "trust.toml") == 1
    assert "is not a trusted_root.json" in capsys.readouterr().err


# revoke


def withdrawal(tmp_path, **changes) -> Withdrawal:
    return Withdrawal(path=tmp_path / "revoked.json", **{"reason": "why", "expires": NOW + 30 * DAY, **changes})


def test_a_list_grows_and_keeps_what_was_in_it(tmp_path, pair, authority):
    first = revoke(withdrawal(tmp_path, versions=[f"sycee:{IDENTITY}"], reason="leaks"), pair, NOW)
    assert (first.said.number, first.added, first.said.versions) == (1, 1, {IDENTITY: "leaks"})
    later = revoke(withdrawal(tmp_path, versions=[IDENTITY, OTHER], files=["cc" * 32]), pair, NOW + DAY)
    assert (later.said.number, later.added) == (2, 2)
    assert later.said.versions == {IDENTITY: "leaks", OTHER: "why"}  # the first reason stays
    withdrawn = read_list(authority(REVOKED))
    assert withdrawn.said == later.said
    assert [signer.name for signer in withdrawn.signers] == ["alice"]
    assert revocations.parse((tmp_path / "revoked.json").read_bytes(), "r") == later.said


def test_a_list_that_lost_its_signature_gets_no_new_number(tmp_path, pair, second, capsys):
    revoke(withdrawal(tmp_path, versions=[IDENTITY]), second, NOW)
    before = (tmp_path / "revoked.json").read_bytes()
    words = ("revoke", "revoked.json", "--version", OTHER, "--reason", "r", "--expires", "30d", "--key", "alice.key")
    assert sycee(tmp_path, *words) == 12
    assert "not signed by you" in capsys.readouterr().err
    assert (tmp_path / "revoked.json").read_bytes() == before
    assert sycee(tmp_path, *words, "--signed-by", "bob.pub") == 0
    assert capsys.readouterr().out == "list 2\n"


def test_a_second_signer_signs_the_same_list(tmp_path, pair, second, authority):
    done = revoke(withdrawal(tmp_path, versions=[IDENTITY]), second, NOW)
    both = revoke(withdrawal(tmp_path, expires=None, reason="", signed_by=[second.public]), pair, NOW)
    assert (both.said, both.added) == (done.said, 0)
    assert {signer.name for signer in read_list(authority(REVOKED)).signers} == {"alice", "bob"}


def test_a_list_that_silences_its_signer_warns(tmp_path, pair, capsys):
    words = ("--revoked-key", "alice.key.pub", "--reason", "lost", "--expires", "2w", "--key", "alice.key", "--json")
    assert sycee(tmp_path, "revoke", "revoked.json", *words) == 0
    out, err = capsys.readouterr()
    assert "withdraws the key that signed it" in err
    assert json.loads(out)["keys"] == {pair.public.fingerprint: "lost"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "there is nothing to withdraw, and no list to sign"),
        (("--version", IDENTITY, "--expires", "30d"), 2, "--reason TEXT"),
        (("--version", IDENTITY, "--reason", "r"), 2, "--expires 30d"),
        (("--version", "abc", "--reason", "r", "--expires", "30d"), 2, "--version abc is no sha256"),
        (("--file", IDENTITY.upper(), "--reason", "r", "--expires", "30d"), 2, "--file"),
        (("--key-fingerprint", "", "--reason", "r", "--expires", "30d"), 2, "--key-fingerprint"),
        (("--version", IDENTITY, "--reason", "r\nx", "--expires", "30d"), 1, "must be one line of 1 to 500"),
        (("--version", IDENTITY, "--reason", "r", "--expires", "2020-01-01"), 2, "is over already"),
        (("--revoked-key", "none.pub", "--reason", "r", "--expires", "30d"), 1, "none.pub"),
    ],
)
def test_what_makes_no_list(tmp_path, pair, words, code, message, capsys):
    assert sycee(tmp_path, "revoke", "revoked.json", *words, "--key", "alice.key") == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("revoked*"))


def test_a_folder_that_is_not_there_and_a_list_that_is_none(tmp_path, pair, capsys):
    words = ("--expires", "30d", "--key", "alice.key")
    assert sycee(tmp_path, "revoke", "lists/revoked.json", *words) == 1
    assert "there is no folder" in capsys.readouterr().err
    (tmp_path / "revoked.json").mkdir()
    assert sycee(tmp_path, "revoke", "revoked.json", *words) == 1


def test_nothing_of_a_list_is_read_that_nobody_known_signed(tmp_path, authority):
    held = authority(REVOKED)
    (tmp_path / "revoked.json").write_bytes(b"{]")
    assert read_list(held) == (None, frozenset())
