"""Where imported content comes from: the dependency of a pointer that ``dvc import`` or ``dvc import-url`` wrote."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sycee.digest import is_hex


class RepoImport(NamedTuple):
    """Where ``dvc import`` took an out from.

    Attributes:
        path: In the other repository; not judged.
        url: Of that repository; not judged.
        rev: The branch or tag that was named, or None.
        rev_lock: The commit that it was, or None.
        remote: The remote to use there, or None for the default one.
        sets_options: Whether it also sets options of that remote or names a configuration.
    """

    path: str
    url: str
    rev: str | None = None
    rev_lock: str | None = None
    remote: str | None = None
    sets_options: bool = False


class UrlImport(NamedTuple):
    """Where ``dvc import-url`` took an out from, and what was there then.

    Attributes:
        url: A path, ``s3://…``, ``https://…``, ``remote://NAME/…``; not judged.
        md5: Of the content, with ``.dir`` for a folder; noted of local files and folders only.
        tag: What the store called the version (``etag``, or HTTP's ``checksum``), without quotes, or None.
        size: In bytes, or None.
        sets_options: Whether it also sets options of the connection.
    """

    url: str
    md5: str | None = None
    tag: str | None = None
    size: int | None = None
    sets_options: bool = False


def repo_import(deps: Sequence[Mapping[str, Any]]) -> RepoImport | None:
    """Return what the dependencies of a pointer say of another repository, or None if they name none."""
    if len(deps) != 1 or "repo" not in deps[0]:
        return None
    repo = deps[0]["repo"]
    remote = repo.get("remote")
    is_name = isinstance(remote, str)
    return RepoImport(
        path=deps[0].get("path") or ".",
        url=repo["url"],
        rev=repo.get("rev"),
        rev_lock=repo.get("rev_lock"),
        remote=remote if is_name else None,
        sets_options=bool(repo.get("config") or (remote and not is_name)),
    )


def url_import(value: Mapping[str, Any]) -> UrlImport | None:
    """Return what a pointer says of the url that its one out was taken from, or None if there is no such url.

    Args:
        value: The whole pointer, valid.
    """
    deps, outs = value.get("deps") or [], value.get("outs") or []
    if len(deps) != 1 or len(outs) != 1 or not deps[0].get("path") or {"repo", "db"} & deps[0].keys():
        return None
    dep = deps[0]
    return UrlImport(
        url=dep["path"],
        md5=_address(dep.get("md5"), dep["path"]),
        tag=bare_tag(dep.get("etag") or dep.get("checksum")),
        size=dep.get("size"),
        sets_options=bool(dep.get("fs_config") or outs[0].get("fs_config")),
    )


def bare_tag(tag: str | None) -> str | None:
    """Return a store's name for a version as it is compared: without quotes, and without the mark of a weak one."""
    return (tag or "").removeprefix("W/").strip('"') or None


def _address(md5: object, url: str) -> str | None:
    """Return the md5 of content; that of a folder in a bucket is made of tags, and so is none."""
    if not isinstance(md5, str) or not is_hex(md5.removesuffix(".dir"), "md5"):
        return None
    return None if "://" in url and md5.endswith(".dir") else md5
