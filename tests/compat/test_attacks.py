"""One test for each way in which a version can be attacked or spoilt: what is refused, with which words and exit code.

The names are those of the table in docs/trust.md. Behind each refusal stands :meth:`rigs.past.Machine.refuses`: nothing
was written, no memory advanced, no traceback, a hint.
"""

import datetime as dt
import json
import shutil
import subprocess

import pytest

from rigs.past import RELEASES, Machine, Team, weights
from rigs.signed import forge, payload_of
from sycee.digest import digest_bytes
from sycee.formats import channel, revocations
from sycee.formats.channel import Channel
from sycee.formats.revocations import Revocations
from sycee.ops.keyfile import load_private
from sycee.trust.policy.documents import sign_document

pytestmark = pytest.mark.slow

OLD, MIDDLE, NEW = RELEASES
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    return Team(tmp_path_factory.mktemp("team"))


@pytest.fixture
def machine(team, tmp_path):
    return Machine(team, tmp_path / "machine").serve(NEW)


def statement_of(machine, who="carol", **changes):
    """Put a channel statement into the clone, in the place of the one that is there."""
    made = Channel("bert", "production", 9, NOW, NOW + 30 * DAY, machine.team.identities[NEW], NEW)
    place = machine.work / ".sycee/channels/bert"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    key = load_private(machine.team.key(who))
    return sign_document(place / "production.json", channel.render(made._replace(**changes)), key)


def revoke(machine, who="dora", **lists):
    """Put a signed revocation list beside the trust file, which asks for it."""
    machine.trust_with("[revocations]", 'file = "revoked.json"')
    made = Revocations(**{"number": 1, "issued": NOW, "expires": NOW + 30 * DAY, **lists})
    for old in (machine.root / "etc").glob("revoked.json*"):
        old.unlink()
    sign_document(machine.root / "etc/revoked.json", revocations.render(made), load_private(machine.team.key(who)))


def test_the_untouched_release_is_accepted_everywhere(team, tmp_path):
    """Else every refusal below could have another cause."""
    for version in RELEASES:
        machine = Machine(team, tmp_path / version).serve(version)
        found = machine.accepts("--channel", "production", "--expect", f"bert@{version}")
        assert found["identity"] == f"sycee:{team.identities[version]}"
        assert {one["name"] for one in found["signers"]} == {"alice", "bob"}


# Rollback


def test_rollback_of_git_cache_and_remote_together(machine):
    machine.accepts("--channel", "production")
    machine.serve(MIDDLE)
    tried = machine.refuses("--channel", "production")
    assert (tried.code, tried.error) == (13, "RolledBack")
    assert "serial" in tried.told
    machine.serve(NEW).accepts("--channel", "production")


def test_rollback_on_a_machine_that_forgets(machine):
    """Where no memory is kept, the configuration says what is too old."""
    machine.trust_with(instead=[('gates = ["metrics.val_f1 >= 0.89"]', "channel_serials = {{production = 3}}")])
    machine.accepts("--channel", "production")
    shutil.rmtree(machine.state)
    tried = machine.serve(MIDDLE).refuses("--channel", "production")
    assert (tried.code, tried.error) == (13, "RolledBack")


def test_rollback_below_the_minimum_serial(machine):
    machine.trust_with(instead=[('gates = ["metrics.val_f1 >= 0.89"]', "minimum_serial = 3")])
    machine.accepts()
    tried = machine.serve(MIDDLE).refuses()
    assert tried.code == 13
    assert "serial is at least 3" in tried.told


def test_rollback_of_the_channel_alone_and_of_the_version_alone(machine):
    machine.accepts("--channel", "production")
    newer = machine.work / ".sycee"
    machine.serve(MIDDLE)
    shutil.rmtree(newer)
    shutil.copytree(machine.team.root / "past" / NEW / "work/.sycee", newer)
    tried = machine.refuses("--channel", "production")
    assert (tried.code, tried.error) == (13, "WrongVersion")
    assert machine.team.identities[NEW] in tried.told


def test_the_same_serial_for_another_version(machine):
    statement_of(machine, serial=9)
    machine.accepts("--channel", "production")
    machine.serve(MIDDLE)
    statement_of(machine, serial=9, identity=machine.team.identities[MIDDLE], version=MIDDLE)
    tried = machine.refuses("--channel", "production")
    assert (tried.code, tried.error) == (13, "RolledBack")


def test_a_wanted_rollback_is_a_new_serial_or_the_signed_fallback(machine):
    machine.accepts("--channel", "production")
    machine.serve(MIDDLE)
    middle = machine.team.identities[MIDDLE]
    statement_of(machine, serial=4, fallback=middle)
    assert machine.refuses("--channel", "production").error == "WrongVersion", "nobody else may lead it back"
    machine.trust_with("[channels]", "fallback = true")
    assert any("fallback" in one for one in machine.accepts("--channel", "production")["warnings"])
    statement_of(machine, serial=5, identity=middle, version=MIDDLE)
    machine.accepts("--channel", "production")


# Mix-and-match


@pytest.mark.parametrize(
    "part",
    [
        *("model.safetensors", "model_card.yaml", "context/source/pre.py", "context/requirements.lock", "SHA256SUMS"),
        *("model.sig", "model.safetensors.sig", "SHA256SUMS.sig", "model.safetensors.dvc"),
    ],
)
def test_mix_and_match_of_one_part_of_another_release(machine, part):
    other = machine.team.root / "past" / MIDDLE / "work/models/bert" / part
    (machine.model / part).unlink()
    shutil.copy(other, machine.model / part)
    tried = machine.refuses()
    assert tried.code in {11, 12, 13, 14}
    assert part in tried.told or part == "model.sig"


def test_mix_and_match_of_weights_and_their_signature(machine):
    """The pair is good by itself: the entry door of openssl says yes, the bundle says no."""
    for part in ("model.safetensors", "model.safetensors.sig"):
        (machine.model / part).unlink()
        shutil.copy(machine.team.root / "past" / MIDDLE / "work/models/bert" / part, machine.model / part)
    tried = machine.refuses()
    assert tried.code == 11
    assert "another version" in tried.told


def test_mix_and_match_of_the_second_signature(machine):
    """The release key signed another version: it does not count for this one."""
    shutil.rmtree(machine.model / "records")
    shutil.copytree(machine.team.root / "past" / MIDDLE / "work/models/bert/records", machine.model / "records")
    tried = machine.refuses()
    assert tried.code == 13
    assert "signed by release" in tried.told


# Swap


def test_swap_of_two_models(machine):
    shutil.rmtree(machine.model)
    shutil.copytree(machine.work / "models/ner", machine.model)
    assert machine.accepts()["name"] == "ner"
    tried = machine.refuses("--expect", f"bert@{NEW}")
    assert (tried.code, tried.error) == (13, "WrongVersion")
    tried = machine.refuses("--channel", "production")
    assert tried.code == 13


def test_a_model_that_no_rule_knows(machine):
    machine.trust_with(instead=[('match = "ner"', 'match = "ner-*"')])
    shutil.rmtree(machine.model)
    shutil.copytree(machine.work / "models/ner", machine.model)
    tried = machine.refuses()
    assert tried.code == 13
    assert "model is known" in tried.told


# Freeze and fast-forward


def test_freeze_at_an_expired_statement(machine):
    statement_of(machine, issued=NOW - 40 * DAY, expires=NOW - 10 * DAY)
    tried = machine.refuses("--channel", "production")
    assert (tried.code, tried.error) == (13, "Expired")
    machine.trust_with("[channels]", "grace_days = 30")
    assert any("expired" in one for one in machine.accepts("--channel", "production")["warnings"])


def test_freeze_by_taking_the_statement_away(machine):
    shutil.rmtree(machine.work / ".sycee")
    tried = machine.refuses("--channel", "production")
    assert tried.code == 13


def test_fast_forward_by_somebody_who_may_not(machine):
    statement_of(machine, who="mallory", serial=1 << 40)
    tried = machine.refuses("--channel", "production")
    assert tried.code in {12, 13}
    machine.serve(NEW).accepts("--channel", "production")


# Card, code, environment


@pytest.mark.parametrize("name", ["model_card.yaml", "context/source/pre.py", "context/requirements.lock"])
def test_card_code_or_environment_altered(machine, name):
    path = machine.model / name
    path.write_bytes(path.read_bytes() + b"\n")
    tried = machine.refuses()
    assert (tried.code, tried.error) == (11, "DigestMismatch")
    assert name in tried.told


def test_card_altered_and_signed_by_a_stranger(machine):
    card = machine.model / "model_card.yaml"
    card.write_text(card.read_text().replace("0.93", "0.99"))
    machine.resign("mallory")
    tried = machine.refuses()
    assert (tried.code, tried.error) == (12, "SignatureInvalid")


def test_bytecode_beside_the_source(machine):
    cached = machine.model / "context/source/__pycache__/pre.cpython-311.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"anything")
    assert machine.refuses().code == 11


# Pointers, caches, remotes


def test_pointer_altered_in_git(machine):
    other = machine.team.root / "past" / MIDDLE / "work/models/bert/model.safetensors.dvc"
    shutil.copy(other, machine.model / "model.safetensors.dvc")
    tried = machine.refuses()
    assert (tried.code, tried.error) == (14, "ContextMismatch")


def test_poisoned_cache(machine):
    """DVC's marks of trust, the mode and the place, count for nothing."""
    for one in (machine.work / ".dvc/cache/files/md5").rglob("*"):
        if one.is_file() and one.stat().st_size == len(weights("x")):
            one.chmod(0o644)
            one.write_bytes(weights("poisoned"))
            one.chmod(0o444)
    (machine.model / "model.safetensors").unlink()
    machine.try_sycee("checkout", machine.model / "model.safetensors.dvc")
    tried = machine.refuses()
    assert (tried.code, tried.error) == (11, "DigestMismatch")


def test_poisoned_remote(machine):
    poisoned = 0
    for one in (machine.root / "store").rglob("*"):
        if one.is_file() and one.stat().st_size == len(weights("x")):
            one.chmod(0o644)
            one.write_bytes(weights("poisoned"))
            poisoned += 1
    assert poisoned
    shutil.rmtree(machine.work / ".dvc/cache")
    (machine.model / "model.safetensors").unlink()
    done = machine.try_sycee("pull", machine.model / "model.safetensors.dvc")
    assert done.rc != 0
    assert not (machine.model / "model.safetensors").exists(), "what does not match never gets the name"
    assert machine.refuses().code == 11


def test_an_older_remote_has_nothing_newer(machine):
    machine.serve(NEW, cache=OLD, remote=OLD)
    (machine.model / "model.safetensors").unlink()
    assert machine.try_sycee("pull", machine.model / "model.safetensors.dvc").rc != 0
    assert machine.refuses().code == 11


# The clone itself


def test_trust_file_of_the_repository(machine):
    inside = machine.work / "trust.toml"
    shutil.copy(machine.trust, inside)
    for who in ("alice", "bob", "carol", "dora"):
        shutil.copy(machine.team.public(who), machine.work)
    tried = machine.refuses("--trust", inside)
    assert (tried.code, tried.error) == (2, "UsageError")


def test_configuration_of_the_clone_cannot_loosen_trust(machine):
    """Neither our own settings nor DVC's name a key or a trust file."""
    (machine.work / ".sycee").mkdir(exist_ok=True)
    for place in (".sycee/trust.toml", ".sycee/config.toml", ".dvc/trust.toml", "models/trust.toml"):
        (machine.work / place).write_text('format = 1\n[[models]]\nmatch = "*"\n')
    machine.team.git("config", "sycee.trust", "trust.toml", at=machine.work)
    machine.resign("mallory")
    assert machine.refuses().code == 12


# Keys


def test_one_stolen_key_is_not_enough(machine):
    machine.resign("alice")
    tried = machine.refuses()
    assert tried.code == 13
    assert "signed by release" in tried.told


def test_one_key_under_two_names_counts_once(machine):
    again = '[keys.again]\nfile = "bob.pub"\nfingerprint = "{bob}"\n[roles.training]'
    two = 'members = ["bob", "again"]\nthreshold = 2'
    machine.trust_with(instead=[("[roles.training]", again), ('members = ["bob"]', two)])
    tried = machine.refuses()
    assert tried.code in {1, 13}


def test_one_signer_of_two_cannot_choose_the_bytes(machine):
    """What only one of them vouches for, the faster digest, is not what the bytes are compared by."""
    evil = weights("evil")
    statement = payload_of(machine.model)
    for resource in statement["predicate"]["resources"]:
        if resource["name"] == "model.safetensors":
            resource["blake3"] = digest_bytes(evil).blake3
            resource["size"] = len(evil)
    forge(machine.model, statement, load_private(machine.team.key("alice")))
    (machine.model / "model.safetensors").unlink()
    (machine.model / "model.safetensors").write_bytes(evil)
    tried = machine.refuses()
    assert (tried.code, tried.error) == (11, "DigestMismatch")


@pytest.mark.parametrize("what", ["version", "file", "key"])
def test_revoked(machine, what):
    digest = machine.team.identities[NEW]
    lists = {
        "version": {"versions": {digest: "leaks the test set"}},
        "file": {"files": {_sha256(machine.model / "model.safetensors"): "poisoned"}},
        "key": {"keys": {machine.team.fingerprint("bob"): "stolen"}},
    }
    revoke(machine)
    machine.accepts()
    revoke(machine, number=2, **lists[what])
    tried = machine.refuses()
    assert tried.code == 13
    assert tried.error == "Revoked"
    assert {"version": "leaks", "file": "poisoned", "key": "stolen"}[what] in tried.told


def test_an_older_revocation_list(machine):
    revoke(machine, number=5)
    machine.accepts()
    revoke(machine, number=4)
    tried = machine.refuses()
    assert (tried.code, tried.error) == (13, "RolledBack")


def test_a_revocation_list_that_is_gone_expired_or_by_a_stranger(machine):
    revoke(machine, who="mallory")
    assert machine.refuses().code in {12, 13}
    revoke(machine, issued=NOW - 9 * DAY, expires=NOW - DAY)
    assert machine.refuses().error == "Expired"
    for one in (machine.root / "etc").glob("revoked.json*"):
        one.unlink()
    assert machine.refuses().code in {1, 13}


@pytest.mark.parametrize("line", ["valid_until = 2020-01-01T00:00:00Z", "valid_from = 2999-01-01T00:00:00Z"])
def test_back_dated_signature_of_a_key_out_of_its_time(machine, line):
    """A key proves no time: whoever has it can write any date, so only now counts."""
    machine.trust_with(instead=[('fingerprint = "{bob}"', f'fingerprint = "{{bob}}"\n{line}')])
    tried = machine.refuses()
    assert (tried.code, tried.error) == (13, "Expired")


def test_a_trust_file_past_its_time(machine):
    machine.trust_with(instead=[("format = 1", "format = 1\nexpires = 2020-01-01T00:00:00Z")])
    assert machine.refuses().error == "Expired"


# Downgrade


def test_downgrade_to_unsigned(machine):
    (machine.model / "model.sig").unlink()
    shutil.rmtree(machine.model / "records")
    tried = machine.refuses()
    assert (tried.code, tried.error) == (12, "SignatureInvalid")


def test_downgrade_to_an_empty_policy(machine):
    machine.trust.write_text("")
    assert machine.refuses().code in {1, 13}
    machine.trust.write_text("format = 1\n")
    assert machine.refuses().code in {1, 12, 13}


@pytest.mark.parametrize(
    ("name", "size"), [("model.sig", 70 << 20), ("model_card.yaml", 17 << 20), ("SHA256SUMS", 65 << 20)]
)
def test_denial_by_size(machine, name, size):
    with (machine.model / name).open("ab") as file:
        file.truncate(size)
    assert machine.refuses().code in {11, 12}


def test_json_that_means_two_things(machine):
    bundle = machine.model / "model.sig"
    bundle.write_bytes(bundle.read_bytes().replace(b'"mediaType"', b'"mediaType":"x","mediaType"', 1))
    tried = machine.refuses()
    assert tried.code in {12, 13}
    place = machine.work / ".sycee/channels/bert/production.json"
    machine.serve(NEW)
    place.write_bytes(place.read_bytes().replace(b'"serial"', b'"serial": 99, "serial"', 1))
    assert machine.refuses("--channel", "production").code in {12, 13}


# Insiders


def test_insider_whose_version_nobody_approved(machine):
    for one in (machine.model / "records").glob("approval-*"):
        one.unlink()
    tried = machine.refuses()
    assert tried.code == 13
    assert "record approval by release" in tried.told


def test_insider_who_approves_himself(machine):
    for one in (machine.model / "records").glob("approval-*"):
        one.unlink()
    machine.team.approve(machine.model, "alice")
    assert "record approval by release" in machine.refuses().told


def test_insider_whose_model_is_worse_than_the_gate(machine):
    card = machine.model / "model_card.yaml"
    card.write_text(card.read_text().replace("0.93", "0.5"))
    machine.resign("alice", "bob")
    machine.team.approve(machine.model, "bob")
    tried = machine.refuses()
    assert tried.code == 13
    assert "metrics.val_f1 >= 0.89" in tried.told


def test_pickles_need_a_policy(machine):
    """A form that can run code is refused by what the file is, whatever its name says."""
    (machine.model / "model.safetensors").unlink()
    (machine.model / "model.safetensors").write_bytes(b"\x80\x02cposix\nsystem\nU\x04true\x85R.")
    (machine.model / "model.safetensors.dvc").unlink()
    machine.resign("alice", "bob")
    tried = machine.refuses()
    assert tried.code == 13
    assert "weights are allowed forms" in tried.told


def _sha256(path):
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def test_every_refusal_is_json_for_machines_and_words_for_people(machine):
    (machine.model / "model.sig").unlink()
    shutil.rmtree(machine.model / "records")
    done = machine.try_sycee("verify", machine.model)
    assert done.rc == 12
    assert done.stderr.startswith("error: ")
    assert "\nhint: " in done.stderr
    assert json.loads(machine.try_sycee("verify", machine.model, "--json").stdout)["error"] == "SignatureInvalid"
