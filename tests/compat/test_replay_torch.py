"""The digits network of the examples: frozen, brought elsewhere, replayed; and what a service may do wrong with it."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import sycee
from rigs.signed import fixed_key
from sycee.ops.export import export
from sycee.ops.replay import ReplayRequest, replay
from sycee.ops.sign import sign
from sycee.ops.trustplace import Asked
from sycee.replay.runner import How

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def net():
    """The module with network and preprocessing."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield importlib.import_module("net")
    finally:
        sys.path.remove(str(EXAMPLE))
        sys.modules.pop("net", None)


@pytest.fixture(scope="module")
def elsewhere(net, tmp_path_factory):
    """The signed model, exported to another folder, with its public key beside it."""
    import numpy as np
    import torch

    place = tmp_path_factory.mktemp("digits")
    model = place / "model"
    model.mkdir()
    torch.manual_seed(3)
    torch.save(net.Net(4).state_dict(), model / "model.pt")
    (model / "config.json").write_text(json.dumps({"width": 4}))
    images = np.random.default_rng(0).integers(0, 17, (2, 1, 8, 8), "uint8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sycee.replay.calibrate.circumstances", lambda how: [("threads 1", How(1))])
        frozen = sycee.freeze(
            model,
            task="image-classification",
            data_version="none",
            load=net.load_net,
            preprocess=net.preprocess,
            predict=net.predict,
            postprocess=net.digits,
            samples=list(images),
        )
    assert frozen.card.values["golden"]["samples"] == 2, frozen.warnings
    sign(model, fixed_key())
    (place / "k.pub").write_bytes(fixed_key().public.pem)
    export(model, place / "served", asked=Asked(key=fixed_key().public))
    return place


def test_it_comes_out_the_same_elsewhere(elsewhere):
    done = replay(ReplayRequest(folder=elsewhere / "served", asked=Asked(key=elsewhere / "k.pub")))
    assert done.reproduced, done.report
    assert (done.report.level, done.report.demanded) == ("bit", "bit")
    assert len(done.report.stages) == 6


def brighter(images):
    """Return images with one pixel off by one."""
    changed = images.copy()
    changed[0, 0, 0] += 1
    return changed


def plants(net):
    """Return what a service does otherwise, by name: its functions, and the stage that must be named."""
    import torch

    own = {"load": net.load_net, "preprocess": net.preprocess, "predict": net.predict}

    def with_dropout(model, inputs):
        return net.predict(model, torch.nn.functional.dropout(inputs, 0.1, training=True))

    def with_other_weights(folder):
        model = net.load_net(folder)
        with torch.no_grad():
            model[0].weight[0, 0, 0, 0] += 0.01
        return model

    return {
        "one pixel": ({**own, "preprocess": lambda images: net.preprocess(brighter(images))}, "preprocessed"),
        "other scale": ({**own, "preprocess": lambda images: net.preprocess(images) * 16 / 255}, "preprocessed"),
        "dropout": ({**own, "predict": with_dropout}, "output"),
        "rounding": ({**own, "predict": lambda model, x: net.predict(model, x).round(decimals=2)}, "output"),
        "half": ({**own, "predict": lambda model, x: net.predict(model.half(), x.half()).float()}, "output"),
        "weights": ({**own, "load": with_other_weights}, "output"),
    }


def test_what_a_service_does_wrong_is_found_and_the_stage_named(net, elsewhere):
    with sycee.load(elsewhere / "served", key=elsewhere / "k.pub") as model:
        assert model.replay(load=net.load_net, preprocess=net.preprocess, predict=net.predict).reproduced
        for name, (functions, stage) in plants(net).items():
            report = model.replay(**functions).report
            assert report.result == "differs", name
            assert report.first.stage == stage, name
