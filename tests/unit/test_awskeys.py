import io
import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rigs.s3 import S3Server
from sycee.errors import RemoteError, UsageError
from sycee.storage import awskeys
from sycee.storage.awskeys import AwsFiles, credentials
from sycee.storage.options import RemoteRequest
from sycee.storage.s3 import open_s3

SECRET = "s3cr3t"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        f"[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = {SECRET}\n"
        f"[work]\naws_access_key_id = WORK\naws_secret_access_key = {SECRET}%x\naws_session_token = T\n"
        "[half]\naws_access_key_id = HALF\n"
    )
    (tmp_path / ".aws/config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-north-1\ns3 =\n    max_queue_size = 3\n"
        "[profile tool]\ncredential_process = /bin/false\n[profile empty]\nregion = x\n"
    )
    return tmp_path


def keys(
    options: dict[str, str], environ: dict[str, str], home: Path | None = None
) -> tuple[str, str, str | None] | None:
    provider = credentials(AwsFiles(options, {**environ, **({"HOME": str(home)} if home else {})}))
    if provider is None:
        return None
    found = provider()
    return found["access_key_id"], found["secret_access_key"], found["token"]


OPTIONS = {"access_key_id": "OPTION", "secret_access_key": SECRET}
ENVIRON = {"AWS_ACCESS_KEY_ID": "ENVIRON", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "ET"}


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        (OPTIONS, ENVIRON, ("OPTION", SECRET, None)),
        ({**OPTIONS, "session_token": "OT"}, ENVIRON, ("OPTION", SECRET, "OT")),
        ({**OPTIONS, "profile": "work"}, ENVIRON, ("OPTION", SECRET, None)),
        ({"profile": "work"}, ENVIRON, ("WORK", f"{SECRET}%x", "T")),
        ({}, ENVIRON, ("ENVIRON", SECRET, "ET")),
        ({}, {**ENVIRON, "AWS_PROFILE": "work"}, ("ENVIRON", SECRET, "ET")),
        ({}, {"AWS_PROFILE": "work"}, ("WORK", f"{SECRET}%x", "T")),
        ({}, {}, ("DEFAULT", SECRET, None)),
        ({}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, None),
    ],
)
def test_who_wins(home: Path, options: dict[str, str], environ: dict[str, str], expected: object) -> None:
    assert keys(options, environ, home) == expected


def test_nothing_found_is_left_to_the_cloud_machine(tmp_path: Path) -> None:
    assert keys({}, {}, tmp_path) is None
    with pytest.raises(RemoteError, match="there are no credentials"):
        keys({}, {"AWS_EC2_METADATA_DISABLED": "true"}, tmp_path)


def test_region_comes_from_the_profile(home: Path) -> None:
    assert AwsFiles({}, {"HOME": str(home)}).region() == "eu-west-1"
    assert AwsFiles({"profile": "work"}, {"HOME": str(home)}).region() == "eu-north-1"


def test_files_can_lie_elsewhere(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(f"[default]\naws_access_key_id = OTHER\naws_secret_access_key = {SECRET}\n")
    assert keys({"credentialpath": str(other)}, {}, home) == ("OTHER", SECRET, None)
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws/credentials")}
    assert keys({"credentialpath": str(other)}, environ, home) == ("DEFAULT", SECRET, None)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"profile": "nobody"}, RemoteError, "there is no AWS profile 'nobody'"),
        ({"profile": "empty"}, RemoteError, "the AWS profile 'empty' has no keys"),
        ({"profile": "half"}, UsageError, "have aws_access_key_id but no aws_secret_access_key"),
        ({"access_key_id": "x"}, UsageError, "have access_key_id but no secret_access_key"),
    ],
)
def test_what_is_missing_is_named(home: Path, options: dict[str, str], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        keys(options, {}, home)
    assert SECRET not in str(caught.value)


def test_a_repository_starts_no_program(home: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    config = tmp_path / "config"
    config.write_text(f"[profile evil]\ncredential_process = /usr/bin/touch {trap}\n")
    with pytest.raises(RemoteError, match="would start a program or a log-in"):
        keys({"profile": "evil", "configpath": str(config)}, {}, home)
    assert not trap.exists()


def test_a_broken_file_is_named_and_not_shown(home: Path) -> None:
    (home / ".aws/credentials").write_text(f"aws_secret_access_key = {SECRET}\n")
    with pytest.raises(RemoteError, match=r"cannot read .*/\.aws/credentials: MissingSectionHeaderError") as caught:
        keys({}, {}, home)
    assert SECRET not in f"{caught.value}{caught.value.__cause__}"


def test_other_profiles_are_left_to_botocore(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = home / "helper"
    helper.write_text(
        '#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": "HELPER", "SecretAccessKey": "s", "SessionToken": "t"}\'\n'
    )
    helper.chmod(0o700)
    (home / ".aws/config").write_text(f"[profile tool]\ncredential_process = {helper}\n")
    monkeypatch.setenv("HOME", str(home))  # botocore looks by itself
    assert keys({"profile": "tool"}, {}, home) == ("HELPER", "s", "t")


def helper_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a profile whose helper prints what is in a file; return that file."""
    answer = home / "answer"
    (home / ".aws/config").write_text(f"[profile tool]\ncredential_process = cat {answer}\n")
    monkeypatch.setenv("HOME", str(home))  # botocore looks by itself
    return answer


def answered(key: str, secret: str, seconds: float) -> str:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    fields = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "Expiration": until.isoformat()}
    return json.dumps(fields)


def test_what_expires_is_asked_for_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = helper_of(home, monkeypatch)
    answer.write_text(answered("FIRST", SECRET, 60))
    provider = credentials(AwsFiles({"profile": "tool"}, {"HOME": str(home)}))
    assert provider is not None
    first = provider()
    answer.write_text(answered("SECOND", SECRET, 3600))
    second = provider()
    assert (first["access_key_id"], second["access_key_id"]) == ("FIRST", "SECOND")
    assert datetime.now(UTC) < second["expires_at"] <= datetime.now(UTC) + timedelta(minutes=10)


@pytest.mark.slow
def test_an_open_remote_goes_on_with_new_keys(home: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> None:
    monkeypatch.setattr(awskeys, "_RENEW", timedelta(0))
    answer = helper_of(home, monkeypatch)
    answer.write_text(answered(s3_server.access_key, s3_server.secret_key, 60))
    options = {"profile": "tool", "endpointurl": s3_server.endpoint}
    with closing(open_s3(RemoteRequest("s3://models/renewed", options, {"HOME": str(home)}))) as backend:
        backend.write("k", io.BytesIO(b"x"), 1)
        answer.write_text(answered("EXPIRED", SECRET, 60))
        with pytest.raises(RemoteError, match="the server does not know the access key"):
            list(backend.read("k"))
        answer.write_text(answered(s3_server.access_key, s3_server.secret_key, 3600))
        assert list(backend.read("k")) == [b"x"]
        answer.unlink()


@pytest.mark.slow
def test_a_helper_that_fails_half_way_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server
) -> None:
    monkeypatch.setattr(awskeys, "_RENEW", timedelta(0))
    answer = helper_of(home, monkeypatch)
    answer.write_text(answered(s3_server.access_key, s3_server.secret_key, 1))
    options = {"profile": "tool", "endpointurl": s3_server.endpoint}
    with closing(open_s3(RemoteRequest("s3://models/renewed", options, {"HOME": str(home)}))) as backend:
        backend.write("k", io.BytesIO(b"x"), 1)
        answer.unlink()
        time.sleep(1)
        with pytest.raises(RemoteError, match="the AWS profile gives no credentials any more") as caught:
            list(backend.read("k"))
        assert "log in again" in str(caught.value.hint)


def test_without_botocore_such_profiles_say_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    with pytest.raises(RemoteError, match="only botocore can do") as caught:
        keys({"profile": "tool"}, {}, home)
    assert "pip install botocore" in str(caught.value.hint)


def test_an_endless_file_is_not_read_whole() -> None:
    with pytest.raises(RemoteError, match="cannot read /dev/zero"):
        AwsFiles({"configpath": "/dev/zero"}, {}).region()
