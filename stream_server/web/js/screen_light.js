/** Lights the face in front of the screen: a panel's colour changes slowly, as the service drew it. */

const SHOWN_S = 2;
const FADE_S = 1;

/** The colour at `timeS` of the step, as pipeline/colour_echo.py expects it: [r, g, b]. */
export function colourAt(colours, timeS) {
  const last = colours.length - 1;
  const index = Math.min(last, Math.max(0, Math.floor(timeS / SHOWN_S)));
  const before = colours[Math.max(0, index - 1)];
  const share = Math.min(1, Math.max(0, (timeS - index * SHOWN_S) / FADE_S));
  return colours[index].map((value, n) => Math.round(before[n] + (value - before[n]) * share));
}

/** Colours an element until `stop`. */
export class ScreenLight {
  #element;
  #frame = null;

  constructor(element) {
    this.#element = element;
  }

  get on() {
    return this.#frame !== null;
  }

  /** `elapsedS` is how far the step is now. */
  start(colours, elapsedS) {
    const beganMs = performance.now() - elapsedS * 1000;
    const paint = () => {
      const [red, green, blue] = colourAt(colours, (performance.now() - beganMs) / 1000);
      this.#element.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
      this.#frame = requestAnimationFrame(paint);
    };
    this.#element.classList.add("lit");
    paint();
  }

  stop() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#element.classList.remove("lit");
    this.#element.style.backgroundColor = "";
  }
}
