"""Makes bundles of cases, as complete as the disk allows, and deletes them in their time."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel

from pipeline.errors import FakewatchError
from pipeline.types import Alert, AlertChange, AlertId
from stream_server.evidence.case import Case, Material
from stream_server.evidence.chain import Chain
from stream_server.evidence.contents import NothingToShow, files_of
from stream_server.evidence.retention import expired
from stream_server.evidence.settings import EvidenceSettings, Mode
from stream_server.metrics import Metrics

log = structlog.get_logger("fakewatch.evidence")

_MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class Setup:
    """What every manifest says of the service."""

    settings_sha256: str
    version: str


def setup_of(settings: BaseModel, version: str) -> Setup:
    """Hash the settings as they are; secrets go in masked."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return Setup(hashlib.sha256(text.encode()).hexdigest(), version)


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """A bundle that the disk refused, without its pictures."""

    alert_id: AlertId
    files: Mapping[str, bytes]
    facts: Mapping[str, Any]


class BundleWriter:
    """One thread writes, others may delete; a full disk costs pictures first, then delays."""

    def __init__(
        self,
        settings: EvidenceSettings,
        folder: Path,
        setup: Callable[[], Setup],
        chain: Chain,
        find_alert: Callable[[AlertId], Alert],
        metrics: Metrics,
    ) -> None:
        self.problem: str | None = None
        """What is not kept as the settings ask for, and why; None while all is well."""
        self._settings, self._folder, self._setup, self._chain = settings, folder, setup, chain
        self._find_alert, self._metrics = find_alert, metrics
        self._unsaved: list[_Unsaved] = []
        self._began = (time.time(), time.monotonic())

    def is_waiting(self, alert_id: AlertId) -> bool:
        """Whether the disk refused a bundle that is to be tried again."""
        return any(waiting.alert_id == alert_id for waiting in self._unsaved)

    def write(self, case: Case, material: Material, stretch: tuple[float, float]) -> None:
        """Write as much as there is room for; once for an alert that outlasts a crash."""
        if case.resumed and self._chain.find(case.alert_id) is not None:
            return
        try:
            alert: Alert | AlertChange = self._find_alert(case.alert_id)
        except FakewatchError:
            # It waits in memory for a full disk, or its database is broken.
            alert = case.change
        note = None
        for mode in self._settings.mode.and_less():
            try:
                files, more = files_of(mode, case, material, alert, stretch)
            except NothingToShow as error:
                note = f"no {mode.value}: {error}"
                continue
            facts = {**self._facts(case, material, mode, note), **more}
            trouble = self._save(mode, case.alert_id, files, facts)
            if trouble is None:
                return
            note = f"no {mode.value}: {trouble}"
        self.problem = f"Evidence waits in memory: {trouble}."
        self._unsaved = [*self._unsaved, _Unsaved(case.alert_id, files, facts)][-_MOST_WAITING:]

    def _save(
        self, mode: Mode, alert_id: AlertId, files: Mapping[str, bytes], facts: Mapping[str, Any]
    ) -> str | None:
        """Write one bundle; None when it is there, else why not."""
        size_bytes = sum(map(len, files.values()))
        if mode is not Mode.METADATA and not self._has_room_for(size_bytes):
            trouble = "the disk has too little room left"
        else:
            try:
                self._chain.add(alert_id, files, facts)
            except OSError as error:
                trouble = error.strerror or "the disk failed"
            else:
                self._metrics.evidence_bundles.labels(mode.value).inc()
                if mode is self._settings.mode:
                    self.problem = None
                self.tidy()
                return None
        self.problem = f"Evidence is kept without its {mode.value}: {trouble}."
        return trouble

    def _facts(
        self, case: Case, material: Material, mode: Mode, note: str | None
    ) -> dict[str, Any]:
        setup, now, now_s = self._setup(), datetime.now(UTC), time.monotonic()
        drift_s = (time.time() - self._began[0]) - (now_s - self._began[1])
        times = [sample.at_s - case.at_s for sample in material.samples]
        return {
            "alert_id": case.alert_id,
            "stream_id": case.stream_id,
            "track_id": case.track_id,
            "made_at": now.isoformat(timespec="milliseconds"),
            "asked": self._settings.mode.value,
            "kept": mode.value,
            "note": note,
            "resumed": case.resumed,
            "models": case.memory.models,
            "settings_sha256": setup.settings_sha256,
            "fakewatch": setup.version,
            "clock": {
                "opened_at": case.opened_at.isoformat(timespec="milliseconds"),
                "opened_media_s": round(case.change.opened_s, 3),
                "seen_from_s": round(min(times, default=0.0), 3),
                "seen_to_s": round(max(times, default=0.0), 3),
                "wall_clock_moved_s": round(drift_s, 3),
            },
        }

    def _has_room_for(self, size_bytes: int) -> bool:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return False
        return free - size_bytes >= self._settings.min_free_mb * 2**20

    def retry(self) -> None:
        """Write what the disk refused, and look whether it takes pictures again."""
        while self._unsaved:
            waiting = self._unsaved[0]
            if self._save(Mode.METADATA, waiting.alert_id, waiting.files, waiting.facts):
                return
            self._unsaved = self._unsaved[1:]
        if self.problem is not None and self._has_room_for(0) and self._can_write():
            self.problem = None

    def tidy(self) -> None:
        """Delete what is past its time or beyond its bytes."""
        settings, now = self._settings, datetime.now(UTC)
        keep, keep_bytes = timedelta(days=settings.keep_days), settings.keep_mb * 2**20
        for entry, reason in expired(self._chain.entries(), now, keep, keep_bytes):
            try:
                self.delete(entry.name, reason)
            except OSError as error:
                log.warning("evidence_not_deleted", bundle=entry.name, reason=error.strerror)
        self._measure()

    def delete(self, name: str, reason: str) -> None:
        """Delete a bundle, note that in the log, and leave its mark in the chain.

        Raises:
            OSError: the disk refuses.
        """
        self._chain.delete(name, reason)
        log.info("evidence_deleted", bundle=name, reason=reason)
        self._measure()

    def _measure(self) -> None:
        self._metrics.evidence_bytes.set(sum(e.size_bytes for e in self._chain.entries()))

    def _can_write(self) -> bool:
        probe = self._folder / ".new-probe"
        try:
            probe.write_bytes(bytes(64 * 1024))
            probe.unlink()
        except OSError:
            probe.unlink(missing_ok=True)
            return False
        return True
