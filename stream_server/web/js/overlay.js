/** Draws the boxes over a picture: colour, line style, icon and words each tell the state. */

import { percent, stateOf } from "./words.js";

// These stand on any picture, light or dark, so they do not follow the theme.
const COLORS = { clear: "#7cc0ff", suspect: "#ffc857", alert: "#ff7a6b", insufficient: "#d5dbe3" };
const INK = "rgba(9, 13, 20, 0.82)";
const FADE_FROM_MS = 1000;
const FADE_MS = 600;

/** Results older than a second fade out: an old box is a wrong box. */
export function freshness(ageMs) {
  return Math.max(0, Math.min(1, 1 - (ageMs - FADE_FROM_MS) / FADE_MS));
}

/** Draw faces [{reading, box: {x, y, w, h}}]; boxes are in frame pixels, `scale` makes them CSS pixels. */
export function drawFaces(ctx, faces, scale, alpha) {
  ctx.globalAlpha = alpha;
  for (const face of faces) drawBox(ctx, face, scale);
  for (const face of faces) drawLabel(ctx, face, scale);
  ctx.globalAlpha = 1;
}

function corners({ x, y, w, h }, scale) {
  return [(x - w / 2) * scale, (y - h / 2) * scale, w * scale, h * scale];
}

function drawBox(ctx, { reading, box }, scale) {
  const [left, top, width, height] = corners(box, scale);
  const radius = Math.min(14, width / 6);
  ctx.setLineDash(reading.state === "insufficient" ? [6, 5] : []);
  const stroke = (color, lineWidth) => {
    ctx.strokeStyle = color;
    ctx.lineWidth = lineWidth;
    ctx.beginPath();
    ctx.roundRect(left, top, width, height, radius);
    ctx.stroke();
  };
  stroke("rgba(9, 13, 20, 0.55)", reading.state === "alert" ? 7 : 5);
  stroke(COLORS[reading.state] ?? COLORS.insufficient, reading.state === "alert" ? 4 : 2.5);
  ctx.setLineDash([]);
}

function drawLabel(ctx, { reading, box }, scale) {
  const [left, top, boxWidth] = corners(box, scale);
  const text = labelText(reading, boxWidth);
  ctx.font = "600 13px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const width = ctx.measureText(text).width + 34;
  const x = Math.max(2, Math.min(left, ctx.canvas.clientWidth - width - 2));
  const y = top > 32 ? top - 30 : top + 6;
  ctx.fillStyle = INK;
  ctx.beginPath();
  ctx.roundRect(x, y, width, 24, 12);
  ctx.fill();
  const color = COLORS[reading.state] ?? COLORS.insufficient;
  drawShape(ctx, reading.state, x + 14, y + 12, color);
  ctx.fillStyle = "#ffffff";
  ctx.fillText(text, x + 26, y + 12.5);
}

/** Small boxes get short labels, so that neighbours' labels do not cover each other. */
function labelText(reading, boxWidth) {
  const known = Number.isFinite(reading.fused_prob);
  const words = stateOf(reading.state).short;
  if (boxWidth < 90 && known) return percent(reading.fused_prob);
  return known ? `${words} ${percent(reading.fused_prob)}` : words;
}

function drawShape(ctx, state, x, y, color) {
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = 2;
  ctx.beginPath();
  if (state === "alert") {
    for (let i = 0; i < 8; i += 1) {
      const angle = Math.PI / 8 + (i * Math.PI) / 4;
      ctx.lineTo(x + 6.5 * Math.cos(angle), y + 6.5 * Math.sin(angle));
    }
    ctx.fill();
  } else if (state === "suspect") {
    ctx.moveTo(x, y - 6);
    ctx.lineTo(x + 6.5, y + 5);
    ctx.lineTo(x - 6.5, y + 5);
    ctx.closePath();
    ctx.stroke();
  } else if (state === "clear") {
    ctx.arc(x, y, 5, 0, 2 * Math.PI);
    ctx.stroke();
  } else {
    for (const dx of [-5, 0, 5]) {
      ctx.moveTo(x + dx + 1.5, y);
      ctx.arc(x + dx, y, 1.5, 0, 2 * Math.PI);
    }
    ctx.fill();
  }
}
