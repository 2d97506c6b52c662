"""What the stored face itself says: good enough to judge, and how light the skin is."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import Crop, CropStore
from export.evaluation.bootstrap import exact_share
from export.evaluation.figures import number, row
from export.evaluation.tables import Judged
from pipeline.quality import assess
from pipeline.types import Box, Face, Landmarks

RIGHT_CHEEK = (117, 118, 101, 36, 205, 187, 123)
LEFT_CHEEK = (346, 347, 330, 266, 425, 411, 352)
"""Of the 478 points: below the eye, beside the nose, above the jaw."""
TONES = (
    ("very light", 55.0), ("light", 41.0), ("intermediate", 28.0), ("tan", 10.0),
    ("brown", -30.0), ("dark", -90.0),
)  # fmt: skip
"""Lower ends of the individual typology angle in degrees (Chardon 1991, Del Bino 2013)."""
FEW = 5


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """One entry a crop."""

    usable: NDArray[np.bool_]
    reasons: list[str | None]
    ita_deg: NDArray[np.float64]
    """NaN where the points are unknown."""


def face_facts(store: CropStore) -> FaceFacts:
    """Quality by the service's own gate, and skin tone by the cheeks, of every crop."""
    usable = np.zeros(len(store), np.bool_)
    reasons: list[str | None] = []
    angles = np.full(len(store), np.nan)
    for index in tqdm(range(len(store)), desc="quality and skin tone", unit="crop"):
        crop = store[index]
        face = Face(Box(*(float(edge) for edge in crop.box)), 1.0, None)
        known = bool(np.isfinite(crop.landmarks).all())
        points = Landmarks(crop.landmarks, "mesh478", 1.0) if known else None
        quality = assess(crop.image, face, points, damaged=False)
        usable[index] = quality.usable
        reasons.append(quality.reason)
        angles[index] = typology_angle(crop) if known else np.nan
    return FaceFacts(usable, reasons, angles)


def typology_angle(crop: Crop) -> float:
    """atan((L* - 50) / b*) of both cheeks' median colour, in degrees; light skin is high."""
    mask = np.zeros(crop.image.shape[:2], np.uint8)
    for cheek in (RIGHT_CHEEK, LEFT_CHEEK):
        outline = np.rint(crop.landmarks[list(cheek)]).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(outline), 255)
    skin = crop.image[mask > 0]
    if len(skin) < 16:
        return float("nan")
    median = np.median(skin, axis=0).astype(np.float32) / 255
    light, _, yellow = cv2.cvtColor(median.reshape(1, 1, 3), cv2.COLOR_BGR2LAB)[0, 0].tolist()
    return float(np.degrees(np.arctan2(light - 50, max(yellow, 1e-3))))


def tone(angle_deg: float) -> str:
    """The name of the bin."""
    return next((name for name, low in TONES if angle_deg > low), "dark")


def fairness(found: Judged, paths: list[str], angles_deg: NDArray[np.float64]) -> dict[str, Any]:
    """False alarms among genuine videos by skin tone; a video's tone is the median of its crops."""
    names = np.array(paths)
    rows: list[dict[str, Any]] = []
    genuine = found.rows.labels == 0
    tones = np.array([_video_tone(angles_deg[names == path]) for path in found.rows.paths.tolist()])
    for name in [*(tone_ for tone_, _ in TONES), "unknown"]:
        here = genuine & (tones == name)
        total = int(here.sum())
        if total == 0:
            continue
        rows.append(
            {
                "tone": name, "videos": total, "groups": len(np.unique(found.rows.groups[here])),
                "raised": int(found.raised[here].sum()), "few": total < FEW,
                "false_alarm_share": row(exact_share(int(found.raised[here].sum()), total)),
                "mean_log_odds": number(float(found.odds[here].mean())),
            }
        )  # fmt: skip
    return {"bins": rows, "measured_by": "individual typology angle of the cheeks"}


def _video_tone(angles_deg: NDArray[np.float64]) -> str:
    finite = angles_deg[np.isfinite(angles_deg)]
    return tone(float(np.median(finite))) if len(finite) else "unknown"
