"""The pace of a sink: a minute's worth at once, then steadily, never more."""

from hypothesis import given
from hypothesis import strategies as st

from stream_server.pacing import Pace


def test_a_full_minute_may_go_at_once_and_then_one_after_the_other():
    pace = Pace(6, 0.0)
    assert pace.allowance(0.0) == 6
    pace.spend(6)
    assert pace.allowance(9.9) == 0
    assert pace.allowance(10.0) == 1


@given(st.integers(1, 100), st.lists(st.floats(-5, 200), max_size=30))
def test_no_minute_ever_gets_more_than_twice_its_share(per_minute, steps):
    """Also when the clock stands still or is set back."""
    pace, now_s, sent = Pace(per_minute, 0.0), 0.0, []
    for step in steps:
        now_s += step
        count = pace.allowance(now_s)
        pace.spend(count)
        sent.append((now_s, count))
    assert (
        sum(count for _, count in sent)
        <= per_minute + sum(max(0.0, step) for step in steps) * per_minute / 60 + 1e-6
    )
