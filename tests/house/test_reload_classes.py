"""Every setting says what a change of it costs, and docs/reload.md says the same."""

import re

from stream_server.reload_class import leaves
from stream_server.settings import Settings
from tests.house.repository import ROOT, text

ROW = re.compile(r"^\| `([a-z_.]+)` \| (live|models|stream|worker|process) \|$", re.MULTILINE)


def test_every_setting_has_a_class():
    assert [leaf.path for leaf in leaves(Settings()) if leaf.reload is None] == []


def test_the_document_says_the_class_of_every_setting():
    documented = dict(ROW.findall(text(ROOT / "docs" / "reload.md")))
    wrong = {}
    for leaf in leaves(Settings()):
        parts = leaf.path.split(".")
        paths = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        said = next((documented[path] for path in paths if path in documented), None)
        if said != leaf.reload:
            wrong[leaf.path] = (said, leaf.reload)
    assert wrong == {}
