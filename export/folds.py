"""Which development clips are held out together: nobody, and no swap model, on both sides."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from export.splits import connected

FOLDS = 3


def family_key(facts: dict[str, Any]) -> tuple[str, ...]:
    """The names that tie a clip to others: its group, and for DeepFaceLive the celebrity model.

    Genuine clips of one collection share a room and a camera, so the whole collection is one.
    """
    if facts["source"] == "deepfacelive":
        model = PurePosixPath(facts["path"]).stem.rsplit("_", 1)[0]
        return (facts["group"], f"model:{model}")
    if facts["source"] == "ffpp_c23":
        return (facts["group"],)
    return (f"source:{facts['source']}",)


def folds(facts: Sequence[dict[str, Any]]) -> list[int]:
    """The fold of every crop, 0 to 2: connected clips stay together, sizes even out by source."""
    keys = [family_key(fact) for fact in facts]
    root = connected(set(keys))
    videos: dict[tuple[str, str], set[str]] = {}
    for fact, names in zip(facts, keys, strict=True):
        videos.setdefault((fact["source"], root[names[0]]), set()).add(fact["path"])
    load: dict[tuple[str, int], int] = {}
    total = [0] * FOLDS
    chosen: dict[str, int] = {}
    for (source, name), paths in sorted(videos.items(), key=lambda item: (-len(item[1]), item[0])):
        fold = min(range(FOLDS), key=lambda k: (load.get((source, k), 0), total[k], k))
        chosen[name] = fold
        load[source, fold] = load.get((source, fold), 0) + len(paths)
        total[fold] += len(paths)
    return [chosen[root[names[0]]] for names in keys]
