"""Blink rates over the timestamps of bad cameras: the eyes are the same, and so is the rate."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from pipeline.blink import BlinkMeter
from pipeline.media_time import MediaTime
from pipeline.types import BlinkStats
from tests.unit.test_blink import REGULAR, sample, trace

TICK = Fraction(1, 90_000)
STEP = 3000


def stats_over(pts: Callable[[int], int | None]) -> BlinkStats:
    clock, meter = MediaTime(30.0), BlinkMeter()
    stats = meter.update(None, -1.0)
    for index, (_, ear) in enumerate(trace(REGULAR)):
        stats = meter.update(sample(ear), clock.at(pts(index), TICK))
    return stats


@pytest.mark.fault("F15")
@pytest.mark.parametrize(
    "pts",
    [
        pytest.param(lambda i: STEP * (i if i < 900 else i - 800), id="back"),
        pytest.param(lambda i: STEP * (i if i < 900 else i + 90_000), id="ahead"),
        pytest.param(lambda i: (2**33 - 900 * STEP + STEP * i) % 2**33, id="wrapped"),
        pytest.param(lambda i: STEP * (i // 2 * 2), id="repeated"),
        pytest.param(lambda i: None if i % 3 else STEP * i, id="often missing"),
        pytest.param(lambda i: None, id="missing"),
    ],
)
def test_the_blink_rate_does_not_depend_on_the_timestamps(
    pts: Callable[[int], int | None], record_property: Callable[[str, object], None]
) -> None:
    plain, odd = stats_over(lambda i: STEP * i), stats_over(pts)
    assert plain.rate_per_min is not None
    assert odd.rate_per_min is not None
    change = odd.rate_per_min / plain.rate_per_min - 1
    record_property("figure", f"blink rate {100 * change:+.1f} %")
    assert abs(change) <= 0.05
