"""What the trials of ``replay --bisect`` say, without making an environment."""

import pytest

from sycee.errors import CannotRebuild
from sycee.formats.replay import Change, Compared, Report
from sycee.ops.bisect import MAX_TRIALS, bisect, told

A, B = Change("package", "a", "1", "2"), Change("package", "b", "1", "2")


def report(result="differs", can=(), cannot=(), stage="output"):
    stages = (Compared("0", stage, "fail"),) if result == "differs" else ()
    return Report("m", "", result, "it differs", "here", "none", "bit", "fail", stages, can=can, cannot=cannot)


def trials(culprits, tried):
    """Return a trial in which one of these packages makes the difference."""

    def trial(versions):
        tried.append(dict(versions))
        return report("differs" if versions.keys() & culprits else "reproduced")

    return trial


def test_the_first_that_makes_the_difference():
    tried = []
    found = bisect(report(can=(A,), cannot=(B,)), trials({"b"}, tried))
    assert tried == [{}, {"a": "2"}, {"b": "2"}]
    assert found.culprit == B
    done = told(report(can=(A,), cannot=(B,)), found)
    assert (done.can, done.cannot) == ((B, A), ())
    assert done.verdict == "outputs differ: b 2 here, 1 when frozen, and that alone does it"
    assert done.notes == (
        "with the frozen packages it comes out the same",
        "with a 2 in the place of 1 it comes out the same",
        "with b 2 in the place of 1 alone it comes out differently",
    )


def test_no_package_alone():
    found = bisect(report(can=(A, B)), trials(set(), []))
    assert (found.culprit, found.notes[-1]) == (None, "no package alone is the cause")
    assert told(report(can=(A, B)), found).verdict == "it differs"


@pytest.mark.parametrize(
    "changes", [(), (Change("cpu", "model", "x", "y"),), (Change("package", "gone", "1", ""),)], ids=str
)
def test_nothing_to_try(changes):
    tried = []
    assert bisect(report(can=changes), trials(set(), tried)).notes == (
        "no package that takes part is of another version than when it was frozen",
    )
    assert tried == []


def test_the_packages_are_not_the_cause():
    found = bisect(report(can=(A,)), lambda versions: report())
    assert found.notes == ("with the frozen packages it comes out differently too: they are not the cause",)


def test_an_environment_that_cannot_be_made_ends_nothing_but_its_trial():
    def trial(versions):
        if versions == {"a": "2"}:
            raise CannotRebuild("a==2 is nowhere")
        return report("differs" if versions else "reproduced")

    found = bisect(report(can=(A, B)), trial)
    assert found.culprit == B
    assert "with a 2 in the place of 1 nothing is known: a==2 is nowhere" in found.notes

    def none(versions):
        raise CannotRebuild("uv is not installed")

    assert bisect(report(can=(A,)), none).notes == ("no package was tried: uv is not installed",)


def test_trials_have_an_end():
    many = tuple(Change("package", f"p{number}", "1", "2") for number in range(40))
    tried = []
    bisect(report(can=many), trials(set(), tried))
    assert len(tried) == 1 + MAX_TRIALS
