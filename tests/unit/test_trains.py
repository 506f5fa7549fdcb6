"""The decorator: what a training function is given and returns ends in a freeze, and nothing of it is lost."""

import logging
from pathlib import Path

import pytest

import sycee
from sycee.errors import FormatError, UsageError
from sycee.formats import card
from sycee.ops.trains import trains


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read():
    return card.parse(Path("m/model_card.yaml").read_bytes())


def save(data=b"w"):
    Path("m/model.pt").write_bytes(data)


def test_arguments_are_the_configuration_and_the_mapping_returned_is_the_metrics(here):
    @sycee.trains("m", task="ner", version="1.0.0", metrics={"size": 1})
    def train(model, lr=0.1, layers=(1, 2), api_token="secret-word", **more):
        """Train."""
        save()
        return model, {"f1": 0.5, "size": 2}

    model = object()
    assert train(model, lr=0.2, batch=8) == (model, {"f1": 0.5, "size": 2})
    assert (train.__name__, train.__doc__) == ("train", "Train.")
    written = read()
    assert written.metrics == {"f1": 0.5, "size": 1}
    assert written.training_config == {"lr": 0.2, "layers": [1, 2], "api_token": "***", "more": {"batch": 8}}
    assert written.version == "1.0.0"
    assert written.values["training"]["duration_s"] >= 0
    assert b"secret-word" not in written.raw


def test_a_configuration_that_is_given_takes_the_place_of_the_arguments(here):
    train = trains("m", task="t", training_config={"lr": 1})(lambda lr: save())
    assert train(5) is None
    assert read().training_config == {"lr": 1}
    assert read().metrics == {}


def test_every_run_freezes_anew(here):
    train = trains("m", task="t")(lambda n: {"f1": n})
    for number in (1, 2):
        train(number)
        assert read().metrics == {"f1": number}
        assert read().training_config == {"n": number}


def test_long_lists_are_data_and_no_settings(here):
    trains("m", task="t")(lambda data, names, rate: save())([1] * 1000, dict.fromkeys(map(str, range(65))), 0.5)
    assert read().training_config == {"rate": 0.5}


def test_an_error_of_the_function_goes_on_and_nothing_is_frozen(here):
    @trains("m", task="t")
    def train():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert not Path("m/model_card.yaml").exists()


def test_what_would_fail_at_the_end_fails_before_the_function_runs(here):
    ran = []
    train = trains("m", task="t", name="not a name")(lambda: ran.append(1))
    with pytest.raises(FormatError, match=r"\$\.name: expected a name"):
        train()
    with pytest.raises(UsageError, match="unknown option metric"):
        trains("m", task="t", metric={})(lambda: ran.append(1))()
    with pytest.raises(TypeError, match="missing a required argument: 'lr'"):
        trains("m", task="t")(lambda lr: ran.append(lr))()
    assert ran == []


def test_a_freeze_that_fails_at_the_end_loses_no_result(here, caplog):
    @trains("m", task="t")
    def train():
        Path("m").rmdir()
        Path("m").write_bytes(b"in the way")
        return "the model"

    with caplog.at_level(logging.WARNING, "sycee"):
        assert train() == "the model"
    assert "m could not be frozen" in caplog.text
    assert "The training itself is done" in caplog.text
    assert "Traceback" not in caplog.text


async def coroutine():
    """A function that only promises to train."""


def generator():
    yield 1


@pytest.mark.parametrize("function", [coroutine, generator])
def test_a_function_that_has_not_trained_when_it_returns_is_refused(function):
    with pytest.raises(UsageError, match=f"{function.__name__} would not have trained"):
        trains("m", task="t")(function)
