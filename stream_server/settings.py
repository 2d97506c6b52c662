"""The settings of the service: every value bounded, unknown keys refused, frozen once read."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.alert import AlertSettings
from pipeline.analyzer import AnalyzerSettings
from pipeline.blink import BlinkSettings
from pipeline.fuse import FuseSettings
from pipeline.load import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR, DEFAULT_LANDMARKER
from pipeline.quality import QualityLimits
from stream_server.calibration.table import CalibrationTable
from stream_server.evidence.settings import EvidenceSettings
from stream_server.plugins import parse_config
from stream_server.redact import register_secret
from stream_server.reload_class import Reload
from stream_server.specs import StreamSpec
from stream_server.storage_settings import StorageSettings
from stream_server.streams.analyst import AnalystSettings
from stream_server.streams.backoff import BackoffSettings
from stream_server.streams.runner import RunnerSettings
from stream_server.streams.watchdog import StallSettings

_ANALYZER = AnalyzerSettings()
"""The core's own defaults are ours."""
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
LogLevel = Annotated[str, Field(pattern="^(debug|info|warning|error)$"), Reload.LIVE]


class Section(BaseModel):
    """One table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """Where the service listens, and how much it takes on."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    max_streams: Annotated[int, Field(ge=1, le=1000), Reload.LIVE] = 32
    """Configured and added streams; WebRTC sessions have a limit of their own."""
    max_clients: Annotated[int, Field(ge=1, le=10000), Reload.LIVE] = 64
    """Open WebSocket and SSE connections."""
    drain_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """Longest graceful shutdown."""
    log_level: LogLevel = "info"
    tls_cert: Path | None = None
    """PEM, with the chain; None: plain HTTP."""
    tls_key: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


class AuthSettings(Section):
    """Who may use the service from elsewhere."""

    token: Annotated[SecretStr, Field(min_length=16)] | None = None

    @field_validator("token")
    @classmethod
    def _never_shown(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            register_secret(token.get_secret_value())
        return token


class ModelsSettings(Section):
    """Which models run, and where."""

    directory: Path | None = None
    """None: the models that come with the package."""
    detector: str = DEFAULT_DETECTOR
    landmarker: str = DEFAULT_LANDMARKER
    classifier: str = DEFAULT_CLASSIFIER
    device: Annotated[str, Field(pattern="^(auto|cpu|cuda)$")] = "auto"
    canary_every_s: Annotated[float, Field(ge=1, le=3600), Reload.LIVE] = 30.0
    """How often the classifier is tried on a known picture; ready means it lately passed."""


class AlertSection(Section):
    """When signs of manipulation become an alert, and when it ends; see pipeline/alert.py."""

    tau_s: Seconds = _ANALYZER.alert.tau_s
    hold_s: Annotated[float, Field(ge=0, le=3600)] = _ANALYZER.alert.hold_s
    release_s: Annotated[float, Field(ge=0, le=3600)] = _ANALYZER.alert.release_s
    cooldown_s: Annotated[float, Field(ge=0, le=86400)] = _ANALYZER.alert.cooldown_s
    missing_s: Seconds = _ANALYZER.alert.missing_s
    update_every_s: Seconds = _ANALYZER.alert.update_every_s
    update_rise_prob: Share = _ANALYZER.alert.update_rise_prob
    escalate_s: Seconds = _ANALYZER.alert.escalate_s
    escalate_prob: Share = _ANALYZER.alert.escalate_prob


class QualitySection(Section):
    """What a face must offer before it is judged; see pipeline/quality.py."""

    side_px: Annotated[float, Field(ge=1, le=4096)] = _ANALYZER.quality.side_px
    blur: Annotated[float, Field(ge=0, le=1e6)] = _ANALYZER.quality.blur
    dark: Share = _ANALYZER.quality.dark
    bright: Share = _ANALYZER.quality.bright
    clipped_share: Share = _ANALYZER.quality.clipped_share
    yaw_deg: Annotated[float, Field(ge=0, le=90)] = _ANALYZER.quality.yaw_deg


class AnalyzerSection(Section):
    """How often each stage looks, in seconds of media time; see pipeline/analyzer.py."""

    detect_every_s: Annotated[float, Field(gt=0, le=60), Reload.LIVE] = _ANALYZER.detect_every_s
    classify_every_s: Annotated[float, Field(gt=0, le=60)] = _ANALYZER.classify_every_s
    window_s: Annotated[float, Field(ge=0.5, le=120)] = _ANALYZER.window_s
    window_min_samples: Annotated[int, Field(ge=1, le=1000)] = _ANALYZER.window_min_samples
    max_faces: Annotated[int, Field(ge=1, le=100)] = _ANALYZER.max_faces
    lost_after_s: Annotated[float, Field(gt=0, le=60)] = _ANALYZER.lost_after_s
    prior_prob: Annotated[float, Field(gt=0, lt=1), Reload.LIVE] = _ANALYZER.fuse.prior_prob
    blink_segmenter: Annotated[str, Field(pattern="^(adaptive|svm)$")] = "adaptive"
    alert: Annotated[AlertSection, Reload.LIVE] = AlertSection()
    quality: Annotated[QualitySection, Reload.LIVE] = QualitySection()

    def as_analyzer_settings(self, preset: str | None = None) -> AnalyzerSettings:
        """Give the core its own type, with the rule that a stream has chosen."""
        cadences = self.model_dump(exclude={"alert", "quality", "prior_prob", "blink_segmenter"})
        return AnalyzerSettings(
            **cadences,
            quality=QualityLimits(**self.quality.model_dump()),
            blink=BlinkSettings(segmenter=self.blink_segmenter),
            fuse=FuseSettings(prior_prob=self.prior_prob),
            alert=AlertSettings(**self.alert.model_dump()),
            preset=preset,
        )


class RunnerSection(Section):
    """How a live stream is kept alive and fresh; see stream_server/streams/runner.py."""

    age_budget_s: Annotated[float, Field(gt=0, le=60)] = 0.4
    """An older frame is dropped, not judged."""
    frozen_after_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    stall_after_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    retry_min_s: Annotated[float, Field(gt=0, le=3600)] = 1.0
    retry_max_s: Annotated[float, Field(gt=0, le=86400)] = 60.0
    auth_retry_min_s: Annotated[float, Field(gt=0, le=86400)] = 60.0
    auth_retry_max_s: Annotated[float, Field(gt=0, le=86400)] = 900.0

    def as_runner_settings(self, provider: str) -> RunnerSettings:
        """Give the runner its own type."""
        return RunnerSettings(
            AnalystSettings(age_budget_s=self.age_budget_s, frozen_after_s=self.frozen_after_s),
            StallSettings(after_s=self.stall_after_s),
            BackoffSettings(
                shortest_s=self.retry_min_s,
                longest_s=self.retry_max_s,
                auth_shortest_s=self.auth_retry_min_s,
                auth_longest_s=self.auth_retry_max_s,
            ),
            provider,
        )


class IceServerSettings(Section):
    """One STUN or TURN server."""

    url: Annotated[str, Field(pattern="^(stun|stuns|turn|turns):")]
    username: str | None = None
    credential: SecretStr | None = None
    secret: SecretStr | None = None
    """Shared with a TURN server: each sender gets a password that soon expires."""


class WebrtcSettings(Section):
    """Webcams, shared windows and WHIP publishers."""

    max_sessions: Annotated[int, Field(ge=0, le=1000)] = 8
    ice_servers: tuple[IceServerSettings, ...] = ()
    offer_loopback: bool = False
    """Offer 127.0.0.1 as an address, for a page on a machine without a network."""
    gone_after_s: Annotated[float, Field(ge=0.5, le=600)] = 15.0
    """A page that has been silent for so long has left; it speaks three times as often."""
    analyse_fps: Annotated[float, Field(ge=1, le=60)] = 30.0
    start_bitrate_kbps: Annotated[int, Field(ge=100, le=20000)] = 1500


class UploadsSettings(Section):
    """Files that are sent here to be analysed, each in a process of its own; see uploads.py."""

    max_bytes: Annotated[int, Field(ge=1, le=2**40)] = 2 * 2**30
    max_duration_s: Annotated[float, Field(gt=0, le=604800)] = 14400.0
    max_waiting: Annotated[int, Field(ge=1, le=1000)] = 16
    parallel: Annotated[int, Field(ge=1, le=64), Reload.PROCESS] = 1
    keep: bool = False
    keep_reports_h: Annotated[float, Field(gt=0, le=87600)] = 24.0
    analyse_fps: Annotated[float, Field(ge=1, le=60)] = 15.0
    max_analysis_s: Annotated[float, Field(ge=1, le=604800)] = 7200.0
    max_cpu_s: Annotated[int, Field(ge=1, le=604800)] = 14400
    max_memory_mb: Annotated[int, Field(ge=256, le=1048576)] = 2048
    max_annotated_mb: Annotated[int, Field(ge=1, le=1048576)] = 512
    min_free_mb: Annotated[int, Field(ge=0, le=1048576)] = 1024


SinkConfig = Annotated[
    SerializeAsAny[BaseModel],
    BeforeValidator(lambda facts: parse_config("sinks", facts)),
    Field(description="`type` names a file of stream_server/sinks; the rest is its Config."),
]


class Settings(BaseSettings):
    """All settings. `settings_file.load_settings` reads them; tests may construct them."""

    model_config = SettingsConfigDict(
        env_prefix="FAKEWATCH_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    server: Annotated[ServerSettings, Reload.PROCESS] = ServerSettings()
    auth: Annotated[AuthSettings, Reload.PROCESS] = AuthSettings()
    models: Annotated[ModelsSettings, Reload.MODELS] = ModelsSettings()
    analyzer: Annotated[AnalyzerSection, Reload.STREAM] = AnalyzerSection()
    runner: Annotated[RunnerSection, Reload.STREAM] = RunnerSection()
    webrtc: Annotated[WebrtcSettings, Reload.LIVE] = WebrtcSettings()
    storage: Annotated[StorageSettings, Reload.LIVE] = Field(default_factory=StorageSettings)
    uploads: Annotated[UploadsSettings, Reload.LIVE] = UploadsSettings()
    evidence: Annotated[EvidenceSettings, Reload.PROCESS] = EvidenceSettings()
    sinks: Annotated[tuple[SinkConfig, ...], Reload.WORKER] = Field(
        default_factory=lambda: (parse_config("sinks", {"type": "log"}),)
    )
    streams: Annotated[tuple[StreamSpec, ...], Reload.STREAM] = ()
    calibration: Annotated[CalibrationTable | None, Reload.MODELS] = None
    """Written by `fakewatch calibrate`: thresholds for the user's own cameras."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        _refuse_twins("streams", [spec.id for spec in self.streams])
        _refuse_twins("sinks", [sink_name(sink) for sink in self.sinks])
        if len(self.streams) > self.server.max_streams:
            raise ValueError("streams: there are more than server.max_streams")
        return self


def sink_name(config: BaseModel) -> str:
    """Name a sink in metrics and in the outbox: its `name`, else its type."""
    facts: dict[str, Any] = dict(config)
    return str(facts.get("name") or facts["type"])


def _refuse_twins(place: str, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(f"{place}: {', '.join(twins)} is there more than once")
