"""The reference protocol: who is held against whom, without a frame on both sides."""

import numpy as np
import pytest

from export.measure_reference import write_reference
from export.order_statistics import order_statistics
from export.reference_arms import Answers, scale_of, terms, trimmed
from export.reference_cases import cases
from pipeline.model_card import ReferenceScale, read_card
from tests.toy_models import write_classifier


def clip(path, source, group, label, seconds=8.0):
    return [
        {"path": path, "source": source, "group": group, "label": label, "time_s": step / 4}
        for step in range(int(seconds * 4))
    ]


FACTS = [
    *clip("dev/deepfacelive/real/A_0.mp4", "deepfacelive", "one", 0),
    *clip("dev/deepfacelive/fake/A_0.mp4", "deepfacelive", "one", 1),
    *clip("dev/deepfacelive/fake/B_0.mp4", "deepfacelive", "two", 1),
    *clip("dev/ffpp_c23/real/youtube__033.mp4", "ffpp_c23", "three", 0),
    *clip("dev/ffpp_c23/fake/Deepfakes__033_097.mp4", "ffpp_c23", "three", 1),
    *clip("dev/real/talk.mp4", "talking", "four", 0),
]


def answers():
    """Genuine odds -1 and one direction; swaps +1 and another."""
    labels = np.array([fact["label"] for fact in FACTS])
    vectors = np.eye(4, dtype=np.float32)[labels]
    return Answers(2.0 * labels - 1.0, vectors)


def test_a_swap_is_held_against_its_own_person_and_one_without_is_left_out():
    found = cases(FACTS)
    assert len(found) == 10
    assert all(FACTS[int(case.reference[0])]["label"] == 0 for case in found)
    assert {case.group for case in found if case.label} == {"one", "three"}


def test_no_moment_is_enrolled_and_judged_at_once():
    for case in cases(FACTS):
        enrolled = {FACTS[int(row)]["time_s"] for row in case.reference}
        judged = {FACTS[int(row)]["time_s"] for row in case.judged}
        gap_s = max(min(judged) - max(enrolled), min(enrolled) - max(judged))
        assert gap_s >= 0.5


def test_an_attacker_from_the_start_is_his_own_reference():
    swaps = [case for case in cases(FACTS, self_enrolled=True) if case.label]
    assert len(swaps) == 6
    assert all(FACTS[int(case.reference[0])]["label"] == 1 for case in swaps)


def test_the_terms_tell_a_swap_and_are_zero_where_enrolment_is_refused():
    found, seen = cases(FACTS), answers()
    scale = ReferenceScale(-1.0, 0.5, 0.1)
    by_fold = dict.fromkeys(range(3), scale)
    added = terms(found, seen, by_fold, clear_at=0.6)
    for case, (shift, apart) in zip(found, added, strict=True):
        assert shift == pytest.approx(0.0)
        assert apart == pytest.approx(1.0 if case.label else 0.0)
    swaps = [case for case in cases(FACTS, self_enrolled=True) if case.label]
    assert not terms(swaps, seen, by_fold, clear_at=0.6).any()
    assert scale_of(found, seen).logit_mean == pytest.approx(-1.0)


def test_the_trimmed_mean_cuts_a_fifth_at_either_end():
    assert trimmed(np.array([-100.0, 1, 2, 3, 100])) == pytest.approx(2.0)


def test_every_statistic_is_compared_with_the_trimmed_mean():
    numbers = np.zeros(len(FACTS), np.int64)
    numbers[96:] = 1
    table = order_statistics(FACTS, answers().odds, numbers)["4_s"]
    assert table["trimmed_mean"]["gain"] == [0.0, 0.0, 0.0]
    assert table["mean"]["auc"][0] == pytest.approx(1.0)


def test_a_card_takes_the_figures_by_its_own_calibration_once(tmp_path):
    write_classifier(tmp_path, temperature=2.0, bias=0.5)
    path = tmp_path / "toy.toml"
    for _ in range(2):
        write_reference(path, ReferenceScale(-1.0, 1.0, 0.07))
    assert read_card(path).reference == ReferenceScale(0.0, 0.5, 0.07)
    assert path.read_text(encoding="utf-8").count("[reference]") == 1
