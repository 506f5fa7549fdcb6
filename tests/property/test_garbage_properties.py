"""Nothing that is reachable is ever garbage, whatever a store holds and in whatever order it is removed."""

from hypothesis import given
from hypothesis import strategies as st

from sycee.store.garbage import Item, Kind, garbage, kind_of, newest, reachable, stages

OIDS = st.integers(0, 11).map(lambda number: f"{number:032x}")  # few, so that they meet
PREFIXES = st.sampled_from(["files/md5/", ""])


def key(prefix, oid, suffix=""):
    return f"{prefix}{oid[:2]}/{oid[2:]}{suffix}"


FILES = st.builds(key, PREFIXES, OIDS)
FOLDERS = st.builds(key, PREFIXES, OIDS, st.just(".dir"))
SUMS = st.integers(0, 3).map(lambda number: f"sycee/sums/{number:02x}/{number:062x}")
OURS = st.builds(
    lambda folder, number: f"sycee/{folder}/{number:02x}/{number:062x}",
    st.sampled_from(["versions", "blobs", "names"]),
    st.integers(0, 3),
)
FOREIGN = st.sampled_from(
    [
        *("sycee/quarantine/00000000000000000000000000000000-12345678", "runs/ab/cd/ef", "ab/cd", "zz/foo"),
        *("files/md5/00/.AAAAAAAAAAAAAAAAAAAAAA.tmp", "files/md5/00/1.sig", "files/sha256/00/1", "README"),
        *("sycee/tmp/x", "sycee/sums/00/short", "00/000000000000000000000000000000.unpacked/a", "en/readme"),
        *("files/md5/AB/000000000000000000000000000000", "x/files/md5/00/000000000000000000000000000000"),
    ]
)
STORED = st.sets(FILES | FOLDERS | SUMS | OURS | FOREIGN).map(lambda keys: [Item(one, 1) for one in sorted(keys)])
MEMBERS = st.dictionaries(FOLDERS, st.sets(FILES))


@given(STORED, st.sets(FILES | FOLDERS | SUMS), MEMBERS)
def test_what_roots_lead_to_stays(stored, roots, members):
    named = {root: members.get(root, set()) for root in roots if kind_of(root) is Kind.DIRECTORY}
    going = {item.key for item in garbage(stored, reachable(roots, named))}
    assert not going & roots
    for folder in roots & named.keys():
        assert not going & named[folder]
    assert going == {i.key for i in stored if i.kind is not None} - roots - set().union(*named.values())


@given(STORED, st.sets(FILES | FOLDERS))
def test_what_is_no_object_stays(stored, kept):
    foreign = {item.key for item in stored if item.kind is None}
    assert not foreign & {item.key for item in garbage(stored, kept)}


@given(FOREIGN)
def test_these_are_no_objects(name):
    assert kind_of(name) is None


@given(STORED, MEMBERS, st.data())
def test_a_removal_that_is_cut_off_leaves_no_folder_without_members(stored, members, data):
    """Where every stored folder had its members before, each that is still there has them after."""
    held = {item.key for item in stored}
    whole = {one: names for one, names in members.items() if one in held and names <= held}
    roots = data.draw(st.sets(st.sampled_from(sorted(whole)))) if whole else set()
    going = garbage(stored, reachable(roots, whole))
    assert [item for stage in stages(going) for item in stage] == list(going)
    cut = data.draw(st.integers(0, len(going)))
    left = held - {item.key for item in going[:cut]}
    assert all(names <= left for folder, names in whole.items() if folder in left)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4))), st.integers(1, 4))
def test_the_last_versions_are_the_first_different_ones(versions, count):
    chosen = newest(versions, count)
    for path in "abc":
        different = list(dict.fromkeys(content for one, content in versions if one == path))
        assert {content for one, content in chosen if one == path} == set(different[:count])
