"""Serve a model over HTTP. Nothing is served that was not verified, and ``/model`` tells what is.

    SYCEE_TRUST=/etc/sycee/trust.toml python service.py models/digits --channel production

A model that is refused ends the process with the exit code of the refusal: 11 tampered with, 12 not signed, 13 not
allowed here or expired, 14 its parts contradict each other, 15 it answers otherwise than at training, 2 wrong options.
"""

import argparse
import json
import sys
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, HTTPException
from net import Net, digits, load_net, predict, preprocess
from pydantic import BaseModel

import sycee
from sycee.errors import ReplayMismatch, SyceeError
from sycee.ops.loaded import LoadedModel

SHAPE = (8, 8)  # of an image; values 0 to 16


class Images(BaseModel):
    """A request: grey images of 8 by 8 pixels from 0 to 16."""

    images: list[list[list[int]]]


def network(model: LoadedModel) -> Net:
    """Return the network with the very weights that were verified."""
    net = Net(json.loads(model.read("config.json"))["width"])
    net.load_state_dict(model.torch())
    return net.eval()


def replayed(model: LoadedModel) -> dict[str, Any]:
    """Run the golden samples through the functions that serve, and insist that they give what they gave at training."""
    found = model.replay(load=load_net, preprocess=preprocess, predict=predict, postprocess=digits)
    if not found.reproduced:
        raise ReplayMismatch(found.report.verdict)
    return {"reproduced": True, "verdict": found.report.verdict}


def make_app(model: LoadedModel, replay: dict[str, Any]) -> FastAPI:
    """Return the service around a verified model."""
    net = network(model)
    app = FastAPI(title=model.name)

    @app.get("/model")
    def described() -> dict[str, Any]:
        """What is served, and who vouches for it."""
        return {
            "name": model.name,
            "version": model.version,
            "identity": f"sycee:{model.identity}",
            "signers": [{"name": one.name, "fingerprint": one.fingerprint} for one in model.signers],
            "replay": replay,
            "warnings": list(model.warnings),
        }

    @app.post("/predict")
    def predicted(asked: Images) -> dict[str, list[int]]:
        """Return the digit of each image."""
        images = np.asarray(asked.images, dtype=np.uint8)
        if images.shape[1:] != SHAPE:
            raise HTTPException(422, f"each image must have {SHAPE[0]} by {SHAPE[1]} pixels")
        return {"digits": digits(predict(net, preprocess(images))).tolist()}

    return app


def main() -> None:
    """Verify, replay, serve; or say why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the model's folder")
    parser.add_argument("--channel", help="demand the version that this channel names: production")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        with sycee.load(options.model, channel=options.channel) as model:
            uvicorn.run(make_app(model, replayed(model)), host="127.0.0.1", port=options.port, log_level="warning")
    except SyceeError as error:
        print(f"not served: {error.message}\nhint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
