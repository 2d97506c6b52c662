/** This page's own camera or shared window: at most one, from the first click to the last picture. */

import { openCamera, openShare } from "./capture.js";
import { WebRtcLink } from "./link.js";

const CHOICE_KEY = "fakewatch-camera";

/** Emits "change" whenever there is another link or none, and "trouble" ({text, help, retryAtMs}). */
export class OwnVideo extends EventTarget {
  link = null;
  preset = null; // a known system's rule that judges in the place of fakewatch's own
  #unreachable = false; // help stays in sight until the video gets through

  constructor(book) {
    super();
    this.book = book;
    this.choice = { deviceId: "", size: "1280x720", ...JSON.parse(localStorage.getItem(CHOICE_KEY) ?? "{}") };
    addEventListener("pagehide", () => this.stop());
  }

  async start(kind) {
    const stream = kind === "webcam" ? await openCamera(this.choice) : await openShare();
    this.stop();
    const name = kind === "webcam" ? "Webcam" : "Shared window";
    const link = new WebRtcLink(stream, name, this.book.info?.webrtc ?? {});
    link.kind = kind;
    link.preset = this.preset;
    this.link = link;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.#ended(link));
    this.#tell();
    link.addEventListener("event", ({ detail }) => this.book.take(detail));
    link.addEventListener("state", ({ detail }) => this.#follow(link, detail));
    try {
      await link.start();
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Another camera or size: the connection stays. */
  async pick(choice) {
    this.choice = choice;
    localStorage.setItem(CHOICE_KEY, JSON.stringify(choice));
    if (this.link?.kind !== "webcam") return;
    const link = this.link;
    // Many cameras open only once: the old picture has to end before the new one can begin.
    for (const track of link.stream.getTracks()) track.stop();
    await link.replace(await openCamera(choice));
    link.stream.getVideoTracks()[0].addEventListener("ended", () => this.#ended(link));
    this.#tell();
  }

  stop() {
    const { link } = this;
    if (!link) return;
    this.link = null;
    this.#unreachable = false;
    link.stop();
    this.#trouble("");
    if (link.streamId) this.book.removeStream(link.streamId);
    this.#tell();
  }

  #ended(link) {
    if (link === this.link) this.stop();
  }

  #follow(link, { state, text, retryAtMs }) {
    if (link !== this.link) return;
    if (state === "ended") {
      this.stop();
      this.#trouble(text);
      return;
    }
    if (state === "unreachable") this.#unreachable = true;
    if (state === "connected") this.#unreachable = false;
    this.#trouble(state === "connecting" ? "Connecting …" : text, this.#unreachable, retryAtMs);
    if (state === "connected") this.#adopt(link);
  }

  #adopt(link) {
    this.book.own = link.streamId;
    this.book.addStream({ id: link.streamId, name: link.name, kind: link.kind });
    if (this.book.selected !== link.streamId) this.book.select(link.streamId);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }

  #trouble(text, help = false, retryAtMs = null) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: { text, help, retryAtMs } }));
  }
}
