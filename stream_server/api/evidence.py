"""Evidence bundles: list, look up, download, pin, delete."""

import io
import zipfile

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from pipeline.types import AlertId
from stream_server.auth.asking import Asking
from stream_server.evidence.links import Entry
from stream_server.problems import NotFound
from stream_server.store import StorageError
from stream_server.wiring import Wired, Wiring

router = APIRouter(prefix="/api", tags=["evidence"])


class Pin(BaseModel):
    """Whether retention leaves a bundle alone."""

    model_config = ConfigDict(extra="forbid")

    pinned: bool


# Plain `def`: the disk is read and written in a worker thread, off the event loop.


@router.get("/evidence")
def list_evidence(wiring: Wired, caller: Asking) -> list[Entry]:
    """List the bundles that there are, the newest first."""
    entries = wiring.evidence.chain.entries()
    return [entry for entry in reversed(entries) if caller.sees(entry.stream_id)]


@router.get("/alerts/{alert_id}/evidence")
def get_evidence(alert_id: AlertId, wiring: Wired) -> Entry:
    """Say what is kept of an alert."""
    return _entry(alert_id, wiring)


@router.get("/alerts/{alert_id}/evidence/bundle.zip", response_class=Response)
def download_evidence(alert_id: AlertId, wiring: Wired) -> Response:
    """Download the whole bundle; `fakewatch verify` takes the zip file as it is."""
    entry = _entry(alert_id, wiring)
    file = io.BytesIO()
    try:
        # Stored: pictures and clips are compressed already.
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(wiring.evidence.chain.path(entry.name).iterdir()):
                archive.write(path, f"{entry.name}/{path.name}")
    except FileNotFoundError:
        raise NotFound(f"The evidence of the alert {alert_id} was deleted just now.") from None
    headers = {"Content-Disposition": f'attachment; filename="{entry.name}.zip"'}
    return Response(file.getvalue(), media_type="application/zip", headers=headers)


@router.post("/alerts/{alert_id}/evidence/pin")
def pin_evidence(alert_id: AlertId, pin: Pin, wiring: Wired) -> Entry:
    """Keep a bundle beyond its retention, or let it go its way again."""
    entry = _entry(alert_id, wiring)
    try:
        return wiring.evidence.chain.pin(entry.name, pinned=pin.pinned)
    except OSError as error:
        raise StorageError(f"The pin cannot be kept: {error.strerror}.") from error


@router.delete("/alerts/{alert_id}/evidence", status_code=204)
def delete_evidence(alert_id: AlertId, wiring: Wired) -> None:
    """Delete a bundle, a pinned one too; its place in the chain is kept."""
    entry = _entry(alert_id, wiring)
    try:
        wiring.evidence.writer.delete(entry.name, "request")
    except OSError as error:
        raise StorageError(f"The evidence cannot be deleted: {error.strerror}.") from error


def _entry(alert_id: AlertId, wiring: Wiring) -> Entry:
    entry = wiring.evidence.chain.find(alert_id)
    if entry is not None:
        return entry
    if wiring.evidence.pending(alert_id):
        raise NotFound(f"The evidence of the alert {alert_id} is still being gathered.")
    raise NotFound(f"There is no evidence of the alert {alert_id}.")
