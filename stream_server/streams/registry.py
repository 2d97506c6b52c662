"""The streams: which there are, their runners, and how many more fit."""

import asyncio
import functools
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from pipeline.analyzer import StreamAnalyzer
from pipeline.interfaces import Source
from pipeline.load import Models
from pipeline.types import StreamId
from stream_server.alerts import AlertBook
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.problems import Conflict, NoCapacity, NotFound
from stream_server.settings import Settings
from stream_server.specs import StreamSpec
from stream_server.store import Store
from stream_server.streams.entry import Kind, StreamEntry, StreamView, opener_of, sample_of, view_of
from stream_server.streams.preview import Preview, Previewed
from stream_server.streams.recording import Recorder, new_alert_id
from stream_server.streams.runner import StreamRunner
from stream_server.streams.spec_book import SpecBook
from stream_server.streams.stream_metrics import MAX_LABELS, Sample, StreamCollector

log = structlog.get_logger("fakewatch.streams")

STOP_S = 5.0


class StreamRegistry:
    """All streams; lives on the event loop, and never blocks it.

    A place is taken before anything is waited for, so that twenty calls at once cannot share the
    last one.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
        store: Store,
    ) -> None:
        self._settings = settings
        self._models = models
        self._hub = hub
        self._alerts = alerts
        self._metrics = metrics
        self._book = SpecBook(store)
        self._entries: dict[StreamId, StreamEntry] = {}
        self._collector = StreamCollector(self._samples, self.slots, alerts.open_alerts)
        metrics.collect_from(self._collector)

    async def start(self) -> None:
        """Start what is configured, then what was added before the restart."""
        for spec in self._settings.streams:
            self._launch(spec.id, spec.name, "configured", spec)
        stored, faults = await asyncio.to_thread(self._book.read)
        for fault in faults:
            log.warning("stored_stream_unusable", reason=fault)
        for spec in stored:
            if spec.id in self._entries or self.slots()["free"] == 0:
                log.warning("stored_stream_left_out", stream=spec.id)
                continue
            self._launch(spec.id, spec.name, "added", spec)

    async def stop(self) -> None:
        """Stop all streams side by side; their open alerts are closed."""
        entries, self._entries = list(self._entries.values()), {}
        # A thread each: a reader that hangs in the network takes its whole five seconds.
        with ThreadPoolExecutor(max(1, len(entries))) as threads:
            stops = (self._end(entry, "The service was stopped.", threads) for entry in entries)
            await asyncio.gather(*stops)

    def views(self) -> list[StreamView]:
        """List all streams, in the order they were added."""
        return [view_of(entry) for entry in self._entries.values()]

    def view(self, stream_id: StreamId) -> StreamView:
        """Look a stream up.

        Raises:
            NotFound: there is none of that id.
        """
        return view_of(self._entry(stream_id))

    def preview(self, stream_id: StreamId) -> Preview:
        """Find the newest picture of a stream.

        Raises:
            NotFound: there is none of that id.
        """
        return self._entry(stream_id).preview

    def slots(self) -> dict[str, int]:
        """Count the places of configured and added streams: used and free."""
        used = sum(entry.spec is not None for entry in self._entries.values())
        return {"used": used, "free": max(0, self._settings.server.max_streams - used)}

    async def add(self, spec: StreamSpec) -> StreamView:
        """Add a stream, for good, and start it.

        Raises:
            Conflict: the id is taken.
            NoCapacity: there are `server.max_streams` already.
            StorageError: it cannot be kept.
        """
        stream_id = StreamId(spec.id)
        self._refuse_twin(stream_id)
        if self.slots()["free"] == 0:
            raise NoCapacity(
                f"All {self._settings.server.max_streams} places for streams are taken: remove one"
                " or raise server.max_streams."
            )
        entry = self._prepare(stream_id, spec.name, "added", spec)
        try:
            await asyncio.to_thread(self._book.save, spec)
        except BaseException:
            self._entries.pop(stream_id, None)
            raise
        entry.runner.start()
        log.info("stream_added", stream=stream_id)
        return view_of(entry)

    async def change(self, stream_id: StreamId, spec: StreamSpec) -> StreamView:
        """Replace an added stream's spec; only a new source restarts it.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the settings, or from a WebRTC sender.
            StorageError: the change cannot be kept; nothing was changed.
        """
        entry = self._changeable(stream_id)
        await asyncio.to_thread(self._book.save, spec)
        same_source = entry.spec is not None and entry.spec.source == spec.source
        entry.spec, entry.recorder.name = spec, spec.name
        if not same_source:
            await self._end(entry, "The stream was changed.")
            if self._entries.get(stream_id) is entry:
                self._launch(stream_id, spec.name, "added", spec)
        log.info("stream_changed", stream=stream_id, restarted=not same_source)
        return self.view(stream_id)

    async def remove(self, stream_id: StreamId) -> None:
        """Stop an added stream and forget it.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the settings, or from a WebRTC sender.
            StorageError: it would be back after a restart; nothing was changed.
        """
        entry = self._changeable(stream_id)
        await asyncio.to_thread(self._book.delete, stream_id)
        self._entries.pop(stream_id, None)
        await self._end(entry, "The stream was removed.")
        log.info("stream_removed", stream=stream_id)

    async def attach_webrtc(self, stream_id: StreamId, name: str, source: Source) -> None:
        """Analyse a WebRTC session's frames until `detach`; its own limits admitted it.

        Raises:
            Conflict: the id is taken.
        """
        self._refuse_twin(stream_id)
        self._launch(stream_id, name, "webrtc", None, source)

    async def detach(self, stream_id: StreamId) -> None:
        """Stop the analysis of a WebRTC session; harmless when it is gone."""
        entry = self._entries.get(stream_id)
        if entry is not None and entry.kind == "webrtc":
            del self._entries[stream_id]
            await self._end(entry, "The sender left.")

    def _entry(self, stream_id: StreamId) -> StreamEntry:
        entry = self._entries.get(stream_id)
        if entry is None:
            raise NotFound(f"There is no stream {stream_id}.")
        return entry

    def spec(self, stream_id: StreamId) -> StreamSpec:
        """Give the spec of an added stream, with its credentials, to be changed.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the settings, or from a WebRTC sender.
        """
        spec = self._changeable(stream_id).spec
        assert spec is not None  # noqa: S101 - added streams have one
        return spec

    def _changeable(self, stream_id: StreamId) -> StreamEntry:
        entry = self._entry(stream_id)
        if entry.kind != "added":
            where = "the settings" if entry.kind == "configured" else "its sender"
            raise Conflict(f"The stream {stream_id} belongs to {where}: change it there.")
        return entry

    def _refuse_twin(self, stream_id: StreamId) -> None:
        if stream_id in self._entries:
            raise Conflict(f"There is a stream {stream_id} already.")

    def _launch(
        self,
        stream_id: str,
        name: str,
        kind: Kind,
        spec: StreamSpec | None,
        source: Source | None = None,
    ) -> None:
        self._prepare(StreamId(stream_id), name, kind, spec, source).runner.start()

    def _prepare(
        self,
        stream_id: StreamId,
        name: str,
        kind: Kind,
        spec: StreamSpec | None,
        source: Source | None = None,
    ) -> StreamEntry:
        """Take a place in the table; nothing runs yet."""
        model = self._models.classifier.card.fingerprint
        recorder = Recorder(stream_id, name, model, self._hub, self._alerts, self._metrics)
        preview = Preview()
        runner = StreamRunner(
            stream_id,
            opener_of(stream_id, spec, source),
            functools.partial(self._analyzer, stream_id, preview),
            recorder.publish,
            self._settings.runner.as_runner_settings(self._models.provider),
            retry=spec is not None,
        )
        label = self._label(stream_id, kind)
        entry = StreamEntry(stream_id, kind, spec, recorder, runner, preview, label)
        self._entries[stream_id] = entry
        return entry

    def _analyzer(self, stream_id: StreamId, preview: Preview) -> Previewed:
        analyzer = StreamAnalyzer(
            stream_id,
            self._models,
            new_alert_id,
            self._settings.analyzer.as_analyzer_settings(),
            time.perf_counter,
        )
        return Previewed(analyzer, preview)

    def _label(self, stream_id: StreamId, kind: Kind) -> str:
        if kind == "webrtc":
            return "webrtc"
        labels = {entry.label for entry in self._entries.values()}
        return stream_id if len(labels) < MAX_LABELS else "other"

    async def _end(
        self, entry: StreamEntry, why: str, threads: ThreadPoolExecutor | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(threads, entry.runner.stop, STOP_S)
        await loop.run_in_executor(threads, entry.recorder.close_alerts, why)
        self._collector.retire(sample_of(entry))

    def _samples(self) -> list[Sample]:
        return [sample_of(entry) for entry in self._entries.values()]
