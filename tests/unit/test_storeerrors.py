import pytest

from sycee.errors import NotFound, RemoteError
from sycee.storage.storeerrors import Action, error_code, translated

READ = Action("read", "s3://b/k", "k", "store")


def answer(status: str, code: str = "", more: str = "") -> str:
    body = f"<Error><Code>{code}</Code><Message>the server's words</Message>{more}</Error>" if code else ""
    return (
        f"Generic S3 error: Error performing GET http://h/b/k in 1ms - non-2xx status code: {status}: {body}\n\nDebug"
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            answer("301 Moved", "PermanentRedirect"),
            "the bucket lies in another region",
            "sycee remote modify store region REGION",
        ),
        (
            answer("400 Bad", "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            "the bucket lies in another region (eu-west-1)",
            "modify store region eu-west-1",
        ),
        (answer("403 Forbidden", "ExpiredToken"), "the session token has expired", "log in again"),
        (answer("403 Forbidden"), "access denied", "permission"),
        (answer("401 Unauthorized"), "the server refuses the credentials", "secret_access_key"),
        (answer("503 Slow", "SlowDown"), "the server is overloaded", "fewer `jobs`"),
        (answer("507 Full"), "the server has no space left", "free some space"),
        (answer("500 Error", "Odd"), "the server's words", None),
        ("operation timed out", "it did not answer in time", "check the network"),
        ("redirect without LOCATION", "the bucket lies in another region", "sycee remote modify store region REGION"),
        ("GET http://169.254.169.254/latest: kind: Connect", "there are no credentials", "access_key_id"),
        ("Something\nwith many lines", "Something", None),
        ("", "it failed without saying why", None),
    ],
)
def test_what_a_user_is_told(text: str, message: str, hint: str | None) -> None:
    error = translated(ValueError(text), READ)
    assert isinstance(error, RemoteError)
    assert error.message == f"cannot read s3://b/k: {message}"
    assert (hint is None and error.hint is None) or str(hint) in str(error.hint)


def test_missing_is_not_found_only_when_an_object_is_missing() -> None:
    missing = FileNotFoundError(answer("404 Not Found", "NoSuchKey"))
    assert type(translated(missing, READ)) is NotFound
    assert type(translated(missing, Action("write", "s3://b/k", "k"))) is RemoteError
    bucket = FileNotFoundError(answer("404 Not Found", "NoSuchBucket"))
    assert translated(bucket, READ).message.endswith("the bucket does not exist")


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("azure://c/k", "`connection_string` with `sycee remote modify --local store"),
        ("gs://b/k", "`sycee remote modify store credentialpath FILE`"),
        ("s3://b/k", "`sycee remote modify --local store access_key_id"),
    ],
)
def test_hints_name_the_options_of_the_kind(url: str, hint: str) -> None:
    error = translated(ValueError(answer("401 Unauthorized")), Action("read", url, "k", "store"))
    assert hint in str(error.hint)
    container = FileNotFoundError(answer("404 Not Found", "ContainerNotFound"))
    assert translated(container, Action("read", url, "k")).message.endswith("the container does not exist")


def test_codes() -> None:
    assert error_code(ValueError(answer("404 Not Found", "NoSuchKey"))) == "NoSuchKey"
    assert error_code(ValueError(answer("416 Range"))) == "416"
    assert error_code(ValueError("x")) == ""
