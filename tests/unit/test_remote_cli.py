import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sycee.cli.main import cli
from sycee.errors import Conflict, FormatError, NotFound, SyceeError, UsageError
from sycee.formats.dvcoptions import REMOTE_OPTIONS, SECRETS


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "repo/.dvc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    return tmp_path / "repo"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def failing(kind: type[SyceeError], *arguments: str) -> SyceeError:
    with pytest.raises(kind) as caught:
        run(*arguments)
    assert caught.value.hint
    return caught.value


def test_a_remote_is_added_listed_and_removed(repo: Path) -> None:
    done("remote", "add", "-d", "Store", "s3://bucket/models")
    done("remote", "add", "near", "../near")
    assert done("remote", "list") == f"store\ts3://bucket/models\t(default)\nnear\t{repo.parent}/near\n"
    assert json.loads(done("remote", "list", "--json")) == [
        {"name": "store", "url": "s3://bucket/models", "default": True},
        {"name": "near", "url": f"{repo.parent}/near", "default": False},
    ]
    assert done("remote", "default") == "store\n"
    done("remote", "remove", "STORE")
    assert (repo / ".dvc/config").read_text() == "['remote \"near\"']\n    url = ../../near\n"
    assert failing(NotFound, "remote", "default").message == "there is no default remote"


URLS = {
    "": "folder",
    "http": "http://h/x",
    "https": "https://h/x",
    "s3": "s3://b",
    "gs": "gs://b",
    "azure": "azure://c",
}
KINDS = {scheme: URLS.get(scheme, f"{scheme}://host/x") for scheme in REMOTE_OPTIONS}
VALUES = {
    "flag": "true",
    "count": "3",
    "seconds": "7",
    "whole_seconds": "7",
    "links": "copy",
    "group": "group",
    "auth": "basic",
}


@pytest.mark.parametrize("scheme", KINDS)
def test_every_option_of_every_kind_is_taken_and_given_back(repo: Path, scheme: str) -> None:
    done("remote", "add", "--local", "store", KINDS[scheme])
    for option, kind in REMOTE_OPTIONS[scheme].items():
        if option != "url":
            done("remote", "modify", "--local", "store", option, VALUES.get(kind, "/abs/value"))
    listed = done("config", "--local", "--list")
    for option, kind in REMOTE_OPTIONS[scheme].items():
        shown = "***" if option in SECRETS else VALUES.get(kind, "/abs/value")
        assert option == "url" or f"remote.store.{option}={shown}\n" in listed
    failing(UsageError, "remote", "modify", "--local", "store", "no_such_option", "x")
    for option in REMOTE_OPTIONS[scheme]:
        if option != "url":
            done("remote", "modify", "--local", "--unset", "store", option)
    assert (repo / ".dvc/config.local").read_text().startswith("['remote \"store\"']\n    url = ")
    assert (repo / ".dvc/config.local").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("remote", "modify", "--unset", "store", "url"), "would have no url"),
        (("config", "--unset", "remote.store.url"), "would have no url"),
        (("config", "remote.other.jobs", "3"), "would have no url"),
        (("remote", "modify", "store", "url", "../folder"), "would have the option region"),
        (("remote", "add", "--force", "store", "https://h/x"), "would have the option access_key_id"),
        (("remote", "modify", "store", "read_timeout", "7.5"), "'7.5' is not a whole number of seconds"),
    ],
)
def test_no_remote_is_left_that_dvc_would_refuse(repo: Path, words: tuple[str, ...], what: str) -> None:
    done("remote", "add", "-d", "store", "s3://bucket/models")
    done("remote", "modify", "store", "region", "eu")
    done("remote", "modify", "--local", "store", "access_key_id", "AK")
    before = (repo / ".dvc/config").read_bytes()
    told = failing(UsageError, *words)
    assert what in told.message
    assert told.message.endswith("nothing was changed")
    assert (repo / ".dvc/config").read_bytes() == before


def test_what_does_not_fit_together_is_mended_one_by_one(repo: Path) -> None:
    (repo / ".dvc/config").write_text("['remote \"store\"']\n    url = /x\n    region = eu\n    profile = me\n")
    done("remote", "modify", "--unset", "store", "region")
    done("remote", "modify", "store", "jobs", "3")
    done("remote", "modify", "--unset", "store", "profile")
    assert (repo / ".dvc/config").read_text() == "['remote \"store\"']\n    url = /x\n    jobs = 3\n"


def test_a_way_to_sign_in_that_dvc_does_not_know_is_refused(repo: Path) -> None:
    done("remote", "add", "web", "https://h/x")
    told = failing(UsageError, "remote", "modify", "web", "auth", "bearer")
    assert told.message == "auth: 'bearer' is not basic, digest or custom"
    (repo / ".dvc/config").write_text("['remote \"web\"']\n    url = https://h/x\n    auth = bearer\n")
    assert "bearer" in failing(FormatError, "remote", "list").message


@pytest.mark.parametrize(
    ("scheme", "name"),
    [(scheme, option) for scheme, options in REMOTE_OPTIONS.items() for option in options if option in SECRETS],
)
def test_secrets_stay_out_of_git(repo: Path, scheme: str, name: str) -> None:
    done("remote", "add", "store", KINDS[scheme])
    before = (repo / ".dvc/config").read_bytes()
    error = failing(UsageError, "remote", "modify", "store", name, "s3cr3t")
    assert error.message == f"{name} would be committed to Git: {repo}/.dvc/config is tracked"
    assert error.hint == f"keep it in .dvc/config.local: `sycee remote modify --local store {name} …`"
    assert "s3cr3t" not in error.message
    failing(UsageError, "config", f"remote.store.{name}", "s3cr3t")
    assert (repo / ".dvc/config").read_bytes() == before
    done("remote", "modify", "--local", "store", name, "s3cr3t")
    local = repo / ".dvc/config.local"
    assert local.stat().st_mode & 0o777 == 0o600
    assert f"{name} = s3cr3t" in local.read_text()


def test_a_url_with_a_password_stays_out_of_git(repo: Path) -> None:
    error = failing(UsageError, "remote", "add", "web", "https://me:s3cr3t@host/x")
    assert error.message.startswith("a url with a password would be committed to Git")
    assert not (repo / ".dvc/config").exists()


def test_config_local_becomes_private_even_if_it_was_not(repo: Path) -> None:
    local = repo / ".dvc/config.local"
    local.write_text("# mine\n")
    local.chmod(0o644)
    done("config", "--local", "core.remote", "x")
    assert local.stat().st_mode & 0o777 == 0o600
    assert local.read_text() == "# mine\n[core]\n    remote = x\n"


def test_the_mode_of_the_tracked_file_stays(repo: Path) -> None:
    config = repo / ".dvc/config"
    config.write_text("")
    config.chmod(0o664)
    done("remote", "add", "a", "s3://b")
    assert config.stat().st_mode & 0o777 == 0o664


def test_options_are_read_and_listed(repo: Path) -> None:
    done("remote", "add", "-d", "store", "s3://bucket")
    done("remote", "modify", "--local", "store", "secret_access_key", "s3cr3t")
    done("config", "--global", "core.autostage", "true")
    assert done("config", "core.remote") == "store\n"
    assert done("config", "remote.STORE.url") == "s3://bucket\n"
    assert done("config", "remote.store.secret_access_key") == "s3cr3t\n"
    assert done("config", "--list") == (
        "core.autostage=true\ncore.remote=store\nremote.store.url=s3://bucket\nremote.store.secret_access_key=***\n"
    )
    assert "s3cr3t" not in done("config", "--list")
    assert done("config", "--show-origin", "core.remote") == ".dvc/config\tstore\n"
    assert done("config", "--show-origin", "core.autostage") == f"{repo.parent}/user/config\ttrue\n"
    assert done("config", "--global", "--list") == "core.autostage=true\n"


def test_outside_of_a_repository_my_own_settings_can_be_changed(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.parent)
    failing(NotFound, "remote", "add", "store", "s3://b")
    failing(NotFound, "config", "core.remote", "x")
    done("remote", "add", "--global", "-d", "store", "s3://b")
    assert done("remote", "list") == "store\ts3://b\t(default)\n"


def test_a_broken_file_can_be_mended(repo: Path) -> None:
    (repo / ".dvc/config").write_text('[core]\n    remote = a\n    wrong = 1\n[remote "a"]\n    url = x\n')
    failing(FormatError, "remote", "list")
    done("config", "--unset", "core.wrong")
    assert (repo / ".dvc/config").read_text() == '[core]\n    remote = a\n[remote "a"]\n    url = x\n'


def test_a_misspelt_option_shows_those_of_its_kind(repo: Path) -> None:
    done("remote", "add", "b", "folder")
    hint = failing(UsageError, "remote", "modify", "b", "regoin", "x").hint
    assert hint is not None
    assert hint.startswith("it has these: ")
    assert "shared" in hint
    assert "region" not in hint


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Conflict, "remote add a s3://other", "there is a remote 'a' already"),
        (Conflict, "remote rename a b", "there is a remote 'b' already"),
        (NotFound, "remote remove c", "there is no remote 'c'"),
        (NotFound, "remote rename c d", "there is no remote 'c'"),
        (NotFound, "remote modify c region x", 'there is no remote "c"'),
        (NotFound, "remote default c", 'there is no remote "c"'),
        (NotFound, "remote modify -u a region", "region is not set"),
        (NotFound, "config core.autostage", "core.autostage is not set"),
        (NotFound, "config -u core.autostage", "autostage is not set"),
        (UsageError, "remote modify a regoin x", "there is no option 'regoin'"),
        (UsageError, "remote modify b region x", "there is no option 'region'"),
        (UsageError, "remote modify a use_ssl maybe", "'maybe' is not true or false"),
        (UsageError, "remote modify a region", "give either a value or --unset"),
        (UsageError, "remote modify a region x -u", "give either a value or --unset"),
        (UsageError, "remote add a/b s3://x", "cannot be the name of a remote"),
        (UsageError, "remote add c ftp://x", "'ftp://x' is no place that DVC knows"),
        (UsageError, "config core", "'core' names no option"),
        (UsageError, "config", "which option?"),
        (UsageError, "config --list core.remote", "--list takes neither"),
        (UsageError, "config sycee.x y", "there is no section 'sycee'"),
    ],
)
def test_what_cannot_be_done(repo: Path, kind: type[SyceeError], arguments: str, message: str) -> None:
    done("remote", "add", "a", "s3://one")
    done("remote", "add", "b", "folder")
    before = (repo / ".dvc/config").read_bytes()
    assert message in failing(kind, *arguments.split()).message
    assert (repo / ".dvc/config").read_bytes() == before


def test_an_unwritable_file_is_named(repo: Path) -> None:
    (repo.parent / "user").write_text("a file where the folder should be")
    error = failing(SyceeError, "config", "--global", "core.autostage", "true")
    assert error.message.startswith("cannot write ")


def test_a_linked_configuration_is_not_replaced_by_a_copy_of_what_it_points_to(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_secret_access_key = x\n")
    (repo / ".dvc/config").symlink_to(tmp_path / "credentials")
    error = failing(Conflict, "remote", "add", "store", "s3://bucket")
    assert "is a symbolic link" in error.message
    assert (repo / ".dvc/config").is_symlink()


@pytest.mark.parametrize("words", [("remove", "far"), ("rename", "far", "near")])
def test_a_remote_is_not_taken_from_below_options_of_another_file(run, words):
    run("remote", "add", "far", "../far")
    run("remote", "modify", "--local", "far", "verify", "true")
    told = run("remote", *words, rc=1).stderr
    assert told.splitlines()[0].endswith("/.dvc/config.local has options for the remote 'far' too")
    assert told.splitlines()[1] == "hint: take them out: sycee remote remove --local far"
    run("remote", "remove", "--local", "far")
    run("remote", *words)
