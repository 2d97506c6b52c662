"""A finished file's report as one HTML page that needs nothing from elsewhere, and no script."""

import base64
import math
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.model_card import Thresholds
from pipeline.report import FaceReport
from pipeline.series import FaceRecord
from stream_server.reports import bars, charts, words
from stream_server.reports.document import ReportDocument
from stream_server.reports.style import TEMPLATES, policy, style

SHOWN_FACES = 12
"""Drawn in full; further faces are a line in the table."""


def render(document: ReportDocument, video: str | None = None) -> str:
    """Write the page. Every text in it is escaped, the file's name above all.

    `video` is the name of the annotated copy that lies beside the page: times then lead into it.
    """
    report = document.report
    thresholds = Thresholds(report.model.raise_at, report.model.clear_at)
    duration_s = _duration_s(document)
    records = {record.track_id: record for record in document.record.faces}
    shown = report.faces[:SHOWN_FACES]
    worst = records.get(shown[0].track_id) if shown else None
    return (
        _environment()
        .get_template("report.html")
        .render(
            document=document,
            report=report,
            observed=document.record,
            origin=document.origin,
            provenance=document.provenance,
            style=style(),
            policy=policy(),
            faces=[
                _face(face, records.get(face.track_id), duration_s, thresholds, document)
                for face in shown
            ],
            others=report.faces[SHOWN_FACES:],
            duration_s=duration_s,
            gauge=None if report.preset else bars.gauge(report.verdict, thresholds),
            in_short=words.in_short(report, worst) if shown else (),
            reach=max((picture.heat_reach for picture in document.pictures), default=0.0),
            video=quote(f"./{video}", safe="/.") if video else None,
            bars=bars,
            charts=charts,
            words=words,
            still=report.kind == "image",
        )
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
        "waterfall": bars.waterfall(face.reasons) if face.reasons else None,
        "timeline": (
            charts.timeline(record, duration_s, thresholds)
            if record is not None and document.report.kind == "video"
            else None
        ),
        "blinks": words.blinks(face.blink),
        "pictures": [
            (picture, _data_address(picture.jpeg), _data_address(picture.heat_jpeg))
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


def _data_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": words.percent, "clock": charts.clock, "bytes": words.size}
    return environment
