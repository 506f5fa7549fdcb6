"""The serving example: a real service over HTTP that verifies and replays before it answers, or says why not."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from rigs.signed import fixed_key
from sycee.formats import trustfile
from sycee.ops.sign import sign

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVING = EXAMPLES / "serving"

FREEZE = """
import json, numpy, torch, sycee
from pathlib import Path
from net import Net, digits, load_net, predict, preprocess
torch.set_num_threads(1); torch.manual_seed(7)
folder = Path("digits"); folder.mkdir()
torch.save(Net(4).state_dict(), folder / "model.pt")
(folder / "config.json").write_text(json.dumps({"width": 4}))
images = numpy.arange(128, dtype="uint8").reshape(2, 1, 8, 8) % 17
sycee.freeze(folder, task="image-classification", metrics={"test_acc": 0.97}, training_config={}, data_version="v1",
             version="1.0.0", load=load_net, preprocess=preprocess, predict=predict, postprocess=digits,
             samples=list(images))
"""

TRUST = """
format = 1
[keys.release]
pem = \"\"\"
{pem}\"\"\"
[roles.release]
members = ["release"]
[[models]]
match = "digits"
signed_by = ["release"]
formats = ["torch"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A frozen and signed model, the service's two files, and a trust file."""
    root = tmp_path_factory.mktemp("serving")
    service = root / "service"
    service.mkdir()
    shutil.copy(EXAMPLES / "digits/net.py", service)
    shutil.copy(SERVING / "service.py", service)
    environ = {**os.environ, "UV_OFFLINE": "1", "HOME": str(root)}
    subprocess.run([sys.executable, "-c", FREEZE], cwd=service, env=environ, check=True, capture_output=True)
    shutil.move(service / "digits", root / "digits")
    sign(root / "digits", fixed_key())
    (root / "trust.toml").write_text(TRUST.format(pem=fixed_key().public.pem.decode()))
    return root


def command(made, model, port=0, service="service"):
    return [sys.executable, made / service / "service.py", model, "--port", str(port)]


def environment(made):
    return {**os.environ, "SYCEE_TRUST": str(made / "trust.toml"), "HOME": str(made)}


@contextlib.contextmanager
def served(made):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(command(made, made / "digits", port), env=environment(made), stderr=subprocess.PIPE)
    try:
        yield Client(port, process)
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()


class Client:
    def __init__(self, port, process):
        self.base, self.process = f"http://127.0.0.1:{port}", process

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}{path}", data, {"Content-Type": "application/json"})
        for _ in range(600):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                error.close()
                return error.code
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.1)
        raise AssertionError("it never answered")


def test_it_serves_and_says_what(made):
    with served(made) as service:
        told = service.ask("/model")
        assert (told["name"], told["version"]) == ("digits", "1.0.0")
        identity = subprocess.run(["sha256sum", made / "digits/SHA256SUMS"], capture_output=True, text=True, check=True)
        assert told["identity"] == f"sycee:{identity.stdout.split()[0]}"
        assert told["signers"] == [{"name": "release", "fingerprint": fixed_key().public.fingerprint}]
        assert told["replay"]["reproduced"] is True
        images = [[[0] * 8] * 8, [[16] * 8] * 8]
        answers = service.ask("/predict", {"images": images})["digits"]
        assert len(answers) == 2
        assert set(answers) <= set(range(10))
        assert service.ask("/predict", {"images": [[[0] * 7] * 8]}) == 422


def refused(made, model, *words, service="service", **environ):
    done = subprocess.run(
        [*command(made, model, service=service), *words],
        env=environment(made) | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda model: (model / "model.pt").write_bytes(b"other"), 11, "is not what was signed"),
        (lambda model: (model / "model.sig").unlink(), 12, "is not signed"),
        (lambda model: (model / "context/source/net.py").write_text("x = 1\n"), 11, "net.py"),
    ],
    ids=["weights", "unsigned", "code"],
)
def test_it_does_not_serve_what_was_tampered_with(made, tmp_path, spoil, code, words):
    model = tmp_path / "digits"
    shutil.copytree(made / "digits", model)
    spoil(model)
    found, told = refused(made, model)
    assert found == code
    assert words in told
    assert "hint: " in told


def test_it_does_not_serve_what_is_not_allowed_or_asked_wrongly(made, tmp_path):
    (tmp_path / "trust.toml").write_text((made / "trust.toml").read_text().replace('["torch"]', '["safetensors"]'))
    assert refused(made, made / "digits", SYCEE_TRUST=str(tmp_path / "trust.toml"))[0] == 13
    assert refused(made, made / "digits", "--channel", "production")[0] == 13
    assert refused(made, made / "digits", "--no-such-option")[0] == 2


def test_it_does_not_serve_what_answers_otherwise(made, tmp_path):
    """The weights are the signed ones; the service's own preprocessing is not that of the training."""
    other = made / "other"
    shutil.copytree(made / "service", other)
    (other / "net.py").write_text((other / "net.py").read_text().replace("div(16)", "div(15)"))
    code, told = refused(made, made / "digits", service="other")
    assert code == 15
    assert "preprocess" in told


def test_the_manifest_is_valid_and_gives_the_pods_no_more_than_they_need():
    manifests = list(yaml.safe_load_all((SERVING / "kubernetes.yaml").read_text()))
    for one in manifests:
        for version in ("1.29", "1.31"):
            kubernetes_validate.validate(one, version, strict=True)
    pod = next(one for one in manifests if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    for one in containers:
        assert one["securityContext"]["readOnlyRootFilesystem"] is True
        trust = next(mount for mount in one["volumeMounts"] if mount["name"] == "trust")
        assert trust["readOnly"] is True
    [service] = pod["containers"]
    assert next(mount for mount in service["volumeMounts"] if mount["name"] == "models")["readOnly"] is True


def test_the_trust_file_of_the_manifest_is_one(tmp_path):
    """With a key in the place of the blanks."""
    manifests = yaml.safe_load_all((SERVING / "kubernetes.yaml").read_text())
    text = next(one for one in manifests if one["kind"] == "ConfigMap")["data"]["trust.toml"]
    parsed = trustfile.parse(text.replace("0" * 64, fixed_key().public.fingerprint).encode(), "trust.toml")
    assert parsed.models[0].channel_serials == {"production": 1}
