/** What the person who is signed in may do; the service decides, the page only says so in advance. */

import { get } from "./service.js";

const RANKS = ["viewer", "operator", "admin"];
/** Controls, the least role that they ask for, and whether they are of all streams at once. */
const CONTROLS = [
  ["fw-streams .section-head button, [data-start=camera]", "operator", true],
  ["[data-start], fw-streams .row > .danger, fw-enrolment > * button, fw-challenge > button", "operator", false],
  ["fw-alerts .row-acts button, fw-alert-banner [data-act=acknowledge]", "operator", false],
  ["fw-uploads .drop button, fw-uploads .drop input, fw-uploads [data-act=remove]", "operator", true],
];
const PLACES = [
  ["fw-deliveries, fw-alerting", "operator", true],
  [".files-card", "viewer", true],
];

/** {signed_in, open, name, role, streams}; null before the service has said it. */
let me = null;

/** Ask the service who this is. */
export async function learn() {
  me = await get("api/session");
  if (!me.signed_in) return me;
  for (const [selector, least, ofAll] of PLACES) {
    for (const place of document.querySelectorAll(selector)) place.hidden = !may(least, ofAll);
  }
  if (!may("operator", true)) {
    mark();
    new MutationObserver(mark).observe(document.body, { childList: true, subtree: true });
  }
  return me;
}

/** Whether this person's role is enough, and where it is about all streams whether they see all. */
export function may(least, ofAll = false) {
  if (!me?.signed_in) return false;
  return RANKS.indexOf(me.role) >= RANKS.indexOf(least) && !(ofAll && me.streams);
}

function mark() {
  for (const [selector, least, ofAll] of CONTROLS) {
    if (may(least, ofAll)) continue;
    const reason = may(least) ? "Only for those who may see all streams." : `Your role is ${me.role}; this needs ${least}.`;
    for (const control of document.querySelectorAll(selector)) {
      if (control.disabled && control.title === reason) continue;
      control.disabled = true;
      control.title = reason;
      control.setAttribute("aria-description", reason);
    }
  }
}
