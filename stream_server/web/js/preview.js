/** Shows the newest analysed picture of a camera, a few times a second, with its own media time. */

import { call } from "./service.js";

const EVERY_MS = 200;
const AFTER_FAULT_MS = 2000;

export class Preview {
  #book;
  #stage;
  #streamId = null;
  #abort = new AbortController();

  constructor(book, stage) {
    this.#book = book;
    this.#stage = stage;
  }

  /** Follow this stream's pictures; null stops. */
  show(streamId) {
    if (streamId === this.#streamId) return;
    this.#streamId = streamId;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#stage.showPicture(null, NaN);
    if (streamId) this.#follow(streamId);
  }

  async #follow(streamId) {
    while (this.#streamId === streamId) {
      let waitMs = EVERY_MS;
      if (!document.hidden) {
        try {
          await this.#fetch(streamId);
        } catch {
          waitMs = AFTER_FAULT_MS; // the boxes are drawn on an empty picture meanwhile
        }
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #fetch(streamId) {
    const { signal } = this.#abort;
    const response = await call("GET", `api/streams/${streamId}/preview.jpg`, undefined, { signal });
    if (response.status === 204) return;
    const mediaMs = Number(response.headers.get("X-Media-Time")) * 1000;
    const bitmap = await createImageBitmap(await response.blob());
    if (this.#streamId === streamId) this.#stage.showPicture(bitmap, mediaMs);
    bitmap.close();
  }
}
