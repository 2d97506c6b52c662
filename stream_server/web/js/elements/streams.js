/** The list of streams: what each is doing, which one is shown, and how to be rid of it. */

import { h, icon, setText } from "../dom.js";
import { clock, hasTrouble, streamState, withCountdown } from "../words.js";

const KIND_ICONS = { webcam: "camera", share: "window", publisher: "upload", camera: "cctv" };

/** Emits "remove" (detail: stream id). */
export class Streams extends HTMLElement {
  #book = null;
  #rows = new Map();
  #empty = h("p", { class: "empty" }, "No cameras yet. Add one, or use your webcam.");
  #list = h("ul", { class: "rows" });

  connectedCallback() {
    if (this.firstChild) return;
    const add = h("button", { class: "quiet", onclick: () => this.dispatchEvent(new CustomEvent("add")) }, icon("plus"), "Add camera");
    this.append(h("div", { class: "section-head" }, h("h2", {}, "Cameras"), add), this.#empty, this.#list);
    setInterval(() => this.#update(), 1000);
  }

  set book(book) {
    this.#book = book;
    book.addEventListener("streams", () => this.#update());
    book.addEventListener("select", () => this.#update());
  }

  #update() {
    const streams = [...(this.#book?.streams.values() ?? [])];
    const ids = new Set(streams.map((stream) => stream.id));
    for (const [id, row] of this.#rows) {
      if (!ids.has(id)) {
        row.element.remove();
        this.#rows.delete(id);
      }
    }
    for (const stream of streams) this.#row(stream);
    this.#empty.hidden = streams.length > 0;
    setText(this.#empty, this.#book?.streamsLoaded ? "No cameras yet. Add one, or use your webcam." : "Loading …");
  }

  #row(stream) {
    let row = this.#rows.get(stream.id);
    if (!row) {
      row = this.#build(stream);
      this.#rows.set(stream.id, row);
      this.#list.append(row.element);
    }
    const { status } = stream;
    const { text, tone } = streamState(status?.state ?? "connecting");
    setText(row.name, stream.name);
    setText(row.chip, text);
    row.chip.dataset.tone = tone;
    setText(row.detail, [stream.preset ? `by the rule of ${stream.preset}` : "", detail(status)].filter(Boolean).join(" · "));
    const shown = this.#book.selected === stream.id;
    row.element.classList.toggle("shown", shown);
    row.view.setAttribute("aria-pressed", String(shown));
  }

  #build({ id, kind, name }) {
    const parts = {
      name: h("span", { class: "row-name" }),
      chip: h("span", { class: "chip" }),
      detail: h("span", { class: "row-detail" }),
    };
    parts.view = h("button", { class: "row-main", onclick: () => this.#book.select(id) }, icon(KIND_ICONS[kind] ?? "cctv"), parts.name, parts.chip, parts.detail);
    const away = h("button", { class: "quiet danger", "aria-label": `Remove ${name}`, onclick: () => this.dispatchEvent(new CustomEvent("remove", { detail: id })) }, icon("bin"), h("span", { class: "wide" }, "Remove"));
    parts.element = h("li", { class: "row", "data-stream": id }, parts.view, away);
    return parts;
  }
}

function detail(status) {
  if (!status) return "";
  if (hasTrouble(status)) return withCountdown(status.last_error_text, status.retry_in_s ?? 0);
  const notes = [
    status.suspended_until ? `alerts suspended until ${clock(status.suspended_until)}` : "",
    status.drift_text ? "no longer looks like the calibration" : "",
  ];
  const size = status.width ? `${status.width} × ${status.height} · ` : "";
  const pace = `${size}${status.fps_analysed.toFixed(0)} of ${status.fps_decoded.toFixed(0)} fps analysed`;
  return [pace, ...notes].filter(Boolean).join(" · ");
}

customElements.define("fw-streams", Streams);
