"""Comparing two states: nothing is left out, nothing is told twice, and a move back is a move forth."""

from hypothesis import given
from hypothesis import strategies as st

from sycee.core.diff import Content, Kind, Listing, compare, missing, order

NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
CONTENTS = st.builds(Content, st.sampled_from(["1", "2", "3", "4.dir"]), st.booleans())
LISTINGS = st.builds(Listing, st.dictionaries(NAMES, CONTENTS, max_size=8))
OPPOSITE = {Kind.ADDED: Kind.DELETED, Kind.DELETED: Kind.ADDED}


def sides(changes, side):
    entries = [getattr(change, side) for change in changes]
    return sorted((entry.path, entry.content.oid, entry.content.legacy) for entry in entries if entry)


def listed(listing):
    return sorted((path, content.oid, content.legacy) for path, content in listing.contents.items())


@given(LISTINGS, LISTINGS)
def test_every_path_of_both_states_is_told_once(old, new):
    changes = compare(old, new)
    assert (sides(changes, "old"), sides(changes, "new")) == (listed(old), listed(new))


@given(LISTINGS, LISTINGS)
def test_the_kind_is_what_the_sides_say(old, new):
    for change in compare(old, new):
        before, after = change.old, change.new
        if before is None or after is None:
            assert change.kind is (Kind.ADDED if before is None else Kind.DELETED)
        elif before.path == after.path:
            assert change.kind is (Kind.UNCHANGED if before == after else Kind.MODIFIED)
        else:
            assert (change.kind, before.content) == (Kind.RENAMED, after.content)


@given(LISTINGS, LISTINGS)
def test_no_rename_is_missed(old, new):
    changes = compare(old, new)
    deleted = {change.old.content for change in changes if change.kind is Kind.DELETED}
    assert deleted.isdisjoint(change.new.content for change in changes if change.kind is Kind.ADDED)


@given(LISTINGS, LISTINGS)
def test_backwards_is_the_opposite(old, new):
    forth = [(OPPOSITE.get(change.kind, change.kind), change.new, change.old) for change in compare(old, new)]
    back = [(change.kind, change.old, change.new) for change in compare(new, old)]
    assert sorted(map(str, forth)) == sorted(map(str, back))


@given(LISTINGS)
def test_a_state_does_not_differ_from_itself(listing):
    assert {change.kind for change in compare(listing, listing)} <= {Kind.UNCHANGED}


@given(LISTINGS, LISTINGS)
def test_the_order_is_that_of_paths(old, new):
    paths = [change.entry.path for change in compare(old, new)]
    assert paths == sorted(paths, key=order)


@given(LISTINGS, LISTINGS, st.sets(NAMES, max_size=3))
def test_nothing_is_claimed_below_what_nobody_knows(old, new, opaque):
    for change in compare(Listing(old.contents, frozenset(opaque)), new):
        below = any(change.entry.path.startswith(f"{folder}/") for folder in opaque)
        assert (change.kind is Kind.UNKNOWN) == below


@given(LISTINGS, LISTINGS, st.sets(NAMES, min_size=1, max_size=3))
def test_targets_keep_what_lies_in_them(old, new, targets):
    for change in compare(old.within(targets), new.within(targets)):
        for entry in filter(None, (change.old, change.new)):
            assert any(f"{entry.path}/".startswith(f"{target}/") for target in targets)
    assert old.within([]) == old


@given(LISTINGS, LISTINGS, st.sets(CONTENTS))
def test_missing_is_what_the_old_state_needs(old, new, cached):
    found = missing(compare(old, new), cached.__contains__)
    assert [entry.path for entry in found] == sorted(
        (path for path, content in old.contents.items() if content not in cached), key=order
    )
