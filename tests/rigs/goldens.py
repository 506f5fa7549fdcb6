"""Records of golden samples made of plain Python values, for tests of what compares and tells them."""

from sycee.digest import sha256_hex
from sycee.formats import golden
from sycee.formats.golden import Call, File, Golden, Input, Rule, Sample, place
from sycee.formats.strictjson import Reader
from sycee.formats.tensorfile import Tensor, sliced
from sycee.replay.child import forms
from sycee.replay.child.stages import Outcome
from sycee.replay.child.values import flatten


def results(**stages):
    """Return what a process would give back for one sample: stages by sample, and tensors by place."""
    tensors = {}
    outcome = Outcome("0", {stage: flatten(value) for stage, value in stages.items()})
    form = forms.sample(outcome, tensors)
    reader = Reader("observed")
    read = golden.read_stages(reader, form["stages"], "$")
    reader.finish()
    return {"0": read}, {name: Tensor(*tensor) for name, tensor in tensors.items()}


def record(rule=Rule("exact"), envelope=0.0, keep="stored", given=b"a sample", **stages):  # noqa: B008  # immutable
    """Return a record of one sample, and its tensors."""
    found, tensors = results(**stages)
    kept = {
        stage: tuple(_kept(leaf, keep) if leaf.kind == "tensor" else leaf for leaf in leaves)
        for stage, leaves in found["0"].items()
    }
    sample = Sample("0", Input("text", sha256_hex(given), len(given), "inputs/0.txt"), kept)
    file = File("expected.safetensors", "0" * 64) if tensors and keep else None
    made = Golden({"predict": "a:b"}, Call("cpu x86_64"), (sample,), rule, tensors=file, envelope=envelope)
    if keep == "sliced":
        tensors = {name: sliced(tensor) for name, tensor in tensors.items()}
    return made, tensors if keep else {}


def _kept(leaf, keep):
    return leaf._replace(stored=keep == "stored", sliced=keep == "sliced")


def nudged(tensors, stage, path, at, byte):
    """Return tensors with one byte of one of them replaced."""
    name = place("0", stage, path)
    data = bytearray(tensors[name].data)
    data[at] = byte
    return {**tensors, name: tensors[name]._replace(data=bytes(data))}
