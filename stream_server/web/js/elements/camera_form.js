/** The form for a camera's address; the password goes in a field of its own. */

import { h, icon } from "../dom.js";
import { get, post } from "../service.js";

const SCHEMES = /^(rtsps?|https?|rtmps?|srt):\/\/[^\s/]+/i;
const WITH_PASSWORD = /^[a-z]+:\/\/[^\s@/]*:[^\s@]*@/i;

/** What is wrong with an address, as a sentence; "" when nothing is. */
export function addressFault(address) {
  if (!address) return "Enter the camera's address.";
  if (!SCHEMES.test(address)) {
    return "The address must begin with rtsp://, rtsps://, http://, https://, rtmp:// or srt:// and a host.";
  }
  if (WITH_PASSWORD.test(address)) {
    return "Put the user name and the password in their own fields, not in the address.";
  }
  return "";
}

function withCredentials(address, user, password) {
  if (!user && !password) return address;
  const [scheme, rest] = address.split(/:\/\/(.*)/s);
  const secret = password ? `:${encodeURIComponent(password)}` : "";
  return `${scheme}://${encodeURIComponent(user)}${secret}@${rest}`;
}

/** Emits "added" (detail: the stream). */
export class CameraForm extends HTMLElement {
  #dialog = null;
  #fault = h("p", { class: "form-fault", id: "camera-fault", role: "alert", hidden: true });

  #rules = h("select", { name: "preset" }, h("option", { value: "" }, "fakewatch's own rule"));

  connectedCallback() {
    if (this.#dialog) return;
    const field = (label, props, hint) =>
      h("label", { class: "field" }, h("span", {}, label), h("input", props), hint ? h("small", {}, hint) : null);
    const form = h(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event) },
      h("h2", { id: "camera-title" }, "Add camera"),
      field("Address", { name: "url", type: "url", required: true, autocomplete: "off", spellcheck: "false", placeholder: "rtsp://192.0.2.10:554/stream1", "aria-describedby": "camera-fault" }, "RTSP, RTSPS, HTTP(S)/HLS, RTMP or SRT"),
      field("Name", { name: "name", maxlength: 100, autocomplete: "off", placeholder: "Reception" }),
      h(
        "div",
        { class: "field-pair" },
        field("User name", { name: "user", autocomplete: "off" }),
        field("Password", { name: "password", type: "password", autocomplete: "new-password" }, "Kept by the service, never shown again"),
      ),
      h(
        "label",
        { class: "field" },
        h("span", {}, "Judged by"),
        this.#rules,
        h("small", {}, "Another system's published rule, to compare with; it takes the place of fakewatch's own"),
      ),
      this.#fault,
      h(
        "div",
        { class: "dialog-acts" },
        h("button", { type: "button", class: "quiet", onclick: () => this.#dialog.close() }, "Cancel"),
        h("button", { class: "primary" }, icon("plus"), "Add camera"),
      ),
    );
    this.#dialog = h("dialog", { "aria-labelledby": "camera-title" }, form);
    this.append(this.#dialog);
  }

  show() {
    this.#say("");
    this.#dialog.querySelector("form").reset();
    this.#dialog.showModal();
    this.#dialog.querySelector("input").focus();
    this.#offerRules();
  }

  async #offerRules() {
    if (this.#rules.options.length > 1) return;
    const info = await get("api/info").catch(() => null);
    this.#rules.append(...(info?.presets ?? []).map((name) => h("option", { value: name }, name)));
  }

  async #submit(event) {
    event.preventDefault();
    const form = event.target;
    const [url, name, user, password] = ["url", "name", "user", "password"].map((key) => form.elements[key].value.trim());
    const fault = addressFault(url);
    this.#say(fault);
    form.elements.url.setAttribute("aria-invalid", String(Boolean(fault)));
    if (fault) {
      form.elements.url.focus();
      return;
    }
    const title = name || new URL(url.replace(/^[a-z]+:/i, "http:")).hostname;
    const source = { type: "av", url: withCredentials(url, user, password) };
    const button = form.querySelector(".primary");
    button.disabled = true;
    try {
      const preset = form.elements.preset.value || null;
      const stream = await post("api/streams", { name: title, source, preset });
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent("added", { detail: stream }));
    } catch (error) {
      this.#say(error.message);
    } finally {
      button.disabled = false;
    }
  }

  #say(sentence) {
    this.#fault.textContent = sentence;
    this.#fault.hidden = !sentence;
  }
}

customElements.define("fw-camera-form", CameraForm);
