"""What pickles name is listed without following it; archives that mean two things are not looked into."""

import io
import json
import pickle
import zipfile

import pytest

from rigs.tensors import safetensors, tensor, torch_file, written
from sycee.formats import picklescan
from sycee.ops.scan import scan
from sycee.trust.loading import scan as trust

STATE = {"weight": tensor((2, 2)), "bias": tensor((2,), key="1")}


class Evil:
    def __reduce__(self):
        return (eval, ("1",))


def found(path, data):
    path.write_bytes(data)
    [one] = scan(path)
    return one


def test_a_state_dict_names_nothing_unusual(tmp_path):
    one = found(tmp_path / "m.pt", torch_file(STATE))
    assert one.clean
    assert one.names == ("collections OrderedDict", "torch FloatStorage", "torch._utils _rebuild_tensor_v2")


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_name_is_found_in_every_protocol(protocol):
    assert picklescan.walk(pickle.dumps(Evil(), protocol)).unusual == (
        "__builtin__ eval" if protocol < 3 else "builtins eval",
    )


@pytest.mark.parametrize(
    ("program", "names"),
    [
        (b"cos\nsystem\n.", ("os system",)),
        (b"(S'ls'\nios\nsystem\n.", ("os system",)),
        (b"\x82\x01.", ("?",)),
        (b"\x8c\x02os\x8c\x06system\x93.", ("os system",)),
        (b"\x8c\x02os\x94\x8c\x06system\x94N0h\x00h\x01\x93.", ("os system",)),
        (b"\x8c\x02osN\x8c\x06system\x93.", ("?",)),
        (b"ctorch.storage\n_load_from_bytes\n.", ("torch.storage _load_from_bytes",)),
        (b"ctorch\nload\n.", ("torch load",)),
        (b"ctorch.hub\nload\n.", ("torch.hub load",)),
        (b"ccollections\nOrderedDict.__init__\n.", ("collections OrderedDict.__init__",)),
    ],
)
def test_ways_to_name_something(program, names):
    assert picklescan.walk(program).unusual == names


@pytest.mark.parametrize("data", [b"", b"\xff\xff", b"cos\nsystem\n", b"\x80\x04\x95\xff", b"p\n.", b"h\x00"])
def test_what_is_no_pickle_is_not_clean(tmp_path, data):
    one = found(tmp_path / "m.pkl", data)
    assert not one.clean
    assert one.names == (("os system",) if b"os" in data else ())
    assert "no whole pickle" in one.faults[0]


def test_an_endless_program(monkeypatch):
    monkeypatch.setattr(picklescan, "MAX_STEPS", 100)
    assert "too many instructions" in picklescan.walk(b"N0" * 100 + b"N.").fault


def archive(*members, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as made:
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


GOOD = ("a/data.pkl", written(STATE))


def changed(data, at, new, *, central=False):
    """Change bytes of the first local header, or of the first entry of the directory."""
    begin = data.index(b"PK\x01\x02") if central else 0
    return data[: begin + at] + new + data[begin + at + len(new) :]


TRICKS = {
    "twice": (b"", "is there twice"),
    "other name": (changed(archive(GOOD), 30, b"b"), "another name in its own header"),
    "other flags": (changed(archive(GOOD), 6, b"\x04"), "packed in another way"),
    "other method": (changed(archive(GOOD), 8, b"\x08"), "packed in another way"),
    "encrypted": (changed(changed(archive(GOOD), 6, b"\x01"), 8, b"\x01", central=True), "is encrypted"),
    "other checksum": (changed(archive(GOOD), 14, b"\x00\x01\x02\x03"), "another checksum"),
    "bomb": (archive(("a/data.pkl", bytes(1 << 20)), compression=zipfile.ZIP_DEFLATED), "grows more than 100 times"),
    "behind it": (archive(GOOD) + b"more", "something follows"),
    "damaged": (archive(GOOD).replace(b"torch", b"torcH"), "no sound archive"),
    "cut off": (archive(GOOD)[:-9], "no sound archive"),
    "no pickle": (archive(("a/version", b"3")), "without a pickle"),
    "code": (archive(GOOD, ("a/code/__torch__.py", b"import os")), "is code"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("trick", TRICKS)
def test_archives_that_mean_two_things(tmp_path, trick):
    data, why = TRICKS[trick]
    one = found(tmp_path / "m.pt", data or archive(GOOD, GOOD))
    assert not one.clean
    assert why in " ".join(one.faults)


def test_long_pickles_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "MAX_PICKLE", 10)
    assert "longer than 10 bytes" in found(tmp_path / "m.pt", torch_file(STATE)).faults[0]


def test_the_verb(repo_dir, run):
    (repo_dir / "m").mkdir()
    (repo_dir / "m/model.safetensors").write_bytes(safetensors({}))
    assert "no file here" in run("scan", "m").stderr
    (repo_dir / "m/good.pt").write_bytes(torch_file(STATE))
    assert run("scan", "m").stdout == "m/good.pt: nothing unusual, 3 names\n"
    (repo_dir / "m/evil.pkl").write_bytes(pickle.dumps(Evil(), 4))
    done = run("scan", "m", rc=1)
    assert "m/evil.pkl: unusual, 1 names\n  names    builtins eval\n" in done.stdout
    listed = json.loads(run("scan", "m", "--json", rc=1).stdout)
    assert [(one["clean"], one["unusual"]) for one in listed] == [(False, ["builtins eval"]), (True, [])]
    assert "does not exist" in run("scan", "nothing", rc=1).stderr
