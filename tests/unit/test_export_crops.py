"""The crop store is the same every time, and cuts as the service cuts."""

from pathlib import Path

import numpy as np

from export.crops import MAX_SIDE_PX, SERVE_MARGIN, SERVE_SIZE_PX, STORE_MARGIN, CropStore, cut
from export.faces import FoundFace
from pipeline.preprocess import crop_face
from pipeline.types import Box, Image, Quality

QUALITY = Quality(80.0, 100.0, 0.5, 0.0, False, True, None)
BOX = Box(60.0, 40.0, 130.0, 128.0)


def picture(side: int = 200) -> Image:
    return np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8)


def face() -> FoundFace:
    points = np.random.default_rng(8).uniform(60, 120, (478, 2)).astype(np.float32)
    return FoundFace(BOX, points, 0.9, QUALITY)


def test_cutting_the_same_face_twice_gives_the_same_crop() -> None:
    first, second = cut(picture(), face(), {}), cut(picture(), face(), {})
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.box, second.box)
    assert np.array_equal(first.landmarks, second.landmarks)


def test_a_small_face_is_stored_at_its_own_scale() -> None:
    crop = cut(picture(), face(), {})
    assert crop.image.shape == (round(88 * STORE_MARGIN), round(88 * STORE_MARGIN), 3)
    assert np.allclose(crop.box[2:] - crop.box[:2], (70, 88), atol=1)


def test_points_and_box_stay_on_the_pixels_they_marked() -> None:
    image = picture()
    image[84, 95] = (0, 0, 255)
    found = face()
    found.landmarks[0] = (95.0, 84.0)
    crop = cut(image, found, {})
    x, y = np.round(crop.landmarks[0]).astype(int)
    assert tuple(crop.image[y, x]) == (0, 0, 255)


def test_a_large_face_is_stored_no_larger_than_the_limit() -> None:
    large = FoundFace(Box(0, 0, 900, 900), face().landmarks, 0.9, QUALITY)
    assert cut(picture(1000), large, {}).image.shape[0] == MAX_SIDE_PX


def test_the_served_crop_and_the_stored_one_show_the_same_face() -> None:
    image = np.asarray(np.indices((200, 200)).sum(0)[:, :, None].repeat(3, 2) % 256, np.uint8)
    stored = cut(image, face(), {})
    box = Box(*(float(edge) for edge in stored.box))
    again = crop_face(stored.image, box, SERVE_SIZE_PX, SERVE_MARGIN)
    served = crop_face(image, BOX, SERVE_SIZE_PX, SERVE_MARGIN)
    difference = np.abs(again.astype(int) - served.astype(int))
    assert np.median(difference) <= 2


def test_a_store_reads_back_what_was_written(tmp_path: Path) -> None:
    crop = cut(picture(), face(), {"label": 1})
    (tmp_path / "pixels.bin").write_bytes(crop.image.tobytes() * 2)
    (tmp_path / "facts.json").write_text('[{"label": 1}, {"label": 0}]')
    side = crop.image.shape[0]
    np.savez(
        tmp_path / "geometry.npz",
        offsets=np.array([0, side * side * 3]),
        sides=np.array([side, side]),
        boxes=np.stack([crop.box] * 2),
        landmarks=np.stack([crop.landmarks] * 2),
    )
    np.save(tmp_path / "serve.npy", np.zeros((2, 160, 160, 3), np.uint8))
    store = CropStore(tmp_path)
    assert np.array_equal(store[1].image, crop.image)
    assert store.column("label") == [1, 0]
