"""A guided challenge, whatever is seen: it ends in time and stays within its bounds."""

import math
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.challenge import Challenge, ChallengeSettings
from pipeline.challenge_cue import LEAST_LLR, MOST_LLR, ChallengeResult
from pipeline.glimpse import Glimpse
from pipeline.types import TrackId
from tests.unit.test_challenge import ALL, EYES, FACE, PALM, PICTURE

FACES = st.builds(
    Glimpse,
    st.integers(1, 3).map(TrackId),
    st.none() | st.floats(-90, 90),
    st.none() | st.builds(
        lambda since, fps, ear: replace(EYES, since_last_s=since, fps=fps, ear=ear),
        st.none() | st.floats(0, 60), st.floats(0, 60), st.none() | st.floats(0, 0.5),
    ),
    st.none() | st.floats(-30, 30),
    st.none() | st.sampled_from([FACE, PALM]),
    st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(FACES, min_size=1, max_size=2), min_size=1, max_size=12),
    st.integers(0, 1000),
    st.sampled_from([0.05, 0.2, 0.7, 3.0]),
)
def test_whatever_is_seen_it_ends_in_time_and_within_its_bounds(
    faces: list[list[Glimpse]], seed: int, every_s: float
) -> None:
    quick = ChallengeSettings(limit_s=3.0, give_up_s=6.0)
    challenge = Challenge(ALL, chance=random.Random(seed), settings=quick)
    outcome, index = None, 0
    while outcome is None:
        progress = challenge.progress()
        assert 0 <= progress.share <= 1
        assert 0 <= progress.number <= progress.total == len(ALL)
        assert progress.left_s >= 0
        outcome = challenge.add(faces[index % len(faces)], index * every_s, PICTURE, 1)
        index += 1
        assert index * every_s < 80
    if isinstance(outcome, ChallengeResult) and outcome.llr is not None:
        assert LEAST_LLR <= outcome.llr <= MOST_LLR
        assert math.isfinite(outcome.llr)
