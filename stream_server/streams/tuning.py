"""Hands changed settings from the event loop to the analyser thread of one stream."""

from pipeline.analyzer import StreamAnalyzer
from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.types import AlertChange, Analysis, Frame
from stream_server.streams.analyst import AnyAnalyzer


class Tuning:
    """The analyzer's settings of one stream; replaced whole, so that no lock is needed."""

    def __init__(self, settings: AnalyzerSettings) -> None:
        self.settings = settings


class Tuned:
    """An analyzer that goes by the newest settings from its next frame on."""

    def __init__(self, inner: AnyAnalyzer, analyzer: StreamAnalyzer, tuning: Tuning) -> None:
        self._inner, self._analyzer, self._tuning = inner, analyzer, tuning
        self._followed: AnalyzerSettings | None = None

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Judge one frame."""
        settings = self._tuning.settings
        if settings is not self._followed:
            self._analyzer.adjust(settings)
            self._followed = settings
        return self._inner(frame, shed)

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        return self._inner.finish()
