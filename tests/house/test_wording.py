"""What people read: signs and advice, never a verdict about a person or a picture."""

import re

import pytest

from tests.house.repository import ROOT, files, short, text

VERDICT = re.compile(
    r"\b(?:it|this|face|person|picture|video|image|caller|stream) (?:is|was) (?:an? )?"
    r"(?:fake|real|deepfake|genuine|authentic|impostor)\b(?! (?:time|width|height))"
    r"|\b(?:deepfake|fake) detected\b|\bverified (?:real|genuine)\b",
    re.IGNORECASE,
)
CAREFUL = re.compile(r"(?:never|not|no proof|prove)[^.]*$", re.IGNORECASE)
SPOKEN_BY = ("pipeline/", "stream_server/", "README.md", "deploy/", "onnx_models/")
WHERE_ALERTS_ARE_READ = (
    "stream_server/web/js/words.js",
    "stream_server/sinks/log.py",
    "stream_server/commands/watch.py",
    "pipeline/report.py",
)


def test_nothing_is_called_fake_or_real():
    found = []
    for path in files(".py", ".js", ".html", ".md", ".json", ".yml", ".toml"):
        if short(path).startswith(SPOKEN_BY):
            page = _without_comments(path)
            found += [
                f"{short(path)}: {match[0]}"
                for match in VERDICT.finditer(page)
                if not CAREFUL.search(page[max(0, match.start() - 80) : match.start()])
            ]
    assert found == []


@pytest.mark.parametrize("place", WHERE_ALERTS_ARE_READ)
def test_an_alert_comes_with_the_advice_to_check_it_elsewhere(place):
    assert re.search(r"(?:by|through) another channel", text(ROOT / place))


def test_there_is_no_state_that_says_real():
    types = text(ROOT / "pipeline/types.py")
    states = re.search(r"class State\(StrEnum\):(.*?)\nclass ", types, re.DOTALL)[1]
    assert set(re.findall(r'= "(\w+)"', states)) == {"clear", "suspect", "alert", "insufficient"}


def _without_comments(path):
    """Docstrings of code speak to developers: "log-odds that the face is fake" is a definition."""
    page = text(path)
    return re.sub(r'"""(?s:.*?)"""|#.*|//.*', " ", page) if path.suffix in (".py", ".js") else page
