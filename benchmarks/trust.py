"""Verifying and loading: beside openssl, model_signing, torch and safetensors on the same files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import BIN, GIB, SYCEE, Bench, Row, beside, delete, drop_page_cache, random_folder
from measure import Comparison, Run, compare, median

MODEL_SIGNING = BIN / "model_signing"
KEY, PUBLIC = "release.key", "release.key.pub"
FILES = 3000
START_BAR, SIGN_BAR = 0.15, 0.2  # seconds
MEMORY_BAR = 1.1  # of the weights


def verify(bench: Bench) -> Iterator[Row]:
    """``verify`` of one large file, and of the same amount in 3,000 files."""
    place = _place(bench)
    one, many = place / "one", place / "many"
    one.mkdir()
    os.link(bench.data, one / "model.bin")
    yield from _verified(bench, one, f"{bench.shown_size} in one file")
    random_folder(many, FILES, bench.size // FILES, ".dat")  # no weights: one signature over all
    yield from _verified(bench, many, f"{bench.shown_size} in {FILES:,} files")
    delete(place)


def _verified(bench: Bench, model: Path, what: str) -> Iterator[Row]:
    def ours() -> Run:
        return bench.sh(SYCEE, "verify", model.name, "--key", PUBLIC, cwd=model.parent)

    def theirs() -> Run:
        pair = ["--signature", f"{model.name}/model.sig", "--public_key", PUBLIC]
        return bench.sh(MODEL_SIGNING, "verify", "key", model.name, *pair, cwd=model.parent)

    files = [str(path) for path in sorted(model.rglob("*")) if path.is_file()]

    def openssl() -> Run:
        return bench.sh("openssl", "dgst", "-sha256", *files, cwd=model.parent)

    bench.sh(SYCEE, "sign", model.name, "--key", KEY, cwd=model.parent)
    yield beside(f"`verify` {what}, by blake3", bench.compare(ours, theirs), 0.35, "`model_signing verify`")
    yield beside(f"`verify` {what}, by blake3", bench.compare(ours, openssl), None, "`openssl dgst -sha256`")
    for name in model.rglob("*.sig"):
        name.unlink()
    (model / "SHA256SUMS").unlink()
    pair = ["--signature", f"{model.name}/model.sig", "--private_key", KEY]
    bench.sh(MODEL_SIGNING, "sign", "key", model.name, *pair, cwd=model.parent)  # its bundles have no blake3
    yield beside(f"`verify` {what}, by sha256", bench.compare(ours, theirs), 0.9, "`model_signing verify`")
    yield beside(f"`verify` {what}, by sha256", bench.compare(ours, openssl), None, "`openssl dgst -sha256`")


def verify_start(bench: Bench) -> Iterator[Row]:
    """From the start of the process to the verdict on a small folder."""
    model = _signed(bench, {"model.bin": 1000})
    runs = [bench.sh(SYCEE, "verify", "m", "--key", PUBLIC, cwd=model.parent) for _ in range(bench.runs * 4 + 1)]
    yield _seconds("`verify` of a small folder, from start to verdict", median(runs[1:]), START_BAR)
    delete(model.parent)


def countersign(bench: Bench) -> Iterator[Row]:
    """A second signature on a large model, which reads no weights."""
    model = _signed(bench, {"model.bin": 2 * bench.size})
    bench.sh(SYCEE, "keygen", "--no-password", "second", cwd=model.parent)
    (model / "model.bin").unlink()  # they need not even be here
    command = ["sign", "m", "--key", "second", "--countersign", "--signed-by", PUBLIC]
    runs = []
    for _ in range(bench.runs + 1):
        shutil.rmtree(model / "records", ignore_errors=True)
        runs.append(bench.sh(SYCEE, *command, cwd=model.parent))
    what = f"`sign --countersign` of {2 * bench.size / GIB:g} GiB"
    yield _seconds(what, median(runs[1:]), SIGN_BAR)
    delete(model.parent)


def _seconds(what: str, found: float, bar: float) -> Row:
    return Row(what, f"{found:.3f} s", bar=f"≤ {bar} s", met=found <= bar)


_TORCH = "state = torch.load({path!r}, weights_only=True)"
_LOAD = "model = sycee.load({folder!r}, key={key!r}); state = model.{form}()"
_SAFETENSORS = "state = load_file({path!r})"
_TOUCH = "; total = sum(float(tensor.sum()) for tensor in state.values())"


def load(bench: Bench) -> Iterator[Row]:
    """``sycee.load`` beside loading without a look at the bytes, warm and cold, and its memory."""
    model = _signed(bench, {})
    size = bench.size // 2
    _save(model, size)
    bench.sh(SYCEE, "sign", "m", "--key", KEY, cwd=model.parent)
    names = {"folder": str(model), "key": str(model.parent / PUBLIC)}
    ours = _LOAD.format(**names, form="torch")
    plain = _TORCH.format(path=str(model / "model.pt"))
    only = {"torch": "model.pt", "safetensors": "model.safetensors"}
    with _alone(bench, model, only["torch"]):
        warm = _compared(bench, ours, plain)
        yield beside(f"`load` {size / GIB:g} GiB, warm", warm, 1.0, "`torch.load(weights_only=True)`")
        yield _memory("`load` and touch", _timed(bench, ours + _TOUCH), size)
    with _alone(bench, model, only["safetensors"]):
        ours = _LOAD.format(**names, form="safetensors") + _TOUCH
        plain = _SAFETENSORS.format(path=str(model / only["safetensors"])) + _TOUCH
        cold = _compared(bench, ours, plain, drop_page_cache)
        yield beside(f"`load` and touch {size / GIB:g} GiB, cold", cold, 1.1, "`safetensors.torch.load_file`")
    delete(model.parent)


class _alone:  # noqa: N801 - used as a function
    """Leave one of two weights files in a model, signed."""

    def __init__(self, bench: Bench, model: Path, kept: str) -> None:
        self._bench, self._model = bench, model
        self._other = next(path for path in model.glob("model.*") if path.name not in {kept, "model.sig"})

    def __enter__(self) -> None:
        self._away = self._other.rename(self._model.parent / self._other.name)
        for path in [*self._model.glob("*.sig"), self._model / "SHA256SUMS"]:
            path.unlink(missing_ok=True)
        self._bench.sh(SYCEE, "sign", "m", "--key", KEY, cwd=self._model.parent)

    def __exit__(self, *_: object) -> None:
        self._away.rename(self._other)


def _compared(bench: Bench, ours: str, peer: str, before: Callable[[], object] = lambda: None) -> Comparison:
    runs = bench.runs
    return compare(lambda: _timed(bench, ours), lambda: _timed(bench, peer), runs=runs, before=before, warm=bench.warm)


_SCRIPT = """
import json, time
from pathlib import Path
import torch, sycee
from safetensors.torch import load_file
def memory(what):
    return int(Path("/proc/self/status").read_text().split(what)[1].split()[0]) * 1024
torch.zeros(1).sum()
sycee.load  # is imported when it is first asked for
model = None
before, wall, cpu = memory("VmRSS:"), time.perf_counter(), time.process_time()
{body}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([wall, cpu, memory("VmHWM:") - before]))
"""


def _timed(bench: Bench, body: str) -> Run:
    """Run Python with everything imported before the clock starts; the peak is what the body itself adds."""
    command = [sys.executable, "-c", _SCRIPT.format(body=body)]
    said = subprocess.run(command, env=bench.environ, capture_output=True, text=True, check=True).stdout
    wall, cpu, peak = json.loads(said)
    return Run(wall, cpu, peak / 1e6)


def _memory(what: str, found: Run, size: int) -> Row:
    ratio = found.peak * 1e6 / size
    shown = f"{found.peak:.0f} MB"
    return Row(f"peak memory of {what}, by the weights", shown, f"{size / 1e6:.0f} MB", f"{ratio:.2f}",
               f"≤ {MEMORY_BAR}", ratio <= MEMORY_BAR)  # fmt: skip


def _save(model: Path, size: int) -> None:
    import torch
    from safetensors.torch import save_file

    count = 64
    state = {f"layer.{number}": torch.rand(size // 4 // count) for number in range(count)}
    torch.save(state, model / "model.pt")
    save_file(state, model / "model.safetensors")


def _place(bench: Bench) -> Path:
    place = bench.folder / "trust"
    place.mkdir()
    bench.sh(SYCEE, "keygen", "--no-password", KEY, cwd=place)
    return place


def _signed(bench: Bench, files: dict[str, int]) -> Path:
    """Make a signed folder ``m`` of sparse files, with its keys beside it."""
    model = _place(bench) / "m"
    model.mkdir()
    for name, size in files.items():
        with (model / name).open("wb") as file:
            file.truncate(size)
    if files:
        bench.sh(SYCEE, "sign", "m", "--key", KEY, cwd=model.parent)
    return model
