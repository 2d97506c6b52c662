"""Changes the settings of the running service: read, checked as a whole, then put in force."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from pipeline.errors import FakewatchError, SettingsError
from pipeline.load import Models
from pipeline.types import StreamId
from stream_server.configuration import Configuration
from stream_server.delivery import Dispatcher
from stream_server.logs import set_level
from stream_server.metrics import Metrics
from stream_server.model_swap import (
    ModelsInUse,
    fresh_models,
    report_calibration,
    return_memory,
)
from stream_server.outbox import Outbox
from stream_server.plugins import build
from stream_server.problems import Conflict
from stream_server.readiness import Canary
from stream_server.redact import redact
from stream_server.reload_class import Reload, changes, keep_until_restart
from stream_server.settings import Settings, sink_name
from stream_server.settings_file import Loaded
from stream_server.streams.registry import StreamRegistry
from stream_server.uploads.desk import Uploads
from stream_server.webrtc.from_settings import peer_settings_of, session_settings_of
from stream_server.webrtc.sessions import WebRtcSessions

log = structlog.get_logger("fakewatch.reloading")

_LOOK_EVERY_S = 0.25
_PATIENCE_S = 120.0
"""Longer no model takes to load and to answer a few pictures."""
_GONE_S = 20.0
"""By then no stream holds the models before; a dead one's analysis ends after half of that."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload did."""

    changed: dict[str, Reload]
    """Path of each setting that is in force now, with its class."""
    streams: list[StreamId]
    """Streams that were started, restarted or ended."""
    waiting: list[str]
    """Paths of settings that need a restart of the service."""
    models: list[str]
    """name@version@hash of the models that were taken; empty where they stayed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What goes by settings that may change."""

    models: ModelsInUse
    canary: Canary
    streams: StreamRegistry
    outbox: Outbox
    dispatcher: Dispatcher
    webrtc: WebRtcSessions
    uploads: Uploads

    def adjust(self, settings: Settings) -> None:
        """Put in force what costs nothing."""
        set_level(settings.server.log_level)
        self.canary.every_s = settings.models.canary_every_s
        self.streams.adjust(settings)
        self.webrtc.adjust(peer_settings_of(settings.webrtc), session_settings_of(settings.webrtc))
        self.uploads.adjust(settings)
        self.dispatcher.adjust(settings.storage.deliveries_per_minute)
        self.outbox.sinks = tuple(sink_name(sink) for sink in settings.sinks)


class Reloader:
    """One change at a time; a file that cannot be used changes nothing."""

    def __init__(self, configuration: Configuration, parts: Parts, metrics: Metrics) -> None:
        self._configuration, self._parts, self._metrics = configuration, parts, metrics
        self._lock = asyncio.Lock()
        # One thread for all models: malloc's memory of ever other threads would pile up.
        self._loader = ThreadPoolExecutor(1, "models")

    async def reload(self) -> Outcome:
        """Read everything anew and put it in force.

        Raises:
            SettingsError: it cannot be used, and nothing was changed.
            Conflict: a new stream has the id of an added one, and nothing was changed.
        """
        reader = self._configuration.reader
        if reader is None:
            raise SettingsError("This service was not started from settings that can be read.")
        async with self._lock:
            try:
                loaded = await asyncio.to_thread(reader.read)
                outcome = await self._apply(loaded)
            except FakewatchError as error:
                self._refuse(str(error))
                raise
        self._metrics.config_reloads.labels("applied").inc()
        log.info(
            "settings_reloaded",
            changed=sorted(outcome.changed),
            streams=outcome.streams,
            waiting=outcome.waiting,
            models=outcome.models,
        )
        return outcome

    def _refuse(self, reason: str) -> None:
        self._configuration.error = redact(reason)
        self._metrics.config_reloads.labels("refused").inc()
        log.error("settings_refused", reason=redact(reason))

    async def _apply(self, loaded: Loaded) -> Outcome:
        now = self._configuration
        before = now.settings
        after, waiting = keep_until_restart(before, loaded.settings)
        changed = changes(before, after)
        self._refuse_added(after)
        sinks = _new_sinks(before, after)
        ended = _ended_sinks(before, after)
        models = await self._load(before, after)
        # From here on nothing can be refused; the settings that cost nothing come first.
        now.settings, now.origins, now.waiting = after, loaded.origins, waiting
        now.error = None
        if changed or models:
            now.loaded_at = datetime.now(UTC)
        self._parts.adjust(after)
        if models is not None:
            await self._take(models, after)
        await self._parts.dispatcher.replace(sinks, ended)
        streams = await self._parts.streams.follow(after.streams)
        if any(cost is Reload.STREAM and path != "streams" for path, cost in changed.items()):
            streams += await self._parts.streams.restart(streams)
        taken = [card.fingerprint for card in models.cards] if models else []
        return Outcome(changed, streams, list(waiting), taken)

    async def _load(self, before: Settings, after: Settings) -> Models | None:
        """Load the models anew where they are others by now, beside those that run.

        Raises:
            SettingsError: they cannot be used.
        """
        running, loop = self._parts.models.now, asyncio.get_running_loop()
        loading = loop.run_in_executor(self._loader, fresh_models, running, before, after)
        try:
            return await asyncio.wait_for(loading, _PATIENCE_S)
        except TimeoutError as error:
            # The thread cannot be ended; what it may still load is dropped.
            self._loader = ThreadPoolExecutor(1, "models")
            text = f"models: they did not load and answer within {_PATIENCE_S:g} s."
            raise SettingsError(text) from error

    async def _take(self, models: Models, settings: Settings) -> None:
        self._parts.models.take(models)
        loop = asyncio.get_running_loop()
        loop.call_later(_GONE_S, loop.run_in_executor, self._loader, return_memory)
        report_calibration(settings.calibration, models)
        await asyncio.to_thread(self._parts.canary.ask)

    def _refuse_added(self, after: Settings) -> None:
        wanted = {spec.id for spec in after.streams}
        for view in self._parts.streams.views():
            if view.kind != "configured" and view.id in wanted:
                raise Conflict(f"streams: {view.id} was added on the page; remove it there first.")

    async def watch(self) -> None:
        """Reload when the file has changed and is written to the end, until cancelled."""
        reader = self._configuration.reader
        if reader is None or reader.file is None:
            return
        known = seen = await asyncio.to_thread(_mark, reader.file)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            before, seen = seen, await asyncio.to_thread(_mark, reader.file)
            # Two looks alike: whoever writes it has finished.
            if seen == before != known:
                known = seen
                await self.try_reload()

    async def try_reload(self) -> None:
        """Reload where nobody waits for an answer: a refusal is in the log and in /healthz."""
        try:
            await self.reload()
        except FakewatchError:
            return


def _mark(file: Path) -> tuple[int, int, int] | None:
    """Tell one state of the file from another; None while it is not there."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _by_name(settings: Settings) -> Mapping[str, Any]:
    return {sink_name(sink): sink for sink in settings.sinks}


def _new_sinks(before: Settings, after: Settings) -> dict[str, Any]:
    """Build what is new or was changed, before anything is put in force.

    Raises:
        SettingsError: one cannot be built.
    """
    old = _by_name(before)
    return {name: build(sink) for name, sink in _by_name(after).items() if old.get(name) != sink}


def _ended_sinks(before: Settings, after: Settings) -> list[str]:
    new = _by_name(after)
    return [name for name, sink in _by_name(before).items() if new.get(name) != sink]
