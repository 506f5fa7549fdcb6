"""The facts of a process: asked of what is loaded, clean, and never the reason why anything fails."""

import ast
import getpass
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sycee.capture import machine
from sycee.core.differences import demanded, differences
from sycee.formats import fingerprint
from sycee.formats.fingerprint import Fingerprint

FILE = Path(machine.__file__)


def collected(modules=None, environ=None) -> dict:
    value = machine.collect({} if modules is None else modules, {} if environ is None else environ)
    fingerprint.read(value, "fingerprint")
    return value


def test_this_process_has_a_valid_fingerprint():
    value = machine.collect()
    found = fingerprint.read(value, "fingerprint")
    assert fingerprint.parse(fingerprint.render(found), "f") == found
    assert json.loads(fingerprint.render(found)) == value
    assert value["python"]["version"] == "{}.{}.{}".format(*sys.version_info)
    assert value["cpu"]["machine"]
    assert int(value["threads"]["cores"]) == len(os.sched_getaffinity(0))
    assert fingerprint.device_class(found).startswith(("cpu ", "cuda "))


def test_an_encoding_has_one_name(monkeypatch):
    for name in ("UTF-8", "utf8", "utf-8"):
        monkeypatch.setattr(machine.locale, "getpreferredencoding", lambda _set, name=name: name)
        assert collected()["python"]["encoding"] == "utf-8"


def test_two_looks_at_one_process_are_equal():
    assert machine.collect() == machine.collect()


def test_areas_are_those_of_the_format():
    assert {"version", *fingerprint.AREAS} == set(collected())
    assert machine.VERSION == fingerprint.VERSION
    assert machine.MAX_VALUE == fingerprint.MAX_VALUE


def test_it_stands_alone_on_python_3_9(tmp_path):
    tree = ast.parse(FILE.read_text(), feature_version=(3, 9))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name for node in imports for name in ([node.module] if isinstance(node, ast.ImportFrom) else _named(node))}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    code = (
        "import importlib.util, json, sys\n"
        "spec = importlib.util.spec_from_file_location('machine', sys.argv[1])\n"
        "machine = importlib.util.module_from_spec(spec); spec.loader.exec_module(machine)\n"
        "before = set(sys.modules); value = machine.collect()\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert loaded <= {'ctypes', '_ctypes', 'struct', '_struct'}, loaded\n"
        "print(json.dumps(value))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, FILE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["package"] == value["build"] == {}
    fingerprint.read(value, "fingerprint")


def _named(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]


def test_nothing_names_the_machine_or_who_uses_it(monkeypatch, tmp_path):
    home = tmp_path / "home" / "ann-example"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TORCH_EXTENSIONS", f"a={home}/x;b={tmp_path}")
    monkeypatch.setenv("CUDA_HOME", str(home))
    text = json.dumps(machine.collect())
    for private in (str(tmp_path), str(home), "ann-example", sys.prefix, str(Path.cwd()), socket.gethostname()):
        assert private not in text
    assert f'"{getpass.getuser()}"' not in text
    assert '"TORCH_EXTENSIONS": "a=<path>;b=<path>"' in text
    assert "CUDA_HOME" not in text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/ann/x", "<path>"),
        ("~/x", "<path>"),
        ("~ann/x", "<path>"),
        ("~ann", "<path>"),
        ("./x", "<path>"),
        ("../x/y", "<path>"),
        ("/a:/b", "<path>:<path>"),
        ("--dump=/tmp/a --fast", "--dump=<path> --fast"),
        ("-L/home/ann/lib -lm", "<path> -lm"),
        (r"C:\Users\ann", "<path>"),
        (r"\\server\share", "<path>"),
        (":/etc/localtime", ":<path>"),
        ("file:///home/ann", "<address>"),
        ("tcp://10.0.0.1:29500", "<address>"),
        ("https://ann:secret@example.org/x, y", "<address>, y"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("de_DE.UTF-8", "de_DE.UTF-8"),
        ("4,2", "4,2"),
        ("NVIDIA A10 (8.6)", "NVIDIA A10 (8.6)"),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU"),
        ("MIG-GPU-8932f937-d72c/1/0", "MIG-GPU"),
        ("a\nb\x1b[1m", "a b [1m"),
        ("x" * 2000, "x" * 1000),
        ("caf\udce9", r"caf\udce9"),
        ("  ", ""),
    ],
)
def test_values_are_cleaned(text, clean):
    assert machine.clean(text) == clean


@pytest.mark.parametrize(
    "name",
    [
        "OMP_NUM_THREADS",
        "MKL_CBWR",
        "OPENBLAS_CORETYPE",
        "ATEN_CPU_CAPABILITY",
        "ONEDNN_MAX_CPU_ISA",
        "CUBLAS_WORKSPACE_CONFIG",
        "NPY_DISABLE_CPU_FEATURES",
        "TOKENIZERS_PARALLELISM",
        "PYTHONHASHSEED",
        "LANG",
        "LC_ALL",
        "TZ",
    ],
)
def test_variables_that_are_kept(name):
    assert collected(environ={name: "1"})["env"] == {name: "1"}


@pytest.mark.parametrize(
    "name",
    [
        "HOME",
        "USER",
        "PATH",
        "HOSTNAME",
        "AWS_SECRET_ACCESS_KEY",
        "HF_TOKEN",
        "TORCH_HUB_TOKEN",
        "MKL_API_KEY",
        "JAX_COORDINATOR_ADDRESS",
        "TORCH_HOST",
        "XLA_PASSWORD",
        "CUDA_PROXY",
        "ORT_USER",
        "XOMP_NUM_THREADS",
        "TF_CONFIG",
        "PYTHONPATH",
        "LC_Ä",
        "OMPX",
    ],
)
def test_variables_that_are_not(name):
    assert collected(environ={name: "1"})["env"] == {}


@pytest.mark.parametrize("value", ["", "/var/cache/x", "~/x"])
def test_variables_that_say_nothing_are_left_out(value):
    assert collected(environ={"TORCH_HOME": value})["env"] == {}


def gpus(count=2):
    device = SimpleNamespace(name="NVIDIA A10", major=8, minor=6)
    return SimpleNamespace(
        is_initialized=lambda: count > 0, device_count=lambda: count, get_device_properties=lambda index: device
    )


def torch(**changes):
    backends = SimpleNamespace(
        cudnn=SimpleNamespace(benchmark=True, version=lambda: 90100),
        cuda=SimpleNamespace(math_sdp_enabled=lambda: True, matmul=SimpleNamespace(allow_tf32=True)),
    )
    config = "PyTorch built with:\n  - GCC 9.3\n  - Intel(R) MKL-DNN v3.7.1 (Git Hash 8d26)\n  - CXX=/usr/lib/c++\n"
    facts = {
        "__version__": "2.5.1+cu124",
        "version": SimpleNamespace(git_version="a1b2", cuda="12.4", hip=None),
        "__config__": SimpleNamespace(show=lambda: config),
        "cuda": gpus(),
        "backends": backends,
        "get_num_threads": lambda: 8,
    }
    return SimpleNamespace(**{**facts, **changes})


def test_a_gpu_in_use():
    value = collected({"torch": torch()})
    assert value["gpu"]["devices"] == "NVIDIA A10 (8.6), NVIDIA A10 (8.6)"
    assert value["gpu"]["cudnn"] == "90100"
    assert value["flag"]["torch.backends.cudnn.benchmark"] == "True"
    assert value["flag"]["torch.backends.cuda.matmul.allow_tf32"] == "True"
    assert value["build"] == {
        "torch.version.git_version": "a1b2",
        "torch.version.cuda": "12.4",
        "torch.compiler": "GCC 9.3",
        "torch.onednn": "3.7.1",
    }
    assert value["package"] == {"torch": "2.5.1+cu124"}
    assert value["threads"]["torch.get_num_threads"] == "8"


def test_a_gpu_that_is_not_in_use_is_not_started():
    def started(*_args):
        raise AssertionError

    cuda = SimpleNamespace(is_initialized=lambda: False, device_count=started, get_device_properties=started)
    value = collected({"torch": torch(cuda=cuda)})
    assert "devices" not in value["gpu"]
    assert not [name for name in value["flag"] if "cudnn" in name or "tf32" in name]


def test_a_library_that_fails_costs_only_its_own_answer():
    def broken():
        raise RuntimeError("mixed use of old and new settings")

    value = collected({"torch": torch(get_num_threads=broken, __config__=None)})
    assert "torch.get_num_threads" not in value["threads"]
    assert value["threads"]["cores"]
    assert value["build"]["torch.version.cuda"] == "12.4"


def test_a_gpu_that_fails_costs_only_its_area():
    def lost(index):
        raise RuntimeError(f"device {index} fell off the bus")

    value = collected({"torch": torch(cuda=SimpleNamespace(**{**vars(gpus()), "get_device_properties": lost}))})
    assert "devices" not in value["gpu"]
    assert value["package"] == {"torch": "2.5.1+cu124"}


def test_half_imported_modules_are_passed_over():
    empty = SimpleNamespace()
    names = [*machine._PACKAGES]
    assert collected(dict.fromkeys(names, empty))["build"] == {}
    assert collected(dict.fromkeys(names))["flag"] == collected()["flag"]


def test_image_libraries_say_what_they_were_built_with():
    core = SimpleNamespace(libjpeg_turbo_version="3.2.0", libtiff_version="LIBTIFF, Version 4.7.2\nCopyright (c) X")
    pillow = SimpleNamespace(__version__="13.0.0", Image=SimpleNamespace(core=core))
    about = "  Media I/O: \n    JPEG:                        /x/libjpeg.so (ver 3.1.2-70)\n  Parallel framework: tbb\n"
    opencv = SimpleNamespace(__version__="5.0.0", getBuildInformation=lambda: about, getNumThreads=lambda: 2)
    value = collected({"PIL": pillow, "cv2": opencv})
    assert value["build"] == {
        "PIL.Image.core.libjpeg_turbo_version": "3.2.0",
        "PIL.Image.core.libtiff_version": "LIBTIFF, Version 4.7.2",
        "cv2.jpeg": "<path> (ver 3.1.2-70)",
        "cv2.parallel": "tbb",
    }
    assert value["package"]["pillow"] == "13.0.0"
    assert value["threads"]["cv2.getNumThreads"] == "2"


def test_what_numpy_makes_of_the_processor():
    features = {"AVX2": True, "AVX512F": False, "SSE42": True}
    new = SimpleNamespace(_core=SimpleNamespace(_multiarray_umath=SimpleNamespace(__cpu_features__=features)))
    old = SimpleNamespace(core=new._core)
    for numpy in (new, old):
        assert collected({"numpy": numpy})["cpu"]["numpy.simd"] == "AVX2 SSE42"
    built = {"Build Dependencies": {"blas": {"name": "scipy-openblas", "version": "0.3.31", "lib directory": "/x"}}}
    value = collected({"numpy": SimpleNamespace(__config__=SimpleNamespace(CONFIG=built))})
    assert value["build"] == {"numpy.blas": "scipy-openblas 0.3.31"}


def test_processors_of_both_kinds():
    x86 = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\n"
    x86 += "stepping\t: 7\nflags\t\t: fpu smep avx2 avx512f fma amx_bf16 ht bmi2\n"
    assert dict(machine.described_cpu(x86)) == {
        "model": "Intel(R) Xeon(R)",
        "kind": "vendor_id GenuineIntel cpu family 6 model 85 stepping 7",
        "isa": "amx_bf16 avx2 avx512f bmi2 fma",
    }
    arm = "processor\t: 0\nFeatures\t: fp asimd crc32 sve bf16 i8mm\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
    assert dict(machine.described_cpu(arm)) == {
        "model": None,
        "kind": "CPU implementer 0x41 CPU part 0xd40",
        "isa": "asimd bf16 i8mm sve",
    }
    assert [value for _, value in machine.described_cpu("")] == [None, "", ""]


def test_mapped_libraries_are_named_by_who_brought_them():
    packages = "/v/lib/python3.12/site-packages"
    paths = [
        f"{packages}/numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        f"{packages}/opencv_python.libs/libopenblasp-r0-59ffcd50.3.15.so",
        f"{packages}/scikit_learn.libs/libgomp-e985bcbb.so.1.0.0",
        f"{packages}/torch/lib/libgomp.so.1",
        f"{packages}/torch/lib/libtorch_cpu.so",
        "/usr/lib/x86_64-linux-gnu/libblis.so.4",
        "/usr/lib/x86_64-linux-gnu/libcomposite.so",
        "/env/lib/libiomp5.so",
        "/env/lib/libmkl_rt.so.2",
        "/env/lib/libompstub.so",
    ]
    assert machine.native_libraries(paths) == {
        "numpy.openblas": paths[0],
        "opencv_python.openblas": paths[1],
        "scikit_learn.openmp": paths[2],
        "torch.openmp": paths[3],
        "system.blis": paths[5],
        "system.openmp": paths[7],
        "system.mkl": paths[8],
    }


def test_a_library_that_is_not_mapped_is_not_loaded(tmp_path):
    assert machine._mapped(str(tmp_path / "libopenblas.so")) is None


def in_a_process(imports: str, **environ: str) -> tuple[float, Fingerprint]:
    """Return how long the second look took in a process that imported these, and what it saw."""
    code = (
        f"import sys, importlib.util, json, time, warnings; warnings.simplefilter('error'); import {imports}\n"
        "spec = importlib.util.spec_from_file_location('machine', sys.argv[1])\n"
        "machine = importlib.util.module_from_spec(spec); spec.loader.exec_module(machine); machine.collect()\n"
        "began = time.perf_counter(); value = machine.collect()\n"
        "print(json.dumps([time.perf_counter() - began, value]))"
    )
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environ}
    done = subprocess.run([sys.executable, "-c", code, FILE], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, value = json.loads(done.stdout)
    return seconds, fingerprint.read(value, "fingerprint")


@pytest.mark.slow
def test_real_libraries_answer_and_say_what_steers_them():
    seconds, training = in_a_process("torch, sklearn.linear_model, PIL.Image, onnxruntime")
    assert seconds < 0.1  # measured: 0.006
    facts = training.facts
    assert {"numpy", "torch", "pillow", "onnxruntime", "scikit-learn"} <= set(facts["package"])
    assert facts["build"]["torch.onednn"][0].isdigit()
    assert facts["build"]["PIL.Image.core.libjpeg_turbo_version"][0].isdigit()
    assert "CPUExecutionProvider" in facts["build"]["onnxruntime.get_available_providers"]
    _, serving = in_a_process("torch")
    assert demanded(training, serving) == "bit"  # the same machine, though it has loaded less
    steered = {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "default"}
    _, other = in_a_process("torch", **steered)
    assert demanded(training, other) == "numeric"
    changed = {(change.area, change.name): change.here for change in differences(serving, other)}
    assert changed.pop(("blas", "numpy.openblas.kernel"), "Haswell") == "Haswell"
    assert changed[("cpu", "torch.capability")] in {"DEFAULT", "default", "NO AVX"}
    assert {name: value for (area, name), value in changed.items() if area == "env"} == steered
    assert other.facts["threads"]["torch.get_num_threads"] == other.facts["threads"]["numpy.openblas"] == "1"
