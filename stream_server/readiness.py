"""Whether the service can do its work: the classifier's canary, the database, the way down."""

import asyncio
import shutil
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from pipeline.errors import FakewatchError
from pipeline.interfaces import Classifier
from pipeline.types import Image
from stream_server.metrics import Metrics
from stream_server.store import Store

log = structlog.get_logger("fakewatch.health")

_STALE_FACTOR = 4.0
"""So many missed canaries, and the service is not ready."""
_TOLERATED_PROB = 0.02
"""Rounding may make so much of a difference between two answers to the same picture."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The conditions of being ready, and what works less well without making it unready."""

    ready: bool
    checks: tuple[Check, ...]
    degraded: tuple[str, ...]


class Canary:
    """Asks the classifier about a known picture, again and again: does it still answer as ever?"""

    def __init__(
        self, classifier: Callable[[], Classifier], metrics: Metrics, every_s: float
    ) -> None:
        """`classifier` gives the one in use; another one is tried anew, and has to pass itself."""
        self.every_s = every_s
        """A reload may change it."""
        self._classifier = classifier
        self._metrics = metrics
        self._question = _Question(classifier())
        self._passed_s: float | None = None
        self._trouble = "it has not been asked yet"

    async def run(self) -> None:
        """Ask now and every `every_s` seconds, until cancelled.

        A classifier that hangs is not asked again before it answers, or is replaced: each question
        would take another thread away from the service.
        """
        asking: asyncio.Future[None] | None = None
        asked = weakref.ref(self._classifier())  # one that was replaced must not stay for this
        while True:
            if asking is None or asked() is not self._classifier():
                asked = weakref.ref(self._classifier())
                asking = asyncio.ensure_future(asyncio.to_thread(self.ask))
            answered, _ = await asyncio.wait({asking}, timeout=self.every_s)
            if answered:
                asking = asking.result()
            else:
                self._trouble = "it did not answer in time"
            await asyncio.sleep(self.every_s)

    def ask(self) -> None:
        """Ask once."""
        classifier = self._classifier()
        if not self._question.is_for(classifier):
            self._question = _Question(classifier)
        trouble = self._question.put()
        if classifier is not self._classifier():
            return  # it was replaced while it thought; the next round asks the other one
        if trouble is not None:
            log.error("canary_failed", reason=trouble)
            self._trouble = trouble
            return
        self._passed_s = time.monotonic()
        self._metrics.canary_success.set_to_current_time()

    def check(self) -> Check:
        """Say whether it lately passed."""
        age_s = None if self._passed_s is None else time.monotonic() - self._passed_s
        if age_s is None or age_s > _STALE_FACTOR * self.every_s:
            return Check(
                "canary", ok=False, detail=f"The classifier is not trusted: {self._trouble}."
            )
        return Check("canary", ok=True, detail=f"The classifier answered well {age_s:.0f} s ago.")


class _Question:
    """The known picture as one classifier takes it, and what it said of it at first."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._picture = _test_picture(classifier)
        self._expected_prob: float | None = None

    def is_for(self, classifier: Classifier) -> bool:
        """Whether it is this very one that would be asked."""
        return classifier is self._classifier

    def put(self) -> str | None:
        """Ask; None where it answers well, else what is wrong."""
        try:
            score = self._classifier([self._picture])[0]
        except FakewatchError as error:
            return str(error).rstrip(".")
        if score is None:
            return "its answer is no finite number"
        if self._expected_prob is None:
            self._expected_prob = score.fake_prob
        if abs(score.fake_prob - self._expected_prob) > _TOLERATED_PROB:
            return "it answers otherwise than at the start"
        return None


class Health:
    """Everything that is known about being ready; reading it costs nothing."""

    def __init__(self, canary: Canary, store: Store, metrics: Metrics, directory: Path) -> None:
        self.draining = False
        self.unfit: Callable[[], str | None] = lambda: None
        """Why the models cannot be asked, in a sentence."""
        self.worries: tuple[Callable[[], str | None], ...] = ()
        """What else works less well, a sentence each."""
        self._canary = canary
        self._store = store
        self._metrics = metrics
        self._directory = directory
        metrics.ready.set_function(lambda: float(self.report().ready))

    def report(self) -> Report:
        """Judge now."""
        problem, unfit = self._store.problem, self.unfit()
        checks = (
            Check("models", ok=unfit is None, detail=unfit or "All models are loaded and warm."),
            self._canary.check(),
            Check("database", ok=problem is None, detail=problem or "The database can be written."),
            Check("accepting", not self.draining, "Going down." if self.draining else "Open."),
        )
        degraded = []
        if self._store.error is not None:
            degraded.append(f"Alerts wait in memory, the database refuses: {self._store.error}.")
        if self._store.moved_aside is not None:
            degraded.append(f"A damaged database was moved to {self._store.moved_aside}.")
        degraded += [said for worry in self.worries if (said := worry()) is not None]
        return Report(all(check.ok for check in checks), checks, tuple(degraded))

    def measure_disk(self) -> None:
        """Note the free space where we store."""
        place = self._directory
        while not place.exists() and place != place.parent:
            place = place.parent
        self._metrics.disk_free.set(shutil.disk_usage(place).free)


def _test_picture(classifier: Classifier) -> Image:
    """Make a smooth picture with some grain, the same in every run."""
    rule = classifier.card.crop
    side = rule.size_px if rule else 224
    rows, columns = np.mgrid[0:side, 0:side] / side
    channels = [np.sin(5 * rows), np.cos(4 * columns), np.sin(3 * (rows + columns))]
    smooth = 128 + 80 * np.stack(channels, axis=-1)
    grain = np.random.default_rng(7).normal(0, 6, (side, side, 3))
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)
