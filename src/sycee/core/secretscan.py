"""What looks like a secret: a key, a token, a password, or a file that exists to hold one.

A courtesy and no guarantee. It errs on the side of a false alarm, since a secret that was signed and pushed is out.
"""

import re
from typing import NamedTuple

_FILES = re.compile(
    r"\.env(\..+)?|.+\.env|\.netrc|_netrc|\.pypirc|\.npmrc|\.pgpass|\.htpasswd|\.git-credentials|\.dockercfg"
    r"|.*\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg)|id_(rsa|dsa|ecdsa|ed25519)(_sk)?"
    r"|credentials?(\.(json|ya?ml|toml|ini|csv|txt))?|secrets?\.(json|ya?ml|toml|ini|env|txt)"
    r"|client_secrets?.*\.json|service[-_]?account.*\.json|token\.(json|txt)|kubeconfig",
    re.IGNORECASE,
)
_FOLDERS = frozenset({".aws", ".ssh", ".gnupg", ".azure", ".kube"})
_QUOTE = rb"[\"']?\s{0,4}"
# What a secret looks like; and what must stand before it, where its form alone says too little. Each begins with fixed
# characters, which are quickly found; none runs on without limit, for a file of one long line must not take long.
_FORMS = tuple(
    (kind, re.compile(form), re.compile(before + _QUOTE + rb"\Z", re.IGNORECASE) if before else None)
    for kind, form, before in (
        ("a private key", rb"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY( BLOCK)?-----", None),
        ("an AWS key", rb"(AKIA|ASIA)[0-9A-Z]{16}\b", rb"(\W|^)"),
        ("an AWS key", rb"[:=]\s{0,4}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", rb"secret_?access_?key"),
        ("a token of a service", rb"gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60}|glpat-[\w-]{20}", None),
        ("a token of a service", rb"xox[abeprs]-[\w-]{10}|hf_[A-Za-z0-9]{30}|AIza[\w-]{35}|pypi-[\w-]{50}", None),
        ("a token of a service", rb"[rs]k_live_[0-9a-zA-Z]{20}|npm_[A-Za-z0-9]{36}", None),
        ("a token of a service", rb"sk-(?=[\w-]{0,40}[0-9])(?=[\w-]{0,40}[A-Z])[\w-]{32}", rb"(\W|^)"),
        ("a token of a service", rb"eyJ[\w-]{10,400}\.eyJ[\w-]{10,400}\.[\w-]{10}", None),
        ("an address with a password", rb"://[^/\s:@\"'<>{}$]{0,100}:[^/\s:@\"'<>{}$]{1,100}@[\w.-]", rb"[a-z0-9]"),
        (
            "a password or token",
            rb"[:=]\s{0,4}[\"'](?=[A-Za-z_-]{0,100}[0-9])(?=[0-9_-]{0,100}[A-Za-z])[A-Za-z0-9/+_=.-]{16,200}[\"']",
            rb"(password|passwd|secret|secret[_-]?key|api[_-]?key|access[_-]?key|token)",
        ),
    )
)
_BEFORE = 40  # bytes that are looked at
HIDDEN = "***"  # what stands in the place of one


class Secret(NamedTuple):
    """Something that looks like a secret.

    Attributes:
        kind: What it looks like, with its article: ``an AWS key``.
        line: The line that it begins in, from 1.
    """

    kind: str
    line: int


def is_secret_file(path: str) -> bool:
    """Tell whether a file's name says that it holds secrets: ``.env``, ``id_rsa``, ``credentials.json``.

    Args:
        path: Relative, with ``/``.
    """
    *folders, name = path.split("/")
    return _FILES.fullmatch(name) is not None or not _FOLDERS.isdisjoint(folders)


def secret_in(data: bytes) -> Secret | None:
    """Return something in a file, or in a patch of one, that looks like a secret."""
    for kind, form, before in _FORMS:
        for found in form.finditer(data):
            start = found.start()
            if before is None or before.search(data[max(start - _BEFORE, 0) : start]):
                return Secret(kind, data.count(b"\n", 0, start) + 1)
    return None
