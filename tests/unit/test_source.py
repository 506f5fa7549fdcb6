"""Which source a function needs, under which name it is found again, and that the source alone is enough."""

import functools
import importlib
import math
import re
import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent

import pytest

import sycee.api
from sycee.capture.source import closure
from sycee.core.modelfolder import refusal

CALL = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
module, _, name = sys.argv[2].partition(":")
found = importlib.import_module(module)
for part in name.split("."):
    found = getattr(found, part)
print(found(3))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write a project's files and put it on the path; what is imported of it is forgotten afterwards."""
    before = set(sys.modules)
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))

    def write(**files):
        for name, text in files.items():
            path = root / (name.replace("__in__", "/").replace("__dot__", ".") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        importlib.invalidate_caches()
        return root

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def script(project, monkeypatch):
    """Run a script as ``__main__`` and return that module."""

    def run(text, file="train.py", given=None, **spec):
        path = project() / file
        path.write_text(dedent(text))
        main = types.ModuleType("__main__")
        main.__file__ = str(path)
        main.given = given
        main.__spec__ = types.SimpleNamespace(**spec) if spec else None
        monkeypatch.setitem(sys.modules, "__main__", main)
        exec(compile(path.read_text(), str(path), "exec"), main.__dict__)
        return main

    return run


@pytest.fixture
def called(tmp_path):
    """Call the entry with 3 in a process that has nothing but the frozen source."""

    def call(source, role="predict"):
        place = tmp_path / "frozen"
        for name, data in source.files.items():
            assert refusal(f"context/source/{name}") is None
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        command = [sys.executable, "-I", "-S", "-c", CALL, str(place), source.entries[role]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.stdout.strip() or done.stderr

    return call


def names(source):
    return sorted(source.files)


def test_all_ways_to_import_are_followed(project, called):
    project(
        serve="""
            import pkg.deep.leaf
            from pkg import tokens, CONSTANT
            from pkg.star import *
            def predict(x):
                from late import shift
                try:
                    import quick_that_is_missing
                except ImportError:
                    import slow as quick
                return starred(x) + tokens.size() + CONSTANT + pkg.deep.leaf.LEAF + shift() + quick.ONE
            """,
        pkg__in____init__="from .constants import CONSTANT",
        pkg__in__constants="from . import sibling\nCONSTANT = 10 * sibling.TEN",
        pkg__in__sibling="TEN = 10",
        pkg__in__tokens="from . import bases\nclass T(bases.Base): ...\ndef size(): return T().size",
        pkg__in__bases="from .meta import Meta\nclass Base(metaclass=Meta):\n    size = 5",
        pkg__in__meta="class Meta(type): ...",
        pkg__in__deep__in____init__="",
        pkg__in__deep__in__leaf="LEAF = 1000",
        pkg__in__star="from pkg import inner\ndef starred(x): return x * 2",
        pkg__in__inner="",
        late="def shift(): return 20000",
        slow="ONE = 300000",
        unrelated="",
    )
    import serve

    source = closure({"predict": serve.predict})
    inner = (
        "__init__",
        "bases",
        "constants",
        "deep/__init__",
        "deep/leaf",
        "inner",
        "meta",
        "sibling",
        "star",
        "tokens",
    )
    assert names(source) == ["late.py", *(f"pkg/{name}.py" for name in inner), "serve.py", "slow.py"]
    assert source.entries == {"predict": "serve:predict"}
    assert source.warnings == ()
    assert called(source) == str(6 + 5 + 100 + 1000 + 20000 + 300000)


def test_a_base_class_and_its_parents_come_along(project, called):
    project(
        serve="from derived import Model\nmodel = Model()\ndef predict(x): return model.run(x)",
        derived="from base.core import Base\nclass Model(Base): ...",
        base__in____init__="from . import registry",
        base__in__registry="",
        base__in__core="class Base:\n    def run(self, x): return x + 1",
    )
    import serve

    source = closure({"predict": serve.predict})
    assert names(source) == ["base/__init__.py", "base/core.py", "base/registry.py", "derived.py", "serve.py"]
    assert called(source) == "4"


def test_modules_that_were_imported_by_computed_names(project, called):
    project(
        serve="""
            import importlib
            from plugins import choose
            step = importlib.import_module("steps.first").step
            def predict(x): return choose("double")(step(x))
            """,
        steps__in____init__="",
        steps__in__first="def step(x): return x + 1",
        plugins__in____init__="""
            from importlib import import_module
            def choose(name): return getattr(import_module(f"plugins.{name}_it"), name)
            """,
        plugins__in__double_it="from plugins.factor import TWO\ndef double(x): return TWO * x",
        plugins__in__factor="TWO = 2",
        plugins__in__never_loaded="",
    )
    import serve

    assert serve.predict(3) == 8
    source = closure({"predict": serve.predict})
    plugins = [f"plugins/{name}.py" for name in ("__init__", "double_it", "factor")]
    assert names(source) == [*plugins, "serve.py", "steps/__init__.py", "steps/first.py"]
    assert called(source) == "8"


def test_what_is_only_loaded_for_the_training_stays_out(project):
    project(
        serve="from app.serving import predict",
        app__in____init__="",
        app__in__serving="def predict(x): return x",
        app__in__trainer="import app.losses",
        app__in__losses="",
    )
    import app.trainer
    import serve

    assert app.losses
    assert names(closure({"predict": serve.predict})) == ["app/__init__.py", "app/serving.py"]


def test_sycee_itself_is_no_source(project):
    project(serve="import sycee\nfrom sycee.errors import SyceeError\ndef predict(x): return x")
    import serve

    assert sycee.api
    assert names(closure({"predict": serve.predict})) == ["serve.py"]


def test_files_of_one_name_stay_apart_and_never_shadow_a_package(project, called):
    project(
        serve="import a.utils, b.utils\nfrom a import json\ndef predict(x): return (a.utils.N, b.utils.N, json.N, x)",
        a__in____init__="",
        a__in__utils="import json\nN = json.loads('1')",
        a__in__json="N = 3",
        b__in__utils="N = 2",
    )
    import serve

    source = closure({"predict": serve.predict})
    assert names(source) == ["a/__init__.py", "a/json.py", "a/utils.py", "b/utils.py", "serve.py"]
    assert called(source) == "(1, 2, 3, 3)"


def test_installed_packages_are_not_source_and_editable_ones_are(tmp_path, project, monkeypatch, called):
    installed = tmp_path / "env" / "lib" / "site-packages"
    editable = tmp_path / "elsewhere" / "src"
    for folder, name in ((installed, "installed_one"), (editable, "editable_one")):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"NAME = {name!r}")
        sys.path.append(str(folder))
        monkeypatch.setattr(sys, "path", list(sys.path))
    project(serve="import editable_one, installed_one, math\ndef predict(x): return editable_one.NAME")
    import serve

    source = closure({"predict": serve.predict})
    assert names(source) == ["editable_one/__init__.py", "serve.py"]


def test_what_only_type_checkers_import_and_what_the_guard_runs_stays_out(project):
    project(
        serve="""
            import typing
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                import for_types
            else:
                import at_run_time
            if typing.TYPE_CHECKING: import for_types
            def predict(x): return x
            if __name__ == "__main__":
                import training
            """,
        for_types="",
        at_run_time="",
        training="",
    )
    import serve

    assert names(closure({"predict": serve.predict})) == ["at_run_time.py", "serve.py"]


def test_a_module_that_was_edited_after_its_import_is_told(project):
    root = project(
        serve="from helper import scale\ndef predict(x): return scale(x)", helper="def scale(x): return x / 255"
    )
    import serve

    assert closure({"predict": serve.predict}).warnings == ()
    (root / "helper.py").write_text("def scale(x): return x / 127.5 - 1\n")
    source = closure({"predict": serve.predict})
    assert source.files["helper.py"] == b"def scale(x): return x / 127.5 - 1\n"
    assert source.warnings == ("helper.py was edited after it was imported: the frozen source is what it says now",)


CALLABLES = """
    import functools
    class Predictor:
        def __call__(self, x): return x + 1
        def run(self, x): return x + 2
        @classmethod
        def made(cls, x): return x + 3
        @staticmethod
        def plain(x): return x + 4
    def twice(function):
        @functools.wraps(function)
        def wrapper(x): return 2 * function(x)
        return wrapper
    def bare(function):
        return lambda x: 3 * function(x)
    @twice
    def wrapped(x): return x
    @bare
    def unwrapped(x): return x
    def power(x, n): return x ** n
    square = functools.partial(power, n=2)
    short = lambda x: x + 9
    predictor = Predictor()
    def outer():
        def inner(x): return x
        return inner
    def closing(n):
        return lambda x: x + n
    """


@pytest.mark.parametrize(
    ("expression", "entry", "result"),
    [
        ("m.predictor", "predictor", 4),
        ("m.predictor.run", "predictor.run", 5),
        ("m.Predictor.made", "Predictor.made", 6),
        ("m.Predictor.plain", "Predictor.plain", 7),
        ("m.wrapped", "wrapped", 6),
        ("m.unwrapped", "unwrapped", 9),
        ("m.square", "square", 9),
        ("m.short", "short", 12),
    ],
)
def test_callables_of_every_kind_that_a_name_leads_to(project, called, expression, entry, result):
    project(callables=CALLABLES)
    import callables

    source = closure({"predict": eval(expression, {"m": callables})})
    assert source.entries == {"predict": f"callables:{entry}"}
    assert source.warnings == ()
    assert called(source) == str(result)


ADVICE = "def it at the top level of a module"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("lambda x: x", f"predict is a lambda, which cannot be found again by name: {ADVICE}"),
        ("m.closing(1)", f"predict is a lambda, which cannot be found again by name: {ADVICE}"),
        ("m.outer()", f"predict is defined inside of outer(), so another process cannot find it: {ADVICE}"),
        ("m.Predictor()", f"predict is a Predictor that no global name leads to: {ADVICE}"),
        ("m.Predictor().run", f"predict is a method of a Predictor that no global name leads to: {ADVICE}"),
        ("partial(m.power, n=2)", f"predict is a partial function that no global name leads to: {ADVICE}"),
        ("m.wrapped.__wrapped__", f"predict is not what callables.wrapped leads to: {ADVICE}"),
        ("7", "predict is no function, but a int"),
    ],
)
def test_callables_that_no_name_leads_to_are_told(project, expression, why):
    project(callables=CALLABLES)
    import callables

    source = closure({"predict": eval(expression, {"m": callables, "partial": functools.partial})})
    assert source == ({}, {}, (why,))


def test_functions_of_c_and_of_packages_need_no_source():
    import numpy as np

    given = {"load": math.sqrt, "predict": np.mean, "preprocess": len, "postprocess": np.exp}
    source = closure(given)
    assert source.files == {}
    assert source.warnings == ()
    assert source.entries == {
        "load": "math:sqrt",
        "predict": "numpy:mean",
        "preprocess": "builtins:len",
        "postprocess": "numpy:exp",
    }


def test_a_module_that_answers_whatever_it_is_asked_is_passed_over(project, called, monkeypatch):
    class Namespace(types.ModuleType):  # as torch.classes is
        def __getattr__(self, name):
            return Namespace(f"{self.__name__}.{name}")

    class Broken(types.ModuleType):
        def __getattribute__(self, name):
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "answers", Namespace("answers"))
    monkeypatch.setitem(sys.modules, "raises", Broken("raises"))
    project(serve="def predict(x):\n    return x + 1\n")
    assert called(closure({"predict": importlib.import_module("serve").predict})) == "4"


def test_an_object_that_raises_at_every_look_is_a_warning():
    class Trap:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __call__(self, x): ...

    assert closure({"predict": Trap()}).warnings == ("predict cannot be looked at (RuntimeError): def it in a module",)


def test_modules_that_answer_to_every_name_harm_nobody(project, monkeypatch):
    class Odd(types.ModuleType):
        def __getattr__(self, name):
            return 7

    class Strange:
        __module__ = 7

    project(serve="import importlib\ndef predict(x): return importlib.import_module(x)")
    import serve

    serve.odd, serve.Strange, serve.strange = Odd("odd"), Strange, Strange()
    monkeypatch.setitem(sys.modules, "odd", serve.odd)
    monkeypatch.setitem(sys.modules, "none", None)
    monkeypatch.setitem(sys.modules, "no_module", object())
    source = closure({"predict": serve.predict})
    assert "serve.py" in source.files
    assert source.warnings == ()


def test_whatever_goes_wrong_is_a_warning(monkeypatch):
    monkeypatch.setattr("sycee.capture.source.loaded_locals", lambda: 1 / 0)
    assert closure({"predict": math.sqrt}) == (
        {},
        {},
        ("the source of predict could not be captured: ZeroDivisionError: division by zero",),
    )


def test_source_that_cannot_be_parsed_or_read_is_a_warning(project):
    root = project(serve="import broken, gone\ndef predict(x): return x", broken="", gone="")
    import serve

    (root / "broken.py").write_text("def (:\n")
    (root / "gone.py").unlink()
    source = closure({"predict": serve.predict})
    assert names(source) == ["broken.py", "serve.py"]
    assert source.warnings == (
        "the source of gone cannot be read",
        "broken.py is no Python that can be read here: what it imports is not followed",
    )


def test_a_file_that_no_model_folder_may_hold_is_left_out(project):
    project(serve="import aux\ndef predict(x): return aux.N", aux="N = 1")
    import serve

    source = closure({"predict": serve.predict})
    assert names(source) == ["serve.py"]
    assert source.warnings == ("the source 'aux.py' is left out: it has the component 'aux.py', a device on Windows",)


def test_source_with_a_secret_is_told(project):
    project(serve=f"# above\nKEY = 'AKIA{'A' * 16}'\ndef predict(x): return KEY")
    import serve

    assert closure({"predict": serve.predict}).warnings == (
        (
            "serve.py, line 2, holds what looks like an AWS key: take it out, for the source is signed and shared with "
            "the model"
        ),
    )


def test_a_compiled_module_is_told(project):
    from importlib.machinery import EXTENSION_SUFFIXES

    root = project(serve="def predict(x):\n    import fast\n    return x")
    (root / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF")
    import serve

    assert closure({"predict": serve.predict}).warnings == (
        "fast is a compiled module, no source: install it as a package, so that the lock names it",
    )


def test_modules_of_a_zip_file(tmp_path, monkeypatch, project):
    import zipfile

    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "SIX = 6\n")
    monkeypatch.syspath_prepend(str(tmp_path / "code.zip"))
    project(serve="import zipped\ndef predict(x): return zipped.SIX")
    import serve

    assert closure({"predict": serve.predict}).files["zipped/__init__.py"] == b"SIX = 6\n"


def test_the_source_has_a_limit(project, monkeypatch):
    monkeypatch.setattr("sycee.capture.source.MAX_FILES", 2)
    project(serve="import one, two, three\ndef predict(x): return x", one="", two="", three="")
    import serve

    source = closure({"predict": serve.predict})
    assert len(source.files) == 2
    assert source.warnings[0].startswith("the source is more than 2 files or 20 MB, and cut off there")


GUARDED = """
    import helper
    SCALE = 2
    def predict(x): return helper.shift(x) * SCALE
    if __name__ == "__main__":
        import only_for_training
        trained = only_for_training.N
    """


def test_a_script_with_a_guard_is_taken_whole(project, script, called):
    project(helper="def shift(x): return x + 1", only_for_training="N = 1")
    main = script(GUARDED)
    source = closure({"predict": main.predict})
    assert source.entries == {"predict": "train:predict"}
    assert names(source) == ["helper.py", "train.py"]
    assert source.files["train.py"] == dedent(GUARDED).encode()
    assert source.warnings == ()
    assert called(source) == "8"


def test_a_script_that_trains_at_its_top_level_gives_only_what_is_needed(project, script, called):
    project(helper="def shift(x): return x + 1", trainer="def fit(n): raise_if_imported = n")
    main = script("""
        from __future__ import annotations
        import helper, trainer
        import math as m
        @trainer.fit  # no training: a decorator is not called here
        def never(x): ...
        LABELS = {}
        for i, name in enumerate(["a", "b"]):
            LABELS[name] = i
        SCALE = 2; OFFSET = SCALE + 5
        unused = 1
        class Net:
            factor = SCALE
            def run(self, x): return helper.shift(x) * self.factor + OFFSET
        def predict(x, model=None):
            unused = 3
            return Net().run(x) + LABELS["b"]
        model = Net()
        trainer.fit(model)
        print("done")
        """)
    source = closure({"predict": main.predict})
    text = source.files["train.py"].decode()
    assert text.startswith('"""The statements of train.py that predict needs')
    for gone in ("trainer.fit", "unused = 1", "done", "math", "model = Net"):
        assert gone not in text
    assert called(source) == str(4 * 2 + 7 + 1)
    assert source.warnings == (
        (
            "what predict needs is computed at run time: LABELS (line 8); the frozen source computes it again when it "
            "is imported"
        ),
    )


def test_what_the_training_changes_is_told_and_never_trained_again(script, called):
    main = script("""
        class Model:
            def fit(self, data): self.best = max(data)
        model = Model()
        model.fit([1, 2])
        def predict(x): return model.best + x
        """)
    source = closure({"predict": main.predict})
    assert b"model.fit" not in source.files["train.py"]
    assert source.warnings == (
        (
            "what predict needs is computed at run time: model (line 4); the frozen source computes it again when it "
            "is imported"
        ),
        (
            "what predict uses is changed by the training: model (line 5); the frozen source does not train: give "
            "load=… and take it as an argument"
        ),
    )
    assert "AttributeError" in called(source)


def test_what_exists_only_behind_the_guard_is_told(script):
    main = script("""
        def predict(x): return model + x
        if __name__ == "__main__":
            model = 3
        """)
    main.model = 3
    assert closure({"predict": main.predict}).warnings == (
        (
            "what predict uses exists only while the script runs: model; set it at the top level, or give load=… and "
            "take it as an argument"
        ),
    )


@pytest.mark.parametrize(
    ("name", "module"), [("01-train.py", "main_01_train"), ("json.py", "main_json"), ("my.model.py", "my_model")]
)
def test_a_script_gets_a_name_that_can_be_imported_and_means_no_other_module(script, called, name, module):
    main = script("def predict(x): return x\nif __name__ == '__main__': pass", name)
    source = closure({"predict": main.predict})
    assert source.entries == {"predict": f"{module}:predict"}
    assert called(source) == "3"


def test_python_m_keeps_the_name_of_the_module(project, script, called):
    project(jobs__in____init__="", jobs__in__near="ONE = 1")
    main = script(
        """
        if __package__: from .near import ONE
        else: from jobs.near import ONE  # this test executes it without its package
        def predict(x): return x + ONE
        if __name__ == "__main__": pass
        """,
        "jobs/train.py",
        name="jobs.train",
        parent="jobs",
    )
    source = closure({"predict": main.predict})
    assert source.entries == {"predict": "jobs.train:predict"}
    assert names(source) == ["jobs/__init__.py", "jobs/near.py", "jobs/train.py"]
    assert called(source) == "4"


def test_a_prompt_and_an_unreadable_script_are_told(monkeypatch, script):
    main = script("def predict(x): return x")
    Path(main.__file__).write_text("def (")
    assert closure({"predict": main.predict}).warnings == (
        "predict cannot be frozen: its source is no Python as it is now: invalid syntax, line 1",
    )
    Path(main.__file__).unlink()
    source = closure({"predict": main.predict})
    assert source == ({}, {}, ("predict cannot be frozen: it was typed at a prompt: write it into a file",))


PAGE = Path(__file__).parents[2] / "docs/spec/source.md"


def test_the_example_of_the_page(script, called):
    given, expected = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    torch = types.ModuleType("torch")
    torch.nn = types.SimpleNamespace(Linear=lambda _a, _b: lambda x: x)
    torch.zeros = lambda _n: types.SimpleNamespace(sum=lambda: types.SimpleNamespace(backward=lambda: None))
    main = script(given.replace("import torch", "torch = given"), given=torch)
    Path(main.__file__).write_text(given)
    source = closure({"predict": main.predict})
    assert source.entries == {"predict": "train:predict"}
    assert source.files == {"train.py": expected.encode()}
    assert source.warnings == ()
