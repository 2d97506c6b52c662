"""The alternative way to find blinks, on the drawn eyes that the rule is tried on."""

import pytest

from pipeline.blink import BlinkMeter, BlinkSettings
from tests.unit.test_blink import REGULAR, sample, trace


@pytest.mark.parametrize("fps", [30.0, 15.0, 10.0])
@pytest.mark.parametrize("open_ear", [0.2, 0.4])
def test_the_machine_counts_blinks_at_every_frame_rate(fps, open_ear):
    meter = BlinkMeter(BlinkSettings(segmenter="svm"))
    stats = meter.update(None, -1.0)
    for time_s, ear in trace(REGULAR, fps=fps, open_ear=open_ear):
        stats = meter.update(sample(ear), time_s)
    assert stats.blinks == pytest.approx(len(REGULAR), abs=1)


def test_open_eyes_and_holes_give_the_machine_no_blink():
    meter = BlinkMeter(BlinkSettings(segmenter="svm"))
    stats = meter.update(None, -1.0)
    for index, (time_s, ear) in enumerate(trace([], seconds=20.0)):
        hidden = index % 50 > 40
        stats = meter.update(None if hidden else sample(ear), time_s)
    assert stats.blinks == 0
