"""How all plots of a report look, and what one is: PNG bytes with their words."""

import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito (2008): told apart by those who see few colours; with dashes as a second sign.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
GENUINE, FAKE = COLOURS[0], COLOURS[1]
STYLE: Any = {
    "font.size": 11, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "white", "legend.frameon": False,
    "savefig.dpi": 100, "lines.linewidth": 2.0, "axes.axisbelow": True,
    "svg.hashsalt": "fakewatch",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture."""

    name: str
    title: str
    png: bytes
    alt: str
    """What it shows, in words and figures."""


def finished(name: str, title: str, figure: Figure, alt: str) -> Plot:
    """Draw into bytes; the same figures give the same bytes."""
    figure.set_layout_engine("constrained")
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    plt.close(figure)
    return Plot(name, title, out.getvalue(), alt)


def said(row: list[float | None]) -> str:
    """For example 0.80 [0.72 to 0.87]."""
    value, low, high = row
    if value is None:
        return "unknown"
    return f"{value:.2f}" + ("" if low is None or high is None else f" [{low:.2f} to {high:.2f}]")
