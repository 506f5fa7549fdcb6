"""``sycee oms``: plain OpenSSF Model Signing on any folder or file; see :mod:`sycee.trust.oms.verify` for the steps."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.formats.paths import sharing_fault
from sycee.trust.keys import PublicKey
from sycee.trust.oms.certificates import der, key_of, load_certificates


def chain_for(key: PublicKey, certificate: Path, chain: Sequence[Path]) -> tuple[bytes, ...]:
    """Return the certificates that go into a bundle.

    Args:
        key: The signer's key.
        certificate: File of the signer's certificate, in PEM; others may follow it.
        chain: Files of the certificates that lead from it to a root, nearest first.

    Raises:
        NotFound: If a file is not there.
        UsageError: If the first certificate is not of this key, or a file holds none.
    """
    certificates = [one for file in (certificate, *chain) for one in load_certificates(file)]
    found = key_of(certificates[0], str(certificate))
    if found.fingerprint != key.fingerprint:
        raise UsageError(
            f"the first certificate in {certificate} is not that of the private key",
            hint="the signer's own certificate comes first, then those that lead to a root",
            expected=key.fingerprint,
            found=found.fingerprint,
        )
    return der(certificates)


def paths_below(model: Path, paths: Iterable[Path]) -> frozenset[str]:
    """Return absolute paths as paths below a model.

    Raises:
        UsageError: If one lies elsewhere, or cannot be written in a bundle.
    """
    return frozenset(_below(model, path) for path in paths)


def _below(model: Path, path: Path) -> str:
    found = Path(os.path.relpath(path, model)).as_posix()
    if found == "." or found.startswith("../") or found == "..":
        raise UsageError(
            f"{in_line(str(path))} does not lie in {in_line(str(model))}",
            hint="paths to ignore are relative to the working folder, as for every command",
        )
    if fault := sharing_fault(found):
        raise UsageError(f"{in_line(repr(found))} cannot be ignored: it {fault}")
    return found
