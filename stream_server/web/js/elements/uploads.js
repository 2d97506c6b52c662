/** Files: a place to drop them, how far each is, its verdict and the way to its report. */

import { h, icon, setIcon, setText } from "../dom.js";
import { may } from "../rights.js";
import { Sender } from "../sender.js";
import { get, post, remove } from "../service.js";
import { careful, percent, ruled, stateOf } from "../words.js";

const BUSY_EVERY_MS = 700;
const IDLE_EVERY_MS = 8000;
const WAITING = ["receiving", "queued", "analysing"];
/** What deepvision's table asks of the person; the names are those of the API. */
const PERSON = {
  gender: ["Gender", { f: "female", m: "male" }],
  age: ["Age", { "0-19": "under 20", "20-39": "20 to 39", "40-59": "40 to 59", "60+": "60 and over" }],
  activity: ["Activity", { static: "silent", dynamic: "talking" }],
  daytime: ["Time of day", { am: "morning", pm: "afternoon" }],
};
const TONES = { alert: "bad", suspect: "warn", clear: "good", insufficient: "calm" };

export class Uploads extends HTMLElement {
  #sender = new Sender();
  #views = [];
  #rows = new Map();
  #timer = null;
  #input = h("input", { type: "file", multiple: true, hidden: true, accept: "video/*,image/*,.mkv,.ts,.avi,.flv", onchange: () => this.#pick() });
  #pictures = h("input", { type: "checkbox", id: "upload-pictures" });
  #annotated = h("input", { type: "checkbox", id: "upload-annotated" });
  #rules = h("select", { id: "upload-preset", name: "preset" }, h("option", { value: "" }, "fakewatch's own rule"));
  #list = h("ul", { class: "rows", "aria-label": "Files" });
  #said = h("p", { class: "said", role: "status" });

  connectedCallback() {
    if (this.firstChild) return;
    const choose = h("button", { class: "quiet", "data-act": "choose", onclick: () => this.#input.click() }, icon("upload"), "Choose files");
    const zone = h(
      "div",
      { class: "drop" },
      h("p", {}, "Drop videos or pictures here, or ", choose),
      h("label", { class: "check", for: "upload-pictures" }, this.#pictures, "Show pictures of the most suspicious moments in the report"),
      h("label", { class: "check", for: "upload-annotated" }, this.#annotated, "Keep an annotated copy to look at with the report"),
      this.#choices(),
      h("p", { class: "row-detail" }, "A file is deleted once its report is ready, unless the service is set to keep files."),
    );
    zone.addEventListener("dragover", (event) => this.#drag(event, zone, true));
    zone.addEventListener("dragleave", (event) => this.#drag(event, zone, false));
    zone.addEventListener("drop", (event) => {
      this.#drag(event, zone, false);
      this.#send([...event.dataTransfer.files]);
    });
    this.append(h("div", { class: "section-head" }, h("h2", {}, "Files")), zone, this.#input, this.#list, this.#said);
    this.#sender.addEventListener("change", () => this.#refresh());
  }

  /** Asks for nothing before the service has accepted this page. */
  set book(book) {
    const began = () => {
      this.#rules.append(...(book.info.presets ?? []).map((name) => h("option", { value: name }, name)));
      this.#refresh();
    };
    book.addEventListener("info", began, { once: true });
  }

  #choices() {
    const person = Object.entries(PERSON).map(([name, [title, choices]]) => {
      const options = Object.entries(choices).map(([value, text]) => h("option", { value }, text));
      return h("label", { class: "field" }, h("span", {}, title), h("select", { name }, h("option", { value: "" }, "not said"), ...options));
    });
    return h(
      "details",
      { class: "upload-choices" },
      h("summary", {}, "Rule, and what you know of the person"),
      h("label", { class: "field" }, h("span", {}, "Judged by"), this.#rules, h("small", {}, "Another system's published rule gives the verdict in the place of fakewatch's own; the report compares all of them either way.")),
      h("fieldset", {}, h("legend", {}, "For the comparison: the person in the files that you send next"), h("div", { class: "field-row" }, ...person)),
      h("p", { class: "row-detail" }, "Only the rule of deepvision asks for this: it expects other blinking of other people. The table that comes with fakewatch tells only silent people from talking ones; a table of your own may tell more. Nothing of it is kept."),
    );
  }

  #drag(event, zone, over) {
    event.preventDefault();
    zone.classList.toggle("over", over);
  }

  #pick() {
    this.#send([...this.#input.files]);
    this.#input.value = "";
  }

  #send(files) {
    if (!files.length) return;
    const wishes = { pictures: this.#pictures.checked, annotated: this.#annotated.checked };
    for (const { name, value } of this.querySelectorAll(".upload-choices select")) if (value) wishes[name] = value;
    this.#sender.add(files, wishes, this.#views);
  }

  async #refresh() {
    clearTimeout(this.#timer);
    if (!may("viewer", true)) return;
    try {
      if (!document.hidden) this.#views = await get("api/uploads");
    } catch {
      /* the header says when the service does not answer */
    }
    clearTimeout(this.#timer);
    this.#show();
    const busy = this.#views.some((view) => WAITING.includes(view.state));
    this.#timer = setTimeout(() => this.#refresh(), busy ? BUSY_EVERY_MS : IDLE_EVERY_MS);
  }

  #show() {
    const unsent = this.#sender.local.map((entry) => ({ ...entry, id: entry.key, state: entry.error ? "unsent" : "waiting", error_text: entry.error }));
    const shown = [...unsent.reverse(), ...this.#views];
    const ids = new Set(shown.map((view) => view.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    for (const view of shown.toReversed()) this.#row(view);
  }

  #row(view) {
    let row = this.#rows.get(view.id);
    if (!row) {
      row = this.#build(view);
      this.#rows.set(view.id, row);
      this.#list.prepend(row.element);
    }
    const { text, tone, shape } = head(view, this.#sender.sending.has(view.id));
    const before = row.element.dataset.state;
    row.element.dataset.state = view.state;
    setIcon(row.icon, shape);
    setText(row.chip, text);
    row.chip.dataset.tone = tone;
    setText(row.detail, detail(view, this.#sender.sending.has(view.id)));
    const share = progress(view);
    row.progress.hidden = share === null;
    row.progress.value = share ?? 0;
    const waiting = WAITING.includes(view.state);
    row.cancel.hidden = !waiting;
    row.away.hidden = waiting;
    row.show.hidden = row.report.hidden = row.data.hidden = view.state !== "done";
    row.view = view;
    if (before && before !== view.state && !waiting) setText(this.#said, `${view.name}: ${text}. ${row.detail.textContent}`);
  }

  #build({ id, name }) {
    const report = `api/uploads/${id}/report`;
    const parts = {
      icon: icon("upload"),
      chip: h("span", { class: "chip" }),
      detail: h("p", { class: "row-detail" }),
      progress: h("progress", { max: 1, "aria-label": `Progress of ${name}` }),
      cancel: h("button", { class: "quiet", "data-act": "cancel", "aria-label": `Cancel ${name}`, onclick: () => this.#cancel(id) }, icon("stop"), "Cancel"),
      show: h("button", { class: "quiet", "data-act": "show", "aria-label": `Show the report on ${name}`, onclick: () => document.querySelector("fw-report").show(this.#rows.get(id).view) }, "Show report"),
      report: h("a", { class: "quiet", "data-act": "report", href: `${report}.html`, target: "_blank", rel: "noopener", "aria-label": `Open the report on ${name} in a new tab` }, "New tab"),
      data: h("a", { class: "quiet", href: `${report}.json`, download: `${name}.report.json`, "aria-label": `Save the data of the report on ${name}` }, "Data"),
      away: h("button", { class: "quiet danger", "data-act": "remove", "aria-label": `Remove ${name}`, onclick: () => this.#remove(id) }, icon("bin"), "Remove"),
    };
    parts.element = h(
      "li",
      { class: "row upload-row", "data-upload": id },
      h("div", { class: "upload-head" }, parts.icon, h("span", { class: "row-name" }, name), parts.chip),
      parts.progress,
      parts.detail,
      h("div", { class: "upload-acts" }, parts.show, parts.report, parts.data, parts.cancel, parts.away),
    );
    return parts;
  }

  async #cancel(id) {
    this.#sender.stop(id);
    await this.#ask(() => post(`api/uploads/${id}/cancel`));
  }

  async #remove(id) {
    if (id.startsWith("local-")) this.#sender.dismiss(id);
    else await this.#ask(() => remove(`api/uploads/${id}`));
  }

  async #ask(what) {
    try {
      await what();
    } catch (error) {
      setText(this.#said, error.message);
    }
    this.#refresh();
  }
}

function progress({ state, received_bytes: received, size_bytes: size, done_s: done, duration_s: duration }) {
  if (state === "receiving" && size) return received / size;
  if (state === "analysing" && duration) return Math.min(1, done / duration);
  return null;
}

function head(view, sending) {
  const share = progress(view);
  switch (view.state) {
    case "waiting":
      return { text: "Waiting to be sent", tone: "calm", shape: "upload" };
    case "receiving":
      return { text: sending ? `Sending ${percent(share)}` : "Sending stopped", tone: sending ? "calm" : "warn", shape: "upload" };
    case "queued":
      return { text: view.position ? `Waiting, place ${view.position}` : "Waiting", tone: "calm", shape: "dots" };
    case "analysing":
      return { text: share === null ? "Analysing" : `Analysing ${percent(share)}`, tone: "calm", shape: view.worst ? stateOf(view.worst).icon : "dots" };
    case "done":
      return { text: ruled(stateOf(view.verdict).long, view.preset), tone: TONES[view.verdict] ?? "calm", shape: stateOf(view.verdict).icon };
    case "cancelled":
      return { text: "Cancelled", tone: "calm", shape: "stop" };
    default:
      return { text: view.state === "unsent" ? "Not sent" : "Not analysed", tone: "warn", shape: "dots" };
  }
}

function detail(view, sending) {
  if (view.error_text) return view.error_text;
  if (view.state === "receiving" && !sending) return "Choose the same file again to go on where it stopped.";
  if (view.state === "analysing" && view.worst) return `So far: ${stateOf(view.worst).long.toLowerCase()}.`;
  if (view.state !== "done") return "";
  // A known system's figure is not calibrated, and its text says what it counted.
  return Number.isFinite(view.fake_prob) && !view.preset ? `Probability of manipulation ${careful(view.fake_prob)}. ${view.text}` : view.text;
}

customElements.define("fw-uploads", Uploads);
