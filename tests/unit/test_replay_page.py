"""The page of a replay: everything that was found, nothing that runs, and pictures that show what a tensor is."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from rigs.goldens import record, results
from sycee.core.compare import compare
from sycee.formats.golden import Rule
from sycee.formats.replay import Change, Report
from sycee.formats.tensorfile import Tensor
from sycee.replay import page, picture

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
PIXELS = np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3)
LOGITS = np.float32([[1.5, -2.25, 0.0]])
THEN = {"preprocessed": PIXELS, "output": {"logits": LOGITS, "long": np.arange(300.0)}, "decision": {"label": "cat"}}


class Reader(HTMLParser):
    """Gathers elements, attributes and text, and demands that what is opened is closed."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, data):
        super().__init__()
        self.elements, self.attributes, self.texts, self._open = [], [], [], []
        self.feed(data.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def made(given=b"a sample", keep="stored", kind="text", name="", then=THEN, **here):
    """Return the page of a replay of one sample."""
    frozen, kept = record(Rule("exact"), keep=keep, given=given, **then)
    (sample,) = frozen.samples
    frozen = frozen._replace(samples=(sample._replace(input=sample.input._replace(kind=kind, name=name)),))
    found, tensors = results(**{**then, **here})
    compared = compare(frozen, kept, found, tensors)
    report = Report(
        model="silver",
        identity="sycee:abc",
        result="reproduced" if compared.level == "bit" else "differs",
        verdict=f"verdict {EVIL}",
        mode="here",
        network="none",
        demanded="bit",
        level=compared.level,
        stages=tuple(one.told for one in compared.stages),
        can=(Change("package", "pillow", "10.4.0", "9.1.0"), Change("source", "a.py", "a" * 64, "")),
        cannot=(Change("env", EVIL, "UTC", EVIL),),
        notes=(f"note {EVIL}",),
    )
    return page.render(report, page.Evidence(frozen, kept, {"0": given} if given else {}, found, tensors))


def test_everything_is_told():
    text = Reader(made(decision={"label": "dog"})).text
    for words in (
        "Replay of silver: differs",
        "identity sycee:abc",
        "What can explain it",
        "package pillow 10.4.0 9.1.0",
        "source a.py sha256 aaaaaaaaaaaa… not there",
        "What else is not as it was what name when frozen here variable",
        "input text, 8 bytes",
        "a sample",
        "preprocessed equal to the bit",
        "$.logits float32 [1, 3] expected 1.5 -2.25 0 here 1.5 -2.25 0 difference 0 0 0",
        "decision differs",
        "$.label was 'cat' and is 'dog'",
        "$.label cat dog",
    ):
        assert words in text


def test_nothing_runs_and_nothing_is_fetched():
    given = {"then": {**THEN, "decision": {EVIL: EVIL}}}
    data = made(EVIL.encode(), kind="file", name=EVIL.replace("/", ""), **given, decision={EVIL: "other"})
    found = Reader(data)
    assert "script" not in found.elements
    assert {(tag, name) for tag, name, _ in found.attributes if name in {"src", "href", "style", "action"}} == {
        ("img", "src")
    }
    assert all(value.startswith("data:image/png;base64,") for _, name, value in found.attributes if name == "src")
    assert [name for _, name, _ in found.attributes if name.startswith("on")] == []
    assert EVIL in "".join(found.texts)


def test_the_policy_allows_this_style_and_pictures_and_nothing_else():
    data = made().decode()
    style = re.search(r"<style>(.*?)</style>", data, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in data
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_the_same_again():
    assert made() == made()


@pytest.mark.parametrize(
    ("given", "kind", "shown"),
    [
        (b"\xff\xd8\xff rest", "file", '<img class="given" alt="the sample" src="data:image/jpeg;base64,'),
        (b"<svg onload=alert(1)>", "bytes", "<pre>3c 73 76 67 "),
        (b'{"a": "<b>"}', "json", "<pre>{&quot;a&quot;: &quot;&lt;b&gt;&quot;}</pre>"),
        ("ä".encode() * 3000, "text", "ä …</pre>"),
        (b"\xff\xfe", "text", "<pre>��</pre>"),
        (b"", "text", "not shown; sha256 e3b0c442"),
    ],
)
def test_inputs(given, kind, shown):
    assert shown in made(given, kind=kind).decode()


def test_large_images_are_not_shown():
    assert 'class="given"' not in made(b"\xff\xd8\xff" + bytes(page.MAX_IMAGE), kind="bytes").decode()


def test_what_is_equal_is_shown_once():
    assert made().decode().count("<figure>") == 2
    other = PIXELS.copy()
    other[0, 0, 0] += 1
    assert made(preprocessed=other).decode().count("<figure>") == 4


@pytest.mark.parametrize(
    ("here", "words"),
    [
        ({"preprocessed": PIXELS[:8]}, "$ uint8 [16, 24, 3] uint8 [8, 24, 3]"),
        ({"preprocessed": None}, "$ uint8 [16, 24, 3] nothing"),
        ({"decision": {}}, "$.label cat not there"),
        ({"decision": {"label": "cat", "more": b"z"}}, "$.more not there sha256 594e519a"),
        ({"output": {"logits": LOGITS * np.nan, "long": np.arange(300.0)}}, "here nan nan nan difference nan nan nan"),
    ],
)
def test_another_form_is_told(here, words):
    assert words in Reader(made(**here)).text


def test_what_was_not_kept_is_said():
    assert "its elements were not kept; sha256" in Reader(made(keep="")).text


def test_many_values_are_counted():
    many = [f"value {number}" for number in range(100)]
    text = Reader(made(then={"output": many})).text
    assert "and 76 more values" in text
    other = [*many[:-1], "another"]
    assert (
        "$[99] value 99 another" in Reader(made(then={"output": many}, output=other)).text
    )  # what differs comes first


def tensor(array):
    return Tensor(array.dtype.name, array.shape, array.tobytes())


def shown(one):
    return np.asarray(Image.open(io.BytesIO(one.png)))


def test_an_image_is_shown_as_it_is():
    pictures = picture.of(tensor(PIXELS), tensor(PIXELS))
    assert (shown(pictures.expected)[:, :, :3] == PIXELS).all()
    assert (shown(pictures.expected)[:, :, 3] == 255).all()


@pytest.mark.parametrize("shape", [(3, 16, 24), (1, 3, 16, 24), (1, 16, 24, 3), (16, 24, 4)])
def test_images_of_any_layout_are_found(shape):
    values = np.random.default_rng(0).random(shape, np.float32)
    expected = picture.of(tensor(values), tensor(values)).expected
    assert (expected.height, expected.width) == (16, 24)


def test_where_two_differ_is_shown():
    other = PIXELS.copy()
    other[3, 5, 1] ^= 1
    apart = shown(picture.of(tensor(PIXELS), tensor(other)).apart)
    assert [tuple(at) for at in np.argwhere(apart[:, :, 1] < 200)] == [(3, 5)]


def test_large_images_become_small_and_vectors_strips():
    large = picture.of(tensor(np.zeros((1000, 2000), np.uint8)), tensor(np.zeros((1000, 2000), np.uint8)))
    assert (large.expected.width, large.expected.height) == (250, 125)
    vector = tensor(np.arange(100_000, dtype=np.float32))
    strip = picture.of(vector, vector).expected
    assert (strip.width, strip.height) == picture.STRIP


def test_what_is_no_number_has_a_place_and_no_colour():
    values = np.full(40, np.nan, np.float32)
    values[0], values[1] = 1.0, np.inf
    pictures = picture.of(tensor(values), tensor(values[::-1].copy()))
    assert shown(pictures.expected)[0, :, 3].tolist() == [255, 255] + [0] * 38
    assert shown(pictures.apart)[0, :, 3].tolist() == [255] * 40


@pytest.mark.parametrize("array", [np.zeros((0, 3), "f4"), np.zeros(2, "c8")])
def test_there_is_no_picture_of_nothing(array):
    assert picture.of(tensor(array), tensor(array)) is None


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint16", "float16", "float64"])
def test_every_type_has_a_picture(dtype):
    values = np.arange(32).astype(dtype)
    assert picture.of(tensor(values), tensor(values[::-1].copy())).apart.width == 32
