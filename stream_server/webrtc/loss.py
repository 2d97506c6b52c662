"""What WebRTC does about lost packets: asks again, does not wait for ever, and says what broke."""

import time
from contextvars import ContextVar

import aiortc.rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtpPacket

_ASK_EVERY_S = 0.1
_LONGEST_WAIT_S = 0.5
"""A packet that did not come after several requests will not come: go on without it."""

latest_buffer: ContextVar["VideoBuffer | None"] = ContextVar("latest_buffer", default=None)
"""The buffer of the video receiver that this task made last."""


class RepeatedRequests(NackGenerator):
    """Asks for a lost packet until it comes.

    aiortc asks once; when that request or its answer is lost as well, the picture stands still
    until 512 packets later (several seconds), unless another packet happens to be lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked_s = 0.0

    def add(self, packet: RtpPacket) -> bool:
        """Note a packet; True when it is time to ask for what is missing."""
        missed = super().add(packet)
        now_s = time.monotonic()
        if missed or (self.missing and now_s - self._asked_s > _ASK_EVERY_S):
            self._asked_s = now_s
            return True
        return False


class VideoBuffer(JitterBuffer):
    """Puts packets in order, and gives a hole up after half a second.

    `broken` is set when pictures were given up: what follows is wrong until the next keyframe,
    and such damage looks like a forgery to a classifier.
    """

    def __init__(self, capacity: int, prefetch: int = 0, is_video: bool = False) -> None:  # noqa: FBT001, FBT002 - aiortc's seam
        super().__init__(capacity, prefetch, is_video)
        self.broken = False
        self._moved_s = time.monotonic()
        if is_video:
            latest_buffer.set(self)

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; gives (a keyframe is needed, the next picture if it is complete)."""
        needs_keyframe, picture = super().add(packet)
        now_s = time.monotonic()
        if picture is not None or self._hole(packet) is None:
            self._moved_s = now_s
            return needs_keyframe, picture
        if not self._is_video or now_s - self._moved_s < _LONGEST_WAIT_S:
            return needs_keyframe, picture
        self._moved_s = now_s
        hole = self._hole(packet)
        self.smart_remove(1 + (hole or 0))
        return True, self._remove_frame(packet.sequence_number)

    def smart_remove(self, count: int) -> bool:
        """Give up so many packets, and the rest of their picture."""
        self.broken = True
        return super().smart_remove(count)

    def _hole(self, newest: RtpPacket) -> int | None:
        """How far after the oldest packet the first missing one is; None when none is."""
        if self._origin is None:
            return None
        reach = (newest.sequence_number - self._origin) % 2**16
        if reach >= self.capacity:
            return None
        places = ((self._origin + i) % self.capacity for i in range(reach))
        return next((i for i, place in enumerate(places) if self._packets[place] is None), None)


# aiortc has no setting for either; its receivers find the classes by these names.
aiortc.rtcrtpreceiver.NackGenerator = RepeatedRequests  # type: ignore[misc]
aiortc.rtcrtpreceiver.JitterBuffer = VideoBuffer  # type: ignore[attr-defined]
