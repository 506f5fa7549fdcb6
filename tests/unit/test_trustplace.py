"""Where a trust file is looked for, and where none may lie."""

import subprocess
from pathlib import Path

import pytest

from sycee.errors import NotFound, UsageError
from sycee.ops import trustplace
from sycee.ops.trustplace import find_trust_file, require_outside, user_file


def written(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("format = 1\n")
    return path


def test_order_of_places(tmp_path, monkeypatch):
    environ = {"HOME": str(tmp_path)}
    monkeypatch.setattr(trustplace, "SYSTEM_FILE", tmp_path / "etc" / "trust.toml")
    assert find_trust_file(environ) is None
    system = written(tmp_path / "etc" / "trust.toml")
    assert find_trust_file(environ) == system
    user = written(tmp_path / ".config" / "sycee" / "trust.toml")
    assert user_file(environ) == user
    assert find_trust_file(environ) == user
    moved = written(tmp_path / "xdg" / "sycee" / "trust.toml")
    assert find_trust_file(environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == moved
    named = written(tmp_path / "named.toml")
    assert find_trust_file(environ | {"SYCEE_TRUST": str(named)}) == named
    given = written(tmp_path / "given.toml")
    assert find_trust_file(environ | {"SYCEE_TRUST": str(named)}, given) == given


def test_named_file_that_is_not_there_is_not_replaced_by_another(tmp_path):
    written(tmp_path / ".config" / "sycee" / "trust.toml")
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(NotFound, match="there is no trust file"):
        find_trust_file(environ | {"SYCEE_TRUST": str(tmp_path / "none.toml")})
    with pytest.raises(NotFound, match="there is no trust file"):
        find_trust_file(environ, tmp_path / "none.toml")
    with pytest.raises(UsageError, match="set and empty"):
        find_trust_file(environ | {"SYCEE_TRUST": ""})


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "repo" / "models" / "bert"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    return folder


@pytest.mark.parametrize("place", ["trust.toml", ".git/trust.toml", "models/bert/trust.toml", "models/trust.toml"])
def test_trust_file_in_the_repository_it_judges(tmp_path, model, place):
    with pytest.raises(UsageError, match="with the model that it judges") as caught:
        require_outside(written(tmp_path / "repo" / place), model)
    assert "copy it out" in caught.value.hint


def test_links_do_not_lead_around_it(tmp_path, model):
    inside = written(tmp_path / "repo" / "trust.toml")
    outside = tmp_path / "trust.toml"
    outside.symlink_to(inside)
    with pytest.raises(UsageError):
        require_outside(outside, model)
    (tmp_path / "linked").symlink_to(model)
    with pytest.raises(UsageError):
        require_outside(inside, tmp_path / "linked")


def test_a_link_in_the_repository_does_not_choose_the_trust_file(tmp_path, model):
    elsewhere = written(tmp_path / "elsewhere" / "trust.toml")
    inside = tmp_path / "repo" / "trust.toml"
    inside.symlink_to(elsewhere)
    (tmp_path / "repo" / "conf").symlink_to(elsewhere.parent)
    (tmp_path / "chained.toml").symlink_to(inside)
    for place in (inside, tmp_path / "repo" / "conf" / "trust.toml", tmp_path / "chained.toml"):
        with pytest.raises(UsageError, match="with the model that it judges"):
            require_outside(place, model)
    (tmp_path / "etc.toml").symlink_to(elsewhere)
    require_outside(tmp_path / "etc.toml", model)


def test_repository_without_git(tmp_path):
    (tmp_path / "repo" / ".dvc").mkdir(parents=True)
    with pytest.raises(UsageError):
        require_outside(written(tmp_path / "repo" / "trust.toml"), tmp_path / "repo" / "bert")


def test_model_alone(tmp_path):
    with pytest.raises(UsageError):
        require_outside(written(tmp_path / "bert" / "records" / "trust.toml"), tmp_path / "bert")


@pytest.mark.parametrize("place", ["trust.toml", "repository/trust.toml", "home/.config/sycee/trust.toml"])
def test_trust_file_elsewhere(tmp_path, model, place, monkeypatch):
    require_outside(written(tmp_path / place), model)
    monkeypatch.chdir(tmp_path)
    require_outside(Path(place), model)
