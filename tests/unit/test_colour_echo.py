"""Light of a screen on a face: found when it is there, seldom by chance, and nothing that flickers.

Glimpses are taken of drawn faces; the light is multiplied in.
"""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.colour_echo import COLOURS, FADE_S, LAGS_S, SHOWN_S, Schedule, echo, schedule
from pipeline.enrolling import Sighting
from pipeline.glimpse import Tint, glimpse_of, likeness, pattern_of
from pipeline.types import Box, Image, Quality, TrackId
from tests.media import DrawnFace, scene

SHOWN = schedule(random.Random(3))
GOOD = Quality(150.0, 80.0, 0.5, 0.0, damaged=False, usable=True, reason=None)
FACE = DrawnFace(160, 110, 115)


def sighting(box: Box | None = FACE.box) -> Sighting:
    return Sighting(TrackId(1), GOOD, None, box)


def lit(picture: Image, time_s: float, strength: float = 0.08) -> Image:
    """A picture in the light of the screen that shows the schedule."""
    red, blue = SHOWN.tints(np.array([time_s]))[0]
    light = 1 + strength * 3 * (np.array([blue, 1 - red - blue, red]) - 1 / 3)
    return np.clip(picture * light, 0, 255).astype(np.uint8)


def seen(every_s: float, strength: float, lag_s: float) -> list[tuple[float, Tint]]:
    times_s = np.arange(0, SHOWN.duration_s, every_s)
    picture = scene([FACE], 320, 240)
    tints = (glimpse_of(lit(picture, t - lag_s, strength), sighting()).face_tint for t in times_s)
    return [(float(t), tint) for t, tint in zip(times_s, tints, strict=True) if tint]


@pytest.mark.parametrize("lag_s", [0.0, 0.3, 0.9])
def test_light_that_reaches_a_drawn_face_is_found_late_and_faint(lag_s: float) -> None:
    found = echo(SHOWN, seen(0.1, strength=0.03, lag_s=lag_s))
    assert found is not None
    assert found > 0.9


def test_without_light_there_is_nothing_to_correlate() -> None:
    assert echo(SHOWN, seen(0.1, strength=0.0, lag_s=0.0)) is None
    assert echo(SHOWN, seen(0.5, strength=0.1, lag_s=0.0)) is None  # too few
    assert echo(SHOWN, []) is None


def test_what_wanders_by_itself_seldom_looks_like_the_schedule() -> None:
    chance, alike = np.random.default_rng(0), []
    for seed in range(200):
        shown = schedule(random.Random(seed))
        times_s = np.arange(0, shown.duration_s, 0.1)
        walk = 0.35 + 1e-3 * np.cumsum(chance.normal(size=(len(times_s), 2)), axis=0)
        rows = [(float(t), (float(r), float(b))) for t, (r, b) in zip(times_s, walk, strict=True)]
        alike.append(echo(shown, rows) or 0.0)
    assert np.mean(np.array(alike) >= 0.7) <= 0.03


@given(st.integers(0, 10_000))
def test_colours_change_far_slower_than_what_may_disturb(seed: int) -> None:
    shown = schedule(random.Random(seed))
    assert set(shown.colours) == set(COLOURS)
    assert all(one != other for one, other in itertools.pairwise(shown.colours))
    assert 1 / SHOWN_S <= 1  # changes a second; WCAG 2.3.1 allows three flashes
    assert FADE_S >= 0.5


def test_no_colour_is_a_saturated_red() -> None:
    """WCAG 2.3.1 calls a red saturated where R / (R + G + B) is 0.8 and more."""
    assert max(red / (red + green + blue) for red, green, blue in COLOURS) < 0.6


def test_the_fade_passes_smoothly_from_one_colour_to_the_next() -> None:
    shown = Schedule((COLOURS[0], COLOURS[2]))
    tints = shown.tints(np.arange(0, 4, 0.1))
    assert np.abs(np.diff(tints, axis=0)).max() < 0.05
    assert tints[10] == pytest.approx(tints[0])
    assert max(LAGS_S) == pytest.approx(1.0)


def test_a_hand_changes_the_pattern_of_a_face_and_light_does_not() -> None:
    picture = scene([FACE], 320, 240)
    before = glimpse_of(picture, sighting()).pattern
    darker = glimpse_of((picture * 0.6).astype(np.uint8), sighting()).pattern
    covered = picture.copy()
    covered[85:160, 125:195] = (140, 165, 205)
    hidden = glimpse_of(covered, sighting()).pattern
    assert before is not None
    assert darker is not None
    assert hidden is not None
    assert likeness(before, darker) > 0.99
    assert likeness(before, hidden) < 0.6
    assert likeness(before, before) == pytest.approx(1.0)


def test_a_box_outside_the_picture_and_a_flat_picture_show_nothing() -> None:
    picture = scene([FACE], 320, 240)
    for box in (None, Box(-200, -200, -100, -100), Box(10, 10, 12, 12)):
        glimpse = glimpse_of(picture, sighting(box))
        assert (glimpse.pattern, glimpse.face_tint) == (None, None)
    assert glimpse_of(picture, sighting(Box(100, 100, 200, 239))).around_tint is None
    assert pattern_of(np.full((50, 50, 3), 90, np.uint8)) is None
    black = glimpse_of(np.zeros_like(picture), sighting())
    assert black.face_tint is None
    assert math.isfinite(likeness(np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)))
