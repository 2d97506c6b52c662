/** The picture with a box on every face: a local video, or the newest picture of a camera. */

import { h, setText } from "../dom.js";
import { MediaClock } from "../motion.js";
import { drawFaces, freshness } from "../overlay.js";
import { streamState } from "../words.js";

const DEFAULT_CAMERA_MS = 30;
const SILENT = { text: "No answer from the service", tone: "warn" };

export class Stage extends HTMLElement {
  #book = null;
  #link = null;
  #clock = new MediaClock();
  #video = h("video", { muted: true, playsinline: true, autoplay: true, "aria-label": "Your video" });
  #picture = h("canvas", { class: "picture", hidden: true });
  #overlay = h("canvas", { class: "overlay", "aria-hidden": "true" });
  #chip = h("span", { class: "chip" }, "");
  #note = h("p", { class: "stage-note", hidden: true });
  #frame = h("div", { class: "stage-frame" }, this.#video, this.#picture, this.#overlay, this.#chip, this.#note);
  #pictureMs = NaN; // media time of the picture shown, for cameras
  /** What the last drawing showed: [{trackId, x, y, w, h}] in frame pixels; for tests. */
  drawn = [];

  connectedCallback() {
    if (this.firstChild) return;
    this.#video.muted = true;
    this.append(this.#frame);
    this.#follow();
    const everyFrame = () => {
      if (!this.isConnected) return;
      if (!this.#link || this.#video.paused || !this.#video.requestVideoFrameCallback) this.#draw(NaN);
      requestAnimationFrame(everyFrame);
    };
    requestAnimationFrame(everyFrame);
  }

  set book(book) {
    this.#book = book;
    book.addEventListener("analysis", ({ detail }) => this.#noteResult(detail));
    book.addEventListener("streams", () => this.#tellState());
    book.addEventListener("select", () => this.#tellState());
    book.addEventListener("info", () => this.#tellState());
  }

  /** Show this page's own video, or (null) the pictures of the selected camera. */
  showLink(link) {
    this.#link = link;
    this.#clock.reset();
    this.#video.srcObject = link?.stream ?? null;
    this.#video.hidden = !link;
    this.#picture.hidden = Boolean(link);
    this.#shape(16, 9);
    if (link) this.#video.play().catch(() => {});
  }

  /** Show a camera's picture and the media time it was taken at; null clears it. */
  showPicture(bitmap, mediaMs) {
    this.#pictureMs = mediaMs;
    if (!bitmap) {
      this.#picture.getContext("2d").clearRect(0, 0, this.#picture.width, this.#picture.height);
      return;
    }
    if (this.#picture.width !== bitmap.width) this.#picture.width = bitmap.width;
    if (this.#picture.height !== bitmap.height) this.#picture.height = bitmap.height;
    this.#picture.getContext("2d").drawImage(bitmap, 0, 0);
  }

  /** A sentence over the picture: what is being waited for, or what went wrong. */
  say(sentence) {
    setText(this.#note, sentence);
    this.#note.hidden = !sentence;
  }

  #follow() {
    if (!this.#video.requestVideoFrameCallback) return;
    const onFrame = (now, { captureTime }) => {
      this.#draw(captureTime ?? now - DEFAULT_CAMERA_MS);
      this.#video.requestVideoFrameCallback(onFrame);
    };
    this.#video.requestVideoFrameCallback(onFrame);
  }

  #noteResult({ id, event, arrivedMs }) {
    if (id !== this.#book.selected || !this.#link) return;
    this.#clock.note(arrivedMs, event.analysis.time_s, event.age_ms);
  }

  /** Draw the boxes as they belong to a picture captured at `captureMs` on the page's clock. */
  #draw(captureMs) {
    const history = this.#book?.stream?.history;
    const analysis = history?.analysis;
    const { ctx, width, height } = this.#canvas();
    ctx.clearRect(0, 0, width, height);
    this.drawn = [];
    if (!analysis) return;
    this.#shape(analysis.width, analysis.height);
    const mediaMs = this.#link ? this.#clock.mediaMs(captureMs, this.#link.wayMs) : this.#pictureMs;
    const alpha = freshness(performance.now() - history.arrivedMs + (history.ageMs ?? 0));
    this.#frame.classList.toggle("stale", alpha === 0);
    if (alpha === 0) return;
    const faces = history.present().map(({ reading, motion }) => ({ reading, box: motion.at(mediaMs) }));
    drawFaces(ctx, faces, width / analysis.width, alpha);
    this.drawn = faces.map(({ reading, box }) => ({ trackId: reading.track_id, ...box }));
  }

  #canvas() {
    const { clientWidth: width, clientHeight: height } = this.#overlay;
    const scale = window.devicePixelRatio || 1;
    const [w, k] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.#overlay.width !== w || this.#overlay.height !== k) {
      this.#overlay.width = w;
      this.#overlay.height = k;
    }
    const ctx = this.#overlay.getContext("2d");
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    return { ctx, width, height };
  }

  #shape(width, height) {
    const ratio = `${width} / ${height}`;
    if (this.#frame.style.aspectRatio !== ratio) this.#frame.style.aspectRatio = ratio;
  }

  #tellState() {
    const status = this.#book.stream?.status;
    // What was said last of a stream says nothing once the service is silent.
    const { text, tone } = this.#book.reachable ? streamState(status?.state ?? "connecting") : SILENT;
    setText(this.#chip, text);
    this.#chip.dataset.tone = tone;
  }
}

customElements.define("fw-stage", Stage);
