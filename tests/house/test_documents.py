"""What the documents say is true: verbs, files, links, decisions, dependencies."""

import re
import tomllib

import pytest

from stream_server.cli import verbs
from tests.house.repository import ROOT, files, short, text

DOCUMENTS = files(".md")
DECISIONS = [path for path in DOCUMENTS if path.parent == ROOT / "docs/adr"]
GUIDES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PROJECT = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]


def _code(path):
    """Everything set as code: blocks and spans."""
    page = text(path)
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return "\n".join(
        blocks + re.findall(r"`([^`\n]+)`", page) + re.findall(r"^ {4}\S.*", page, re.M)
    )


@pytest.mark.parametrize("path", GUIDES, ids=short)
def test_every_make_verb_that_is_named_exists(path):
    verbs = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", _code(path))) <= verbs


@pytest.mark.parametrize("path", GUIDES, ids=short)
def test_every_fakewatch_verb_that_is_named_exists(path):
    assert set(re.findall(r"^(?:\$ )?fakewatch ([a-z]+)", _code(path), re.MULTILINE)) <= set(
        verbs()
    )


@pytest.mark.parametrize("path", GUIDES, ids=short)
def test_every_option_that_is_named_exists(path):
    strays = []
    for verb, rest in re.findall(r"(?<!exec )\bfakewatch ([a-z]+)(.*)", _code(path)):
        source = text(ROOT / f"{verbs()[verb].replace('.', '/')}.py")
        strays += [f"{verb} {o}" for o in re.findall(r"--[a-z-]+", rest) if f'"{o}"' not in source]
    assert strays == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_every_link_to_a_file_leads_somewhere(path):
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text(path))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_file_of_the_pipeline_and_the_service_is_on_the_map():
    page = text(ROOT / "ARCHITECTURE.md")
    missing = [
        short(path)
        for path in files(".py")
        if path.relative_to(ROOT).parts[0] in ("pipeline", "stream_server")
        and path.stem != "__init__"
        and f"`{path.stem}.py`" not in page
    ]
    assert missing == []


def test_every_file_on_the_map_exists():
    names = set(re.findall(r"\b(\w+\.py)\b", text(ROOT / "ARCHITECTURE.md")))
    assert names - {path.name for path in files(".py")} == set()


@pytest.mark.parametrize("path", DECISIONS, ids=short)
def test_a_decision_is_one_short_page_with_its_reason(path):
    page = text(path)
    assert len(page.splitlines()) <= 40
    for part in ("Context", "Decision", "Consequences", "Rejected"):
        assert f"## {part}" in page


def test_decisions_are_numbered_without_gaps_and_listed():
    numbers = [int(path.name[:4]) for path in DECISIONS if path.name[0].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_changelog_has_a_place_for_what_is_new():
    assert "## Unreleased" in text(ROOT / "CHANGELOG.md")


def test_the_version_and_the_changelog_agree():
    released = re.findall(r"^## (\d+\.\d+\.\d+)", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert not released or released[0] == PROJECT["version"]


def test_every_dependency_is_justified_with_its_licence():
    page = text(ROOT / "docs/dependencies.md")
    justified = set(re.findall(r"^\| `([\w.-]+)` \|", page, re.MULTILINE))
    assert justified == {_name(wanted) for wanted in _wanted()}


def test_every_dependency_is_pinned_without_an_address():
    pins = text(ROOT / "constraints.txt").splitlines()
    lines = [line for line in pins if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    pinned = {_name(line) for line in lines}
    assert {_name(wanted) for wanted in _wanted()} - pinned - {"torch"} == set()


def test_the_readme_keeps_a_place_for_measured_numbers():
    page = text(ROOT / "README.md")
    assert page.index("<!-- benchmarks:start -->") < page.index("<!-- benchmarks:end -->")


def _wanted():
    extras = PROJECT["optional-dependencies"].values()
    return [*PROJECT["dependencies"], *(wanted for extra in extras for wanted in extra)]


def _name(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")
