"""The faces that the tests draw are good enough to test with."""

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.geometry import iou
from pipeline.load import DEFAULT_DETECTOR, adapter, models_directory
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from pipeline.types import Face, Image
from tests.media import (
    DrawnFace,
    blinking_person,
    draw_face,
    moving_person,
    plain_wall,
    scene,
    write_clip,
)


def detect(image: Image) -> list[Face]:
    card = read_card(models_directory() / f"{DEFAULT_DETECTOR}.toml")
    return list(adapter(card)(card, Device.CPU)(image))


@pytest.mark.parametrize("seed", range(12))
def test_every_drawn_person_is_found_at_once(seed: int) -> None:
    (face,) = detect(draw_face(256, seed=seed))
    assert face.score_prob > 0.85
    assert iou(face.box, DrawnFace(128, 128, 256 * 0.6).box) > 0.7


def test_the_same_seed_draws_the_same_person_and_another_another() -> None:
    assert np.array_equal(draw_face(128, seed=3), draw_face(128, seed=3))
    assert not np.array_equal(draw_face(128, seed=3), draw_face(128, seed=4))


def test_a_face_may_hang_over_any_edge() -> None:
    for x_px, y_px in ((0, 0), (640, 480), (-300, 200), (320, 900), (10_000, 10)):
        assert scene([DrawnFace(x_px, y_px, 200)]).shape == (480, 640, 3)
    assert np.array_equal(scene([DrawnFace(-500, 100, 100)]), plain_wall())


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "libx264", None),
        ("mkv", "libx264", {"preset": "ultrafast"}),
        ("webm", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_a_written_clip_plays_with_its_people_in_it(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str] | None
) -> None:
    frames = moving_person(0.5, 20, width=320, height=240)
    path = write_clip(tmp_path / f"clip.{suffix}", frames, 20, codec=codec, options=options)
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(images) == 10
    first, last = (detect(np.asarray(images[at], np.uint8)) for at in (0, -1))
    assert len(first) == len(last) == 1
    assert last[0].box.left > first[0].box.left + 50


def test_a_clip_keeps_the_times_it_is_given(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.52, 1.75]
    frames = blinking_person(0.5, 10, width=160, height=120)
    path = write_clip(tmp_path / "vfr.mkv", frames, 10, times_s=times)
    with av.open(str(path)) as container:
        found = [frame.time for frame in container.decode(video=0)]
    assert found == pytest.approx(times, abs=0.002)
