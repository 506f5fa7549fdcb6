"""Every line below ``Examples:`` in a ``--help`` works when it is typed; those of a command one after the other."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

from rigs.signed import write_model
from rigs.warm import Done, run_warm
from sycee.cli.main import VERBS, cli

pytestmark = pytest.mark.slow

_BLOCK = re.compile(r"Examples:\n((?: {2,}\S.*\n?)+)")
_SHELL = set("&|;<>$*'\"~")

# A repository as the lines take it for granted, with all that they name. Each line runs in the folder ``repo``.
WORLD = """\
git init -q --bare ../origin && git init -q && git remote add origin ../origin && git init -q ../ner
sycee init
sycee remote add -d shared ../shared
sycee remote add backup ../backup
sycee keygen release.key --no-password
sycee keygen ci.key --password-file ../secrets/password
sycee add models/bert/model.pt
sycee sign models/bert --key release.key
mkdir data data/train data/conll models/t5 && cp models/bert/model{.pt,.pt.sig,_card.yaml} models/t5
for f in data/train/labels.csv data/conll/dev data/a.tmp; do echo $f > $f; done && echo '*.tmp' > .dvcignore
mv models/t5/model.pt.sig . && mv models/t5/model_card.yaml draft.yaml && cp models/t5/model.pt .
sycee add data/train data/conll models/t5 model.pt
git add -A . ':!models/ner' && git commit -qm one && git tag v1.0 && git tag bert@v1.0.0 && git branch experiment-202405
echo 2 >> models/bert/model.pt
sycee add models/bert/model.pt
sycee sign models/bert --key release.key
git commit -qam two && git tag v1.1 && git checkout -qb feature && echo more > data/conll/test
sycee add data/conll
git commit -qam three && git push -q --all && git push -q --tags && git remote set-head origin main
sycee push -A
sycee push -A -r backup
sycee -C ../ner init
sycee -C ../ner remote add -d store ROOT/store
sycee -C ../ner add models/ner/weights.bin
sycee -C ../ner push
cd ../ner && git add -A && git commit -qm one && git tag ner@v1.0.0
"""

# A trust file of whoever runs the machine, by which the models of the world are accepted; and somebody else's key.
TRUSTED = """\
cp release.key.pub alice.pub && sycee keygen bob --no-password && sycee keygen second.key --no-password
mkdir -p ../home/.config/sycee deploy && cp release.key.pub ../home/release.key.pub
cp TESTS/rigs/trust-of-examples.toml ../home/trust.toml
sed -i s/FINGERPRINT/$(sha256sum release.key.pub | cut -c1-64)/ ../home/trust.toml
"""
AS_DEFAULT = "cp ../home/trust.toml ../home/release.key.pub ../home/.config/sycee/ && cp ../home/* deploy/"
GOLDEN = (
    "rm -r models/bert/context && cd TESTS && python -m rigs.golden ROOT/repo/models/bert\n"
    "sycee sign models/bert --key release.key"
)
ON_CHANNEL = "git tag bert@v1.2.0 v1.0 && sycee channel set models/bert production --key release.key"
AS_TORCH = (
    'python -c \'import torch; torch.save({"w": torch.ones(2)}, "models/bert/model.pt")\'\n'
    "sycee add models/bert/model.pt\nsycee sign models/bert --key release.key"
)

# What a person has done before the lines of a command, beyond that. ROOT is as below.
BEFORE = {
    "replay": GOLDEN,
    "attest": f"sycee keygen my.key --no-password && sycee keygen second.key --no-password\n{GOLDEN}",
    "channel": TRUSTED,
    "channel set": TRUSTED + ON_CHANNEL,
    "channel sign": TRUSTED + ON_CHANNEL,
    "channel show": f"{TRUSTED}{AS_DEFAULT}\n{ON_CHANNEL}",
    "channel history": f"{ON_CHANNEL}\ngit add -A && git commit -qm production",
    "convert": AS_TORCH,
    "key show": TRUSTED + AS_DEFAULT,
    "scan": f"{AS_TORCH}\ncp models/bert/model.pt downloaded.pt",
    "sign": "sycee keygen kms --no-password && cp release.key.pub training.key.pub\n"
    "printf '#!/bin/sh\\nopenssl pkeyutl -sign -inkey kms -pkeyopt digest:$1\\n' > kms-sign && chmod +x kms-sign",
    "trust": TRUSTED,
    "trust check": TRUSTED + AS_DEFAULT,
    "trust explain": f"{TRUSTED}{AS_DEFAULT}\n{ON_CHANNEL}",
    "trust init": TRUSTED,
    "trust revoke": TRUSTED,
    "trust show": TRUSTED + AS_DEFAULT,
    "verify": TRUSTED + ON_CHANNEL,
    "init": "rm -rf .git .dvc",
    "add": "mkdir checkpoints && touch checkpoints/1.pt models/bert/model.safetensors models/bert/tokenizer.bin",
    "config": "sycee remote add store s3://bucket/models",
    "card import": "sycee card export models/bert --to hf -o README.md\n"
    "sycee card export models/bert --to cyclonedx -o bert.cdx.json",
    "freeze": "mkdir runs && echo weights > runs/best.pt && echo 'lr: 1e-5' > train.yaml && echo hello > hello.txt\n"
    "printf 'load = lambda folder: 2\\ndef predict(model, path): return path.read_text() * model\\n' > serve.py",
    "keygen": "rm *.key *.key.pub",
    "oms": "mkdir models/llm skill && echo weights > models/llm/model.bin && echo text > skill/SKILL.md\n"
    "sycee keygen vendor --no-password\n"
    "sycee oms sign models/llm --bundle llm.sig --key vendor\n"
    "openssl req -x509 -key vendor -subj '/CN=Vendor Signing 001' -addext keyUsage=digitalSignature "
    "-addext extendedKeyUsage=codeSigning -out vendor-root.pem\n"
    "sycee oms sign skill --bundle skill/skill.oms.sig --key vendor --certificate vendor-root.pem",
    "git-hook": "mkdir -p .git/hooks && printf '#!/bin/sh\\nmake lint\\n' > .git/hooks/pre-push",
}

# Where a line cannot be typed here as it is. ROOT is the folder around ``repo``.
HERE = {
    "TESTS": str(Path(__file__).parents[1]),
    "/mnt/": "ROOT/mnt/",
    "/srv/": "ROOT/srv/",
    "/run/secrets/": "ROOT/secrets/",
    "pre-commit install": "true",  # not a tool of this environment
    " --accept --sign my.key": "",  # on the machine of the record there is nothing to accept
    " --rebuild": "",  # it would bring every package of this environment; test_replay_rebuild brings a few
    "--not-in-remote": "--not-in-remote --force",  # it asks, and here is nobody
    "models/bert --keyless": "models/bert --key release.key",  # nobody here vouches for an identity
    "approval-2026-02-01-85ab6372ac59.json": "$(basename models/bert/records/approval-*.json)",
    "sycee:4b17…": "4b17" * 16,
    "trust explain models/bert": "trust explain models/bert || [ $? = 13 ]",  # a refusal is what it explains
}


def examples() -> dict[str, list[str]]:
    """Return the lines of each command, by the words that call it."""

    def walk(words: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, list[str]]]:
        for block in _BLOCK.findall(command.help or ""):
            yield " ".join(words), [line.strip() for line in block.splitlines()]
        for name, child in getattr(command, "commands", {}).items():
            yield from walk((*words, name), child)

    context = click.Context(cli)
    return dict(one for verb in VERBS for one in walk((verb,), cli.get_command(context, verb)))


def play(line: str, cwd: Path) -> Done:
    """Run a line, by a shell if it needs one; at home is a folder beside the working folder."""
    words, home = shlex.split(line), cwd.parent / "home"
    environ = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    if words[0] == "sycee" and not _SHELL & set(line):
        return run_warm("sycee", words[1:], cwd, environ)
    done = subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return Done(done.returncode, done.stdout, done.stderr)


def make_world(root: Path) -> None:
    for name in ("repo/models/bert", "repo/models/ner", "mnt/downloads/llama", "mnt/downloads/mixtral"):
        write_model(root / name)
    (root / "ner/models/ner").mkdir(parents=True)
    (root / "ner/models/ner/weights.bin").write_text("weights")
    (root / "srv/shared").mkdir(parents=True)
    (root / "secrets").mkdir()
    (root / "home").mkdir()
    (root / "secrets/password").write_text("a password\n")
    for line in WORLD.replace("ROOT", str(root)).splitlines():
        done = play(line, root / "repo")
        assert done.rc == 0, (line, done)


def failures(world: Path, place: Path, lines: list[str]) -> list[str]:
    """Return the lines that fail in a copy of the world, and how."""
    shutil.copytree(world, place, symlinks=True)
    wrong = []
    for line in lines:
        typed = line.replace("ROOT", str(place))
        for name, here in HERE.items():
            typed = typed.replace(name, here.replace("ROOT", str(place)))
        done = play(typed, place / "repo")
        if done.rc:
            wrong.append(f"{line}\n  exit code {done.rc}: {done.stdout}{done.stderr}")
    return wrong


def test_every_example_works(tmp_path, monkeypatch):
    monkeypatch.setenv("SYCEE_KEY_PASSWORD", "a password")
    world = tmp_path / "world"
    make_world(world)
    elsewhere = f"url.{world}/ner.insteadOf", "https://git.example.org/nlp/ner"
    subprocess.run(["git", "config", "--global", *elsewhere], check=True)
    found = examples()
    assert {words.split()[0] for words in found} == set(VERBS)

    def told(words: str) -> list[str]:
        return failures(world, tmp_path / words, [*BEFORE.get(words, "").splitlines(), *found[words]])

    with ThreadPoolExecutor(2) as pool:
        wrong = [one for each in pool.map(told, found) for one in each]
    assert not wrong, "\n".join(wrong)
