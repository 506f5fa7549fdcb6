"""Baselines: what golden samples give on a platform, accepted by somebody, so that every later bit is noticed there."""

from pathlib import Path

from sycee.core import modelfolder
from sycee.digest import sha256_hex
from sycee.errors import Conflict
from sycee.formats import fingerprint, golden
from sycee.formats.fingerprint import Fingerprint
from sycee.formats.golden import Golden, Stages
from sycee.formats.replay import Baseline, Report, baseline_form, is_verdict, read_baseline
from sycee.ops.frozen import utc_now
from sycee.ops.records import Written, add_record, records_of
from sycee.replay.page import Evidence
from sycee.trust.keys import PrivateKey
from sycee.trust.policy.authority import Authority

KIND = "replay"


def accept(folder: Path, report: Report, evidence: Evidence, on: Fingerprint, key: PrivateKey | None = None) -> Written:
    """Write what a replay gave as a baseline for its platform, beside the model; overwrite nothing.

    Args:
        folder: The model's folder.
        report: What the replay found.
        evidence: What came out.
        on: The fingerprint of the process.
        key: The key to sign the baseline with.

    Raises:
        Conflict: If it is not as equal as it had to be, or was equal to the bit, so that there is nothing to accept.
        SyceeError: See :func:`sycee.ops.records.add_record`.
    """
    if report.result != "reproduced":
        raise Conflict("what comes out differently is not accepted", hint="find out why first: see the report")
    if report.waived:
        raise Conflict(
            "a stage was waived, so it is not known whether it may be accepted", hint="use --accept without --waive"
        )
    if report.demanded == "bit":
        raise Conflict(
            "this platform has its bits already, so there is nothing to accept",
            hint="replay without --accept: every bit is demanded here",
        )
    baseline = Baseline(
        key=fingerprint.key(on),
        device=fingerprint.device_class(on),
        card=_card(folder),
        golden=sha256_hex(golden.render(evidence.record)),
        level=report.level,
        samples={name: _bare(stages) for name, stages in evidence.found.items()},
    )
    return add_record(folder, KIND, baseline_form(baseline), utc_now(), key)


def _card(folder: Path) -> str:
    return sha256_hex((folder / modelfolder.CARD).read_bytes())


def _bare(stages: Stages) -> Stages:
    """Return leaves whose tensors are kept by their digests alone: a baseline demands bits."""
    return {stage: tuple(leaf._replace(stored=False) for leaf in leaves) for stage, leaves in stages.items()}


def accepted(folder: Path, record: Golden, on: Fingerprint, authority: Authority | None) -> tuple[Golden, ...]:
    """Return the record as it was accepted for a platform: once for each baseline that counts.

    Args:
        folder: The model's folder.
        record: The record.
        on: The fingerprint of the platform.
        authority: Whose signatures count; None to look at none.
    """
    ours = (one for one in records_of(folder, authority) if one.about in {"this version", "this card"})
    counted = [one.record for one in ours if one.record and one.record.kind == KIND and one.signature != "bad"]
    found = [read_baseline(one.content) for one in counted if not is_verdict(one.content)]
    digest, here = sha256_hex(golden.render(record)), fingerprint.key(on)
    same = (one for one in found if (one.key, one.golden) == (here, digest))
    return tuple(_with(record, one) for one in same if one.samples.keys() >= {sample.id for sample in record.samples})


def _with(record: Golden, baseline: Baseline) -> Golden:
    samples = tuple(one._replace(stages=baseline.samples[one.id]) for one in record.samples)
    return record._replace(samples=samples, tensors=None)
