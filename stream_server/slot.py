"""The newest-frame slot: one frame between a reader and an analyser thread, the newest wins."""

import threading
import time
from collections import Counter

from pipeline.types import Frame


class FrameSlot:
    """Holds at most one frame, so that live analysis can never fall behind.

    Every queue in front of an analysis becomes latency. Here a newer frame replaces the older
    one, and the loss is counted in `drops["overwritten"]`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: tuple[Frame, float] | None = None
        self._closed = False
        self.drops: Counter[str] = Counter()

    def put(self, frame: Frame, received_s: float) -> None:
        """Offer a frame received at `received_s` (monotonic clock); never blocks."""
        with self._changed:
            if self._closed:
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
            while self._held is not None and not self._closed:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            if not self._closed:
                self._held = (frame, received_s)
                self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> tuple[Frame, float] | None:
        """Wait for a frame; None after `timeout_s`, or once the slot is closed."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._held is None and not self._closed:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)
            held, self._held = self._held, None
            self._changed.notify_all()
            return held

    def clear(self) -> None:
        """Forget the frame that waits, if any (its connection is gone)."""
        with self._changed:
            self._held = None
            self._changed.notify_all()

    def close(self) -> None:
        """Wake everyone; from now on nothing is accepted and nothing is waited for."""
        with self._changed:
            self._closed = True
            self._held = None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """The slot was closed."""
        return self._closed
