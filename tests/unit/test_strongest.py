"""The pictures in a report are few, apart in time, and the strongest."""

import numpy as np

from pipeline.types import Frame, StreamId
from stream_server.reports.strongest import SIDE_PX, StrongestFrames
from tests.unit.test_series import analysis, reading

IMAGE = np.zeros((200, 200, 3), np.uint8)


def seen(strongest, time_s, prob, track=1):
    frame = Frame(StreamId("file"), 0, time_s, 0, IMAGE)
    strongest.add(frame, analysis(time_s, reading(track=track, prob=prob, time_s=time_s)))


def test_the_strongest_moments_stay_and_they_lie_apart():
    strongest = StrongestFrames(per_face=3)
    rng = np.random.default_rng(7)
    for index in range(400):
        seen(strongest, index / 10, float(rng.uniform(0, 0.5)))
    for time_s, prob in ((50.0, 0.9), (50.3, 0.95), (60.0, 0.8), (70.0, 0.7)):
        seen(strongest, time_s, prob)
    kept = strongest.pictures()
    assert [(p.time_s, p.fake_prob) for p in kept] == [(50.3, 0.95), (60.0, 0.8), (70.0, 0.7)]
    assert all(picture.jpeg.startswith(b"\xff\xd8") for picture in kept)


def test_of_many_faces_only_the_most_suspicious_are_shown():
    strongest = StrongestFrames(per_face=1, max_faces=3)
    for track in range(1, 11):
        seen(strongest, float(track), track / 20, track=track)
    assert {picture.track_id for picture in strongest.pictures()} == {8, 9, 10}


def test_nothing_judged_is_nothing_shown():
    strongest = StrongestFrames()
    seen(strongest, 0.0, None)
    assert strongest.pictures() == ()


def test_a_picture_is_small():
    strongest = StrongestFrames()
    seen(strongest, 0.0, 0.9)
    assert len(strongest.pictures()[0].jpeg) < SIDE_PX * SIDE_PX
