"""Clips of evidence: packets as they came, pictures with only the flagged face to be recognised."""

import io
from datetime import UTC, datetime

import av
import numpy as np
import pytest

from pipeline.types import AlertChange, AlertId, AlertPhase, Box, Frame, StreamId, TrackId
from stream_server.evidence.case import Case, Material, Memory, Sample
from stream_server.evidence.contents import files_of
from stream_server.evidence.footage import PacketTap, encode, remux
from stream_server.evidence.settings import Mode
from stream_server.evidence.shots import ShotRing, jpeg_of
from tests.media import DrawnFace, blinking_person, scene, write_clip

CODECS = {
    "libx264": {"preset": "ultrafast", "g": "10", "bf": "2"},
    "libx265": {"preset": "ultrafast", "x265-params": "keyint=10:log-level=none"},
    "mjpeg": {},
}


@pytest.mark.parametrize("codec", CODECS)
def test_packets_come_through_untouched_and_play(tmp_path, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_clip(
        tmp_path / "clip.mkv",
        blinking_person(2, 15, width=160, height=120),
        15,
        codec=codec,
        options=CODECS[codec],
        pixel_format=pixels,
    )
    tap = PacketTap(60, 10**7)
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            tap(packet)
    packets = tap.ring.cut(float("-inf"), float("inf"))
    assert tap.codec.suffix == ("mkv" if codec == "mjpeg" else "mp4")
    file = io.BytesIO(remux(tap.codec, packets))
    with av.open(file) as copy, av.open(str(path)) as original:
        frames = [frame.to_ndarray() for frame in copy.decode(video=0)]
        wanted = [frame.to_ndarray() for frame in original.decode(video=0)]
    assert len(frames) == len(wanted) == 30
    assert all(np.array_equal(a, b) for a, b in zip(frames, wanted, strict=True))


def test_packets_without_times_still_make_a_clip(tmp_path):
    path = write_clip(tmp_path / "c.mkv", blinking_person(1, 15, width=160, height=120), 15)
    tap = PacketTap(60, 10**7)
    with av.open(str(path)) as container:
        for index, packet in enumerate(container.demux(video=0)):
            if index % 3 == 0:
                packet.pts = packet.dts = None
            tap(packet)
    with av.open(io.BytesIO(remux(tap.codec, tap.ring.cut(0, float("inf"))))) as copy:
        assert len(list(copy.decode(video=0))) == 15


def test_pictures_become_a_clip_that_keeps_their_times():
    pictures = list(blinking_person(1, 5, width=161, height=120))
    clip = encode(zip((10.0, 10.2, 10.4, 10.6, 11.6), pictures, strict=True))
    with av.open(io.BytesIO(clip)) as container:
        frames = list(container.decode(video=0))
    assert [round(float(frame.time), 2) for frame in frames] == [0, 0.2, 0.4, 0.6, 1.6]
    assert frames[0].key_frame


WIDTH, HEIGHT = 640, 320
BOXES = {1: Box(0.15, 0.3, 0.35, 0.7), 2: Box(0.65, 0.3, 0.85, 0.7)}


def test_only_the_flagged_face_can_be_recognised_in_picture_and_clip():
    image = scene([DrawnFace(160, 160, 140, 1), DrawnFace(480, 160, 140, 2)], WIDTH, HEIGHT)
    samples = (sample(1), sample(2, at_s=100.6))
    files, facts = files_of(Mode.CLIP, case(image), material(image, samples), change(), (90, 110))
    assert facts["clip"]["others_blurred"] is True
    with av.open(io.BytesIO(files["clip.mp4"])) as container:
        (frame,) = container.decode(video=0)
    plain = decoded(jpeg_of(image))
    for shown in (decoded(files["picture.jpg"]), frame.to_ndarray(format="bgr24")):
        assert likeness(shown, plain, BOXES[1]) > 0.9
        assert likeness(shown, plain, BOXES[2]) < 0.5, (
            "found only a moment later, blurred all the same"
        )


def test_where_faces_were_not_followed_everything_but_the_flagged_one_is_hidden():
    image = scene([DrawnFace(160, 160, 140, 1), DrawnFace(480, 160, 140, 2)], WIDTH, HEIGHT)
    files, _ = files_of(
        Mode.SNAPSHOT, case(image), material(image, (sample(1, skipped=1),)), change(), (90, 110)
    )
    shown, plain = decoded(files["picture.jpg"]), decoded(jpeg_of(image))
    assert likeness(shown, plain, BOXES[1]) > 0.9
    assert likeness(shown, plain, BOXES[2]) < 0.5


def test_metadata_holds_no_pixel_and_only_the_flagged_face():
    samples = (sample(1), sample(2))
    files, _ = files_of(Mode.METADATA, case(None), Material(samples), change(), (90, 110))
    assert sorted(files) == ["alert.json", "blinks.json", "scores.json"]
    assert files["scores.json"].count(b"alert") == 1


def sample(track: int, at_s: float = 100.0, skipped: int = 0) -> Sample:
    return Sample(
        at_s,
        5.0,
        TrackId(track),
        BOXES[track],
        "alert",
        0.9,
        0.9,
        0.9,
        0.3,
        False,
        1,
        12.0,
        skipped,
    )


def change() -> AlertChange:
    return AlertChange(
        AlertId("alert-1"), AlertPhase.OPENED, TrackId(1), 5.0, 5.0, 0.9, 0.9, 0.8, (), BOXES[1]
    )


def frame_of(image) -> Frame:
    return Frame(StreamId("door"), 1, 5.0, 1, image)


def case(image) -> Case:
    shown = None if image is None else frame_of(image)
    return Case(StreamId("door"), change(), datetime.now(UTC), 100.0, 110.0, shown, None, Memory())


def material(image, samples) -> Material:
    ring = ShotRing(30, 10**7)
    ring.add(frame_of(image), 100.0)
    return Material(samples, (), ring.cut(90, 110))


def decoded(jpeg: bytes):
    with av.open(io.BytesIO(jpeg)) as container:
        return next(container.decode(video=0)).to_ndarray(format="bgr24")


def likeness(shown, plain, box: Box) -> float:
    """Correlation of the details of one face in two pictures."""
    rows = slice(round(box.top * HEIGHT), round(box.bottom * HEIGHT))
    columns = slice(round(box.left * WIDTH), round(box.right * WIDTH))
    details = [
        np.diff(picture[rows, columns].astype(float), axis=1).ravel() for picture in (shown, plain)
    ]
    return float(np.corrcoef(*details)[0, 1])
