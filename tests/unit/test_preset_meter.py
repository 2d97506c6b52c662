"""A stream judged by a known system's rule: its word, its name, and nothing of fakewatch's own."""

from dataclasses import replace

import pytest

from pipeline.comparison import SeenFile, presets
from pipeline.fuse import Fused
from pipeline.preset_meter import PresetMeter, verdict_by
from pipeline.series import Bucket, FaceRecord
from pipeline.types import State, TrackId

NOBODY = FaceRecord(
    TrackId(1),
    0.0,
    0.0,
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    (),
    blinks_left_out=0,
    alerts=(),
    peak_s=0.0,
)


def judged(
    preset: str, *, seconds: float, prob: float, blinks_per_min: float = 0.0, start_s: float = 100.0
) -> Fused:
    """The last answer after so long at 15 frames a second with four looks a second."""
    meter, said = PresetMeter(preset), Fused(None, None, ())
    period_s = 60 / blinks_per_min if blinks_per_min else 1e9
    for index in range(round(seconds * 15)):
        t = index / 15
        closed = (t + 1) % period_s < 0.2
        look = prob if index % 4 == 0 else None
        said = meter.update(look, 0.1 if closed else 0.3, start_s + t)
    return said


@pytest.mark.parametrize("preset", [name for name in presets() if name != "sequence"])
def test_every_preset_judges_a_stream_and_is_named_in_its_only_reason(preset):
    said = judged(preset, seconds=30, prob=0.9, blinks_per_min=40)
    assert said.fake_prob is not None
    assert said.logit is not None
    assert [reason.cue for reason in said.reasons] == ["preset"]
    assert said.reasons[0].llr == said.logit
    assert f"By the rule of {preset}" in said.reasons[0].text


@pytest.mark.parametrize("preset", presets())
def test_who_saw_no_face_is_not_judged(preset):
    said = PresetMeter(preset).update(None, None, 0.0)
    assert said == Fused(None, None, ())


def test_the_mean_is_of_the_last_minute():
    meter, said = PresetMeter("frame-mean"), Fused(None, None, ())
    for second in range(200):
        said = meter.update(0.9 if second < 130 else 0.1, None, float(second))
    assert said.fake_prob == pytest.approx(0.1)


@pytest.mark.parametrize(("per_min", "fake_prob"), [(5.0, 1.0), (15.0, 0.0), (40.0, 1.0)])
def test_ten_to_twenty_blinks_a_minute_decide_whatever_the_classifier_sees(per_min, fake_prob):
    said = judged("blink-10-20", seconds=60, prob=0.5, blinks_per_min=per_min)
    assert said.fake_prob == fake_prob


@pytest.mark.parametrize(("prob", "state"), [(0.9, State.ALERT), (0.1, State.CLEAR)])
def test_a_file_is_judged_by_the_rule_with_its_weakness(prob, state):
    bucket = Bucket(1.0, prob, prob, prob)
    face = replace(NOBODY, frames=(bucket,))
    verdict = verdict_by("frame-mean", SeenFile(5.0, (face,)))
    assert (verdict.state, verdict.fake_prob) == (state, prob)
    assert "Judged by the rule of frame-mean, not fakewatch's own" in verdict.text
    assert verdict_by("frame-mean", SeenFile(5.0, ())).state is State.INSUFFICIENT


def test_a_rule_that_gives_no_probability_gets_none():
    verdict = verdict_by("blink-10-20", SeenFile(60.0, (NOBODY,)))
    assert (verdict.state, verdict.fake_prob) == (State.ALERT, None)


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="frame-mean"):
        PresetMeter("nobodys").update(None, None, 0.0)
