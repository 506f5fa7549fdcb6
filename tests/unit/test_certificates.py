"""Certificates of signers: whose count, and when."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from rigs.authorities import CODE, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, SERVER, Holder
from sycee.errors import Expired, NotFound, PolicyDenied, SignatureInvalid, UsageError
from sycee.trust.oms import certificates
from sycee.trust.oms.certificates import CertificateRule, check_certificates


def judged(*chain, roots=(ROOT,), identity="Release Signing", at=NOW, usage="code-signing"):
    rule = CertificateRule(tuple(root.certificate for root in roots), identity, at, usage)
    return check_certificates([one.der for one in chain], rule, "m.sig")


def test_a_chain_to_a_given_root():
    found = judged(LEAF, MIDDLE)
    assert found.key.fingerprint == LEAF.signer.public.fingerprint
    assert found.subject == "CN=Release Signing"
    assert found.names == ("Release Signing",)
    assert found.valid_until == dt.datetime(2036, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("chain", [(LEAF, MIDDLE, ROOT), (LEAF, ROOT, MIDDLE), (LEAF, OTHER_ROOT, MIDDLE)])
def test_more_certificates_than_needed_do_no_harm(chain):
    assert judged(*chain).names == ("Release Signing",)


def test_a_root_may_be_an_authority_between_or_the_signers_own_certificate():
    assert judged(LEAF, roots=[MIDDLE])
    assert judged(LEAF, roots=[LEAF])
    own = Holder("Self Signed", 2001)
    assert judged(own, roots=[OTHER_ROOT, own], identity="Self Signed")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_other_curves(curve):
    leaf = Holder("Release Signing", 2002, MIDDLE, curve)
    assert judged(leaf, MIDDLE).key.kind == f"EC P-{curve.key_size}"


@pytest.mark.parametrize(
    ("chain", "roots"),
    [
        ([LEAF], [ROOT]),  # the authority between is missing
        ([LEAF, MIDDLE], [OTHER_ROOT]),
        ([LEAF, MIDDLE, OTHER_ROOT], [OTHER_ROOT]),
        ([Holder("Release Signing", 2003)], [ROOT]),
        ([Holder("Release Signing", 2004, LEAF), LEAF, MIDDLE], [ROOT]),  # the issuer is no authority
        ([Holder("Release Signing", 2005, Holder("Deep", 2006, MIDDLE, authority=True)), MIDDLE], [ROOT]),
    ],
)
def test_no_path_leads_to_a_given_root(chain, roots):
    with pytest.raises(SignatureInvalid, match="no valid path leads from"):
        judged(*chain, roots=roots)


def test_an_authority_that_may_have_none_below_it():
    deep = Holder("Deep", 2006, MIDDLE, authority=True)
    with pytest.raises(SignatureInvalid, match="no valid path"):
        judged(Holder("Release Signing", 2007, deep), deep, MIDDLE)


def test_an_authority_with_another_key_under_the_same_name():
    twin = Holder("Test Authority", 2008, authority=True)
    with pytest.raises(SignatureInvalid, match="no valid path"):
        judged(Holder("Release Signing", 2009, twin), twin, MIDDLE)


@pytest.mark.parametrize("at", [dt.datetime(2025, 12, 31, tzinfo=dt.UTC), dt.datetime(2037, 1, 1, tzinfo=dt.UTC)])
def test_the_moment(at):
    with pytest.raises(Expired, match="is valid from 2026-01-01 00:00 to 2036-01-01 00:00 UTC, and not at") as caught:
        judged(LEAF, MIDDLE, at=at)
    assert caught.value.exit_code == 13


def test_an_authority_past_its_time():
    short = Holder("Short", 2010, ROOT, authority=True, until=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    leaf = Holder("Release Signing", 2011, short)
    assert judged(leaf, short, at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    with pytest.raises(SignatureInvalid, match="no valid path"):
        judged(leaf, short)


def test_time_zones_are_one_moment():
    last = dt.datetime(2036, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert judged(LEAF, MIDDLE, at=last)


def test_what_the_certificate_is_meant_for():
    server = Holder("Release Signing", 2012, MIDDLE, usages=[SERVER])
    unsaid = Holder("Release Signing", 2013, MIDDLE, usages=[])
    both = Holder("Release Signing", 2014, MIDDLE, usages=[SERVER, CODE])
    assert judged(both, MIDDLE)
    for leaf, why in ((server, "it is for something else"), (unsaid, "it does not say what for")):
        with pytest.raises(PolicyDenied, match=why) as caught:
            judged(leaf, MIDDLE)
        assert "--usage any" in caught.value.hint
        assert judged(leaf, MIDDLE, usage="any")


@pytest.mark.parametrize("usage", certificates.USAGES)
def test_a_certificate_that_may_not_sign(usage):
    with pytest.raises(PolicyDenied, match="not meant for digital signatures"):
        judged(Holder("Release Signing", 2015, MIDDLE, signs=False), MIDDLE, usage=usage)
    with pytest.raises(PolicyDenied, match="not meant for digital signatures"):
        judged(MIDDLE, identity="Test Authority", usage=usage)


def test_an_authority_for_something_else():
    tls = (x509.ExtendedKeyUsage([SERVER]), False)
    middle = Holder("For Servers", 2016, ROOT, authority=True, extensions=[tls])
    leaf = Holder("Release Signing", 2017, middle)
    with pytest.raises(SignatureInvalid, match="an authority may not vouch for signers of code"):
        judged(leaf, middle)
    assert judged(leaf, middle, usage="any")


def test_an_unknown_extension_that_must_be_understood():
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert judged(Holder("Release Signing", 2018, MIDDLE, extensions=[(unknown, False)]), MIDDLE)
    with pytest.raises(SignatureInvalid, match="no valid path"):
        judged(Holder("Release Signing", 2018, MIDDLE, extensions=[(unknown, True)]), MIDDLE)


def test_a_common_name_escapes_no_constraints():
    constraints = x509.NameConstraints([x509.RFC822Name("example.org")], None)
    middle = Holder("Constrained", 2019, ROOT, authority=True, extensions=[(constraints, True)])
    mail = x509.SubjectAlternativeName([x509.RFC822Name("release@example.org")])
    leaf = Holder("boss@example.com", 2020, middle, extensions=[(mail, False)])
    assert judged(leaf, middle, identity="release@example.org").names == ("release@example.org",)
    with pytest.raises(PolicyDenied, match=r"expected boss@example\.com, found release@example\.org"):
        judged(leaf, middle, identity="boss@example.com")
    with pytest.raises(PolicyDenied, match="found no name"):
        judged(Holder("boss@example.com", 2021, middle), middle, identity="boss@example.com")


def test_names():
    alternative = x509.SubjectAlternativeName(
        [
            x509.RFC822Name("release@example.org"),
            x509.DNSName("signing.example.org"),
            x509.UniformResourceIdentifier("https://example.org/ci"),
        ]
    )
    leaf = Holder("Release Signing", 2019, MIDDLE, extensions=[(alternative, False)])
    names = ("release@example.org", "https://example.org/ci", "signing.example.org", "Release Signing")
    for name in names:
        assert set(judged(leaf, MIDDLE, identity=name).names) == set(names)
    for name in ("example.org", "release@example.or", "Release signing", "CN=Release Signing", "*"):
        with pytest.raises(PolicyDenied, match="was signed by somebody else: expected") as caught:
            judged(leaf, MIDDLE, identity=name)
        assert set(caught.value.details["found"]) == set(names)


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:40], lambda d: b"", lambda d: b"\x30\x03\x02\x01\x01"]
)
def test_certificates_that_cannot_be_read(damage):
    rule = CertificateRule((ROOT.certificate,), "x", NOW)
    for chain in ([damage(LEAF.der), MIDDLE.der], [LEAF.der, damage(MIDDLE.der)]):
        with pytest.raises(SignatureInvalid, match=r"a certificate in m\.sig cannot be read"):
            check_certificates(chain, rule, "m.sig")


@pytest.mark.parametrize("text", [b"Test Authority", b"Release Signing", b"2601010000"])
def test_parts_that_are_parsed_late(text):
    at = LEAF.der.index(text)
    damaged = LEAF.der[:at] + b"\xff" * len(text) + LEAF.der[at + len(text) :]
    rule = CertificateRule((ROOT.certificate,), "x", NOW)
    with pytest.raises(SignatureInvalid, match="cannot be read"):
        check_certificates([damaged, MIDDLE.der], rule, "m.sig")


def test_a_changed_certificate():
    at = LEAF.der.index(b"Release Signing")
    forged = LEAF.der[:at] + b"Another Signing" + LEAF.der[at + 15 :]
    rule = CertificateRule((ROOT.certificate,), "Another Signing", NOW)
    with pytest.raises(SignatureInvalid, match="no valid path"):
        check_certificates([forged, MIDDLE.der], rule, "m.sig")


def test_a_key_of_another_kind():
    leaf = Holder("Release Signing", 2020, MIDDLE, ec.SECP256K1())
    with pytest.raises(SignatureInvalid):
        judged(leaf, MIDDLE, usage="any")


def test_neither_everybody_nor_every_root():
    with pytest.raises(UsageError, match="no root is given"):
        CertificateRule((), "x", NOW)
    with pytest.raises(UsageError, match="no identity is given"):
        CertificateRule((ROOT.certificate,), "", NOW)


def test_files_of_certificates(tmp_path):
    file = tmp_path / "chain.pem"
    file.write_bytes(LEAF.pem + MIDDLE.pem)
    assert certificates.load_certificates(file) == (LEAF.certificate, MIDDLE.certificate)
    (tmp_path / "link.pem").symlink_to(file)
    assert len(certificates.load_certificates(tmp_path / "link.pem")) == 2
    with pytest.raises(NotFound):
        certificates.load_certificates(tmp_path / "none.pem")
    for data in (
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        LEAF.private_pem,
        LEAF.pem * 3000,
    ):
        file.write_bytes(data)
        with pytest.raises(UsageError, match="holds no certificates in PEM"):
            certificates.load_certificates(file)
