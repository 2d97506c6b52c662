/** What is kept of an alert as evidence: said in words, to be saved, pinned or deleted. */

import { h, icon } from "../dom.js";
import { shelf } from "../evidence_shelf.js";
import { post, remove } from "../service.js";

const KEPT = {
  metadata: "scores and blinks, no pictures",
  snapshot: "pictures, scores and blinks",
  clip: "a clip, pictures, scores and blinks",
};
const PRIVACY = {
  snapshot: "Pictures of the flagged face and one of the scene are kept with each alert, on this machine only.",
  clip: "A clip and pictures are kept with each alert, on this machine only.",
};

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The line of one alert's row; null while there is no bundle. `tell` runs and reports refusals. */
export function evidenceLine(alert, tell) {
  const entry = shelf.of(alert.alert_id);
  if (!entry) return null;
  const path = `api/alerts/${alert.alert_id}/evidence`;
  const words = `Evidence: ${KEPT[entry.kept] ?? entry.kept} (${size(entry.size_bytes)})`;
  return h(
    "div",
    { class: "row-acts evidence" },
    h("span", { class: "row-detail", title: entry.note }, entry.pinned ? `${words}, pinned` : words),
    h("a", { class: "quiet", href: `${path}/bundle.zip`, download: `${entry.name}.zip`, "data-act": "save-evidence" }, "Save"),
    h(
      "button",
      {
        class: "quiet",
        "data-act": "pin-evidence",
        "aria-pressed": String(entry.pinned),
        title: "Pinned evidence is not deleted by age or size",
        onclick: () => tell(() => post(`${path}/pin`, { pinned: !entry.pinned })),
      },
      entry.pinned ? icon("check") : null,
      "Pin",
    ),
    h("button", { class: "quiet danger", "data-act": "delete-evidence", onclick: () => confirmed(alert) && tell(() => remove(path)) }, "Delete"),
  );
}

function confirmed(alert) {
  return confirm(`Delete the evidence of the alert on “${alert.stream_name}”? It cannot be brought back.`);
}

/** Says that pictures are kept, where they are. */
export class EvidenceNote extends HTMLElement {
  set book(book) {
    const tell = () => {
      const sentence = PRIVACY[book.info?.evidence];
      this.hidden = !sentence;
      this.replaceChildren(...(sentence ? [h("p", { class: "row-detail" }, `${sentence} Tell those who are in the picture.`)] : []));
    };
    book.addEventListener("info", tell);
    tell();
  }
}

customElements.define("fw-evidence-note", EvidenceNote);
