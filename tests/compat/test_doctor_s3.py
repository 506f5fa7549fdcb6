"""What ``sycee doctor`` says of a real S3 server."""

import dataclasses
import os

import pytest

from sycee.ops.config import Place
from sycee.ops.doctor import Checkup, doctor
from sycee.ops.remote import add_remote, modify_remote

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({}, "ok", "reachable"),
        ({"secret_access_key": "wrong"}, "problem", "the secret key is wrong"),
        ({"access_key_id": "nobody"}, "problem", "the server does not know the access key"),
        ({"url": "s3://no-such-bucket/x"}, "problem", "the bucket does not exist"),
    ],
    ids=["good", "wrong secret", "unknown key", "no bucket"],
)
def test_the_remote(repo_dir, s3_server, change, state, words):
    place = Place(repo_dir, os.environ, None)
    options = {"url": "s3://models/doctor", **s3_server.options(), **change}
    add_remote(place, "store", options.pop("url"), default=True)
    for name, value in options.items():
        modify_remote(dataclasses.replace(place, level="local"), "store", name, value)
    (finding,) = [one for one in doctor(Checkup(repo_dir, os.environ)) if one.subject == "remote store"]
    assert (finding.state, words in finding.message) == (state, True), finding
    assert finding.hint or state == "ok"
    assert "wrong" not in finding.message.replace("is wrong", "")
