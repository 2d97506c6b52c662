"""Loss and validation of a run as a picture and a page that refresh while it trains."""

import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

EVERY_S = 20.0
SMOOTH = 0.9
PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="15">
<title>{name}</title>
<body style="font: 16px sans-serif; margin: 2em; background: #fff; color: #222">
<h1>{name}</h1>
<p>{words}</p>
<img src="curve.png?{step}" alt="Loss and validation AUC over time" style="max-width: 100%">
</body></html>
"""


class LiveCurve:
    """Redraws `curve.png` and `curve.html` of a run's folder from its journals."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self._folder, self._minutes = folder, minutes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "LiveCurve":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        draw(self._folder, self._minutes)

    def _watch(self) -> None:
        while not self._over.wait(EVERY_S):
            draw(self._folder, self._minutes)


def draw(folder: Path, minutes: float) -> None:
    """Draw once; nothing while there is nothing to draw."""
    rows, judged = _rows(folder / "curve.jsonl"), _rows(folder / "validation.jsonl")
    if not rows:
        return
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    loss = figure.subplots()
    times = [row["elapsed_s"] / 60 for row in rows]
    loss.plot(times, [row["loss"] for row in rows], color="#bbbbbb", linewidth=0.8)
    loss.plot(times, _smooth([row["loss"] for row in rows]), color="#1f5fa8", label="training loss")
    loss.set(xlabel="minutes", ylabel="loss", xlim=(0, max(minutes, times[-1])))
    loss.legend(loc="lower left")
    if judged:
        auc = loss.twinx()
        auc.plot(
            [row["elapsed_s"] / 60 for row in judged],
            [row["auc"] for row in judged],
            marker="o",
            color="#b5541c",
            label="validation AUC",
        )
        auc.set(ylabel="AUC", ylim=(0.4, 1.01))
        auc.legend(loc="lower right")
    part = folder / "curve.part.png"
    figure.savefig(part, dpi=110)
    part.replace(folder / "curve.png")
    _write_page(folder, rows[-1], judged, minutes)


def _write_page(
    folder: Path, last: dict[str, Any], judged: list[dict[str, Any]], minutes: float
) -> None:
    words = (
        f"{last['elapsed_s'] / 60:.1f} of {minutes:g} minutes, {last['images']} pictures, "
        f"loss {last['loss']:.3f}, {last['right']:.0%} judged rightly"
    )
    if judged:
        best = max(judged, key=lambda row: float(row["auc"]))
        words += f"; best validation AUC {best['auc']:.3f} at {best['elapsed_s'] / 60:.1f} minutes"
    text = PAGE.format(name=folder.name, words=words, step=last["step"])
    (folder / "curve.html").write_text(text, encoding="utf-8")


def _rows(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal that is being written."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _smooth(values: list[float]) -> list[float]:
    out = values[:1]
    for value in values[1:]:
        out.append(SMOOTH * out[-1] + (1 - SMOOTH) * value)
    return out
