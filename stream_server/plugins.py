"""Finds sources and sinks: `type = "webhook"` names a file of the folder, imported only then."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from stream_server.redact import redact

ROOT = Path(__file__).parent


def types_in(folder: str) -> dict[str, str]:
    """Type -> module name, for "sources" or "sinks".

    The type is the file's name up to its first underscore, so that a file may avoid the name of
    the library that it wraps (`av_url.py` is "av"). Files that settings cannot name have no
    `Config`; the webrtc source is such a one: its streams come from peers.
    """
    files = sorted((ROOT / folder).glob("[a-z]*.py"))
    return {file.stem.split("_")[0]: file.stem for file in files if _has_config(file)}


def _has_config(file: Path) -> bool:
    return "\nclass Config(" in file.read_text(encoding="utf-8")


def module_of(folder: str, type_name: str) -> ModuleType:
    """Import the one file that a type names.

    Raises:
        ValueError: there is no such type.
    """
    known = types_in(folder)
    if type_name not in known:
        raise ValueError(f"type {type_name!r} is none of {', '.join(known)}")
    return importlib.import_module(f"stream_server.{folder}.{known[type_name]}")


def parse_config(folder: str, facts: object) -> BaseModel:
    """Check the settings of one source or sink with the `Config` of its own file.

    Raises:
        ValueError: no type, an unknown one, or a value that its `Config` refuses.
    """
    if isinstance(facts, BaseModel):
        return facts
    type_name = facts.get("type") if isinstance(facts, dict) else None
    if type_name is None:
        raise ValueError(f"a table with a type is needed: {', '.join(types_in(folder))}")
    config_type: type[BaseModel] = module_of(folder, str(type_name)).Config
    try:
        return config_type.model_validate(facts)
    except ValidationError as error:
        # pydantic's own text would show the values, and a value may be a secret.
        raise ValueError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Name each fault by its path, and never by the value that was given."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in fault["loc"])
        reason = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"]
        reason = reason.removeprefix("Value error, ")
        faults.append(f"{path}: {reason}" if path else reason)
    return redact("; ".join(faults))


def build(config: BaseModel, *args: Any) -> Any:
    """Call the file's `build` with its config."""
    module = importlib.import_module(type(config).__module__)
    return module.build(config, *args)
