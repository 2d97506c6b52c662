/** Wires the page together: what was clicked, what the service says, what is shown. */

import { Book } from "./book.js";
import "./elements/alerting.js";
import "./elements/alerts.js";
import "./elements/camera_form.js";
import "./elements/challenge.js";
import "./elements/deliveries.js";
import "./elements/enrolment.js";
import "./elements/faces.js";
import "./elements/header.js";
import "./elements/stage.js";
import "./elements/start.js";
import "./elements/stream_bar.js";
import "./elements/streams.js";
import "./elements/sign_in.js";
import "./elements/toolbar.js";
import "./elements/who.js";
import { LiveSocket } from "./live.js";
import { OwnVideo } from "./own_video.js";
import { Preview } from "./preview.js";
import { learn } from "./rights.js";
import { askFor, get, remove } from "./service.js";
import { setText } from "./dom.js";
import { hasTrouble, withCountdown } from "./words.js";

const LIST_EVERY_MS = 2500;
const KINDS = { configured: "camera", added: "camera", webrtc: "publisher" };

const $ = (selector) => document.querySelector(selector);
const book = new Book();
const own = new OwnVideo(book);
const stage = $("fw-stage");
const preview = new Preview(book, stage);
let camera = null; // live events of the selected camera
let trouble = { text: "", help: false, retryAtMs: null };

function notice(text) {
  setText($("#notice-text"), text);
  $("#notice").hidden = !text;
}

async function start(what) {
  notice("");
  if (what === "camera") {
    $("fw-camera-form").show();
    return;
  }
  try {
    own.preset = $("fw-start").preset;
    await own.start(what);
  } catch (error) {
    notice(error.message);
  }
}

function show() {
  const stream = book.stream;
  const link = stream && stream.id === book.own ? own.link : null;
  $("#start").hidden = Boolean(stream || own.link);
  $("#live").hidden = $("#faces").hidden = !stream && !own.link;
  $("#columns").classList.toggle("live", !$("#live").hidden);
  stage.showLink(link ?? (stream ? null : own.link));
  $("fw-stream-bar").link = link;
  $("fw-toolbar").show(stream?.name ?? own.link?.name ?? "", link ?? (stream ? null : own.link), own.choice);
  camera?.stop();
  camera = stream && !link ? follow(stream.id) : null;
  preview.show(camera ? stream.id : null);
  tellTrouble();
}

function follow(streamId) {
  const socket = new LiveSocket(streamId);
  socket.addEventListener("event", ({ detail }) => book.take(detail));
  socket.addEventListener("state", ({ detail }) => {
    trouble = { text: detail.open ? "" : "The service does not answer.", help: false, retryAtMs: detail.retryAtMs };
  });
  return socket;
}

function tellTrouble() {
  const status = camera ? book.stream?.status : null;
  if (!trouble.text && status && hasTrouble(status)) {
    stage.say(withCountdown(status.last_error_text, status.retry_in_s ?? 0));
  } else {
    const waitMs = trouble.retryAtMs ? trouble.retryAtMs - performance.now() : 0;
    stage.say(trouble.text && withCountdown(trouble.text, waitMs / 1000));
  }
  $("#unreachable").hidden = !trouble.help;
}

async function refresh() {
  try {
    const [views, info] = await Promise.all([get("api/streams"), get("api/info")]);
    book.setReachable(true);
    book.setInfo(info); // models are swapped, and a graphics card may fail
    book.setStreams(views.map((view) => ({ ...view, kind: view.id === book.own ? own.link?.kind : KINDS[view.kind] })));
  } catch (error) {
    book.setReachable(error.status !== 0);
    if (!book.streamsLoaded) notice(error.message);
  }
}

async function signIn() {
  await $("fw-sign-in").ask();
  const me = await learn();
  $("fw-who").me = me;
  return me;
}

async function load() {
  askFor.signIn = signIn;
  try {
    let me = await learn();
    if (!me.signed_in) me = await signIn();
    $("fw-who").me = me;
    $("fw-deliveries").begin();
    book.setAlerts(await get("api/alerts"));
  } catch (error) {
    notice(error.message);
  }
  await refresh();
  new EventSource("api/events").addEventListener("alert", ({ data }) => book.take(JSON.parse(data)));
  setInterval(() => document.hidden || refresh(), LIST_EVERY_MS);
  setInterval(tellTrouble, 500);
}

function wire() {
  for (const element of document.querySelectorAll("[data-book]")) element.book = book;
  $("fw-start").addEventListener("start", ({ detail }) => start(detail));
  $("fw-toolbar").addEventListener("start", ({ detail }) => start(detail));
  $("fw-toolbar").addEventListener("stop", () => own.stop());
  $("fw-toolbar").addEventListener("pick", ({ detail }) => own.pick(detail).catch((error) => notice(error.message)));
  $("fw-streams").addEventListener("add", () => start("camera"));
  $("fw-streams").addEventListener("remove", ({ detail }) => removeStream(detail));
  for (const list of [$("fw-alerts"), $("fw-alerting")]) list.addEventListener("failed", ({ detail }) => notice(detail));
  $("fw-alert-banner").onacknowledge = (alert) => $("fw-alerts").tell(alert, "acknowledge");
  $("fw-camera-form").addEventListener("added", ({ detail }) => {
    book.addStream({ ...detail, kind: "camera" });
    book.select(detail.id);
    refresh();
  });
  $("#notice-close").addEventListener("click", () => notice(""));
  book.addEventListener("select", show);
  own.addEventListener("change", show);
  own.addEventListener("trouble", ({ detail }) => {
    trouble = detail;
    tellTrouble();
    if (detail.text && !own.link) notice(detail.text);
  });
}

async function removeStream(id) {
  if (id === book.own) {
    own.stop();
    return;
  }
  const shown = book.selected === id;
  if (shown) book.select(null); // its pictures are not asked for any more
  try {
    const webrtc = book.streams.get(id)?.kind === "publisher";
    await remove(webrtc ? `webrtc/${id}` : `api/streams/${id}`);
    book.removeStream(id);
  } catch (error) {
    notice(error.message);
    if (shown) book.select(id);
  }
}

wire();
load();
// For a look from the console, and for tests.
window.fakewatch = { book, own, stage };
