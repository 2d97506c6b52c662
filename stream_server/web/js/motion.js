/** Where a face is now: the server's boxes are a little old, and the video on screen is not. */

const CLOCK_MS = 10_000;
const KEPT_MS = 600;
const FIT_MS = 220;
const HORIZON_MS = 350;
const STILL_SHARE_PER_S = 0.05;

/**
 * Maps the page's clock to the stream's media time.
 *
 * A result arrives some time after its picture was captured: the way there, the age that the
 * service measured, the way back. Whatever is not measured only makes it later, never earlier, so
 * the earliest of the last results tells the difference of the two clocks; it is constant.
 */
export class MediaClock {
  #samples = []; // [arrivedMs, arrival less age less media time], the least last

  note(arrivedMs, timeS, ageMs) {
    const sample = arrivedMs - ageMs - timeS * 1000;
    while (this.#samples.length && this.#samples.at(-1)[1] >= sample) this.#samples.pop();
    this.#samples.push([arrivedMs, sample]);
    while (this.#samples[0][0] < arrivedMs - CLOCK_MS) this.#samples.shift();
  }

  /**
   * Media time in ms of what was captured at `captureMs` (performance.now), where the quickest way
   * from camera to service and back takes `wayMs`. NaN before any result.
   */
  mediaMs(captureMs, wayMs) {
    return this.#samples.length ? captureMs - this.#samples[0][1] + wayMs : NaN;
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
