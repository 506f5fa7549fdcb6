"""Why a sample came out differently: the table of suspects, and the words of the verdict."""

import itertools
import re

import pytest

from sycee.core import suspects
from sycee.core.explain import Change, demanded, differences, explain, kind_of
from sycee.core.telling import MAX_VALUE, told
from sycee.formats import fingerprint
from sycee.formats.fingerprint import AREAS, Fingerprint

OLD, NEW = "a" * 64, "b" * 64
STAGES = ("preprocessed", "output", "decision")
FILES = ("source", "weights", "aux", "input")

PILLOW = Change("package", "pillow", "10.4.0", "9.1.0")
NUMPY = Change("package", "numpy", "2.0.1", "1.26.4")
TORCH = Change("package", "torch", "2.5.1+cpu", "2.4.0+cpu")
TOKENIZERS = Change("package", "tokenizers", "0.20.0", "0.15.2")
THREADS = Change("threads", "torch.get_num_threads", "8", "2")
KERNEL = Change("blas", "numpy.openblas.kernel", "SkylakeX", "Haswell")
JPEG = Change("build", "PIL.Image.core.libjpeg_turbo_version", "3.1.1", "2.1.4")
SOURCE = Change("source", "preprocess.py", OLD, NEW)
WEIGHTS = Change("weights", "model.pt", OLD, NEW)
VOCABULARY = Change("aux", "vocab.txt", OLD, NEW)


def facts(**areas) -> Fingerprint:
    return fingerprint.read({"version": 1, **{area: {} for area in AREAS}, **areas}, "facts")


# What differs


def test_equal_fingerprints_do_not_differ():
    one = facts(cpu={"machine": "x86_64"}, env={"LANG": "C"})
    assert differences(one, facts(cpu={"machine": "x86_64"}, env={"LANG": "C"})) == ()
    assert demanded(one, one) == "bit"


def test_differences_are_told_in_order():
    frozen = facts(threads={"torch": "2", "cores": "4"}, blas={"numpy.openblas.kernel": "Zen"})
    here = facts(threads={"torch": "1", "cores": "2"}, blas={"numpy.openblas.kernel": "Haswell"})
    assert differences(frozen, here) == (
        Change("blas", "numpy.openblas.kernel", "Zen", "Haswell"),
        Change("threads", "cores", "4", "2"),
        Change("threads", "torch", "2", "1"),
    )


def test_what_only_one_process_loaded_is_no_difference():
    frozen = facts(package={"numpy": "2.0", "pandas": "2.2"}, flag={"torch.is_grad_enabled": "True"})
    assert differences(frozen, facts(package={"numpy": "2.0", "pillow": "13.0.0"})) == ()
    assert demanded(frozen, facts(package={"numpy": "2.0"})) == "bit"


def test_a_variable_or_a_gpu_that_is_absent_is_a_difference():
    frozen = facts(env={"OMP_NUM_THREADS": "1"})
    here = facts(gpu={"devices": "NVIDIA A10 (8.6)"})
    assert differences(frozen, here) == (
        Change("env", "OMP_NUM_THREADS", "1", ""),
        Change("gpu", "devices", "", "NVIDIA A10 (8.6)"),
    )


@pytest.mark.parametrize(
    ("here", "level"),
    [
        ({"env": {"LANG": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}}, "bit"),
        ({"env": {"TOKENIZERS_PARALLELISM": "false"}}, "bit"),
        ({"threads": {"cores": "8"}}, "numeric"),
        ({"env": {"OMP_NUM_THREADS": "1"}}, "numeric"),
        ({"cpu": {"machine": "x86_64", "isa": "avx2"}}, "numeric"),
        ({"cpu": {"machine": "aarch64", "isa": "asimd"}}, "decision"),
        ({"gpu": {"devices": "NVIDIA A10 (8.6)"}}, "decision"),
    ],
)
def test_how_equal_outputs_must_be(here, level):
    base = {"cpu": {"machine": "x86_64", "isa": "avx2 avx512f"}, "threads": {"cores": "2"}}
    assert demanded(facts(**base), facts(**{**base, **here})) == level


# The table


def test_every_area_of_the_fingerprint_has_its_rows():
    assert set(suspects.AREAS) == {*AREAS, *FILES}
    for area in {*AREAS, *FILES} - {"package"}:
        assert suspects.weight(area, "something.new", ["output"]) is not None
    assert suspects.weight("package", "something-new", ["output"]) is None


def test_rows_can_all_be_reached():
    for number, (area, names, _) in enumerate(suspects._TABLE):
        before = [row for row in suspects._TABLE[:number] if row[0] == area]
        assert not [row for row in before if row[1] in (names, ".*")], (area, names)


@pytest.mark.parametrize("row", suspects._TABLE, ids=lambda row: f"{row[0]}-{row[1][:20]}")
def test_what_the_version_carries_wins_over_packages_and_these_over_the_machine(row):
    area, names, weights = row
    low, high = (90, 100) if area in FILES else (40, 80) if area == "package" else (1, 39)
    assert all(weight == 0 or low <= weight <= high for weight in weights)
    assert re.compile(names)


@pytest.mark.parametrize(
    ("stage", "kind", "equal", "change"),
    [
        ("preprocessed", "pixels", (), PILLOW),
        ("preprocessed", "pixels", (), JPEG),
        ("preprocessed", "pixels", (), Change("package", "opencv-python-headless", "4.9", "4.10")),
        ("preprocessed", "pixels", (), Change("package", "torchvision", "0.20", "0.19")),
        ("preprocessed", "pixels", (), Change("package", "numpy", "2.0", "1.26")),
        ("preprocessed", "pixels", (), Change("build", "cv2.jpeg", "build (ver 3)", "build (ver 2)")),
        ("preprocessed", "pixels", (), Change("flag", "cv2.ipp.useIPP", "True", "False")),
        ("preprocessed", "pixels", (), SOURCE),
        ("preprocessed", "pixels", (), VOCABULARY),
        ("preprocessed", "pixels", (), Change("input", "0001", OLD, NEW)),
        ("preprocessed", "tokens", (), TOKENIZERS),
        ("preprocessed", "text", (), TOKENIZERS),
        ("preprocessed", "tokens", (), Change("package", "transformers", "4.57.6", "5.7.0")),
        ("preprocessed", "tokens", (), Change("package", "sentencepiece", "0.1", "0.2")),
        ("preprocessed", "tokens", (), Change("python", "version", "3.11.7", "3.12.1")),
        ("preprocessed", "tokens", (), Change("env", "LANG", "C.UTF-8", "")),
        ("preprocessed", "tokens", (), Change("python", "encoding", "UTF-8", "ANSI_X3.4-1968")),
        ("preprocessed", "tokens", (), VOCABULARY),
        ("preprocessed", "values", (), Change("package", "scikit-learn", "1.5", "1.4")),
        ("preprocessed", "values", (), Change("env", "TZ", "UTC", "Asia/Tokyo")),
        ("preprocessed", "values", (), KERNEL),
        ("output", "values", ("preprocessed",), WEIGHTS),
        ("output", "values", ("preprocessed",), SOURCE),
        ("output", "values", ("preprocessed",), VOCABULARY),
        ("output", "values", ("preprocessed",), TORCH),
        ("output", "values", ("preprocessed",), Change("package", "onnxruntime", "1.20", "1.19")),
        ("output", "values", ("preprocessed",), Change("package", "opt_einsum", "3.4", "3.3")),
        ("output", "values", ("preprocessed",), THREADS),
        ("output", "values", ("preprocessed",), KERNEL),
        ("output", "values", ("preprocessed",), Change("env", "OMP_NUM_THREADS", "", "1")),
        ("output", "values", ("preprocessed",), Change("cpu", "isa", "avx2 avx512f", "avx2")),
        ("output", "values", ("preprocessed",), Change("cpu", "torch.capability", "AVX512", "AVX2")),
        ("output", "values", ("preprocessed",), Change("gpu", "devices", "NVIDIA A10 (8.6)", "")),
        ("output", "values", ("preprocessed",), Change("flag", "torch.backends.cudnn.allow_tf32", "False", "True")),
        ("output", "values", ("preprocessed",), Change("build", "torch.onednn", "3.7", "3.5")),
        ("output", "values", (), PILLOW),  # no stage before it: predict itself may decode
        ("output", "values", (), TOKENIZERS),
        ("output", "values", (), Change("input", "0001", OLD, NEW)),
        ("decision", "values", ("output",), Change("aux", "labels.txt", OLD, NEW)),
        ("decision", "values", ("output",), SOURCE),
        ("decision", "values", ("preprocessed",), KERNEL),
        ("decision", "values", ("preprocessed",), WEIGHTS),
        ("decision", "tokens", ("output",), TOKENIZERS),
    ],
)
def test_what_can_explain(stage, kind, equal, change):
    found = explain(stage, [change], kind=kind, equal=equal)
    assert (found.can, found.cannot) == ((change,), ())
    assert told(change) in found.verdict


@pytest.mark.parametrize(
    ("stage", "kind", "equal", "change"),
    [
        ("preprocessed", "pixels", (), WEIGHTS),
        ("preprocessed", "pixels", (), THREADS),
        ("preprocessed", "pixels", (), KERNEL),
        ("preprocessed", "pixels", (), Change("env", "OMP_NUM_THREADS", "", "1")),
        ("preprocessed", "pixels", (), Change("env", "MKL_NUM_THREADS", "", "1")),
        ("preprocessed", "pixels", (), Change("env", "OPENBLAS_CORETYPE", "", "Haswell")),
        ("preprocessed", "pixels", (), Change("env", "LANG", "C", "de_DE")),
        ("preprocessed", "pixels", (), Change("env", "TZ", "", "UTC")),
        ("preprocessed", "pixels", (), Change("flag", "torch.backends.cudnn.benchmark", "True", "False")),
        ("preprocessed", "pixels", (), Change("threads", "cores", "2", "64")),
        ("preprocessed", "pixels", (), TOKENIZERS),
        ("preprocessed", "pixels", (), Change("package", "pytest", "9", "8")),
        ("preprocessed", "tokens", (), PILLOW),
        ("preprocessed", "tokens", (), Change("cpu", "model", "A", "B")),
        ("preprocessed", "tokens", (), Change("gpu", "devices", "", "NVIDIA A10 (8.6)")),
        ("preprocessed", "tokens", (), Change("env", "TOKENIZERS_PARALLELISM", "", "false")),
        ("output", "values", ("preprocessed",), PILLOW),
        ("output", "values", ("preprocessed",), JPEG),
        ("output", "values", ("preprocessed",), TOKENIZERS),
        ("output", "values", ("preprocessed",), Change("input", "0001", OLD, NEW)),
        ("output", "values", ("preprocessed",), Change("env", "LC_ALL", "", "C")),
        ("output", "values", ("preprocessed",), Change("env", "TZ", "", "UTC")),
        ("output", "values", ("preprocessed",), Change("env", "KMP_DUPLICATE_LIB_OK", "True", "")),
        ("output", "values", ("preprocessed",), Change("env", "OMP_PROC_BIND", "", "true")),
        ("output", "values", ("preprocessed",), Change("python", "build", "a", "b")),
        ("output", "values", ("preprocessed",), Change("package", "ruff", "1", "2")),
        ("decision", "values", ("output",), WEIGHTS),
    ],
)
def test_what_cannot_explain(stage, kind, equal, change):
    found = explain(stage, [change], kind=kind, equal=equal)
    assert (found.can, found.cannot) == ((), (change,))
    assert "nothing that was recorded explains it" in found.verdict
    assert told(change) in found.verdict


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("package", ["pip", "pytest-xdist", "ruff", "types-requests", "jupyter-client", "dvc"])
def test_programs_explain_nothing(stage, package):
    change = Change("package", package, "1", "2")
    assert explain(stage, [change]).cannot == explain(stage, [change], loaded=[package]).cannot == (change,)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("package", ["six", "tqdm", "pydantic_core", "attrs", "httpx", "typing_extensions"])
def test_plumbing_is_a_guess_behind_all_others_if_it_was_loaded(stage, package):
    change = Change("package", package, "1", "2")
    assert explain(stage, [change]).cannot == explain(stage, [change], loaded=["torch"]).cannot == (change,)
    found = explain(stage, [change, TORCH, SOURCE], loaded=[package, "torch"])
    assert (found.can[0], found.can[-1], found.cannot) == (SOURCE, change, ())
    assert package not in found.verdict
    alone = explain(stage, [change], loaded=[package]).verdict
    assert alone.endswith(f"differ, and nothing is known to explain it; perhaps {package} 2 here, 1 when frozen")


@pytest.mark.parametrize("package", ["PyYAML", "protobuf", "joblib", "my-own-layers"])
def test_what_no_row_knows_is_a_guess_unless_it_was_loaded(package):
    change = Change("package", package, "1", "2")
    assert "nothing is known to explain it; perhaps" in explain("output", [change]).verdict
    assert explain("output", [change], loaded=[]).cannot == (change,)
    assert explain("output", [change], loaded=[package]).verdict == f"outputs differ: {package} 2 here, 1 when frozen"


@pytest.mark.parametrize("name", ["HOME", "USER", "PATH", "PWD", "HOSTNAME", "SHELL", "XDG_CACHE_HOME"])
def test_who_and_where_is_never_recorded(name):
    from sycee.capture import machine

    assert machine.collect({}, {name: "x"})["env"] == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SOURCE, PILLOW), (VOCABULARY, TOKENIZERS), (WEIGHTS, TORCH), (TORCH, KERNEL), (TORCH, THREADS),
        (WEIGHTS, KERNEL), (PILLOW, JPEG), (NUMPY, KERNEL), (Change("package", "my-own-package", "1", "2"), THREADS),
    ],
)  # fmt: skip
def test_the_graver_sort_wins(first, second):
    for order in itertools.permutations((first, second)):
        found = explain("output", order, loaded=["my_own.package", "torch", "numpy", "pillow", "tokenizers"])
        assert found.can == (first, second)
        assert found.verdict == f"outputs differ: {told(first)}"


def test_the_most_likely_comes_first():
    changes = [NUMPY, Change("package", "transformers", "4", "5"), THREADS, TOKENIZERS, PILLOW]
    found = explain("preprocessed", changes, kind="pixels")
    assert [change.name for change in found.can] == ["pillow", "transformers", "numpy"]
    assert found.cannot == (THREADS, TOKENIZERS)
    found = explain("preprocessed", changes, kind="tokens")
    assert [change.name for change in found.can] == ["tokenizers", "transformers", "numpy"]


def test_one_thing_counts_once_and_what_is_equal_not_at_all():
    same = Change("package", "scipy", "1.14", "1.14")
    found = explain("preprocessed", [PILLOW, Change("package", "Pillow", "10.4.0", "9.1"), same], kind="pixels")
    assert (found.can, found.cannot) == ((PILLOW,), ())


def test_what_was_not_loaded_took_no_part():
    changes = [TORCH, Change("package", "onnxruntime", "1.20", "1.19"), Change("package", "My_Layers", "1", "2")]
    found = explain("output", changes, loaded=["onnxruntime", "my-layers"])
    assert [change.name for change in found.can] == ["onnxruntime", "My_Layers"]
    assert found.cannot == (TORCH,)


# The words


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ([PILLOW, THREADS], "preprocessed pixels differ: Pillow 9.1.0 here, 10.4.0 when frozen"),
        (
            [NUMPY, PILLOW],
            (
                "preprocessed pixels differ: most likely Pillow 9.1.0 here, 10.4.0 when frozen;"
                " or numpy 1.26.4 here, 2.0.1 when frozen"
            ),
        ),
        (
            [Change("package", name, "1", "2") for name in ("pillow", "torch", "numpy", "scipy", "opencv-python")],
            (
                "preprocessed pixels differ: most likely Pillow 2 here, 1 when frozen;"
                " or opencv-python 2 here, 1 when frozen, or numpy 2 here, 1 when frozen, or 2 more"
            ),
        ),
        ([SOURCE, PILLOW], "preprocessed pixels differ: the source file preprocess.py was changed"),
        (
            [],
            (
                "preprocessed pixels differ, and nothing that was recorded explains it: look for random numbers"
                " (dropout left on) and for what is read from outside of the version"
            ),
        ),
        (
            [THREADS],
            (
                "preprocessed pixels differ, and nothing that was recorded explains it: threads of torch 2 here,"
                " 8 when frozen; that cannot change preprocessed pixels"
            ),
        ),
        (
            [THREADS, KERNEL, WEIGHTS, TOKENIZERS],
            (
                "preprocessed pixels differ, and nothing that was recorded explains it: threads of torch 2 here,"
                " 8 when frozen; the openblas kernel of numpy Haswell here, SkylakeX when frozen; 2 more;"
                " that cannot change preprocessed pixels"
            ),
        ),
        (
            [Change("package", "pyyaml", "23", "24")],
            "preprocessed pixels differ, and nothing is known to explain it; perhaps pyyaml 24 here, 23 when frozen",
        ),
    ],
)
def test_verdicts(changes, verdict):
    assert explain("preprocessed", changes, kind="pixels").verdict == verdict


@pytest.mark.parametrize(
    ("stage", "kind", "head"),
    [
        ("preprocessed", "tokens", "preprocessed token ids differ"),
        ("preprocessed", "text", "preprocessed text differs"),
        ("preprocessed", "values", "preprocessed values differ"),
        ("output", "values", "outputs differ"),
        ("output", "tokens", "output token ids differ"),
        ("output", "text", "output text differs"),
        ("decision", "values", "decisions differ"),
        ("decision", "text", "decision text differs"),
    ],
)
def test_what_differs_is_called_by_what_it_is(stage, kind, head):
    assert explain(stage, [], kind=kind).verdict.startswith(f"{head}, and nothing")
    assert explain(stage, [SOURCE], kind=kind).verdict == f"{head}: the source file preprocess.py was changed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("aux", "vocab.txt", OLD, ""), "the file vocab.txt is missing here"),
        (Change("source", "a/b.py", "", NEW), "the source file a/b.py is new here"),
        (WEIGHTS, "the weights file model.pt was changed"),
        (Change("weights", "model.pt", "a" * 32, "b" * 32), "the weights file model.pt was changed"),
        (Change("input", "0001", OLD, NEW), "the input 0001 was changed"),
        (Change("source", "predict", "frozen", "given"), "predict: given here, frozen when frozen"),
        (Change("package", "timm", "1.0", ""), "timm not installed here, 1.0 when frozen"),
        (Change("python", "version", "3.11.7", "3.12.1"), "Python 3.12.1 here, 3.11.7 when frozen"),
        (Change("python", "implementation", "CPython", "PyPy"), "implementation PyPy here, CPython when frozen"),
        (Change("gpu", "devices", "", "NVIDIA A10 (8.6)"), "the GPU NVIDIA A10 (8.6) here, not in use when frozen"),
        (Change("env", "LANG", "C", ""), "LANG not set here, C when frozen"),
        (Change("threads", "cores", "8", "2"), "usable cores 2 here, 8 when frozen"),
        (Change("threads", "numpy.openblas", "8", "2"), "threads of numpy (openblas) 2 here, 8 when frozen"),
        (Change("threads", "cv2.getNumThreads", "8", "2"), "threads of OpenCV 2 here, 8 when frozen"),
        (Change("build", "torch.onednn", "3.7", "3.5"), "onednn of torch 3.5 here, 3.7 when frozen"),
        (JPEG, "libjpeg_turbo of Pillow 2.1.4 here, 3.1.1 when frozen"),
        (
            Change("build", "onnxruntime.get_build_info", "a", "b"),
            "build_info of onnxruntime b here, a when frozen",
        ),
        (
            Change("flag", "torch.get_float32_matmul_precision", "highest", "high"),
            "torch.get_float32_matmul_precision high here, highest when frozen",
        ),
        (
            Change("cpu", "isa", f"avx avx2 avx512f avx512vl {'bmi1 ' * 9}", "avx avx2 bmi1 amx_bf16"),
            "the CPU's instructions without avx512f avx512vl and with amx_bf16 here",
        ),
        (Change("cpu", "isa", f"avx {'b' * 50}", f"{'b' * 50} avx"), "the CPU's instructions in another order here"),
        (
            Change("env", "XLA_FLAGS", "", "x" * 100),
            f"XLA_FLAGS {'x' * MAX_VALUE}… here, not set when frozen",
        ),
        (Change("env", "LC_ALL", "", "a\x1b[2Jb"), "LC_ALL a\\u001b[2Jb here, not set when frozen"),
        (Change("aux", "a\nerror: b", OLD, NEW), "the file a\\u000aerror: b was changed"),
        (Change("package", "x\ny", "1", "2\n3"), "x\\u000ay 2\\u000a3 here, 1 when frozen"),
    ],
)
def test_changes_in_words(change, words):
    assert told(change) == words


@pytest.mark.parametrize(
    ("dtype", "shape", "kind"),
    [
        ("uint8", (480, 640, 3), "pixels"), ("uint8", (28, 28), "pixels"), ("float32", (1, 3, 224, 224), "pixels"),
        ("float32", (1, 28, 28, 1), "pixels"), ("float32", (3, 224, 224), "pixels"),
        ("int64", (1, 3, 64, 64), "pixels"), ("int64", (1, 77), "tokens"), ("int32", (12,), "tokens"), ("", (), "text"),
        ("float32", (1, 384), "values"), ("float32", (1, 77, 768), "values"), ("float32", (1, 80, 3000), "values"),
        ("float64", (150, 4), "values"), ("uint8", (5,), "values"), ("uint8", (4, 4), "values"),
        ("bool", (1, 77), "values"), ("float32", (), "values"),
        ("float32", (2, 2, 2, 2, 3), "values"), ("float32", (0,), "values"),
    ],
)  # fmt: skip
def test_what_a_tensor_most_likely_holds(dtype, shape, kind):
    assert kind_of(dtype, shape) == kind
