/** What a challenge says to the person in the picture, and of what was measured. */

import { careful } from "./words.js";

/** Each step as it is said to the person, and to whoever relays it; left and right are the person's. */
export const STEPS = {
  turn_left: {
    icon: "turn-left",
    name: "Turn to the left",
    self: "Turn your head to your left, as far as is comfortable, and hold it.",
    relayed: "Ask the person to turn their head to their own left and to hold it.",
  },
  turn_right: {
    icon: "turn-right",
    name: "Turn to the right",
    self: "Turn your head to your right, as far as is comfortable, and hold it.",
    relayed: "Ask the person to turn their head to their own right and to hold it.",
  },
  hand: {
    icon: "hand",
    name: "Hand before the face",
    self: "Move an open hand slowly across your face.",
    relayed: "Ask the person to move an open hand slowly across their face.",
  },
  blink: {
    icon: "eye",
    name: "Blink twice",
    self: "Blink twice, one blink right after the other.",
    relayed: "Ask the person to blink twice, one blink right after the other.",
  },
  colours: {
    icon: "light",
    name: "Colours of the screen",
    self: "Look at the screen while its colour changes slowly.",
    relayed: "",
  },
};

const READY = {
  self: "Look into the camera and keep still.",
  relayed: "Ask the person to look into the camera and to keep still.",
};
const PAUSE = { self: "Look into the camera again.", relayed: "They may look into the camera again." };

/** Outcome of a step: icon and word, never a colour alone. */
export const OUTCOMES = {
  done: { icon: "check", text: "Done" },
  not_done: { icon: "triangle", text: "Not done" },
  not_measurable: { icon: "dots", text: "Could not be measured" },
};

/** The icon and the sentence for now. */
export function instruction(progress, audience) {
  if (progress.phase === "ready") return { icon: "camera", text: READY[audience] };
  if (progress.phase === "pause") return { icon: "check", text: PAUSE[audience] };
  const step = STEPS[progress.step];
  return { icon: step.icon, text: step[audience] };
}

/** "Score 12 % before, 15 % during this step", or "" where nothing was compared. */
export function scoreSentence({ before_prob: before, during_prob: during, rise, step }) {
  if (rise === null || before === null || during === null) return "";
  const brief = step === "hand" ? "; a hand raises it by itself, so that does not count" : "";
  return `Score ${careful(before)} before, ${careful(during)} during this step${brief}.`;
}

/** What the result does to the score. */
export function effectSentence(llr) {
  if (llr === null) return "It changes nothing.";
  const size = Math.abs(llr).toFixed(1);
  const way = llr > 0 ? `raises the log-odds of manipulation by ${size}` : `lowers the log-odds of manipulation by ${size}`;
  return `For one minute it ${way}, as one reason among others.`;
}
