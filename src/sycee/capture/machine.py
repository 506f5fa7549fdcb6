"""What of this process and this machine decides the bits of an inference: ``context/fingerprint.json``.

The file stands alone, on the standard library and Python 3.9: replay runs it by its path, in environments without
sycee. It imports nothing to find out: what the process has not loaded is not asked, and what does not answer is left
out. No host, user, path or address gets into a value. Specification: ``docs/spec/fingerprint.md``.
"""

from __future__ import annotations

import codecs
import locale
import os
import platform
import re
import sys
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping  # noqa: UP035 - typing's forms work on Python 3.9 too

Facts = Iterator["tuple[str, object]"]

VERSION = 1
MAX_VALUE = 1000  # characters

# Module to the distributions that may have brought it. Only what touches inputs or outputs.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "accelerate": ("accelerate",),
    "catboost": ("catboost",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "diffusers": ("diffusers",),
    "imageio": ("imageio",),
    "jax": ("jax",),
    "jaxlib": ("jaxlib",),
    "keras": ("keras",),
    "librosa": ("librosa",),
    "lightgbm": ("lightgbm",),
    "numba": ("numba",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pandas": ("pandas",),
    "peft": ("peft",),
    "PIL": ("pillow",),
    "scipy": ("scipy",),
    "sentence_transformers": ("sentence-transformers",),
    "sentencepiece": ("sentencepiece",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "spacy": ("spacy",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "tiktoken": ("tiktoken",),
    "timm": ("timm",),
    "tokenizers": ("tokenizers",),
    "torch": ("torch",),
    "torchaudio": ("torchaudio",),
    "torchvision": ("torchvision",),
    "transformers": ("transformers",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}

# What is asked of a loaded module; a name with () is called. Each answers within microseconds and changes nothing.
_BUILD = (
    "torch.version.git_version",
    "torch.version.cuda",
    "torch.version.hip",
    "PIL.Image.core.jpeglib_version",
    "PIL.Image.core.libjpeg_turbo_version",
    "PIL.Image.core.zlib_version",
    "PIL.Image.core.zlib_ng_version",
    "PIL.Image.core.libtiff_version",
    "PIL.Image.core.jp2klib_version",
    "onnxruntime.get_build_info()",
    "onnxruntime.get_available_providers()",
    "tensorflow.version.GIT_VERSION",
    "tensorflow.version.COMPILER_VERSION",
)
_FLAGS = (
    "sys.flags.optimize",
    "sys.flags.utf8_mode",
    "torch.get_default_dtype()",
    "torch.is_grad_enabled()",
    "torch.is_inference_mode_enabled()",
    "torch.are_deterministic_algorithms_enabled()",
    "torch.is_deterministic_algorithms_warn_only_enabled()",
    "torch.utils.deterministic.fill_uninitialized_memory",
    "torch.get_float32_matmul_precision()",
    "torch.backends.fp32_precision",
    "torch.backends.mkldnn.enabled",
    "torch.backends.mkldnn.deterministic",
    "torch.backends.mkldnn.matmul.fp32_precision",
    "torch.backends.mkldnn.conv.fp32_precision",
    "torch.backends.mkldnn.rnn.fp32_precision",
    "torch.backends.mha.get_fastpath_enabled()",
    "torch.backends.quantized.engine",
    "torch.backends.cuda.flash_sdp_enabled()",
    "torch.backends.cuda.mem_efficient_sdp_enabled()",
    "torch.backends.cuda.math_sdp_enabled()",
    "cv2.useOptimized()",
    "cv2.ipp.useIPP()",
    "jax.config.jax_enable_x64",
    "jax.config.jax_default_matmul_precision",
    "tensorflow.config.experimental.tensor_float_32_execution_enabled()",
)
_GPU_FLAGS = (  # without a GPU in use they decide nothing
    "torch.backends.cuda.matmul.allow_tf32",
    "torch.backends.cuda.matmul.fp32_precision",
    "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction",
    "torch.backends.cuda.cudnn_sdp_enabled()",
    "torch.backends.cuda.preferred_linalg_library()",
    "torch.backends.cuda.preferred_blas_library()",
    "torch.backends.cudnn.enabled",
    "torch.backends.cudnn.allow_tf32",
    "torch.backends.cudnn.benchmark",
    "torch.backends.cudnn.deterministic",
    "torch.backends.cudnn.conv.fp32_precision",
    "torch.backends.cudnn.rnn.fp32_precision",
)
_THREADS = ("torch.get_num_threads()", "torch.get_num_interop_threads()", "cv2.getNumThreads()")

# Lines of the texts with which libraries describe their build.
_TORCH_CONFIG = {
    "torch.compiler": r"^  - ((?:GCC|clang|MSVC) .*)$",
    "torch.mkl": r"Math Kernel Library Version (\S+)",
    "torch.onednn": r"MKL-DNN v(\S+)",
    "torch.openmp": r"^  - OpenMP (\d+)",
}
_CV2_CONFIG = {
    "cv2.commit": r"^ *Version control: +(.+)$",
    "cv2.dispatch": r"^ *Dispatched code generation: +(.+)$",
    "cv2.jpeg": r"^ *JPEG: +(.+)$",
    "cv2.png": r"^ *PNG: +(.+)$",
    "cv2.tiff": r"^ *TIFF: +(.+)$",
    "cv2.webp": r"^ *WEBP: +(.+)$",
    "cv2.zlib": r"^ *ZLib: +(.+)$",
    "cv2.ipp": r"^ *Intel IPP: +(.+)$",
    "cv2.lapack": r"^ *Lapack: +(.+)$",
    "cv2.parallel": r"^ *Parallel framework: +(.+)$",
}

_VARIABLE = re.compile(
    r"(?:CUDA|CUBLAS|CUDNN|OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|GOTO|VECLIB|NUMEXPR|TORCH|PYTORCH|ATEN|ONEDNN|DNNL|NPY|OPENCV"
    r"|ORT|TOKENIZERS|XLA|JAX|LC)_\w+|PYTHONHASHSEED|LANG|LANGUAGE|TZ|NVIDIA_TF32_OVERRIDE"
    r"|TF_(?:DETERMINISTIC_OPS|CUDNN_DETERMINISTIC|ENABLE_ONEDNN_OPTS|NUM_INTRAOP_THREADS|NUM_INTEROP_THREADS)",
    re.ASCII,
)
_PRIVATE = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIALS?|AUTH|USER|HOST|HOSTNAME|ADDR|ADDRESS|URL|PROXY)(?:_|$)"
)

_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s,;]*")
_PATH = re.compile(r"(?<![\w.])(?:~[\w.-]*|(?:-[A-Za-z]|\.{1,2})?(?:[A-Za-z]:)?[/\\])[^\s:;,()'\"]*")
_DEVICE_ID = re.compile(r"\b((?:MIG-)?(?:GPU|MIG))-[0-9A-Fa-f][0-9A-Fa-f/-]+")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9._+-]|^[^A-Za-z0-9_]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_ISA = re.compile(
    r"ssse3|sse4_[12]|avx\w*|fma\d?|f16c|bmi[12]|amx_\w+"
    r"|neon|fphp|asimd\w*|bf16|i8mm|sve\w*|sme(?!p)\w*|vsx|altivec"
)
_NATIVE = re.compile(r"lib(?:scipy_)?(openblas|mkl_rt|blis|gomp|iomp5|omp)(?![a-z]{2})[^/]*$")
_OWNER = re.compile(r"/(?:site|dist)-packages/([^/]+?)(?:\.libs)?/")


def collect(modules: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the fingerprint of this process: the document that ``context/fingerprint.json`` holds.

    Args:
        modules: ``sys.modules`` unless a test says otherwise.
        environ: ``os.environ`` unless a test says otherwise.

    Returns:
        ``version``, and one mapping from name to text for each area.
    """
    loaded = sys.modules if modules is None else modules
    areas: dict[str, Callable[[], Facts]] = {
        "blas": lambda: _blas(libraries),
        "build": lambda: _build(loaded),
        "cpu": lambda: _cpu(loaded),
        "env": lambda: _env(os.environ if environ is None else environ),
        "flag": lambda: _flags(loaded),
        "gpu": lambda: _gpu(loaded),
        "package": lambda: _packages(loaded),
        "python": _python,
        "threads": lambda: _threads(loaded, libraries),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library may call a question outdated; its answer is still wanted
        libraries = _native_libraries()
        return {"version": VERSION, **{area: _texts(facts) for area, facts in areas.items()}}


def _texts(facts: Callable[[], Facts]) -> dict[str, str]:
    """Return the facts of an area up to the first that fails, as clean texts; of two with one name the first counts."""
    found: dict[str, str] = {}
    try:
        for name, value in facts():
            if value is not None and (text := clean(str(value))):
                found.setdefault(_UNNAMEABLE.sub("_", name)[:200], text)
    except Exception:  # noqa: BLE001 - whatever a foreign library throws, the other facts are worth having
        return found
    return found


def clean(text: str) -> str:
    """Return a text without paths, addresses and device identifiers, on one line, of at most 1000 characters."""
    text = text.encode("utf-8", "backslashreplace").decode()
    text = _PATH.sub("<path>", _ADDRESS.sub("<address>", text))
    return _CONTROL.sub(" ", _DEVICE_ID.sub(r"\1", text)).strip()[:MAX_VALUE].rstrip()


def _ask(modules: Mapping[str, Any], question: str) -> object:
    """Return what ``torch.backends.cudnn.benchmark`` or ``torch.get_num_threads()`` is; None if it cannot be said."""
    root, *names = question.split(".")
    value = modules.get(root)
    if value is None:
        return None
    try:
        for name in names:
            value = getattr(value, name[:-2])() if name.endswith("()") else getattr(value, name)
    except Exception:  # noqa: BLE001 - an older or newer library does not know the name
        return None
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _answers(modules: Mapping[str, Any], questions: tuple[str, ...]) -> Facts:
    for question in questions:
        answer = _ask(modules, question)
        # of many lines the first says which version it is
        yield question.replace("()", ""), answer.partition("\n")[0] if isinstance(answer, str) else answer


def _packages(modules: Mapping[str, Any]) -> Facts:
    for module, distributions in _PACKAGES.items():
        if module in modules:
            yield _distribution(modules[module], distributions)


def _distribution(module: Any, names: tuple[str, ...]) -> tuple[str, object]:
    version = getattr(module, "__version__", None)
    if len(names) > 1 or version is None:
        for name in names:
            try:
                return name, metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
    return names[0], version


def _build(modules: Mapping[str, Any]) -> Facts:
    yield from _answers(modules, _BUILD)
    yield from _lines(_ask(modules, "torch.__config__.show()"), _TORCH_CONFIG)
    yield from _lines(_ask(modules, "cv2.getBuildInformation()"), _CV2_CONFIG)
    config = _ask(modules, "numpy.__config__.CONFIG")
    if isinstance(config, dict):
        blas = config.get("Build Dependencies", {}).get("blas", {})
        yield "numpy.blas", f"{blas.get('name', '')} {blas.get('version', '')}"


def _lines(description: object, patterns: Mapping[str, str]) -> Facts:
    for name, pattern in patterns.items():
        if isinstance(description, str) and (line := re.search(pattern, description, re.MULTILINE)):
            yield name, line[1]


def _flags(modules: Mapping[str, Any]) -> Facts:
    yield from _answers(modules, _FLAGS)
    if _ask(modules, "torch.cuda.is_initialized()"):
        yield from _answers(modules, _GPU_FLAGS)


def _cpu(modules: Mapping[str, Any]) -> Facts:
    yield "machine", platform.machine()
    yield "torch.capability", _ask(modules, "torch.backends.cpu.get_cpu_capability()")
    for core in ("_core", "core"):  # numpy 2, numpy 1
        features = _ask(modules, f"numpy.{core}._multiarray_umath.__cpu_features__")
        if isinstance(features, dict):
            yield "numpy.simd", " ".join(sorted(name for name, there in features.items() if there))
            break
    yield from described_cpu(_first_processor())
    yield "cache", " ".join(_caches())


def described_cpu(cpuinfo: str) -> Facts:
    """Yield what the first block of ``/proc/cpuinfo`` says of a processor, on x86 and ARM."""
    known: dict[str, str] = dict(re.findall(r"^([^\t:]+?)[ \t]*:[ \t]*(.*)$", cpuinfo, re.MULTILINE))
    yield "model", known.get("model name")
    numbers = ("vendor_id", "cpu family", "model", "stepping", "CPU implementer", "CPU variant", "CPU part")
    yield "kind", " ".join(f"{name} {known[name]}" for name in numbers if name in known)
    flags = known.get("flags", known.get("Features", "")).split()
    yield "isa", " ".join(sorted(flag for flag in flags if _ISA.fullmatch(flag)))


def _first_processor() -> str:
    """Return the first block of ``/proc/cpuinfo``: the kernel takes its time for each further one."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:  # noqa: PTH123 - Path.open refuses to be unbuffered
            block = b""
            while b"\n\n" not in block and (more := file.read(4096)):
                block += more
    except OSError:
        return ""
    return block.partition(b"\n\n")[0].decode("utf-8", "replace")


def _caches() -> Iterator[str]:
    """Yield the sizes of the caches: matrix kernels cut their blocks, and so order their sums, by them."""
    for index in range(4):
        try:
            yield Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}/size").read_text().strip()
        except OSError:
            return


def _gpu(modules: Mapping[str, Any]) -> Facts:
    yield "driver", _nvidia_driver()
    if not _ask(modules, "torch.cuda.is_initialized()"):
        return  # to ask further would start the GPU
    cuda = modules["torch"].cuda
    found = [cuda.get_device_properties(index) for index in range(cuda.device_count())]
    yield "devices", ", ".join(f"{device.name} ({device.major}.{device.minor})" for device in found)
    yield "cudnn", _ask(modules, "torch.backends.cudnn.version()")


def _nvidia_driver() -> str | None:
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    version = re.search(r"\b\d+\.\d+(?:\.\d+)?\b", text)
    return version[0] if version else None


def _env(environ: Mapping[str, str]) -> Facts:
    for name in sorted(environ):
        value = clean(environ[name])
        if _VARIABLE.fullmatch(name) and not _PRIVATE.search(name) and value != "<path>":
            yield name, value


def _python() -> Facts:
    yield "version", platform.python_version()
    yield "implementation", platform.python_implementation()
    yield "compiler", platform.python_compiler()
    yield "build", " ".join(platform.python_build())
    yield "system", platform.system()
    yield "byteorder", sys.byteorder
    yield "encoding", codecs.lookup(locale.getpreferredencoding(False)).name  # one name for UTF-8 and utf8
    try:
        yield "libc", os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return  # another C library, which does not name itself


def _threads(modules: Mapping[str, Any], libraries: Mapping[str, str]) -> Facts:
    yield "cores", len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield from _answers(modules, _THREADS)
    for name, path in libraries.items():
        if library := _mapped(path):
            yield name, _call(library, _COUNTS[name.rpartition(".")[2]], int)


def _blas(libraries: Mapping[str, str]) -> Facts:
    for name, path in libraries.items():
        library = _mapped(path)
        if library is not None and name.endswith(".openblas"):
            kernel = _call(library, "openblas_get_corename", str)
            yield f"{name}.kernel", kernel
            config = str(_call(library, "openblas_get_config", str) or "").split()
            yield f"{name}.config", " ".join(word for word in config if word != kernel)
        yield f"{name}.file", path.rpartition("/")[2]


_COUNTS = {
    "openblas": "openblas_get_num_threads",
    "mkl": "MKL_Get_Max_Threads",
    "blis": "bli_thread_get_num_threads",
    "openmp": "omp_get_max_threads",
}
_KINDS = {"openblas": "openblas", "mkl_rt": "mkl", "blis": "blis", "gomp": "openmp", "iomp5": "openmp", "omp": "openmp"}


def _native_libraries() -> dict[str, str]:
    """Return the libraries for matrices and threads that this process has mapped: ``numpy.openblas`` to its path."""
    try:
        lines = os.fsdecode(Path("/proc/self/maps").read_bytes()).splitlines()
    except OSError:
        return {}
    paths = sorted({line.split(None, 5)[5] for line in lines if line.count("/") and ".so" in line})
    return native_libraries(paths)


def native_libraries(paths: list[str]) -> dict[str, str]:
    """Return those of the mapped files that decide bits, named by the package that brought them and by their kind."""
    found: dict[str, str] = {}
    for path in paths:
        if kind := _NATIVE.search(path.rpartition("/")[2]):
            owner = _OWNER.search(path)
            found.setdefault(f"{owner[1] if owner else 'system'}.{_KINDS[kind[1]]}", path)
    return found


def _mapped(path: str) -> Any:
    """Return a handle to a library that is mapped already; None rather than load one."""
    import ctypes

    try:
        return ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
    except OSError:  # replaced on disk since
        return None


def _call(library: Any, function: str, kind: type) -> object:
    """Call a C function without arguments; wheels of numpy and scipy rename those of OpenBLAS."""
    import ctypes

    for prefix in ("", "scipy_"):
        for suffix in ("", "64_", "_64"):
            try:
                found = getattr(library, f"{prefix}{function}{suffix}")
            except AttributeError:
                continue
            found.restype = ctypes.c_char_p if kind is str else ctypes.c_int
            value = found()
            return value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return None
