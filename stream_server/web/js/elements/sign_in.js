/** Asks who is there: name and password, or a token; the service answers with a session. */

import { h, icon, setText } from "../dom.js";
import { get, signIn } from "../service.js";

export class SignIn extends HTMLElement {
  #dialog = null;
  #fault = h("p", { class: "form-fault", role: "alert", hidden: true });
  #name = h("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  #secret = h("input", { name: "secret", type: "password", required: true });
  #nameField = h("label", { class: "field" }, h("span", {}, "Name"), this.#name);
  #label = h("span", {});
  #other = h("button", { type: "button", class: "quiet", "data-act": "other", onclick: () => this.#ask(!this.#byToken) });
  #byToken = true;
  #asking = null;
  #accepted = () => {};

  connectedCallback() {
    if (this.#dialog) return;
    const form = h(
      "form",
      { onsubmit: (event) => this.#submit(event) },
      h("h2", { id: "sign-in-title" }, icon("lock"), "Sign in"),
      h("p", {}, "Whoever runs this service can give you what it asks for. You stay signed in until you close the browser or sign out."),
      this.#nameField,
      h("label", { class: "field" }, this.#label, this.#secret),
      this.#fault,
      h("div", { class: "dialog-acts" }, this.#other, h("button", { class: "primary" }, "Sign in")),
    );
    this.#dialog = h("dialog", { "aria-labelledby": "sign-in-title", oncancel: (event) => event.preventDefault() }, form);
    this.append(this.#dialog);
  }

  /** Resolves when the service accepted somebody; several callers share one question. */
  ask() {
    this.#asking ??= new Promise((resolve) => {
      this.#accepted = resolve;
      get("api/session")
        .then((me) => this.#ask(me.asks_for === "token"))
        .catch(() => this.#ask(true))
        .finally(() => this.#dialog.showModal());
    });
    return this.#asking;
  }

  #ask(byToken) {
    this.#byToken = byToken;
    this.#nameField.hidden = byToken;
    this.#name.required = !byToken;
    setText(this.#label, byToken ? "Token" : "Password");
    this.#secret.autocomplete = byToken ? "off" : "current-password";
    setText(this.#other, byToken ? "Name and password instead" : "Use a token instead");
    (byToken ? this.#secret : this.#name).focus();
  }

  async #submit(event) {
    event.preventDefault();
    const secret = this.#secret.value;
    try {
      await signIn(this.#byToken ? { token: secret.trim() } : { name: this.#name.value.trim(), password: secret });
    } catch (error) {
      this.#fault.textContent = error.message;
      this.#fault.hidden = false;
      this.#secret.select();
      return;
    }
    event.target.reset();
    this.#fault.hidden = true;
    this.#dialog.close();
    this.#asking = null;
    this.#accepted();
  }
}

customElements.define("fw-sign-in", SignIn);
