"""Nobody who comes back within the cool-down opens a second alert."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.absent import Absent
from pipeline.alert import TriggerMemory
from pipeline.memory import PersonMemory
from pipeline.types import AlertPhase, Box, State
from tests.unit.test_analyzer import MANIPULATED, analyzer_with, changes, run

HERE, NEAR, FAR = Box(100, 60, 220, 180), Box(120, 70, 245, 190), Box(500, 60, 620, 180)


def phases(analyses):
    return [change.phase for change in changes(analyses)]


def test_a_face_that_is_lost_and_found_opens_no_second_alert_within_the_cooldown():
    analyzer = analyzer_with()
    assert AlertPhase.OPENED in phases(run(analyzer, 0, 8, MANIPULATED))
    assert phases(run(analyzer, 8, 12, 0)) == [AlertPhase.CLOSED]
    back = run(analyzer, 12, 30, MANIPULATED)
    assert phases(back) == []
    assert back[-1].readings[0].state is State.SUSPECT


def test_what_lasts_beyond_the_cooldown_is_told_again():
    analyzer = analyzer_with()
    run(analyzer, 0, 8, MANIPULATED)
    run(analyzer, 8, 10, 0)
    assert phases(run(analyzer, 10, 75, MANIPULATED)).count(AlertPhase.OPENED) == 1


def test_a_face_that_flickers_opens_one_alert_a_cooldown_at_most():
    analyzer = analyzer_with()
    told = []
    for start_s in range(0, 54, 9):
        told += phases(run(analyzer, start_s, start_s + 7, MANIPULATED))
        told += phases(run(analyzer, start_s + 7, start_s + 9, 0))
    assert told.count(AlertPhase.OPENED) == 1


def gone(box, closed_s):
    return PersonMemory(box, closed_s, trigger=TriggerMemory(closed_s=closed_s))


def claimed(absent, box, time_s):
    person = absent.claim(box, time_s)
    return None if person is None else person.trigger.closed_s


def test_somebody_elsewhere_or_of_another_size_is_another_person():
    absent = Absent(60)
    absent.add(gone(HERE, 10.0))
    assert claimed(absent, FAR, 12.0) is None
    assert claimed(absent, Box(100, 60, 700, 660), 12.0) is None
    assert claimed(absent, NEAR, 12.0) == 10.0


def test_one_place_is_claimed_by_one_person_and_by_the_nearest():
    absent = Absent(60)
    absent.add(gone(HERE, 10.0))
    absent.add(gone(NEAR, 11.0))
    assert [claimed(absent, NEAR, 12.0), claimed(absent, HERE, 12.0)] == [11.0, 10.0]
    assert claimed(absent, HERE, 12.0) is None


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_nobody_rests_longer_than_the_cooldown(closed_s, time_s):
    absent = Absent(60)
    absent.add(gone(HERE, closed_s))
    assert (claimed(absent, HERE, time_s) == closed_s) == (0 <= time_s - closed_s < 60)


def test_someone_without_an_alert_leaves_nothing_behind():
    absent = Absent(60)
    absent.add(PersonMemory(HERE, 5.0))
    assert absent.claim(HERE, 6.0) is None
