/** The row over the picture: what is shown, which camera and size, and how to stop. */

import { cameras, sizes } from "../capture.js";
import { h, icon, setText } from "../dom.js";

/** Emits "start" (webcam, share or camera), "stop" and "pick" ({deviceId, size}). */
export class Toolbar extends HTMLElement {
  #title = h("h2", { class: "stage-title" });
  #camera = h("select", { "aria-label": "Camera", onchange: () => this.#pick() });
  #size = h("select", { "aria-label": "Picture size", onchange: () => this.#pick() });
  #pickers = h("span", { class: "pickers", hidden: true }, this.#camera, this.#size);
  #stop = h("button", { class: "primary", hidden: true, "data-act": "stop", onclick: () => this.#emit("stop") }, icon("stop"), "Stop");

  connectedCallback() {
    if (this.firstChild) return;
    const begin = (what, shape, label) =>
      h("button", { class: "quiet", "data-start": what, title: label, onclick: () => this.#emit("start", what) }, icon(shape), h("span", { class: "wide" }, label));
    this.#size.append(...sizes.map((size) => h("option", { value: size }, size.replace("x", " × "))));
    this.append(
      this.#title,
      this.#pickers,
      h("span", { class: "spacer" }),
      begin("webcam", "camera", "Webcam"),
      begin("share", "window", "Share"),
      begin("camera", "plus", "Camera"),
      this.#stop,
    );
  }

  /** Show what is on the stage; `own` is this page's link, or null for a camera. */
  async show(name, own, choice) {
    setText(this.#title, name);
    this.#stop.hidden = !own;
    this.#pickers.hidden = own?.kind !== "webcam";
    if (this.#pickers.hidden) return;
    this.#size.value = choice.size;
    const found = await cameras();
    this.#camera.replaceChildren(...found.map((device, n) => h("option", { value: device.deviceId }, device.label || `Camera ${n + 1}`)));
    const used = own.stream.getVideoTracks()[0]?.getSettings().deviceId;
    if (used) this.#camera.value = used;
  }

  #pick() {
    this.#emit("pick", { deviceId: this.#camera.value, size: this.#size.value });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

customElements.define("fw-toolbar", Toolbar);
