"""What is fuzzed: readers of bytes that anybody may have written. Each may refuse with an error of ours, no other."""

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sycee.errors import SyceeError
from sycee.formats import (
    bundle,
    card,
    channel,
    dirobject,
    gate,
    manifest,
    memory,
    omsstatement,
    record,
    revocations,
    statement,
    sums,
    tensordigests,
    tensorheader,
    trustfile,
)
from sycee.trust.oms.certificates import CertificateRule, check_certificates, load_certificates

TESTS = Path(__file__).parents[1]
SPEC = TESTS.parent / "docs/spec"
KEPT = Path(__file__).parent / "corpus"  # one zip archive for each target

FOREIGN = TESTS / "vectors/bundle/foreign"
NVIDIA = CertificateRule(
    load_certificates(FOREIGN / "nvidia-root.pem"),
    "NVIDIA Agent Skills Signing 001",
    dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
    "any",
)


class Target(NamedTuple):
    """One reader.

    Attributes:
        read: Takes any bytes; raises what a reader may, or what shows a bug.
        seeds: Gives what to begin with.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def read_bundle(data: bytes) -> None:
    """A bundle, and the statement in it."""
    statement.parse(bundle.parse(data).payload)


def read_statement(data: bytes) -> None:
    """A payload whose signature was good: whoever signs may still write nonsense."""
    statement.parse(data)


def read_oms(data: bytes) -> None:
    """A payload of somebody else's tool."""
    omsstatement.parse(data, "the bundle")


def read_certificates(data: bytes) -> None:
    """Certificates, the signer's behind two bytes that tell its length: no change of one leads to the root any more."""
    length = int.from_bytes(data[:2], "big")
    chain = [data[2 : 2 + length], data[2 + length :]]
    check_certificates(chain, NVIDIA, "the bundle")
    if chain[0] != nvidia_chain()[0]:
        raise AssertionError("a forged certificate")


def read_card(data: bytes) -> None:
    """A card."""
    card.parse(data, "the card")


def read_sums(data: bytes) -> None:
    """Sums have one form for one set of files."""
    if sums.render(sums.parse(data)) != data:
        raise AssertionError("two texts for the same files")


def read_directory(data: bytes) -> None:
    """The manifest of a folder."""
    dirobject.parse(data)


def read_record(data: bytes) -> None:
    """A record."""
    record.parse(data, "the record")


def read_trust(data: bytes) -> None:
    """A trust file."""
    trustfile.parse(data)


def read_gate(data: bytes) -> None:
    """A gate has one text, which reads as the same gate."""
    one = gate.parse(data.decode(errors="replace"))
    if gate.parse(str(one)) != one:
        raise AssertionError("another gate by its own text")


def read_channel(data: bytes) -> None:
    """A channel statement has one text."""
    if channel.render(channel.parse(data, "the statement")) != data:
        raise AssertionError("two texts for one statement")


def read_revocations(data: bytes) -> None:
    """A revocation list has one text."""
    if revocations.render(revocations.parse(data, "the list")) != data:
        raise AssertionError("two texts for one list")


def read_manifest(data: bytes) -> None:
    """The manifest of a version on a remote, which anybody who writes there may have written."""
    manifest.parse(data)


def read_digests(data: bytes) -> None:
    """The digests of single tensors."""
    tensordigests.parse(data)


def read_memory(data: bytes) -> None:
    """What a machine remembers; a disk may have spoilt it."""
    memory.parse_channel(data, "the memory")


def read_tensors(data: bytes) -> None:
    """The header of a safetensors file behind two bytes that tell how many follow it: what passes fills these."""
    body, header = int.from_bytes(data[:2], "big"), data[2:]
    size = tensorheader.PREFIX + len(header) + body
    tensorheader.header_size(len(header).to_bytes(tensorheader.PREFIX, "little"), size, "the file")
    if sum(place.end - place.begin for place in tensorheader.places(header, size, "the file")) != body:
        raise AssertionError("tensors that are not in the file")


def vectors(folder: str) -> list[bytes]:
    """Return the vectors of a format."""
    return [one.read_bytes() for one in sorted((TESTS / "vectors" / folder).iterdir()) if one.is_file()]


def headers() -> list[bytes]:
    """Return the headers of the vectors of safetensors files, as :func:`read_tensors` takes them."""
    found = []
    for data in vectors("tensorfile"):
        header = data[8 : 8 + int.from_bytes(data[:8], "little")]
        found.append((len(data) - 8 - len(header)).to_bytes(8, "big", signed=True)[-2:] + header)
    return found


def payloads(folder: str = "bundle") -> list[bytes]:
    """Return what is signed in the vectors of bundles."""
    found = (re.search(rb'"payload": ?"([A-Za-z0-9+/=]+)"', data) for data in vectors(folder))
    return [base64.b64decode(one[1]) for one in found if one]


def nvidia_chain() -> tuple[bytes, ...]:
    """Return the certificates of a bundle that NVIDIA published."""
    return bundle.parse((FOREIGN / "nvidia-skill.sig").read_bytes()).certificates


def chains() -> list[bytes]:
    """Return certificates as :func:`read_certificates` takes them."""
    leaf, middle, root = nvidia_chain()
    pairs = [(leaf, middle), (leaf, root), (middle, root)]
    return [len(one).to_bytes(2, "big") + one + other for one, other in pairs]


def examples(page: str) -> list[bytes]:
    """Return the examples of a specification's page."""
    blocks = re.findall(r"```(?:json|toml|text)?\n(.*?)```", (SPEC / page).read_text(), re.DOTALL)
    return [one.encode() for one in blocks]


TARGETS: Mapping[str, Target] = {
    "bundle": Target(read_bundle, lambda: vectors("bundle")),
    "statement": Target(read_statement, payloads),
    "oms": Target(read_oms, lambda: payloads("bundle/oms")),
    "certificates": Target(read_certificates, chains),
    "card": Target(read_card, lambda: vectors("card")),
    "sums": Target(read_sums, lambda: examples("sums.md")),
    "directory": Target(read_directory, lambda: vectors("dirobject")),
    "manifest": Target(read_manifest, lambda: examples("version-manifest.md")),
    "digests": Target(read_digests, lambda: examples("tensors.md")),
    "memory": Target(read_memory, lambda: examples("memory.md")),
    "record": Target(read_record, lambda: examples("record.md")),
    "tensors": Target(read_tensors, headers),
    "trust": Target(read_trust, lambda: examples("trust.md")),
    "gate": Target(read_gate, lambda: [b"metrics.val_f1 >= 0.89", b'task == "ner"', b"code.dirty != true"]),
    "channel": Target(read_channel, lambda: examples("channel.md")),
    "revocations": Target(read_revocations, lambda: examples("revocations.md")),
}


def refused(target: Target, data: bytes) -> bool:
    """Read one input; tell whether it was refused. Any other exception than ours comes through."""
    try:
        target.read(data)
    except SyceeError:
        return True
    return False


def words(inputs: list[bytes]) -> list[bytes]:
    """Return the texts that occur in inputs, for the fuzzer to put in places."""
    found = {word for data in inputs for word in re.findall(rb"[A-Za-z_$][A-Za-z0-9_./:+-]{2,60}", data)}
    return sorted(word for word in found if len(word) < 40)[:500]


def as_dictionary(inputs: list[bytes]) -> str:
    """Return these words as libFuzzer reads them."""
    return "".join(f"{json.dumps(word.decode())}\n" for word in words(inputs))
