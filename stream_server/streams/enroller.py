"""One stream's enrolment at run time: asked for by the API, gathered by the analyser thread."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from pipeline.analyzer import StreamAnalyzer
from pipeline.enrolling import Enrolling, EnrolSettings, Refused
from pipeline.model_card import ModelCard
from pipeline.reference import Enrolment, Picture
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.problems import Conflict
from stream_server.store import StorageError
from stream_server.streams.enrolment_book import EnrolmentBook, Kept

log = structlog.get_logger("fakewatch.enrolment")


class EnrolmentState(StrEnum):
    """Where a stream's enrolment is."""

    NONE = "none"
    RUNNING = "running"
    ENROLLED = "enrolled"
    REFUSED = "refused"
    """The newest stretch was refused; what was enrolled before still counts."""
    VOID = "void"
    """There is one, but not of this model or not of this picture size: it does not count."""


@dataclass(frozen=True, slots=True)
class EnrolmentView:
    """How the API shows it: never what was measured, which is biometric data."""

    state: EnrolmentState
    progress: float
    """How much of a running stretch is there, in [0, 1]."""
    reason: str | None
    """Why refused or void; stable, see `pipeline.enrolling.Refused`, and "model", "size"."""
    text: str
    """One sentence for a person."""
    enrolled_at: datetime | None
    """Aware, UTC: when the stretch that counts was enrolled."""
    observed_s: float | None
    """How many seconds of it were seen."""
    survives_restart: bool
    """It is kept on disk; a call's is not."""


_WHY = {
    Refused.THIN: "Not enrolled: too little of a face could be judged. Look into the camera for"
    " half a minute.",
    Refused.SEVERAL_FACES: "Not enrolled: more than one face was in the picture. Only the person to"
    " be enrolled may be seen.",
    Refused.POOR: "Not enrolled: the face was too small, dark, blurred or turned. Come closer and"
    " look into the camera.",
    Refused.SUSPICIOUS: "Not enrolled: this stretch shows signs of manipulation itself.",
    Refused.UNSTEADY: "Not enrolled: the face at the end does not look like the one at the"
    " beginning. Keep light and place as they are.",
    Refused.INTERRUPTED: "Not enrolled: the connection, the picture size or the model changed on"
    " the way. Please try again.",
    "model": "The enrolment was made with another model and does not count: enrol anew.",
    "size": "The enrolment was made at another picture size and does not count at this one.",
}


class Enroller:
    """Hands orders from the event loop to the analyser thread, and what came of them back."""

    def __init__(
        self, stream_id: StreamId, card: ModelCard, book: EnrolmentBook | None, source: str = ""
    ) -> None:
        """Without a `book` an enrolment lives no longer than the stream."""
        self._stream_id, self._card, self._book, self._source = stream_id, card, book, source
        self._lock = threading.Lock()
        # Whoever waits for the disk holds this one, which the event loop never takes.
        self._disk = threading.Lock()
        self._kept: Kept | None = None
        self._running: Enrolling | None = None
        self._refused: Refused | None = None
        self._picture: Picture | None = None

    def restore(self, kept: Kept) -> None:
        """Take up what was enrolled before the restart, unless the source is another now."""
        if kept.source == self._source:
            self._kept = kept

    def follow(self, card: ModelCard) -> None:
        """Go by another model: what runs was measured by the one before, and ends."""
        with self._lock:
            self._card = card
            if self._running is not None:
                self._end(Refused.INTERRUPTED)

    def begin(self) -> None:
        """Start an enrolment; the next frames belong to it.

        Raises:
            Conflict: one is running, or the model has no figures to hold it against.
        """
        with self._lock:
            if self._running is not None:
                raise Conflict("An enrolment is running already.")
            if self._card.reference is None:
                raise Conflict(
                    f"Nobody can be enrolled with the model {self._card.name}: its card has no"
                    " [reference] figures."
                )
            self._running, self._refused = Enrolling(self._card, EnrolSettings()), None

    def forget(self) -> None:
        """Drop what is enrolled and what is running; waits for the disk.

        Raises:
            StorageError: it would be back after a restart; nothing was changed.
        """
        with self._disk:
            if self._book is not None:
                self._book.delete(self._stream_id)
            with self._lock:
                self._kept = self._running = self._refused = None

    def judge(self, analyzer: StreamAnalyzer, frame: Frame, shed: int) -> Analysis:
        """Analyse one frame against the reference; the analyser thread calls this."""
        kept = self._kept
        self._picture = picture = (frame.image.shape[1], frame.image.shape[0])
        analyzer.reference = kept.enrolment if kept else None
        analysis = analyzer(frame, shed)
        with self._lock:
            running = self._running
            if running is None:
                return analysis
            result = running.add(analyzer.sightings, frame.time_s, picture, frame.epoch)
            if result is not None:
                self._end(result)
        if isinstance(result, Enrolment):
            self._write()
        return analysis

    def view(self) -> EnrolmentView:
        """How it stands."""
        with self._lock:
            kept, running, refused = self._kept, self._running, self._refused
        void = kept.enrolment.void(self._card.fingerprint, self._picture) if kept else None
        state, text = EnrolmentState.NONE, "Nobody is enrolled."
        if running is not None:
            state, text = EnrolmentState.RUNNING, "Enrolling: look into the camera, alone."
        elif refused is not None:
            state, text = EnrolmentState.REFUSED, _WHY[refused]
        elif void is not None:
            state, text = EnrolmentState.VOID, _WHY[void]
        elif kept is not None:
            state, text = EnrolmentState.ENROLLED, "A genuine stretch of one person is enrolled."
        return EnrolmentView(
            state=state,
            progress=round(running.progress, 3) if running else 0.0,
            reason=None if running else refused or void,
            text=text,
            enrolled_at=kept.at if kept else None,
            observed_s=kept.enrolment.observed_s if kept else None,
            survives_restart=self._book is not None,
        )

    def _end(self, result: Enrolment | Refused) -> None:
        self._running = None
        if isinstance(result, Refused):
            self._refused = result
            log.info("enrolment_refused", stream=self._stream_id, reason=result.value)
            return
        self._kept = Kept(result, datetime.now(UTC), self._source)
        log.info("enrolment_made", stream=self._stream_id)

    def _write(self) -> None:
        """Keep it on the disk, if it has not been removed meanwhile."""
        with self._disk:
            kept = self._kept
            if self._book is None or kept is None:
                return
            try:
                self._book.save(self._stream_id, kept)
            except StorageError as error:
                log.warning("enrolment_not_kept", stream=self._stream_id, reason=str(error))


class Enrolled:
    """An analyzer that judges against what the enroller holds."""

    def __init__(self, analyzer: StreamAnalyzer, enroller: Enroller) -> None:
        self._analyzer = analyzer
        self._enroller = enroller

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame."""
        return self._enroller.judge(self._analyzer, frame, shed)

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        return self._analyzer.finish()
