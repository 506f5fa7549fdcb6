"""A large upload that was interrupted goes on; what the server does not vouch for is sent again."""

import json
import random
import uuid
from contextlib import closing

import pytest

from rigs.counting import relayed
from sycee.errors import RemoteError
from sycee.storage import objectstore, uploads
from sycee.storage.options import RemoteRequest
from sycee.storage.port import ignore_bytes
from sycee.storage.s3 import open_s3
from sycee.storage.s3parts import Bucket, S3Parts

pytestmark = pytest.mark.slow

PART = 5 << 20  # S3 takes no smaller ones
PARTS = 4
DATA = random.Random("upload").randbytes(PARTS * PART - 1000)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(objectstore, "PART", PART)
    monkeypatch.setattr(uploads, "WORKERS", 1)  # so that it is known which parts went


@pytest.fixture
def relay(s3_server):
    with relayed(s3_server.endpoint) as relay:
        yield relay


@pytest.fixture
def journals(tmp_path):
    return tmp_path / "scratch/uploads"


@pytest.fixture
def backend(s3_server, relay, journals):
    options = s3_server.options(endpointurl=relay.endpoint, read_timeout="1")
    url = f"s3://models/{uuid.uuid4().hex}/é & x"
    with closing(open_s3(RemoteRequest(url, options, {}, scratch=journals.parent))) as backend:
        yield backend


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    return tmp_path / "source"


class Interrupted(Exception):
    """Stands for Ctrl-C: raised where a transfer tells what it has done."""


def interrupt(backend, source, after=2 * PART):
    """Begin to write and stop when so many bytes are there."""
    told = 0

    def on_bytes(amount):
        nonlocal told
        told += amount
        if told >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        backend.write("k", source, len(DATA), on_bytes=on_bytes)


def complete(backend, relay, source):
    """Write, check what is then stored, and return how many parts went over the line."""
    relay.reset()
    told = []
    backend.write("k", source, len(DATA), on_bytes=told.append)
    sent = relay.sent
    assert sum(told) == len(DATA)
    assert b"".join(backend.read("k")) == DATA
    return round(sent / PART)


def journal(journals):
    (path,) = journals.glob("*.upload")
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def s3_parts(s3_server, backend):
    keys = {"access_key_id": s3_server.access_key, "secret_access_key": s3_server.secret_key}
    prefix = backend.describe().removeprefix("s3://models/")
    bucket = Bucket(s3_server.endpoint, "models", prefix, "us-east-1", lambda: keys, 10, {}, None)
    return closing(S3Parts(bucket))


def test_an_interrupted_upload_goes_on(backend, relay, source, journals):
    interrupt(backend, source)
    assert backend.size("k") is None
    assert len(lines(journal(journals))) == 3
    assert complete(backend, relay, source) == PARTS - 2
    assert list(journals.iterdir()) == []


def test_the_server_is_asked_which_parts_it_has(backend, relay, source, journals, s3_server):
    interrupt(backend, source)
    first, *rest = lines(journal(journals))
    with s3_parts(s3_server, backend) as parts:
        parts.put("k", first["upload"], 2, b"other bytes", lambda: None)
    assert complete(backend, relay, source) == PARTS - len(rest) + 1


def test_an_upload_that_expired_begins_anew(backend, relay, source, journals, s3_server):
    interrupt(backend, source)
    with s3_parts(s3_server, backend) as parts:
        parts.abort("k", lines(journal(journals))[0]["upload"])
    assert complete(backend, relay, source) == PARTS


def test_a_damaged_journal_is_not_believed(backend, relay, source, journals):
    interrupt(backend, source)
    journal(journals).write_bytes(b"\0" * 300)
    assert complete(backend, relay, source) == PARTS
    assert list(journals.iterdir()) == []


def test_a_source_that_changes_meanwhile_is_refused(backend, relay, source, journals):
    def on_bytes(amount):
        if amount:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(RemoteError, match="changed while it was stored"):
        backend.write("k", source, len(DATA), on_bytes=on_bytes)
    assert backend.size("k") is None
    assert journal(journals).read_bytes() == b""


def test_a_source_that_is_gone_is_told(backend, source, journals):
    interrupt(backend, source)
    source.unlink()
    with pytest.raises(Exception, match="No such file"):
        backend.write("k", source, len(DATA))


def test_a_part_that_stands_still_is_sent_again(backend, relay, source):
    relay.limit = PART + PART // 2

    def on_bytes(_amount):
        if relay.stalled.wait(0):
            relay.limit = None

    backend.write("k", source, len(DATA), on_bytes=on_bytes)
    assert relay.stalled.is_set()
    assert b"".join(backend.read("k")) == DATA


def test_through_tls(s3_server, source, journals):
    options = s3_server.options(endpointurl=s3_server.tls_endpoint, ssl_verify=str(s3_server.authority))
    with closing(open_s3(RemoteRequest("s3://models/tls", options, {}, scratch=journals.parent))) as backend:
        backend.write("k", source, len(DATA), on_bytes=ignore_bytes)
        assert b"".join(backend.read("k")) == DATA
