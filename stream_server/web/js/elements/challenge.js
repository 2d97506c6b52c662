/** A guided challenge: asks for a few steps, one at a time, and shows what was measured. */

import { OUTCOMES, STEPS, effectSentence, instruction, scoreSentence } from "../challenge_words.js";
import { h, icon, setIcon, setText, svg } from "../dom.js";
import { ScreenLight } from "../screen_light.js";
import { get, post, remove } from "../service.js";

const POLL_MS = 250;
const RING = 2 * Math.PI * 54;

export class Challenge extends HTMLElement {
  #book = null;
  #streamId = null; // the one on the stage
  #asked = null; // the one that is challenged: {path, audience}
  #timer = null;
  #button = h("button", { class: "quiet", "data-act": "challenge", onclick: () => this.#ask() }, icon("hand"), "Challenge…");
  #colours = h("input", { type: "checkbox", name: "colours" });
  #coloursRow = h("label", { class: "check" }, this.#colours, "Light the face with the screen: its colour changes slowly, once in two seconds, for ten seconds.");
  #warning = h("p", { class: "hint" }, "Leave this out if changing colours trouble you. There is no flicker.");
  #relay = h("p", {}, "You will read the steps to the person in the picture.");
  #ruled = h("p", {}, "A known system's rule judges this stream: the result will be shown, but the score does not change.");
  #fault = h("p", { class: "form-fault", role: "alert", hidden: true });
  #start = h("button", { class: "primary" }, "Start");
  #intro = null;
  #steps = h("p", { class: "challenge-count" });
  #shape = icon("camera", "challenge-icon");
  #arc = svg("circle", { cx: 60, cy: 60, r: 54, class: "ring-arc", "stroke-dasharray": RING, "stroke-dashoffset": RING });
  #say = h("p", { class: "challenge-say", "aria-live": "polite" });
  #left = h("p", { class: "challenge-left", "aria-hidden": "true" });
  #running = null;
  #light = null;
  #summary = h("p", { class: "challenge-summary", role: "status" });
  #effect = h("p", { class: "hint" });
  #list = h("ul", { class: "challenge-list" });
  #result = null;

  connectedCallback() {
    if (this.#intro) return;
    this.#intro = this.#introduction();
    this.#running = this.#guide();
    this.#result = this.#outcome();
    this.#light = new ScreenLight(this.#running);
    this.append(h("p", { class: "challenge-line" }, "Ask for a few movements and watch the score meanwhile."), this.#button, this.#intro, this.#running, this.#result);
    this.hidden = true;
    addEventListener("pagehide", () => this.#asked && remove(this.#asked.path, { keepalive: true }).catch(() => {}));
  }

  set book(book) {
    this.#book = book;
    for (const event of ["select", "streams"]) book.addEventListener(event, () => this.#follow());
  }

  #introduction() {
    const form = h(
      "form",
      { onsubmit: (event) => this.#begin(event) },
      h("h2", { id: "challenge-title" }, icon("hand"), "Guided challenge"),
      h("p", {}, "Turns of the head, a hand before the face and two blinks are asked for, in random order. Face swaps often break there, so watch the picture yourself, too."),
      h("p", {}, "It takes about half a minute, with one person in the picture. It is no proof in either direction: a good swap can do all of it."),
      this.#relay,
      this.#coloursRow,
      this.#warning,
      this.#ruled,
      this.#fault,
      h("div", { class: "dialog-acts" }, h("button", { type: "button", class: "quiet", onclick: () => this.#intro.close() }, "Cancel"), this.#start),
    );
    return h("dialog", { class: "challenge-intro", "aria-labelledby": "challenge-title" }, form);
  }

  #guide() {
    const ring = svg("svg", { viewBox: "0 0 120 120", class: "ring", "aria-hidden": "true" }, svg("circle", { cx: 60, cy: 60, r: 54, class: "ring-track" }), this.#arc);
    const cancel = h("button", { class: "quiet", onclick: () => this.#giveUp() }, "Stop (Esc)");
    const dialog = h(
      "dialog",
      { class: "challenge-run", "aria-label": "Guided challenge" },
      h("div", { class: "challenge-now" }, this.#steps, h("div", { class: "challenge-ring" }, ring, this.#shape), this.#say, this.#left, cancel),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#giveUp();
    });
    return dialog;
  }

  #outcome() {
    return h(
      "dialog",
      { class: "challenge-result", "aria-labelledby": "challenge-result-title" },
      h("h2", { id: "challenge-result-title" }, "What was measured"),
      this.#summary,
      this.#list,
      this.#effect,
      h("div", { class: "dialog-acts" }, h("button", { class: "quiet", onclick: () => this.#again() }, "Again…"), h("button", { class: "primary", onclick: () => this.#result.close() }, "Close")),
    );
  }

  get #isOwnCamera() {
    const stream = this.#book.stream;
    return stream.id === this.#book.own && stream.kind === "webcam";
  }

  /** Offer it for the stream on the stage; a running one ends when another is chosen. */
  #follow() {
    const stream = this.#book.stream;
    const id = stream && this.#book.streamsLoaded && stream.status ? stream.id : null;
    this.hidden = !id;
    if (id === this.#streamId) return;
    this.#streamId = id;
    this.#intro.close();
    if (this.#asked) this.#giveUp();
  }

  #ask() {
    const own = this.#isOwnCamera;
    this.#complain("");
    this.#coloursRow.hidden = this.#warning.hidden = !own;
    this.#relay.hidden = own;
    this.#ruled.hidden = !this.#book.stream.preset;
    this.#colours.checked = own && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#intro.showModal();
    this.#start.focus();
  }

  #again() {
    this.#result.close();
    if (this.#streamId) this.#ask();
  }

  async #begin(event) {
    event.preventDefault();
    this.#start.disabled = true;
    const audience = this.#isOwnCamera ? "self" : "relayed";
    const path = `api/streams/${encodeURIComponent(this.#streamId)}/challenge`;
    try {
      const view = await post(path, { audience, colours: audience === "self" && this.#colours.checked });
      this.#asked = { path, audience };
      this.#intro.close();
      this.#running.showModal();
      this.#show(view);
    } catch (error) {
      this.#complain(error.message);
    } finally {
      this.#start.disabled = false;
    }
  }

  async #poll() {
    const asked = this.#asked;
    if (!asked) return;
    let view = null;
    try {
      view = await get(asked.path);
    } catch (error) {
      view = { state: "stopped", text: error.status === 404 ? "Stopped: the stream has ended." : error.message, steps: [], llr: null };
    }
    if (asked === this.#asked) this.#show(view);
  }

  #show(view) {
    if (view.state !== "running") {
      this.#end(view);
      return;
    }
    const { progress } = view;
    const { icon: shape, text } = instruction(progress, this.#asked.audience);
    setText(this.#steps, progress.number ? `Step ${progress.number} of ${progress.total}` : "Get ready");
    setIcon(this.#shape, shape);
    setText(this.#say, text);
    setText(this.#left, progress.phase === "step" ? `${Math.ceil(progress.left_s)} s` : "\u00a0");
    this.#arc.setAttribute("stroke-dashoffset", RING * (1 - progress.share));
    const colours = progress.phase === "step" ? progress.colours : [];
    if (colours.length && !this.#light.on) this.#light.start(colours, progress.elapsed_s);
    if (!colours.length && this.#light.on) this.#light.stop();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked = null;
    this.#light.stop();
    this.#running.close();
  }

  #giveUp() {
    const { path } = this.#asked ?? {};
    this.#close();
    if (path) remove(path).catch(() => {});
    if (!this.hidden) this.#button.focus();
  }

  #end(view) {
    this.#close();
    setText(this.#summary, view.text);
    setText(this.#effect, view.state === "finished" ? effectSentence(view.llr) : "Nothing of it counts.");
    this.#list.replaceChildren(...view.steps.map((step) => this.#row(step)));
    this.#result.showModal();
    this.#result.querySelector(".primary").focus();
  }

  #row(result) {
    const { icon: shape, text } = OUTCOMES[result.outcome];
    return h(
      "li",
      { "data-step": result.step, "data-outcome": result.outcome },
      icon(STEPS[result.step].icon),
      h(
        "div",
        {},
        h("p", { class: "challenge-step" }, STEPS[result.step].name, h("span", { class: "challenge-outcome" }, icon(shape), text)),
        h("p", { class: "hint" }, result.measured, " ", scoreSentence(result)),
      ),
    );
  }

  #complain(sentence) {
    this.#fault.textContent = sentence;
    this.#fault.hidden = !sentence;
  }
}

customElements.define("fw-challenge", Challenge);
