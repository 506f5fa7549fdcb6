"""What ``replay --bisect`` tries before packages, and what it says of it."""

import pytest

from sycee.errors import CannotRun
from sycee.formats import fingerprint
from sycee.formats.fingerprint import AREAS
from sycee.formats.replay import Change, Compared, Report
from sycee.ops.switches import Found, Switch, cheap, search, told
from sycee.replay.runner import How

KERNEL = Change("blas", "numpy.openblas.kernel", "Haswell", "SkylakeX")
CAPABILITY = Change("cpu", "torch.capability", "AVX2", "AVX512")
THREADS = Change("threads", "torch.get_num_threads", "8", "2")
NUMPY = Change("package", "numpy", "1", "2")
ONE, OTHER = Switch("with one thread", "threads .*", threads=1), Switch("with a switch", "blas .*")
OLDER = {"OPENBLAS_CORETYPE": "Nehalem"}


@pytest.fixture(autouse=True)
def known_machine(monkeypatch):
    monkeypatch.setattr("sycee.replay.calibrate.older_instructions", lambda: OLDER)


def report(level="numeric", can=(), cannot=(), demanded="bit", stage="output"):
    stages = (Compared("0", stage, level),)
    return Report("m", "", "differs", "it differs", "here", "none", demanded, level, stages, can=can, cannot=cannot)


def facts(**areas):
    return fingerprint.read({"version": 1, **{area: {} for area in AREAS}, **areas}, "facts")


def words(differing, frozen=None, threads=2):
    return [one.words for one in cheap(differing, frozen or facts(), threads)]


def test_the_kernels_of_the_record_are_tried_first():
    first, *_ = cheap(report(can=(KERNEL,), cannot=(CAPABILITY,)), facts(), 2)
    assert first.words == "with OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2"
    assert first.applied(How(threads=2)).switches == first.variables
    assert first.applied(How(threads=2)).threads == 2


@pytest.mark.parametrize(
    "change",
    [
        KERNEL._replace(frozen="a/b"),
        KERNEL._replace(frozen=""),
        KERNEL._replace(frozen="x\0y"),
        KERNEL._replace(name="numpy.openblas.config"),
        CAPABILITY._replace(frozen="VSX"),
        NUMPY,
    ],
    ids=str,
)
def test_what_cannot_be_brought_back_is_not_tried(change):
    assert words(report(can=(change,))) == ["with one thread", "with older instructions of the processor"]


def test_only_what_is_another_way_is_tried(monkeypatch):
    torch = {"torch.are_deterministic_algorithms_enabled": "False"}
    assert words(report(), facts(flag=torch), threads=1) == [
        "with older instructions of the processor",
        "with deterministic algorithms",
    ]
    monkeypatch.setattr("sycee.replay.calibrate.older_instructions", dict)
    assert words(report(), facts(flag=dict.fromkeys(torch, "True")), threads=1) == []


def test_flags_and_threads_are_applied():
    torch = facts(flag={"torch.is_grad_enabled": "True"})
    *_, deterministic = cheap(report(), torch, 2)
    how = deterministic.applied(How(threads=4, flags={"torch.are_deterministic_algorithms_enabled": "False", "a": "b"}))
    assert (how.threads, how.flags["a"]) == (4, "b")
    assert how.flags["torch.are_deterministic_algorithms_enabled"] == "True"
    assert ONE.applied(How(threads=4)).threads == 1


def test_the_first_switch_with_which_it_is_as_it_was_ends_the_search():
    tried = []

    def trial(switch):
        tried.append(switch)
        return report("bit" if switch == OTHER else "fail")

    found = search(report(), [ONE, OTHER, ONE], trial)
    assert tried == [ONE, OTHER]
    assert found.switch == OTHER
    assert found.notes == ("with one thread it comes out differently too", "with a switch it comes out as recorded")


def test_another_machine_is_no_reason_to_demand_less():
    found = search(report("decision", demanded="bit"), [ONE], lambda _: report("numeric", demanded="numeric"))
    assert found.switch is None
    found = search(report("fail", demanded="numeric"), [ONE], lambda _: report("numeric", demanded="decision"))
    assert found.switch == ONE
    found = search(report("fail", stage="preprocessed"), [ONE], lambda _: report("numeric", stage="preprocessed"))
    assert found.switch is None


def test_a_switch_that_this_machine_has_not_ends_nothing_but_its_trial():
    def trial(switch):
        if switch == ONE:
            raise CannotRun("ended by SIGILL")
        return report("bit")

    found = search(report(), [ONE, OTHER], trial)
    assert (found.switch, found.notes[0]) == (OTHER, "with one thread nothing is known: ended by SIGILL")


def test_the_verdict_names_the_switch_and_what_the_fingerprints_say():
    differing = report(can=(NUMPY, KERNEL), cannot=(THREADS,))
    done = told(differing, Found(OTHER, ("a note",)))
    assert done.verdict == (
        "outputs differ, and with a switch they come out as recorded:"
        " the openblas kernel of numpy SkylakeX here, Haswell when frozen"
    )
    assert (done.can, done.cannot, done.notes) == ((KERNEL, NUMPY), (THREADS,), ("a note",))
    done = told(differing, Found(ONE, ()))
    assert done.can == (THREADS, NUMPY, KERNEL)
    assert done.cannot == ()
    assert done.verdict.endswith("as recorded: threads of torch 2 here, 8 when frozen")


def test_of_many_facts_the_verdict_names_some():
    many = tuple(KERNEL._replace(name=f"p{number}.openblas.kernel") for number in range(5))
    assert told(report(cannot=many), Found(OTHER, ())).verdict.endswith("; 2 more")


def test_without_a_fact_the_verdict_says_so_and_without_a_switch_nothing():
    done = told(report(can=(NUMPY,)), Found(ONE, ()))
    assert done.verdict.endswith("it is how this machine computes, in something that the fingerprints do not tell")
    assert done.can == (NUMPY,)
    assert told(report(), Found(None, ("a note",))).verdict == "it differs"
