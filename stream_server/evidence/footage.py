"""Clips: encoded packets put into a file as they are, and pictures encoded as a low-rate clip."""

import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from pipeline.decode import VideoPacket
from pipeline.types import Image
from stream_server.evidence.ring import EncodedPacket, PacketRing

_PLAYED_AS_MP4 = frozenset({"h264", "hevc", "av1", "vp9"})
_CLOCK = Fraction(1, 90_000)
_ENCODER = {"preset": "veryfast", "crf": "23", "g": "25", "threads": "1"}
"""One thread: the analysis needs the others."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How to read the packets of one connection."""

    header: bytes
    """A NUT file of one packet: it holds the decoder's parameters as they are, unlike MP4."""
    time_base: Fraction
    suffix: str


class PacketTap:
    """Takes down the packets of one connection; its reader thread calls it.

    Without a keyframe or with a codec that no file can hold it stays empty and says so.
    """

    def __init__(self, keep_s: float, max_bytes: int) -> None:
        self.ring = PacketRing(keep_s, max_bytes)
        self.codec: Codec | None = None
        self.useless = False

    def __call__(self, packet: VideoPacket) -> None:
        """Copy one packet; costs microseconds and never raises."""
        if self.useless or not packet.size:
            return
        data = bytes(packet)
        if self.codec is None:
            try:
                self.codec = _describe(packet, data)
            except (av.error.FFmpegError, ValueError):
                self.useless = True
                return
        self.ring.add(
            EncodedPacket(data, packet.pts, packet.dts, packet.is_keyframe, time.monotonic())
        )


def _describe(packet: VideoPacket, data: bytes) -> Codec:
    stream, file = packet.stream, io.BytesIO()
    with av.open(file, "w", format="nut") as container:
        # Opaque: only the packets' decoder is needed here, not an encoder of that codec.
        copy = container.add_stream_from_template(stream, opaque=True)
        container.mux_one(_packet(copy, data, 0, 0, _CLOCK))
    mp4 = stream.codec_context.codec.canonical_name in _PLAYED_AS_MP4
    return Codec(file.getvalue(), packet.time_base, "mp4" if mp4 else "mkv")


def remux(codec: Codec, packets: Sequence[EncodedPacket]) -> bytes:
    """Put packets into an MP4 or Matroska file without touching a picture; the first is time 0.

    Raises:
        ValueError: there is no packet, or the file cannot hold such.
        av.error.FFmpegError: the packets do not fit together.
    """
    if not packets:
        raise ValueError("no packets")
    file = io.BytesIO()
    kind = "mp4" if codec.suffix == "mp4" else "matroska"
    with (
        av.open(io.BytesIO(codec.header), format="nut") as header,
        av.open(file, "w", format=kind) as container,
    ):
        stream = container.add_stream_from_template(header.streams.video[0], opaque=True)
        first = next((t for p in packets for t in (p.dts, p.pts) if t is not None), 0)
        last = -1
        for packet in packets:
            stamp = packet.dts if packet.dts is not None else packet.pts
            # Muxers refuse times that repeat or go back; a camera's may.
            last = dts = max(last + 1, stamp - first if stamp is not None else 0)
            pts = max(dts, packet.pts - first) if packet.pts is not None else dts
            copy = _packet(stream, packet.data, pts, dts, codec.time_base)
            copy.is_keyframe = packet.is_keyframe
            container.mux_one(copy)
    return file.getvalue()


def encode(pictures: Iterable[tuple[float, Image]]) -> bytes:
    """Encode (seconds, picture) pairs, the first of which is time 0, as H.264 in MP4.

    Raises:
        ValueError: there is no picture.
        av.error.FFmpegError: the encoder failed.
    """
    file, stream, first_s, last = io.BytesIO(), None, 0.0, -1
    with av.open(file, "w", format="mp4") as container:
        for at_s, image in pictures:
            if stream is None:
                first_s, stream = at_s, container.add_stream("libx264", rate=5, options=_ENCODER)
                stream.height, stream.width = (side - side % 2 for side in image.shape[:2])
                stream.pix_fmt, stream.time_base = "yuv420p", _CLOCK
                stream.codec_context.time_base = _CLOCK
            picture = av.VideoFrame.from_ndarray(_fitted(image, stream), format="bgr24")
            picture.pts = last = max(last + 1, round((at_s - first_s) / _CLOCK))
            picture.time_base = _CLOCK
            container.mux(stream.encode(picture))
        if stream is None:
            raise ValueError("no pictures")
        container.mux(stream.encode())
    return file.getvalue()


def _fitted(image: Image, stream: VideoStream) -> Image:
    if image.shape[:2] == (stream.height, stream.width):
        return image
    return np.asarray(cv2.resize(image, (stream.width, stream.height)), np.uint8)


def _packet(
    stream: VideoStream, data: bytes, pts: int, dts: int, time_base: Fraction
) -> "av.Packet[av.stream.Stream]":
    packet = av.Packet(data)
    packet.stream, packet.time_base = stream, time_base
    packet.pts, packet.dts = pts, dts
    packet.is_keyframe = True
    return packet
