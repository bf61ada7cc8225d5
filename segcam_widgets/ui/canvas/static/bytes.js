// Raw bytes from the kernel, and numbers printed for people.

/** @import { Bytes, Heat, Labels, Mask, Packed, PackedHeat, PackedLabels } from "./types.d.ts" */

/**
 * A trait's bytes as Uint8Array; ipywidgets hands over a DataView, a test may hand over an ArrayBuffer.
 * @param {Bytes | null | undefined} data
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOf(data) {
  if (!data) return new Uint8Array(0);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The same bytes at an address that typed arrays of any width accept.
 * @param {Bytes} data
 * @returns {ArrayBuffer}
 */
export function alignedBuffer(data) {
  const bytes = bytesOf(data);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/**
 * IEEE half precision to a Number.
 * @param {number} half
 * @returns {number}
 */
function halfToNumber(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** @type {Float32Array | null} */
let HALVES = null; // all 65536 values, made when the first float16 map comes

/**
 * @param {Uint16Array} halves
 * @param {number} scale
 * @returns {Float32Array}
 */
function halvesToFloat32(halves, scale) {
  HALVES ??= Float32Array.from({ length: 65536 }, (_, i) => halfToNumber(i));
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = HALVES[halves[i]] * scale;
  return values;
}

/**
 * The heat trait at its own resolution, or null where there is no map.
 * @param {PackedHeat | null} trait
 * @returns {Heat | null}
 */
export function decodeHeat(trait) {
  if (!trait || !trait.shape) return null;
  const [height, width] = trait.shape;
  const buffer = alignedBuffer(trait.data);
  const values =
    trait.dtype === "float16" ? halvesToFloat32(new Uint16Array(buffer), trait.scale) : new Float32Array(buffer);
  if (!height || !width || values.length !== height * width) return null;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v - v !== 0) continue; // NaN and the infinities
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) low = high = NaN;
  return { height, width, values, low, high, seq: trait.seq ?? 0 };
}

/**
 * A label trait, or null where there is none.
 * @param {PackedLabels | null} trait
 * @returns {Labels | null}
 */
export function decodeLabels(trait) {
  if (!trait || !trait.shape) return null;
  const [height, width] = trait.shape;
  const wide = trait.dtype === "uint16";
  const values = wide ? new Uint16Array(alignedBuffer(trait.data)) : bytesOf(trait.data);
  if (!height || !width || values.length !== height * width) return null;
  return { height, width, values, nothing: wide ? 65535 : 255 };
}

/**
 * A packed mask (numpy.packbits, most significant bit first) as zeros and ones.
 * @param {Packed | null} trait
 * @returns {Mask | null}
 */
export function decodeMask(trait) {
  if (!trait || !trait.shape) return null;
  const [height, width] = trait.shape;
  const bits = bytesOf(trait.data);
  const size = height * width;
  if (!size || bits.length !== Math.ceil(size / 8)) return null;
  const values = new Uint8Array(size);
  for (let i = 0; i < size; i++) values[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
  return { height, width, values };
}

/**
 * A number for people, as `signed` of core/numbers_in_words.py writes it: three significant digits, zero without a sign.
 * @param {number} value
 * @returns {string}
 */
export function signedNumber(value) {
  if (Number.isNaN(value)) return "no value";
  if (value === 0) return "0";
  const sign = value < 0 ? "-" : "+";
  if (!Number.isFinite(value)) return `${sign}inf`;
  const size = Math.abs(value);
  const rounded = Number(size.toPrecision(3));
  if (rounded < 1e-4 || rounded >= 1e5) return sign + rounded.toExponential().replace("e+", "e");
  return sign + (rounded >= 1000 ? size.toFixed(0) : String(rounded));
}
