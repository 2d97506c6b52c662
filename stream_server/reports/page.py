"""A finished file's report as one HTML page that needs nothing from elsewhere, and no script."""

import base64
import hashlib
import math
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.model_card import Thresholds
from pipeline.report import FaceReport
from pipeline.series import FaceRecord
from pipeline.types import BlinkStats, State
from stream_server.reports import charts
from stream_server.reports.document import ReportDocument

_TEMPLATES = Path(__file__).parent / "templates"
SHOWN_FACES = 12
"""Drawn in full; further faces are a line in the table."""

HEADLINES = {
    State.ALERT: "Strong signs of manipulation",
    State.SUSPECT: "Some signs of manipulation",
    State.CLEAR: "No signs stand out",
    State.INSUFFICIENT: "Not enough seen to say",
}
CUES = {
    "prior": "Before looking",
    "classifier": "Texture and edges",
    "blink": "Blinking",
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


def render(document: ReportDocument) -> str:
    """Write the page. Every text in it is escaped, the file's name above all."""
    report = document.report
    thresholds = Thresholds(report.model.raise_at, report.model.clear_at)
    duration_s = _duration_s(document)
    records = {record.track_id: record for record in document.record.faces}
    shown = report.faces[:SHOWN_FACES]
    return (
        _environment()
        .get_template("report.html")
        .render(
            document=document,
            report=report,
            observed=document.record,
            origin=document.origin,
            style=_style(),
            policy=policy(),
            faces=[
                _face(face, records.get(face.track_id), duration_s, thresholds, document)
                for face in shown
            ],
            others=report.faces[SHOWN_FACES:],
            duration_s=duration_s,
            waterfall=charts.waterfall(report.verdict.reasons),
            charts=charts,
            headlines=HEADLINES,
            cues=CUES,
            tasks=TASKS,
            unjudged=UNJUDGED,
            still=report.kind == "image",
        )
    )


def policy() -> str:
    """The Content-Security-Policy of the page: its own style, its own pictures, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _face(
    face: FaceReport,
    record: FaceRecord | None,
    duration_s: float,
    thresholds: Thresholds,
    document: ReportDocument,
) -> dict[str, Any]:
    return {
        "report": face,
        "record": record,
        "timeline": (
            charts.timeline(record, duration_s, thresholds)
            if record is not None and document.report.kind == "video"
            else None
        ),
        "blinks": _blinks(face.blink),
        "pictures": [
            (picture, _data_address(picture.jpeg))
            for picture in document.pictures
            if picture.track_id == face.track_id and picture.jpeg
        ],
    }


def _duration_s(document: ReportDocument) -> float:
    """What the file says of itself, unless less or more came out."""
    ends = [face.last_s for face in document.report.faces]
    declared_s = document.report.duration_s or 0.0
    if document.truncated or not math.isfinite(declared_s):
        declared_s = 0.0
    return max(declared_s, *ends, document.record.observed_s, 0.0)


def _blinks(blink: BlinkStats | None) -> str:
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


def _data_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _percent(share: float | None) -> str:
    """0.234 -> "23 %"; no model is so sure that it could say none or all."""
    if share is None:
        return "–"
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share * 100:.0f} %"


def _bytes(count: int | None) -> str:
    if count is None:
        return "unknown"
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "clock": charts.clock, "bytes": _bytes}
    return environment


@cache
def _style() -> str:
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")
