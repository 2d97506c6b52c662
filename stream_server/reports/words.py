"""What a report says to people: states, cues, reasons not to judge, numbers as they read well."""

from pipeline.report import FileReport
from pipeline.series import FaceRecord
from pipeline.types import BlinkStats, State
from stream_server.reports.charts import clock

HEADLINES = {
    State.ALERT: "Strong signs of manipulation",
    State.SUSPECT: "Some signs of manipulation",
    State.CLEAR: "No signs stand out",
    State.INSUFFICIENT: "Not enough seen to say",
}
ADVICE = {
    State.ALERT: "Do not act on this recording alone. Ask the person shown on a number you know, or"
    " find the earliest source of the recording.",
    State.SUSPECT: "Treat it with care: check through another channel before you act on it.",
    State.CLEAR: "This does not prove that it is genuine. Where much depends on it, check through"
    " another channel all the same.",
    State.INSUFFICIENT: "A longer or sharper recording with a larger face may tell more.",
}
CUES = {
    "prior": "Before looking",
    "classifier": "Texture and edges",
    "temporal": "Movement over time",
    "blink": "Blinking",
    "jitter": "Trembling of the face",
    "loop": "Repetition",
    "still": "Standing still",
    "lids": "The two lids",
    "preset": "A known system's rule",
    "reference": "Against the enrolled stretch",
    "challenge": "Guided challenge",
    "sum": "Sum",
}
UNJUDGED = {
    "small": "the face was too small",
    "blurred": "the face was too blurred",
    "dark": "the face was too dark",
    "bright": "the face was too bright",
    "turned": "the face was turned too far away",
    "damaged": "the picture was damaged",
    "short": "there were too few looks yet",
}
TASKS = {
    "face_detection": "finds faces",
    "face_landmarks": "measures eyes and pose",
    "deepfake": "looks for signs of manipulation",
}


def cue(name: str) -> str:
    """Name a kind of evidence; one without a name of its own keeps its word."""
    return CUES.get(name, name.replace("_", " ").capitalize())


def headline(report: FileReport) -> str:
    """The verdict in a few words, and whose it is where another system's rule gave it."""
    said = HEADLINES[report.verdict.state]
    return f"By the rule of {report.preset}: {said.lower()}" if report.preset else said


def in_short(report: FileReport, record: FaceRecord | None) -> tuple[str, ...]:
    """Why the file stands where it stands: a few sentences for who reads nothing else."""
    reasons = sorted(report.verdict.reasons, key=lambda r: -abs(r.llr))
    said = [reason.text for reason in reasons[:2]]
    if report.preset and report.faces:
        own = HEADLINES[report.faces[0].state].lower()
        said.append(f"By fakewatch's own rule: {own}. The faces below are judged by it.")
    if record is None:
        return tuple(said)
    if record.alerts:
        spans = "; ".join(f"{clock(s.start_s)} to {clock(s.end_s)}" for s in record.alerts[:3])
        more = f" and {len(record.alerts) - 3} more times" if len(record.alerts) > 3 else ""
        whose = "fakewatch's own score was" if report.preset else "The signs were"
        said.append(f"{whose} strong enough for an alert from {spans}{more}.")
    if record.seen_s > 0:
        said.append(
            f"The face could be judged for {clock(record.judged_s)} of the {clock(record.seen_s)}"
            " that it was seen."
        )
    return tuple(said)


def blinks(blink: BlinkStats | None) -> str:
    """One sentence on the last minute; a rate that rests on too little is not given."""
    if blink is None:
        return "The eyes were not measured."
    if not blink.sufficient or blink.rate_per_min is None:
        return (
            f"{blink.blinks} blinks in the last {blink.observed_s:.0f} s observed:"
            " too little to say what is usual."
        )
    low, high = blink.rate_low_per_min or 0.0, blink.rate_high_per_min
    upper = f" to {high:.0f}" if high is not None else " or more"
    return (
        f"{blink.rate_per_min:.0f} blinks a minute over the last {blink.observed_s:.0f} s observed"
        f" (95 % interval {low:.0f}{upper}). What is usual differs widely between people and tasks."
    )


def looks(number: int) -> str:
    """How often the classifier looked."""
    return "1 look" if number == 1 else f"{number} looks"


def percent(share: float | None) -> str:
    """0.234 -> "23 %"; no model is so sure that it could say none or all."""
    if share is None:
        return "–"
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share * 100:.0f} %"


def size(count: int | None) -> str:
    """12345 -> "12.1 KiB"."""
    if count is None:
        return "unknown"
    if count < 1024:
        return f"{count} bytes"
    number = float(count)
    for unit in ("KiB", "MiB"):
        number /= 1024
        if number < 1024:
            return f"{number:.1f} {unit}"
    return f"{number / 1024:.1f} GiB"
