"""The nouns of eyes and blinks; `pipeline.types` offers them with all others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where the head is and how it is held at one instant."""

    x_px: float
    y_px: float
    """The middle between the outer corners of the eyes, full frame."""
    eyes_px: float
    """Their distance."""
    yaw_deg: float | None
    pitch_deg: float | None
    """0 looks ahead, positive looks down."""


@dataclass(frozen=True, slots=True)
class EyeSample:
    """The eyes at one instant: what the landmarks say, before any statistics."""

    right_ear: float | None
    left_ear: float | None
    ear: float | None
    """Eye aspect ratio of both eyes, weighted by how well each is seen; None if neither is."""
    eye_blink: float | None = None
    head: HeadPose | None = None


@dataclass(frozen=True, slots=True)
class LongBlinks:
    """The same over minutes, with what needs minutes to be known."""

    window_s: float
    observed_s: float
    blinks: int
    rate_per_min: float | None
    """None means unknown: too little was observed."""
    rate_low_per_min: float | None
    rate_high_per_min: float | None
    """Exact 95 % Poisson interval of the rate."""
    interval_cv: float | None
    incomplete_share: float | None
    llr: float
    """Capped log-likelihood ratio fake : real of these counts; 0 while insufficient."""
    sufficient: bool


@dataclass(frozen=True, slots=True)
class BlinkStats:
    """Rolling blink statistics of one track over the last `window_s` seconds."""

    window_s: float
    observed_s: float
    """Seconds of the window in which the eyes could be measured fast enough."""
    fps: float
    """Eye samples a second over the observed time."""
    blinks: int
    rate_per_min: float | None
    """None means unknown: too little was observed."""
    rate_low_per_min: float | None
    rate_high_per_min: float | None
    """Exact 95 % Poisson interval of the rate."""
    mean_closed_s: float | None
    mean_interval_s: float | None
    interval_cv: float | None
    incomplete_share: float | None
    since_last_s: float | None
    ear: float | None
    """The newest eye aspect ratio."""
    baseline_ear: float | None
    """This person's open-eye level."""
    closed: bool
    """A blink is in progress."""
    llr: float
    """Capped log-likelihood ratio fake : real of these counts; 0 while insufficient."""
    sufficient: bool
    reason: str | None
    """Why not sufficient: "short", "low_fps", "gaps", "eyes_hidden"; None if sufficient."""
    lid_lag_s: float | None = None
    """Median time between the two lids, without its sign; None while no blink showed it."""
    lags: int = 0
    """Blinks in which that time could be measured."""
    late_lids: int = 0
    """Those of them in which one lid came more than 80 ms after the other."""
    long: LongBlinks | None = None
