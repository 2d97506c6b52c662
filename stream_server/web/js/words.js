/** What is said to people: every word of a verdict, a state or a unit comes from here. */

/** State of a face: missing evidence is never called real, and nothing is called fake. */
export const STATES = {
  clear: { icon: "circle", short: "No signs", long: "No signs stand out" },
  suspect: { icon: "triangle", short: "Some signs", long: "Some signs of manipulation" },
  alert: { icon: "octagon", short: "Strong signs", long: "Strong signs of manipulation" },
  insufficient: { icon: "dots", short: "Not enough", long: "Not enough seen to say" },
};

/** A verdict in words, and whose it is where another system's rule gave it. */
export function ruled(said, preset) {
  return preset ? `By the rule of ${preset}: ${said.toLowerCase()}` : said;
}

/** State of a stream: tone is one of calm, good, warn, bad. */
export const STREAM_STATES = {
  connecting: { tone: "calm", text: "Connecting" },
  analysing: { tone: "good", text: "Analysing" },
  no_face: { tone: "calm", text: "No face" },
  insufficient: { tone: "calm", text: "Not enough seen yet" },
  degraded: { tone: "warn", text: "Degraded" },
  frozen: { tone: "warn", text: "Picture frozen" },
  stalled: { tone: "warn", text: "No new pictures" },
  reconnecting: { tone: "warn", text: "Reconnecting" },
  failed: { tone: "bad", text: "Failed" },
  rejected: { tone: "bad", text: "Cannot be used" },
  ended: { tone: "calm", text: "Ended" },
};

const FLOWING = new Set(["analysing", "no_face", "insufficient", "degraded", "frozen"]);

const QUALITY = {
  small: "The face is too small to judge: come closer, or use a larger picture.",
  blurred: "The face is too blurred to judge.",
  dark: "The face is too dark to judge: more light helps.",
  bright: "The face is too bright to judge.",
  turned: "The face is turned too far away to judge.",
  damaged: "The picture is damaged, so it is not judged.",
};

const CUES = {
  prior: "Before looking",
  classifier: "Texture and edges",
  temporal: "Movement over time",
  blink: "Blinking",
  jitter: "Trembling of the face",
  loop: "Repetition",
  still: "Standing still",
  lids: "The two lids",
  preset: "A known system's rule",
  reference: "Against the enrolled stretch",
  challenge: "Guided challenge",
};

const SESSION_ENDS = {
  no_media: "No picture arrived for 20 seconds, so the service closed the connection.",
  page_gone: "The service had not heard from this page for 15 seconds.",
  connection_lost: "The connection was lost.",
  media_unread: "The video could not be decoded.",
  page_slow: "This page could not keep up with the results.",
  too_large: "The pictures are larger than 4096 × 2304, which is more than can be analysed.",
  removed: "The stream was removed.",
  shutdown: "The service is shutting down.",
};

export const VERIFY_ADVICE =
  "Check through another channel before you act on it: call back on a number you know, or ask " +
  "something only that person can answer.";

/** Look a state up; an unknown one is shown as it is. */
export function stateOf(state) {
  return STATES[state] ?? { icon: "dots", short: String(state), long: String(state) };
}

export function streamState(state) {
  return STREAM_STATES[state] ?? { tone: "calm", text: String(state) };
}

/** Whether a stream's last error still matters. */
export function hasTrouble(status) {
  return Boolean(status.last_error_text) && !FLOWING.has(status.state);
}

/** A sentence, and when the next try is. */
export function withCountdown(sentence, waitS) {
  return waitS > 0 ? `${sentence} Trying again in ${Math.ceil(waitS)} s.` : sentence;
}

export function qualityNote(quality) {
  if (!quality || quality.usable) return "";
  return QUALITY[quality.reason] ?? "The face cannot be judged at the moment.";
}

export function cueName(cue) {
  return CUES[cue] ?? cue.charAt(0).toUpperCase() + cue.slice(1);
}

export function sessionEnd(code) {
  return SESSION_ENDS[code] ?? "The service closed the connection.";
}

/** 0.234 -> "23 %"; null -> "–". */
export function percent(share) {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–";
}

/** No model is so sure that it could say none or all. */
export function careful(prob) {
  if (prob < 0.01) return "under 1 %";
  return prob > 0.99 ? "over 99 %" : percent(prob);
}

/** "15–34 %", or "" while there is no band. */
export function band(low, high) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
  return `${Math.round(low * 100)}–${Math.round(high * 100)} %`;
}

/** How often the eyes blink, or what is missing to say so. */
export function blinkSentence(blink) {
  if (!blink) return "The eyes have not been measured yet.";
  if (blink.rate_per_min === null || !blink.sufficient) {
    const seen = `${Math.floor(blink.observed_s)} of 30 s seen`;
    const why = { low_fps: "too few pictures a second", gaps: "too many gaps", eyes_hidden: "eyes hidden" };
    return blink.reason in why ? `Insufficient: ${why[blink.reason]}` : `Insufficient: ${seen}`;
  }
  const range = [blink.rate_low_per_min, blink.rate_high_per_min].map((rate) => rate?.toFixed(0) ?? "?");
  return `${blink.rate_per_min.toFixed(1)} a minute (${range.join("–")})`;
}

/** 1 430 000 -> "1.4 Mbit/s". */
export function bitrate(bps) {
  if (!Number.isFinite(bps)) return "–";
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

export function clock(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString([], { hour12: false });
}
