/** Live events over a WebSocket that comes back by itself. */

import { socketUrl } from "./service.js";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

/** Emits "event" (detail: one live event) and "state" (detail: open, or when the next try is). */
export class LiveSocket extends EventTarget {
  #socket = null;
  #timer = null;
  #waitMs = FIRST_WAIT_MS;
  #stopped = false;

  constructor(streamId = null) {
    super();
    this.streamId = streamId;
    this.open = false;
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    const socket = new WebSocket(socketUrl("api/live", { stream: this.streamId }));
    this.#socket = socket;
    socket.onopen = () => {
      this.#waitMs = FIRST_WAIT_MS;
      this.#tell(true, null);
    };
    socket.onmessage = ({ data }) => {
      this.dispatchEvent(new CustomEvent("event", { detail: JSON.parse(data) }));
    };
    socket.onclose = () => {
      if (this.#stopped) return;
      this.#tell(false, performance.now() + this.#waitMs);
      this.#timer = setTimeout(() => this.#connect(), this.#waitMs * (0.75 + Math.random() / 2));
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    };
  }

  #tell(open, retryAtMs) {
    this.open = open;
    this.dispatchEvent(new CustomEvent("state", { detail: { open, retryAtMs } }));
  }
}
