"""What goes into a bundle: the files of one case, as much as its mode allows and there is."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import av.error
from pydantic import TypeAdapter

from pipeline.types import Alert, AlertChange, Box, Image, TrackId
from stream_server.evidence.blur import hide, hide_all_but
from stream_server.evidence.case import Case, Material, Sample
from stream_server.evidence.footage import encode, remux
from stream_server.evidence.settings import Mode
from stream_server.evidence.shots import jpeg_of

NEAR_S = 1.0
"""Faces seen so shortly before or after are blurred too: a new one is found a little late."""
_ALERT: TypeAdapter[Alert | AlertChange] = TypeAdapter(Alert | AlertChange)
_SCORES = ("time_s", "offset_s", "state", "fused_prob", "frame_prob", "window_prob")
_BLINKS = ("time_s", "offset_s", "ear", "closed", "blinks", "rate_per_min")


class NothingToShow(Exception):
    """There is no material for what the mode asks for; the message says why, in a clause."""


def files_of(
    mode: Mode,
    case: Case,
    material: Material,
    alert: Alert | AlertChange,
    stretch: tuple[float, float],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every file of the bundle but its manifest, and facts of the clip.

    Raises:
        NothingToShow: there is less than the mode asks for.
    """
    files = {
        "alert.json": _ALERT.dump_json(alert, indent=1),
        "scores.json": _series(_SCORES, case, material),
        "blinks.json": _series(_BLINKS, case, material),
    }
    if mode is Mode.METADATA:
        return files, {}
    files |= dict(_pictures(case, material))
    if mode is Mode.SNAPSHOT:
        return files, {}
    name, clip, facts = _clip(case, material, stretch)
    return files | {name: clip}, facts


def _series(columns: tuple[str, ...], case: Case, material: Material) -> bytes:
    mine = [sample for sample in material.samples if sample.track_id == case.track_id]
    rows = [[_value(sample, column, case) for column in columns] for sample in mine]
    return json.dumps({"columns": columns, "rows": rows}, allow_nan=False).encode()


def _value(sample: Sample, column: str, case: Case) -> object:
    value = sample.at_s - case.at_s if column == "offset_s" else getattr(sample, column)
    return round(value, 4) if isinstance(value, float) else value


def _pictures(case: Case, material: Material) -> Iterator[tuple[str, bytes]]:
    if case.frame is not None:
        shown = _shown(case.frame.image, case.at_s, case.track_id, material)
        yield "picture.jpg", jpeg_of(shown)
    found = [picture for kept in material.strongest for picture in kept.pictures()]
    found.sort(key=lambda picture: -picture.fake_prob)
    for number, picture in enumerate(found[:3], 1):
        yield f"face-{number}.jpg", picture.jpeg
        if picture.heat_jpeg:
            yield f"face-{number}-heat.jpg", picture.heat_jpeg


def _clip(
    case: Case, material: Material, stretch: tuple[float, float]
) -> tuple[str, bytes, dict[str, Any]]:
    """Name, bytes and facts: the camera's own packets where they were taken down."""
    tap = case.tap
    if tap is not None and tap.codec is not None and not tap.useless:
        codec, packets = tap.codec, tap.ring.cut(*stretch)
        times = [packet.received_s for packet in packets]
        make: Callable[[], bytes] = lambda: remux(codec, packets)  # noqa: E731
        name, how, blurred = f"clip.{codec.suffix}", "packets of the source, not re-encoded", False
    else:
        times = [shot.at_s for shot in material.shots]
        make = lambda: encode(_frames(case, material))  # noqa: E731
        name, how, blurred = "clip.mp4", "about 5 pictures a second, encoded as H.264", True
    if not times:
        raise NothingToShow("there were no pictures from which a clip could be made")
    try:
        clip = make()
    except (av.error.FFmpegError, ValueError) as error:
        raise NothingToShow("the pictures could not be put into a clip") from error
    facts = {
        "made_from": how,
        "others_blurred": blurred,
        "from_s": round(times[0] - case.at_s, 3),
        "to_s": round(times[-1] - case.at_s, 3),
    }
    return name, clip, {"clip": facts}


def _frames(case: Case, material: Material) -> Iterator[tuple[float, Image]]:
    for shot in material.shots:
        yield shot.at_s, _shown(shot.image(), shot.at_s, case.track_id, material)


def _shown(image: Image, at_s: float, flagged: TrackId, material: Material) -> Image:
    """The picture with all faces blurred but the flagged one."""
    rows, columns = image.shape[:2]
    near: dict[TrackId, list[Sample]] = {}
    for sample in material.samples:
        if abs(sample.at_s - at_s) <= NEAR_S:
            near.setdefault(sample.track_id, []).append(sample)
    if any(sample.skipped for samples in near.values() for sample in samples):
        mine = min(near.get(flagged, []), key=lambda s: abs(s.at_s - at_s), default=None)
        return hide_all_but(image, _pixels(mine.box if mine else Box(0, 0, 0, 0), columns, rows))
    others = [_around(samples) for track, samples in near.items() if track != flagged]
    return hide(image, [_pixels(box, columns, rows) for box in others])


def _around(samples: list[Sample]) -> Box:
    boxes = [sample.box for sample in samples]
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _pixels(box: Box, columns: int, rows: int) -> Box:
    return Box(box.left * columns, box.top * rows, box.right * columns, box.bottom * rows)
