"""Verbs of dvc that sycee has not: one sentence says what does their work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sycee.cli.leftverbs import instead_of
from sycee.cli.main import ALIASES, VERBS, main


@pytest.mark.parametrize("verb", ["import", "import-url", "update", "repro", "exp", "version", "metrics", "destroy"])
def test_a_verb_of_dvc_is_refused_with_the_command_that_does_the_work(verb, capsys):
    assert main([verb, "--some", "option"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    error, hint = printed.err.splitlines()
    assert error == f"error: sycee leaves '{verb}' to dvc"
    assert hint == f"hint: {instead_of(verb)}"
    assert "{}" not in hint
    assert main(["--dvc-exit-codes", verb]) == 254


def test_any_other_word_is_no_verb(capsys):
    assert instead_of("pusj") is None
    assert main(["pusj"]) == 2
    assert "did you mean push?" in capsys.readouterr().err


@pytest.mark.slow
def test_every_verb_of_the_real_dvc_is_one_of_ours_or_has_its_sentence():
    dvc = Path(sys.executable).with_name("dvc")
    helped = subprocess.run([dvc, "--help"], capture_output=True, text=True, check=True).stdout
    listed = helped.partition("Use `dvc command --help`")[2]
    lines = re.findall(r"^    ([a-z-]+)(?: \(([a-z-]+)\))?(?: |$)", listed, re.MULTILINE)
    words = {word for line in lines for word in line if word}
    assert len(words) > 40
    ours = VERBS.keys() | ALIASES.keys()
    assert [word for word in sorted(words - ours) if instead_of(word) is None] == []
    assert [word for word in sorted(ours) if instead_of(word)] == []
