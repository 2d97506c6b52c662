"""The plain mean of all single looks: what most published detectors do with a video.

Source: the usual aggregation of frame classifiers, among them the 4th place of the Deepfake
Detection Challenge (2020); above one half is manipulated.
"""

from pipeline.comparison import PresetAnswer, SeenFile, by_mean

WEAKNESS = (
    "A short manipulated stretch, or one manipulated face among others, is averaged away, and "
    "many slightly raised looks add up to an answer."
)


def judge(seen: SeenFile) -> PresetAnswer:
    """Answer by the mean over all looks at all faces."""
    return by_mean("frame-mean", seen.looks(), WEAKNESS)
