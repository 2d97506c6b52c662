/** Sends files to the service one after the other, in parts, and goes on after a broken connection. */

import { call, get, post } from "./service.js";

const PART_BYTES = 4 * 1024 * 1024;
const TRIES = 5;
const PAUSE_MS = 1000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Emits "change" whenever there is something new to show. */
export class Sender extends EventTarget {
  #waiting = [];
  #busy = false;
  #serial = 0;
  /** Files that the service does not know (yet): {key, name, error}. */
  local = [];
  /** Ids that this page is sending now. */
  sending = new Map();

  /** `known`: what the service has; a file that it has half of goes on where it stopped. */
  add(files, wishes, known) {
    for (const file of files) {
      const half = known.find((one) => one.state === "receiving" && one.name === file.name && one.size_bytes === file.size && !this.sending.has(one.id));
      this.#serial += 1;
      const entry = { key: `local-${this.#serial}`, name: file.name, error: "", file, wishes, id: half?.id ?? null };
      if (half) this.sending.set(half.id, new AbortController());
      this.local.push(entry);
      this.#waiting.push(entry);
    }
    this.#tell();
    this.#run();
  }

  /** Take a file off the list that never reached the service. */
  dismiss(key) {
    this.local = this.local.filter((entry) => entry.key !== key);
    this.#waiting = this.#waiting.filter((entry) => entry.key !== key);
    this.#tell();
  }

  /** Stop sending. */
  stop(id) {
    this.sending.get(id)?.abort();
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length) await this.#send(this.#waiting.shift());
    this.#busy = false;
  }

  async #send(entry) {
    try {
      const view = entry.id ? await get(`api/uploads/${entry.id}`) : await post("api/uploads", { name: entry.name, size: entry.file.size, ...entry.wishes });
      if (!entry.id) this.sending.set(view.id, new AbortController());
      entry.id = view.id;
      this.local = this.local.filter((one) => one !== entry);
      this.#tell();
      await this.#sendParts(entry, view.received_bytes);
      await post(`api/uploads/${entry.id}/finish`);
    } catch (error) {
      if (!this.sending.get(entry.id)?.signal.aborted) {
        entry.error = error.message;
        if (!this.local.includes(entry)) this.local.push(entry);
      }
    }
    this.sending.delete(entry.id);
    this.#tell();
  }

  async #sendParts({ id, file }, from) {
    const { signal } = this.sending.get(id);
    for (let offset = from, failed = 0; offset < file.size; ) {
      try {
        const body = file.slice(offset, offset + PART_BYTES);
        const view = await (await call("PUT", `api/uploads/${id}/parts?offset=${offset}`, undefined, { body, signal })).json();
        offset = view.received_bytes;
        failed = 0;
        this.#tell();
      } catch (error) {
        failed += 1;
        // A refusal stays one; only a lost connection is worth another try.
        if (signal.aborted || error.status || failed >= TRIES) throw error;
        await pause(PAUSE_MS * failed);
        offset = (await get(`api/uploads/${id}`)).received_bytes;
      }
    }
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
