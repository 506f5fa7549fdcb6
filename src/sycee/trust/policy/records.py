"""Records as they lie beside a model: read strictly, and what of them a policy may go by.

Specification: ``docs/spec/record.md``.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sycee.core import modelfolder
from sycee.core.facts import RecordFact, Signer
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import card, record, replay, sums
from sycee.formats.record import Record
from sycee.trust.folder import ModelFolder
from sycee.trust.policy.documents import SignedDocument, is_document, read_document, signature_names

MAX_RECORDS = 10_000  # beside one model
CHANNEL_PREFIX = "channel-"  # of channel statements, which may lie there too and are no records

SignersOf = Callable[[SignedDocument], frozenset[Signer]]

# Kind to whether its content tells something good.
_PASSED: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "approval": lambda content: content["decision"] == "approved",
    "evaluation": lambda _content: True,
    "replay": replay.passed,
}


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


class RecordFacts(NamedTuple):
    """What the records beside a version come to.

    Attributes:
        facts: Those about this very version, in the order of their file names.
        warnings: What cannot be read, or names the card alone, and so counts for nothing.
    """

    facts: tuple[RecordFact, ...]
    warnings: tuple[str, ...]


def read_records(model: ModelFolder) -> Iterator[Found]:
    """Yield every file of ``records/`` that is to be a record, in the order of their names.

    Args:
        model: The model's folder, open.

    Raises:
        Conflict: If ``records`` is no folder, or holds more than :data:`MAX_RECORDS` of them.
    """
    names = model.names(modelfolder.RECORDS)
    beside = signature_names(names)
    documents = [name for name in names if is_document(name) and not name.startswith(CHANNEL_PREFIX)]
    if len(documents) > MAX_RECORDS:
        place = model.path / modelfolder.RECORDS
        raise Conflict(f"{place} holds {len(documents)} records; at most {MAX_RECORDS} are read", path=str(place))
    for name in documents:
        yield _read(model, f"{modelfolder.RECORDS}/{name}", beside)


def _read(model: ModelFolder, name: str, beside: Mapping[str, list[str]]) -> Found:
    try:
        document = read_document(model, name, record.MAX_SIZE, beside)
        return Found(name, document, record.parse(document.data, name), "")
    except (FormatError, Conflict, NotFound) as error:
        return Found(name, None, None, error.message)


def record_facts(model: ModelFolder, identity: str, card_sha256: str | None, signers_of: SignersOf) -> RecordFacts:
    """Return what a policy may go by of the records beside a version. Those about other versions are passed over.

    Args:
        model: The model's folder, open.
        identity: Of the version, 64 hex digits.
        card_sha256: Digest of its card. A record that names the card alone says nothing of the files beside it, so it
            does not count; that is told.
        signers_of: Who signed a document, of those that are known.

    Raises:
        Conflict: See :func:`read_records`.
    """
    facts, warnings = [], []
    for one in read_records(model):
        if one.document is None or one.record is None:
            warnings.append(f"{one.name} cannot be read, and counts for nothing: {one.fault}")
        elif one.record.subject[1:] == (sums.NAME, identity):
            facts.append(_fact(one.record, signers_of(one.document)))
        elif one.record.subject[1:] == (card.FILE_NAME, card_sha256):
            warnings.append(f"{one.name} is about the card alone, so it counts for nothing here: attest it anew")
    return RecordFacts(tuple(facts), tuple(warnings))


def _fact(one: Record, signers: frozenset[Signer]) -> RecordFact:
    return RecordFact(one.kind, record.time_of(one), _PASSED[one.kind](one.content), signers)
