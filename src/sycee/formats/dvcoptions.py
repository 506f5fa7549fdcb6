"""Every option DVC knows in its configuration: section, name, kind, and whether it is a secret.

A table, not code: DVC refuses a file with an option that it does not know, so sycee neither writes nor accepts one.
Source: the documented options of DVC 3.67 (``dvc config``, ``dvc remote modify``).
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

Kind = Literal[
    "text", "path", "flag", "count", "seconds", "whole_seconds", "flag or path", "links", "group", "auth", "name"
]

_NAMED = re.compile(r'(remote|machine|db)\s*"(.*)"', re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_LINKS = {"reflink", "hardlink", "symlink", "copy"}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whoever has one of these can act as somebody else. They never belong into a file that Git tracks.
SECRETS = _names(
    "access_key_id secret_access_key session_token sse_customer_key password passphrase token "
    "bearer_token_command connection_string sas_token account_key client_secret oss_key_id oss_key_secret "
    "gdrive_client_secret"
)
# Which of the user's own credentials are used. Harmless in Git, but nothing that a repository may aim elsewhere.
CREDENTIALS = SECRETS | _names(
    "profile credentialpath configpath keyfile cert_path key_path user account_name tenant_id client_id "
    "custom_auth_header "
    "gdrive_client_id gdrive_user_credentials_file gdrive_service_account_json_file_path"
)


def _table(**kinds: str) -> dict[str, Kind]:
    return {name: kind for kind, names in kinds.items() for name in names.split()}  # type: ignore[misc] # keys are kinds


_EVERY_REMOTE = {**_table(path="url", count="jobs checksum_jobs", flag="worktree version_aware no_traverse verify")}
_LINKED = _table(links="type", group="shared", flag="slow_link_warning protected verify")
_HTTP: Mapping[str, Kind] = {
    **_table(auth="auth", text="custom_auth_header user password method", flag="ask_password"),
    **_table(seconds="connect_timeout read_timeout"),
    "ssl_verify": "flag or path",
}
_WEBDAV: Mapping[str, Kind] = {
    **_table(text="user password token bearer_token_command custom_auth_header", flag="ask_password"),
    **_table(path="cert_path key_path", whole_seconds="timeout"),
    "ssl_verify": "flag or path",
}
# By the scheme of the remote's url; the empty one is a folder.
REMOTE_OPTIONS: Mapping[str, Mapping[str, Kind]] = {
    "": {**_EVERY_REMOTE, **_LINKED},
    "s3": {
        **_EVERY_REMOTE,
        **_table(text="region profile endpointurl access_key_id secret_access_key session_token sse sse_kms_key_id"),
        **_table(text="sse_customer_algorithm sse_customer_key acl grant_read grant_read_acp grant_write_acp"),
        **_table(text="grant_full_control", path="credentialpath configpath"),
        **_table(whole_seconds="read_timeout connect_timeout"),
        **_table(flag="listobjects use_ssl allow_anonymous_login cache_regions"),
        "ssl_verify": "flag or path",
    },
    "gs": {
        **_EVERY_REMOTE,
        **_table(text="projectname endpointurl", path="credentialpath", flag="allow_anonymous_login"),
    },
    "ssh": {
        **_EVERY_REMOTE,
        **_table(links="type", text="user password passphrase", path="keyfile", count="port max_sessions"),
        **_table(flag="ask_password ask_passphrase gss_auth allow_agent", whole_seconds="timeout"),
    },
    "hdfs": {**_EVERY_REMOTE, **_table(text="user kerb_ticket", count="replication")},
    "webhdfs": {
        **_EVERY_REMOTE,
        **_table(text="kerberos_principal proxy_to token user password data_proxy_target", flag="kerberos use_https"),
        "ssl_verify": "flag or path",
    },
    "azure": {
        **_EVERY_REMOTE,
        **_table(text="connection_string sas_token account_name account_key tenant_id client_id client_secret"),
        **_table(flag="allow_anonymous_login exclude_environment_credential exclude_visual_studio_code_credential"),
        **_table(flag="exclude_shared_token_cache_credential exclude_managed_identity_credential"),
        **_table(whole_seconds="timeout read_timeout connection_timeout"),
    },
    "oss": {**_EVERY_REMOTE, **_table(text="oss_key_id oss_key_secret oss_endpoint")},
    "gdrive": {
        **_EVERY_REMOTE,
        **_table(text="profile gdrive_client_id gdrive_client_secret gdrive_service_account_user_email"),
        **_table(path="gdrive_user_credentials_file gdrive_service_account_json_file_path"),
        **_table(flag="gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse"),
    },
    "http": {**_EVERY_REMOTE, **_HTTP},
    "https": {**_EVERY_REMOTE, **_HTTP},
    "webdav": {**_EVERY_REMOTE, **_WEBDAV},
    "webdavs": {**_EVERY_REMOTE, **_WEBDAV},
}
_ANY_REMOTE: Mapping[str, Kind] = {name: kind for table in REMOTE_OPTIONS.values() for name, kind in table.items()}

# In the order in which DVC appends sections that a file does not have yet.
SECTION_OPTIONS: Mapping[str, Mapping[str, Kind]] = {
    "core": {
        **_table(name="remote machine", count="checksum_jobs", text="site_cache_dir"),
        **_table(flag="interactive analytics hardlink_lock no_scm autostage experiments check_update"),
    },
    "cache": {**_LINKED, **_table(path="dir", text="local s3 gs hdfs webhdfs ssh azure")},
    "state": _table(text="dir", count="row_limit row_cleanup_quota"),
    "index": _table(text="dir"),
    "feature": _table(flag="machine"),
    "plots": _table(text="html_template out_dir", flag="auto_open"),
    "exp": _table(text="code data models metrics params plots live git_remote", flag="auto_push"),
    "parsing": _table(text="bool list"),
    "hydra": _table(flag="enabled", text="config_dir config_module config_name plugins_path"),
    "studio": _table(text="token url repo_url", flag="offline"),
}
_DB: Mapping[str, Kind] = _table(text="url username password")
_MACHINE: Mapping[str, Kind] = _table(
    text="cloud region image spot_price instance_hdd_size instance_type instance_gpu ssh_private", flag="spot"
) | _table(path="startup_script setup_script")
_NAMED_OPTIONS: Mapping[str, Mapping[str, Kind]] = {"remote": _ANY_REMOTE, "db": _DB, "machine": _MACHINE}


def named_section(kind: str, name: str) -> str:
    """Return the canonical title of a section with a name, such as ``remote "store"``."""
    return f'{kind} "{name.lower()}"'


def split_section(title: str) -> tuple[str, str | None]:
    """Return the kind of a section, and its name if it has one: ``remote "store"`` gives ``("remote", "store")``."""
    named = _NAMED.fullmatch(title.strip())
    return (named[1], named[2]) if named else (title, None)


def scheme_of(url: str) -> str:
    """Return the scheme of a remote's url, empty for a folder."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def known_options(title: str, url: str | None = None) -> Mapping[str, Kind] | None:
    """Return the options that a section may have, or None if DVC knows no such section.

    Args:
        title: Canonical title of the section.
        url: Of the remote, where it is known: remotes of one scheme do not take the options of another.
    """
    kind, name = split_section(title)
    if name is None:
        return SECTION_OPTIONS.get(title)
    if kind == "remote" and url is not None and (scheme := scheme_of(url)) != "remote":
        return REMOTE_OPTIONS.get(scheme, _ANY_REMOTE)
    return _NAMED_OPTIONS[kind]


def option_fault(title: str, option: str, url: str | None = None) -> str | None:
    """Say why a section cannot have an option, or None when it can."""
    options = known_options(title, url)
    if options is None:
        return f"there is no section {title!r}"
    return None if option in options else f"there is no option {option!r} in the section {title}"


def value_fault(title: str, option: str, value: str, url: str | None = None) -> str | None:
    """Say what is wrong with the value of a known option, or None; see :func:`known_options`."""
    kind = (known_options(title, url) or {}).get(option)
    check = _CHECKS.get(kind or "text")
    return None if check is None or check[1](value) else f"{value!r} is not {check[0]}"


_CHECKS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "flag": ("true or false", lambda value: value.lower() in {"true", "false"}),
    "count": ("a number of at least 1", lambda value: value.strip().isdecimal() and int(value) >= 1),
    "seconds": ("a number of seconds", lambda value: re.fullmatch(r"\s*[0-9]+(\.[0-9]*)?\s*", value) is not None),
    "whole_seconds": ("a whole number of seconds", lambda value: value.strip().isdecimal()),
    "links": (
        "a list of reflink, hardlink, symlink and copy",
        lambda value: {way.strip() for way in value.split(",")} <= _LINKS,
    ),
    "group": ("'group'", lambda value: value.lower() == "group"),
    "auth": ("basic, digest or custom", lambda value: value.lower() in {"basic", "digest", "custom"}),
}
