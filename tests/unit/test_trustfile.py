"""Trust files: what they say, every fault at once with its place, and which model an entry is about."""

import datetime as dt
import re
from pathlib import Path

import pytest

from rigs.policies import FINGERPRINTS, IDENTITY, TRUST
from sycee.errors import FormatError
from sycee.formats import trustfile
from sycee.formats.gate import Gate
from sycee.formats.trust import ModelRule, RecordRule, Role, TrustedKey

PAGE = (Path(__file__).parents[2] / "docs/spec/trust.md").read_text()
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
KEY = f'[keys.alice]\nfile = "alice.pub"\nfingerprint = "{"a" * 64}"\n'
ROLE = f'{KEY}[roles.release]\nmembers = ["alice"]\n'
MODEL = f'{ROLE}[[models]]\nmatch = "bert"\nsigned_by = ["release"]\n'
WAIVER = f'[[waivers]]\nidentity = "{IDENTITY}"\nuntil = 2026-01-01T00:00:00Z\nreason = "r"\n'


def example() -> str:
    return re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]


def read(text: str):
    return trustfile.parse(f"format = 1\n{text}".encode())


def test_the_example_of_the_page_says_what_the_page_says():
    trust = trustfile.parse(example().encode())
    assert list(trust.keys) == ["alice", "bob"]
    assert trust.identities["ci"].issuer == "https://token.actions.githubusercontent.com"
    assert trust.roles["release"] == Role("release", frozenset({"alice", "bob"}), 2)
    [bert, others] = trust.models
    assert bert.records == (RecordRule("approval", "release"), RecordRule("replay", "training", 90))
    assert bert.gates == (Gate("metrics.val_f1", ">=", 0.89),)
    assert bert.channel_serials == {"production": 40}
    assert others == ModelRule("*", ("release",))
    assert trust.waivers[0].rules == {"metrics.val_f1 >= 0.89"}
    assert (trust.revocations.role, trust.revocations.grace_days, trust.channel_grace_days) == ("revocation", 7, 3)
    assert trust.channel_fallback is False
    assert (trust.expires, trust.warn_days) == (dt.datetime(2027, 6, 30, tzinfo=dt.UTC), 14)


def test_an_empty_file_trusts_nobody():
    trust = read("")
    assert (trust.keys, trust.identities, trust.roles, trust.models, trust.warn_days) == ({}, {}, {}, (), 14)


def test_a_pem_may_stand_in_the_file_and_times_are_read_into_utc():
    trust = read(f'[keys.a]\npem = """\n{PEM}"""\nvalid_until = 2026-01-01T02:00:00+02:00')
    assert trust.keys["a"] == TrustedKey("a", pem=PEM, valid_until=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x = 1", "x: is not a member this format knows"),
        ("keys = 1", "keys: must be an object, not a number"),
        ('expires = "2026-01-01T00:00:00Z"', "expires: must be a date and time with its zone"),
        ("expires = 2026-01-01T00:00:00", "expires: must be a date and time with its zone"),
        ("expires = 2026-01-01", "expires: must be a date and time with its zone"),
        ("expires = 0001-01-01T00:00:00+02:00", "expires: must be a date and time with its zone"),
        ("warn_days = -1", "warn_days: must be an integer from 0 to 36500, not -1"),
        ("warn_days = true", "warn_days: must be an integer"),
        ("warn_days = inf", "warn_days: must be an integer"),
        ("warn_days = 2026-01-01", "warn_days: must be an integer"),
        (f"warn_days = 0x{'f' * 9000}", "warn_days: must be an integer from 0 to 36500, not a number of thousands"),
        ('[keys."al ice"]', "keys: 'al ice' is no name"),
        ("[keys.alice]", "keys.alice: must have either a file or a pem"),
        ('[keys.alice]\nfile = "a"', "keys.alice.fingerprint: is missing; it ties the file to this line"),
        (KEY.replace("alice.pub", "../alice.pub"), 'keys.alice.file: unsafe path "../alice.pub"'),
        (KEY.replace("alice.pub", ""), "keys.alice.file: is empty"),
        (KEY.replace("aaaa", "AAAA"), "keys.alice.fingerprint: must be a sha256, 64 lower-case hex digits"),
        (f'{KEY}pem = "x"', "keys.alice: must have either a file or a pem"),
        ('[keys.a]\npem = "-----BEGIN PRIVATE KEY-----"', "keys.a.pem: must be a public key in PEM"),
        (f'[keys.a]\npem = """{PEM}"""\nfingerprint = "{"a" * 64}"', "keys.a.fingerprint: is for a key in a file"),
        (f"{KEY}owner = 1", "keys.alice.owner: is not a member"),
        (
            f"{KEY}valid_from = 2027-01-01T00:00:00Z\nvalid_until = 2026-01-01T00:00:00Z",
            "keys.alice.valid_until: must be later than valid_from",
        ),
        (KEY + KEY.replace("keys.alice", "keys.bob"), "keys.bob: is keys.alice again, under another name"),
        ('[identities.ci]\nissuer = "i"', "identities.ci.subject: is missing"),
        ('[identities.ci]\nissuer = ""\nsubject = "s"', "identities.ci.issuer: must be one line of 1 to 1000"),
        (
            '[identities.a]\nissuer = "i"\nsubject = "s"\n[identities.b]\nissuer = "i"\nsubject = "s"',
            "identities.b: is identities.a again",
        ),
        (f'{KEY}[identities.alice]\nissuer = "i"\nsubject = "s"', "identities.alice: is the name of a key too"),
        (
            ROLE.replace('"alice"]', '"alice", "bob"]'),
            "roles.release.members[1]: 'bob' is neither a key nor an identity",
        ),
        (ROLE.replace('"alice"]', '"alice", "alice"]'), "roles.release.members[1]: is there twice"),
        (ROLE.replace('["alice"]', "[]"), "roles.release.members: is empty"),
        (ROLE.replace('["alice"]', "[1]"), "roles.release.members[0]: must be a string, not a number"),
        (f"{ROLE}threshold = 2", "roles.release.threshold: must be an integer from 1 to 1, not 2"),
        (f"{ROLE}threshold = 0", "roles.release.threshold: must be an integer from 1 to 1, not 0"),
        ("models = []", "models: is empty"),
        (MODEL.replace('"bert"', '"bert?"'), "models[0].match: must be a model's name"),
        (MODEL.replace('["release"]', "[]"), "models[0].signed_by: is empty"),
        (MODEL.replace('signed_by = ["release"]', ""), "models[0].signed_by: is missing"),
        (
            MODEL.replace('= ["release"]', '= ["qa"]'),
            "models[0].signed_by[0]: 'qa' is no role of this file; there are: r",
        ),
        (f"{MODEL}gates = ['val_f1 ~ 1']", "models[0].gates[0]: 'val_f1 ~ 1' is not a condition"),
        (f"{MODEL}gates = [1]", "models[0].gates[0]: must be a string"),
        (f"{MODEL}gates = ['a > 1', 'a>1.0']", "models[0].gates[1]: is there twice"),
        (f'{MODEL}formats = ["safetensor"]', "models[0].formats[0]: must be one of safetensors, onnx"),
        (f"{MODEL}formats = []", "models[0].formats: is empty"),
        (f"{MODEL}minimum_serial = 0", "models[0].minimum_serial: must be an integer of at least 1"),
        (f"{MODEL}channel_serials = {{production = '1'}}", "models[0].channel_serials.production: must be an integer"),
        (f"{MODEL}channel_serials = {{Production = 1}}", "models[0].channel_serials: must be the name of a channel"),
        (f'{MODEL}records = [{{kind = "opinion", role = "release"}}]', "models[0].records[0].kind: must be one of"),
        (f'{MODEL}records = [{{kind = "replay"}}]', "models[0].records[0].role: is missing"),
        (
            f'{MODEL}records = [{{kind = "replay", role = "release", max_age_days = 0}}]',
            "records[0].max_age_days: must",
        ),
        (f'{MODEL}[[models]]\nmatch = "bert"\nsigned_by = ["release"]', "models[1].match: is that of an entry before"),
        (f"{WAIVER}rules = []", "waivers[0].rules: is empty"),
        (f'{WAIVER}rules = ["signed by release"]', "waivers[0].rules[0]: 'signed by release' cannot be waived"),
        (f'{WAIVER}rules = ["not revoked"]', "waivers[0].rules[0]: 'not revoked' cannot be waived"),
        (f'{WAIVER}rules = ["serial is at least 3"]', "waivers[0].rules[0]: 'serial is at least 3' cannot be waived"),
        (f'{WAIVER}rules = ["channel production"]', "waivers[0].rules[0]: 'channel production' cannot be waived"),
        (
            f'{WAIVER}rules = ["channel production has not gone back"]',
            "waivers[0].rules[0]: 'channel production has not gone back' cannot be waived",
        ),
        (f'{WAIVER}rules = ["model is known"]', "waivers[0].rules[0]: 'model is known' cannot be waived"),
        (WAIVER.replace("a1a1", "a1", 1) + 'rules = ["a > 1"]', "waivers[0].identity: must be the identity of one"),
        (WAIVER.replace('"r"', '""') + 'rules = ["a > 1"]', "waivers[0].reason: must be one line"),
        ('[revocations]\nfile = "r.json"', "revocations.role: 'revocation' is no role of this file; there are: none"),
        (f'{ROLE}[revocations]\nrole = "release"', "revocations.file: is missing"),
        ("[channels]\nfallback = 1", "channels.fallback: must be true or false"),
        ("[channels]\ngrace_days = 1.5", "channels.grace_days: must be an integer"),
    ],
)
def test_what_is_refused(text, fault):
    with pytest.raises(FormatError) as caught:
        read(text)
    assert [one for one in map(str, caught.value.faults) if one.startswith(fault) or fault in one], caught.value.faults
    assert "sycee trust check" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "trust.toml is malformed: format: is missing"),
        (b"format = 2", "format: must be 1, not 2"),
        (b"format = true", "format: must be 1, not true"),
        (b"format = ", "trust.toml is not TOML: Invalid value"),
        (b"format = 1\nformat = 1", "trust.toml is not TOML: Cannot overwrite a value"),
        (b"format = 1 # \xff", "trust.toml is not TOML: 'utf-8' codec"),
        (b"a = " + b"[" * 100_000, "trust.toml is nested too deeply"),
        (b".".join([b"a"] * 2000) + b" = 1", "trust.toml has a line with more than 1000 dots"),
        (b"#" * (1 << 20) + b"#", "trust.toml is longer than 1048576 bytes"),
    ],
)
def test_what_is_no_trust_file(data, message):
    with pytest.raises(FormatError) as caught:
        trustfile.parse(data)
    assert caught.value.message.startswith(message) or message in caught.value.message


def test_all_faults_come_at_once_in_the_order_of_the_file():
    with pytest.raises(FormatError) as caught:
        read(f'a = 1\n{ROLE}threshold = 3\n[[models]]\nmatch = ""\nsigned_by = ["x"]\ngates = ["?"]')
    places = [fault.path for fault in caught.value.faults]
    assert places == ["a", "roles.release.threshold", "models[0].match", "models[0].signed_by[0]", "models[0].gates[0]"]


def test_the_rig_is_a_trust_file():
    assert trustfile.parse(TRUST.encode()).keys["bob"].fingerprint == FINGERPRINTS["bob"]


@pytest.mark.parametrize(
    ("match", "yes", "no"),
    [
        ("bert", ["bert"], ["bert-ner", "a-bert", "Bert", ""]),
        ("bert-*", ["bert-", "bert-ner", "bert-a/b"], ["bert", "xbert-ner", "BERT-ner"]),
        ("*", ["", "anything/at-all"], []),
        ("*-ner", ["-ner", "bert-ner"], ["ner", "bert-ner2"]),
        ("a*a", ["aa", "aba", "aaa"], ["a", "ab"]),
        ("a*b*c", ["abc", "axbxc", "abbc", "abcbc"], ["ac", "acb", "abcd", "cba"]),
        ("ab*ba", ["abba", "abxba"], ["aba", "ab"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba", "a"]),
    ],
)
def test_which_models_an_entry_is_about(match, yes, no):
    rule = ModelRule(match, ("release",))
    assert all(rule.is_about(name) for name in yes)
    assert not any(rule.is_about(name) for name in no)


def test_a_pattern_of_many_stars_costs_no_time():
    assert not ModelRule("*a" * 90 + "*b", ("r",)).is_about("a" * 100_000)
