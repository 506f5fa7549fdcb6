"""The documents: current, complete, linked, and free of this machine."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from sycee.cli.main import SECTIONS as HELP_SECTIONS
from sycee.cli.main import VERBS, cli
from sycee.formats.dvcoptions import REMOTE_OPTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
SPEC_PAGES = sorted((DOCS / "spec").glob("*.md"))
SECTIONS = ["Terms", "Example", "Grammar", "Producer rules", "Consumer rules", "Limits", "Security notes"]

# Written in two parts each, so that this file does not contain what it looks for.
HOSTS = ["pypi." + "org", "pypi." + "python.org", "python" + "hosted.org", "conda." + "anaconda.org"]
MACHINE = ["/" + "work", "/" + "root", "/" + "opt"]
FOREIGN = re.compile(
    "|".join(re.escape(host) for host in HOSTS)
    + r"|(?<![\w.~$})…-])(?:"
    + "|".join(re.escape(folder) for folder in MACHINE)
    + r")/[\w.-]"
)


def repository_files() -> list[Path]:
    """Return every file that is, or is about to be, in Git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def pages() -> list[Path]:
    return [path for path in repository_files() if path.suffix == ".md"]


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def slugs(text: str) -> set[str]:
    """Return the anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in slugs(file.read_text())):
            yield target


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(verb: str) -> click.Command:
    return cli.get_command(click.Context(cli), verb)


def test_the_reference_is_current():
    assert (DOCS / "cli.md").read_text() == generator().page(), "run: python docs/generate_cli.py"


def test_the_reference_has_every_command():
    assert [words for words in generator().names() if len(words) == 1] == [(verb,) for verb in VERBS]


def test_the_help_has_sections_with_every_verb_once():
    printed = generator().help_of(())
    for title, verbs in HELP_SECTIONS.items():
        section = printed.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(verbs)
    assert len(VERBS) == sum(map(len, HELP_SECTIONS.values()))


def test_the_rules_of_the_design_are_numbered_in_order():
    text = (DOCS / "design.md").read_text().partition("## Read and write ordering")[2].partition("\n## ")[0]
    rules = re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE)
    assert [int(number) for number, _ in rules] == list(range(1, len(rules) + 1))
    assert len({words for _, words in rules}) == len(rules)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_examples(verb):
    text = command(verb).help
    assert text
    assert "Examples:\n" in text
    assert re.search(rf"^ +.*\bsycee {verb}\b", text.partition("Examples:\n")[2], re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_examples_are_printed_line_by_line(verb):
    """As click does it after a backspace character alone on a line; not after a backslash and a ``b``."""
    printed = generator().help_of((verb,))
    assert "\n  Examples:\n" in printed
    assert "\\b" not in printed


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb in {"card", "data", "oms", "remote"}])
def test_every_word_after_a_verb_has_help(verb):
    assert all(sub.help for sub in command(verb).commands.values())


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_readme_names_every_verb_and_no_other(readme):
    rows = re.findall(r"^\| (`[a-z][^|]*`) \|", readme.read_text(), re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(rows))) == sorted(VERBS)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_readme_is_short(readme):
    assert len(readme.read_text().splitlines()) <= 120


def test_both_readmes_tell_the_same_session():
    sessions = [re.findall(r"^```console\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE) for path in READMES]
    assert sessions[0]
    assert sessions[0] == sessions[1]


@pytest.mark.parametrize("page", SPEC_PAGES, ids=lambda path: path.stem)
def test_every_format_has_a_whole_page(page):
    text = page.read_text()
    assert re.match(r"# .+\n\nStatus: ", text)
    found = [title for title in re.findall(r"^## (.+)$", prose(text), re.MULTILINE) if title in SECTIONS]
    assert found == SECTIONS


def test_the_index_has_every_page():
    linked = set(re.findall(r"\]\(((?:spec|adr)/[^)#]+)\)", (DOCS / "README.md").read_text()))
    assert linked == {
        path.relative_to(DOCS).as_posix() for folder in ("spec", "adr") for path in DOCS.glob(f"{folder}/*.md")
    }


def test_decisions_are_numbered_and_short():
    found = sorted((DOCS / "adr").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    for number, path in enumerate(found, 1):
        text = path.read_text()
        assert text.startswith(f"# {number}. ")
        assert len(text.splitlines()) <= 40, path.name


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", [DOCS / "design.md", *DOCS.glob("*/*.md")], ids=lambda path: path.stem)
def test_files_that_are_named_exist(page):
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.(?:py|json))`", page.read_text()))
    places = (ROOT / "src/sycee", ROOT)
    assert {name for name in named if not any((place / name).is_file() for place in places)} == set()


def test_no_file_knows_this_machine_or_an_index():
    found = {}
    for path in repository_files():
        if match := FOREIGN.search(path.read_bytes().decode(errors="replace")):
            found[path.relative_to(ROOT).as_posix()] = match[0]
    assert found == {}


@pytest.mark.parametrize(
    ("text", "is_foreign"),
    [
        (f"see https://{HOSTS[0]}/project/x", True),
        (f"cd {MACHINE[0]}/main", True),
        (f"'{MACHINE[2]}/venv/bin'", True),
        (f"models{MACHINE[0]}/x", False),
        (f"~{MACHINE[0]}/x", False),
        (f"…{MACHINE[0]}/x", False),
        ("/srv/models", False),
    ],
)
def test_the_search_for_foreign_text_can_fail(text, is_foreign):
    assert bool(FOREIGN.search(text)) is is_foreign


SECTIONS_OF_REMOTES = {
    "": "A folder",
    "s3": "S3 and MinIO",
    "gs": "Google Cloud Storage",
    "azure": "Azure Blob Storage",
    "http": "HTTP and HTTPS",
}


@pytest.mark.parametrize("scheme", SECTIONS_OF_REMOTES)
def test_every_option_of_a_remote_is_explained(scheme: str) -> None:
    text = (DOCS / "remotes.md").read_text()
    general = text.partition("Every kind has")[2].partition("\n")[0]
    section = text.partition(f"## {SECTIONS_OF_REMOTES[scheme]}\n")[2].partition("\n## ")[0]
    rows = "".join(line.partition(" | ")[0] for line in section.splitlines() if line.startswith("| `"))
    explained = set(re.findall(r"`(\w+)`", general + rows))
    assert set(REMOTE_OPTIONS[scheme]) - {"url"} <= explained
    assert set(re.findall(r"`(\w+)`", rows)) <= set(REMOTE_OPTIONS[scheme])
