"""Any folder that can be signed verifies; any single change to it does not."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rigs.folders import MODEL_FOLDERS, NAMES
from rigs.signed import sign_folder, verify_folder, write_model
from sycee.errors import FormatError, SyceeError, VerificationError
from sycee.formats import bundle, statement, sums
from sycee.formats.bundle import Bundle
from sycee.formats.statement import Resource, Statement

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(MODEL_FOLDERS, st.data())
def test_signed_verifies_and_one_change_does_not(files, data):
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_model(Path(scratch) / "m", files)
        result = sign_folder(folder)
        assert verify_folder(folder).identity == result.identity
        assert result.identity == sums.identity((folder / "SHA256SUMS").read_bytes())
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(paths), label="changed")
        kept = path.read_bytes()
        how = data.draw(st.sampled_from(["flip", "append", "remove", "add"]), label="how")
        if how == "flip" and kept:
            at = data.draw(st.integers(0, len(kept) - 1))
            path.write_bytes(kept[:at] + bytes([kept[at] ^ data.draw(st.integers(1, 255))]) + kept[at + 1 :])
        elif how == "remove":
            assume(path.name != ".gitattributes")  # optional; if there, exact
            path.unlink()
        elif how == "add":
            path.with_name("added by somebody").write_bytes(kept)
        else:
            path.write_bytes(kept + b"x")
        with pytest.raises(VerificationError):
            verify_folder(folder)


@given(st.dictionaries(NAMES, HEX, min_size=1, max_size=10))
def test_sums_round_trip(digests):
    try:
        text = sums.render(digests)
    except FormatError:
        return
    assert dict(sums.parse(text)) == digests
    assert sums.render(sums.parse(text)) == text


RESOURCES = st.builds(
    Resource,
    NAMES,
    HEX,
    st.none() | st.integers(0, 1 << 53),
    st.none() | HEX.map(lambda text: text[:32]),
    st.none() | HEX,
)


@given(st.lists(RESOURCES, min_size=1, max_size=6), st.lists(NAMES, max_size=3), st.text(max_size=10))
def test_statement_round_trip(resources, ignored, subject):
    payload = statement.render(Statement(subject, tuple(resources), tuple(ignored), {"name": "x"}))
    try:
        parsed = statement.parse(payload)
    except FormatError:
        return
    assert statement.render(parsed) == payload
    assert sorted(parsed.resources, key=lambda r: r.name) == sorted(resources, key=lambda r: r.name)


@given(st.binary(max_size=60), st.binary(max_size=60), st.none() | HEX)
def test_bundle_round_trip(payload, signature, hint):
    made = Bundle(payload, signature, hint)
    assert bundle.parse(bundle.render(made)) == made


GOOD = bundle.render(Bundle(b'{"_type":1}', b"signature", "f" * 64))


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_bytes_make_the_readers_fail_otherwise_than_by_our_errors(at, inserted, removed):
    data = GOOD[:at] + inserted + GOOD[at + removed :]
    for read in (bundle.parse, statement.parse, sums.parse):
        with suppress(SyceeError):
            read(data)
