/** A finished file's report on the page: why, when, the annotated copy, and what other rules say. */

import { h, icon, setText, svg } from "../dom.js";
import { get } from "../service.js";
import { mediaTime, Timeline } from "../timeline.js";
import { careful, cueName, ruled, stateOf } from "../words.js";

const MOST_FACES = 6;
const MOST_MOMENTS = 8;

export class Report extends HTMLElement {
  #dialog = null;
  #body = h("div", { class: "report-body" });
  #title = h("h2", { id: "report-title" });
  #video = null;
  #timelines = [];

  connectedCallback() {
    if (this.#dialog) return;
    const close = h("button", { class: "quiet", "data-act": "close", onclick: () => this.#dialog.close() }, "Close");
    this.#dialog = h("dialog", { class: "report", "aria-labelledby": "report-title", onclose: () => this.#leave() }, h("div", { class: "section-head" }, this.#title, close), this.#body);
    this.append(this.#dialog);
  }

  /** Open the report of a finished upload. */
  async show(view) {
    const address = `api/uploads/${view.id}`;
    setText(this.#title, view.name);
    this.#body.replaceChildren(h("p", { role: "status" }, "Reading the report …"));
    this.#dialog.showModal();
    try {
      const [report, table] = await Promise.all([get(`${address}/report.json`), get(`${address}/compare`).catch(() => null)]);
      this.#timelines = [];
      this.#body.replaceChildren(...this.#parts(report, table, view, address));
      for (const line of this.#timelines) line.reveal();
    } catch (error) {
      this.#body.replaceChildren(h("p", { class: "form-fault", role: "alert" }, error.message));
    }
  }

  #parts(report, table, view, address) {
    const { verdict } = report;
    const state = stateOf(verdict.state);
    const figure = report.preset ? "By that rule's own count, which is not calibrated" : "Calibrated probability of manipulation";
    const prob = Number.isFinite(verdict.fake_prob) ? `${figure}: ${careful(verdict.fake_prob)}${band(verdict)}. ` : "";
    const observed = new Map(report.observed.faces.map((face) => [face.track_id, face]));
    const still = report.kind === "image";
    return [
      h("p", { class: "report-verdict", "data-state": verdict.state }, icon(state.icon), h("strong", {}, ruled(state.long, report.preset))),
      h("p", {}, prob, verdict.text),
      declared(report.provenance),
      this.#copy(view, address, still),
      report.preset && report.faces.length ? h("p", {}, `What follows is fakewatch's own: by its rule, ${stateOf(report.faces[0].state).long.toLowerCase()}.`) : null,
      ...report.faces.slice(0, MOST_FACES).map((face) => this.#face(face, observed.get(face.track_id), report, still)),
      report.faces.length > MOST_FACES ? h("p", {}, `${report.faces.length - MOST_FACES} less suspicious faces are in the full report.`) : null,
      table ? comparison(table) : null,
      h(
        "div",
        { class: "report-ways" },
        h("a", { class: "quiet", href: `${address}/report.html`, target: "_blank", rel: "noopener" }, "Full report (new tab)"),
        h("a", { class: "quiet", href: `${address}/report.pdf`, target: "_blank", rel: "noopener" }, "PDF"),
        h("a", { class: "quiet", href: `${address}/report.json`, download: `${view.name}.report.json` }, "Data"),
      ),
    ].filter(Boolean);
  }

  #copy(view, address, still) {
    this.#video = null;
    if (!view.annotated) return h("p", { class: "row-detail" }, "There is no annotated copy to look at: it is kept only where it was asked for when the file was sent.");
    const source = `${address}/annotated`;
    if (still) return h("img", { class: "report-copy", src: source, alt: "The picture with boxes and scores" });
    this.#video = h("video", { class: "report-copy", src: source, controls: true, preload: "metadata", playsinline: true, "aria-label": "Annotated copy: boxes and scores" });
    this.#video.addEventListener("timeupdate", () => this.#follow());
    return this.#video;
  }

  #face(face, seen, report, still) {
    const parts = [h("h3", {}, `Face ${face.track_id}: ${stateOf(face.state).long}`), h("p", {}, probability(face, still))];
    if (seen && !still) {
      const how = this.#video ? "Click on it, or move with the arrow keys and press Enter, to go there in the copy." : "Click on it, or use the arrow keys, to read it there.";
      const line = new Timeline(seen, Math.max(report.duration_s ?? 0, face.last_s), report.model, `Face ${face.track_id} over time`);
      line.addEventListener("seek", ({ detail }) => this.#seek(detail));
      this.#timelines.push(line);
      parts.push(line.element, legend(how), this.#moments(seen));
    }
    if (face.reasons.length) parts.push(waterfall(face));
    return h("section", { class: "report-face" }, ...parts.filter(Boolean));
  }

  #moments(seen) {
    const moments = seen.alerts.slice(0, MOST_MOMENTS).map(({ start_s: start }) => ({ time: start, text: `Alert at ${mediaTime(start)}` }));
    if (seen.score.length) moments.push({ time: seen.peak_s, text: `Highest score at ${mediaTime(seen.peak_s)}` });
    if (!moments.length) return null;
    return h("div", { class: "report-moments" }, ...moments.map(({ time, text }) => h("button", { class: "quiet", "data-act": "moment", onclick: () => this.#seek(time) }, text)));
  }

  #seek(time) {
    if (this.#video) this.#video.currentTime = time;
    for (const line of this.#timelines) line.show(time);
  }

  #follow() {
    if (!this.#video) return;
    // A late event of a seek must not move a cursor that the keys have moved on since.
    const leads = !this.#video.paused || document.activeElement === this.#video;
    if (leads && !this.#video.seeking) for (const line of this.#timelines) line.show(this.#video.currentTime);
  }

  #leave() {
    this.#video?.pause();
    this.#video = null;
    this.#timelines = [];
    this.#body.replaceChildren(); // nobody's picture stays in the page
  }
}

function band(face) {
  if (!Number.isFinite(face?.low_prob) || !Number.isFinite(face?.high_prob)) return "";
  return ` (90 % band ${careful(face.low_prob)} to ${careful(face.high_prob)})`;
}

/** What the drawing shows, in the colours that it has them in. */
function legend(how) {
  const keys = { score: "probability over the last seconds", dots: "single looks", ear: "opening of the eyes", blink: "blink", judged: "judged", unjudged: "seen, not judged" };
  return h("p", { class: "timeline-legend" }, ...Object.entries(keys).map(([name, text]) => h("span", { "data-key": name }, text)), h("span", {}, how));
}

function probability(face, still) {
  const seen = still ? "" : ` Seen from ${mediaTime(face.first_s)} to ${mediaTime(face.last_s)}.`;
  if (!Number.isFinite(face.fake_prob)) return `No probability: too little could be judged (${face.samples} ${face.samples === 1 ? "look" : "looks"}).${seen}`;
  return `Probability of manipulation ${careful(face.fake_prob)}${band(face)}, from ${face.samples} ${face.samples === 1 ? "look" : "looks"}.${seen}`;
}

function declared(provenance) {
  if (!provenance || ["absent", "unsupported", "not_installed"].includes(provenance.status)) return null;
  const signer = [provenance.signer, provenance.organisation].filter(Boolean).join(", ");
  const generated = provenance.declares_generated ? " It declares that it was made by generative AI, in whole or in part." : "";
  return h("p", { class: "report-declared" }, h("strong", {}, "Content Credentials: "), provenance.text, signer ? ` Signed by ${signer}.` : "", generated);
}

/** The reasons with their weights; a bar to the right speaks for manipulation. */
function waterfall(face) {
  const sums = [0];
  for (const { llr } of face.reasons) sums.push(sums.at(-1) + llr);
  const sum = sums.at(-1);
  const reach = Math.max(2, ...sums.map(Math.abs));
  const row = (name, llr, text, from = 0) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", { class: "figure" }, `${llr >= 0 ? "+" : "−"}${Math.abs(llr).toFixed(2)}`),
      h("td", {}, bar(from, from + llr, reach)),
      h("td", {}, text),
    );
  return h(
    "table",
    { class: "report-table" },
    h("caption", {}, "Why: the evidence, added up (log-odds; + speaks for manipulation)"),
    h("tbody", {}, ...face.reasons.map((reason, index) => row(cueName(reason.cue), reason.llr, reason.text, sums[index])), row("Sum", sum, `which is ${careful(face.fake_prob)}`)),
  );
}

/** From where the sum stood to where it stands then; right of the middle speaks for manipulation. */
function bar(from, to, reach) {
  const [left, right] = [from, to].sort((a, b) => a - b).map((value) => ((value + reach) / (2 * reach)) * 180);
  return svg(
    "svg",
    { class: "bar", viewBox: "0 0 180 16", "aria-hidden": "true" },
    svg("path", { class: "zero", d: "M90 0v16" }),
    svg("rect", { class: to >= from ? "more" : "less", x: left, y: 2, width: Math.max(2, right - left), height: 12, rx: 3 }),
  );
}

function comparison(table) {
  const head = ["Rule", "Answer", "Prob.", "Time", "Reason, and known weakness"].map((text) => h("th", { scope: "col" }, text));
  const rows = table.rows.map((row, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, row.rule),
      h("td", {}, index === 0 ? stateOf(row.answer).long : row.answer),
      h("td", { class: "figure", "data-label": "Probability" }, Number.isFinite(row.fake_prob) ? careful(row.fake_prob) : "–"),
      h("td", { class: "figure", "data-label": "Time" }, index === 0 ? `${row.time_s.toFixed(1)} s` : `+${(1000 * row.time_s).toFixed(1)} ms`),
      h("td", {}, row.reason, h("small", {}, `Weakness: ${row.weakness}`)),
    ),
  );
  return h(
    "details",
    { class: "report-compare" },
    h("summary", {}, "Compare: what the rules of known systems would say"),
    h("p", { class: "row-detail" }, table.note),
    h("table", { class: "report-table" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
  );
}

customElements.define("fw-report", Report);
