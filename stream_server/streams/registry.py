"""The streams: which there are, their runners, and how many more fit."""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import structlog

from pipeline.interfaces import Source
from pipeline.types import StreamId
from stream_server.alerts import AlertBook
from stream_server.evidence.keeper import EvidenceKeeper
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse
from stream_server.problems import Conflict, NoCapacity, NotFound
from stream_server.settings import Settings
from stream_server.specs import StreamSpec
from stream_server.store import StorageError, Store
from stream_server.streams.assembly import Assembly
from stream_server.streams.enrolment_book import EnrolmentBook
from stream_server.streams.entry import Kind, StreamEntry, StreamView, sample_of, view_of
from stream_server.streams.memory_book import MemoryBook
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
        models: ModelsInUse,
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
        store: Store,
        evidence: EvidenceKeeper,
        memories: MemoryBook,
    ) -> None:
        self._book, self._enrolments = SpecBook(store), EnrolmentBook(store)
        self._assembly = Assembly(
            settings, models, hub, alerts, metrics, self._enrolments, evidence, memories
        )
        self._entries: dict[StreamId, StreamEntry] = {}
        self._collector = StreamCollector(self._samples, self.slots, alerts.open_alerts)
        metrics.collect_from(self._collector)

    async def start(self) -> None:
        """Start what is configured, then what was added before the restart."""
        for spec in self._assembly.settings.streams:
            self._launch("configured", spec)
        stored, faults = await asyncio.to_thread(self._book.read)
        for fault in faults:
            log.warning("stored_stream_unusable", reason=fault)
        for spec in stored:
            if spec.id in self._entries or self.slots()["free"] == 0:
                log.warning("stored_stream_left_out", stream=spec.id)
                continue
            self._launch("added", spec)
        await asyncio.to_thread(self._restore_enrolments)

    def _restore_enrolments(self) -> None:
        try:
            kept = self._enrolments.restore({spec.id for spec in self._assembly.settings.streams})
        except StorageError as error:
            log.warning("enrolments_unreadable", reason=str(error))
            return
        for stream_id in kept.keys() & self._entries.keys():
            self._entries[stream_id].enroller.restore(kept[stream_id])

    async def stop(self) -> None:
        """Stop all streams side by side; their open alerts are closed."""
        entries, self._entries = list(self._entries.values()), {}
        # A thread each: a reader that hangs in the network takes its whole five seconds.
        with ThreadPoolExecutor(max(1, len(entries))) as threads:
            stops = (self._end(entry, "The service was stopped.", threads) for entry in entries)
            await asyncio.gather(*stops)

    def runners(self) -> list[StreamRunner]:
        """What runs, to be watched over."""
        return [entry.runner for entry in self._entries.values()]

    def views(self) -> list[StreamView]:
        """List all streams, in the order they were added."""
        return [view_of(entry) for entry in self._entries.values()]

    def view(self, stream_id: StreamId) -> StreamView:
        """Look a stream up.

        Raises:
            NotFound: there is none of that id.
        """
        return view_of(self.entry(stream_id))

    def entry(self, stream_id: StreamId) -> StreamEntry:
        """Find a stream with all that belongs to it.

        Raises:
            NotFound: there is none of that id.
        """
        entry = self._entries.get(stream_id)
        if entry is None:
            raise NotFound(f"There is no stream {stream_id}.")
        return entry

    def slots(self) -> dict[str, int]:
        """Count the places of configured and added streams: used and free."""
        used = sum(entry.spec is not None for entry in self._entries.values())
        return {"used": used, "free": max(0, self._assembly.settings.server.max_streams - used)}

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
            places = self._assembly.settings.server.max_streams
            raise NoCapacity(
                f"All {places} places for streams are taken: remove one or raise"
                " server.max_streams."
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
        """Replace an added stream's spec; only a new source or rule restarts it.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the settings, or from a WebRTC sender.
            StorageError: the change cannot be kept; nothing was changed.
        """
        entry = self._changeable(stream_id)
        await asyncio.to_thread(self._book.save, spec)
        await self._become(entry, spec)
        return self.view(stream_id)

    async def _become(self, entry: StreamEntry, spec: StreamSpec) -> bool:
        """Go by another spec; says whether the stream had to be restarted."""
        before = entry.spec or spec
        moved = before.source != spec.source
        anew = moved or before.preset != spec.preset
        entry.spec, entry.recorder.name = spec, spec.name
        if anew:
            await self._end(entry, "The stream was changed.")
            try:
                if moved:
                    await asyncio.to_thread(entry.enroller.forget)
            finally:  # a disk that is full costs no stream
                self._relaunch(entry, spec)
        log.info("stream_changed", stream=spec.id, restarted=anew)
        return anew

    def _relaunch(self, entry: StreamEntry, spec: StreamSpec) -> None:
        if self._entries.get(entry.stream_id) is entry:  # it may have been removed meanwhile
            self._launch(entry.kind, spec)

    async def remove(self, stream_id: StreamId) -> None:
        """Stop an added stream and forget it.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the settings, or from a WebRTC sender.
            StorageError: it would be back after a restart; nothing was changed.
        """
        entry = self._changeable(stream_id)
        await asyncio.to_thread(self._book.delete, stream_id)
        await self._drop(entry)

    async def _drop(self, entry: StreamEntry) -> None:
        self._entries.pop(entry.stream_id, None)
        await self._end(entry, "The stream was removed.")
        await asyncio.to_thread(entry.enroller.forget)
        log.info("stream_removed", stream=entry.stream_id)

    def adjust(self, settings: Settings) -> None:
        """Let every stream go by the settings that need no restart, from its next frame on."""
        self._assembly.settings = settings
        for entry in self._entries.values():
            entry.tuning.settings = self._assembly.analyzer_settings(entry.preset)

    async def follow(self, specs: Collection[StreamSpec]) -> list[StreamId]:
        """Make the configured streams those of `specs`; say which began anew or ended."""
        wanted = {StreamId(spec.id): spec for spec in specs}
        present = {e.stream_id: e for e in self._entries.values() if e.kind == "configured"}
        for spec in (wanted[i] for i in wanted if i not in present):
            self._launch("configured", spec)
        both = [i for i in wanted if i in present and present[i].spec != wanted[i]]
        renewed = await asyncio.gather(*(self._become(present[i], wanted[i]) for i in both))
        await asyncio.gather(*(self._drop(present[i]) for i in present if i not in wanted))
        anew = [i for i, restarted in zip(both, renewed, strict=True) if restarted]
        return sorted(wanted.keys() ^ present.keys()) + anew

    async def restart(self, apart_from: Collection[StreamId]) -> list[StreamId]:
        """Restart what can connect again; a WebRTC sender goes on as it is."""
        chosen = [(e, e.spec) for e in self._entries.values() if e.stream_id not in apart_from]
        pairs = [(entry, spec) for entry, spec in chosen if spec is not None]
        await asyncio.gather(*(self._end(e, "The settings were changed.") for e, _ in pairs))
        for entry, spec in pairs:
            self._relaunch(entry, spec)
        await asyncio.to_thread(self._restore_enrolments)
        return [entry.stream_id for entry, _ in pairs]

    async def attach_webrtc(
        self, stream_id: StreamId, name: str, source: Source, preset: str | None = None
    ) -> None:
        """Analyse a WebRTC session's frames until `detach`; its own limits admitted it.

        Raises:
            Conflict: the id is taken.
        """
        self._refuse_twin(stream_id)
        self._prepare(stream_id, name, "webrtc", None, source, preset).runner.start()

    async def detach(self, stream_id: StreamId) -> None:
        """Stop the analysis of a WebRTC session; harmless when it is gone."""
        entry = self._entries.get(stream_id)
        if entry is not None and entry.kind == "webrtc":
            del self._entries[stream_id]
            await self._end(entry, "The sender left.")

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
        entry = self.entry(stream_id)
        if entry.kind != "added":
            where = "the settings" if entry.kind == "configured" else "its sender"
            raise Conflict(f"The stream {stream_id} belongs to {where}: change it there.")
        return entry

    def _refuse_twin(self, stream_id: StreamId) -> None:
        if stream_id in self._entries:
            raise Conflict(f"There is a stream {stream_id} already.")

    def _launch(self, kind: Kind, spec: StreamSpec) -> None:
        self._prepare(StreamId(spec.id), spec.name, kind, spec).runner.start()

    def _prepare(
        self,
        stream_id: StreamId,
        name: str,
        kind: Kind,
        spec: StreamSpec | None,
        source: Source | None = None,
        preset: str | None = None,
    ) -> StreamEntry:
        """Take a place in the table; nothing runs yet."""
        label, preset = self._label(stream_id, kind), spec.preset if spec else preset
        entry = self._assembly.make(stream_id, name, kind, spec, source, label, preset)
        self._entries[stream_id] = entry
        return entry

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
