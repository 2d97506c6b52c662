/** Whether a stream's alerts are delivered, how to mute them for a while, and whether its calibration still holds. */

import { h, icon, setText } from "../dom.js";
import { post, remove } from "../service.js";
import { clock } from "../words.js";

const CHOICES = [
  [15, "15 minutes"],
  [60, "1 hour"],
  [480, "8 hours"],
];

/** Emits "failed" (detail: sentence). */
export class Alerting extends HTMLElement {
  #book = null;
  #drift = h("p", { class: "drift", role: "status", hidden: true });
  #driftText = h("span");
  #text = h("p", { class: "alerting-text", role: "status" });
  #minutes = h("select", { "aria-label": "Suspend for" }, CHOICES.map(([minutes, label]) => h("option", { value: minutes }, label)));
  #suspend = h("button", { class: "quiet", onclick: () => this.#tell(true) }, "Suspend alerts");
  #resume = h("button", { class: "quiet", hidden: true, onclick: () => this.#tell(false) }, "Resume alerts");

  connectedCallback() {
    if (this.firstChild) return;
    this.#drift.append(h("span", { class: "chip", "data-tone": "warn" }, icon("triangle"), "Calibration"), this.#driftText);
    this.append(this.#drift, this.#text, h("div", { class: "acts" }, this.#minutes, this.#suspend, this.#resume));
    this.hidden = true;
  }

  set book(book) {
    this.#book = book;
    for (const event of ["select", "streams"]) book.addEventListener(event, () => this.#show());
    setInterval(() => this.#show(), 1000);
  }

  #show() {
    const stream = this.#book.stream;
    const status = stream?.status;
    this.hidden = !status || !this.#book.streamsLoaded;
    if (this.hidden) return;
    const until = status.suspended_until;
    setText(this.#text, until ? `Alerts are kept, but not delivered, until ${clock(until)}.` : "Alerts are delivered.");
    this.#minutes.hidden = this.#suspend.hidden = Boolean(until);
    this.#resume.hidden = !until;
    this.#drift.hidden = !status.drift_text;
    setText(this.#driftText, status.drift_text ?? "");
  }

  async #tell(suspend) {
    const stream = this.#book.stream;
    const path = `api/streams/${encodeURIComponent(stream.id)}/suspend`;
    try {
      const answer = suspend ? await post(path, { minutes: Number(this.#minutes.value) }) : await (await remove(path)).json();
      stream.status.suspended_until = answer.until;
      this.#show();
      (suspend ? this.#resume : this.#suspend).focus();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    }
  }
}

customElements.define("fw-alerting", Alerting);
