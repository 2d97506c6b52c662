"""The report as one HTML page that needs nothing from elsewhere, and no script."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.evaluation.drawing import Plot
from export.evaluation.words import ORIGINS

_TEMPLATES = Path(__file__).parent / "templates"
FIGURES = {
    "auc": "AUC", "ap": "average precision", "eer": "equal error rate",
    "tpr_at_1": "found at 1 % false alarms", "tpr_at_5": "found at 5 % false alarms",
    "genuine_recall": "genuine left alone", "fake_recall": "manipulated raised",
    "balanced_accuracy": "balanced accuracy", "mcc": "Matthews correlation", "brier": "Brier score",
    "nll": "log loss", "ece": "calibration error (15 bins)", "aurc": "area under risk-coverage",
}  # fmt: skip


def render(report: dict[str, Any], plots: list[Plot], pictures: list[Plot]) -> str:
    """Write the page; `pictures` are those of faces, shown only where they were asked for."""
    return (
        _environment()
        .get_template("evaluation.html")
        .render(
            report=report, plots={plot.name: plot for plot in plots}, pictures=pictures,
            origin=ORIGINS[report["origin"]["state"]], figures=FIGURES, style=_style(),
            policy=_policy(),
        )
    )  # fmt: skip


def _policy() -> str:
    """Its own style, its own pictures, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _figure(row: list[float | None] | float | None) -> str:
    """[0.8, 0.72, 0.87] -> "0.80 [0.72–0.87]"; a dash where there is none."""
    if isinstance(row, float | int):
        return f"{row:.2f}"
    if not row or row[0] is None:
        return "–"
    value, low, high = row
    return f"{value:.2f}" + ("" if low is None or high is None else f" [{low:.2f}–{high:.2f}]")


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"figure": _figure, "address": _address}
    return environment


@cache
def _style() -> str:
    return (_TEMPLATES / "evaluation.css").read_text(encoding="utf-8")
