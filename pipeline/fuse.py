"""Adds the cues up: log-odds in, one probability and its reasons out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.types import BlinkStats, LongBlinks, Quality, Reason, WindowScore


@dataclass(frozen=True, slots=True)
class FuseSettings:
    """How much each cue may say.

    Set by hand: weights fitted on the development clips (export/fit_fusion.py) did no better on
    clips that they had not seen.
    """

    prior_prob: float = 0.5
    """Share of manipulated faces expected before looking; 0.5 keeps the model's calibration."""
    classifier_cap: float = 6.0
    """Largest log-odds of the classifier, either way: no model is surer than 400 to 1."""
    strong_llr: float = 1.4
    """From here on the sentences stop saying "some"."""
    blink_weight: float = 0.5
    blink_low: float = -0.2
    blink_high: float = 1.0
    """Limits of the weighted blink term: too little to raise an alert on its own."""
    sure_observed_s: float = 120.0
    """From here on few blinks are called unusual: until then they may be a reader's."""
    poor_side_px: float = 60.0
    good_side_px: float = 112.0
    good_yaw_deg: float = 30.0
    poor_yaw_deg: float = 50.0
    poor_trust: float = 0.7
    """What is left of the classifier's log-odds on the poorest face that may be judged."""


@dataclass(frozen=True, slots=True)
class Fused:
    """One probability and why; all None and empty while the classifier has no window."""

    fake_prob: float | None
    logit: float | None
    reasons: tuple[Reason, ...]
    """Their `llr` add up to `logit`."""
    low_prob: float | None = None
    high_prob: float | None = None
    """The classifier's 90 % band with the other terms added: it holds `fake_prob`."""


_NOTHING = Fused(None, None, ())


def fuse(
    window: WindowScore | None,
    blink: BlinkStats | None,
    quality: Quality,
    settings: FuseSettings = FuseSettings(),
    cues: Sequence[Reason] = (),
) -> Fused:
    """Add the classifier's, the blinks', the further cues' and the prior's log-odds.

    `cues` are terms that their producers have weighted and capped already.

    Without a classifier window there is no score: blinks alone never judge. Normal blinking never
    exonerates: its negative term is not let below the classifier's own, and not below zero once
    the classifier is suspicious. Where the picture repeats itself its blinks are no news: the
    same seconds would count again and again.
    """
    if window is None or window.logit is None:
        return _NOTHING
    trusted = trust(quality, settings)
    terms = [_classifier(window, trusted, settings)]
    repeats = any(cue.cue == "loop" for cue in cues)
    counted = None if repeats else _counted(blink)
    if counted is not None:
        terms.append(_blink(counted, terms[0].llr, settings))
    terms.extend(cues)
    if settings.prior_prob != 0.5:
        terms.append(_prior(settings.prior_prob))
    logit = math.fsum(term.llr for term in terms)
    others = math.fsum(term.llr for term in terms[1:])
    low, high = (
        None if prob is None else _prob(trusted * _capped(_logit(prob), settings) + others)
        for prob in (window.low_prob, window.high_prob)
    )
    return Fused(_prob(logit), logit, tuple(terms), low, high)


def trust(quality: Quality, settings: FuseSettings) -> float:
    """How far the classifier is believed, in [poor_trust, 1]: less on small or turned faces."""
    size = (quality.side_px - settings.poor_side_px) / (
        settings.good_side_px - settings.poor_side_px
    )
    turned = abs(quality.yaw_deg or 0.0)
    pose = (settings.poor_yaw_deg - turned) / (settings.poor_yaw_deg - settings.good_yaw_deg)
    share = min(1.0, max(0.0, min(size, pose)))
    return settings.poor_trust + (1 - settings.poor_trust) * share


def _classifier(window: WindowScore, trusted: float, settings: FuseSettings) -> Reason:
    llr = trusted * _capped(window.logit or 0.0, settings)
    seconds = max(1, round(window.end_s - window.start_s))
    if window.samples == 1:
        looks, few = "the only look at it", "in the only look at it"
    else:
        looks = f"{window.suspicious} of {window.samples} looks within {seconds} s"
        few = f"({looks} did)"
    if llr >= settings.strong_llr:
        text = f"The face's texture and edges look manipulated in {looks}."
    elif llr > 0:
        text = f"The face's texture and edges show some signs of manipulation in {looks}."
    else:
        text = f"The face's texture and edges show little sign of manipulation {few}."
    return Reason("classifier", llr, text)


def _capped(logit: float, settings: FuseSettings) -> float:
    return min(settings.classifier_cap, max(-settings.classifier_cap, logit))


def _logit(prob: float) -> float:
    """Far beyond any cap at most."""
    bounded = min(1 - 1e-9, max(1e-9, prob))
    return math.log(bounded / (1 - bounded))


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _counted(blink: BlinkStats | None) -> BlinkStats | LongBlinks | None:
    """The blinks of the last minutes where enough was seen, else of the last minute."""
    if blink is None:
        return None
    if blink.long is not None and blink.long.sufficient:
        return blink.long
    return blink if blink.sufficient else None


def _blink(blink: BlinkStats | LongBlinks, classifier_llr: float, settings: FuseSettings) -> Reason:
    llr = settings.blink_weight * blink.llr
    llr = min(settings.blink_high, max(settings.blink_low, llr, min(0.0, classifier_llr)))
    rate = blink.rate_per_min or 0.0
    times = "1 blink" if blink.blinks == 1 else f"{blink.blinks} blinks"
    seen = f"{times} in {blink.observed_s:.0f} s, {rate:.0f} a minute"
    if llr <= 0.05:
        text = f"Blinking is ordinary ({seen}); a manipulated face can blink normally too."
    elif rate < 10 and blink.observed_s < settings.sure_observed_s:
        text = f"The eyes have blinked seldom so far ({seen}); reading can do that too."
    elif rate < 10:
        text = f"The eyes blink unusually seldom ({seen}); reading can do that too."
    else:
        text = f"The eyes blink in an unusual way ({seen})."
    return Reason("blink", llr, text)


def _prior(prob: float) -> Reason:
    llr = math.log(prob / (1 - prob))
    return Reason(
        "prior", llr, f"Before looking, {prob:.1%} of faces are expected to be manipulated."
    )
