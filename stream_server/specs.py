"""What a configured stream is: its id, its name and where its frames come from."""

import hashlib
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
)

from pipeline.comparison import presets
from stream_server.plugins import parse_config
from stream_server.redact import SecretUrl

RESERVED = ("webrtc", "other")
"""Labels that metrics use for something else."""


def _not_reserved(slug: str) -> str:
    if slug in RESERVED or slug.startswith("webrtc-"):
        raise ValueError(f"{slug!r} is reserved")
    return slug


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), AfterValidator(_not_reserved)]
"""Small letters, digits and "-": fit for a URL and a metric label."""

SourceConfig = Annotated[
    SerializeAsAny[BaseModel],
    BeforeValidator(lambda facts: parse_config("sources", facts)),
    Field(description="`type` names a file of stream_server/sources; the rest is its Config."),
]


def _known_preset(name: str) -> str:
    if name not in presets():
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(presets())}")
    return name


Preset = Annotated[str, AfterValidator(_known_preset)]
"""The name of a file of pipeline/presets."""


class StreamSpec(BaseModel):
    """A stream as it is configured. Dumped to JSON, its credentials are masked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=100)]
    source: SourceConfig
    preset: Preset | None = None
    """Judged by this known system's rule; None: by fakewatch's own."""

    @property
    def source_mark(self) -> str:
        """Tell one source from another without naming it: a hash of the masked settings."""
        return hashlib.sha256(self.source.model_dump_json().encode()).hexdigest()


def revealed(value: Any) -> Any:
    """Turn a spec, or any part of one, into plain JSON values with its secrets in the clear.

    Only for the database, whose file nobody else may read, and for merging a change into a spec.
    """
    if isinstance(value, BaseModel):
        return {name: revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, (SecretStr, SecretUrl)):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value
