/** Everything the page knows: the service, its streams, the faces on them, and the alerts. */

import { StreamHistory } from "./history.js";

/**
 * Emits "info", "streams", "analysis" (detail: stream id), "alerts" (detail: {opened: alert | null})
 * and "select".
 */
export class Book extends EventTarget {
  constructor() {
    super();
    this.info = null;
    this.streams = new Map(); // id -> {id, name, kind, status, preset, history, error}
    this.alerts = new Map();
    this.alertsLoaded = false;
    this.streamsLoaded = false;
    this.reachable = true; // the service answered lately
    this.selected = null;
    this.own = null; // the stream id of this page's own camera or share
  }

  get stream() {
    return this.streams.get(this.selected) ?? null;
  }

  setInfo(info) {
    this.info = info;
    this.#tell("info");
  }

  setReachable(reachable) {
    if (reachable === this.reachable) return;
    this.reachable = reachable;
    this.#tell("info");
  }

  /** Thresholds of the classifier, for the lines in the charts. */
  get thresholds() {
    return this.info?.thresholds ?? { raise_at: 0.8, clear_at: 0.55 };
  }

  /** Replace the list of streams by what the service says there is. */
  setStreams(list) {
    const ids = new Set(list.map((one) => one.id));
    for (const id of this.streams.keys()) if (!ids.has(id) && id !== this.own) this.streams.delete(id);
    for (const one of list) this.addStream(one);
    this.streamsLoaded = true;
    if (this.selected && !this.streams.has(this.selected)) this.select(null);
    this.#tell("streams");
  }

  addStream({ id, name, kind, status = null, preset = null }) {
    const known = this.streams.get(id);
    if (known) {
      Object.assign(known, { name: name ?? known.name, kind: kind ?? known.kind, preset: preset ?? known.preset });
      known.status = status ?? known.status;
    } else this.streams.set(id, { id, name, kind, status, preset, history: new StreamHistory() });
  }

  removeStream(id) {
    this.streams.delete(id);
    if (this.own === id) this.own = null;
    if (this.selected === id) this.select(null);
    this.#tell("streams");
  }

  select(id) {
    this.selected = id;
    this.#tell("select");
  }

  /** Take one live event, from a data channel or a WebSocket. */
  take(event, arrivedMs = performance.now()) {
    if (event.type === "analysis") this.#analysis(event, arrivedMs);
    else if (event.type === "status") this.#status(event);
    else if (event.type === "alert") this.setAlert(event.alert);
  }

  #analysis(event, arrivedMs) {
    const stream = this.streams.get(event.stream_id);
    if (!stream) return;
    stream.history.add(event, arrivedMs);
    this.#tell("analysis", { id: event.stream_id, event, arrivedMs });
  }

  #status(event) {
    const stream = this.streams.get(event.stream_id);
    if (!stream) return;
    stream.status = event.status;
    this.#tell("streams");
  }

  setAlerts(list) {
    for (const alert of list) this.alerts.set(alert.alert_id, alert);
    this.alertsLoaded = true;
    this.#tell("alerts", { opened: null });
  }

  setAlert(alert) {
    const isNew = !this.alerts.has(alert.alert_id);
    this.alerts.set(alert.alert_id, alert);
    this.#tell("alerts", { opened: isNew && alert.phase !== "closed" ? alert : null });
  }

  /** Newest first. */
  sortedAlerts() {
    return [...this.alerts.values()].sort((a, b) => b.opened_at.localeCompare(a.opened_at));
  }

  /** The newest alert that is open and that nobody has acknowledged. */
  get pressing() {
    return this.sortedAlerts().find((alert) => alert.phase !== "closed" && !alert.acknowledged_at) ?? null;
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
