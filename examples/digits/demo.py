"""``make demo``: the whole story of sycee on a real model, from an empty folder to a server that refuses a forgery.

Every step is a command that you could type; the demo types it for you and stops at the first surprise.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOLD, DIM, GREEN, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("",) * 4
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
            (("NAME", "sycee demo"), ("EMAIL", "demo@example.org"))}  # fmt: skip


class Demo:
    """A narrator with a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.cwd = folder
        self.steps = 0
        self.environ = {**os.environ, **IDENTITY, "DVC_NO_ANALYTICS": "1"}
        self.environ["SYCEE_STATE"] = str(folder.parent / "state")  # what is remembered here stays here

    def step(self, title: str, why: str) -> None:
        """Announce what comes next, in a line or two."""
        self.steps += 1
        print(f"\n{BOLD}{self.steps}. {title}{RESET}\n   {why}")

    def type(self, *words: str | Path, expect: int = 0) -> str:
        """Run a command as a person would, show it and what it says, and insist on its exit code."""
        shown = ["python" if word == sys.executable else str(word) for word in words]
        print(f"   {GREEN}${RESET} {shlex.join(shown)}")
        done = subprocess.run(
            list(map(str, words)),
            cwd=self.cwd,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in done.stdout.rstrip().splitlines():
            print(f"     {DIM}{line}{RESET}")
        if done.returncode != expect:
            sys.exit(f"the demo expected exit code {expect} and got {done.returncode}")
        if expect:
            print(f"     {DIM}(exit code {expect}){RESET}")
        return done.stdout

    def python(self, script: str, *words: str | Path) -> str:
        """Run one of the demo's scripts."""
        return self.type(sys.executable, script, *words)


def make_repository(demo: Demo) -> None:
    """Git, sycee, a remote, data."""
    demo.step("A repository", "sycee lives in Git; its repositories are plain DVC repositories.")
    demo.type("git", "init", "-q", "-b", "main")
    demo.type("sycee", "init")
    demo.type("sycee", "remote", "add", "-d", "store", demo.cwd.parent / "store")
    for script in ("net.py", "data.py", "train.py", "serve.py"):
        shutil.copy(HERE / script, demo.cwd)
    demo.step("Data", "1797 handwritten digits become files; Git keeps the pointer, the cache keeps the bytes.")
    demo.python("data.py", "data/digits")
    demo.type("sycee", "add", "data/digits")
    demo.type("git", "add", "-A")
    demo.type("git", "commit", "-qm", "data and code")


def train_and_release(demo: Demo, version: str, *options: str) -> None:
    """Train, freeze, sign, commit, tag, push."""
    accuracy = demo.python("train.py", "--version", version, *options).split("test accuracy ")[1].split()[0]
    if float(accuracy) <= 0.97:
        sys.exit(f"the demo expected a test accuracy over 0.97 and got {accuracy}")
    demo.type("sycee", "sign", "models/digits", "--key", "../training.key")
    word = ("--countersign", "--signed-by", "../training.key.pub")
    demo.type("sycee", "sign", "models/digits", "--key", "../release.key", *word)
    demo.type("git", "add", "-A")
    demo.type("git", "commit", "-qm", f"digits {version}")
    demo.type("git", "tag", f"digits@v{version}")
    demo.type("sycee", "push")


def decide_who_is_trusted(demo: Demo) -> None:
    """A trust file outside of the repository, a channel, and a version that is good and not wanted."""
    trust, both = "../trust.toml", ("--key", "../training.key.pub", "--key", "../release.key.pub")
    demo.step("Who is trusted", "A file that no repository can change: both must have signed, release names versions.")
    demo.type("sycee", "-q", "trust", "init", *both, "--model", "digits", trust)
    demands = 's/^threshold = 1/threshold = 2/; s/^formats = .*/formats = ["torch"]/'
    demo.type("sed", "-i", f'{demands}; $a[roles.channel]\\nmembers = ["release"]', trust)
    demo.type("sycee", "trust", "show", "--trust", trust)
    demo.step(
        "A channel", "production names the second version; this machine remembers, and follows no older statement."
    )
    demo.type("sycee", "channel", "set", "models/digits", "production", "--key", "../release.key", "--expires", "90d")
    demo.type("git", "add", "-A")
    demo.type("git", "commit", "-qm", "digits 2.0.0 to production")
    asked = ("sycee", "-q", "verify", "models/digits", "--trust", trust, "--channel", "production")
    demo.type(*asked)
    demo.step("Refused: the older version, signed by both", "Each of its signatures is good. It is not production.")
    demo.type("git", "checkout", "-q", "--no-overlay", "digits@v1.0.0", "--", "models/digits")
    demo.type("sycee", "checkout", "models/digits")
    demo.type(*asked, expect=13)
    demo.type("git", "checkout", "-q", "--no-overlay", "HEAD", "--", "models/digits")
    demo.type("sycee", "checkout", "models/digits")


def serve(demo: Demo) -> None:
    """The other side: clone, pull, verify, load."""
    demo.step("Another machine", "Git brings the pointers, the card and the signatures; sycee pull brings the weights.")
    demo.type("git", "clone", "-q", demo.cwd, demo.cwd.parent / "server")
    demo.cwd = demo.cwd.parent / "server"
    demo.type("git", "-c", "advice.detachedHead=false", "checkout", "-q", "digits@v1.0.0")
    demo.type("sycee", "pull")
    demo.type("sycee", "verify", "models/digits", "--key", "../training.key.pub")
    demo.step("Serve it", "sycee.load hands out exactly the bytes it verified; the outputs are those of the training.")
    demo.python("serve.py", "models/digits", "../training.key.pub", "data/digits")
    demo.step(
        "Does it come out the same?", "The frozen code runs on the golden samples, without network, and is compared."
    )
    demo.type("sycee", "replay", "models/digits", "--key", "../training.key.pub")
    demo.step("Without Git", "A container needs only the folder: exported, verified and loaded there too.")
    demo.type("sycee", "export", "models/digits", "../container", "--key", "../training.key.pub")
    demo.type("sycee", "verify", "../container", "--key", "../training.key.pub")
    demo.python("serve.py", "../container", "../training.key.pub", "data/digits")


def check_with_other_tools(demo: Demo) -> None:
    """The same signature and folder, checked by what every machine has."""
    demo.step("Trust nobody, not even sycee", "openssl checks the signatures, sha256sum the folder, dvc the storage.")
    server, demo.cwd = demo.cwd, demo.cwd / "models" / "digits"
    public = "../../../training.key.pub"
    for signed in ("model.pt", "SHA256SUMS"):
        demo.type("openssl", "dgst", "-sha256", "-verify", public, "-signature", f"{signed}.sig", signed)
    demo.type("sha256sum", "--check", "--strict", "SHA256SUMS")
    demo.cwd = server
    if shutil.which("dvc"):
        demo.type("rm", "-rf", "models/digits/model.pt", ".dvc/cache")
        demo.type("dvc", "pull", "-q")
        demo.type("sha256sum", "models/digits/model.pt")
        demo.type("sycee", "verify", "models/digits", "--key", "../training.key.pub")
    else:
        print("     dvc is not installed; pip install dvc, and `dvc pull` restores the same weights")


def refuse(demo: Demo) -> None:
    """Four ways to spoil a version, and what sycee says to each."""
    original = demo.cwd.parent / "container"
    demo.step("Refused: one flipped byte in the weights", "A disk, a network or a hand changed one bit.")
    weights = _copy(original, "flipped") / "model.pt"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    _verify(demo, weights.parent, expect=11)

    demo.step("Refused: one edited metric", "Somebody made the card look better.")
    card = _copy(original, "edited") / "model_card.yaml"
    card.write_text(card.read_text().replace("test_acc: 0.9", "test_acc: 0.99", 1))
    _verify(demo, card.parent, expect=11)

    demo.step("Refused: an older release put back", "Version 1's weights and their valid signature under version 2.")
    demo.type("git", "-c", "advice.detachedHead=false", "checkout", "-q", "digits@v2.0.0")
    demo.type("sycee", "pull")
    demo.type("sycee", "export", "models/digits", "../rolled-back", "--key", "../training.key.pub")
    rolled_back = original.parent / "rolled-back"
    for name in ("model.pt", "model.pt.sig"):
        demo.type("cp", "-f", original / name, rolled_back / name)
    _verify(demo, rolled_back, expect=11)

    demo.step("Refused: a file that nobody signed", "Python would import it.")
    extra = _copy(original, "extended") / "sitecustomize.py"
    extra.write_text("print('not signed')\n")
    _verify(demo, extra.parent, expect=11)


def _copy(original: Path, name: str) -> Path:
    return Path(shutil.copytree(original, original.parent / name))


def _verify(demo: Demo, folder: Path, *, expect: int) -> None:
    demo.type("sycee", "verify", os.path.relpath(folder, demo.cwd), "--key", "../training.key.pub", expect=expect)


def main() -> None:
    """Tell the story."""
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="sycee-demo-"))
    demo = Demo(folder / "repo")
    demo.cwd.mkdir()
    make_repository(demo)
    demo.step("Keys", "One for who trains, one for who releases. Private halves stay with them; public ones travel.")
    for key in ("../training.key", "../release.key"):
        demo.type("sycee", "keygen", "--no-password", key)
    demo.step("Train, freeze, sign, push", "train.py ends in one sycee.freeze(...): weights, card, environment, data.")
    train_and_release(demo, "1.0.0")
    demo.type("cat", "models/digits/model_card.yaml")
    demo.step("A second version", "Wider, trained again; both are tagged, both are on the remote.")
    train_and_release(demo, "2.0.0", "--width", "24")
    decide_who_is_trusted(demo)
    serve(demo)
    check_with_other_tools(demo)
    refuse(demo)
    print(f"\n{BOLD}Done in {time.monotonic() - begun:.0f} s.{RESET} Look around in {folder}")


if __name__ == "__main__":
    main()
