/** The head of the page: what runs, where it runs, and whether anybody is being analysed. */

import { h, icon, setIcon, setText } from "../dom.js";

const THEME_KEY = "fakewatch-theme";
const THEMES = ["auto", "light", "dark"];
const THEME_ICONS = { auto: "half", light: "sun", dark: "moon" };

export class Header extends HTMLElement {
  #book = null;
  #activity = h("span", { class: "activity" });
  #provider = h("span", { class: "badge", hidden: true });
  #model = h("span", { class: "badge model", hidden: true });
  #theme = null;

  connectedCallback() {
    if (this.firstChild) return;
    const themeIcon = icon("half");
    this.#theme = h("button", { class: "quiet round", onclick: () => this.#nextTheme() }, themeIcon);
    this.append(
      h("a", { class: "brand", href: "./", "aria-label": "fakewatch, start page" }, icon("mark", "icon mark"), h("span", {}, "fakewatch")),
      this.#activity,
      h("span", { class: "spacer" }),
      this.#model,
      this.#provider,
      h("fw-who"),
      this.#theme,
    );
    this.#useTheme(localStorage.getItem(THEME_KEY) ?? "auto");
    setInterval(() => this.#update(), 1000);
  }

  set book(book) {
    this.#book = book;
    for (const type of ["info", "streams", "select"]) book.addEventListener(type, () => this.#update());
  }

  #update() {
    const { info, streams, reachable } = this.#book;
    const active = [...streams.values()].filter((stream) => !["ended", "rejected", "failed"].includes(stream.status?.state));
    const text = active.length === 1 ? "1 stream" : `${active.length} streams`;
    const words = active.length ? [h("span", { class: "wide" }, "Analysing "), text] : ["Idle"];
    const said = reachable ? text : "Service not reachable";
    if (this.#activity.dataset.said !== said) this.#activity.replaceChildren(...(reachable ? words : [said]));
    this.#activity.dataset.said = said;
    this.#activity.classList.toggle("on", reachable && active.length > 0);
    this.#activity.classList.toggle("lost", !reachable);
    if (!info) return;
    this.#provider.hidden = this.#model.hidden = false;
    const gpu = info.provider !== "cpu";
    const trouble = info.provider_trouble;
    setText(this.#provider, (gpu ? "GPU" : "CPU") + (trouble ? ": the graphics card failed" : ""));
    this.#provider.classList.toggle("lost", Boolean(trouble));
    this.#provider.title = trouble ?? `The models run on the ${gpu ? "graphics card" : "processor"} of the service's machine.`;
    const [name, version] = (info.model ?? "").split("@");
    setText(this.#model, version ? `${name} ${version}` : name);
    this.#model.title = `Classifier ${info.model}`;
  }

  #nextTheme() {
    const now = document.documentElement.dataset.theme ?? "auto";
    this.#useTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  }

  #useTheme(theme) {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME_KEY, theme);
    setIcon(this.#theme.firstChild, THEME_ICONS[theme]);
    this.#theme.setAttribute("aria-label", `Colours: ${theme}. Change`);
    this.#theme.title = `Colours: ${theme}`;
  }
}

customElements.define("fw-header", Header);
