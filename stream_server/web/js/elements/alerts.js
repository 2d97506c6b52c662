/** Alerts, newest first: what was seen, and what the person makes of it. */

import { h, icon } from "../dom.js";
import { shelf } from "../evidence_shelf.js";
import { post } from "../service.js";
import { VERIFY_ADVICE, clock, percent } from "../words.js";
import { evidenceLine } from "./evidence.js";

const SHOWN = 50;

/** The list. Emits "failed" (detail: a sentence). */
export class Alerts extends HTMLElement {
  #book = null;
  #empty = h("p", { class: "empty" }, "Loading …");
  #note = h("fw-evidence-note");
  #list = h("ol", { class: "rows alerts" });

  connectedCallback() {
    if (this.firstChild) return;
    this.append(h("div", { class: "section-head" }, h("h2", {}, "Alerts")), this.#note, this.#empty, this.#list);
  }

  set book(book) {
    this.#book = book;
    this.#note.book = book;
    book.addEventListener("alerts", () => {
      shelf.follow();
      this.#update();
    });
    shelf.addEventListener("change", () => this.#update());
  }

  #update() {
    const alerts = this.#book.sortedAlerts().slice(0, SHOWN);
    this.#empty.hidden = alerts.length > 0;
    this.#empty.textContent = this.#book.alertsLoaded ? "No alerts. They appear here when signs of manipulation last." : "Loading …";
    const focused = document.activeElement?.dataset?.act;
    const within = document.activeElement?.closest("[data-alert]")?.dataset.alert;
    this.#list.replaceChildren(...alerts.map((alert) => this.#row(alert)));
    if (focused && within) this.querySelector(`[data-alert="${within}"] [data-act="${focused}"]`)?.focus();
  }

  #row(alert) {
    const open = alert.phase !== "closed";
    const when = open ? `since ${clock(alert.opened_at)}` : `${clock(alert.opened_at)}–${clock(alert.closed_at)}`;
    const strongest = [...alert.reasons].sort((a, b) => b.llr - a.llr)[0];
    return h(
      "li",
      { class: `row alert-row ${open ? "open" : "closed"}`, "data-alert": alert.alert_id },
      h(
        "div",
        { class: "row-main" },
        icon(open ? "octagon" : "circle"),
        h("span", { class: "row-name" }, `${alert.stream_name} · face ${alert.track_id}`),
        h("span", { class: "chip", "data-tone": open ? "bad" : "calm" }, open ? "Open" : "Closed"),
        alert.escalated ? h("span", { class: "chip", "data-tone": "bad" }, "Escalated") : null,
        alert.suspended ? h("span", { class: "chip", "data-tone": "calm" }, "Not delivered: suspended") : null,
        h("span", { class: "row-detail" }, `${when} · up to ${percent(alert.peak_prob)}`),
        strongest ? h("span", { class: "row-detail" }, strongest.text) : null,
      ),
      h("div", { class: "row-acts" }, this.#acts(alert)),
      evidenceLine(alert, (act) => this.#change(act)),
    );
  }

  #acts(alert) {
    const act = (name, label, pressed, path, body) =>
      h(
        "button",
        { class: "quiet", "data-act": name, "aria-pressed": String(pressed), onclick: () => this.tell(alert, path, body) },
        pressed ? icon("check") : null,
        label,
      );
    return [
      alert.acknowledged_at
        ? h("span", { class: "row-detail" }, `Acknowledged ${clock(alert.acknowledged_at)}`)
        : act("acknowledge", "Acknowledge", false, "acknowledge"),
      act("manipulated", "It was manipulation", alert.judged === true, "judge", { manipulated: true }),
      act("false-alarm", "False alarm", alert.judged === false, "judge", { manipulated: false }),
    ];
  }

  async #change(act) {
    try {
      await act();
      await shelf.refresh();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    }
  }

  /** Acknowledge or judge an alert. */
  async tell(alert, what, body) {
    try {
      this.#book.setAlert(await post(`api/alerts/${alert.alert_id}/${what}`, body));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    }
  }
}

/** What stands over everything while an alert is open that nobody has acknowledged. */
export class AlertBanner extends HTMLElement {
  #book = null;
  #shown = null;

  connectedCallback() {
    this.setAttribute("role", "alert");
    this.setAttribute("aria-live", "assertive");
  }

  /** Called with the alert to acknowledge. */
  onacknowledge = () => {};

  set book(book) {
    this.#book = book;
    book.addEventListener("alerts", () => this.#update());
  }

  #update() {
    const alert = this.#book.pressing;
    if (alert?.alert_id === this.#shown) return; // said once, not at every update
    this.#shown = alert?.alert_id ?? null;
    this.replaceChildren();
    this.hidden = !alert;
    if (!alert) return;
    this.append(
      icon("octagon", "icon big"),
      h(
        "div",
        {},
        h("strong", {}, `Strong signs of manipulation on “${alert.stream_name}”, face ${alert.track_id}.`),
        h("p", {}, VERIFY_ADVICE),
      ),
      h(
        "div",
        { class: "banner-acts" },
        this.#book.streams.has(alert.stream_id) && this.#book.selected !== alert.stream_id
          ? h("button", { class: "quiet", "data-act": "show", onclick: () => this.#book.select(alert.stream_id) }, "Show")
          : null,
        h("button", { class: "primary", "data-act": "acknowledge", onclick: () => this.onacknowledge(alert) }, "Acknowledge"),
      ),
    );
  }
}

customElements.define("fw-alerts", Alerts);
customElements.define("fw-alert-banner", AlertBanner);
