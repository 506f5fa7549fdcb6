"""Seeds are seen as they are given, without importing anything, and without anybody noticing the watcher."""

import inspect
import pickle
import random
import subprocess
import sys

import pytest

from sycee.capture import seeds
from sycee.errors import UsageError


@pytest.fixture(autouse=True)
def _fresh():
    seeds.uninstall()
    seeds.forget()
    yield
    seeds.uninstall()
    seeds.forget()


def python(source: str) -> str:
    begin = "import sys\nfrom sycee.capture import seeds\nseeds.install()\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", begin + source], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_seed_given_to_random_is_seen():
    seeds.install()
    random.seed(7)
    first = random.random()
    random.seed(7)
    assert random.random() == first
    assert seeds.seen() == {"python": 7}
    random.seed(a="words")
    assert seeds.seen() == {"python": "words"}
    random.seed()
    assert seeds.seen() == {"python": None}


def test_nothing_is_seen_when_nothing_was_seeded():
    seeds.install()
    random.random()
    assert seeds.seen() == {}


def test_the_watcher_looks_like_what_it_watches():
    original = random.seed
    seeds.install()
    seeds.install()
    assert random.seed is not original
    assert random.seed.__sycee_original__ == original
    assert random.seed.__doc__ == original.__doc__
    assert inspect.signature(random.seed) == inspect.signature(original)
    assert pickle.loads(pickle.dumps(random.seed)) is random.seed
    seeds.uninstall()
    assert random.seed == original


def test_numpy_imported_later_is_watched_and_the_waiting_ends():
    out = python(
        "import importlib.util; importlib.util.find_spec('torch'); importlib.util.find_spec('numpy.random')\n"
        "import numpy as np\n"
        "np.random.seed(5)\n"
        "first = np.random.rand()\n"
        "from numpy.random import seed; seed(seed=5)\n"
        "assert np.random.rand() == first\n"
        "import pickle; assert pickle.loads(pickle.dumps(np.random.seed)) is np.random.seed\n"
        "import importlib.resources, numpy.random\n"
        "assert 'exec_module' not in vars(numpy.random.__spec__.loader)\n"
        "assert type(numpy.random.__spec__.loader).__name__ == 'SourceFileLoader'\n"
        "print(seeds.seen(), [type(f).__name__ for f in sys.meta_path].count('_Waiting'))"
    )
    assert out == "{'numpy': 5} 1"  # torch may still come


def test_numpy_imported_before_is_watched():
    import numpy as np

    seeds.install()
    np.random.seed(11)
    assert seeds.seen() == {"numpy": 11}


def test_the_watcher_imports_nothing():
    assert python("print(sorted({'numpy', 'torch', 'ruamel', 'cryptography'} & sys.modules.keys()))") == "[]"


def test_an_import_that_fails_stays_what_it_is(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('no CUDA')")
    out = python(
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "for _ in range(2):\n"
        "    try:\n        import torch\n"
        "    except OSError as error:\n        print(error)\n"
        "print('torch' in sys.modules)"
    )
    assert out.split("\n") == ["no CUDA", "no CUDA", "False"]


def test_a_framework_that_is_not_installed_stays_away():
    assert (
        python("sys.path[:] = []\ntry:\n    import torch\nexcept ImportError as error:\n    print(error)")
        == "No module named 'torch'"
    )


def test_one_seed_for_all_frameworks_also_later_ones():
    out = python(
        "import random\nseeds.seed(3)\na = random.random()\nimport numpy\nb = numpy.random.rand()\n"
        "seeds.seed(3)\nassert (random.random(), numpy.random.rand()) == (a, b)\nprint(seeds.seen())"
    )
    assert out == "{'python': 3, 'numpy': 3}"


@pytest.mark.parametrize("number", [-1, 2**32, 1.0, "7", True, None])
def test_a_seed_that_not_every_generator_takes_is_refused(number):
    with pytest.raises(UsageError, match="a seed is an integer from 0 to 4294967295"):
        seeds.seed(number)
    assert seeds.seen() == {}


@pytest.mark.slow
def test_torch_is_watched_and_still_compiles():
    out = python(
        "import warnings; warnings.simplefilter('ignore')\n"
        "import torch, pickle\n"
        "generator = torch.manual_seed(9)\n"
        "assert isinstance(generator, torch.Generator)\n"
        "first = torch.rand(1)\ntorch.random.manual_seed(9)\nassert torch.rand(1) == first\n"
        "assert pickle.loads(pickle.dumps(torch.manual_seed)) is torch.manual_seed\n"
        "def f(x):\n    torch.manual_seed(4)\n    return x + torch.rand(1)\n"
        "compiled = torch.compile(f, backend='eager')\n"
        "assert torch.equal(compiled(torch.zeros(1)), f(torch.zeros(1)))\n"
        "import numpy\n"
        "print(seeds.seen(), [type(f).__name__ for f in sys.meta_path].count('_Waiting'))"
    )
    assert out == "{'torch': 4} 0"
