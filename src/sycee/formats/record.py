"""Records: what becomes known of a version after it was frozen, in files of their own beside it.

A signed card cannot grow. A later fact is an in-toto Statement v1 in ``records/``, about a version that it names by
digest, and is a signed document (:mod:`sycee.trust.policy.documents`): ``NAME.json.sig`` beside ``NAME.json``.
Specification: ``docs/spec/record.md``.

A parsed record keeps the exact bytes beside the values, since it is the bytes that are signed.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sycee.digest import is_hex, sha256_hex
from sycee.errors import Fault, FormatError
from sycee.formats import card, replay, strictjson, sums, times

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://sycee.dev/record/{}/v1"
SUFFIX = ".json"
MAX_SIZE = 1 << 20  # bytes
SUBJECTS = (sums.NAME, card.FILE_NAME)  # whose sha256 names a version: signed, or frozen only
DECISIONS = ("approved", "rejected")


def _approval_faults(value: object) -> list[Fault]:
    reader = strictjson.Reader("the approval")
    found = reader.mapping(value, "$", required=("decision",), optional=("by", "comment"))
    reader.choice(found.get("decision", DECISIONS[0]), "$.decision", DECISIONS)
    for name in found.keys() & {"by", "comment"}:
        if not reader.text(found[name], f"$.{name}").strip():
            reader.fault(f"$.{name}", "is empty: leave it out")
    return reader.faults


# Kind to what is wrong with its content; the content stands in the predicate under the name of the kind.
KINDS: Mapping[str, Callable[[object], list[Fault]]] = {
    "approval": _approval_faults,
    "evaluation": card.evaluation_faults,
    "replay": replay.content_faults,
}

_KIND = re.compile(re.escape(PREDICATE).replace(r"\{\}", "([a-z][a-z0-9-]*)"))


class Subject(NamedTuple):
    """The version that a record is about.

    Attributes:
        name: Of the model; informs people, decides nothing.
        file: The file of the model's folder whose digest names the version, one of :data:`SUBJECTS`.
        sha256: Of that file, 64 hex digits. For ``SHA256SUMS`` it is the version's identity.
    """

    name: str
    file: str
    sha256: str


class Record(NamedTuple):
    """One fact about a version.

    Attributes:
        kind: One of :data:`KINDS`.
        subject: The version.
        recorded: When it was written down: RFC 3339, UTC, whole seconds.
        content: What was found, by the rules of its kind.
    """

    kind: str
    subject: Subject
    recorded: str
    content: Mapping[str, Any]


def file_name(record: Record) -> str:
    """Return the name of a record's file in ``records/``: kind, day, and the first digits of its sha256."""
    return f"{record.kind}-{record.recorded[:10]}-{sha256_hex(render(record))[:12]}{SUFFIX}"


def render(record: Record) -> bytes:
    """Return the file of a record: JSON, indented by two, members in the order of the specification, LF.

    Raises:
        FormatError: The values are not those of a record.
    """
    subject = {
        "name": record.subject.name,
        "digest": {"sha256": record.subject.sha256},
        "annotations": {"sycee": {"file": record.subject.file}},
    }
    predicate = {"recorded": record.recorded, record.kind: record.content}
    statement = {
        "_type": TYPE,
        "subject": [subject],
        "predicateType": PREDICATE.format(record.kind),
        "predicate": predicate,
    }
    try:
        data = f"{json.dumps(statement, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
    except (TypeError, ValueError) as error:
        raise FormatError(f"not the values of a record: {error}") from error
    parse(data, "the new record")
    return data


def parse(data: bytes, name: str) -> Record:
    """Read a record strictly.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: It is not what ``docs/spec/record.md`` allows; ``faults`` holds every fault.
    """
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is larger than a record may be ({MAX_SIZE} bytes; found {len(data)})", path=name)
    reader = strictjson.Reader(name)
    members = ("_type", "subject", "predicateType", "predicate")
    top = reader.mapping(strictjson.parse(data, name), "$", required=members, optional=())
    reader.constant(top.get("_type"), "$._type", TYPE)
    subject = _subject(reader, top.get("subject"))
    kind = _kind(reader, top.get("predicateType"))
    reader.finish()
    predicate = reader.mapping(top.get("predicate"), "$.predicate", required=("recorded", kind), optional=())
    recorded = reader.text(predicate.get("recorded"), "$.predicate.recorded")
    if not times.parse(recorded):
        reader.fault("$.predicate.recorded", "must be a time such as 2026-01-31T12:00:00Z")
    for fault in KINDS[kind](predicate.get(kind)):
        reader.fault(f"$.predicate.{kind}{fault.path.removeprefix('$')}", fault.message)
    reader.finish()
    return Record(kind, subject, recorded, predicate[kind])


def time_of(one: Record) -> dt.datetime:
    """Return when a record says that it was written."""
    return dt.datetime.fromisoformat(one.recorded)


def _kind(reader: strictjson.Reader, value: object) -> str:
    match = _KIND.fullmatch(reader.text(value, "$.predicateType"))
    if match is None or match[1] not in KINDS:
        reader.fault("$.predicateType", f"must be {' or '.join(map(PREDICATE.format, KINDS))}")
        return ""
    return match[1]


def _subject(reader: strictjson.Reader, value: object) -> Subject:
    subjects = reader.array(value, "$.subject")
    if len(subjects) != 1:
        reader.fault("$.subject", f"must name exactly one version, not {len(subjects)}")
        return Subject("", "", "")
    at = "$.subject[0]"
    one = reader.mapping(subjects[0], at, required=("name", "digest", "annotations"), optional=())
    digest = reader.mapping(one.get("digest"), f"{at}.digest", required=("sha256",), optional=())
    annotations = reader.mapping(one.get("annotations"), f"{at}.annotations", required=("sycee",))
    ours = reader.mapping(annotations.get("sycee"), f"{at}.annotations.sycee", required=("file",), optional=())
    name, file = (reader.text(*pair) for pair in ((one.get("name"), f"{at}.name"), (ours.get("file"), f"{at}.file")))
    sha256 = reader.text(digest.get("sha256"), f"{at}.digest.sha256")
    if not is_hex(sha256, "sha256"):
        reader.fault(f"{at}.digest.sha256", "is not a sha256 in lower-case hexadecimal")
    if file not in SUBJECTS:
        reader.fault(f"{at}.annotations.sycee.file", f"must be {' or '.join(SUBJECTS)}")
    return Subject(name, file, sha256)
