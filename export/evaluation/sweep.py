"""How ranking and false alarms change when the picture or the line gets worse."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import CropStore
from export.evaluation import line
from export.evaluation.bootstrap import difference, estimate, group_draws
from export.evaluation.disturb import FURTHER, SEVEN, Disturbance
from export.evaluation.figures import number, row
from export.evaluation.measures import Floats, Labels, auc, decisions, probability
from export.evaluation.rows import Rows, paired, spread, videos
from export.evaluation.scorer import Scorer, cut_again, odds_of, thresholds_of
from export.metrics import auc as plain_auc

KINDS = {**SEVEN, **FURTHER}
HARD = 2
"""The level (third of five) at which methods are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Disturbed:
    """Raw logits of the same crops, undisturbed and under every kind and level."""

    rows: Rows
    """One row a crop; its logits are those of the undisturbed crops, cut by the same way."""
    logits: dict[str, list[Floats]]
    """By kind, a list of levels."""


def disturb(
    scorer: Scorer, store: CropStore, rows: Rows, per_video: int, jobs: int, seed: int
) -> Disturbed:
    """Score some crops of every video under every disturbance."""
    chosen = spread(rows, per_video)
    held = rows.only(chosen)
    parts = [chosen[held.paths == path] for path in dict.fromkeys(held.paths.tolist())]

    def work(part: NDArray[np.int64]) -> Floats:
        fold = int(rows.folds[part[0]])
        return np.stack([scorer(list(crops), fold) for crops in _crops(scorer, store, part, seed)])

    with ThreadPoolExecutor(jobs) as pool:
        done = tqdm(pool.map(work, parts), total=len(parts), desc="robustness", unit="video")
        found = np.concatenate(list(done), axis=1)
    ordered = held.scored(found[0])
    logits: dict[str, list[Floats]] = {kind: [] for kind in KINDS}
    for values, (kind, _) in zip(found[1:], _conditions(), strict=True):
        logits[kind].append(values)
    return Disturbed(ordered, logits)


def _conditions() -> Iterator[tuple[str, int]]:
    for kind, disturbance in KINDS.items():
        for level in range(len(disturbance.levels)):
            yield kind, level


def _crops(
    scorer: Scorer, store: CropStore, part: NDArray[np.int64], seed: int
) -> Iterator[list[Any]]:
    """The crops of one video, undisturbed and then under each condition."""
    stored = [store[int(index)] for index in part]
    yield [cut_again(crop, scorer.rule, lambda image: image) for crop in stored]
    for number_, (kind, level) in enumerate(_conditions()):
        disturbance: Disturbance = KINDS[kind]
        out = []
        for index, crop in zip(part, stored, strict=True):
            rng = np.random.default_rng([seed, number_, int(index)])
            change = _change(disturbance, disturbance.levels[level], rng)
            out.append(cut_again(crop, scorer.rule, change))
        yield out


def _change(disturbance: Disturbance, level: float, rng: np.random.Generator) -> Callable[..., Any]:
    return lambda image: disturbance.apply(image, level, rng)


def worse_lines(rows: Rows, times_s: Floats, seed: int) -> dict[str, list[Rows]]:
    """Video rows at each frame rate and each share of freezes, from all looks."""
    places = [np.flatnonzero(rows.paths == path) for path in dict.fromkeys(rows.paths.tolist())]
    whole = videos(rows)

    def means(change: Callable[[NDArray[np.int64], np.random.Generator], Floats]) -> Rows:
        rng = np.random.default_rng(seed)
        return whole.scored(np.array([change(place, rng).mean() for place in places]))

    def slower(fps: float) -> Rows:
        return means(lambda at, rng: line.at_rate(times_s[at], rows.logits[at], fps, rng))

    def freezing(share: float) -> Rows:
        return means(lambda at, rng: line.frozen(rows.logits[at], share, rng))

    return {
        "fps": [slower(fps) for fps in line.RATES_FPS],
        "frozen": [freezing(share) for share in line.FROZEN],
    }


def figures(
    scorer: Scorer, found: Disturbed, lines: dict[str, list[Rows]], whole: Rows, draws: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The report's part: by kind, the levels with AUC, recalls and drift."""
    clean = videos(found.rows)
    judge = _Judge(scorer, clean, draws, seed)
    out: dict[str, Any] = {"clean": judge.level(clean), "videos": len(clean), "kinds": {}}
    for kind, disturbance in KINDS.items():
        rows = [videos(found.rows.scored(values)) for values in found.logits[kind]]
        out["kinds"][kind] = judge.kind(
            disturbance.title, disturbance.unit, disturbance.levels, rows
        )
    other = _Judge(scorer, whole, draws, seed)
    texts = {
        "fps": ("Fewer frames a second", "frames a second", line.RATES_FPS),
        "frozen": ("Lost packets, frozen", "share of looks that begin a freeze", line.FROZEN),
    }
    for kind, (title, unit, levels) in texts.items():
        out["kinds"][kind] = other.kind(title, unit, levels, lines[kind])
    return out


class _Judge:
    """Measures video rows against the undisturbed ones of the same videos."""

    def __init__(self, scorer: Scorer, clean: Rows, draws: int, seed: int) -> None:
        self._card = scorer.card
        self._limit = thresholds_of(scorer.card).raise_at
        self._clean = clean
        self._draws = group_draws(clean.groups.tolist(), draws, seed)
        both = paired(clean)
        self._in_pairs = np.isin(clean.paths, both.paths)
        self._paired_draws = group_draws(both.groups.tolist(), draws, seed)

    def kind(
        self, title: str, unit: str, levels: tuple[float, ...], rows: list[Rows]
    ) -> dict[str, Any]:
        pairs = zip(levels, rows, strict=True)
        steps = [{"level": level, **self.level(value)} for level, value in pairs]
        return {
            "title": title, "unit": unit, "clean": self.level(self._clean), "levels": steps,
            "methods": self._methods(rows[min(HARD, len(rows) - 1)]),
        }  # fmt: skip

    def level(self, rows: Rows) -> dict[str, Any]:
        raised = self._raised(rows)
        before = self._raised(self._clean)
        both = rows.only(self._in_pairs)

        def recall(who: NDArray[np.bool_], label: int) -> Callable[[Floats], Floats]:
            def measure(weights: Floats) -> Floats:
                counts = decisions(who, rows.labels, weights)
                return counts.fake_recall if label else counts.genuine_recall

            return measure

        drift = difference(recall(raised, 0), recall(before, 0), self._draws)
        shift = odds_of(self._card, rows.logits) - odds_of(self._card, self._clean.logits)
        return {
            "video_auc": row(estimate(_auc(both.logits, both.labels), self._paired_draws)),
            "genuine_recall": row(estimate(recall(raised, 0), self._draws)),
            "genuine_recall_drift": row(drift.interval),
            "fake_recall": row(estimate(recall(raised, 1), self._draws)),
            "genuine_log_odds_shift": number(float(shift[rows.labels == 0].mean())),
        }

    def _raised(self, rows: Rows) -> NDArray[np.bool_]:
        return probability(odds_of(self._card, rows.logits)) >= self._limit

    def _methods(self, rows: Rows) -> dict[str, float | None]:
        """AUC of each method against the genuine videos of its own source."""
        out: dict[str, float | None] = {}
        for name in sorted(set(rows.methods[rows.labels == 1].tolist())):
            own = rows.methods == name
            keep = own | ((rows.labels == 0) & np.isin(rows.sources, rows.sources[own]))
            out[name] = number(plain_auc(rows.logits[keep], rows.labels[keep]))
        return out


def _auc(scores: Floats, labels: Labels) -> Callable[[Floats], Floats]:
    return lambda weights: auc(scores, labels, weights)
