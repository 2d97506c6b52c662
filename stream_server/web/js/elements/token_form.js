/** Asks once for the token that the service wants, and trades it for a session. */

import { h, icon } from "../dom.js";
import { signIn } from "../service.js";

export class TokenForm extends HTMLElement {
  #dialog = null;
  #fault = h("p", { class: "form-fault", role: "alert", hidden: true });
  #asking = null;
  #accepted = () => {};

  connectedCallback() {
    if (this.#dialog) return;
    const form = h(
      "form",
      { onsubmit: (event) => this.#submit(event) },
      h("h2", { id: "token-title" }, icon("lock"), "This service needs a token"),
      h("p", {}, "Whoever runs it can give you one. You stay signed in until you close the browser."),
      h("label", { class: "field" }, h("span", {}, "Token"), h("input", { name: "token", type: "password", required: true, autocomplete: "off" })),
      this.#fault,
      h("div", { class: "dialog-acts" }, h("button", { class: "primary" }, "Continue")),
    );
    this.#dialog = h("dialog", { "aria-labelledby": "token-title", oncancel: (event) => event.preventDefault() }, form);
    this.append(this.#dialog);
  }

  /** Resolves when the service accepted a token; several callers share one question. */
  ask() {
    this.#asking ??= new Promise((resolve) => {
      this.#accepted = resolve;
      this.#dialog.showModal();
    });
    return this.#asking;
  }

  async #submit(event) {
    event.preventDefault();
    const field = event.target.elements.token;
    try {
      await signIn(field.value.trim());
    } catch (error) {
      this.#fault.textContent = error.message;
      this.#fault.hidden = false;
      field.select();
      return;
    }
    event.target.reset();
    this.#dialog.close();
    this.#asking = null;
    this.#accepted();
  }
}

customElements.define("fw-token-form", TokenForm);
