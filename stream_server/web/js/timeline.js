/** One face over a file as a drawing that is also a slider: click, arrow keys, Enter. */

import { h, setText, svg as s } from "./dom.js";
import { careful } from "./words.js";

const WIDTH = 960;
const LEFT = 58;
const RIGHT = 952;
const SCORE = { top: 8, bottom: 118 };
const EYES = { top: 132, bottom: 166 };
const STRIP = { top: 174, height: 8 };
const HEIGHT = 204;
const GAP_STEPS = 2.6;

/** 65.4 -> "1:05"; under ten seconds with a tenth: "3.2 s". */
export function mediaTime(time) {
  if (time < 10) return `${time.toFixed(1)} s`;
  const seconds = Math.round(time);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${parts.join(":")}` : parts.join(":").replace(/^0(?=\d)/, "");
}

/** Buckets are [start_s, low, high, mean]; a stretch without any cuts the line. */
function path(buckets, x, y) {
  const steps = buckets.slice(1).map((bucket, index) => bucket[0] - buckets[index][0]).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  return buckets
    .map((bucket, index) => {
      const starts = index === 0 || bucket[0] - buckets[index - 1][0] > GAP_STEPS * usual;
      return `${starts ? "M" : "L"}${x(bucket[0])} ${y(bucket)}`;
    })
    .join("");
}

export class Timeline extends EventTarget {
  #face;
  #duration;
  #at = 0;
  #cursor = s("path", { class: "cursor" });
  #box;
  #said = h("p", { class: "timeline-said" });

  /** `face`: one of the report's observed faces; emits "seek" (detail: seconds). */
  constructor(face, duration, thresholds, label) {
    super();
    this.#face = face;
    this.#duration = Math.max(duration, 0.1);
    this.slider = s("svg", {
      class: "timeline",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "slider",
      tabindex: "0",
      "aria-label": `${label}. Arrow keys move, Enter goes there in the video`,
      "aria-valuemin": "0",
      "aria-valuemax": this.#duration.toFixed(1),
    });
    this.#draw(thresholds);
    this.slider.addEventListener("click", (event) => this.#click(event));
    this.slider.addEventListener("keydown", (event) => this.#key(event));
    this.#box = h("div", { class: "timeline-box" }, this.slider);
    this.element = h("div", {}, this.#box, this.#said);
    this.show(face.peak_s ?? 0);
  }

  /** Move the cursor there. */
  show(time) {
    this.#at = Math.min(this.#duration, Math.max(0, time));
    const x = this.#x(this.#at);
    this.#cursor.setAttribute("d", `M${x} ${SCORE.top}V${STRIP.top + STRIP.height}`);
    const text = `${mediaTime(this.#at)}: ${this.#words()}`;
    this.slider.setAttribute("aria-valuenow", this.#at.toFixed(1));
    this.slider.setAttribute("aria-valuetext", text);
    setText(this.#said, text);
    this.reveal();
  }

  /** On a phone the drawing is wider than the screen: keep the cursor in sight. */
  reveal() {
    const { scrollWidth, clientWidth } = this.#box;
    if (scrollWidth > clientWidth) this.#box.scrollLeft = (this.#x(this.#at) / WIDTH) * scrollWidth - clientWidth / 2;
  }

  #words() {
    const before = (this.#face.score ?? []).findLast((bucket) => bucket[0] <= this.#at + 0.05);
    const blinks = (this.#face.blinks ?? []).some((span) => span.start_s <= this.#at && this.#at <= span.end_s);
    const alert = (this.#face.alerts ?? []).some((span) => span.start_s <= this.#at && this.#at <= span.end_s);
    if (!before || this.#at - before[0] > 2) return "not judged";
    return `probability of manipulation ${careful(before[3])}${alert ? ", alert" : ""}${blinks ? ", blink" : ""}`;
  }

  #x(time) {
    return LEFT + (Math.min(time, this.#duration) / this.#duration) * (RIGHT - LEFT);
  }

  #draw({ raise_at: raise, clear_at: clear }) {
    const { score = [], frames = [], ear = [], judged = [], blinks = [], alerts = [] } = this.#face;
    const x = (time) => this.#x(time).toFixed(1);
    const y = (share) => (SCORE.bottom - share * (SCORE.bottom - SCORE.top)).toFixed(1);
    const widest = Math.max(0.3, ...ear.map((bucket) => bucket[2]));
    const eye = (bucket) => (EYES.bottom - (bucket[1] / widest) * (EYES.bottom - EYES.top)).toFixed(1);
    const span = (one, { top, bottom }, className) =>
      s("rect", { class: className, x: x(one.start_s), y: top, width: Math.max(2, x(one.end_s) - x(one.start_s)), height: bottom - top });
    const line = (share, className) => s("path", { class: className, d: `M${LEFT} ${y(share)}H${RIGHT}` });
    const label = (at, text) => s("text", { x: LEFT - 6, y: at, "text-anchor": "end" }, text);
    const step = judged.length > 1 ? judged[1][0] - judged[0][0] : 1;
    this.slider.append(
      s("rect", { class: "ground", x: LEFT, y: SCORE.top, width: RIGHT - LEFT, height: SCORE.bottom - SCORE.top }),
      ...alerts.map((one) => span(one, SCORE, "alert-span")),
      line(raise, "threshold raise"),
      line(clear, "threshold clear"),
      s("path", { class: "dots", d: frames.map((one) => `M${x(one[0])} ${y(one[3])}h0.01`).join("") }),
      s("path", { class: "score", d: path(score, (time) => x(time), (one) => y(one[3])) }),
      ...blinks.map((one) => span(one, EYES, "blink")),
      s("path", { class: "ear", d: path(ear, (time) => x(time), eye) }),
      ...judged.map((one) => s("rect", { class: one[3] >= 0.5 ? "judged" : "unjudged", x: x(one[0]), y: STRIP.top, width: Math.max(1, x(one[0] + step) - x(one[0])), height: STRIP.height })),
      label(y(1) * 1 + 4, "100 %"),
      label(y(raise) * 1 + 4, "alert"),
      label(y(clear) * 1 + 4, "some"),
      label(y(0) * 1 + 4, "0 %"),
      label(EYES.bottom - 8, "eyes"),
      label(STRIP.top + 8, "judged"),
      s("text", { x: LEFT, y: HEIGHT - 4 }, mediaTime(0)),
      s("text", { x: RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, mediaTime(this.#duration)),
      this.#cursor,
    );
  }

  #click(event) {
    const box = this.slider.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    this.#seek(((at - LEFT) / (RIGHT - LEFT)) * this.#duration);
  }

  #key(event) {
    const step = Math.max(0.2, this.#duration / 100);
    const leap = Math.max(step, this.#duration / 10);
    const moves = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -leap, PageUp: leap };
    const ends = { Home: 0, End: this.#duration };
    if (event.key in moves) this.show(this.#at + moves[event.key]);
    else if (event.key in ends) this.show(ends[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.#seek(this.#at);
    else return;
    event.preventDefault();
  }

  #seek(time) {
    this.show(time);
    this.dispatchEvent(new CustomEvent("seek", { detail: this.#at }));
  }
}
