"""Everything a finished file's report is made of, as one value, and its JSON twin."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.analyzer import AnalyzerSettings
from pipeline.load import Models
from pipeline.media_file import MediaFile
from pipeline.model_card import ModelCard
from pipeline.reference import Enrolment
from pipeline.report import FileReport
from pipeline.series import Bucket, FileRecord, Recorder
from pipeline.types import Analysis, Frame
from stream_server.reports import file_analysis
from stream_server.reports.provenance import Provenance, read_provenance
from stream_server.reports.strongest import Picture, StrongestFrames

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Which model took part, and what is known of it."""

    name: str
    version: str
    task: str
    sha256: str | None
    licence: str
    trained_on: str
    limits: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What exactly was analysed, with what, and when: enough to do it again."""

    input_sha256: str | None
    """None where the input was no local file."""
    input_bytes: int | None
    settings_sha256: str
    settings: dict[str, Any]
    analysed_at: datetime
    """Aware, UTC."""
    program: str
    cards: tuple[CardFacts, ...]


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """The report of one file, before it is written as a page or as JSON."""

    report: FileReport
    record: FileRecord
    origin: Origin
    truncated: bool
    """Clearly less came out of the file than it promised."""
    pictures: tuple[Picture, ...] = ()
    provenance: Provenance | None = None
    """What the file declares of itself; None where it was no local file."""


def examine(
    name: str,
    path: Path | None,
    media: MediaFile,
    models: Models,
    settings: AnalyzerSettings,
    at: datetime,
    watchers: file_analysis.Watchers,
    pictures: StrongestFrames | None = None,
    reference: Enrolment | None = None,
) -> ReportDocument:
    """Analyse an opened file and keep what its report shows.

    Raises:
        MediaError: no frame of it could be decoded.
    """
    recorder = Recorder()

    def watch(frame: Frame, analysis: Analysis) -> None:
        recorder.add(analysis)
        if pictures is not None:
            pictures.add(frame, analysis)
        watchers.frame(frame, analysis)

    both = file_analysis.Watchers(watchers.progress, watch)
    report = file_analysis.analyze_media(name, media, models, settings, both, reference)
    return ReportDocument(
        report,
        recorder.record(),
        origin_of(path, models, settings, at),
        media.truncated,
        pictures.pictures() if pictures is not None else (),
        read_provenance(path) if path else None,
    )


def origin_of(
    path: Path | None, models: Models, settings: AnalyzerSettings, at: datetime
) -> Origin:
    """Hash the input and the settings, and quote the cards."""
    facts = dataclasses.asdict(settings)
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return Origin(
        input_sha256=_sha256_of(path) if path else None,
        input_bytes=path.stat().st_size if path else None,
        settings_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        settings=facts,
        analysed_at=at,
        program=f"fakewatch {version('fakewatch')}",
        cards=tuple(_facts(card) for card in models.cards),
    )


def to_json(document: ReportDocument) -> str:
    """Write the document as JSON: the report's own fields on top, curves as lists of numbers.

    Pictures are left out.
    """
    record = dataclasses.asdict(
        document.record, dict_factory=lambda items: {k: _plain(v) for k, v in items}
    )
    twin = {
        **dataclasses.asdict(document.report),
        "truncated": document.truncated,
        "observed": record,
        "curve_columns": ["start_s", "low", "high", "mean"],
        "origin": dataclasses.asdict(document.origin),
        "provenance": dataclasses.asdict(document.provenance) if document.provenance else None,
    }
    return json.dumps(twin, ensure_ascii=False, default=_encode)


def _plain(value: Any) -> Any:
    """Give a curve's bucket as four rounded numbers: a tenth of the size."""
    if isinstance(value, dict) and value.keys() == _BUCKET:
        return [round(number, 4) for number in value.values()]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


_BUCKET = {field.name: None for field in dataclasses.fields(Bucket)}.keys()


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")


def _facts(card: ModelCard) -> CardFacts:
    names = (field.name for field in dataclasses.fields(CardFacts))
    return CardFacts(**{name: getattr(card, name) for name in names})


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
