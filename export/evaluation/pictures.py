"""The heat-map grid: where the strongest genuine and manipulated crops get their score from.

Faces are personal data: this is drawn only when it is asked for, and only into the page.
"""

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from export.crops import CropStore
from export.evaluation.drawing import STYLE, Plot, finished
from export.evaluation.rows import Rows
from export.evaluation.scorer import Scorer, served

COLUMNS = 6


def heat_maps(scorer: Scorer, store: CropStore, rows: Rows) -> list[Plot]:
    """Two rows a label: the crops whose videos score highest, and what each cell adds."""
    if scorer.heatmap(served(store, 0, scorer.rule)) is None:
        return []
    out = []
    with mpl.rc_context(STYLE):
        for label, name in ((0, "genuine"), (1, "manipulated")):
            chosen = _strongest(rows, label)
            if len(chosen):
                out.append(_grid(scorer, store, rows, chosen, name))
    return out


def _strongest(rows: Rows, label: int) -> NDArray[np.int64]:
    """The highest crop of each of the highest videos."""
    found: list[int] = []
    seen: set[str] = set()
    for index in np.argsort(-rows.logits):
        if rows.labels[index] == label and rows.paths[index] not in seen:
            seen.add(str(rows.paths[index]))
            found.append(int(index))
        if len(found) == COLUMNS:
            break
    return np.array(found, dtype=np.int64)


def _grid(
    scorer: Scorer, store: CropStore, rows: Rows, chosen: NDArray[np.int64], name: str
) -> Plot:
    figure, panels = plt.subplots(2, COLUMNS, figsize=(12, 4.4), squeeze=False)
    for column, index in enumerate(chosen.tolist()):
        crop = served(store, index, scorer.rule)
        heat = scorer.heatmap(crop)
        shown = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
        panels[0, column].imshow(shown)
        panels[0, column].set_title(f"logit {rows.logits[index]:.1f}", fontsize=10)
        panels[1, column].imshow(shown)
        if heat is not None:
            limit = float(np.abs(heat).max()) or 1.0
            panels[1, column].imshow(
                cv2.resize(heat, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC),
                cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=0.5,
            )  # fmt: skip
    for axes in panels.ravel():
        axes.set_axis_off()
    alt = f"Strongest {name} crops; red cells raise the score, blue ones lower it."
    return finished(f"heat_{name}", f"Strongest {name} crops", figure, alt)
