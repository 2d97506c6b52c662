"""Short videos by the classifier's mean, longer ones by blinks alone: 10 to 20 a minute.

Source: github.com/sumithanwate3/DeepFake_Detection (views.py, f_detector.py and its settings): one
frame a second is classified under 10 s; from 10 s on blinks over the whole duration are counted on
the one face of each frame, an eye aspect ratio below 0.23 in a single frame being one. Its own
classifier (whole frames) and landmarks (dlib) are not here: looks and ratios are fakewatch's.
"""

from dataclasses import replace

from pipeline.comparison import Answer, PresetAnswer, SeenFile, by_mean, counted

BLINKS_FROM_S = 10.0
CLOSED_EAR = 0.23
CLOSED_FRAMES = 1
USUAL_PER_MIN = (10.0, 20.0)
CLASSIFY_EVERY_S = 1.0

WEAKNESS = (
    "Untouched people who read (1 to 14 blinks a minute) or talk (10 to 33) fall outside of 10 to "
    "20, narrow eyes cross the fixed ratio of 0.23 all the time, and a swapped face that keeps its "
    "driver's eyelids passes."
)


def judge(seen: SeenFile) -> PresetAnswer:
    """Answer by the mean under 10 s, and by nothing but the blink rate from then on."""
    if seen.duration_s < BLINKS_FROM_S:
        short = by_mean("blink-10-20", seen.looks(CLASSIFY_EVERY_S), WEAKNESS)
        return replace(
            short,
            reason=f"Under {BLINKS_FROM_S:.0f} s blinks are not counted: "
            f"{short.reason[0].lower()}{short.reason[1:]}",
        )
    ears = [ear for _, ear in seen.eyes()]
    blinks = count_blinks(ears)
    per_min = blinks / seen.duration_s * 60
    low, high = USUAL_PER_MIN
    usual = low <= per_min <= high
    where = "within" if usual else "outside of"
    reason = (
        f"{counted(blinks, 'blink')} in {seen.duration_s:.0f} s are {per_min:.1f} a minute, "
        f"{where} {low:.0f} to {high:.0f}"
        + ("." if ears else "; no eyes could be measured at all.")
    )
    answer = Answer.NOT_MANIPULATED if usual else Answer.MANIPULATED
    return PresetAnswer("blink-10-20", answer, None, reason, WEAKNESS)


def count_blinks(ears: list[float]) -> int:
    """How often the ratio came back up after `CLOSED_FRAMES` or more frames below `CLOSED_EAR`."""
    blinks = closed = 0
    for ear in ears:
        if ear < CLOSED_EAR:
            closed += 1
            continue
        blinks += closed >= CLOSED_FRAMES
        closed = 0
    return blinks
