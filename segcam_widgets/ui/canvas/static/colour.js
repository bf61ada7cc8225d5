// From values to colours: the map is interpolated as numbers and only then coloured, never the other way round.

import { alignedBuffer } from "./bytes.js";

/** @import { Bytes, Colours, Grid, Look, Neighbours } from "./types.d.ts" */

export const CLEAR = 0; // a fully transparent pixel

/**
 * RGBA bytes as one Uint32 a colour, in the byte order that ImageData has on this machine.
 * @param {Bytes} data
 * @returns {Colours}
 */
export function packedColours(data) {
  return new Uint32Array(alignedBuffer(data));
}

/**
 * "#rrggbb" strings as packed opaque colours.
 * @param {string[]} names
 * @returns {Colours}
 */
export function packedPalette(names) {
  const bytes = new Uint8Array(names.length * 4);
  names.forEach((name, i) => {
    const rgb = parseInt(name.slice(1), 16);
    bytes.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255], i * 4);
  });
  return new Uint32Array(bytes.buffer);
}

/**
 * Index into a table of `count` colours for a value in [-limit, limit]; outside values get the end colours.
 * @param {number} value
 * @param {number} limit
 * @param {number} count
 * @returns {number}
 */
export function lutIndex(value, limit, count) {
  if (!(limit > 0)) return (count - 1) >> 1;
  const index = Math.round(((value + limit) / (2 * limit)) * (count - 1));
  return index < 0 ? 0 : index > count - 1 ? count - 1 : index;
}

/**
 * Cell of `size` cells that the centre of each of `count` pixels lies in.
 * @param {number} count
 * @param {number} size
 * @returns {Int32Array}
 */
export function nearestTable(count, size) {
  return Int32Array.from({ length: count }, (_, i) => Math.min(size - 1, Math.floor(((i + 0.5) * size) / count)));
}

/**
 * Bilinear neighbours of each pixel's centre: half-pixel centres, edges clamped.
 * @param {number} count
 * @param {number} size
 * @returns {Neighbours}
 */
function bilinearTable(count, size) {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const part = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const centre = Math.min(size - 1, Math.max(0, ((i + 0.5) * size) / count - 0.5));
    low[i] = Math.floor(centre);
    high[i] = Math.min(size - 1, low[i] + 1);
    part[i] = centre - low[i];
  }
  return { low, high, part };
}

/**
 * The map's value at a place given as fractions of width and height; interpolated where `smooth`.
 * @param {Grid<Float32Array>} heat
 * @param {boolean} smooth
 * @param {number} across
 * @param {number} down
 * @returns {number}
 */
export function valueAt(heat, smooth, across, down) {
  const { height, width, values } = heat;
  if (!smooth) {
    const row = Math.min(height - 1, Math.max(0, Math.floor(down * height)));
    const col = Math.min(width - 1, Math.max(0, Math.floor(across * width)));
    return values[row * width + col];
  }
  const y = Math.min(height - 1, Math.max(0, down * height - 0.5));
  const x = Math.min(width - 1, Math.max(0, across * width - 0.5));
  const [r0, c0] = [Math.floor(y), Math.floor(x)];
  const [r1, c1] = [Math.min(height - 1, r0 + 1), Math.min(width - 1, c0 + 1)];
  const upper = mix(values[r0 * width + c0], values[r0 * width + c1], x - c0);
  const lower = mix(values[r1 * width + c0], values[r1 * width + c1], x - c0);
  return mix(upper, lower, y - r0);
}

/**
 * Linear interpolation that leaves a neighbour of weight zero out, NaN included.
 * @param {number} a
 * @param {number} b
 * @param {number} part
 * @returns {number}
 */
function mix(a, b, part) {
  return part === 0 ? a : part === 1 ? b : a + (b - a) * part;
}

/**
 * One line of display values: row `i` of `rows` interpolated between two rows of cells, then along the line.
 * @param {Grid<Float32Array>} heat
 * @param {Neighbours} rows
 * @param {Neighbours} cols
 * @param {number} i
 * @param {Float64Array} upright room for a line of cells
 * @param {Float64Array} line where the result goes
 */
function smoothLine(heat, rows, cols, i, upright, line) {
  const { width, values } = heat;
  const first = rows.low[i] * width;
  const second = rows.high[i] * width;
  for (let c = 0; c < width; c++) upright[c] = mix(values[first + c], values[second + c], rows.part[i]);
  const { low, high, part } = cols;
  for (let x = 0; x < line.length; x++) line[x] = mix(upright[low[x]], upright[high[x]], part[x]);
}

/**
 * Gives what writes the display values of line `y`.
 * @param {Grid<Float32Array>} heat
 * @param {boolean} smooth
 * @param {number} height
 * @param {number} width
 * @returns {(y: number, line: Float64Array) => void}
 */
function lineFiller(heat, smooth, height, width) {
  if (smooth) {
    const [rows, cols] = [bilinearTable(height, heat.height), bilinearTable(width, heat.width)];
    const upright = new Float64Array(heat.width);
    return (y, line) => smoothLine(heat, rows, cols, y, upright, line);
  }
  const [rows, cols] = [nearestTable(height, heat.height), nearestTable(width, heat.width)];
  return (y, line) => {
    for (let x = 0; x < width; x++) line[x] = heat.values[rows[y] * heat.width + cols[x]];
  };
}

/**
 * Colour the map into `out` (Uint32, height x width display pixels).
 *
 * `relu` leaves negative values out; `fade` makes a colour the more transparent the nearer its value is to zero. NaN is
 * transparent.
 * @param {Grid<Float32Array>} heat
 * @param {Look} look
 * @param {number} height
 * @param {number} width
 * @param {Colours} out
 */
export function colourHeat(heat, look, height, width, out) {
  const { lut, limit, relu, fade } = look;
  const colours = fade ? fadedColours(lut) : lut;
  const top = colours.length - 1;
  const gain = limit > 0 ? top / (2 * limit) : 0;
  const middle = top / 2;
  const fillLine = lineFiller(heat, look.smooth, height, width);
  const line = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    fillLine(y, line);
    let at = y * width;
    for (let x = 0; x < width; x++, at++) {
      const v = line[x];
      if (v !== v || (relu && v < 0)) {
        out[at] = CLEAR;
        continue;
      }
      const index = (gain ? v * gain : 0) + middle + 0.5;
      out[at] = colours[index <= 0 ? 0 : index >= top ? top : index | 0];
    }
  }
}

/**
 * The same colours with opacity growing from 0 at the middle (zero) to 1 at both ends.
 * @param {Colours} lut
 * @returns {Colours}
 */
export function fadedColours(lut) {
  const bytes = new Uint8Array(lut.slice().buffer);
  const middle = (lut.length - 1) / 2;
  for (let i = 0; i < lut.length; i++) bytes[i * 4 + 3] = Math.round((Math.abs(i - middle) / middle) * 255);
  return new Uint32Array(bytes.buffer);
}
