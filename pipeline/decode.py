"""Decoding: the packets of an open container become Frames with honest times and bounded damage."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.reformatter import ColorPrimaries, ColorTrc, VideoReformatter

from pipeline.errors import SourceLost, SourceRefused
from pipeline.media_time import MediaTime, Picker, TimeLimits
from pipeline.types import Frame, Image, StreamId

_TIME_LIMITS = TimeLimits()
_HDR = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})
"""The curves of HDR10 and Dolby Vision, and of HLG, in which phones film."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a stream may demand of the decoder."""

    max_pixels: int = 4096 * 2304
    max_consecutive_failures: int = 100
    """Packets in a row that cannot be decoded until the stream is given up."""
    damage_lasts_s: float = 10.0
    """Longest time without a keyframe after which the pictures count as healed."""
    loss_gap_steps: float | None = None
    """Where packets can be lost unnoticed (UDP): a gap of so many frame steps means damage."""
    time: TimeLimits = _TIME_LIMITS


VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"

Threads = Literal["NONE", "AUTO"]
"""Decoder threads: "NONE" has no latency (live), "AUTO" is faster (files)."""


def pick_video_stream(container: InputContainer, limits: DecodeLimits) -> av.VideoStream:
    """The largest video stream that is no cover picture, checked before anything is decoded.

    Raises:
        SourceRefused: "no_video", "codec_unsupported" or "too_large".
    """
    videos = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not videos:
        raise SourceRefused("no_video", "There is no video in it, only other streams.")
    # PyAV types this as never None, but it is where FFmpeg has no decoder.
    known = [s for s in videos if s.codec_context is not None]
    if not known:
        raise SourceRefused("codec_unsupported", "Its video codec cannot be decoded here.")
    stream = max(known, key=lambda s: s.codec_context.width * s.codec_context.height)
    context = stream.codec_context
    if context.width * context.height > limits.max_pixels:
        raise _too_large(context.width, context.height, limits)
    # The decoder itself refuses a larger picture that appears later, before it allocates it.
    context.options = {**context.options, "max_pixels": str(limits.max_pixels)}
    return stream


class Decoder:
    """Decodes one unbroken connection packet by packet.

    `container.decode()` would end at its first exception, so packets are decoded one by one and
    failures are counted. Damage spreads until the next keyframe, so frames until then are marked.
    Frames that `wanted` refuses are decoded (others need them) but never converted.

    Pure: `packets` may be a caller's own iterator that waits, paces, counts or ends early.
    """

    def __init__(
        self,
        container: InputContainer,
        stream_id: StreamId,
        epoch: int = 0,
        *,
        limits: DecodeLimits = DecodeLimits(),
        threads: Threads = "NONE",
        wanted: Callable[[float], bool] | None = None,
        packets: Iterable[VideoPacket] | None = None,
    ) -> None:
        """Choose the video stream and check it; nothing is read yet.

        Raises:
            SourceRefused: there is no video that can be decoded here.
        """
        self.stream = pick_video_stream(container, limits)
        self.stream.thread_type = threads
        self.decoded_frames = 0
        self.damaged_frames = 0
        self.bytes_in = 0
        self.failed_packets = 0
        self.time_s = 0.0
        self._packets = packets if packets is not None else container.demux(self.stream)
        self._stream_id, self._epoch = stream_id, epoch
        self._limits = limits
        self._wanted = wanted or Picker(None)
        self._time = MediaTime(_nominal_fps(self.stream), limits.time)
        self._reformatter = VideoReformatter()
        self._failures = 0
        self._hurt_since_s: float | None = None

    def frames(self) -> Iterator[Frame]:
        """Frames in order of time; their images own their memory.

        Raises:
            SourceLost: "invalid_data", too many packets in a row could not be decoded.
            SourceRefused: "too_large" or "codec_unsupported", the stream changed for the worse.
            av.error.FFmpegError: reading the packets failed; see `failure_code`.
        """
        for packet in self._packets:
            self.bytes_in += packet.size
            for picture in self._decode(packet):
                frame = self._frame(picture)
                if frame is not None:
                    yield frame

    def _decode(self, packet: VideoPacket) -> list[av.VideoFrame]:
        if packet.is_corrupt:
            self._hurt()
        try:
            pictures = self.stream.codec_context.decode(packet)
        except av.error.EOFError:
            return []
        except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError):
            text = "Its video codec or profile cannot be decoded here."
            raise SourceRefused("codec_unsupported", text) from None
        except av.error.FFmpegError:
            context = self.stream.codec_context
            if context.width * context.height > self._limits.max_pixels:
                raise _too_large(context.width, context.height, self._limits) from None
            self._fail()
            return []
        return [p for p in pictures if isinstance(p, av.VideoFrame)]

    def _frame(self, picture: av.VideoFrame) -> Frame | None:
        if picture.width * picture.height > self._limits.max_pixels:
            raise _too_large(picture.width, picture.height, self._limits)
        self._failures = 0
        index = self.decoded_frames
        self.decoded_frames += 1
        self.time_s = self._time.at(picture.pts, picture.time_base)
        damaged = self._is_damaged(picture)
        self.damaged_frames += damaged
        if not self._wanted(self.time_s):
            return None
        return Frame(
            self._stream_id, index, self.time_s, self._epoch, self._pixels(picture), damaged
        )

    def _is_damaged(self, picture: av.VideoFrame) -> bool:
        if picture.is_corrupt:
            self._hurt()
            return True
        if picture.key_frame:
            self._hurt_since_s = None
            return False
        gap = self._limits.loss_gap_steps
        if gap is not None and self._time.last_gap_steps >= gap:
            self._hurt()
        if self._hurt_since_s is None:
            return False
        if self.time_s - self._hurt_since_s > self._limits.damage_lasts_s:
            self._hurt_since_s = None
            return False
        return True

    def _pixels(self, picture: av.VideoFrame) -> Image:
        try:
            # Honours colour range and matrix; a fresh reformatter a frame would cost 3 x as much.
            shown = self._reformatter.reformat(
                picture,
                format="bgr24",
                # Models know the colours of ordinary video: HDR would reach them grey and flat.
                dst_color_trc=ColorTrc.BT709 if picture.color_trc in _HDR else None,
                dst_color_primaries=ColorPrimaries.BT709 if picture.color_trc in _HDR else None,
                threads=1,
            )
            image = shown.to_ndarray()
        except (av.error.FFmpegError, ValueError):
            text = f"Its pixel format {picture.format.name} cannot be converted."
            raise SourceRefused("codec_unsupported", text) from None
        return upright(np.asarray(image, np.uint8), picture.rotation)

    def _hurt(self) -> None:
        self._hurt_since_s = self.time_s

    def _fail(self) -> None:
        self._hurt()
        self.failed_packets += 1
        self._failures += 1
        if self._failures > self._limits.max_consecutive_failures:
            raise SourceLost("invalid_data", f"{self._failures} packets in a row were unreadable.")


def upright(image: Image, rotation_deg: int) -> Image:
    """The picture as it is meant to be seen; `rotation_deg` counts against the clock."""
    turns = round(rotation_deg / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (av.error.HTTPUnauthorizedError, "auth_failed"),
    (av.error.HTTPForbiddenError, "auth_failed"),
    (av.error.HTTPNotFoundError, "not_found"),
    (av.error.FileNotFoundError, "not_found"),
    (av.error.HTTPClientError, "server_error"),
    (av.error.HTTPServerError, "server_error"),
    (av.error.ConnectionRefusedError, "refused"),
    (av.error.TimeoutError, "timeout"),
    # PyAV interrupts a call that outlasts its time-out.
    (av.error.ExitError, "timeout"),
    (av.error.ProtocolNotFoundError, "protocol_unsupported"),
    (av.error.DecoderNotFoundError, "codec_unsupported"),
    (av.error.PatchWelcomeError, "codec_unsupported"),
    (av.error.DemuxerNotFoundError, "invalid_data"),
    (av.error.InvalidDataError, "invalid_data"),
    (av.error.EOFError, "ended"),
    (av.error.ConnectionResetError, "ended"),
    (av.error.BrokenPipeError, "ended"),
)


def failure_code(error: BaseException) -> str:
    """The stable code of an FFmpeg error. Its text must not be shown: it holds the password."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), "unreachable")


def _nominal_fps(stream: av.VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and 1 <= rate <= 240 else None


def _too_large(width: int, height: int, limits: DecodeLimits) -> SourceRefused:
    text = f"The picture of {width} x {height} exceeds the limit of {limits.max_pixels} pixels."
    return SourceRefused("too_large", text)
