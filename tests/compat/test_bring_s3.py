"""``add --to-remote`` onto a real S3 server: what was hashed is stored, and what changed meanwhile gets no name."""

import os

import pytest

from sycee.errors import RemoteError
from sycee.ops.bring import Bringing, add_to_remote
from sycee.storage.options import RemoteRequest
from sycee.storage.s3 import open_s3
from sycee.store import direct
from sycee.store.layout import object_key
from sycee.store.objects import Remote

pytestmark = pytest.mark.slow

SIZES = (3, 9 << 20)  # one request, and several


@pytest.fixture
def remote(s3_server):
    backend = open_s3(RemoteRequest("s3://models/bring", s3_server.options(), os.environ, "store"))
    yield Remote("store", backend)
    backend.close()


@pytest.mark.parametrize("size", SIZES)
def test_whole_or_not_at_all(repo, remote, tmp_path, monkeypatch, size):
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(size))
    added = add_to_remote(repo, Bringing(path, repo.root / "weights"), remote)
    assert b"".join(remote.backend.read(object_key(added.digests.md5))) == path.read_bytes()

    def hash_and_change(path, **options):
        digests = digest_file(path, **options)
        path.write_bytes(os.urandom(size))
        seen.append(digests.md5)
        return digests

    digest_file, seen = direct.digest_file, []
    monkeypatch.setattr(direct, "digest_file", hash_and_change)
    path.write_bytes(os.urandom(size))
    with pytest.raises(RemoteError, match="weights changed while it was sent"):
        add_to_remote(repo, Bringing(path, repo.root / "weights", force=True), remote)
    assert remote.backend.size(object_key(seen[0])) is None
