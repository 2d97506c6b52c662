"""A face of a live stream, over its last minute, or a file judged by a known system's rule."""

import math
from collections import deque

from pipeline.comparison import Answer, PresetAnswer, SeenFile, ask
from pipeline.fuse import Fused
from pipeline.model_card import Thresholds
from pipeline.report import Verdict
from pipeline.series import Bucket, FaceRecord
from pipeline.types import Reason, State, TrackId

THRESHOLDS = Thresholds(raise_at=0.5, clear_at=0.5)
"""The rules know one side and the other, and nothing between."""
WINDOW_S = 60.0
ASK_EVERY_S = 1.0
SURE_LOGIT = 6.0
"""Log-odds shown for an answer without a probability: the rule knows no doubt."""


class PresetMeter:
    """Keeps what a preset may know of one face and asks it once a second.

    The published rules judge whole files; of a stream they are given the last minute as if it
    were one. fakewatch's own evidence stays out: the reason names the rule and nothing else.
    """

    def __init__(self, preset: str, window_s: float = WINDOW_S, frames: int = 1) -> None:
        self._preset, self._window_s, self._frames = preset, window_s, frames
        self._looks: deque[tuple[float, float]] = deque()
        self._ears: deque[tuple[float, float]] = deque()
        self._first_s: float | None = None
        self._ask_at_s = -math.inf
        self._said = Fused(None, None, ())

    def update(self, fake_prob: float | None, ear: float | None, time_s: float) -> Fused:
        """Take one frame: the classifier's answer, if it looked, and the eyes, if seen.

        Raises:
            SettingsError: a table that the preset reads cannot be used.
        """
        self._first_s = time_s if self._first_s is None else self._first_s
        for kept, value in ((self._looks, fake_prob), (self._ears, ear)):
            if value is not None:
                kept.append((time_s, value))
            while kept and kept[0][0] <= time_s - self._window_s:
                kept.popleft()
        if time_s >= self._ask_at_s:
            self._ask_at_s = time_s + ASK_EVERY_S
            self._said = fused_by(ask(self._preset, self._seen(time_s, self._first_s)))
        return self._said

    def _seen(self, time_s: float, first_s: float) -> SeenFile:
        duration_s = min(time_s - first_s, self._window_s)
        face = FaceRecord(
            track_id=TrackId(0),
            seen_s=duration_s,
            judged_s=duration_s,
            unjudged=(),
            score=(),
            band_low=(),
            band_high=(),
            frames=tuple(Bucket(t, value, value, value) for t, value in self._looks),
            ear=tuple(Bucket(t, value, value, value) for t, value in self._ears),
            baseline=(),
            judged=(),
            blinks=(),
            blinks_left_out=0,
            alerts=(),
            peak_s=0.0,
        )
        return SeenFile(duration_s, (face,), frames=self._frames)


def fused_by(answer: PresetAnswer) -> Fused:
    """The answer in the place of fakewatch's score: one term, which says whose rule it is."""
    if answer.answer is Answer.NONE:
        return Fused(None, None, ())
    prob = answer.fake_prob
    if prob is None:
        prob = float(answer.answer is Answer.MANIPULATED)
    bounded = min(1 - 1e-9, max(1e-9, prob))
    logit = min(SURE_LOGIT, max(-SURE_LOGIT, math.log(bounded / (1 - bounded))))
    text = f"By the rule of {answer.preset}, not fakewatch's own: {answer.reason}"
    return Fused(prob, logit, (Reason("preset", logit, text),))


_STATES = {
    Answer.MANIPULATED: State.ALERT,
    Answer.NOT_MANIPULATED: State.CLEAR,
    Answer.NONE: State.INSUFFICIENT,
}


def verdict_by(preset: str, seen: SeenFile) -> Verdict:
    """The rule's verdict on a whole file, in the place of fakewatch's own.

    Raises:
        ValueError: there is no such preset.
        SettingsError: a table that it reads cannot be used.
    """
    answer = ask(preset, seen)
    fused = fused_by(answer)
    text = f"Judged by the rule of {preset}, not fakewatch's own; {answer.text}. {answer.weakness}"
    return Verdict(_STATES[answer.answer], answer.fake_prob, fused.reasons, text)
