"""The aggregation of the winner of the Deepfake Detection Challenge: trust the confident looks.

Source: the public solution of the first place (Seferbekov 2020, github.com/selimsef/
dfdc_deepfake_challenge): looks of 32 frames spread evenly over the video, all faces together. It
answers with a probability only; one half is taken for its threshold. Its five networks are not
here: the looks are those of fakewatch's classifier.
"""

from pipeline.comparison import Answer, PresetAnswer, SeenFile, counted, side_of_half

FRAMES = 32
SURE_FAKE_PROB = 0.8
SURE_FAKE_SHARE = 0.4
"""More than this share of the looks ..."""
SURE_FAKE_LOOKS = 11
"""... and more than this many above `SURE_FAKE_PROB`: only those are averaged."""
SURE_REAL_PROB = 0.2
SURE_REAL_SHARE = 0.9
"""Otherwise, with more than this share below `SURE_REAL_PROB`: only those are averaged."""

WEAKNESS = (
    "Less than half of the looks can silence all others, and a short manipulated stretch, or one "
    "manipulated face in a crowd, is averaged away."
)


def judge(seen: SeenFile) -> PresetAnswer:
    """Average the confident looks where there are enough of them, and all of them otherwise."""
    probs = seen.looks(seen.duration_s / FRAMES)
    if not probs:
        reason = "The classifier could not judge a single look."
        return PresetAnswer("confident", Answer.NONE, None, reason, WEAKNESS)
    kept, why = _confident(probs)
    mean = sum(kept) / len(kept)
    reason = f"{why}; their mean is {100 * mean:.0f} %, and above 50 % is read as manipulated."
    return PresetAnswer("confident", side_of_half(mean), mean, reason, WEAKNESS)


def _confident(probs: list[float]) -> tuple[list[float], str]:
    total = counted(len(probs), "look")
    fake = [prob for prob in probs if prob > SURE_FAKE_PROB]
    if len(fake) > SURE_FAKE_LOOKS and len(fake) > SURE_FAKE_SHARE * len(probs):
        return (
            fake,
            f"{len(fake)} of {total} are above {100 * SURE_FAKE_PROB:.0f} % and count alone",
        )
    real = [prob for prob in probs if prob < SURE_REAL_PROB]
    if len(real) > SURE_REAL_SHARE * len(probs):
        return (
            real,
            f"{len(real)} of {total} are below {100 * SURE_REAL_PROB:.0f} % and count alone",
        )
    return probs, f"Neither side is confident enough, so all looks count ({len(probs)})"
