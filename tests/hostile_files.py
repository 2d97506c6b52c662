"""Files as strangers send them: damaged, lying, enormous, odd; all made by code."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from tests.media import blinking_person, crowd, draw_face, plain_wall, scene, write_clip

PERSON = {"width": 320, "height": 240}


def clip(path: Path, seconds: float = 1.0, **facts: object) -> bytes:
    """A short clip of one drawn person."""
    return write_clip(path, blinking_person(seconds, 15, **PERSON), 15, **facts).read_bytes()


def png_header(width: int, height: int) -> bytes:
    """A picture that declares a size and holds almost nothing."""
    return png(width, height, b"\0" * 64)


def png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG with these raw rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sized = struct.pack(">I", len(data)) + kind + data
        return sized + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def bomb(side_px: int = 10_000) -> bytes:
    """A picture of a few hundred kB that wants hundreds of MB."""
    return png(side_px, side_px, b"\0" * (side_px + 1) * side_px)


def encoded(image: np.ndarray, suffix: str, *flags: int) -> bytes:
    """A picture in the format of the suffix."""
    return cv2.imencode(suffix, image, list(flags))[1].tobytes()


def turned_jpeg() -> bytes:
    """A JPEG whose EXIF data say that it lies on its side."""
    jpeg = encoded(np.rot90(draw_face(240)), ".jpg")
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def cmyk_jpeg() -> bytes:
    """A JPEG in the four colours of a printer."""
    from PIL import Image  # an extra's; see `need_package`

    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(draw_face(240)[..., ::-1])).convert("CMYK").save(
        out, "JPEG"
    )
    return out.getvalue()


def hdr_clip(path: Path) -> bytes:
    """Ten bits in the wide colours and the curve of HDR10, declared as such."""
    options = {"x264-params": "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"}
    return clip(path, pixel_format="yuv420p10le", options=options)


def lying_clip(path: Path) -> bytes:
    """A clip as a phone held sideways writes it: its pictures lie, and a matrix turns them."""
    people = (np.ascontiguousarray(np.rot90(one)) for one in blinking_person(1, 15, **PERSON))
    data = write_clip(path, people, 15).read_bytes()
    # ISO/IEC 14496-12, 8.3.2: the track's matrix; this one is a quarter turn clockwise.
    plain, quarter = (struct.pack(">9i", *matrix) for matrix in (_PLAIN, _QUARTER))
    at = data.index(plain, data.index(b"tkhd"))
    return data[:at] + quarter + data[at + len(plain) :]


_ONE = 1 << 16
_PLAIN = (_ONE, 0, 0, 0, _ONE, 0, 0, 0, 1 << 30)
_QUARTER = (0, _ONE, 0, -_ONE, 0, 0, 0, 0, 1 << 30)


def sound_only(path: Path) -> bytes:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, index * 1024, Fraction(1, 8000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def zip_bomb() -> bytes:
    """32 MB of nothing in 32 kB."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.mp4", b"\0" * (32 << 20))
    return out.getvalue()


def secret_clip(folder: Path) -> Path:
    """A file of the machine that no stranger may have analysed."""
    path = folder / "secret.mp4"
    if not path.exists():
        write_clip(path, blinking_person(1, 15, **PERSON), 15)
    return path


def _playlist(folder: Path) -> bytes:
    secret = secret_clip(folder)
    return (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()
    )


def _animated_gif(folder: Path) -> bytes:
    frames = list(blinking_person(0.6, 10, width=160, height=120))
    return write_clip(
        folder / "x.gif", frames, 10, codec="gif", pixel_format="rgb8", options={}
    ).read_bytes()


def _alpha(_: Path) -> bytes:
    return encoded(cv2.cvtColor(draw_face(240), cv2.COLOR_BGR2BGRA), ".png")


def _crowd(_: Path) -> bytes:
    return encoded(scene(crowd(60, 1600, 900), 1600, 900), ".jpg")


def _times(folder: Path, name: str, times_s: list[float]) -> bytes:
    people = list(blinking_person(len(times_s) / 15, 15, **PERSON))[: len(times_s)]
    return write_clip(folder / name, people, 15, times_s=times_s).read_bytes()


Make = Callable[[Path], bytes]
NO_MEDIA: dict[str, Make] = {
    "garbage.mp4": lambda _: np.random.default_rng(1).bytes(100_000),
    "one byte.mp4": lambda _: b"\0",
    "text.mp4": lambda _: b"This is no video at all.\n" * 200,
    "notes.json": lambda _: json.dumps({"a": list(range(1000))}).encode(),
    "archive.zip": lambda _: zip_bomb(),
    "script.svg": lambda _: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script>'
        b'<image href="file:///etc/passwd"/></svg>'
    ),
    "page.html": lambda _: b"<html><script>alert(1)</script></html>" * 50,
    "list.m3u8": _playlist,
    "list.ffconcat": lambda folder: f"ffconcat version 1.0\nfile '{secret_clip(folder)}'".encode(),
    "session.sdp": lambda _: (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "beginning only.mp4": lambda folder: clip(folder / "b.mp4")[:1500],
    "link.mp4": lambda _: b"written through a link" * 99,
    "program.exe": lambda _: b"MZ" + b"\x90" * 5000,
}
"""Neither picture nor video."""

REFUSED: dict[str, tuple[str, Make]] = {
    "sound only.m4a": ("no_video", lambda folder: sound_only(folder / "s.m4a")),
    "enormous.png": ("too_large", lambda _: png_header(100_000, 100_000)),
    "endless.mkv": ("too_long", lambda folder: _times(folder, "e.mkv", [0, 0.1, 90_000, 90_001])),
    "cut.jpg": ("no_frames", lambda _: encoded(draw_face(240), ".jpg")[:300]),
}
"""Media that cannot be judged, and the code that says why."""

ODD: dict[str, tuple[str, Make]] = {
    "video.jpg": ("video", lambda folder: clip(folder / "v.mp4")),
    "picture.mp4": ("image", lambda _: encoded(draw_face(240), ".jpg")),
    "polyglot.mp4": ("video", lambda folder: clip(folder / "p.mp4") + zip_bomb()),
    "one frame.mp4": (
        "video",
        lambda folder: write_clip(folder / "1.mp4", [draw_face(240)], 15).read_bytes(),
    ),
    "nobody.mp4": (
        "video",
        lambda folder: write_clip(folder / "n.mp4", [plain_wall(320, 240)] * 10, 15).read_bytes(),
    ),
    "sixty faces.jpg": ("image", _crowd),
    "alpha.png": ("image", _alpha),
    "sixteen bits.png": (
        "image",
        lambda _: encoded(draw_face(240).astype(np.uint16) * 257, ".png"),
    ),
    "grey.png": ("image", lambda _: encoded(draw_face(240)[:, :, 0], ".png")),
    "tiny.png": ("image", lambda _: encoded(draw_face(16), ".png")),
    "printer.jpg": ("image", lambda _: cmyk_jpeg()),
    "lossless.webp": ("image", lambda _: encoded(draw_face(240), ".webp")),
    "turned.jpg": ("image", lambda _: turned_jpeg()),
    "turned.mp4": ("video", lambda folder: lying_clip(folder / "l.mp4")),
    "hdr.mp4": ("video", lambda folder: hdr_clip(folder / "h.mp4")),
    "variable rate.mp4": (
        "video",
        lambda folder: _times(folder, "r.mp4", [0, 0.01, 0.3, 0.31, 0.9, 1.4, 1.41, 2]),
    ),
    "before zero.mkv": ("video", lambda folder: _times(folder, "z.mkv", [-1, -0.5, 0, 0.5])),
    "ten bits.mp4": ("video", lambda folder: clip(folder / "t.mp4", pixel_format="yuv420p10le")),
    "interlaced.mpg": (
        "video",
        lambda folder: clip(folder / "i.mpg", codec="mpeg2video", options={"flags": "+ildct+ilme"}),
    ),
    "animated.gif": ("video", _animated_gif),
    "cut.ts": ("video", lambda folder: clip(folder / "c.ts", 2.0)[:40_000]),
}
"""Unusual, and still judged: the kind that the report says."""
