/** Draws the last minute of one face: its score with the thresholds, and its eyes with the blinks. */

import { cssColor } from "./dom.js";
import { HISTORY_S } from "./history.js";

const PAD = { left: 34, right: 10, top: 8, bottom: 6 };

/** Make the canvas as sharp as the screen and return its context, cleared, in CSS pixels. */
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = `11px ${cssColor("--font-figures") || "sans-serif"}`;
  ctx.lineJoin = "round";
  ctx.textBaseline = "middle";
  return { ctx, width, height };
}

function axes({ width, height }, nowS, low, high) {
  const w = width - PAD.left - PAD.right;
  const h = height - PAD.top - PAD.bottom;
  return {
    x: (t) => PAD.left + w * (1 - (nowS - t) / HISTORY_S),
    y: (value) => PAD.top + h * (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)),
    right: width - PAD.right,
  };
}

/** Runs of points that belong together: a missing value or a pause breaks the line. */
function runs(points, key) {
  const found = [];
  let run = [];
  for (const point of points) {
    const gap = run.length && point.t - run.at(-1).t > 1.5;
    if (!Number.isFinite(point[key]) || gap) {
      if (run.length) found.push(run);
      run = [];
    }
    if (Number.isFinite(point[key])) run.push(point);
  }
  if (run.length) found.push(run);
  return found;
}

function line(ctx, run, x, y, key) {
  ctx.beginPath();
  for (const point of run) ctx.lineTo(x(point.t), y(point[key]));
  ctx.stroke();
}

function rule(ctx, at, from, to, label, color) {
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = 1;
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  ctx.moveTo(from, at);
  ctx.lineTo(to, at);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.textAlign = "right";
  ctx.fillText(label, from - 5, at);
}

/** The score of a face over the last minute, with its band and the alert's two thresholds. */
export function drawScores(canvas, face, thresholds) {
  const frame = prepare(canvas);
  const { ctx } = frame;
  const nowS = face.scores.at(-1)?.t ?? 0;
  const { x, y, right } = axes(frame, nowS, 0, 1);
  rule(ctx, y(thresholds.raise_at), PAD.left, right, `${Math.round(thresholds.raise_at * 100)} %`, cssColor("--alert"));
  rule(ctx, y(thresholds.clear_at), PAD.left, right, `${Math.round(thresholds.clear_at * 100)} %`, cssColor("--muted"));
  ctx.fillStyle = cssColor("--band");
  for (const run of runs(face.scores, "low")) {
    ctx.beginPath();
    for (const point of run) ctx.lineTo(x(point.t), y(point.high));
    for (const point of run.toReversed()) ctx.lineTo(x(point.t), y(point.low));
    ctx.fill();
  }
  ctx.strokeStyle = cssColor("--accent");
  ctx.lineWidth = 2;
  for (const run of runs(face.scores, "prob")) line(ctx, run, x, y, "prob");
  const last = face.scores.at(-1);
  if (!last || !Number.isFinite(last.prob)) return;
  ctx.fillStyle = cssColor(`--${face.reading.state}`);
  ctx.beginPath();
  ctx.arc(x(last.t), y(last.prob), 4, 0, 2 * Math.PI);
  ctx.fill();
}

/** How open the eyes are over the last minute; every blink is marked. */
export function drawEyes(canvas, face) {
  const frame = prepare(canvas);
  const { ctx, height } = frame;
  const nowS = face.eyes.at(-1)?.t ?? 0;
  const top = Math.max(0.4, ...face.eyes.map((eye) => eye.ear ?? 0));
  const { x, y, right } = axes(frame, nowS, 0, top);
  const baseline = face.reading.blink?.baseline_ear;
  if (Number.isFinite(baseline)) rule(ctx, y(baseline), PAD.left, right, "open", cssColor("--muted"));
  ctx.strokeStyle = cssColor("--eyes");
  ctx.lineWidth = 1.5;
  for (const run of runs(face.eyes, "ear")) line(ctx, run, x, y, "ear");
  ctx.fillStyle = cssColor("--blink");
  for (const t of face.blinks) {
    ctx.beginPath();
    ctx.moveTo(x(t), height - 8);
    ctx.lineTo(x(t) - 4, height - 1);
    ctx.lineTo(x(t) + 4, height - 1);
    ctx.fill();
  }
}
