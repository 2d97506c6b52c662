/** Enrols the person in the picture as genuine, shows how that stands, and removes it. */

import { h, setText } from "../dom.js";
import { get, post, remove } from "../service.js";
import { clock } from "../words.js";

const RUNNING_MS = 500;
const RESTING_MS = 5000;

export class Enrolment extends HTMLElement {
  #book = null;
  #streamId = null;
  #view = null;
  #timer = null;
  #text = h("p", { class: "enrolment-text", role: "status" });
  #bar = h("progress", { max: 1, value: 0, "aria-label": "Enrolment", hidden: true });
  #enrol = h("button", { class: "quiet", onclick: () => this.#ask() });
  #remove = h("button", { class: "quiet danger", hidden: true, onclick: () => this.#forget() });
  #fault = h("p", { class: "form-fault", role: "alert", hidden: true });
  #start = h("button", { class: "primary" }, "Start: 20 seconds");
  #dialog = null;

  connectedCallback() {
    if (this.#dialog) return;
    this.#dialog = this.#form();
    this.append(this.#text, this.#bar, h("div", { class: "acts" }, this.#enrol, this.#remove), this.#dialog);
    this.hidden = true;
  }

  set book(book) {
    this.#book = book;
    for (const event of ["select", "streams"]) book.addEventListener(event, () => this.#follow());
  }

  #form() {
    const says = (text) => h("p", {}, text);
    const form = h(
      "form",
      { onsubmit: (event) => this.#begin(event) },
      h("h2", { id: "enrol-title" }, "Enrol this person"),
      says("Enrol only a person who is genuine right now. Check that through another channel first: call back on a number you know, or meet in person. If a manipulated face is enrolled, later manipulation is harder to see."),
      says("For 20 seconds only that person should be seen, looking into the camera as usual."),
      says("Features of the face, biometric data, are then stored by the service, but no picture, until you remove them or the stream. They are never sent anywhere. What is seen later is compared with them; a likeness proves nothing, and another person or other light can look like a difference."),
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name: "vouch", required: true }),
        "I checked through another channel that the person is genuine now, and they agree.",
      ),
      this.#fault,
      h(
        "div",
        { class: "dialog-acts" },
        h("button", { type: "button", class: "quiet", onclick: () => this.#dialog.close() }, "Cancel"),
        this.#start,
      ),
    );
    return h("dialog", { class: "enrol", "aria-labelledby": "enrol-title" }, form);
  }

  #path() {
    return `api/streams/${encodeURIComponent(this.#streamId)}/enrolment`;
  }

  /** Look at another stream, or hide while there is none. */
  #follow() {
    const stream = this.#book.stream;
    const id = stream && this.#book.streamsLoaded && stream.status ? stream.id : null;
    if (id === this.#streamId) return;
    this.#streamId = id;
    this.#view = null;
    this.#dialog.close();
    this.#refresh();
  }

  async #refresh() {
    clearTimeout(this.#timer);
    const id = this.#streamId;
    if (!id) return this.#show(null);
    let view = null;
    try {
      view = await get(this.#path());
    } catch {
      /* the stream has just ended, or the service is away: nothing to show */
    }
    if (id !== this.#streamId) return;
    this.#show(view);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), view?.state === "running" ? RUNNING_MS : RESTING_MS);
  }

  #show(view) {
    this.#view = view;
    this.hidden = !view;
    if (!view) return;
    const running = view.state === "running";
    const since = view.enrolled_at ? ` Enrolled at ${clock(view.enrolled_at)}, ${Math.round(view.observed_s)} s.` : "";
    const brief = view.enrolled_at && !view.survives_restart ? " Forgotten when this stream ends." : "";
    setText(this.#text, `${view.text}${running ? "" : since + brief}`);
    this.#bar.hidden = !running;
    this.#bar.value = view.progress;
    this.#enrol.hidden = running;
    setText(this.#enrol, view.enrolled_at || view.state === "refused" ? "Enrol again…" : "Enrol this person…");
    this.#remove.hidden = !running && !view.enrolled_at;
    setText(this.#remove, running ? "Stop enrolling" : "Remove enrolment");
  }

  #ask() {
    this.#say("");
    this.#dialog.querySelector("form").reset();
    this.#dialog.showModal();
    this.#dialog.querySelector("input").focus();
  }

  async #begin(event) {
    event.preventDefault();
    this.#start.disabled = true;
    try {
      await post(this.#path(), { genuine_and_agreed: true });
      this.#dialog.close();
      await this.#refresh();
      this.#remove.focus();
    } catch (error) {
      this.#say(error.message);
    } finally {
      this.#start.disabled = false;
    }
  }

  async #forget() {
    this.#remove.disabled = true;
    try {
      await remove(this.#path());
      await this.#refresh();
      this.#enrol.focus();
    } catch (error) {
      setText(this.#text, error.message);
    } finally {
      this.#remove.disabled = false;
    }
  }

  #say(sentence) {
    this.#fault.textContent = sentence;
    this.#fault.hidden = !sentence;
  }
}

customElements.define("fw-enrolment", Enrolment);
