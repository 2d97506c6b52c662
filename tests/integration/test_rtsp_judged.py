"""Cameras judged by the real pipeline: what faults of the feed do to faces, scores and alerts."""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.load import Models, load_models
from pipeline.types import AlertChange, AlertId, AlertPhase, Analysis, Frame, State
from stream_server.streams.status import StreamState
from tests.gst_camera import GstCamera
from tests.media import blinking_person, plain_wall
from tests.needs import wait_until
from tests.scripted_camera import AccessUnit, Script, ScriptedCamera, encode
from tests.toy_models import constant_classifier, toy_directory
from tests.watched_stream import STREAM, NobodyAnalyzer, WatchedStream

SETTINGS = AnalyzerSettings(window_s=1.0, window_min_samples=2)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A classifier that finds signs of manipulation in every face."""
    folder = tmp_path_factory.mktemp("models")
    card = constant_classifier(folder, 4.0)
    return load_models(toy_directory(folder, card), classifier=card.name)


class RecordingAnalyzer(NobodyAnalyzer):
    """The real analysis; remembers what it saw and said."""

    def __init__(self, models: Models) -> None:
        super().__init__()
        serial = count()
        new_id = lambda: AlertId(f"a{next(serial)}")  # noqa: E731
        self.analyzer = StreamAnalyzer(STREAM, models, new_id, SETTINGS)
        self.seen: list[tuple[Frame, Analysis]] = []

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        analysis = self.analyzer(frame, shed)
        self.seen.append((frame, analysis))
        return analysis

    def finish(self) -> tuple[AlertChange, ...]:
        return self.analyzer.finish()


def judged(url: str, models: Models) -> tuple[WatchedStream, RecordingAnalyzer]:
    stream = WatchedStream(url)
    stream.analyzer = analyzer = RecordingAnalyzer(models)
    return stream, analyzer


@cache
def person(width: int = 320, height: int = 240) -> tuple[AccessUnit, ...]:
    frames = blinking_person(2.0, width=width, height=height, face_px=0.6 * height)
    return tuple(encode(frames))


def flipped(share: float) -> Script:
    chance = random.Random(5)

    def mangle(packets: list[bytes]) -> list[bytes]:
        return [_flip(p, chance) if chance.random() < share else p for p in packets]

    return Script(mangle=mangle)


def _flip(packet: bytes, chance: random.Random) -> bytes:
    data = bytearray(packet)
    for _ in range(3):
        data[chance.randrange(min(16, len(data) - 1), len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def phases(stream: WatchedStream) -> list[AlertPhase]:
    changes = [c for _, event in stream.analyses() for c in event.analysis.alerts]
    return [c.phase for c in changes if c.phase is not AlertPhase.UPDATED]


def test_a_face_in_a_camera_is_found_scored_and_raises_an_alert_that_ends_with_the_camera(
    models: Models, tmp_path: Path
) -> None:
    for index, image in enumerate(blinking_person(1.0, width=320, height=240, face_px=150)):
        (tmp_path / f"{index:03}.i420").write_bytes(_i420(image))
    with GstCamera({"/live": {"frames": tmp_path / "%03d.i420"}}) as camera:
        stream, _ = judged(camera.url(), models)
        with stream:
            stream.wait_for_state(StreamState.ANALYSING, 30)
            wait_until(lambda: AlertPhase.OPENED in phases(stream), 30, "an alert")
            assert stream.status.frames_scored > 0
            assert stream.status.reconnects == 0
            opened = phases(stream)
            camera.kill()
            closed = [*opened, AlertPhase.CLOSED]
            wait_until(lambda: phases(stream) == closed, 20, "the alert to be closed")


def _i420(image: np.ndarray) -> bytes:
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()


@pytest.mark.fault("F08")
def test_no_damaged_picture_is_ever_scored(models: Models) -> None:
    with ScriptedCamera(person(), flipped(0.05)) as camera:
        stream, analyzer = judged(camera.url, models)
        with stream:
            wait_until(lambda: _scored(analyzer.seen) > 8, 40, "scores of whole pictures")
            wait_until(lambda: sum(f.damaged for f, _ in analyzer.seen) > 8, 40, "damage")
    for frame, analysis in analyzer.seen:
        if frame.damaged:
            assert not any(reading.scored for reading in analysis.readings)


def _scored(seen: Sequence[tuple[Frame, Analysis]]) -> int:
    return sum(any(reading.scored for reading in analysis.readings) for _, analysis in seen)


@pytest.mark.fault("F11")
def test_after_a_change_of_resolution_boxes_are_in_the_new_picture(models: Models) -> None:
    units = [*person(320, 240), *person(640, 480)]
    with ScriptedCamera(units) as camera:
        stream, analyzer = judged(camera.url, models)
        with stream:
            wait_until(lambda: len(list(_heights(analyzer.seen, 480))) > 5, 40, "large faces")
            wait_until(lambda: len(list(_heights(analyzer.seen, 240))) > 5, 40, "small faces")
            assert stream.status.reconnects == 0
    small = np.median(list(_heights(analyzer.seen, 240)))
    large = np.median(list(_heights(analyzer.seen, 480)))
    assert large / small == pytest.approx(2, rel=0.15)


def _heights(seen: Sequence[tuple[Frame, Analysis]], picture_px: int) -> Iterator[float]:
    """Heights of the faces in pictures of that height."""
    for _, analysis in list(seen):
        if analysis.height == picture_px:
            yield from (r.box.bottom - r.box.top for r in analysis.readings)


@pytest.mark.fault("F23")
def test_an_empty_room_is_no_face_and_never_clear(models: Models) -> None:
    chance = np.random.default_rng(0)
    noise = [chance.normal(0, 5, (240, 320, 1)) for _ in range(30)]
    room = [np.clip(plain_wall(320, 240) + grain, 0, 255).astype(np.uint8) for grain in noise]
    with ScriptedCamera(encode(room)) as camera:
        stream, analyzer = judged(camera.url, models)
        with stream:
            stream.wait_for_state(StreamState.NO_FACE, 30)
            stream.wait_for_analyses(30, 30)
            assert stream.status.frames_scored == 0
    states = {reading.state for _, analysis in analyzer.seen for reading in analysis.readings}
    assert State.CLEAR not in states
    assert not phases(stream)
