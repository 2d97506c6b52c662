"""One picture from a file, upright: what OpenCV reads, and HEIC where pillow-heif is there."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import MediaError
from pipeline.types import Image

_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_NO_FRAMES = "No picture in it can be decoded; it may be damaged."


def is_heic(path: Path) -> bool:
    """Whether it is a HEIC picture by its first bytes (ISO/IEC 23008-12); its name may lie.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] != b"ftyp" or head[8:12] not in _HEIC:
        return False
    # "mif1" says only that it is a picture; AV1 pictures say it too.
    size = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[at : at + 4] for at in (8, *range(16, size, 4))}
    return not brands & {b"avif", b"avis"}


def read_heic(path: Path, max_pixels: int) -> Image:
    """One HEIC picture as (H, W, 3) uint8 BGR, turned as it says; tiles joined, HDR brought down.

    Raises:
        MediaError: "codec_unsupported" without pillow-heif, "too_large" or "no_frames".
    """
    try:
        import pillow_heif
    except ImportError as error:
        sentence = "HEIC pictures need the package pillow-heif: install the extra `files`."
        raise MediaError("codec_unsupported", sentence) from error
    try:
        # Only the header is read here; the pixels are decoded when they are asked for.
        file = pillow_heif.open_heif(str(path), convert_hdr_to_8bit=True, bgr_mode=True)
        columns, rows = file.size
        if columns * rows > max_pixels:
            raise too_large(max_pixels)
        image = np.asarray(file[file.primary_index])
    except (ValueError, RuntimeError, EOFError, SyntaxError, OSError) as error:
        raise MediaError("no_frames", _NO_FRAMES) from error
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., :3], dtype=np.uint8)


def read_still(path: Path, pixels: int, max_pixels: int, max_still_pixels: int) -> Image:
    """One picture, turned as its EXIF data say, at a fraction of its size above `max_pixels`.

    `pixels` is what the file declares.

    Raises:
        MediaError: "too_large" or "no_frames".
        MemoryError: there is too little for it.
    """
    if pixels > max_still_pixels:
        raise too_large(max_still_pixels)
    flag = next(
        (flag for share, flag in _REDUCED if pixels <= max_pixels * share),
        cv2.IMREAD_REDUCED_COLOR_8,
    )
    image = None
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), flag)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(f"The picture has {pixels} pixels.") from error
        if "pixels <=" in str(error):  # too many for FFmpeg to even say how many
            raise too_large(max_still_pixels) from error
    if image is None:
        raise MediaError("no_frames", _NO_FRAMES)
    return np.asarray(image, np.uint8)


_REDUCED = (
    (1, cv2.IMREAD_COLOR),
    (4, cv2.IMREAD_REDUCED_COLOR_2),
    (16, cv2.IMREAD_REDUCED_COLOR_4),
)


def too_large(max_pixels: int) -> MediaError:
    """Say how many pixels are too many."""
    return MediaError(
        "too_large", f"The picture has more than {max_pixels // 10**6} million pixels."
    )
