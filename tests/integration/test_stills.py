"""Every kind of picture comes in by one door, upright, in 8-bit BGR."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media_file import FileLimits, open_media
from pipeline.types import Image
from tests.media import draw_face
from tests.needs import need_package

SIDEWAYS = 6
"""EXIF: the camera was held upright, so the picture lies on its side."""


@pytest.fixture(scope="module")
def pillow():
    need_package("pillow_heif")
    import PIL.Image
    import pillow_heif

    pillow_heif.register_heif_opener()
    return PIL.Image


def read(path: Path, **options: object) -> Image:
    with open_media(path, **options) as media:  # type: ignore[arg-type]
        (frame,) = media.frames()
        assert media.kind == "image"
        return frame.image


def saved(pillow, folder: Path, kind: str, image: Image, **options: object) -> Path:
    """Written under a name that says nothing."""
    path = folder / "picture"
    pillow.fromarray(np.ascontiguousarray(image[..., ::-1])).save(path, kind, **options)
    return path


def difference(one: Image, other: Image) -> float:
    assert one.shape == other.shape
    assert one.dtype == np.uint8
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("kind", ["HEIF", "JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_that_lies_on_its_side_comes_out_upright(pillow, tmp_path, kind):
    face = draw_face(240)
    exif = pillow.Exif()
    exif[0x0112] = SIDEWAYS
    path = saved(pillow, tmp_path, kind, np.rot90(face), exif=exif.tobytes())
    assert difference(read(path), face) < 4


def test_printers_colours_become_those_of_a_screen(pillow, tmp_path):
    face = draw_face(240)
    path = tmp_path / "print.jpg"
    pillow.fromarray(np.ascontiguousarray(face[..., ::-1])).convert("CMYK").save(path)
    assert difference(read(path), face) < 4


def test_a_grey_heic_has_three_channels(pillow, tmp_path):
    path = tmp_path / "grey"
    pillow.fromarray(draw_face(240)[:, :, 0]).save(path, "HEIF")
    assert read(path).shape == (240, 240, 3)


def test_a_heic_that_is_too_large_is_refused_before_it_is_decoded(pillow, tmp_path):
    path = saved(pillow, tmp_path, "HEIF", draw_face(240))
    with pytest.raises(MediaError) as refused:
        read(path, limits=FileLimits(max_still_pixels=1000))
    assert refused.value.code == "too_large"


def test_a_damaged_heic_says_so(pillow, tmp_path):
    buffer = io.BytesIO(saved(pillow, tmp_path, "HEIF", draw_face(240)).read_bytes())
    (tmp_path / "cut").write_bytes(buffer.getvalue()[:1500])
    with pytest.raises(MediaError) as refused:
        read(tmp_path / "cut")
    assert refused.value.code == "no_frames"


def test_without_the_library_a_heic_says_what_to_install(pillow, tmp_path, monkeypatch):
    path = saved(pillow, tmp_path, "HEIF", draw_face(240))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MediaError, match="install the extra `files`"):
        read(path)
