"""Reads the settings: environment over file over defaults, secrets never from the file."""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
)

from pipeline.errors import SettingsError
from stream_server.plugins import explain
from stream_server.redact import redact
from stream_server.reload_class import leaves
from stream_server.settings import Settings

PREFIX = "FAKEWATCH_"
_NO_SETTINGS = "FAKEWATCH_TEST_"
"""Variables of the test suite begin like that."""
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OPEN_PASSWORD = re.compile(r"://[^\s:@/]*:(?!\$\{)[^\s]+@")
_SECRET_KEYS = ("token", "secret", "credential", "password")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each that is no default came from."""

    settings: Settings
    origins: Mapping[str, str]
    """Dotted path to "command line", "environment" or "file"."""


@dataclass(frozen=True, slots=True)
class SettingsReader:
    """Reads the same settings again: what the command line named at the start."""

    file: Path | None = None
    flags: Mapping[str, Mapping[str, Any]] | None = None

    def read(self) -> Loaded:
        """Read and check all of it anew.

        Raises:
            SettingsError: as `load_settings`.
        """
        from_file = _expand(_read_toml(self.file), os.environ.get, "") if self.file else {}
        settings = load_settings(self.file, self.flags)
        layers = {
            "command line": self.flags or {},
            "environment": {**EnvironmentWithoutFiles(Settings)()},
            "mounted": _read_secret_files(os.environ),
            "file": from_file,
        }
        found = ((leaf.path, _origin(leaf.path, layers.items())) for leaf in leaves(settings))
        return Loaded(settings, {path: origin for path, origin in found if origin is not None})


def _origin(path: str, layers: Iterable[tuple[str, Mapping[str, Any]]]) -> str | None:
    for origin, layer in layers:
        value: Any = layer
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return "environment" if origin == "mounted" else origin
    return None


class EnvironmentWithoutFiles(EnvSettingsSource):
    """The environment, less the variables that name a file with a secret."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            name: value for name, value in self.env_vars.items() if not name.endswith("_file")
        }


def load_settings(
    file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Read and check the settings; `flags` of the command line win over everything.

    Raises:
        SettingsError: no such file, bad TOML, an unknown key, a value out of bounds, a secret in
            the file, or a host that others can reach without a token.
    """
    _refuse_unknown_names(os.environ)
    from_file = _expand(_read_toml(file), os.environ.get, "") if file else {}
    from_secret_files = _read_secret_files(os.environ)

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                init_settings,
                EnvironmentWithoutFiles(settings_cls),
                InitSettingsSource(settings_cls, from_secret_files),
                InitSettingsSource(settings_cls, from_file),
            )

    try:
        return Layered(**dict[str, Any](flags or {}))
    except ValidationError as error:
        raise SettingsError(f"The settings cannot be used: {explain(error)}.") from None
    except ValueError as error:  # the environment source: a value that is no JSON
        raise SettingsError(f"The environment cannot be used: {redact(str(error))}.") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {file} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from error


def _refuse_unknown_names(environment: Mapping[str, str]) -> None:
    """Stop at a variable whose name holds a typing error: it would pass unnoticed."""
    for name in environment:
        if not name.upper().startswith(PREFIX) or name.startswith(_NO_SETTINGS):
            continue
        section = name[len(PREFIX) :].split("__")[0].lower()
        if section not in Settings.model_fields:
            known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
            raise SettingsError(f"{name} is no setting; names start with one of {known}.")


def _read_secret_files(environment: Mapping[str, str]) -> dict[str, Any]:
    """`FAKEWATCH_AUTH__TOKEN_FILE=/run/secrets/token` gives `auth.token` that file's content."""
    values: dict[str, Any] = {}
    for name, file in environment.items():
        if not (name.upper().startswith(PREFIX) and name.upper().endswith("_FILE")):
            continue
        *sections, key = name[len(PREFIX) : -len("_FILE")].lower().split("__")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = _read_secret(name, Path(file))
    return values


def _read_secret(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names {file}, which cannot be read as text.") from error


def _expand(value: Any, lookup: Callable[[str], str | None], path: str) -> Any:
    """Replace each `${NAME}` by the environment's value, escaped inside an address."""
    if isinstance(value, dict):
        return {key: _expand(item, lookup, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, lookup, f"{path}.{index}") for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    place = path.lstrip(".")
    if _holds_secret(place, value):
        raise SettingsError(
            f"{place}: secrets do not belong into the settings file; write ${{NAME}} there and"
            " put the secret into that environment variable."
        )
    return _REFERENCE.sub(lambda found: _value_of(found[1], "://" in value, lookup, place), value)


def _holds_secret(place: str, value: str) -> bool:
    is_secret = place.rpartition(".")[2] in _SECRET_KEYS and not _REFERENCE.fullmatch(value)
    return is_secret or bool(_OPEN_PASSWORD.search(value))


def _value_of(name: str, escape: bool, lookup: Callable[[str], str | None], place: str) -> str:  # noqa: FBT001
    value, file = lookup(name), lookup(f"{name}_FILE")
    if value is None and file is not None:
        value = _read_secret(f"{name}_FILE", Path(file))
    if value is None:
        raise SettingsError(f"{place}: the environment variable {name} is not set.")
    return quote(value, safe="") if escape else value
