"""A private key, read from its file."""

from pathlib import Path

from sycee.trust.keys import GetPassword, PrivateKey, parse_private, read_private_pem


def load_private(
    path: Path, get_password: GetPassword | None = None, *, allow_insecure_permissions: bool = False
) -> PrivateKey:
    """Read a private key file.

    Args:
        path: The file.
        get_password: Asked for the password only if the key is encrypted.
        allow_insecure_permissions: Accept a file that others may read.

    Raises:
        NotFound: If it is not there.
        Conflict: If others may read it.
        UsageError: If it is no private key, or the password is missing or wrong.
    """
    pem = read_private_pem(path, allow_insecure_permissions=allow_insecure_permissions)
    return parse_private(pem, str(path), get_password)
