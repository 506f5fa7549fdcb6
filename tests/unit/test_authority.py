"""Authorities: whose signature on a bundle counts, and key files that are not what they should be."""

from dataclasses import replace

import pytest

from rigs.signed import fixed_key, seal_payload
from sycee.errors import ConfigError, NotFound, UsageError
from sycee.formats import bundle
from sycee.formats.trust import ModelRule, Role, Trust, TrustedKey
from sycee.trust import keys
from sycee.trust.policy.authority import Authority


def signers(authority, raw):
    return {signer.name for signer in authority.signers_of_bundle(raw, bundle.parse(raw))}


def trust_of(**named):
    return Trust(named, {}, {"release": Role("release", frozenset(named))}, (ModelRule("*", ("release",)),))


def test_key_alone_signs_every_model_in_every_form():
    public = fixed_key().public
    authority = Authority.of_key(public)
    assert authority.only_key is public
    assert public.fingerprint in authority.described
    raw = seal_payload(b"{not parsed", fixed_key())
    [signer] = authority.signers_of_bundle(raw, bundle.parse(raw))
    assert (signer.fingerprint, signer.described, signer.signed_at) == (public.fingerprint, "EC P-256", None)
    assert "pickle" in authority.trust.models[0].formats
    assert signers(authority, seal_payload(b"{}", keys.generate("p256"))) == set()


def test_payload_or_signature_that_was_altered():
    raw = seal_payload(b"{}")
    envelope = bundle.parse(raw)
    authority = Authority.of_key(fixed_key().public)
    for changed in (
        replace(envelope, payload=b"{} "),
        replace(envelope, signature=b"x"),
        replace(envelope, signature=b""),
    ):
        assert authority.signers_of_bundle(bundle.render(changed), changed) == frozenset()


def test_keys_of_a_trust_file_by_every_name(tmp_path):
    (tmp_path / "alice.pub").write_bytes(fixed_key().public.pem)
    listed = TrustedKey("alice", file="alice.pub", fingerprint=fixed_key().public.fingerprint)
    bob = keys.generate("p384")
    also = TrustedKey("bob", pem=bob.public.pem.decode())
    authority = Authority.of_file(trust_of(alice=listed, bob=also), tmp_path / "trust.toml")
    assert authority.only_key is None
    assert (authority.folder, authority.described) == (tmp_path, str(tmp_path / "trust.toml"))
    assert signers(authority, seal_payload(b"{}")) == {"alice"}
    assert signers(authority, seal_payload(b"{}", bob)) == {"bob"}


def test_key_file_that_is_another_key(tmp_path):
    (tmp_path / "alice.pub").write_bytes(keys.generate("p256").public.pem)
    listed = TrustedKey("alice", file="alice.pub", fingerprint=fixed_key().public.fingerprint)
    with pytest.raises(ConfigError, match="is another key than") as caught:
        Authority.of_file(trust_of(alice=listed), tmp_path / "trust.toml")
    assert caught.value.details["expected"] == fixed_key().public.fingerprint


def test_key_file_that_is_missing_or_none(tmp_path):
    listed = TrustedKey("alice", file="alice.pub", fingerprint="0" * 64)
    with pytest.raises(NotFound):
        Authority.of_file(trust_of(alice=listed), tmp_path / "trust.toml")
    (tmp_path / "alice.pub").write_bytes(b"no key")
    with pytest.raises(UsageError):
        Authority.of_file(trust_of(alice=listed), tmp_path / "trust.toml")
    with pytest.raises(UsageError, match="the key alice in"):
        Authority.of_file(trust_of(alice=TrustedKey("alice", pem="no key")), tmp_path / "trust.toml")
