"""Records as they lie beside a model: read strictly, whoever signed them. Specification: ``docs/spec/record.md``."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import record
from sycee.formats.record import Record
from sycee.trust.documents import SignedDocument, is_document, read_document, signature_names
from sycee.trust.folder import Folder

MAX_RECORDS = 10_000  # beside one model


class Found(NamedTuple):
    """A file of ``records/``, read.

    Attributes:
        name: Below the model's folder.
        document: Its bytes, with its signatures; None if it cannot be read.
        record: What it says; None likewise.
        fault: Why it cannot be read.
    """

    name: str
    document: SignedDocument | None
    record: Record | None
    fault: str


def read_records(model: Folder) -> Iterator[Found]:
    """Yield every file of ``records/`` that is to be a record, in the order of their names.

    Args:
        model: The model's folder, open.

    Raises:
        Conflict: If ``records`` is no folder, or holds more than :data:`MAX_RECORDS` of them.
    """
    names = model.names(modelfolder.RECORDS)
    beside = signature_names(names)
    documents = [name for name in names if is_document(name)]
    if len(documents) > MAX_RECORDS:
        place = model.path / modelfolder.RECORDS
        raise Conflict(f"{place} holds {len(documents)} records; at most {MAX_RECORDS} are read", path=str(place))
    for name in documents:
        yield _read(model, f"{modelfolder.RECORDS}/{name}", beside)


def _read(model: Folder, name: str, beside: Mapping[str, list[str]]) -> Found:
    try:
        document = read_document(model, name, record.MAX_SIZE, beside)
        return Found(name, document, record.parse(document.data, name), "")
    except (FormatError, Conflict, NotFound) as error:
        return Found(name, None, None, error.message)
