"""More faces than places: the largest keep theirs, the others take turns, a suspect stays."""

from collections.abc import Set

import numpy as np
import pytest

from pipeline.quality import QualityLimits
from pipeline.track import FaceTracker
from pipeline.types import AlertPhase, Box, Frame, State, StreamId, TrackId
from tests.unit.test_analyzer import (
    GENUINE,
    MANIPULATED,
    FixedDetector,
    analyzer_with,
    changes,
    picture,
    run,
)
from tests.unit.test_track import face

SIZES = [face(150 * (i % 5), 150 * (i // 5), 60 + i) for i in range(20)]
DETECT_EVERY_S = 0.5
LARGEST = {TrackId(i) for i in range(14, 21)}
"""Ids go by the order of the detection, and each face of the crowd is larger than the last."""


def watch(tracker: FaceTracker, until_s: float, **kinds: Set[TrackId]) -> list[set[TrackId]]:
    """Who has a place at each detection of the crowd."""
    times = np.arange(0, until_s, DETECT_EVERY_S)
    return [{track.track_id for track in tracker.update(SIZES, t, **kinds)} for t in times]


@pytest.mark.fault("F24")
def test_every_face_of_a_crowd_gets_a_place_for_long_enough_to_be_judged():
    looks = watch(FaceTracker(max_faces=8, turn_s=5.0), 13 * 5.0)
    assert {len(look) for look in looks} == {8}
    assert set.intersection(*looks) == LARGEST
    for track_id in {TrackId(i) for i in range(1, 14)}:
        places = "".join(str(int(track_id in look)) for look in looks)
        assert places.strip("0") == "1" * 10  # one turn, in one piece


def test_a_fifth_of_the_places_goes_round_and_a_single_one_does_not():
    for places, turning in ((1, 0), (2, 1), (8, 1), (10, 2), (15, 3)):
        looks = watch(FaceTracker(max_faces=places), 12.0)
        assert places - len(set.intersection(*looks)) == turning


@pytest.mark.fault("F24")
def test_who_is_held_keeps_a_place_and_the_others_go_on_taking_turns():
    tracker, small = FaceTracker(max_faces=8, turn_s=5.0), frozenset({TrackId(1)})
    first = next(look for look in watch(tracker, 70.0) if TrackId(1) in look)
    assert len(first) == 8
    looks = [
        {track.track_id for track in tracker.update(SIZES, 70 + t, held=small)}
        for t in np.arange(0, 70, DETECT_EVERY_S)
    ]
    assert all(TrackId(1) in look and len(look) == 8 for look in looks)
    assert set.union(*looks) == {TrackId(i) for i in range(1, 21)}


def test_places_of_people_who_are_held_never_go_round():
    looks = watch(FaceTracker(max_faces=4), 30.0, held=frozenset({TrackId(i) for i in range(4, 8)}))
    assert set.union(*looks) == {TrackId(i) for i in range(4, 8)}


def test_a_face_that_comes_waits_behind_those_that_wait_already():
    tracker = FaceTracker(max_faces=8, turn_s=5.0)
    watch(tracker, 10.0)
    passing = face(900, 900, 30)
    turns = [
        {track.track_id for track in tracker.update([*SIZES, passing], 10 + t)}
        for t in np.arange(0, 70, DETECT_EVERY_S)
    ]
    # All thirteen others had their last place, if any, before it came.
    assert [TrackId(21) in turn for turn in turns].index(True) * DETECT_EVERY_S == 13 * 5.0


def test_the_skipped_are_those_in_the_picture_without_a_place():
    tracker = FaceTracker(max_faces=8, turn_s=5.0)
    for step in range(60):
        tracker.update(SIZES, step * DETECT_EVERY_S)
        assert tracker.skipped == 12
    assert len(tracker.update(SIZES, 30.0, places=3)) == 3
    assert tracker.skipped == 17
    tracker.update(SIZES[:4], 30.5)
    assert tracker.skipped == sum(TrackId(i) not in ids(tracker, 30.5) for i in range(1, 5))


def test_who_lost_its_place_is_remembered_for_the_asked_time_and_who_is_held_for_good():
    tracker = FaceTracker(max_faces=2, turn_s=5.0)
    crowd, lone = [face(100, 100, 90), face(300, 100, 80), face(500, 100, 70)], TrackId(2)
    for step in range(11):
        tracker.update(crowd, step * 0.5)
    assert lone not in ids(tracker, 5.0)
    assert lone in tracker.remembered(5.0, 4.0)
    for step in range(11, 19):
        tracker.update(crowd, step * 0.5)
    assert lone not in tracker.remembered(9.0, 4.0)
    for step in range(19, 24):
        tracker.update(crowd, step * 0.5, places=1, held={TrackId(1), lone})
    assert lone not in ids(tracker, 11.5)
    assert lone in tracker.remembered(11.5, 4.0)


def ids(tracker: FaceTracker, time_s: float) -> set[TrackId]:
    return {track.track_id for track in tracker.live(time_s)}


SMALL = QualityLimits(side_px=20)
CROWD_FPS = 8
CROWD = tuple(Box(x, y, x + 44, y + 44) for y in range(4, 200, 60) for x in range(4, 300, 60))


def crowded(time_s: float, *manipulated: Box) -> Frame:
    """Twenty genuine-looking faces, but for those named."""
    image = picture(GENUINE).copy()
    for box in manipulated:
        rows, columns = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
        image[rows, columns] = picture(MANIPULATED)[rows, columns]
    return Frame(StreamId("door"), round(time_s * CROWD_FPS), time_s, 0, image)


@pytest.mark.fault("F24")
def test_every_face_of_a_crowd_is_judged_in_its_turn() -> None:
    analyzer = analyzer_with(FixedDetector(*CROWD), max_faces=8, quality=SMALL)
    judged: dict[Box, float] = {}
    for index in range(70 * CROWD_FPS):
        analysis = analyzer(crowded(index / CROWD_FPS))
        assert (len(analysis.readings), analysis.faces_skipped) == (8, 12)
        for reading in analysis.readings:
            if reading.state is not State.INSUFFICIENT:
                judged.setdefault(reading.box, analysis.time_s)
    assert set(judged) == set(CROWD)
    assert max(judged.values()) < 13 * 5.0  # thirteen faces take turns of five seconds


@pytest.mark.fault("F24")
def test_a_face_of_a_crowd_that_turns_out_suspect_is_kept_until_it_is_decided() -> None:
    analyzer = analyzer_with(FixedDetector(*CROWD), max_faces=8, quality=SMALL)
    forged = CROWD[15]
    first_s, states, changed = 0.0, [], []
    for index in range(80 * CROWD_FPS):
        analysis = analyzer(crowded(index / CROWD_FPS, forged))
        changed += analysis.alerts
        states += [reading.state for reading in analysis.readings if reading.box == forged]
        first_s = first_s or (analysis.time_s if states else 0.0)
    assert first_s > 5.0  # it is not one of those that begin
    phases = [change.phase for change in changed]
    assert phases.count(AlertPhase.OPENED) == 1
    assert AlertPhase.CLOSED not in phases
    assert len(states) == pytest.approx((80 - first_s) * CROWD_FPS, abs=2)
    assert states[-1] is State.ALERT


def test_under_load_fewer_faces_are_judged_and_an_open_alert_stays_open() -> None:
    forged = CROWD[:5]
    analyzer = analyzer_with(FixedDetector(*CROWD), max_faces=10, quality=SMALL)
    opened = [c for i in range(80) for c in analyzer(crowded(i / CROWD_FPS, *forged)).alerts]
    assert sum(change.phase is AlertPhase.OPENED for change in opened) == 5
    shed = [analyzer(crowded(i / CROWD_FPS, *forged), 3) for i in range(80, 160)]
    assert (len(shed[-1].readings), shed[-1].faces_skipped) == (3, 17)
    assert {reading.box for reading in shed[-1].readings} < set(forged)
    assert AlertPhase.CLOSED not in {change.phase for change in changes(shed)}


def test_a_face_without_a_place_is_forgotten_once_its_window_is_empty() -> None:
    boxes = (Box(10, 60, 100, 150), Box(110, 60, 190, 140), Box(200, 60, 270, 130))
    analyzer = analyzer_with(FixedDetector(*boxes), max_faces=2)
    seen = [
        (analysis.time_s, reading.state)
        for analysis in run(analyzer, 0, 14)
        for reading in analysis.readings
        if reading.box == boxes[1]
    ]
    # Its turns are 0 to 5 s and 10 s to the end: the second one begins with nothing known.
    assert max(time_s for time_s, _ in seen if time_s < 9) == pytest.approx(5, abs=0.6)
    assert dict(seen)[4.0] is State.CLEAR
    again = [state for time_s, state in seen if time_s > 9]
    assert (again[0], again[-1]) == (State.INSUFFICIENT, State.CLEAR)
