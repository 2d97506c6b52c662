"""Identity over time: one person, one id; two people, never one id."""

import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry import center, iou
from pipeline.track import FaceTracker
from pipeline.types import Box, Face, TrackId


def face(x: float, y: float, side: float = 100.0, score: float = 0.9) -> Face:
    return Face(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


def test_a_face_that_sits_still_keeps_its_id():
    tracker = FaceTracker()
    ids = {tracker.update([face(200 + i % 3, 200)], i * 0.5)[0].track_id for i in range(20)}
    assert ids == {TrackId(1)}


def test_a_face_that_walks_fast_keeps_its_id():
    tracker = FaceTracker()
    ids = {tracker.update([face(100 + i * 60, 200)], i * 0.5)[0].track_id for i in range(15)}
    assert ids == {TrackId(1)}


def test_a_face_that_comes_closer_keeps_its_id():
    tracker = FaceTracker()
    sides = [60 * 1.2**i for i in range(10)]
    ids = {tracker.update([face(300, 300, s)], i * 0.5)[0].track_id for i, s in enumerate(sides)}
    assert ids == {TrackId(1)}


def test_a_missed_detection_does_not_end_a_track_but_a_long_absence_does():
    tracker = FaceTracker(lost_after_s=1.0)
    first = tracker.update([face(200, 200)], 0.0)[0]
    assert tracker.update([], 0.5)[0].track_id == first.track_id
    assert tracker.update([face(205, 200)], 1.0)[0].track_id == first.track_id
    assert tracker.live(2.1) == []
    again = tracker.update([face(205, 200)], 3.0)[0]
    assert again.track_id != first.track_id
    assert again.first_seen_s == 3.0


def test_ids_are_never_used_twice():
    tracker = FaceTracker()
    seen = {tracker.update([face(200, 200)], i * 5.0)[0].track_id for i in range(10)}
    assert len(seen) == 10


def test_a_face_far_away_is_another_face():
    tracker = FaceTracker()
    first = tracker.update([face(100, 100)], 0.0)[0]
    second = tracker.update([face(400, 100)], 0.1)
    assert first.track_id not in {t.track_id for t in second if t.last_seen_s == 0.1}


def test_a_much_larger_face_in_the_same_place_is_another_face():
    tracker = FaceTracker()
    first = tracker.update([face(300, 300, 60)], 0.0)[0]
    now = tracker.update([face(300, 300, 220)], 0.2)
    seen = [t.track_id for t in now if t.last_seen_s == 0.2]
    assert seen == [TrackId(first.track_id + 1)]


def test_two_boxes_on_one_face_are_one_face():
    tracker = FaceTracker()
    found = tracker.update([face(200, 200), face(206, 203, 104, score=0.6)], 0.0)
    assert len(found) == 1
    assert found[0].face.score_prob == 0.9


def test_the_landmarks_carry_a_track_between_detections():
    tracker = FaceTracker()
    track = tracker.update([face(100, 200)], 0.0)[0]
    for i in range(1, 30):
        keypoints = np.full((5, 2), 100 + 30 * i, dtype=np.float32)
        led = replace(face(100 + 30 * i, 200), keypoints=keypoints)
        moved = tracker.move(track.track_id, led, i / 30)
    assert moved.last_seen_s == pytest.approx(29 / 30)
    assert moved.face.keypoints is not None
    assert moved.face.keypoints[0].tolist() == [970.0, 970.0]
    assert tracker.update([face(1000, 200)], 1.0)[0].track_id == track.track_id


def test_a_detection_confirms_where_the_landmarks_are_and_corrects_them_only_when_they_strayed():
    tracker = FaceTracker()
    track = tracker.update([face(200, 200)], 0.0)[0]
    tracker.move(track.track_id, face(212, 200), 0.4)
    confirmed = tracker.update([face(205, 200)], 0.5)[0]
    assert center(confirmed.face.box)[0] == pytest.approx(212)
    assert confirmed.last_seen_s == 0.5
    tracker.move(track.track_id, face(212, 200), 0.9)
    corrected = tracker.update([face(260, 200)], 1.0)[0]
    assert corrected.track_id == track.track_id
    assert center(corrected.face.box)[0] == pytest.approx(260)


def test_landmarks_that_cling_to_the_background_do_not_keep_a_track_alive():
    tracker = FaceTracker(lost_after_s=1.0)
    track = tracker.update([face(100, 200)], 0.0)[0]
    for i in range(1, 120):
        if tracker.live(i / 30):
            tracker.move(track.track_id, face(100, 200), i / 30)
    assert tracker.live(4.0) == []


@pytest.mark.fault("F25")
def test_landmarks_that_jump_onto_another_person_are_not_followed():
    tracker = FaceTracker()
    a, b = tracker.update([face(100, 200), face(400, 200)], 0.0)
    kept = tracker.move(a.track_id, face(395, 200), 0.1)
    assert center(kept.face.box) == center(a.face.box)
    assert [t.track_id for t in tracker.live(0.1)] == [b.track_id]
    found = tracker.update([face(100, 200), face(400, 200)], 0.2)
    assert {t.track_id for t in found} == {a.track_id, b.track_id}


def test_two_tracks_that_slide_onto_one_face_are_silent_until_the_detector_has_looked():
    tracker = FaceTracker()
    a, _ = tracker.update([face(100, 200), face(190, 200)], 0.0)
    for step in range(1, 10):
        tracker.move(a.track_id, face(100 + 8 * step, 200), step * 0.05)
    assert tracker.live(0.45) == []
    found = tracker.update([face(190, 200)], 0.5)
    assert len(found) == 1


def test_a_second_box_on_a_face_does_not_silence_it():
    tracker = FaceTracker()
    whole, part = face(200, 200), face(265, 240, 70, score=0.5)
    for step in range(60):
        t = step / 15
        found = tracker.update([whole, part], t) if step % 8 == 0 else tracker.live(t)
        assert any(center(track.face.box) == (200, 200) for track in found)
        for track in found:
            if track.track_id in {one.track_id for one in tracker.live(t)}:
                tracker.move(track.track_id, whole, t)


def test_a_moved_track_that_does_not_live_is_an_error_and_a_drop_is_not():
    tracker = FaceTracker()
    with pytest.raises(KeyError):
        tracker.move(TrackId(7), face(0, 0), 0.0)
    tracker.drop(TrackId(7))


def test_the_largest_faces_are_kept_and_the_rest_counted():
    tracker = FaceTracker(max_faces=10)
    crowd = [face(150 * (i % 5), 150 * (i // 5), 60 + i) for i in range(20)]
    found = tracker.update(crowd, 0.0)
    assert len(found) == 10
    assert tracker.skipped == 10
    assert min(t.face.box.right - t.face.box.left for t in found) >= 70


def test_a_face_under_analysis_is_not_pushed_out_by_a_slightly_larger_one():
    tracker = FaceTracker(max_faces=1)
    first = tracker.update([face(100, 100, 80)], 0.0)[0]
    both = [face(100, 100, 80), face(400, 100, 88)]
    assert [t.track_id for t in tracker.update(both, 0.5)] == [first.track_id]
    much = [face(100, 100, 80), face(400, 100, 160)]
    tracker.update(much, 3.0)
    assert [t.track_id for t in tracker.update(much, 3.5)] != [first.track_id]


def test_a_face_counts_only_after_the_asked_number_of_detections():
    tracker = FaceTracker(confirm_detections=2)
    assert tracker.update([face(100, 100)], 0.0) == []
    assert len(tracker.update([face(100, 100)], 0.5)) == 1


def follow(tracker: FaceTracker, people: dict[str, Face], time_s: float) -> None:
    """Landmarks as they are: they settle on whatever face is nearest to the box."""
    for track in tracker.live(time_s):
        x, y = center(track.face.box)
        near = min(
            people.values(), key=lambda p: np.hypot(center(p.box)[0] - x, center(p.box)[1] - y)
        )
        if iou(near.box, track.face.box) > 0.2:
            tracker.move(track.track_id, near, time_s)


def cross(
    rng: np.random.Generator, every_s: float, fastest: float, landmarks_fps: float = 0.0
) -> dict[TrackId, set[str]]:
    """Two people meet, pass or turn back, one hidden meanwhile: who bore which id?"""
    tracker, owners = FaceTracker(), defaultdict(set)
    side = rng.uniform(60, 140, size=2)
    speed = rng.uniform(40, fastest, size=2)
    rise = rng.uniform(-20, 20)
    turns_back = rng.random() < 0.3
    steps_per_detection = round(every_s * landmarks_fps) if landmarks_fps else 1
    for step in range(int(8 / every_s) * steps_per_detection):
        time_s = step * every_s / steps_per_detection
        t = time_s - 4.0
        a = -abs(speed[0] * t) if turns_back else speed[0] * t
        b = abs(speed[1] * t) if turns_back else -speed[1] * t
        people = {
            "front": face(700 + a, 300 + rng.normal() * 2, side[0] * np.exp(rng.normal() * 0.02)),
            "behind": face(700 + b, 300 + rise + rng.normal() * 2, side[1]),
        }
        if iou(people["front"].box, people["behind"].box) > 0.15:
            del people["behind"]
        if step % steps_per_detection:
            follow(tracker, people, time_s)
            continue
        for track in tracker.update(list(people.values()), time_s):
            if track.last_seen_s == time_s:
                owner = max(people, key=lambda name: iou(people[name].box, track.face.box))
                owners[track.track_id].add(owner)
    return owners


@pytest.mark.fault("F25")
@pytest.mark.parametrize(
    ("every_s", "fastest", "landmarks_fps"),
    [(1 / 15, 250.0, 0.0), (0.25, 250.0, 0.0), (0.5, 100.0, 0.0), (0.5, 250.0, 16.0)],
)
def test_two_people_who_cross_never_share_an_id(every_s, fastest, landmarks_fps):
    mixed = [
        seed
        for seed in range(80)
        if any(
            len(names) > 1
            for names in cross(
                np.random.default_rng(seed), every_s, fastest, landmarks_fps
            ).values()
        )
    ]
    assert mixed == []


def test_people_who_sit_side_by_side_keep_their_ids_though_they_sway():
    rng, tracker = np.random.default_rng(5), FaceTracker()
    ids = set()
    for step in range(40):
        row = [
            face(100 + 130 * seat + 8 * np.sin(step / 3 + seat) + rng.normal(), 200 + rng.normal())
            for seat in range(6)
        ]
        ids |= {track.track_id for track in tracker.update(row, step * 0.5)}
    assert len(ids) == 6


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 900), st.floats(0, 600), st.floats(20, 200)), max_size=8),
        max_size=12,
    )
)
def test_every_face_of_a_detection_has_at_most_one_id(detections):
    tracker, newest = FaceTracker(max_faces=5), 0
    for index, entries in enumerate(detections):
        found = tracker.update([face(*entry) for entry in entries], index * 0.3)
        ids = [t.track_id for t in found]
        assert len(ids) == len(set(ids)) <= 5
        fresh = [t for t in found if t.last_seen_s == index * 0.3]
        assert len({id(t.face) for t in fresh}) == len(fresh)
        assert len(fresh) + tracker.skipped <= len(entries)
        newest = max([newest, *ids])
        assert found == tracker.live(index * 0.3)


def test_tracking_costs_far_less_than_a_millisecond_a_face():
    tracker = FaceTracker()
    best = 1.0
    for i in range(300):
        start = time.perf_counter()
        tracker.update([face(200 + i % 5, 200)], i * 0.1)
        best = min(best, time.perf_counter() - start)
    assert best < 0.0003
