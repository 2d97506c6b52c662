"""Rules of known systems: what they say of recorded measurements, and where they err."""

import itertools
import math

import pytest

from pipeline.comparison import (
    Answer,
    Circumstances,
    SeenFile,
    ask,
    full_recorder,
    presets,
)
from pipeline.errors import SettingsError
from pipeline.presets.blink_10_20 import count_blinks
from pipeline.presets.deepvision import TABLE, expected_of, watch
from pipeline.series import Bucket, FaceRecord
from pipeline.types import TrackId
from tests.unit.test_series import analysis, reading

OPEN, SHUT = 0.31, 0.08
NEXT_ID = itertools.count(1)


def face(probs=(), eyes=(), *, every_s=0.25, seen_s=10.0):
    """A face whose classifier looked every `every_s`; `eyes` are (seconds, ratio)."""
    looks = tuple(Bucket(i * every_s, p, p, p) for i, p in enumerate(probs))
    ears = tuple(Bucket(time_s, ear, ear, ear) for time_s, ear in eyes)
    empty = dict.fromkeys(("score", "band_low", "band_high", "baseline", "judged", "blinks"), ())
    return FaceRecord(
        track_id=TrackId(next(NEXT_ID)),
        seen_s=seen_s,
        judged_s=seen_s,
        unjudged=(),
        frames=looks,
        ear=ears,
        blinks_left_out=0,
        alerts=(),
        peak_s=0.0,
        **empty,
    )


def blinking(per_min, duration_s, fps=30, level=OPEN, start_s=0.0):
    """Eye samples of a person who blinks this often, evenly, 0.2 s each."""
    period_s = 60 / per_min if per_min else math.inf
    samples = []
    for index in range(round(duration_s * fps)):
        time_s = index / fps
        phase = (time_s % period_s) - period_s / 2 if per_min else math.inf
        samples.append((start_s + time_s, SHUT if 0 <= phase < 0.2 else level))
    return samples


def file(*faces, duration_s=60.0, **about):
    return SeenFile(duration_s, faces, Circumstances(**about))


def test_the_presets_are_the_files_of_the_folder():
    assert presets() == ["blink-10-20", "confident", "deepvision", "frame-mean", "sequence"]
    with pytest.raises(ValueError, match="no preset 'tarot'"):
        ask("tarot", file())


def test_a_network_over_time_answers_by_the_first_clip_of_each_face():
    faces = (face([0.9, 0.1, 0.1]), face([0.5, 0.1]))
    found = ask("sequence", SeenFile(60.0, faces, frames=25))
    assert found.answer is Answer.MANIPULATED
    assert found.fake_prob == pytest.approx(0.7)
    assert "first 25 looks at 2 faces" in found.reason
    assert ask("sequence", SeenFile(60.0, (face(),), frames=25)).answer is Answer.NONE


def test_without_a_network_over_time_it_says_that_none_may_be_passed_on():
    found = ask("sequence", file(face([0.9] * 9)))
    assert found.answer is Answer.NONE
    assert "No trained weights" in found.reason
    assert found.weakness.endswith(".")


@pytest.mark.parametrize("preset", ["blink-10-20", "confident", "deepvision", "frame-mean"])
def test_every_answer_bears_its_preset_its_numbers_and_a_weakness(preset):
    found = ask(preset, file(face([0.3] * 240, blinking(15, 60))))
    assert found.preset == preset
    assert found.text in {"its rule says: manipulated", "its rule says: not manipulated"}
    assert any(letter.isdigit() for letter in found.reason)
    assert found.reason.endswith(".")
    assert found.weakness.endswith(".")


@pytest.mark.parametrize("preset", ["confident", "deepvision", "frame-mean"])
def test_who_saw_nothing_gives_no_answer(preset):
    for nothing in (file(), file(face())):
        found = ask(preset, nothing)
        assert found.text == "its rule says: no answer"
        assert found.fake_prob is None


@pytest.mark.parametrize(
    ("probs", "fake_prob", "answer"),
    [
        ([0.9, 0.7], 0.8, Answer.MANIPULATED),
        ([0.1, 0.3], 0.2, Answer.NOT_MANIPULATED),
        ([0.5], 0.5, Answer.NOT_MANIPULATED),
        ([0.95] * 40 + [0.05] * 60, 0.41, Answer.NOT_MANIPULATED),  # a manipulated stretch is lost
    ],
)
def test_frame_mean_is_the_plain_mean(probs, fake_prob, answer):
    found = ask("frame-mean", file(face(probs)))
    assert found.fake_prob == pytest.approx(fake_prob)
    assert found.answer is answer


def test_frame_mean_loses_one_manipulated_face_among_three():
    clear, swapped = [0.1] * 40, [0.95] * 40
    found = ask("frame-mean", file(face(clear), face(swapped), face(clear)))
    assert found.answer is Answer.NOT_MANIPULATED


@pytest.mark.parametrize(
    ("probs", "fake_prob"),
    [
        ([0.9] * 13 + [0.1] * 19, 0.9),  # 13 of 32 are more than 40 %: the others are silenced
        ([0.9] * 12 + [0.1] * 20, 0.4),  # 12 of 32 are not
        ([0.9] * 11 + [0.1] * 5, 0.65),  # more than 40 %, but no more than 11
        ([0.9] * 12 + [0.1] * 4, 0.9),
        ([0.8] * 32, 0.8),  # not above .8
        ([0.1] * 30 + [0.7] * 2, 0.1),  # more than 90 % below .2
        ([0.1] * 27 + [0.7] * 3, 0.16),  # exactly 90 %: all count
    ],
)
def test_confident_averages_the_sure_looks_where_there_are_enough(probs, fake_prob):
    found = ask("confident", file(face(probs, every_s=1.0), duration_s=32.0))
    assert found.fake_prob == pytest.approx(fake_prob)


def test_confident_looks_at_32_moments_however_long_the_file_is():
    found = ask("confident", file(face([0.6] * 2400), duration_s=600.0))
    assert "(32)" in found.reason


def test_a_picture_is_answered_by_its_only_look():
    picture = file(face([0.9]), duration_s=0.0)
    for preset in ("confident", "frame-mean", "blink-10-20"):
        assert ask(preset, picture).fake_prob == pytest.approx(0.9)
    assert ask("deepvision", picture).answer is Answer.NONE


@pytest.mark.parametrize(
    ("per_min", "answer"),
    [
        (9, Answer.MANIPULATED),
        (10, Answer.NOT_MANIPULATED),
        (20, Answer.NOT_MANIPULATED),
        (21, Answer.MANIPULATED),
        (5, Answer.MANIPULATED),  # an untouched reader
        (28, Answer.MANIPULATED),  # an untouched talker
    ],
)
def test_blink_10_20_knows_nothing_but_the_rate_from_10_s_on(per_min, answer):
    sure = [0.99 if answer is Answer.NOT_MANIPULATED else 0.01] * 240
    found = ask("blink-10-20", file(face(sure, blinking(per_min, 60))))
    assert found.answer is answer
    assert found.fake_prob is None
    assert f"{per_min}.0 a minute" in found.reason


def test_blink_10_20_calls_narrow_eyes_closed_all_the_time():
    found = ask("blink-10-20", file(face((), blinking(15, 60, level=0.22))))
    assert "0 blinks" in found.reason
    assert found.answer is Answer.MANIPULATED


def test_blink_10_20_calls_an_empty_room_manipulated_and_the_reason_says_why():
    found = ask("blink-10-20", file())
    assert found.answer is Answer.MANIPULATED
    assert "no eyes could be measured" in found.reason


def test_blink_10_20_lets_the_classifier_decide_under_10_s_with_a_look_a_second():
    probs = [0.9, 0.1, 0.1, 0.1] * 9
    short = ask("blink-10-20", file(face(probs, blinking(15, 9)), duration_s=9.9))
    assert short.fake_prob == pytest.approx(0.9)
    assert "9 looks" in short.reason
    longer = ask("blink-10-20", file(face(probs, blinking(15, 10)), duration_s=10.0))
    assert longer.fake_prob is None


def test_blink_10_20_follows_a_person_whose_track_broke():
    first, second = blinking(15, 30), blinking(15, 30, start_s=30.0)
    found = ask("blink-10-20", file(face((), first, seen_s=31), face((), second, seen_s=30)))
    assert "14 blinks" in found.reason
    assert found.answer is Answer.NOT_MANIPULATED


@pytest.mark.parametrize(
    ("ears", "blinks"),
    [
        ([], 0),
        ([OPEN] * 5, 0),
        ([OPEN, SHUT, OPEN], 1),
        ([OPEN, SHUT, SHUT, OPEN, SHUT, OPEN], 2),
        ([OPEN, 0.23, OPEN], 0),
        ([OPEN, SHUT, SHUT], 0),  # never opened again
    ],
)
def test_a_blink_of_the_fixed_rule_ends_when_the_eyes_open(ears, blinks):
    assert count_blinks(ears) == blinks


def lonely_blink(duration_s):
    """The paper's case: one blink at 9 s, then none."""
    return [(t, SHUT if 9 <= t < 9.2 else ear) for t, ear in blinking(0, duration_s)]


@pytest.mark.parametrize(
    ("eyes", "answer"),
    [
        (lonely_blink(60), Answer.MANIPULATED),
        (lonely_blink(30), Answer.NOT_MANIPULATED),  # shorter than the longest pause allowed
        (blinking(15, 60), Answer.NOT_MANIPULATED),
        (blinking(5, 60), Answer.NOT_MANIPULATED),  # a reader: few, but never 35 s without
        (blinking(50, 60), Answer.NOT_MANIPULATED),  # fluttering is no matter of this rule
    ],
)
def test_deepvision_wants_a_low_rate_and_a_long_pause(eyes, answer):
    about = {"gender": "f", "age_band": "40-59", "activity": "static", "daytime": "am"}
    found = ask("deepvision", file(face((), eyes), **about))
    assert found.answer is answer
    assert found.fake_prob is None


def test_deepvision_expects_more_of_talkers():
    pause = [(t, SHUT if t < 30 and t % 3 < 0.2 else OPEN) for t, _ in blinking(0, 61)]
    silent, talking = (
        ask("deepvision", file(face((), pause), activity=activity))
        for activity in ("static", "dynamic")
    )
    assert silent.answer is Answer.NOT_MANIPULATED
    assert talking.answer is Answer.MANIPULATED


def test_eyes_that_were_not_seen_are_no_eyes_that_stayed_open():
    eyes = [(t, ear) for t, ear in blinking(0, 60) if t < 20 or t > 40]
    seen = watch(eyes)
    assert seen.observed_s == pytest.approx(40, abs=0.2)
    assert seen.longest_s == pytest.approx(20, abs=0.2)


def test_samples_too_far_apart_for_a_blink_give_no_answer():
    found = ask("deepvision", file(face((), blinking(15, 60, fps=5))))
    assert found.answer is Answer.NONE


def test_a_row_of_the_edited_table_counts_for_whom_it_names(tmp_path):
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("gender,"))
    lines.insert(at + 1, "f,40-59,static,am,12,2,5,30,mine")
    table = tmp_path / "mine.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    told = Circumstances("f", "40-59", "static", "am")
    assert expected_of(told, table).source == "mine"
    assert expected_of(Circumstances(), table).source.startswith("Doughty")
    assert expected_of(Circumstances("m", "40-59", "static", "am"), table).per_min == 14.5


@pytest.mark.parametrize(
    "page",
    ["", "gender\nf", "gender,age_band,activity,daytime,per_min\nany,any,any,any,many"],
    ids=["empty", "no columns", "no number"],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, page):
    table = tmp_path / "mine.csv"
    table.write_text(page)
    with pytest.raises(SettingsError, match=r"mine\.csv"):
        expected_of(Circumstances(), table)


def test_the_full_recorder_keeps_every_sample_with_its_time():
    recorder = full_recorder()
    times_s = [index / 15 for index in range(60)]
    for time_s in times_s:
        recorder.add(analysis(time_s, reading(time_s=time_s, closed=0.9 < time_s < 1.1)))
    (seen,) = recorder.record().faces
    eyes = SeenFile(4.0, (seen,)).eyes()
    assert [time_s for time_s, _ in eyes] == pytest.approx(times_s, abs=0.0015)
    assert count_blinks([ear for _, ear in eyes]) == 1
