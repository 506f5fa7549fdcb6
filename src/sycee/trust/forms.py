"""Step 8 of verification: what the weights are, by the bytes that were compared.

What a loader would take for weights counts as weights here, whatever the bundle calls it: else a signer could name a
pickle as a plain file beside harmless weights.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.errors import FormatError
from sycee.formats import tensorheader, weightform
from sycee.trust.content import Signed
from sycee.trust.folder import Listing, ModelFolder
from sycee.trust.reading import Reader, first_bytes


class Forms(NamedTuple):
    """What the weights are.

    Attributes:
        by_name: Name of each weights file to one of :data:`sycee.formats.weightform.FORMS`.
        warnings: Files that are not what their name says, and why.
    """

    by_name: Mapping[str, str]
    warnings: tuple[str, ...]


class Bytes(NamedTuple):
    """The first bytes of files: of those that were taken, or for the unread ones as they lie there now.

    Attributes:
        folder: The open model folder.
        listing: What is in it.
        reader: What took in the bytes.
        unread: Names of weights whose bytes it has not taken in.
    """

    folder: ModelFolder
    listing: Listing
    reader: Reader
    unread: Collection[str]

    def head(self, name: str, size: int) -> bytes:
        """Return the first bytes of a file, at most ``size`` of them."""
        if name in self.unread:
            return first_bytes(self.folder, name, size)
        return self.reader.head(self.folder, name, size)


def read_forms(source: Bytes, signed: Signed) -> Forms:
    """Look at the first bytes of each weights file; the header of a safetensors file is read strictly.

    Args:
        source: The first bytes of each file.
        signed: What was signed.
    """
    forms, warnings = {}, []
    for name in sorted(signed.weights | modelfolder.guess_weights(signed.resources)):
        form = weightform.form_of(name, source.head(name, weightform.HEAD))
        if form == "safetensors" and (fault := _header_fault(source, name)):
            form = "unknown"
            warnings.append(f"{name} is no sound safetensors file: {fault}")
        forms[name] = form
    return Forms(forms, tuple(warnings))


def _header_fault(source: Bytes, name: str) -> str | None:
    size, prefix = source.listing.files[name][0], tensorheader.PREFIX
    try:
        length = tensorheader.header_size(source.head(name, prefix), size, name)
        tensorheader.parse_header(source.head(name, prefix + length)[prefix:], size, name)
    except FormatError as error:
        return error.message
    return None
