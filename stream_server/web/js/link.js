/** Sends one local video to the service by WebRTC, and hears the results on data channels. */

import { Refused, post, remove } from "./service.js";
import { sessionEnd } from "./words.js";

const CONNECT_MS = 6000;
const GATHER_MS = 2000;
const WAITS_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const MAX_BITRATE_BPS = 3_000_000;

/** Emits "event" (live event), "state" ({state, text, retryAtMs}) and "stats". */
export class WebRtcLink extends EventTarget {
  #peer = null;
  #alerts = null;
  #timers = [];
  #retryTimer = null;
  #tries = 0;
  #token = null;
  #heardMs = 0;
  #before = null;
  #ended = false;

  /** `settings` is what the service says of WebRTC in its info. */
  constructor(stream, name, { ice_servers: iceServers = [], heartbeat_s: heartbeatS = 5 }) {
    super();
    this.stream = stream;
    this.name = name;
    this.iceServers = iceServers;
    this.heartbeatMs = heartbeatS * 1000;
    this.streamId = null;
    this.stats = { rttMs: null, rttLeastMs: 0, encodeLeastMs: 0 };
  }

  /**
   * The quickest way from camera to service and back, in ms.
   *
   * The receiver knows that a picture is complete when the next one begins: one picture later.
   */
  get wayMs() {
    return this.stats.encodeLeastMs + this.stats.rttLeastMs + 1000 / (this.stats.fps || 30);
  }

  /** Connect, and keep connected until `stop`. Throws Refused when the service says no at first. */
  async start() {
    await this.#connect();
  }

  /** End the session and let go of the camera. */
  stop() {
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
    for (const track of this.stream.getTracks()) track.stop();
    if (this.streamId) remove(`webrtc/${this.streamId}`, { keepalive: true }).catch(() => {});
  }

  /** Send another camera's picture over the same connection. */
  async replace(stream) {
    const [track] = stream.getVideoTracks();
    const sender = this.#peer?.getSenders().find((one) => one.track?.kind === "video");
    await sender?.replaceTrack(track);
    for (const old of this.stream.getTracks()) old.stop();
    this.stream = stream;
  }

  async #connect() {
    this.#say("connecting");
    const peer = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    const [track] = this.stream.getVideoTracks();
    const transceiver = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [this.stream],
      sendEncodings: [{ maxBitrate: MAX_BITRATE_BPS, maxFramerate: 30 }],
    });
    this.#openChannels(peer);
    peer.onconnectionstatechange = () => this.#follow(peer);
    await peer.setLocalDescription();
    await gathered(peer);
    const answer = await post("webrtc/offer", {
      type: "offer",
      sdp: peer.localDescription.sdp,
      name: this.name,
      token: this.#token ?? undefined,
      preset: this.preset ?? undefined,
    });
    if (this.#ended || this.#peer !== peer) return;
    this.streamId = answer.stream_id;
    this.#token = answer.resume_token;
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await keepResolution(transceiver.sender);
    this.#timers.push(setTimeout(() => this.#giveUpOn(peer), CONNECT_MS));
  }

  #openChannels(peer) {
    const results = peer.createDataChannel("results", { ordered: false, maxRetransmits: 0 });
    const alerts = peer.createDataChannel("alerts");
    results.onmessage = ({ data }) => this.#hear(data);
    alerts.onmessage = ({ data }) => this.#hear(data);
    alerts.onclose = () => {
      if (peer === this.#peer) this.#retry("The connection was lost.");
    };
    alerts.onopen = () => {
      this.#alerts = alerts;
      this.#tries = 0;
      this.#heardMs = performance.now();
      this.#ping();
      this.#timers.push(setInterval(() => this.#ping(), this.heartbeatMs));
      this.#timers.push(setInterval(() => this.#measure(peer), 1000));
      this.#say("connected");
    };
  }

  #ping() {
    if (this.#alerts?.readyState !== "open") return;
    this.#alerts.send(JSON.stringify({ type: "ping", t: performance.now() }));
    if (performance.now() - this.#heardMs > 2.5 * this.heartbeatMs) this.#retry("The service fell silent.");
  }

  #hear(data) {
    const message = JSON.parse(data);
    this.#heardMs = performance.now();
    if (message.type === "pong") return;
    if (message.type === "closed") this.#closedBy(message.code);
    else this.dispatchEvent(new CustomEvent("event", { detail: message }));
  }

  #closedBy(code) {
    if (code === "removed" || code === "shutdown") {
      this.#ended = true;
      this.#drop();
      for (const track of this.stream.getTracks()) track.stop();
      this.#say("ended", sessionEnd(code));
    } else this.#retry(sessionEnd(code));
  }

  #follow(peer) {
    if (peer !== this.#peer || this.#ended) return;
    if (peer.connectionState === "failed") this.#retry("The connection was lost.");
    if (peer.connectionState === "disconnected") {
      this.#timers.push(
        setTimeout(() => {
          if (peer.connectionState === "disconnected") this.#retry("The connection was lost.");
        }, 2000),
      );
    }
  }

  #giveUpOn(peer) {
    if (peer === this.#peer && this.#alerts === null) {
      this.#say("unreachable");
      this.#retry("The video could not reach the service.", "unreachable");
    }
  }

  #retry(text, state = "waiting") {
    if (this.#ended) return;
    this.#drop();
    const waitMs = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)];
    this.#tries += 1;
    this.#say(state, text, performance.now() + waitMs);
    this.#retryTimer = setTimeout(() => {
      this.#connect().catch((error) => {
        if (error instanceof Refused && [400, 401, 403, 413].includes(error.status)) {
          this.#say("ended", error.message);
        } else this.#retry(error.message);
      });
    }, waitMs);
  }

  #drop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#alerts = null;
    this.#before = null;
    this.#peer?.close();
    this.#peer = null;
  }

  #say(state, text = "", retryAtMs = null) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, text, retryAtMs } }));
  }

  async #measure(peer) {
    if (peer !== this.#peer) return;
    const now = readStats(await peer.getStats());
    this.stats = rates(now, this.#before, this.stats);
    this.#before = now;
    this.dispatchEvent(new CustomEvent("stats", { detail: this.stats }));
  }
}

/** Resolves when all candidates are known; there is no trickling. */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Under pressure drop frames, not pixels: shrinking wipes out what the classifier looks at. */
async function keepResolution(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  await sender.setParameters(parameters).catch(() => {});
}

function readStats(report) {
  const now = { at: performance.now(), rttMs: null, lossShare: null };
  for (const one of report.values()) {
    if (one.type === "outbound-rtp" && one.kind === "video") {
      Object.assign(now, {
        bytes: one.bytesSent,
        frames: one.framesEncoded,
        encodeS: one.totalEncodeTime ?? 0,
        width: one.frameWidth,
        height: one.frameHeight,
        fps: one.framesPerSecond,
        limitedBy: one.qualityLimitationReason,
      });
    } else if (one.type === "remote-inbound-rtp") {
      now.lossShare = one.fractionLost ?? null;
    } else if (one.type === "candidate-pair" && one.nominated && one.currentRoundTripTime >= 0) {
      now.rttMs = one.currentRoundTripTime * 1000;
    }
  }
  return now;
}

function rates(now, before, last) {
  const frames = before ? now.frames - before.frames : 0;
  const encodeMs = frames > 0 ? ((now.encodeS - before.encodeS) * 1000) / frames : null;
  return {
    rttMs: now.rttMs ?? last.rttMs,
    rttLeastMs: least(last.rttLeastMs, now.rttMs),
    encodeLeastMs: least(last.encodeLeastMs, encodeMs),
    lossShare: now.lossShare,
    width: now.width,
    height: now.height,
    fps: now.fps ?? null,
    limitedBy: now.limitedBy,
    bitrateBps: before ? ((now.bytes - before.bytes) * 8000) / (now.at - before.at) : null,
  };
}

/** The smaller of what was measured; 0 stands for "nothing yet". */
function least(before, now) {
  return before && now ? Math.min(before, now) : (now ?? before);
}
