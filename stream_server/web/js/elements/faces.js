/** The faces of the selected stream, a card each. */

import { h } from "../dom.js";
import "./face.js";

const EVERY_MS = 250;
const OPEN_AT_ONCE = 2;

export class Faces extends HTMLElement {
  #book = null;
  #cards = new Map();
  #streamId = null;
  #empty = h("p", { class: "empty" });
  #list = h("div", { class: "face-list" });
  #skipped = h("p", { class: "quiet", hidden: true });

  connectedCallback() {
    if (this.firstChild) return;
    this.append(h("h2", {}, "Faces"), this.#empty, this.#list, this.#skipped);
    setInterval(() => this.#update(), EVERY_MS);
  }

  set book(book) {
    this.#book = book;
    book.addEventListener("select", () => this.#update());
  }

  #update() {
    const stream = this.#book?.stream;
    if (stream?.id !== this.#streamId) this.#forgetAll(stream?.id);
    const faces = stream?.history.present() ?? [];
    const ids = new Set(faces.map((face) => face.trackId));
    for (const [id, card] of this.#cards) {
      if (!ids.has(id)) {
        card.remove();
        this.#cards.delete(id);
      }
    }
    for (const face of faces) this.#card(face).update(face, this.#book.thresholds);
    this.#empty.hidden = faces.length > 0;
    this.#empty.textContent = stream?.history.analysis
      ? "No face in the picture. Nothing is judged until there is one."
      : "Faces appear here as soon as they are seen.";
    const skipped = stream?.history.analysis?.faces_skipped ?? 0;
    this.#skipped.hidden = !skipped;
    this.#skipped.textContent = `${skipped} more in the picture wait for their turn.`;
  }

  #card(face) {
    let card = this.#cards.get(face.trackId);
    if (!card) {
      card = h("fw-face", { "data-track": face.trackId });
      const later = [...this.#cards].find(([id]) => id > face.trackId);
      this.#list.insertBefore(card, later?.[1] ?? null);
      card.open = this.#cards.size < OPEN_AT_ONCE;
      this.#cards.set(face.trackId, card);
      this.#cards = new Map([...this.#cards].sort(([a], [b]) => a - b));
    }
    return card;
  }

  #forgetAll(id) {
    this.#streamId = id;
    this.#cards.clear();
    this.#list.replaceChildren();
  }
}

customElements.define("fw-faces", Faces);
