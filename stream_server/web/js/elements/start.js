/** The three ways to begin, shown large at first and as a row of buttons afterwards. */

import { h, icon } from "../dom.js";

const ACTIONS = [
  ["webcam", "camera", "Use my webcam", "See how it works on your own face"],
  ["share", "window", "Share a window or a call", "Several faces in a meeting at once"],
  ["camera", "plus", "Add camera", "RTSP, RTSPS, HTTP(S)/HLS, RTMP or SRT"],
];

/** Emits "start" (detail: "webcam", "share" or "camera"). */
export class StartCard extends HTMLElement {
  #rules = h("select", { name: "preset" }, h("option", { value: "" }, "fakewatch's own rule"));

  /** The rule that was chosen; null for fakewatch's own. */
  get preset() {
    return this.#rules.value || null;
  }

  set book(book) {
    const offer = () => this.#rules.append(...(book.info.presets ?? []).map((name) => h("option", { value: name }, name)));
    book.addEventListener("info", offer, { once: true });
  }

  connectedCallback() {
    if (this.firstChild) return;
    const buttons = ACTIONS.map(([what, shape, title, hint]) =>
      h(
        "button",
        { class: "action", "data-start": what, onclick: () => this.#start(what) },
        icon(shape, "icon big"),
        h("span", { class: "action-title" }, title),
        h("span", { class: "action-hint" }, hint),
      ),
    );
    this.append(
      h("h1", { class: "start-title" }, "Who are you talking to?"),
      h(
        "p",
        { class: "start-lead" },
        "Watch a video call, a camera or yourself, and see at once where signs of manipulation show up.",
      ),
      h("div", { class: "actions" }, buttons),
      h("label", { class: "rule" }, "Your webcam and windows are judged by ", this.#rules),
      h(
        "p",
        { class: "consent" },
        icon("lock"),
        `Analysis happens on ${machine()}; no picture is stored unless switched on. Tell the people in the picture that it is being analysed.`,
      ),
    );
  }

  #start(what) {
    this.dispatchEvent(new CustomEvent("start", { detail: what }));
  }
}

function machine() {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return here ? "this machine" : `the machine ${location.hostname}`;
}

customElements.define("fw-start", StartCard);
