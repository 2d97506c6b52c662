/** Where a face is now: the server's boxes are a little old, and the video on screen is not. */

const KEPT_MS = 600;
const FIT_MS = 220;
const HORIZON_MS = 350;
const STILL_SHARE_PER_S = 0.05;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

/**
 * Maps the page's clock to the stream's media time.
 *
 * A result with media time t left the camera `lag_ms` before it arrived here; lag is what was
 * measured on the way (encoding, both directions of the network, the service). The difference of
 * the two clocks is constant, so the median of the last results is far better than each of them.
 */
export class MediaClock {
  #samples = [];

  note(arrivedMs, timeS, lagMs) {
    this.#samples.push(arrivedMs - lagMs - timeS * 1000);
    if (this.#samples.length > 45) this.#samples.shift();
  }

  /** Media time in ms of something captured at `captureMs` (performance.now); NaN before any result. */
  mediaMs(captureMs) {
    return this.#samples.length ? captureMs - median(this.#samples) : NaN;
  }

  reset() {
    this.#samples = [];
  }
}

/** Least-squares line through (t, value) pairs, as [value at `at`, slope]. */
function fit(points, at) {
  const n = points.length;
  let t = 0;
  let v = 0;
  for (const [pt, pv] of points) {
    t += pt / n;
    v += pv / n;
  }
  let tt = 0;
  let tv = 0;
  for (const [pt, pv] of points) {
    tt += (pt - t) ** 2;
    tv += (pt - t) * (pv - v);
  }
  const slope = tt > 0 ? tv / tt : 0;
  return [v + slope * (at - t), slope];
}

/** The recent boxes of one track, each {t (media ms), x, y (centre), w, h} in frame pixels. */
export class BoxMotion {
  #boxes = [];

  add(timeMs, box) {
    const last = this.#boxes.at(-1);
    if (last && timeMs <= last.t) {
      if (timeMs > last.t - 2000) return;
      this.#boxes = []; // the stream began anew
    }
    this.#boxes.push({
      t: timeMs,
      x: (box.left + box.right) / 2,
      y: (box.top + box.bottom) / 2,
      w: box.right - box.left,
      h: box.bottom - box.top,
    });
    while (this.#boxes[0].t < timeMs - KEPT_MS) this.#boxes.shift();
  }

  /** The box at a media time: between two results interpolated, after the last one continued. */
  at(timeMs) {
    const last = this.#boxes.at(-1);
    if (!last) return null;
    if (!Number.isFinite(timeMs) || this.#boxes.length === 1) return last;
    if (timeMs <= last.t) return this.#between(timeMs);
    return this.#ahead(last, Math.min(timeMs, last.t + HORIZON_MS));
  }

  #between(timeMs) {
    const after = this.#boxes.findIndex((box) => box.t >= timeMs);
    if (after <= 0) return this.#boxes[0];
    const [a, b] = [this.#boxes[after - 1], this.#boxes[after]];
    const share = (timeMs - a.t) / (b.t - a.t);
    const mix = (key) => a[key] + (b[key] - a[key]) * share;
    return { t: timeMs, x: mix("x"), y: mix("y"), w: mix("w"), h: mix("h") };
  }

  #ahead(last, timeMs) {
    const recent = this.#boxes.filter((box) => box.t >= last.t - FIT_MS);
    const still = (last.w * STILL_SHARE_PER_S) / 1000;
    const along = (key) => {
      const [value, slope] = fit(recent.map((box) => [box.t, box[key]]), last.t);
      // Continuing the jitter of a still face would make its box tremble.
      return Math.abs(slope) < still ? value : value + slope * (timeMs - last.t);
    };
    return { t: timeMs, x: along("x"), y: along("y"), w: last.w, h: last.h };
  }
}
