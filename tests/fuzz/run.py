"""Coverage-guided fuzzing: ``python tests/fuzz/run.py 600 bundle card``, or of all targets, two at a time.

Begins with the vectors and the kept corpus, and keeps what reached new code: the corpus is written back as one archive.
An input that ends in another error than ours, takes more than ten seconds or more than a gigabyte ends the run.
"""

import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sycee"]):
    import targets

MAX_INPUT = 16 << 10  # bytes
MAX_KEPT = 300  # inputs in an archive, the shortest
MAX_KEPT_SIZE = 4 << 10  # bytes of one of them


def kept(name: str) -> list[bytes]:
    """Return the corpus of former runs."""
    archive = targets.KEPT / f"{name}.zip"
    if not archive.is_file():
        return []
    with zipfile.ZipFile(archive) as opened:
        return [opened.read(one) for one in opened.namelist()]


def keep(name: str, corpus: Path) -> None:
    """Write the corpus as one archive that is the same for the same inputs."""
    reached = {data for one in corpus.iterdir() if len(data := one.read_bytes()) <= MAX_KEPT_SIZE}
    inputs = sorted(reached - {*targets.TARGETS[name].seeds()}, key=lambda data: (len(data), data))[:MAX_KEPT]
    targets.KEPT.mkdir(exist_ok=True)
    with zipfile.ZipFile(targets.KEPT / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(inputs):
            archive.writestr(zipfile.ZipInfo(f"{number:03}"), data, zipfile.ZIP_DEFLATED)


def fuzz(name: str, seconds: str) -> int:
    """Fuzz one target in a process of its own, and keep the corpus whatever that process ends with."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, dictionary = Path(folder, "corpus"), Path(folder, "words")
        corpus.mkdir()
        given = targets.TARGETS[name].seeds()
        for number, data in enumerate([*given, *kept(name)]):
            (corpus / f"seed-{number}").write_bytes(data)
        dictionary.write_text(targets.as_dictionary(given))
        options = [f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", "-timeout=10", "-rss_limit_mb=1024"]
        options += [f"-dict={dictionary}", f"-artifact_prefix={targets.KEPT.parent}/crash-{name}-", str(corpus)]
        done = subprocess.run(
            [sys.executable, __file__, "--one", name, *options], stderr=subprocess.PIPE, text=True, check=False
        )
        keep(name, corpus)
    print(
        f"{name}: exit code {done.returncode}", *done.stderr.splitlines()[-40 if done.returncode else -1 :], sep="\n  "
    )
    return done.returncode


def main() -> None:
    """Fuzz the targets that are named, or all."""
    if sys.argv[1] == "--one":
        target = targets.TARGETS[sys.argv[2]]
        atheris.Setup([sys.argv[0], *sys.argv[3:]], lambda data: _one(target, data))
        atheris.Fuzz()
        return
    seconds, *names = sys.argv[1:]
    with ThreadPoolExecutor(max_workers=2) as pool:
        codes = list(pool.map(lambda name: fuzz(name, seconds), names or targets.TARGETS))
    sys.exit(any(codes))


def _one(target: targets.Target, data: bytes) -> None:
    targets.refused(target, data)


if __name__ == "__main__":
    main()
