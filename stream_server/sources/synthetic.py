"""Frames without a camera: a drawn person who moves and blinks, for a first look and for tests."""

import math
import random
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.synthetic_face import DrawnFace, paint_scene
from pipeline.types import Frame, Image, StreamId
from stream_server.freshness import Pace

_BLINK_S = 0.2
_MEAN_INTERVAL_S = 3.5
"""About 17 blinks a minute, the usual rate of a person at rest."""


class Config(BaseModel):
    """A picture of a drawn person, who is nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["synthetic"] = "synthetic"
    width: Annotated[int, Field(ge=64, le=1920)] = 640
    height: Annotated[int, Field(ge=64, le=1080)] = 480
    fps: Annotated[float, Field(ge=1, le=60)] = 30.0
    people: Annotated[int, Field(ge=0, le=10)] = 1
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Which people, and when they blink."""


class SyntheticSource:
    """Paints frames at the pace of real time, or slower where the machine is."""

    def __init__(self, config: Config, stream_id: StreamId, epoch: int) -> None:
        self._config, self._stream_id, self._epoch = config, stream_id, epoch
        self._closed = threading.Event()
        self._people = [Person(config, number) for number in range(config.people)]

    def frames(self) -> Iterator[Frame]:
        """Yield frames until closed."""
        pace, period_s, index = Pace(), 1 / self._config.fps, 0
        while not self._closed.is_set():
            image = self._paint(index * period_s)
            if self._closed.wait(pace.delay_s(index * period_s, time.monotonic())):
                return
            yield Frame(self._stream_id, index, index * period_s, self._epoch, image)
            index += 1

    def close(self) -> None:
        """Let `frames` end within a frame's time."""
        self._closed.set()

    def _paint(self, time_s: float) -> Image:
        faces = [person.at(time_s) for person in self._people]
        return paint_scene(
            faces, self._config.width, self._config.height, background_seed=self._config.seed
        )


class Person:
    """One drawn person: sways gently and blinks at irregular times, as people do."""

    def __init__(self, config: Config, number: int) -> None:
        columns = config.people
        self._seed = config.seed + number
        self._chance = random.Random(self._seed)  # noqa: S311 - repeatable, guards nothing
        self._x_px = (number + 0.5) * config.width / columns
        self._y_px = config.height / 2
        self._height_px = min(0.5 * config.height, 0.75 * config.width / columns)
        self._blink_s = self._chance.expovariate(1 / _MEAN_INTERVAL_S)

    def at(self, time_s: float) -> DrawnFace:
        """Pose at this time; times must not go back."""
        sway_px = 0.12 * self._height_px
        return DrawnFace(
            self._x_px + sway_px * math.sin(0.9 * time_s + self._seed),
            self._y_px + 0.4 * sway_px * math.sin(1.7 * time_s),
            self._height_px,
            self._seed,
            blink=self._closedness(time_s),
        )

    def _closedness(self, time_s: float) -> float:
        while time_s > self._blink_s + _BLINK_S:
            pause_s = 0.5 + self._chance.expovariate(1 / (_MEAN_INTERVAL_S - 0.5))
            self._blink_s += _BLINK_S + pause_s
        phase = (time_s - self._blink_s) / _BLINK_S
        return 1 - abs(2 * phase - 1) ** 3 if 0 <= phase <= 1 else 0.0


def build(config: Config, stream_id: StreamId, epoch: int) -> SyntheticSource:
    """Make the source of one connection."""
    return SyntheticSource(config, stream_id, epoch)
