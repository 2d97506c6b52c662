"""The newest-frame slot: one frame between a reader and an analyser thread, the newest wins."""

import threading
import time
from collections import Counter

from pipeline.types import Frame


class FrameSlot:
    """Holds at most one frame, so that live analysis can never fall behind.

    Every queue in front of an analysis becomes latency. Here a newer frame replaces the older
    one, and the loss is counted in `drops["overwritten"]`. Every frame that was offered is taken
    or counted, so that a soak can explain each of them.
    """

    def __init__(self, drops: Counter[str] | None = None) -> None:
        """Count into `drops` where one is given."""
        self._changed = threading.Condition()
        self._held: tuple[Frame, float] | None = None
        self._ended = False
        self.drops: Counter[str] = Counter() if drops is None else drops

    def put(self, frame: Frame, received_s: float) -> None:
        """Offer a frame received at `received_s` (monotonic clock); never blocks."""
        with self._changed:
            if self._ended:
                return
            if self._held is not None:
                self.drops["overwritten"] += 1
            self._held = (frame, received_s)
            self._changed.notify_all()

    def put_waiting(self, frame: Frame, received_s: float, timeout_s: float) -> bool:
        """Offer a frame without overwriting one; False when the slot stayed full.

        For sources whose every frame counts (files): the reader waits for the analyser.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._held is not None and not self._ended:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            if not self._ended:
                self._held = (frame, received_s)
                self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> tuple[Frame, float] | None:
        """Wait for a frame; None after `timeout_s`, or at once when nothing can come any more."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._held is None and not self._ended:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)
            held, self._held = self._held, None
            self._changed.notify_all()
            return held

    def clear(self) -> None:
        """Forget the frame that waits, if any: its connection is gone. Count it too."""
        with self._changed:
            if self._held is not None:
                self.drops["disconnected"] += 1
            self._held = None
            self._changed.notify_all()

    def finish(self) -> None:
        """Accept nothing more; the frame that waits may still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Accept nothing more, forget the frame that waits, and wake everyone."""
        with self._changed:
            self._ended, self._held = True, None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Nothing is there to be taken and nothing will come."""
        with self._changed:
            return self._ended and self._held is None
