"""The models that run, with the facts of their cards."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from pipeline.model_card import ModelCard
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/models", tags=["models"])


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model: what it is, where it comes from, what it was measured to do and cannot do."""

    name: str
    version: str
    task: str
    fingerprint: str
    provider: str
    licence: str
    source: str
    trained_on: str
    limits: str
    thresholds: dict[str, float] | None
    metrics: dict[str, Any]


@router.get("")
async def list_models(wiring: Wired) -> list[ModelView]:
    """List the detector, the landmarker and the classifier."""
    return [
        _view(card, wiring.models.provider if card.task == "deepfake" else "cpu")
        for card in wiring.models.cards
    ]


def _view(card: ModelCard, provider: str) -> ModelView:
    limits = card.thresholds
    return ModelView(
        name=card.name,
        version=card.version,
        task=card.task,
        fingerprint=card.fingerprint,
        provider=provider,
        licence=card.licence,
        source=card.source,
        trained_on=card.trained_on,
        limits=card.limits,
        thresholds={"raise_at": limits.raise_at, "clear_at": limits.clear_at} if limits else None,
        metrics=dict(card.metrics),
    )
