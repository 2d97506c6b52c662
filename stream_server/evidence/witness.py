"""What one stream remembers of its newest seconds, in case an alert opens."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from pipeline.decode import VideoPacket
from pipeline.interfaces import Source
from pipeline.load import Models
from pipeline.types import AlertChange, AlertPhase, Analysis, Box, Frame, Reading, StreamId
from stream_server.evidence.case import Case, Material, Memory, Sample
from stream_server.evidence.footage import PacketTap
from stream_server.evidence.settings import EvidenceSettings, Mode
from stream_server.evidence.shots import EVERY_S, ShotRing
from stream_server.reports.strongest import StrongestFrames
from stream_server.streams.analyst import AnyAnalyzer


@runtime_checkable
class Tappable(Protocol):
    """A source that shows its encoded packets to whoever asks."""

    tap: Callable[[VideoPacket], None]


class Desk(Protocol):
    """Who takes over what would cost a stream's threads time; nothing here ever waits."""

    def open_case(self, witness: "Witness", case: Case) -> None:
        """Take an alert whose evidence is to be kept."""
        ...

    def offer_picture(self, shots: ShotRing, frame: Frame, at_s: float) -> None:
        """Take a picture that may be needed."""
        ...

    def hurry(self, stream_id: StreamId) -> None:
        """Wait for nothing more of this stream."""
        ...


class Witness:
    """Remembers within bounds; all it does on a stream's threads is to note and to copy crops."""

    def __init__(
        self,
        stream_id: StreamId,
        settings: EvidenceSettings,
        desk: Desk,
    ) -> None:
        self._stream_id, self._settings, self._desk = stream_id, settings, desk
        self._max_bytes = settings.buffer_mb * 2**20
        self._lock = threading.Lock()
        self._next_shot_s = 0.0
        self._tap: PacketTap | None = None
        self._shots = ShotRing(settings.window_s, self._max_bytes)

    def watching(self, open_source: Callable[[int], Source]) -> Callable[[int], Source]:
        """Wrap what opens a stream's connections, to take down their packets where wanted."""
        wanted = self._settings.mode is Mode.CLIP and not self._settings.blur_others

        def opened(epoch: int) -> Source:
            source = open_source(epoch)
            # A fresh one a connection: a case keeps that of its own alive.
            self._tap = None
            if wanted and isinstance(source, Tappable):
                self._tap = PacketTap(self._settings.window_s, self._max_bytes)
                source.tap = self._tap
            return source

        return opened

    def begin(self, models: Models) -> Memory:
        """Make the memory for one analyzer."""
        names = tuple(card.fingerprint for card in models.cards)
        if self._settings.mode is Mode.METADATA:
            return Memory(names)
        return Memory(names, lambda: StrongestFrames(models.classifier))

    def see(self, memory: Memory, frame: Frame, analysis: Analysis) -> None:
        """Note one analysed frame; its analyser thread calls this."""
        now_s = time.monotonic()
        with self._lock:
            self._note(memory, analysis, now_s)
            self._keep_crops(memory, frame, analysis, now_s)
        if self._settings.mode is Mode.CLIP and now_s >= self._next_shot_s:
            tap = self._tap
            if tap is None or tap.useless:
                self._next_shot_s = now_s + EVERY_S
                self._desk.offer_picture(self._shots, frame, now_s)
        for change in analysis.alerts:
            if change.phase is AlertPhase.CLOSED:
                memory.alerts.discard(change.alert_id)
            elif change.alert_id not in memory.alerts:
                memory.alerts.add(change.alert_id)
                self._desk.open_case(self, self._case(memory, change, frame, now_s))

    def finish(self) -> None:
        """The stream, or this stretch of it, is over."""
        self._desk.hurry(self._stream_id)

    def material(self, case: Case) -> Material:
        """Give what is remembered around a case; the writer's thread calls this."""
        since_s, until_s = self.stretch(case)
        with self._lock:
            memory = case.memory
            samples = tuple(s for s in memory.samples if since_s <= s.at_s <= until_s)
            strongest = tuple(kept.only(case.track_id) for kept in memory.strongest)
        return Material(samples, strongest, self._shots.cut(since_s, until_s))

    def stretch(self, case: Case) -> tuple[float, float]:
        """From when to when a bundle shows something, by the monotonic clock."""
        settings = self._settings
        return case.at_s - settings.pre_roll_s, case.at_s + settings.post_roll_s

    def _case(self, memory: Memory, change: AlertChange, frame: Frame, now_s: float) -> Case:
        shown = frame if self._settings.mode is not Mode.METADATA else None
        return Case(
            stream_id=self._stream_id,
            change=change,
            opened_at=datetime.now(UTC),
            at_s=now_s,
            due_s=now_s + self._settings.post_roll_s,
            frame=shown,
            tap=self._tap,
            memory=memory,
            resumed=change.phase is not AlertPhase.OPENED,
        )

    def _note(self, memory: Memory, analysis: Analysis, now_s: float) -> None:
        samples = memory.samples
        samples.extend(_sample(analysis, reading, now_s) for reading in analysis.readings)
        while samples and samples[0].at_s < now_s - self._settings.window_s:
            samples.popleft()

    def _keep_crops(self, memory: Memory, frame: Frame, analysis: Analysis, now_s: float) -> None:
        if memory.new_strongest is None:
            return
        if now_s - memory.turned_s > self._settings.window_s:
            memory.turned_s = now_s
            memory.strongest = (memory.new_strongest(), *memory.strongest[:1])
        memory.strongest[0].add(frame, analysis)


class Witnessed:
    """An analyzer whose frames and answers the witness sees."""

    def __init__(self, analyzer: AnyAnalyzer, witness: Witness, models: Models) -> None:
        """`models` are those that `analyzer` works with."""
        self._analyzer = analyzer
        self._witness, self._memory = witness, witness.begin(models)

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame."""
        analysis = self._analyzer(frame, shed)
        self._witness.see(self._memory, frame, analysis)
        return analysis

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        changes = self._analyzer.finish()
        self._witness.finish()
        return changes


def _sample(analysis: Analysis, reading: Reading, now_s: float) -> Sample:
    box, blink, window = reading.box, reading.blink, reading.window
    width, height = analysis.width, analysis.height
    return Sample(
        at_s=now_s,
        time_s=analysis.time_s,
        track_id=reading.track_id,
        box=Box(box.left / width, box.top / height, box.right / width, box.bottom / height),
        state=reading.state.value,
        fused_prob=reading.fused_prob,
        frame_prob=reading.frame_fake_prob if reading.scored else None,
        window_prob=window.fake_prob if window else None,
        ear=blink.ear if blink else None,
        closed=blink.closed if blink else None,
        blinks=blink.blinks if blink else None,
        rate_per_min=blink.rate_per_min if blink else None,
        skipped=analysis.faces_skipped,
    )
