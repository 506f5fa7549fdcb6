from pathlib import Path

import pytest

from sycee.errors import FormatError, UsageError
from sycee.formats import dvcconfig
from sycee.formats.dvcoptions import named_section, option_fault, split_section, value_fault

STORE = 'remote "store"'

WRITTEN_BY_DVC = b"""[core]
    remote = store
['remote "store"']
    url = s3://bucket/models
    endpointurl = https://minio.example.org
"""

WRITTEN_BY_HAND = (
    b"""# our settings
[Core]
Remote = STORE   # the bucket
; = 1
""".replace(b"; = 1\n", b"")
    + b"""

[cache]
    type = reflink, copy # a list
    dir = "/big,disk/#1"

# the bucket
[remote "Store"]
  url = 's3://bucket/it''s' # odd
""".replace(b"'s3://bucket/it''s'", b'"s3://bucket/it\'s"')
    + b"""  # half a comment
  region=eu-west-1
# end
"""
)


def test_reads_what_dvc_wrote() -> None:
    assert dvcconfig.parse(WRITTEN_BY_DVC, "config") == {
        "core": {"remote": "store"},
        STORE: {"url": "s3://bucket/models", "endpointurl": "https://minio.example.org"},
    }


def test_reads_what_a_person_wrote() -> None:
    assert dvcconfig.parse(WRITTEN_BY_HAND, "config") == {
        "core": {"remote": "STORE"},
        "cache": {"type": ("reflink", "copy"), "dir": "/big,disk/#1"},
        STORE: {"url": "s3://bucket/it's", "region": "eu-west-1"},
    }


def test_an_edit_keeps_every_other_byte() -> None:
    edited = dvcconfig.set_option(WRITTEN_BY_HAND, "config", (STORE, "region"), "us-east-1")
    assert edited == WRITTEN_BY_HAND.replace(b"  region=eu-west-1\n", b"  region = us-east-1\n")
    edited = dvcconfig.set_option(WRITTEN_BY_HAND, "config", ("core", "remote"), "other")
    assert edited == WRITTEN_BY_HAND.replace(b"Remote = STORE   # the bucket", b"remote = other   # the bucket")
    edited = dvcconfig.set_option(WRITTEN_BY_HAND, "config", (STORE, "profile"), "work")
    assert edited == WRITTEN_BY_HAND.replace(b"eu-west-1\n", b"eu-west-1\n  profile = work\n")
    edited = dvcconfig.unset_option(WRITTEN_BY_HAND, "config", ("cache", "dir"))
    assert edited == WRITTEN_BY_HAND.replace(b'    dir = "/big,disk/#1"\n', b"")


def test_setting_the_same_value_changes_nothing() -> None:
    assert dvcconfig.set_option(WRITTEN_BY_HAND, "config", ("cache", "dir"), "/big,disk/#1") == WRITTEN_BY_HAND


def test_removing_a_section_keeps_the_comment_of_the_next() -> None:
    assert dvcconfig.remove_section(WRITTEN_BY_HAND, "config", "cache") == WRITTEN_BY_HAND.replace(
        b'[cache]\n    type = reflink, copy # a list\n    dir = "/big,disk/#1"\n\n', b""
    )


def test_the_last_option_of_a_plain_section_takes_the_section_along() -> None:
    assert (
        dvcconfig.unset_option(WRITTEN_BY_DVC, "config", ("core", "remote"))
        == WRITTEN_BY_DVC.partition(b"\n")[2].partition(b"\n")[2]
    )


def test_sections_stand_in_the_order_of_dvc() -> None:
    data = dvcconfig.set_option(b"", "config", (STORE, "url"), "x")
    data = dvcconfig.set_option(data, "config", (named_section("db", "d"), "url"), "y")
    data = dvcconfig.set_option(data, "config", ("cache", "type"), "copy")
    data = dvcconfig.set_option(data, "config", ("core", "remote"), "store")
    data = dvcconfig.set_option(data, "config", (named_section("remote", "B"), "url"), "z")
    assert [line for line in data.decode().splitlines() if line.startswith("[")] == [
        "[cache]",
        "[core]",
        "['remote \"store\"']",
        "['remote \"b\"']",
        "['db \"d\"']",
    ]


def test_a_file_without_a_final_newline_gets_one_before_what_is_added() -> None:
    assert dvcconfig.set_option(b"[core]\n    remote = a", "c", ("core", "autostage"), "true") == (
        b"[core]\n    remote = a\n    autostage = true\n"
    )


def test_windows_line_endings_stay() -> None:
    data = b"[core]\r\n    remote = a\r\n"
    assert dvcconfig.parse(data, "c") == {"core": {"remote": "a"}}
    assert dvcconfig.set_option(data, "c", ("core", "autostage"), "true") == data + b"    autostage = true\r\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("url =", ""),
        ('url = ""', ""),
        ("url = s3://b/x#y", "s3://b/x"),
        ('url = "s3://b/x#y" # z', "s3://b/x#y"),
        ("url = '''both \" and ' ''' # c", "both \" and ' "),
        ('url = "a"b"', 'a"b'),
        ("url = a'b", "a'b"),
        ('"url" = x', "x"),
        ("URL=x", "x"),
        ("type = copy,", ("copy",)),
        ("type = ,", ()),
        ("type = \"copy\", 'symlink'", ("copy", "symlink")),
    ],
)
def test_values(line: str, value: object) -> None:
    sections = dvcconfig.parse_lenient(f"[remote 'x']\n{line}\n".encode(), "c")
    assert list(sections["remote 'x'"].values()) == [value]


def test_a_value_goes_on_over_lines_in_triple_quotes() -> None:
    data = b'[studio]\ntoken = """a\nb""" # c\n[core]\n'
    assert dvcconfig.parse(data, "c") == {"studio": {"token": "a\nb"}, "core": {}}
    assert dvcconfig.set_option(data, "c", ("studio", "token"), "t") == b"[studio]\ntoken = t\n[core]\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[core\n", "c: line 1 is neither"),
        (b"remote = x\n", "c: line 1 is neither"),
        (b"[core]\nremote\n", "c: line 2 is neither"),
        (b"[core]\nremote = 'x\n", "c: line 2 is neither"),
        (b"[core]\nremote = '''x\n", "c: line 2 is neither"),
        (b"[core]\n[[sub]]\n", "c: line 2 is neither"),
        (b"[core]\nremote = x\nREMOTE = y\n", "c: line 3 repeats"),
        (b"[core]\n[Core]\n", "c: line 2 repeats"),
        (b"[core]\nremotes = x\n", "c: line 2: there is no option 'remotes' in the section core"),
        (b"[sycee]\nx = y\n", "c: line 2: there is no section 'sycee'"),
        (b"[core]\nautostage = yes\n", "c: line 2: 'yes' is not true or false"),
        (b"[core]\nremote = a,b\n", "c: line 2: remote is a list"),
        (b"[cache]\ntype = reflink, magic\n", "is not a list of reflink, hardlink, symlink and copy"),
        (b'[remote "x"]\njobs = 0\n', "'0' is not a number of at least 1"),
        (b"\xff\xfe", "c is not UTF-8: byte 0"),
        (b"#" * (1 << 20) + b"#", "c is longer than 1048576 bytes"),
    ],
)
def test_malformed(data: bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        dvcconfig.parse(data, "c")
    assert message in caught.value.message
    assert caught.value.hint


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(FormatError) as caught:
        dvcconfig.parse(b'[core]\nx = 1\n[cache]\ntype = magic\n[remote "r"]\nverify = maybe\n', "c")
    assert [fault.path for fault in caught.value.faults] == ["line 2", "line 4", "line 6"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("core", "remotes"), "x", "there is no option 'remotes' in the section core"),
        (("sycee", "x"), "x", "there is no section 'sycee'"),
        (("core", "autostage"), "yes", "'yes' is not true or false"),
        ((STORE, "url"), "two\nlines", "the value holds a control character"),
        ((STORE, "url"), "'''\"\"\"", "cannot be quoted"),
    ],
)
def test_what_cannot_be_written_is_refused(key: tuple[str, str], value: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        dvcconfig.set_option(b"", "c", key, value)
    assert message in caught.value.message


def test_a_replaced_remote_keeps_its_place() -> None:
    data = b"['remote \"a\"']\n    url = x\n    region = y\n['remote \"b\"']\n    url = z\n"
    assert dvcconfig.add_remote(data, "c", "A", "n") == data.replace(b"x\n    region = y", b"n")


def test_options_depend_on_the_kind_of_remote() -> None:
    assert option_fault(STORE, "endpointurl") is None
    assert option_fault(STORE, "endpointurl", "s3://b") is None
    assert option_fault(STORE, "endpointurl", "/folder") == f"there is no option 'endpointurl' in the section {STORE}"
    assert option_fault(STORE, "endpointurl", "remote://other") is None
    assert value_fault(STORE, "connect_timeout", "1.5") is None
    assert split_section('remote  "a b"') == ("remote", "a b")


def test_the_example_of_the_specification() -> None:
    page = (Path(__file__).parents[2] / "docs/spec/config.md").read_text()
    example = page.partition("```ini\n")[2].partition("```")[0].encode()
    data = b""
    for key, value in (
        ((STORE, "url"), "s3://bucket/models"),
        (("core", "remote"), "store"),
        ((STORE, "endpointurl"), "https://minio.example.org"),
        (("cache", "type"), "reflink,copy"),
    ):
        data = dvcconfig.set_option(data, "config", key, value)
    assert data == example
    assert dvcconfig.parse(example, "config")["cache"] == {"type": "reflink,copy"}


def test_a_comment_that_configobj_may_take_for_a_part_of_the_value_is_refused() -> None:
    with pytest.raises(FormatError):
        dvcconfig.parse(b"[core]\nremote = ''#',\n", "c")
    assert dvcconfig.parse(b"[core]\nremote = 'a'  # it is \"a\"\n", "c") == {"core": {"remote": "a"}}
