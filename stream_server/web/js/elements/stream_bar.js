/** The numbers under the picture: how old a result is, how many there are, what the line carries. */

import { h, setText } from "../dom.js";
import { bitrate, percent } from "../words.js";

const EVERY_MS = 500;
const STALE_MS = 1000;

const FIGURES = [
  ["age", "Result age", "From the picture's arrival at the service to its result"],
  ["fps", "Analysed / decoded", "Pictures a second"],
  ["bitrate", "Bit rate", "A low bit rate wipes out the traces that are looked for"],
  ["rtt", "Round trip", "Between this page and the service"],
  ["loss", "Loss", "Share of packets lost on the way"],
  ["size", "Picture", "Size that the service sees"],
];

export class StreamBar extends HTMLElement {
  #book = null;
  #link = null;
  #values = {};

  connectedCallback() {
    if (this.firstChild) return;
    const list = h("dl", { class: "stream-bar" });
    for (const [key, name, hint] of FIGURES) {
      this.#values[key] = h("dd", { "data-figure": key }, "–");
      list.append(h("div", { title: hint }, h("dt", {}, name), this.#values[key]));
    }
    this.append(list);
    setInterval(() => this.#update(), EVERY_MS);
  }

  set book(book) {
    this.#book = book;
  }

  set link(link) {
    this.#link = link;
  }

  #update() {
    const stream = this.#book?.stream;
    if (!stream) return;
    const { history, status } = stream;
    const stats = this.#link?.stats;
    const sinceMs = performance.now() - history.arrivedMs;
    const ageMs = history.analysis ? history.typicalAgeMs : NaN;
    const stale = history.analysis && sinceMs > STALE_MS;
    this.#show("age", stale ? "stale" : milliseconds(ageMs), stale);
    const decoded = status?.fps_decoded;
    this.#show("fps", `${history.resultsPerS.toFixed(0)} / ${decoded?.toFixed(0) ?? "–"} fps`);
    const bps = stats?.bitrateBps ?? status?.bitrate_bps;
    this.#show("bitrate", bitrate(bps), stats?.limitedBy === "bandwidth" && bps < 800_000);
    this.#show("rtt", milliseconds(stats?.rttMs));
    this.#show("loss", Number.isFinite(stats?.lossShare) ? percent(stats.lossShare) : "–", stats?.lossShare > 0.02);
    const { analysis } = history;
    this.#show("size", analysis ? `${analysis.width} × ${analysis.height}` : "–");
  }

  #show(key, text, warn = false) {
    setText(this.#values[key], text);
    this.#values[key].classList.toggle("warn", Boolean(warn));
  }
}

function milliseconds(ms) {
  if (!Number.isFinite(ms)) return "–";
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

customElements.define("fw-stream-bar", StreamBar);
