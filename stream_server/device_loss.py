"""The classifier and its graphics card: what becomes of both when the card fails in mid-run."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from pipeline.errors import DeviceError
from pipeline.interfaces import Classifier, Localizer
from pipeline.load import Models, adapter
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import FrameScore, Image
from stream_server.metrics import Metrics
from stream_server.redact import redact

log = structlog.get_logger("fakewatch.models")
T = TypeVar("T")

_FAILURES = 3
"""So many calls in a row fail, and the card is lost: one alone may be memory that was short."""


class GuardedClassifier:
    """A classifier that outlives its graphics card, where it may; else it says that it cannot.

    Under `auto` nobody who asks sees a failure: the processor answers the very question on which
    the card failed. After `_FAILURES` of those in a row all goes there, for good: a lost context
    does not come back within a process. Under `cuda` the questions fail, and `unfit` says why,
    until one is answered again. Shared by all threads.
    """

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._model = models.classifier
        self._may_move = models.device is Device.AUTO
        self._metrics = metrics
        self._lock = threading.Lock()
        self._spare: Classifier | None = None
        self._failures = 0
        self.provider = models.provider
        """ "cpu" or "cuda": where it runs now."""
        self.trouble: str | None = None
        """Why it does not run where it began, in a sentence; None while all is well."""

    @property
    def card(self) -> ModelCard:
        """The facts of the model."""
        return self._model.card

    @property
    def unfit(self) -> str | None:
        """Why it cannot be asked, in a sentence; None while it can."""
        return None if self._may_move else self.trouble

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        """As the model: one score a crop.

        Raises:
            DeviceError: the card fails and nothing else was allowed.
        """
        return self._ask(lambda model: model(crops))

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """As the model; None where it has none.

        Raises:
            DeviceError: the card fails and nothing else was allowed.
        """
        return self._ask(lambda m: m.heatmap(crop) if isinstance(m, Localizer) else None)

    def _ask(self, question: Callable[[Classifier], T]) -> T:
        asked = self._model
        try:
            answer = question(asked)
        except DeviceError as error:
            if not self._may_move:
                self._count(asked, error)
                raise
            # Where the processor cannot answer either, the question is to blame, not the card.
            answer = question(self._on_cpu())
            self._count(asked, error)
            return answer
        if self._failures and asked is self._model:
            self._recover()
        return answer

    def _on_cpu(self) -> Classifier:
        """Open the model on the processor, once.

        Raises:
            ModelError: its file is gone or altered by now.
        """
        with self._lock:
            if self._spare is None:
                self._spare = adapter(self.card)(self.card, Device.CPU)
            return self._spare

    def _count(self, asked: Classifier, error: DeviceError) -> None:
        reason = redact(str(error))
        with self._lock:
            if asked is not self._model:
                return  # it was asked before all went to the processor
            self._failures += 1
            if self._failures == 1:
                log.warning("inference_failed", model=self.card.name, reason=reason)
            if self._failures < _FAILURES or self.trouble is not None:
                return
            if self._spare is not None:
                self._move(self._spare)
                self.trouble = f"{reason}; the processor has taken over, and is slower."
            else:
                self.trouble = f"{reason}; restart the service when the card works again."
        log.error("device_lost", model=self.card.name, runs_on=self.provider, reason=reason)

    def _move(self, spare: Classifier) -> None:
        """Ask the processor from now on; the card's session ends with the last call in it."""
        name = self.card.name
        self._metrics.execution_provider.remove(name, self.provider)
        self._model, self.provider, self._failures = spare, Device.CPU.value, 0
        self._metrics.execution_provider.labels(name, self.provider).set(1)

    def _recover(self) -> None:
        with self._lock:
            was_lost, self.trouble, self._failures = self.trouble, None, 0
        if was_lost:
            log.info("device_recovered", model=self.card.name, runs_on=self.provider)
