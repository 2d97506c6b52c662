"""Writes bundles in a thread of its own: no stream waits for a disk, an encoder or a heat-map."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from pipeline.types import Alert, AlertId, Frame, StreamId
from stream_server.evidence.case import Case
from stream_server.evidence.chain import Chain
from stream_server.evidence.links import PUBLIC_KEY
from stream_server.evidence.sealing import own_key
from stream_server.evidence.settings import EvidenceSettings, Mode
from stream_server.evidence.shots import ShotRing
from stream_server.evidence.witness import Witness
from stream_server.evidence.writer import BundleWriter, Setup
from stream_server.metrics import Metrics

log = structlog.get_logger("fakewatch.evidence")

MOST_CASES = 64
_MOST_PICTURES = 16
_WAKE_S = 0.25
_TIDY_EVERY_S = 60.0
_TRY_EVERY_S = 5.0
_STOP_S = 15.0


class EvidenceKeeper:
    """Takes cases from the streams and makes them bundles; a full disk costs pictures first."""

    def __init__(
        self,
        settings: EvidenceSettings,
        storage: Path,
        setup: Callable[[], Setup],
        find_alert: Callable[[AlertId], Alert],
        metrics: Metrics,
    ) -> None:
        """Nothing is written before `start`; `setup` is asked for each bundle.

        Raises:
            SettingsError: bundles are to be signed and the key cannot be used.
        """
        self.settings = settings
        self._folder, self._metrics = storage / "evidence", metrics
        self._key = own_key(storage / "evidence-key.pem") if settings.sign else None
        self.chain = Chain(self._folder, self._key)
        self.writer = BundleWriter(settings, self._folder, setup, self.chain, find_alert, metrics)
        self._lock = threading.Lock()
        self._cases: list[tuple[Witness, Case]] = []
        self._pictures: queue.Queue[tuple[ShotRing, Frame, float]] = queue.Queue(_MOST_PICTURES)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Clear what a crash left, and begin; never raises for a broken disk."""
        try:
            self.chain.open()
            if self._key is not None:
                (self._folder / PUBLIC_KEY).write_text(f"{self._key.public}\n", encoding="ascii")
        except OSError as error:
            self.writer.problem = f"The folder of evidence cannot be used: {error.strerror}."
        jobs = {"evidence": self._write_cases, "evidence-pictures": self._encode_pictures}
        for name, job in jobs.items():
            if name == "evidence" or self.settings.mode is Mode.CLIP:
                self._threads.append(threading.Thread(target=job, name=name, daemon=True))
                self._threads[-1].start()

    def stop(self) -> None:
        """Write what is still open, and end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_STOP_S)

    def witness(self, stream_id: StreamId) -> Witness:
        """Make the memory of one stream."""
        return Witness(stream_id, self.settings, self)

    def open_case(self, witness: Witness, case: Case) -> None:
        """Take an alert; with too many at once the newest are dropped and counted."""
        with self._lock:
            if len(self._cases) < MOST_CASES:
                self._cases.append((witness, case))
                return
        self._metrics.evidence_dropped.labels("cases").inc()

    def offer_picture(self, shots: ShotRing, frame: Frame, at_s: float) -> None:
        """Take a picture to be encoded; never waits."""
        try:
            self._pictures.put_nowait((shots, frame, at_s))
        except queue.Full:
            self._metrics.evidence_dropped.labels("pictures").inc()

    def hurry(self, stream_id: StreamId) -> None:
        """Write what is open of a stream now: nothing more will come."""
        now_s = time.monotonic()
        with self._lock:
            for _, case in self._cases:
                if case.stream_id == stream_id:
                    case.due_s = min(case.due_s, now_s)

    def pending(self, alert_id: AlertId) -> bool:
        """Whether a bundle of that alert is still to come."""
        with self._lock:
            is_open = any(case.alert_id == alert_id for _, case in self._cases)
        return is_open or self.writer.is_waiting(alert_id)

    def _encode_pictures(self) -> None:
        while not self._stopping.is_set():
            with suppress(queue.Empty):
                shots, frame, at_s = self._pictures.get(timeout=_WAKE_S)
                shots.add(frame, at_s)

    def _write_cases(self) -> None:
        tidied_s = tried_s = 0.0
        while True:
            stopping, now_s = self._stopping.is_set(), time.monotonic()
            try:
                for witness, case in self._take_due(float("inf") if stopping else now_s):
                    self.writer.write(case, witness.material(case), witness.stretch(case))
                if now_s - tried_s > _TRY_EVERY_S or stopping:
                    tried_s = now_s
                    self.writer.retry()
                if now_s - tidied_s > _TIDY_EVERY_S:
                    tidied_s = now_s
                    self.writer.tidy()
            except Exception:  # the top of a thread: one bundle must not cost all
                log.exception("evidence_failed")
                self._metrics.evidence_bundles.labels("failed").inc()
            if stopping and not self._cases:
                return
            self._stopping.wait(_WAKE_S)

    def _take_due(self, now_s: float) -> list[tuple[Witness, Case]]:
        with self._lock:
            due = [pair for pair in self._cases if pair[1].due_s <= now_s]
            self._cases = [pair for pair in self._cases if pair[1].due_s > now_s]
        return due
