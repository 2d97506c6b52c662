/** Where alerts go: what waits there, what was given up, trying both. */

import { h, setText } from "../dom.js";
import { may } from "../rights.js";
import { get, post } from "../service.js";

const EVERY_MS = 5000;

export class Deliveries extends HTMLElement {
  #list = h("ul", { class: "rows" });
  #said = h("p", { class: "row-detail", role: "status" });
  #summary = h("summary", {}, "Where alerts go");
  #timer = null;

  connectedCallback() {
    if (this.firstChild) return;
    const details = h("details", {}, this.#summary, this.#list, this.#said);
    details.addEventListener("toggle", () => this.#follow(details.open));
    this.append(details);
  }

  /** Called once it is known who looks: the list is not for everybody. */
  begin() {
    if (may("operator", true)) this.#update();
  }

  disconnectedCallback() {
    this.#follow(false);
  }

  #follow(open) {
    clearInterval(this.#timer);
    if (!open) return;
    this.#update();
    this.#timer = setInterval(() => this.#update(), EVERY_MS);
  }

  async #update() {
    let sinks = [];
    try {
      sinks = await get("api/sinks");
    } catch (error) {
      this.#say(error.message);
      return;
    }
    const dead = sinks.reduce((sum, sink) => sum + sink.dead, 0);
    const off = sinks.filter((sink) => sink.off).length;
    const wrong = [off && `${off} switched off`, dead && `${dead} could not be delivered`].filter(Boolean).join(", ");
    setText(this.#summary, wrong ? `Where alerts go: ${wrong}` : "Where alerts go");
    const focused = document.activeElement?.dataset?.act;
    const within = document.activeElement?.closest("[data-sink]")?.dataset.sink;
    this.#list.replaceChildren(...sinks.map((sink) => this.#row(sink)));
    if (!focused || !within) return;
    const row = this.querySelector(`[data-sink="${within}"]`);
    // The button may have done its work and be gone.
    (row?.querySelector(`[data-act="${focused}"]`) ?? row?.querySelector("button"))?.focus();
  }

  #row(sink) {
    const act = (name, label, path, done) =>
      h("button", { class: "quiet", "data-act": name, onclick: () => this.#ask(path, done) }, label);
    const state = sink.dead ? `${sink.dead} given up, ${sink.waiting} waiting` : `${sink.waiting} waiting`;
    const enable = act("enable", "Switch on", `api/sinks/${sink.name}/enable`, `${sink.name} is switched on.`);
    const retry = act("retry", "Try again", `api/sinks/${sink.name}/retry`, `${sink.name}: trying again.`);
    return h(
      "li",
      { class: "row", "data-sink": sink.name },
      h(
        "div",
        { class: "row-main" },
        h("span", { class: "row-name" }, sink.name),
        h("span", { class: "chip", "data-tone": sink.dead || sink.off ? "bad" : "calm" }, sink.type),
        h("span", { class: "row-detail" }, state),
        sink.off ? h("span", { class: "row-detail" }, `Switched off: ${sink.off}`) : null,
      ),
      h(
        "div",
        { class: "row-acts" },
        act("test", "Send a test", `api/sinks/${sink.name}/test`, `${sink.name} took the test message.`),
        sink.off ? enable : sink.dead ? retry : null,
      ),
    );
  }

  async #ask(path, done) {
    this.#say("Asking …");
    try {
      const answer = await post(path);
      this.#say(answer.taken === false ? answer.reason : done);
    } catch (error) {
      this.#say(error.message);
    }
    this.#update();
  }

  #say(sentence) {
    setText(this.#said, sentence);
  }
}

customElements.define("fw-deliveries", Deliveries);
