import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sycee.errors import FormatError, NotFound, SyceeError, UsageError
from sycee.storage.local import LocalBackend
from sycee.storage.memory import MemoryBackend
from sycee.storage.readonly import ReadOnlyBackend
from sycee.system.ownership import is_anothers
from sycee.workspace.config import Config, find_dvc_dir, load_config
from sycee.workspace.remotes import open_backend, remote_settings

FILES = {"system": "sys/config", "global": "user/config", "repo": "repo/.dvc/config", "local": "repo/.dvc/config.local"}


def config(root: Path, **files: str) -> Config:
    environ = {"DVC_SYSTEM_CONFIG_DIR": f"{root}/sys", "DVC_GLOBAL_CONFIG_DIR": f"{root}/user", "HOME": f"{root}/home"}
    for level, text in files.items():
        path = root / FILES[level]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_config(root / "repo/.dvc", environ=environ)


def section(name: str, **options: str) -> str:
    return f"['remote \"{name}\"']\n" + "".join(f"    {option} = {value}\n" for option, value in options.items())


def test_nothing_is_configured(tmp_path: Path) -> None:
    empty = config(tmp_path)
    assert empty.get("core", "remote") is None
    assert empty.default_remote is None
    assert empty.get_bool("core", "autostage") is False
    assert empty.get_bool("core", "analytics", default=True) is True
    assert empty.get_list("cache", "type") == []
    assert dict(empty.remotes()) == {}


def test_the_stronger_file_wins_and_the_origin_is_kept(tmp_path: Path) -> None:
    merged = config(
        tmp_path,
        system="[core]\nautostage = true\nchecksum_jobs = 2\n",
        **{"global": "[core]\nchecksum_jobs = 3\n"},
        repo="[core]\nremote = Store\n[cache]\ntype = reflink,copy\n",
        local="[core]\nremote = other\n",
    )
    assert merged.default_remote == "other"
    assert merged.get_bool("core", "autostage")
    assert merged.get("core", "checksum_jobs") == "3"
    assert merged.get_list("cache", "type") == ["reflink", "copy"]
    assert merged.sections["core"]["checksum_jobs"].file == tmp_path / "user/config"
    assert merged.sections["core"]["remote"].level == "local"


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    merged = config(
        tmp_path,
        **{"global": section("a", url="store")},
        repo="[cache]\ndir = ../../cache\n" + section("b", url="~/models") + section("c", url="s3://b/../x"),
    )
    assert merged.get("cache", "dir") == str(tmp_path / "cache")
    assert {name: options["url"].text for name, options in merged.remotes().items()} == {
        "a": str(tmp_path / "user/store"),
        "b": str(tmp_path / "home/models"),
        "c": "s3://b/../x",
    }


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, ["/etc/xdg/dvc/config", "/h/.config/dvc/config"]),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_CONFIG_DIRS": "/s:/t"}, ["/s/dvc/config", "/c/dvc/config"]),
    ],
)
def test_places_of_the_users_and_the_systems_file(
    environ: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert [str(path) for path in load_config(None, environ=environ).files.values()] == expected


def test_finds_the_repository_upwards(tmp_path: Path) -> None:
    (tmp_path / "repo/.dvc").mkdir(parents=True)
    (tmp_path / "repo/a/b").mkdir(parents=True)
    assert find_dvc_dir(tmp_path / "repo/a/b") == tmp_path / "repo/.dvc"
    assert find_dvc_dir(tmp_path) is None


MINE = section("store", url="s3://mine/models", access_key_id="AK", secret_access_key="SK", region="eu-west-1")


@pytest.mark.parametrize(
    "theirs",
    [
        section("store", url="s3://evil/models"),
        section("store", url="https://mine/models"),
        section("store", endpointurl="http://evil"),
        section("STORE", url="s3://mine/models", endpointurl="http://evil"),
        section("store", use_ssl="false"),
        section("store", ssl_verify="theirs.pem"),
    ],
)
def test_a_repository_cannot_aim_my_credentials_elsewhere(tmp_path: Path, theirs: str) -> None:
    merged = config(tmp_path, **{"global": MINE}, repo=theirs)
    assert sorted(merged.remotes()["store"].keys() & {"access_key_id", "secret_access_key"}) == []
    assert "region" in merged.remotes()["store"]
    (warning,) = merged.warnings
    assert "not used for it: access_key_id, secret_access_key" in warning
    assert "SK" not in warning


def test_a_repository_cannot_have_my_password_sent_in_the_clear(tmp_path: Path) -> None:
    mine = section("web", url="http://store/x", auth="digest", user="me", password="SK")
    same = config(tmp_path / "same", **{"global": mine}, repo=section("web", auth="digest"))
    assert same.remotes()["web"]["password"].text == "SK"
    merged = config(tmp_path / "other", **{"global": mine}, repo=section("web", auth="basic"))
    assert merged.remotes()["web"].keys() == {"url", "auth"}
    assert "sets auth to basic, so these settings of your own are not used for it: password, user" in merged.warnings[0]


@pytest.mark.parametrize(
    "theirs",
    [
        section("store", url="s3://mine/another/prefix"),
        section("store", jobs="2"),
        section("other", url="s3://evil"),
    ],
)
def test_credentials_stay_for_the_host_they_belong_to(tmp_path: Path, theirs: str) -> None:
    merged = config(tmp_path, **{"global": MINE}, repo=theirs)
    assert merged.get('remote "store"', "secret_access_key") == "SK"
    assert merged.warnings == ()


def test_i_may_aim_my_credentials_wherever_i_want(tmp_path: Path) -> None:
    merged = config(tmp_path, **{"global": MINE}, local=section("store", url="s3://evil/models"))
    assert merged.get('remote "store"', "secret_access_key") == "SK"


def test_local_settings_that_come_with_the_clone_are_not_mine(tmp_path: Path) -> None:
    theirs = {"local": section("store", url="s3://evil/models")}
    config(tmp_path, **theirs)
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    assert config(tmp_path, **{"global": MINE}).get('remote "store"', "secret_access_key") == "SK"
    subprocess.run(["git", "add", "-f", ".dvc/config.local"], cwd=tmp_path / "repo", check=True)
    merged = config(tmp_path, **{"global": MINE})
    assert merged.get('remote "store"', "secret_access_key") is None
    assert "not used for it: access_key_id, secret_access_key" in merged.warnings[0]


@pytest.fixture
def anothers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Give a file to another user; who may not do that becomes another one."""
    if os.geteuid() == 0:
        return lambda path: os.chown(path, 12345, 12345, follow_symlinks=False)
    return lambda path: monkeypatch.setattr(os, "geteuid", lambda: path.lstat().st_uid + 1)


def test_local_settings_of_another_user_are_not_mine(tmp_path: Path, anothers: Callable[[Path], None]) -> None:
    theirs = section("store", url="gs://evil/models", endpointurl="https://evil.example")
    mine = config(tmp_path, **{"global": MINE}, local=theirs)
    assert mine.warnings == ()
    assert mine.get('remote "store"', "secret_access_key") == "SK"
    local = tmp_path / FILES["local"]
    anothers(local)
    merged = config(tmp_path)
    assert merged.get('remote "store"', "secret_access_key") is None
    assert merged.warnings[0].startswith(f"{local} belongs to another user: ")
    assert "not used for it: access_key_id, secret_access_key" in merged.warnings[1]


def test_they_send_no_token_to_a_stranger(tmp_path: Path, anothers: Callable[[Path], None]) -> None:
    config(tmp_path, local=section("store", url="gs://evil/models", endpointurl="https://evil.example"))
    anothers(tmp_path / FILES["local"])
    with pytest.raises(UsageError, match="the repository's configuration aims the remote 'store' at https://evil"):
        open_backend(config(tmp_path), "store", environ={"HOME": str(tmp_path)})


def test_another_users_link_leads_to_no_secrets_of_mine(tmp_path: Path, anothers: Callable[[Path], None]) -> None:
    (tmp_path / "other").write_text(section("store", secret_access_key="SK"))
    config(tmp_path, repo=section("store", url="s3://evil/models"))
    link = tmp_path / FILES["local"]
    link.symlink_to("../../other")
    anothers(link)
    assert config(tmp_path).get('remote "store"', "secret_access_key") is None


def test_what_is_roots_is_nobodys_trap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert not is_anothers(Path("/"))
    assert not is_anothers(Path("/none"))


def test_a_clone_does_not_reach_for_the_local_settings_of_another_repository(tmp_path: Path) -> None:
    (tmp_path / "other").write_text(section("store", secret_access_key="SK"))
    config(tmp_path, repo=section("store", url="s3://evil/models"))
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    (tmp_path / "repo/.dvc/config.local").symlink_to("../../other")
    assert config(tmp_path).get('remote "store"', "secret_access_key") == "SK"  # the user's own link
    subprocess.run(["git", "add", "-f", ".dvc/config.local"], cwd=tmp_path / "repo", check=True)
    assert config(tmp_path).get('remote "store"', "secret_access_key") is None


def test_credentials_that_come_with_the_repository_are_its_own_affair(tmp_path: Path) -> None:
    theirs = section("store", url="s3://evil/models", profile="theirs")
    assert config(tmp_path, **{"global": MINE}, repo=theirs).get('remote "store"', "profile") == "theirs"


def test_references_are_resolved(tmp_path: Path) -> None:
    merged = config(
        tmp_path,
        repo=section("base", url="s3://b/models/", region="eu-west-1", jobs="3")
        + section("sub", url="remote://BASE/sub/", jobs="5")
        + section("same", url="remote://base"),
    )
    assert remote_settings(merged, "Sub").url == "s3://b/models/sub"
    assert dict(remote_settings(merged, "sub").options) == {"region": "eu-west-1", "jobs": "5"}
    assert remote_settings(merged, "same").url == "s3://b/models"


def test_a_reference_cannot_redirect_credentials_either(tmp_path: Path) -> None:
    merged = config(
        tmp_path, **{"global": MINE}, repo=section("theirs", url="remote://store/x", endpointurl="http://evil")
    )
    settings = remote_settings(merged, "theirs")
    assert not settings.options.keys() & {"access_key_id", "secret_access_key"}
    assert "http://evil" in settings.warnings[0]


def test_references_in_a_circle_end(tmp_path: Path) -> None:
    merged = config(tmp_path, repo=section("a", url="remote://b") + section("b", url="remote://a"))
    with pytest.raises(FormatError, match="refers to itself"):
        remote_settings(merged, "a")


def test_local_remotes_open(tmp_path: Path) -> None:
    merged = config(tmp_path, repo="[core]\nremote = NEAR\n" + section("Near", url="../../store", jobs="2"))
    opened = open_backend(merged, environ={})
    assert isinstance(opened.backend, LocalBackend)
    assert (opened.name, opened.jobs, opened.warnings) == ("near", 2, ())
    assert opened.backend.describe("k") == str(tmp_path / "store/k")


@pytest.mark.parametrize(
    ("repo", "name", "message", "hint"),
    [
        ("", None, "there is no default remote", "add one: `sycee remote add -d NAME URL`"),
        (section("b", url="x") + section("a", url="y"), None, "there is no default remote", "name one with -r: a, b"),
        (section("b", url="x"), "c", "there is no remote 'c'", "use one of these: b"),
        ("[core]\nremote = c\n", None, "there is no remote 'c'", "add one"),
    ],
)
def test_unknown_remotes(tmp_path: Path, repo: str, name: str | None, message: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        open_backend(config(tmp_path, repo=repo), name, environ={})
    assert caught.value.message == message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("scheme", ["ssh", "webdav", "webdavs", "hdfs", "webhdfs", "oss", "gdrive"])
def test_other_stores_are_refused_by_name(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(SyceeError) as caught:
        open_backend(config(tmp_path, repo=section("r", url=f"{scheme}://host/x")), "r", environ={})
    assert caught.value.exit_code == 1
    assert caught.value.message == f"sycee does not talk to {scheme}://, where the remote 'r' lies"
    assert "`dvc push -r r`" in str(caught.value.hint)


def test_a_scheme_that_nobody_knows_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="lies at ftp://, which DVC does not know either") as caught:
        open_backend(config(tmp_path, repo=section("r", url="ftp://host/x")), "r", environ={})
    assert caught.value.hint == "correct its url: `sycee remote modify r url URL`"


@pytest.mark.parametrize("option", ["version_aware", "worktree"])
def test_remotes_that_keep_files_by_name_are_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(SyceeError, match=f"is set to {option}"):
        open_backend(config(tmp_path, repo=section("r", url="s3://b", **{option: "true"})), "r", environ={})


def test_options_of_another_kind_of_store_are_refused(tmp_path: Path) -> None:
    merged = config(tmp_path, repo=section("r", url="../../x", endpointurl="http://h"))
    with pytest.raises(FormatError, match="there is no option 'endpointurl'") as caught:
        open_backend(merged, "r", environ={})
    assert caught.value.hint == "unset it: `sycee remote modify --unset r endpointurl`"


def test_a_remote_without_url(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the remote 'r' has no url"):
        open_backend(config(tmp_path, local=section("r", access_key_id="k")), "r", environ={})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "repo/.dvc/config").mkdir(parents=True)
    with pytest.raises(SyceeError, match=r"cannot read .*/config: Is a directory"):
        config(tmp_path)


def test_read_only_backends_read_and_refuse_to_write(tmp_path: Path) -> None:
    inner = MemoryBackend("x")
    inner.write_new("a/k", b"data")
    backend = ReadOnlyBackend(inner, "no reason", hint="do that")
    assert backend.size("a/k") == 4
    assert list(backend.read("a/k", start=1, length=2)) == [b"at"]
    assert [one.key for one in backend.list("a")] == ["a/k"]
    for call in (
        lambda: backend.write("k", tmp_path, 1),
        lambda: backend.write_new("k", b""),
        lambda: backend.delete("k"),
    ):
        with pytest.raises(SyceeError, match="cannot change memory://x/k: no reason"):
            call()
    backend.close()


def test_an_endless_configuration_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "repo/.dvc").mkdir(parents=True)
    (tmp_path / "repo/.dvc/config").symlink_to("/dev/zero")
    with pytest.raises(FormatError, match="is longer than"):
        config(tmp_path)
