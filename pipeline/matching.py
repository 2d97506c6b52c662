"""Which face of a detection belongs to which track: costs, the best pairs, and honest doubt."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from pipeline.geometry import center, height, iou, width
from pipeline.types import Box, Face, TrackId

Costs: TypeAlias = dict[tuple[TrackId, int], float]
"""By track and place in the detection; pairs that cannot be are absent."""

_DUPLICATE_IOU = 0.6
"""Two detections this close are one face found twice."""
_SIZE_LOG = 0.5
"""A face grows or shrinks by at most exp(0.5) between two looks."""


def side_px(box: Box) -> float:
    """Side of the square of the same area, at least 1."""
    return math.sqrt(max(1.0, width(box)) * max(1.0, height(box)))


def match_cost(expected: Box, box: Box, dt_s: float, iou_at_least: float) -> float | None:
    """Distance in sides plus change of size in e-folds; None if it cannot be the same face."""
    side_a, side_b = side_px(expected), side_px(box)
    (x0, y0), (x1, y1) = center(expected), center(box)
    distance = math.hypot(x1 - x0, y1 - y0) / max(side_a, side_b)
    if distance > 2.0:
        return None
    growth = abs(math.log(side_b / side_a))
    reach = min(1.5, 0.5 + 2 * dt_s)
    near = distance <= reach and growth <= _SIZE_LOG
    if near or iou(expected, box) >= iou_at_least:
        return distance + growth
    return None


def claim_cost(last: Box, speed: tuple[float, float] | None, box: Box, dt_s: float) -> float | None:
    """The cost had the face gone off in any direction at its speed; None if it cannot have.

    A face seen only once may have any speed, but the faster the less likely.
    """
    side_a, side_b = side_px(last), side_px(box)
    (x0, y0), (x1, y1) = center(last), center(box)
    distance = math.hypot(x1 - x0, y1 - y0) / max(side_a, side_b)
    if distance > 3.0:
        return None
    if speed is None:
        distance *= 0.5
    else:
        distance = max(0.0, distance - dt_s * math.hypot(*speed) / side_a)
    growth = abs(math.log(side_b / side_a))
    return distance + growth if distance <= 1.0 and growth <= _SIZE_LOG else None


def best_pairs(costs: Costs) -> dict[TrackId, int]:
    """Cheapest first, each track and face once, then the swaps of two that pay."""
    matches: dict[TrackId, int] = {}
    taken: set[int] = set()
    for track_id, index in sorted(costs, key=costs.__getitem__):
        if track_id not in matches and index not in taken:
            matches[track_id] = index
            taken.add(index)
    ids = list(matches)
    for position, a in enumerate(ids):
        for b in ids[position + 1 :]:
            if _swap_gain(matches, costs, a, b) > 0:
                matches[a], matches[b] = matches[b], matches[a]
    return matches


def _swap_gain(matches: dict[TrackId, int], costs: Costs, a: TrackId, b: TrackId) -> float:
    """What exchanging the faces of two tracks would save; -inf where it is impossible."""
    swapped = costs.get((a, matches[b])), costs.get((b, matches[a]))
    if swapped[0] is None or swapped[1] is None:
        return -math.inf
    return costs[a, matches[a]] + costs[b, matches[b]] - swapped[0] - swapped[1]


def doubtful_tracks(matches: dict[TrackId, int], costs: Costs, claims: Costs) -> set[TrackId]:
    """Tracks whose match is hardly better than another story: a rival's, or another face."""
    doubtful: set[TrackId] = set()
    owner = {index: track_id for track_id, index in matches.items()}
    for (track_id, index), claim in claims.items():
        holder, own = owner.get(index), matches.get(track_id)
        if index == own:
            continue
        told, other = 0.0, claim
        if own is not None:
            told += costs[track_id, own]
        if holder is not None:
            told += costs[holder, index]
        if own is not None and holder is not None:
            back = claims.get((holder, own))
            if back is None:
                continue
            other += back
        if (own is not None or holder is not None) and other - told < 0:
            doubtful |= {track_id} if holder is None else {track_id, holder}
    return doubtful


def without_duplicates(faces: Sequence[Face]) -> list[Face]:
    """The faces, best first, without second boxes on one face."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score_prob):
        if all(iou(face.box, other.box) < _DUPLICATE_IOU for other in kept):
            kept.append(face)
    return kept
