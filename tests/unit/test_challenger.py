"""A challenge in the service: orders cross threads, its result enters scores."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from pipeline.challenge_cue import Step
from pipeline.types import Analysis, Box, Frame, StreamId
from stream_server.problems import Conflict
from stream_server.streams.challenger import Audience, Challenged, Challenger, ChallengeState
from tests.unit.test_enrolling import GOOD, sighting

STREAM = StreamId("desk")
BOX = Box(200, 100, 400, 340)


class DrawnAnalyzer:
    """Sees as many good faces as told, all of them still."""

    def __init__(self, faces=1):
        self.challenge = None
        self.faces = faces
        self.sightings = ()

    def __call__(self, frame, shed=0):
        self.sightings = tuple(sighting(track=number, quality=GOOD) for number in range(self.faces))
        return Analysis(STREAM, frame.epoch, frame.index, frame.time_s, 640, 480, (), ())

    def finish(self):
        return ()


def watch(challenger, analyzer, *, seconds, start_s=0.0, epoch=1):
    """Show frames and follow the steps, as a page does."""
    chain = Challenged(analyzer, analyzer, challenger)
    image = np.zeros((480, 640, 3), np.uint8)
    for index in range(int(seconds * 8)):
        time_s = start_s + index / 8
        chain(Frame(STREAM, index, time_s, epoch, image))
        challenger.view()


@pytest.fixture
def challenger():
    return Challenger(STREAM)


def test_a_challenge_runs_to_its_end_and_its_result_reaches_the_analyzer(challenger):
    analyzer = DrawnAnalyzer()
    assert challenger.view().state is ChallengeState.NONE
    challenger.begin(Audience.SELF, colours=False)
    watch(challenger, analyzer, seconds=4)
    view = challenger.view()
    assert (view.state, view.progress.number, view.progress.total) == ("running", 1, 4)
    watch(challenger, analyzer, seconds=60, start_s=4)
    view = challenger.view()
    assert view.state is ChallengeState.FINISHED
    assert len(view.steps) == 4
    assert view.finished_at is not None
    assert analyzer.challenge is not None
    assert analyzer.challenge.llr == view.llr
    json.dumps(asdict(view), default=str)


def test_a_result_is_void_on_a_new_connection_and_when_told(challenger):
    analyzer = DrawnAnalyzer()
    challenger.begin(Audience.SELF, colours=False)
    watch(challenger, analyzer, seconds=64)
    assert challenger.result(1) is not None
    watch(challenger, analyzer, seconds=1, epoch=2)
    assert analyzer.challenge is None
    challenger.forget()
    assert challenger.result(1) is None
    assert challenger.view().state is ChallengeState.NONE


def test_only_one_person_and_one_challenge_at_a_time(challenger):
    watch(challenger, DrawnAnalyzer(faces=2), seconds=1)
    with pytest.raises(Conflict, match="one person alone"):
        challenger.begin(Audience.SELF, colours=False)
    watch(challenger, DrawnAnalyzer(), seconds=1, start_s=1)
    challenger.begin(Audience.SELF, colours=False)
    with pytest.raises(Conflict, match="running already"):
        challenger.begin(Audience.SELF, colours=False)
    watch(challenger, DrawnAnalyzer(faces=2), seconds=2, start_s=2)
    view = challenger.view()
    assert (view.state, view.reason) == ("stopped", "several_faces")
    assert "more than one face" in view.text


def test_steps_that_nobody_reads_end_by_themselves():
    times_s = iter((0.0, 11.0, 11.0))
    challenger = Challenger(STREAM, clock=lambda: next(times_s))
    challenger.begin(Audience.SELF, colours=False)
    analyzer = DrawnAnalyzer()
    chain = Challenged(analyzer, analyzer, challenger)
    chain(Frame(STREAM, 0, 0.0, 1, np.zeros((480, 640, 3), np.uint8)))
    assert challenger.view().reason == "unwatched"


def test_whoever_relays_the_steps_gets_more_time_and_colours_are_a_step_of_their_own(challenger):
    analyzer = DrawnAnalyzer()
    limits = {}
    for audience in Audience:
        challenger.begin(audience, colours=False)
        watch(challenger, analyzer, seconds=3.5)
        limits[audience] = challenger.view().progress.left_s
        challenger.forget()
    assert limits[Audience.RELAYED] > limits[Audience.SELF] + 5
    challenger.begin(Audience.SELF, colours=True)
    watch(challenger, analyzer, seconds=3.5)
    assert challenger.view().progress.total == 5
    watch(challenger, analyzer, seconds=75, start_s=3.5)
    assert Step.COLOURS in {step.step for step in challenger.view().steps}
