/** What is known about one face: its newest reading, and a minute of its past. */

import { BoxMotion } from "./motion.js";

export const HISTORY_S = 60;

/** One tracked face. Times are media seconds of its stream. */
export class FaceHistory {
  constructor(trackId) {
    this.trackId = trackId;
    this.reading = null;
    this.seenMs = 0;
    this.motion = new BoxMotion();
    this.scores = []; // {t, prob, low, high}: prob null where nothing could be said
    this.eyes = []; // {t, ear, closed}
    this.blinks = []; // media seconds at which a blink began
  }

  add(reading, timeS, arrivedMs) {
    const wasClosed = this.eyes.at(-1)?.closed ?? false;
    this.reading = reading;
    this.seenMs = arrivedMs;
    this.motion.add(timeS * 1000, reading.box);
    const { blink } = reading;
    this.scores.push({
      t: timeS,
      prob: reading.fused_prob,
      low: reading.low_prob ?? null,
      high: reading.high_prob ?? null,
    });
    this.eyes.push({ t: timeS, ear: blink?.ear ?? null, closed: blink?.closed ?? false });
    if (blink?.closed && !wasClosed) this.blinks.push(timeS);
    this.#forget(timeS - HISTORY_S);
  }

  #forget(beforeS) {
    for (const series of [this.scores, this.eyes]) {
      while (series.length && series[0].t < beforeS) series.shift();
    }
    while (this.blinks.length && this.blinks[0] < beforeS) this.blinks.shift();
  }
}

/** All faces of one stream. */
export class StreamHistory {
  constructor() {
    this.faces = new Map();
    this.analysis = null;
    this.ageMs = null;
    this.arrivedMs = 0;
    this.epoch = null;
    this.arrivals = []; // page time of the last results, for their rate
    this.ages = []; // ms, of the same results
  }

  /** Take one live "analysis" message. */
  add(message, arrivedMs) {
    const { analysis } = message;
    if (this.epoch !== analysis.epoch) {
      this.epoch = analysis.epoch;
      this.faces.clear();
    }
    this.analysis = analysis;
    this.ageMs = message.age_ms;
    this.arrivedMs = arrivedMs;
    this.arrivals.push(arrivedMs);
    this.ages.push(message.age_ms);
    while (this.arrivals[0] < arrivedMs - 2000) {
      this.arrivals.shift();
      this.ages.shift();
    }
    for (const reading of analysis.readings) {
      if (!this.faces.has(reading.track_id)) {
        this.faces.set(reading.track_id, new FaceHistory(reading.track_id));
      }
      this.faces.get(reading.track_id).add(reading, analysis.time_s, arrivedMs);
    }
    for (const [id, face] of this.faces) {
      if (arrivedMs - face.seenMs > 3000) this.faces.delete(id);
    }
  }

  /** Faces of the newest result. */
  present() {
    const ids = new Set(this.analysis?.readings.map((reading) => reading.track_id) ?? []);
    return [...this.faces.values()].filter((face) => ids.has(face.trackId));
  }

  /** Median age of the last results at the service, in ms: single ones flicker too much to read. */
  get typicalAgeMs() {
    const sorted = [...this.ages].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  }

  /** Results a second that reached this page. */
  get resultsPerS() {
    const n = this.arrivals.length;
    if (n < 2) return 0;
    return ((n - 1) * 1000) / Math.max(1, this.arrivals[n - 1] - this.arrivals[0]);
  }
}
