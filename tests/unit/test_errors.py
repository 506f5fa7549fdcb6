"""What every error carries."""

import traceback

from sycee.errors import DigestMismatch, NotFound, SyceeError


def test_a_traceback_shows_the_hint():
    error = NotFound("there is no model here", hint="look elsewhere", path="x")
    assert "".join(traceback.format_exception_only(error)) == (
        "sycee.errors.NotFound: there is no model here\nhint: look elsewhere\n"
    )
    assert "".join(traceback.format_exception_only(SyceeError("no"))) == "sycee.errors.SyceeError: no\n"


def test_an_error_about_something_keeps_all_else():
    error = NotFound("object is gone", hint="fetch it", path="x").about("model.pt")
    assert type(error) is NotFound
    assert (str(error), error.hint, error.details) == ("model.pt: object is gone", "fetch it", {"path": "x"})
    assert error.__notes__ == ["hint: fetch it"]
    assert str(error.about("model.pt")) == "model.pt: object is gone"


def test_whatever_does_not_verify_comes_with_advice():
    assert str(DigestMismatch("other bytes").hint).startswith("do not load it; ")
    assert DigestMismatch("other bytes", hint="fetch it again").hint == "fetch it again"
    assert SyceeError("no").hint is None
