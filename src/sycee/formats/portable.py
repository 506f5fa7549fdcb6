"""What every export of a card is made from, and how it carries the card itself.

An export is for the readers of another form, and leaves out what that form has no place for. So it carries the card's
exact bytes too, and reading it back gives these bytes and nothing that was made of them.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import card
from sycee.formats.card import Card

UNKNOWN = "unknown"  # what a card says of data or frameworks that nobody named

# SPDX identifiers that model hubs know too, there in lower case.
_SPDX = (
    "AFL-3.0 AGPL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC-BY-2.0 "
    "CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 "
    "CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 "
    "CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 GPL-2.0 "
    "GPL-3.0 ISC LGPL-2.1 LGPL-3.0 LPPL-1.3c MIT MPL-2.0 MS-PL NCSA OFL-1.1 OSL-3.0 PostgreSQL Unlicense WTFPL Zlib "
    "etalab-2.0"
)
SPDX = frozenset(_SPDX.split())
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_OF_GNU = re.compile(r"(A?GPL-3\.0|GPL-2\.0|LGPL-(?:2\.1|3\.0))-(only|or-later)")


class Portable(NamedTuple):
    """A card with what is known beside it.

    Attributes:
        card: The card.
        name: Of the model: the card's, or its folder's.
        later: The evaluations that were recorded after the freeze.
        packages: Distribution to version, of the lock that the card binds.
        identity: Of the version, 64 hex digits; None of one that is not signed.
        bundle: sha256 of ``model.sig``; None without one.
    """

    card: Card
    name: str
    later: Sequence[Mapping[str, Any]] = ()
    packages: Mapping[str, str] = {}
    identity: str | None = None
    bundle: str | None = None

    @property
    def evaluations(self) -> tuple[Mapping[str, Any], ...]:
        """Those of the card, then the later ones."""
        return (*self.card.values.get("evaluations", ()), *self.later)


class Imported(NamedTuple):
    """A card that was made from another form.

    Attributes:
        data: The card's bytes.
        exact: Whether they are those of a card that the other form carried.
        left: What was there and is not in the card, a sentence each.
    """

    data: bytes
    exact: bool
    left: tuple[str, ...] = ()


def data_label(dataset: Mapping[str, Any]) -> str:
    """Return the data of an evaluation in a few words: ``WikiANN, en, test``."""
    return ", ".join(dataset[key] for key in ("name", "config", "split", "revision", "version") if key in dataset)


def metric_label(metric: Mapping[str, Any]) -> str:
    """Return a metric of an evaluation with the slice it was measured on: ``F1 (long)``."""
    return f"{metric['name']} ({metric['slice']})" if "slice" in metric else str(metric["name"])


def base_license(text: str) -> str:
    """Return a GNU licence without ``-only`` or ``-or-later``, which hubs do not know; any other text as it is."""
    match = _OF_GNU.fullmatch(text)
    return match[1] if match else text


def is_spdx(text: str) -> bool:
    """Tell whether a text is an SPDX identifier that is surely in every list of them."""
    return base_license(text) in SPDX


def web_address(text: object) -> str | None:
    """Return a text if it is a web address that no reader takes for anything else; None otherwise."""
    return text if isinstance(text, str) and _ADDRESS.fullmatch(text) else None


def frameworks(framework_version: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each framework that a card names: ``torch==2.1.2, numpy==1.26``."""
    for part in framework_version.split(","):
        name, _, version = part.strip().partition("==")
        if name and name != UNKNOWN:
            yield name.strip(), version.strip()


def unpacked(text: str, sha256: str, what: str) -> bytes:
    """Return the card that an export carries.

    Args:
        text: Its bytes in base64.
        sha256: Their digest, as the export has it.
        what: The export, for messages.

    Raises:
        FormatError: If the bytes are not those of the digest, or no valid card.
    """
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if sha256_hex(data) != sha256:
        raise FormatError(
            f"{what}: the card that it carries is damaged: expected sha256 {sha256}, found {sha256_hex(data)}",
            hint="export the card anew",
            path=what,
        )
    card.parse(data, f"the card in {what}")
    return data
