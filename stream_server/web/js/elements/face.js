/** The card of one face: a careful state, its probability, its minute, its blinks, its reasons. */

import { drawEyes, drawScores } from "../charts.js";
import { h, icon, setIcon, setText } from "../dom.js";
import { band, blinkSentence, cueName, percent, qualityNote, stateOf } from "../words.js";

const BIGGEST_LLR = 6;

export class FaceCard extends HTMLElement {
  #open = true;
  #parts = null;

  connectedCallback() {
    if (this.#parts) return;
    this.#build();
  }

  get open() {
    return this.#open;
  }

  set open(open) {
    this.#open = open;
    this.#parts?.toggle.setAttribute("aria-expanded", String(open));
    this.classList.toggle("closed", !open);
  }

  #build() {
    const id = `face-${this.dataset.track}`;
    const stateIcon = icon("dots", "icon state-icon");
    const state = h("strong", { class: "state-word" });
    const score = h("span", { class: "face-score" });
    const toggle = h(
      "button",
      { class: "face-head", "aria-expanded": "true", "aria-controls": id, onclick: () => (this.open = !this.open) },
      stateIcon,
      h("span", { class: "face-title" }, h("span", { class: "face-name" }, `Face ${this.dataset.track}`), state),
      score,
      icon("chevron", "icon chevron"),
    );
    const low = h("span", { class: "meter-band" });
    const needle = h("span", { class: "meter-needle" });
    const meter = h("div", { class: "meter", "aria-hidden": "true" }, low, needle, h("i"), h("i"));
    const likelihood = h("p", { class: "figures" });
    const note = h("p", { class: "quality-note", hidden: true });
    const scores = h("canvas", { class: "trace", role: "img", "aria-label": "Score over the last 60 seconds, with the alert thresholds" });
    const eyes = h("canvas", { class: "trace eyes", role: "img", "aria-label": "Eye opening over the last 60 seconds, with blinks marked" });
    const blinks = h("p", { class: "figures" });
    const reasons = h("ul", { class: "reasons" });
    const body = h(
      "div",
      { class: "face-body", id },
      note,
      h("h4", {}, "Likelihood of manipulation"),
      likelihood,
      meter,
      scores,
      h("h4", {}, "Eyes"),
      blinks,
      eyes,
      h("h4", {}, "What speaks for and against"),
      reasons,
    );
    this.append(toggle, body);
    this.#parts = { stateIcon, state, score, toggle, low, needle, meter, likelihood, note, scores, eyes, blinks, reasons };
    this.open = this.#open;
  }

  /** Show the newest reading; called a few times a second so that figures can be read. */
  update(face, thresholds) {
    const { reading } = face;
    const parts = this.#parts;
    const words = stateOf(reading.state);
    if (reading.state === "alert" && this.dataset.state !== "alert") this.open = true;
    this.dataset.state = reading.state;
    setIcon(parts.stateIcon, words.icon);
    setText(parts.state, words.long);
    setText(parts.score, percent(reading.fused_prob));
    setText(parts.note, qualityNote(reading.quality));
    parts.note.hidden = !parts.note.textContent;
    this.#likelihood(reading, thresholds);
    const blink = reading.blink;
    const count = blink ? `${blink.blinks} ${blink.blinks === 1 ? "blink" : "blinks"} · ` : "";
    setText(parts.blinks, count + blinkSentence(blink));
    parts.blinks.dataset.blinks = blink?.blinks ?? 0;
    this.#reasons(reading);
    if (this.#open) this.redraw(face, thresholds);
  }

  /** Only the charts. */
  redraw(face, thresholds) {
    drawScores(this.#parts.scores, face, thresholds);
    drawEyes(this.#parts.eyes, face);
  }

  #likelihood(reading, thresholds) {
    const { likelihood, low, needle, meter } = this.#parts;
    const score = reading.window;
    const known = Number.isFinite(reading.fused_prob);
    const range = band(reading.low_prob, reading.high_prob);
    const text = known ? `${percent(reading.fused_prob)}${range && ` (${range})`} · ${percent(score?.coverage)} of the last seconds seen` : `Insufficient: looks taken so far: ${score?.samples ?? 0}`;
    setText(likelihood, text);
    meter.classList.toggle("unknown", !known);
    const place = (element, left, right) => {
      element.style.left = `${left * 100}%`;
      element.style.right = `${(1 - right) * 100}%`;
    };
    if (known) place(needle, reading.fused_prob, reading.fused_prob);
    place(low, reading.low_prob ?? 0, reading.high_prob ?? 0);
    const [clear, raise] = meter.querySelectorAll("i");
    clear.style.left = `${thresholds.clear_at * 100}%`;
    raise.style.left = `${thresholds.raise_at * 100}%`;
  }

  /** One bar a term, right for manipulation and left against it; together they are the score. */
  #reasons(reading) {
    const list = this.#parts.reasons;
    const terms = reading.reasons;
    while (list.children.length > Math.max(1, terms.length)) list.lastChild.remove();
    if (!terms.length) {
      list.replaceChildren(h("li", { class: "none" }, "Nothing can be said yet."));
      return;
    }
    if (list.firstChild?.className === "none") list.replaceChildren();
    terms.forEach((term, index) => {
      const row = list.children[index] ?? list.appendChild(reasonRow());
      const [name, bar, text] = row.children;
      setText(name, cueName(term.cue));
      const share = Math.min(1, Math.abs(term.llr) / BIGGEST_LLR) * 50;
      const fill = bar.firstChild;
      fill.className = term.llr > 0 ? "for" : "against";
      fill.style.left = `${term.llr > 0 ? 50 : 50 - share}%`;
      fill.style.width = `${share}%`;
      setText(text, term.text);
    });
  }
}

function reasonRow() {
  return h("li", {}, h("span", { class: "cue" }), h("span", { class: "weight", "aria-hidden": "true" }, h("i")), h("span", { class: "because" }));
}

customElements.define("fw-face", FaceCard);
