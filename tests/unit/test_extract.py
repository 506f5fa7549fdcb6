"""Which top-level statements functions need: nothing that matters is missed, nothing that trains is taken."""

from textwrap import dedent

import pytest

from sycee.core.extract import extract, runs_training, statements_of


def statements(text):
    return statements_of(dedent(text).strip(), lambda line: f"line {line}")


def taken(text, *names):
    """What is extracted, as the first line of each statement."""
    return [one.text.split("\n")[0] for one in extract(statements(text), names or ["predict"]).statements]


@pytest.mark.parametrize(
    "body",
    [
        "return N",
        "return [N for _ in x]",
        "return {i: [N for i in x] for i in x}",
        "return sorted(x, key=lambda y: y * N)",
        "def inner():\n        return N\n    return inner()",
        "class Inner:\n        size = N\n    return Inner.size",
        "class Inner:\n        def get(self):\n            return N\n    return Inner().get()",
        "global N\n    N += 1\n    return N",
        "return f'{N:{N}}'",
        "match x:\n        case 0 if N: return 1",
        "try:\n        return x\n    except N: pass",
        "with N as n: return n",
        "async def inner(): return [N async for _ in x]\n    return inner",
        "x: N = 1\n    return (lambda: (yield N))",
    ],
)
def test_names_in_every_scope_are_seen(body):
    source = f"N = 1\nM = 2\ndef predict(x, M=None):\n    {body}\n"
    assert taken(source) == ["N = 1", "def predict(x, M=None):"]


@pytest.mark.parametrize("head", ["def predict(x=N): ...", "def predict(x: N): ...", "def predict(x) -> N: ..."])
def test_names_in_a_head_are_seen(head):
    assert taken(f"N = 1\n{head}") == ["N = 1", head]


def test_decorators_bases_and_what_classes_look_up():
    source = """
        import wrap, meta
        NAME = "x"
        mean = 0.5
        class Base: ...
        class Model(Base, metaclass=meta.M):
            mean = mean
            name: str = NAME
        @wrap.twice
        def predict(x):
            return Model()
        """
    assert taken(source) == [
        "import wrap, meta", 'NAME = "x"', "mean = 0.5", "class Base: ...", "class Model(Base, metaclass=meta.M):",
        "@wrap.twice",
    ]  # fmt: skip


def test_a_name_means_what_it_means_at_the_end():
    source = """
        N = 1
        K = N
        N = 2
        unused = N
        def predict(x): return N + K
        """
    assert taken(source) == ["N = 1", "K = N", "N = 2", "def predict(x): return N + K"]
    assert taken("N = 1\nN = 2\ndef predict(x): return N") == ["N = 2", "def predict(x): return N"]


def test_what_changes_a_value_later_comes_along():
    source = """
        import torch
        vocab = {}
        vocab["a"] = 1
        vocab.update(b=2)
        vocab.pop("b")
        print(vocab)
        vocab_size = len(vocab)
        torch.set_default_dtype(torch.float64)
        torch.backends.cudnn.deterministic = True
        torch.save(vocab, "x")
        torch.zeros(1)
        names = []
        names += ["x"]
        for word in ("c", "d"):
            vocab[word] = len(vocab)
        try:
            import fast as impl
        except ImportError:
            impl = None
        if vocab_size: names.append("y")
        del vocab["c"]
        vocab.save("x")
        def predict(x): return vocab, names, impl, torch
        """
    assert taken(source) == [
        "import torch", "vocab = {}", 'vocab["a"] = 1', "vocab.update(b=2)", 'vocab.pop("b")',
        "vocab_size = len(vocab)", "torch.set_default_dtype(torch.float64)",
        "torch.backends.cudnn.deterministic = True", "names = []", 'names += ["x"]', 'for word in ("c", "d"):',
        "try:", 'if vocab_size: names.append("y")', 'del vocab["c"]',
        "def predict(x): return vocab, names, impl, torch",
    ]  # fmt: skip


def test_a_function_that_runs_at_the_top_level_has_what_it_needs_there():
    source = """
        BASE = 1
        def make(): return BASE + STEP
        STEP = 2
        table = make()
        BASE = 5
        def predict(x): return table
        """
    assert taken(source) == ["BASE = 1", "def make(): return BASE + STEP", "STEP = 2", "table = make()",
                             "def predict(x): return table"]  # fmt: skip


@pytest.mark.parametrize(
    "training",
    [
        "model.fit(X, y)",
        "for epoch in range(3):\n    loss = model(X)\n    loss.backward()\n    model.steps += 1",
        "model = train(model)",
        "with sycee.training('m', task='t') as run: model = 3",
        "model = await fetch()",
        "better = model.learn()\nmodel = better",
    ],
)
def test_what_trains_is_never_taken_and_told(training):
    found = extract(statements(f"model = 1\nX = y = 2\n{training}\ndef predict(x): return model"), ["predict"])
    text = "".join(one.text for one in found.statements)
    assert not any(word in text for word in ("fit(", "backward", "train", "await", "learn"))
    assert dict(found.trained).keys() & {"model", "better"}


@pytest.mark.parametrize(
    ("statement", "is_computed"),
    [
        ("N = 3", False),
        ("N = [1, 2] * 3", False),
        ("N = transforms.Compose([transforms.Resize(224)])", False),
        ("N = tuple(range(3))", False),
        ("N = lambda x: open(x)", False),
        ("N = json.load(open('labels.json'))", True),
        ("N = AutoTokenizer.from_pretrained('x')", True),
        ("N = own()", True),
        ("N = Own(1)", True),
        ("with open('x') as f: N = f.read()", True),
        ("N = np.loadtxt('x')", True),
        ("K = own()\nN = K + 1", True),
    ],
)
def test_what_looks_computed_at_run_time_is_told(statement, is_computed):
    head = "import json, np, transforms\nfrom transformers import AutoTokenizer\ndef own(): ...\nclass Own: ...\n"
    found = extract(statements(f"{head}{statement}\ndef predict(x): return N"), ["predict"])
    assert ("N" in dict(found.computed)) is is_computed


def test_what_is_set_nowhere_is_told_unless_a_star_may_set_it():
    source = "def predict(x): return missing + len(x) + int(__file__ == '') + n\nfor n in (1, 2): pass"
    assert extract(statements(source), ["predict"]).unset == ("missing",)
    starred = extract(statements(f"from anywhere import *\n{source}"), ["predict"])
    assert starred.unset == ()
    assert starred.statements[0].text == "from anywhere import *"


def test_statements_on_one_line_and_comments_stay_whole():
    source = """
        A = 1; B = 2  # both
        # above
        C = (  # inside
            3
        )
        def predict(x): return B + C
        """
    found = extract(statements(source), ["predict"]).statements
    assert [one.text for one in found] == ["B = 2", "C = (  # inside\n    3\n)", "def predict(x): return B + C"]
    assert [one.place for one in found] == ["line 1", "line 3", "line 6"]


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("import x\ndef train(): fit()", False),
        ("model.fit(1)", True),
        ("args = parser.parse_args()", True),
        ("sys.exit(main())", True),
        ("x = input()", True),
        ("class A:\n    def train(self): self.fit()", False),
        ("sycee.freeze('m', task='t')", True),
        ("a, b = train_test_split(x)", False),
    ],
)
def test_what_would_train_or_end_the_process_that_imports_it(source, runs):
    assert runs_training(statements(source)) is runs


def test_a_chain_of_a_thousand_statements_is_no_matter():
    source = "\n".join(["x0 = 0", *(f"x{n} = x{n - 1} + 1" for n in range(1, 1000)), "def predict(x): return x999"])
    assert len(taken(source)) == 1001
