"""How a changed setting takes effect: at once, with other models, by a restart, or not yet.

A setting carries its class in its field's metadata (`Annotated[float, Reload.LIVE]`); a table's
class holds for the settings in it that say nothing themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


class Reload(StrEnum):
    """What a change of the setting costs."""

    LIVE = "live"
    """Nothing: it holds at once, and no stream notices."""
    STREAM = "stream"
    """The streams concerned connect anew; no other does."""
    MODELS = "models"
    """Other models are loaded and tried; with its next frame each stream begins anew with them."""
    WORKER = "worker"
    """The delivery to the sink concerned starts anew; what waits for it is kept."""
    PROCESS = "process"
    """It waits for the next start of the service."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting; the lists of sinks and of streams are one each."""

    path: str
    value: Any
    reload: Reload | None
    """None: somebody forgot to say; a house test finds it."""


def leaves(settings: BaseModel, path: str = "", inherited: Reload | None = None) -> Iterator[Leaf]:
    """Give every setting with its dotted path, in the order of the tables."""
    for name, field in type(settings).model_fields.items():
        own = next((mark for mark in field.metadata if isinstance(mark, Reload)), inherited)
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{path}{name}.", own)
        else:
            yield Leaf(path + name, value, own)


def keep_until_restart(
    running: M, wanted: M, path: str = "", inherited: Reload | None = None
) -> tuple[M, tuple[str, ...]]:
    """Take `wanted`, but what only a restart can change from `running`; list what that was."""
    kept: dict[str, Any] = {}
    waiting: list[str] = []
    for name, field in type(wanted).model_fields.items():
        own = next((mark for mark in field.metadata if isinstance(mark, Reload)), inherited)
        before, after = getattr(running, name), getattr(wanted, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            kept[name], inside = keep_until_restart(before, after, f"{path}{name}.", own)
            waiting.extend(inside)
        elif before != after and own in (Reload.PROCESS, None):
            kept[name] = before
            waiting.append(path + name)
    return wanted.model_copy(update=kept), tuple(waiting)


def changes(before: BaseModel, after: BaseModel) -> dict[str, Reload]:
    """Map the path of each setting that differs to its class."""
    old, new = ({leaf.path: leaf for leaf in leaves(one)} for one in (before, after))
    return {
        path: leaf.reload or Reload.PROCESS
        for path, leaf in {**old, **new}.items()
        if path not in old or path not in new or old[path].value != new[path].value
    }
