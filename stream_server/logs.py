"""Logs: JSON lines on stdout, colours on a terminal, and nothing secret in either."""

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from stream_server.redact import redact

# Each of these says something per packet, frame, request or statement at its lower levels.
_QUIET = {
    "alembic": logging.WARNING,
    "aioice": logging.WARNING,
    "aiortc": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "libav": logging.ERROR,
    "sqlalchemy": logging.WARNING,
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
}


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Route every logger of the process, ours and the libraries', through one redacting formatter.

    Uncaught exceptions of all threads go the same way, since their text may hold an address with
    its password.
    """
    out = stream or sys.stdout
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(), processors=_rendering(terminal=out.isatty())
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
        library.setLevel(quiet)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def set_level(level: str) -> None:
    """Say more or less from now on."""
    logging.getLogger().setLevel(level.upper())


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(*, terminal: bool) -> list[Processor]:
    """From an event's facts to a line; redaction comes after every text has been made."""
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=False, default=str)
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        redact_event,
        _first_things_first,
        last,
    ]


def redact_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask secrets in every text of an event, however deep."""
    return {key: _redacted(value) for key, value in event.items()}


def _first_things_first(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Begin each line with when, how bad and what."""
    first = [key for key in ("timestamp", "level", "event", "logger") if key in event]
    return {**{key: event[key] for key in first}, **event}


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_redacted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("fakewatch").critical("uncaught_error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(facts: threading.ExceptHookArgs) -> None:
    if facts.exc_value is not None and facts.exc_type is not SystemExit:
        _log_uncaught(facts.exc_type, facts.exc_value, facts.exc_traceback)
