"""Looks for shortcuts in a labelled store: what gives the label away besides the face."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from export.crops import CropStore
from export.probes import Finding, Floats, probe, texture

SIZE_PX = 192
LOOKS = 6
"""Crops of a file that are looked at; their features are averaged."""
FACE_GROWTH = 0.12
"""Of the box's side: what lies further out is taken for background."""
LEAST_FILES = 5


def audit_store(store: CropStore) -> dict[str, list[Finding]]:
    """What every probe sees, by source that holds both labels; one row a file."""
    files: dict[str, dict[str, list[int]]] = {}
    for index, fact in enumerate(store.facts):
        files.setdefault(fact["source"], {}).setdefault(fact["path"], []).append(index)
    found = {}
    for source, rows in files.items():
        labels = np.array([store.facts[indices[0]]["label"] for indices in rows.values()])
        if min((labels == 0).sum(), (labels == 1).sum()) >= LEAST_FILES:
            found[source] = _audit_files(store, list(rows.values()))
    return found


def _audit_files(store: CropStore, files: list[list[int]]) -> list[Finding]:
    facts = [store.facts[indices[0]] for indices in files]
    labels = np.array([fact["label"] for fact in facts], np.int64)
    groups = [fact["group"] for fact in facts]
    tables: dict[str, list[Floats]] = {}
    for indices in files:
        step = max(1, len(indices) // LOOKS)
        looks = [_features(store, index) for index in indices[::step][:LOOKS]]
        for name in looks[0]:
            tables.setdefault(name, []).append(np.mean([look[name] for look in looks], axis=0))
    rows = {name: np.stack(table) for name, table in tables.items()}
    shuffled = labels[np.random.default_rng(0).permutation(len(labels))]
    found = [probe(name, features, labels, groups) for name, features in rows.items()]
    return [*found, probe("shuffled", rows["control"], shuffled, groups)]


def _features(store: CropStore, index: int) -> dict[str, Floats]:
    crop = store[index]
    image = cv2.resize(crop.image, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    box = crop.box * (SIZE_PX / crop.image.shape[0])
    grow = FACE_GROWTH * float(max(box[2] - box[0], box[3] - box[1]))
    face = np.zeros((SIZE_PX, SIZE_PX), np.bool_)
    left, top = (max(0, int(edge - grow)) for edge in box[:2])
    right, bottom = (int(edge + grow) for edge in box[2:])
    face[top:bottom, left:right] = True
    pixels = np.asarray(image, np.uint8)
    return {
        "metadata": _file_facts(crop.facts),
        "periphery": texture(pixels, ~face),
        "resolution": _sizes(crop.facts, crop.image.shape[0], crop.box),
        "control": texture(pixels, face),
    }


def _file_facts(facts: dict[str, object]) -> Floats:
    """Bytes, shape of the frame and kind of the file; zeros where an older store lacks them."""
    size, width, height = (float(str(facts.get(key) or 0)) for key in ("bytes", "width", "height"))
    suffix = str(facts["path"]).rpartition(".")[2].lower()
    kinds = [float(suffix in names) for names in (("mp4", "mov", "m4v"), ("png",), ("jpg", "jpeg"))]
    return np.array([*_logs((size, width / max(1.0, height))), *kinds])


def _sizes(facts: dict[str, object], side_px: int, box: NDArray[np.float32]) -> Floats:
    """How many pixels the frame and the face have."""
    frame = (float(str(facts.get(key) or 0)) for key in ("width", "height"))
    return _logs((*frame, float(side_px), float(box[2] - box[0]), float(box[3] - box[1])))


def _logs(values: Iterable[float]) -> Floats:
    return np.log1p(np.array(tuple(values), np.float64))
