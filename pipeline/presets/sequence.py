"""A network over time, CNN + GRU or CNN + LSTM, on the first frames of a video and nothing more.

Sources: github.com/Balaji-Kartheek/DeepFake_Detection (InceptionV3 + GRU, EfficientNet-B2 + GRU, 25
frames) and github.com/supzi-del/detect-deepfake (ResNeXt50 + LSTM, 20 frames). Neither gives its
weights under a licence to ship them: the network is whichever classifier with `frames` in its card
is installed and asked for. Frames are fakewatch's looks, four a second, of each face.
"""

from pipeline.comparison import Answer, PresetAnswer, SeenFile, counted, side_of_half

WEAKNESS = (
    "Nothing after the first seconds is looked at, so that a later manipulated stretch passes, and "
    "such networks were measured on videos of the people they were trained on."
)
NO_WEIGHTS = (
    "No trained weights of these systems may be passed on, and the classifier in use judges 1 crop "
    "at a time: train or import a model with `frames` in its card and name it as the classifier."
)


def judge(seen: SeenFile) -> PresetAnswer:
    """Answer by the first clip of each face; above one half is manipulated."""
    if seen.frames < 2:
        return PresetAnswer("sequence", Answer.NONE, None, NO_WEIGHTS, WEAKNESS)
    probs = [face.frames[0].mean for face in seen.faces if face.frames]
    if not probs:
        reason = f"No face was seen well enough for a clip of {seen.frames} looks."
        return PresetAnswer("sequence", Answer.NONE, None, reason, WEAKNESS)
    mean = sum(probs) / len(probs)
    reason = (
        f"The first {seen.frames} looks at {counted(len(probs), 'face')}, judged together, give "
        f"{100 * mean:.0f} %, and above 50 % decides."
    )
    return PresetAnswer("sequence", side_of_half(mean), mean, reason, WEAKNESS)
