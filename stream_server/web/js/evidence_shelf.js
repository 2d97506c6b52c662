/** Which alerts have a bundle of evidence: read anew for a while after each change of an alert. */

import { get } from "./service.js";

const AGAIN_MS = 8_000;
const FOLLOW_MS = 60_000; // a bundle comes when the seconds after the alert are over

/** Emits "change". */
class Shelf extends EventTarget {
  #entries = new Map();
  #text = "";
  #until = 0;
  #timer = 0;

  /** {name, kept, note, files, size_bytes, pinned}; undefined where there is none yet. */
  of(alertId) {
    return this.#entries.get(alertId);
  }

  /** An alert changed: look now, and again until its evidence must have come. */
  follow() {
    this.#until = Date.now() + FOLLOW_MS;
    if (!this.#timer) this.#timer = setTimeout(() => this.#look(), 500);
  }

  async refresh() {
    const list = await get("api/evidence");
    const text = JSON.stringify(list);
    if (text === this.#text) return;
    this.#text = text;
    this.#entries = new Map(list.map((entry) => [entry.alert_id, entry]));
    this.dispatchEvent(new Event("change"));
  }

  async #look() {
    try {
      await this.refresh();
    } catch {
      /* the page says elsewhere that the service is away */
    }
    this.#timer = Date.now() < this.#until ? setTimeout(() => this.#look(), AGAIN_MS) : 0;
  }
}

export const shelf = new Shelf();
