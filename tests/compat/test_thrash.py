"""Eight processes of sycee and dvc on clones of one repository: nothing is lost, nothing wrong stands, nothing hangs.

In CI for some seconds. For three minutes, or as many seconds as SYCEE_THRASH says: make test-thrash
"""

import os
import random
import re

import pytest

from rigs.thrash import CLONES, PATIENCE, Thrash, content_of, git, oid_at
from rigs.warm import run_warm
from sycee.digest import md5_hex

pytestmark = pytest.mark.slow

# Asked before the fixture that clears the environment.
SECONDS = float(os.environ.get("SYCEE_THRASH") or 8)
SEED = os.environ.get("SYCEE_SEED") or "1"
ROUND = min(SECONDS, 30.0)  # seconds between two looks at everything
LONG = SECONDS > ROUND  # in less time not everything has its turn
KINDS = {"add", "commit", "push", "pull", "pull one", "fetch", "checkout", "status", "gc"}

# Only in these words a command may say no. Each is in the documentation of its tool, and tells what to do.
REFUSALS = {
    "sycee": (
        "the present content is stored nowhere\nhint: keep it: sycee add",  # a colleague of this clone is writing it
        "changed while it was (read|stored)",
        "hint: fetch (first|it|them)",  # collected here meanwhile, or a pointer is newer than what pull has fetched
        "is tracked but not here\nhint: get it: sycee checkout",  # merged from another clone, and not pulled yet
        "(is|are) neither in the cache nor on",
        # gc: of a version that was never pushed, this clone's own gc may have collected the list of files
        "its directory object .* cannot be read .*so nothing is removed",
    ),
    "dvc": (
        "Unable to acquire lock",  # it does not wait for long
        "it is being (blocked|used) by",
        "Can't remove the following unsaved files without confirmation",
        r"unexpected error - \[Errno 2\] No such file or directory: .*/w[0-9]+/data/",  # a colleague edits the folder
        "(Checkout failed for following targets|some cache files do not exist|missing-files|failed to pull data)",
    ),
}


def test_thrash(tmp_path):
    thrash = Thrash(tmp_path, SEED)
    rounds = 0
    while rounds * ROUND < SECONDS or not has_worked(thrash):
        assert rounds * ROUND < SECONDS + 60, "too little came through"
        thrash.work(ROUND)
        rounds += 1
        require_nothing_wrong(thrash)
        require_objects(thrash)
    for tool in ("sycee", "dvc"):
        require_clone(thrash, tool)
    require_history(thrash)


def require_nothing_wrong(thrash):
    assert thrash.faults == []
    for outcome in thrash.outcomes:
        printed = outcome.done.stdout + outcome.done.stderr
        assert "Traceback" not in printed, outcome
        assert outcome.seconds < 2 * PATIENCE, outcome
    refused = [outcome for outcome in thrash.outcomes if outcome.done.rc != 0]
    assert [
        one for one in refused if not re.search("|".join(REFUSALS[one.tool]), one.done.stdout + one.done.stderr)
    ] == []
    left = [path for path in thrash.root.rglob("*.tmp") if re.fullmatch(r"\.[\w-]{22}\.tmp", path.name)]
    assert left == []


def require_objects(thrash):
    """Every object is what its name says, and the remote has all of every version that came through."""
    stores = {name: thrash.root / name / "files/md5" for name in ("remote", "own/.dvc/cache", "cache")}
    for name, store in stores.items():
        for path in store.glob("??/*"):
            oid = path.parent.name + path.name
            assert md5_hex(path.read_bytes()) == oid.removesuffix(".dir"), f"{name}: {oid} has other bytes"
    stored = {path.parent.name + path.name for path in stores["remote"].glob("??/*")}
    for version in thrash.versions:
        assert version.objects <= stored, f"the remote lost of {version.path} at {version.commit}"
    quarantined = [path for path in thrash.root.rglob("quarantine/*") if ".git" not in path.parts]
    assert quarantined == []


def has_worked(thrash):
    """Tell whether something of each kind came through; of a short run only the most important kinds are asked."""
    done = {(one.tool, one.kind) for one in thrash.outcomes if one.done.rc == 0}
    kinds = KINDS if LONG else {"add", "push", "pull"}
    wanted = {(tool, kind) for tool in ("sycee", "dvc") for kind in kinds} | {("sycee", "gc"), ("sycee", "gc --cloud")}
    return len(thrash.versions) >= 4 and wanted <= done


def require_clone(thrash, tool):
    """Who clones gets with either tool what the last commit of each branch names, and the tool is content then."""
    top = thrash.clone(f"fresh-{tool}")
    published = {(version.path, version.oid): version for version in thrash.versions}
    for branch in CLONES:
        git(top, "checkout", "-qB", branch, f"origin/{branch}", check=False)  # fails if nothing was published there
        named = {(path, oid_at(top, "HEAD", path)) for path, _ in published}
        wanted = [published[one] for one in named & published.keys()]
        if not wanted:
            continue
        targets = [f"{version.path}.dvc" for version in wanted]
        assert run_warm(tool, ["pull", *targets], top).rc == 0, (tool, branch)
        for version in wanted:
            assert content_of(top / version.path) == version.content, (tool, branch, version.path)
        for judge in ("sycee", "dvc"):
            status = run_warm(judge, ["status", *targets], top)
            assert (status.rc, "up to date" in status.stdout) == (0, True), (judge, status)


def require_history(thrash):
    """Versions of the past come back, with any tool."""
    top = thrash.clone("past")
    draw = random.Random(SEED)
    for version in draw.sample(thrash.versions, min(len(thrash.versions), 30 if LONG else 4)):
        git(top, "checkout", "-q", version.commit)
        tool = draw.choice(["sycee", "dvc"])
        done = run_warm(tool, ["pull", "--force", f"{version.path}.dvc"], top)
        assert done.rc == 0, (version.commit, done)
        assert content_of(top / version.path) == version.content
