// What is printed around the picture: the colour bar with its range, and the values under the pointer.

import { signedNumber } from "./bytes.js";
import { CLEAR, fadedColours, lutIndex } from "./colour.js";
import { paintPixels } from "./layers.js";
import { make } from "./toolbar.js";

/** @import { Heat, Look, Readout, Scale } from "./types.d.ts" */

/**
 * The colours of the scale; with ReLU the negative half stays empty, as on the map.
 * @param {HTMLCanvasElement} canvas
 * @param {Look} look
 */
function paintBar(canvas, look) {
  const { lut, limit, relu, fade } = look;
  const colours = fade ? fadedColours(lut) : lut;
  paintPixels(canvas, (out, height, width) => {
    for (let x = 0; x < width; x++) {
      const value = ((x + 0.5) / width) * 2 - 1;
      const colour = colours[lutIndex(limit > 0 ? value : 0, 1, colours.length)];
      for (let y = 0; y < height; y++) out[y * width + x] = relu && value < 0 ? CLEAR : colour;
    }
  });
}

/**
 * In words: what the map spans, and that some of it lies beyond the range.
 * @param {Heat | null} heat
 * @param {number} limit
 * @returns {string}
 */
function spanWords(heat, limit) {
  if (!heat) return "no map";
  if (Number.isNaN(heat.low)) return "the map has no finite value";
  if (heat.low === 0 && heat.high === 0) return "the map is zero everywhere";
  const beyond = Math.max(-heat.low, heat.high) > limit * (1 + 1e-6);
  return `map ${signedNumber(heat.low)} to ${signedNumber(heat.high)}${beyond ? ", beyond the range" : ""}`;
}

/**
 * Keeps the space which an element has once taken, as long as its width stays. It is told of each size between layout and
 * painting: to ask would make the browser lay out the whole page once more for each move of the pointer.
 * @param {HTMLElement} element
 */
function keepSpace(element) {
  let [width, tallest] = [0, 0];
  new ResizeObserver(() => {
    if (element.offsetWidth !== width) {
      [width, tallest] = [element.offsetWidth, 0];
      element.style.minHeight = "";
    }
    if (element.offsetHeight > tallest) element.style.minHeight = `${(tallest = element.offsetHeight)}px`;
  }).observe(element);
}

/** @returns {Scale} */
export function createScale() {
  const element = make("div", "sc-scale");
  const head = make("div", "sc-scale-head");
  const [title, span] = [make("span", "sc-scale-title"), make("span", "sc-scale-span")];
  const frame = make("div", "sc-bar", { role: "img" });
  const canvas = make("canvas", "", { "aria-hidden": "true" });
  const mark = make("div", "sc-mark", { "aria-hidden": "true" });
  const row = make("div", "sc-ends", { "aria-hidden": "true" });
  const [low, zero, high] = [make("span"), make("span"), make("span")];
  head.append(title, span);
  frame.append(canvas, mark);
  row.append(low, zero, high);
  element.append(head, frame, row);
  [canvas.width, canvas.height] = [255, 1]; // stretched by the style sheet
  keepSpace(head);
  let limit = 0;
  return {
    element,
    show({ heat, look, label }) {
      limit = look.limit;
      paintBar(canvas, look);
      element.classList.toggle("sc-relu", look.relu);
      element.classList.toggle("sc-fade", look.fade);
      title.textContent = label;
      span.textContent = spanWords(heat, limit);
      const most = limit * (1 + 1e-6);
      low.textContent = (heat && -heat.low > most && !look.relu ? "\u2264 " : "") + signedNumber(-limit);
      zero.textContent = "0";
      high.textContent = (heat && heat.high > most ? "\u2265 " : "") + signedNumber(limit);
      const hidden = look.relu ? "; negative values are not shown" : "";
      const ends = `from ${low.textContent} over 0 to ${high.textContent}`;
      frame.setAttribute("aria-label", `Colour scale ${ends}${hidden}. ${span.textContent}`);
    },
    point(value) {
      const shown = value !== null && !Number.isNaN(value) && limit > 0;
      mark.style.visibility = shown ? "visible" : "hidden";
      if (shown) mark.style.left = `${(Math.max(-1, Math.min(1, value / limit)) + 1) * 50}%`;
    },
  };
}

/**
 * A class as a coloured square and its name; names come from users and are only ever text.
 * @param {string} role
 * @param {number | null} index
 * @param {string[]} palette
 * @param {string[]} names
 * @returns {HTMLElement}
 */
function classChip(role, index, palette, names) {
  const chip = make("span", "sc-chip");
  const swatch = make("span", "sc-swatch", { "aria-hidden": "true" });
  const known = index !== null && index < palette.length;
  swatch.style.background = known ? palette[index] : "transparent";
  const name = make("b");
  name.textContent = known ? (names[index] ?? `class ${index}`) : "none";
  chip.append(`${role} `, swatch, name);
  return chip;
}

/** @returns {Readout} */
export function createReadout() {
  const element = make("div", "sc-readout");
  const [here, answer] = [make("div", "sc-here"), make("div", "sc-answer")];
  element.append(here, answer);
  keepSpace(element);
  return {
    element,
    show(state) {
      here.replaceChildren();
      answer.textContent = state?.text ?? "";
      if (!state) here.textContent = "Point at the picture to read its values.";
      else {
        const place = make("span");
        place.textContent = `row ${state.row}, column ${state.col}`;
        here.append(place);
        if (state.value !== null) {
          const value = make("span");
          const number = make("b");
          number.textContent = signedNumber(state.value);
          value.append("map ", number);
          here.append(value);
        }
        if (state.predicted !== undefined) here.append(classChip("predicted", state.predicted, state.palette, state.names));
        if (state.truth !== undefined) here.append(classChip("true", state.truth, state.palette, state.names));
      }
    },
  };
}
