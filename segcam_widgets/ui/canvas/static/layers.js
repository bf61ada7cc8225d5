// What lies under the drawing: one function a layer, each paints a whole canvas at the resolution of the screen.

import { CLEAR, nearestTable } from "./colour.js";

/** @import { Colours, Fill, Labels, Mask } from "./types.d.ts" */

const SHADE = 0xff000000; // opaque black, packed
const LIGHT = 0xffffffff;

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas) {
  // null only for a canvas that was once asked for another kind of context
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * Give a canvas its size in device pixels; setting it clears the canvas, so only when it differs.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function resizeCanvas(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** @param {HTMLCanvasElement} canvas */
export function wipe(canvas) {
  contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height);
}

/**
 * Show what `fill` writes.
 * @param {HTMLCanvasElement} canvas
 * @param {Fill} fill
 */
export function paintPixels(canvas, fill) {
  const context = contextOf(canvas);
  const picture = context.createImageData(canvas.width, canvas.height);
  fill(new Uint32Array(picture.data.buffer), canvas.height, canvas.width);
  context.putImageData(picture, 0, 0);
}

/**
 * The picture itself: its own pixels where they are enlarged by a whole number, smoothed elsewhere.
 * @param {HTMLCanvasElement} canvas
 * @param {ImageBitmap | null} bitmap
 */
export function paintImage(canvas, bitmap) {
  wipe(canvas);
  if (!bitmap) return;
  const context = contextOf(canvas);
  const factor = canvas.width / bitmap.width;
  context.imageSmoothingEnabled = !(factor >= 2 && Number.isInteger(factor));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/**
 * Labels as flat colours.
 * @param {Labels} labels
 * @param {Colours} palette
 * @param {number} height
 * @param {number} width
 * @param {Colours} out
 */
export function colourLabels(labels, palette, height, width, out) {
  const rows = nearestTable(height, labels.height);
  const cols = nearestTable(width, labels.width);
  for (let y = 0, at = 0; y < height; y++) {
    const start = rows[y] * labels.width;
    for (let x = 0; x < width; x++, at++) {
      const label = labels.values[start + cols[x]];
      out[at] = label < palette.length ? palette[label] : CLEAR;
    }
  }
}

/**
 * Labels as line art, so that the truth is never taken for the prediction: a band along the inside of each segment's
 * border, hatching within, both in the class's colour with a dark edge that separates them from any ground.
 * @param {Labels} labels
 * @param {Colours} palette
 * @param {number} height
 * @param {number} width
 * @param {Colours} out
 * @param {number} unit device pixels a CSS pixel
 */
export function hatchLabels(labels, palette, height, width, out, unit) {
  const rows = nearestTable(height, labels.height);
  const cols = nearestTable(width, labels.width);
  const band = Math.max(1, Math.round(2 * unit));
  const period = Math.round(16 * unit);
  const stripe = Math.max(1, Math.round(1.5 * unit));
  const edge = Math.max(1, Math.round(unit));
  /** @type {(y: number, x: number) => number} */
  const at = (y, x) => {
    const row = rows[y < 0 ? 0 : y < height ? y : height - 1];
    return labels.values[row * labels.width + cols[x < 0 ? 0 : x < width ? x : width - 1]];
  };
  /** @type {(y: number, x: number, label: number, by: number) => boolean} */
  const differs = (y, x, label, by) =>
    at(y - by, x) !== label || at(y + by, x) !== label || at(y, x - by) !== label || at(y, x + by) !== label;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = at(y, x);
      if (label >= palette.length) {
        out[i] = CLEAR;
        continue;
      }
      const phase = (x + y) % period;
      if (differs(y, x, label, edge)) out[i] = SHADE;
      else if (differs(y, x, label, edge + band) || phase < stripe) out[i] = palette[label];
      else out[i] = phase < stripe + edge ? (SHADE & 0x00ffffff) | 0x80000000 : CLEAR;
    }
  }
}

/**
 * The mask's rows at screen resolution, with a margin of `margin` empty pixels on either side; each is made once.
 * @param {Mask} mask
 * @param {number} width
 * @param {number} margin
 * @returns {Uint8Array[]}
 */
function spreadRows(mask, width, margin) {
  const cols = nearestTable(width, mask.width);
  return Array.from({ length: mask.height }, (_, row) => {
    const line = new Uint8Array(width + 2 * margin);
    for (let x = 0, from = row * mask.width; x < width; x++) line[x + margin] = mask.values[from + cols[x]];
    return line;
  });
}

/**
 * The region as Python rasterised it: a light line just inside its border, a dark one just outside, `unit` device
 * pixels each; `dim` in [0, 1] darkens what is outside. Work for each pixel is constant, however ragged the region.
 * @param {Mask} mask
 * @param {number} height
 * @param {number} width
 * @param {Colours} out
 * @param {number} unit
 * @param {number} dim
 * @param {boolean} outline
 */
export function outlineMask(mask, height, width, out, unit, dim, outline) {
  const thick = Math.max(1, Math.round(1.5 * unit));
  const outside = ((Math.round(dim * 255) << 24) >>> 0) | 0;
  const rows = nearestTable(height, mask.height);
  const lines = spreadRows(mask, width, thick);
  const empty = new Uint8Array(width + 2 * thick);
  /** @type {(y: number) => Uint8Array} */
  const lineAt = (y) => (y < 0 || y >= height ? empty : lines[rows[y]]);
  const sums = new Uint8Array(width + 2 * thick); // of the pixels above, here and below
  /** @type {(Uint8Array | null)[]} */
  let [lastUp, lastHere, lastDown] = [null, null, null];
  for (let y = 0, i = 0; y < height; y++) {
    const [up, here, down] = [lineAt(y - thick), lineAt(y), lineAt(y + thick)];
    if (up === lastUp && here === lastHere && down === lastDown) {
      out.copyWithin(i, i - width, i); // cells are larger than pixels: most rows are like the one before
      i += width;
      continue;
    }
    [lastUp, lastHere, lastDown] = [up, here, down];
    for (let x = 0; x < sums.length; x++) sums[x] = up[x] + here[x] + down[x];
    for (let c = thick; c < width + thick; c++, i++) {
      const around = sums[c - thick] + sums[c] + sums[c + thick]; // 0 or 9 where all nine are alike
      if (outline && around !== 0 && around !== 9) out[i] = here[c] ? LIGHT : SHADE;
      else out[i] = here[c] ? CLEAR : outside;
    }
  }
}
