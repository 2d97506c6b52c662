"""config.example.toml is the reference manual: every setting is in it, with its default."""

import re
import tomllib

import pytest
from pydantic import BaseModel

from stream_server.settings import Settings
from stream_server.settings_file import load_settings
from tests.house.repository import ROOT, text

EXAMPLE = ROOT / "config.example.toml"
TABLES = ("sinks", "streams", "calibration")
"""Absent by default."""
NAMED_WITHOUT_DEFAULT = re.compile(r"^#(\w+) = ", re.MULTILINE)


def leaves(model: BaseModel, path: str = "") -> dict[str, object]:
    """Map section.name to its value, for every setting that is no table and no list of tables."""
    found: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{path}{name}.")
        elif name not in TABLES:
            found[path + name] = value
    return found


def written(table: dict[str, object], path: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= written(value, f"{path}{name}.")
        elif name not in TABLES:
            found[path + name] = value
    return found


def test_the_example_equals_the_defaults():
    assert load_settings(EXAMPLE).model_dump() == Settings().model_dump()


def test_every_setting_is_written_with_its_default():
    defaults = leaves(Settings())
    in_file = written(tomllib.loads(text(EXAMPLE)))
    without_default = {
        "auth.token",
        "models.directory",
        "server.tls_cert",
        "server.tls_key",
        "storage.database_url",
        "storage.path",
    }
    assert set(in_file) == set(defaults) - without_default
    for name, value in in_file.items():
        default = defaults[name]
        assert value == (list(default) if isinstance(default, tuple) else default), name


def test_what_has_no_default_is_named_too():
    names = NAMED_WITHOUT_DEFAULT.findall(text(EXAMPLE))
    assert sorted(names) == ["database_url", "directory", "path", "tls_cert", "tls_key", "token"]


@pytest.mark.parametrize("kind", ["sinks", "streams"])
def test_the_commented_examples_of_tables_can_be_used(kind, tmp_path, monkeypatch):
    """Uncommented, the examples of sinks and streams load."""
    for name in ("DESK_SECRET", "DESK_SECRET_OLD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, "a secret of the desk")
    monkeypatch.setenv("DESK_MAIL", "mailto://desk:secret@mail.example")
    monkeypatch.setenv("LOBBY_PASSWORD", "p@ss/w?rd#1%")
    copy = tmp_path / "example.toml"
    copy.write_text("\n\n".join(uncommented(block, kind) for block in text(EXAMPLE).split("\n\n")))
    settings = load_settings(copy)
    assert len(getattr(settings, kind)) == {"sinks": 6, "streams": 1}[kind]


def uncommented(block: str, kind: str) -> str:
    """Take the leading "# " off a block's table of that kind."""
    prose, head, table = block.partition(f"# [[{kind}]]")
    return prose + (head + table).replace("\n# ", "\n").removeprefix("# ")
