"""The pictures in a report are few, apart in time, and the strongest; a heat-map says where."""

import cv2
import numpy as np
import pytest

from pipeline.types import Frame, StreamId
from stream_server.reports.heatmap import common_reach, paint
from stream_server.reports.strongest import SIDE_PX, StrongestFrames
from tests.unit.test_analyzer import BrightnessClassifier
from tests.unit.test_series import analysis, reading

IMAGE = np.zeros((200, 200, 3), np.uint8)


class Localizing(BrightnessClassifier):
    """Says that all comes from the upper left."""

    def heatmap(self, crop):
        cells = np.full((2, 2), -1.0, np.float32)
        cells[0, 0] = 12.5
        return cells


def strongest_frames(classifier=None, **limits):
    return StrongestFrames(classifier or BrightnessClassifier(), **limits)


def seen(strongest, time_s, prob, track=1):
    frame = Frame(StreamId("file"), 0, time_s, 0, IMAGE)
    strongest.add(frame, analysis(time_s, reading(track=track, prob=prob, time_s=time_s)))


def test_the_strongest_moments_stay_and_they_lie_apart():
    strongest = strongest_frames(per_face=3)
    rng = np.random.default_rng(7)
    for index in range(400):
        seen(strongest, index / 10, float(rng.uniform(0, 0.5)))
    for time_s, prob in ((50.0, 0.9), (50.3, 0.95), (60.0, 0.8), (70.0, 0.7)):
        seen(strongest, time_s, prob)
    kept = strongest.pictures()
    assert [(p.time_s, p.fake_prob) for p in kept] == [(50.3, 0.95), (60.0, 0.8), (70.0, 0.7)]
    assert all(picture.jpeg.startswith(b"\xff\xd8") for picture in kept)


def test_of_many_faces_only_the_most_suspicious_are_shown():
    strongest = strongest_frames(per_face=1, max_faces=3)
    for track in range(1, 11):
        seen(strongest, float(track), track / 20, track=track)
    assert {picture.track_id for picture in strongest.pictures()} == {8, 9, 10}


def test_nothing_judged_is_nothing_shown():
    strongest = strongest_frames()
    seen(strongest, 0.0, None)
    assert strongest.pictures() == ()


def test_a_picture_is_small():
    strongest = strongest_frames()
    seen(strongest, 0.0, 0.9)
    assert len(strongest.pictures()[0].jpeg) < SIDE_PX * SIDE_PX


def test_a_heat_map_is_red_where_it_speaks_for_manipulation_and_blue_where_it_speaks_against():
    strongest = strongest_frames(Localizing())
    seen(strongest, 0.0, 0.9)
    (picture,) = strongest.pictures()
    assert picture.heat_reach == 20
    painted = cv2.imdecode(np.frombuffer(picture.heat_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert painted.shape == (SIDE_PX, SIDE_PX, 3)
    blue, _, red = painted[10, 10].astype(int)
    assert red > blue + 60
    blue, _, red = painted[-10, -10].astype(int)
    assert blue > red


def test_a_model_that_cannot_say_where_gives_the_picture_alone():
    strongest = strongest_frames()
    seen(strongest, 0.0, 0.9)
    (picture,) = strongest.pictures()
    assert (picture.heat_jpeg, picture.heat_reach) == (b"", 0.0)


@pytest.mark.parametrize(
    ("largest", "reach"), [(0.0, 1), (0.3, 1), (1.0, 1), (1.2, 2), (7.4, 8), (10.0, 10), (31.0, 40)]
)
def test_the_scale_ends_at_a_number_that_reads_well(largest, reach):
    assert common_reach([np.array([[-largest, 0]], np.float32)]) == reach


def test_nothing_added_leaves_the_face_as_it_is():
    crop = np.full((8, 8, 3), 90, np.uint8)
    assert np.array_equal(paint(crop, np.zeros((2, 2), np.float32), 1.0), crop)
