"""Figures as the report's JSON writes them: three decimals, null where there is none."""

import math

from export.metrics import Interval


def number(value: float) -> float | None:
    """Three decimals; null for what is not a number, which JSON cannot say."""
    return round(float(value), 3) if math.isfinite(value) else None


def row(interval: Interval) -> list[float | None]:
    """[value, low, high]."""
    return [number(interval.value), number(interval.low), number(interval.high)]
