import threading
import time

import numpy as np

from pipeline.types import Frame, StreamId
from stream_server.streams.slot import FrameSlot


def frame(index: int) -> Frame:
    return Frame(StreamId("x"), index, index / 30, 1, np.zeros((2, 2, 3), np.uint8))


def test_the_newest_frame_wins_and_the_loss_is_counted() -> None:
    slot = FrameSlot()
    for index in range(5):
        slot.put(frame(index), float(index))
    held = slot.take(0)
    assert held is not None
    assert (held[0].index, held[1]) == (4, 4.0)
    assert slot.drops == {"overwritten": 4}
    assert slot.take(0) is None


def test_a_waiting_taker_gets_the_frame_as_soon_as_it_comes() -> None:
    slot = FrameSlot()
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(slot.take(10)))
    thread.start()
    slot.put(frame(1), 1.0)
    thread.join(5)
    assert not thread.is_alive()
    assert got[0] is not None


def test_a_patient_reader_waits_for_the_taker_and_loses_nothing() -> None:
    slot = FrameSlot()
    taken: list[int] = []

    def take_all() -> None:
        while not slot.closed:
            held = slot.take(5)
            if held is not None:
                taken.append(held[0].index)

    thread = threading.Thread(target=take_all)
    thread.start()
    for index in range(100):
        assert slot.put_waiting(frame(index), 0.0, 5)
    slot.finish()
    thread.join(5)
    assert taken == list(range(100))
    assert not slot.drops


def test_a_patient_reader_is_told_when_the_slot_stays_full() -> None:
    slot = FrameSlot()
    slot.put(frame(0), 0.0)
    assert not slot.put_waiting(frame(1), 0.0, 0.01)


def test_closing_wakes_a_waiting_taker_and_forgets_the_frame() -> None:
    slot = FrameSlot()
    began_s = time.monotonic()
    thread = threading.Thread(target=lambda: slot.take(30))
    thread.start()
    slot.close()
    thread.join(5)
    assert time.monotonic() - began_s < 5
    slot.put(frame(1), 0.0)
    assert slot.closed
    assert slot.take(0) is None


def test_finishing_leaves_the_last_frame_to_be_taken() -> None:
    slot = FrameSlot()
    slot.put(frame(7), 0.0)
    slot.finish()
    assert not slot.closed
    held = slot.take(0)
    assert held is not None
    assert held[0].index == 7
    assert slot.closed


def test_clearing_forgets_the_frame_of_a_lost_connection() -> None:
    slot = FrameSlot()
    slot.put(frame(1), 0.0)
    slot.clear()
    slot.clear()
    assert slot.take(0) is None
    assert slot.drops == {"disconnected": 1}
    assert not slot.closed
