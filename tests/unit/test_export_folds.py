"""No person, no source clip and no swap model is on both sides of a split."""

from typing import Any

from export.folds import FOLDS, family_key, folds

MODELS = {"Ann": (1, 2), "Bob": (2, 3), "Cid": (4,), "Dot": (5,), "Eve": (6, 7)}


def clips() -> list[dict[str, Any]]:
    rows = [
        {
            "source": "deepfacelive",
            "path": f"{kind}/{model}_{take}.mp4",
            "group": f"clip{clip}",
            "label": int(kind == "fake"),
        }
        for model, numbers in MODELS.items()
        for take, clip in enumerate(numbers)
        for kind in ("real", "fake")
    ]
    rows += [
        {"source": "ffpp_c23", "path": f"f/{pair}_{k}.mp4", "group": f"pair{pair}", "label": k % 2}
        for pair in range(8)
        for k in range(4)
    ]
    rows += [
        {"source": name, "path": f"r/{name}_{k}.mp4", "group": f"{name}:{k}", "label": 0}
        for name in ("room", "street", "studio")
        for k in range(5)
    ]
    return rows


def test_clips_that_share_a_group_or_a_swap_model_share_a_fold() -> None:
    rows = clips()
    numbers = folds(rows)
    seen: dict[str, int] = {}
    for row, number in zip(rows, numbers, strict=True):
        for name in family_key(row):
            assert seen.setdefault(name, number) == number


def test_a_collection_of_genuine_clips_is_never_split() -> None:
    rows = clips()
    for name in ("room", "street", "studio"):
        assert (
            len({f for row, f in zip(rows, folds(rows), strict=True) if row["source"] == name}) == 1
        )


def test_every_fold_holds_both_labels_of_both_sets() -> None:
    rows = clips()
    numbers = folds(rows)
    for source in ("deepfacelive", "ffpp_c23"):
        held = {
            (number, row["label"])
            for row, number in zip(rows, numbers, strict=True)
            if row["source"] == source
        }
        assert held == {(fold, label) for fold in range(FOLDS) for label in (0, 1)}


def test_the_order_of_the_clips_does_not_matter() -> None:
    rows = clips()
    forward = dict(zip([row["path"] for row in rows], folds(rows), strict=True))
    backward = dict(zip([row["path"] for row in rows[::-1]], folds(rows[::-1]), strict=True))
    assert forward == backward
