"""The rule table of replay: what can change what.

A weight says how likely a change of that kind is the cause, if what the column names came out differently: 0 means that
it cannot be. What the version itself carries begins at 90, packages at 40, the machine lies below; below 5 is what is
possible and has never been seen.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from sycee.formats.fingerprint import INERT

CARRIED, PACKAGE, KNOWN = 90, 40, 5  # where a kind of cause begins; from KNOWN on a weight is more than a guess
UNKNOWN_PACKAGE = 2
LOADED_PLUMBING = 1

# What a stage can hold, as the table sees it: three kinds of prepared input, the raw output, and what is made of it.
COLUMNS = ("pixels", "tokens", "values", "output", "decision")


class Weights(NamedTuple):
    """How likely a change explains a difference in each of :data:`COLUMNS`."""

    pixels: int
    tokens: int
    values: int
    output: int
    decision: int


_DECODERS = "simplejpeg|pyturbojpeg|pyvips|imageio.*|pillow-heif|pillow-simd|rawpy|tifffile|av|decord|pydicom|simpleitk"
_IMAGES = "scikit-image|albumentations|albucore|kornia|imgaug|monai|torchio|nvidia-dali.*"
_WORDS = "regex|ftfy|sacremoses|nltk|jieba|mecab.*|fugashi|unidic.*|sudachi.*|pythainlp|youtokentome|subword-nmt|jinja2"
_SOUND = "librosa|soundfile|soxr|resampy|torchaudio|audioread|torchcodec"
_TABLES = "pandas|polars.*|pyarrow|category-encoders|feature-engine"
_BOOSTERS = "xgboost.*|lightgbm|catboost"
_FRAMEWORKS = (
    "torch|onnxruntime.*|tensorflow.*|jax|jaxlib|mxnet.*|paddlepaddle.*|openvino|tensorrt.*|llama-cpp-python|mlx"
)
_KERNELS = (
    "flash-attn|xformers|triton.*|bitsandbytes|nvidia-.*|mkl|intel-openmp|onednn.*|torchao|optimum.*|numba|llvmlite"
    "|opt-einsum.*|ml-dtypes"
)
_LIBRARIES = "keras.*|diffusers|timm|peft|sentence-transformers|accelerate|flax|lightning|pytorch-lightning|ultralytics"
_BOXES = "shapely|pycocotools|torchmetrics"

# Programs, and what only they use: no process of an inference computes with them.
_PROGRAMS = (
    r"pip|setuptools|wheel|uv|hatch.*|build|twine|pipx|virtualenv|tox|nox|pre-commit|ruff|black|isort|flake8|mypy|pylint"
    r"|pytest.*|coverage|hypothesis|ipython|ipykernel|jupyter.*|notebook|nbformat|nbclient|nbconvert|sphinx.*|mkdocs.*"
    r"|tensorboard.*|wandb|mlflow.*|dvc.*|sycee|gitpython|pygit2|boto.*|s3fs|types-.*|.*-stubs|model-signing|obstore"
    r"|pluggy|iniconfig|execnet|prompt-toolkit|traitlets"
)
# What others are built upon: the terminal, types of values, the network, parsers of schemas. By themselves they change
# no number; code that uses one directly may get something else from it.
_PLUMBING = (
    r"tqdm|rich|click|typer|colorama|tabulate|termcolor|pygments|matplotlib.*|seaborn|plotly|requests.*|urllib3|certifi"
    r"|idna|charset-normalizer|httpx\d*|httpcore\d*|h11|aiohttp|fsspec|filelock|platformdirs|packaging|typing-extensions"
    r"|huggingface-hub|hf-xet|psutil|cryptography|blake3|ruamel-yaml|threadpoolctl|six|wrapt|fonttools|kiwisolver|cycler"
    r"|attrs|pydantic.*|annotated-(?:doc|types)|typing-inspection|anyio|sniffio|trio|truststore|distro|aiohappyeyeballs"
    r"|aiosignal|frozenlist|multidict|propcache|yarl|markupsafe|markdown-it-py|mdurl|shellingham|wcwidth|cffi|pycparser"
    r"|absl-py|grpcio.*|googleapis-.*|flatbuffers|jsonschema.*|referencing|rpds-py|narwhals|namex|pydot|networkx|mpmath"
    r"|diskcache|python-dotenv|pyjwt|pyopenssl|sortedcontainers|tomli.*|tomlkit|exceptiongroup|zipp|importlib-.*"
    r"|coloredlogs|humanfriendly|lightning-utilities"
)

# Area, names, and the weights for pixels, tokens, values, output, decision. The first row that matches counts.
_TABLE = (
    ("input", ".*", Weights(100, 100, 100, 0, 0)),
    ("weights", ".*", Weights(0, 0, 0, 99, 0)),
    ("aux", ".*", Weights(94, 98, 96, 92, 98)),
    ("source", ".*", Weights(95, 95, 95, 95, 95)),
    ("package", "pillow", Weights(80, 0, 70, 0, 60)),
    ("package", "opencv-.*", Weights(78, 0, 69, 0, 66)),
    ("package", "torchvision", Weights(76, 0, 66, 62, 70)),
    ("package", _DECODERS, Weights(74, 0, 64, 0, 45)),
    ("package", _IMAGES, Weights(73, 0, 65, 45, 55)),
    ("package", "tokenizers", Weights(0, 80, 50, 0, 72)),
    ("package", "sentencepiece|tiktoken", Weights(0, 79, 50, 0, 71)),
    ("package", "transformers", Weights(66, 77, 64, 76, 70)),
    ("package", "spacy.*", Weights(0, 71, 55, 60, 60)),
    ("package", _WORDS, Weights(0, 70, 50, 0, 55)),
    ("package", _SOUND, Weights(0, 45, 76, 45, 45)),
    ("package", "scikit-learn", Weights(50, 50, 74, 78, 64)),
    ("package", _TABLES, Weights(42, 44, 73, 42, 50)),
    ("package", "numpy", Weights(56, 46, 72, 66, 68)),
    ("package", "scipy", Weights(54, 42, 70, 62, 60)),
    ("package", _BOOSTERS, Weights(0, 0, 45, 78, 50)),
    ("package", _FRAMEWORKS, Weights(55, 44, 62, 80, 58)),
    ("package", _KERNELS, Weights(45, 0, 48, 72, 45)),
    ("package", _LIBRARIES, Weights(50, 60, 52, 74, 56)),
    ("package", _BOXES, Weights(0, 0, 42, 0, 60)),
    ("package", "safetensors|onnx|h5py", Weights(0, 0, 0, 42, 0)),
    ("package", _PROGRAMS, Weights(0, 0, 0, 0, 0)),
    ("package", _PLUMBING, Weights(0, 0, 0, 0, 0)),
    ("build", r"(?:PIL|cv2)\..*", Weights(39, 0, 37, 0, 20)),
    ("build", r"numpy\..*", Weights(6, 0, 24, 26, 8)),
    ("build", ".*", Weights(8, 0, 20, 38, 10)),
    ("python", "version", Weights(4, 30, 12, 8, 12)),
    ("python", "encoding", Weights(0, 28, 10, 0, 8)),
    ("python", "libc", Weights(0, 4, 15, 12, 4)),
    ("python", "build|compiler", Weights(0, 0, 0, 0, 0)),
    ("python", ".*", Weights(6, 6, 10, 10, 6)),
    ("gpu", "devices", Weights(5, 0, 11, 39, 12)),
    ("gpu", ".*", Weights(4, 0, 8, 31, 8)),
    ("cpu", "machine", Weights(8, 2, 20, 37, 9)),
    ("cpu", r"isa|.*\..*", Weights(6, 0, 18, 36, 8)),
    ("cpu", ".*", Weights(0, 0, 8, 21, 5)),
    ("blas", r".*\.file", Weights(0, 0, 6, 15, 3)),
    ("blas", ".*", Weights(0, 0, 16, 35, 8)),
    ("threads", ".*", Weights(0, 0, 6, 25, 5)),
    ("flag", r"cv2\..*", Weights(30, 0, 20, 5, 10)),
    ("flag", r"sys\.flags\.utf8_mode", Weights(0, 26, 9, 0, 6)),
    ("flag", r"sys\..*", Weights(3, 3, 3, 3, 3)),
    ("flag", r"torch\.is_(?:grad|inference_mode)_enabled", Weights(0, 0, 0, 18, 2)),
    ("flag", r"torch\.get_default_dtype", Weights(2, 0, 22, 34, 8)),
    ("flag", ".*", Weights(0, 0, 9, 33, 6)),
    ("env", "LANG|LANGUAGE|LC_.*", Weights(0, 22, 9, 0, 9)),
    ("env", "TZ", Weights(0, 1, 9, 0, 6)),
    ("env", "PYTHONHASHSEED", Weights(1, 7, 7, 3, 7)),
    ("env", INERT, Weights(0, 0, 0, 0, 0)),
    ("env", "OPENCV_.*", Weights(20, 0, 11, 3, 7)),
    ("env", "NPY_.*|NUMEXPR_.*", Weights(4, 0, 14, 13, 7)),
    ("env", r"(?:OMP|GOMP|KMP)_.*|.*_NUM_THREADS", Weights(0, 0, 5, 20, 5)),
    ("env", r"(?:MKL|OPENBLAS|BLIS|GOTO|VECLIB)_.*", Weights(0, 0, 8, 28, 6)),
    ("env", r"(?:ATEN|ONEDNN|DNNL)_.*", Weights(5, 0, 10, 32, 7)),
    ("env", r"(?:CUDA|CUBLAS|CUDNN|NVIDIA)_.*", Weights(0, 0, 5, 28, 6)),
    ("env", ".*", Weights(3, 0, 8, 24, 6)),
)
AREAS = tuple(dict.fromkeys(area for area, _, _ in _TABLE))


def weight(area: str, name: str, columns: Collection[str]) -> int | None:
    """Return how likely a change explains that one of these columns differs.

    Args:
        area: One of :data:`AREAS`.
        name: What changed, as its area calls it; packages in their normal form.
        columns: Of :data:`COLUMNS`; the largest weight counts.

    Returns:
        0 to 100; None for what no row knows, such as most packages.
    """
    for row_area, names, weights in _TABLE:
        if row_area == area and re.fullmatch(names, name):
            return max(weights[COLUMNS.index(column)] for column in columns)
    return None


def is_plumbing(package: str) -> bool:
    """Tell whether a package, by its normal name, changes nothing unless the code of a model uses it directly."""
    return re.fullmatch(_PLUMBING, package) is not None and re.fullmatch(_PROGRAMS, package) is None
