// Points and shapes in display-image pixels: x to the right, y down, whole numbers at pixel corners.

/** @import { Box, Point, Shape, Size } from "./types.d.ts" */

/**
 * @param {Point} a
 * @param {Point} b
 * @returns {number}
 */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/**
 * @param {Point} p
 * @param {Point} a
 * @param {Point} b
 * @returns {number}
 */
function distanceToSegment(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const squared = dx * dx + dy * dy;
  if (!squared) return distance(p, a);
  const along = Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / squared));
  return distance(p, [a[0] + along * dx, a[1] + along * dy]);
}

/**
 * @param {Point} p
 * @param {Point[]} points
 * @param {boolean} closed
 * @returns {number}
 */
function distanceToLine(p, points, closed) {
  if (points.length === 1) return distance(p, points[0]);
  let least = Infinity;
  for (let i = 1; i < points.length; i++) least = Math.min(least, distanceToSegment(p, points[i - 1], points[i]));
  if (closed) least = Math.min(least, distanceToSegment(p, points[points.length - 1], points[0]));
  return least;
}

/**
 * Even-odd rule, the rule by which Python rasterises.
 * @param {Point} p
 * @param {Point[]} points
 * @returns {boolean}
 */
export function insidePolygon(p, points) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [xi, yi] = points[i];
    const [xj, yj] = points[j];
    if (yi > p[1] !== yj > p[1] && p[0] < ((xj - xi) * (p[1] - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/**
 * Ramer-Douglas-Peucker: the fewest of the points such that none lies further than `tolerance` from the line.
 * @param {Point[]} points
 * @param {number} tolerance
 * @returns {Point[]}
 */
export function simplify(points, tolerance) {
  if (points.length < 3) return points.slice();
  const keep = new Uint8Array(points.length);
  keep[0] = keep[points.length - 1] = 1;
  const open = [[0, points.length - 1]];
  for (let span = open.pop(); span; span = open.pop()) {
    const [first, last] = span;
    let furthest = -1;
    let most = tolerance;
    for (let i = first + 1; i < last; i++) {
      const off = distanceToSegment(points[i], points[first], points[last]);
      if (off > most) [most, furthest] = [off, i];
    }
    if (furthest < 0) continue;
    keep[furthest] = 1;
    open.push([first, furthest], [furthest, last]);
  }
  return points.filter((_, i) => keep[i]);
}

/**
 * Hundredths of a pixel are finer than any pointer and keep the messages short.
 * @param {Point[]} points
 * @returns {Point[]}
 */
export function rounded(points) {
  return points.map(([x, y]) => [Math.round(x * 100) / 100, Math.round(y * 100) / 100]);
}

/**
 * @param {Point} place
 * @param {Size} size
 * @returns {Point}
 */
export function clampPoint([x, y], [height, width]) {
  return [Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))];
}

/**
 * @param {Point[]} points
 * @returns {Box}
 */
export function bounds(points) {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * @param {Point[]} points
 * @returns {number}
 */
export function polygonArea(points) {
  let twice = 0;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++)
    twice += points[j][0] * points[i][1] - points[i][0] * points[j][1];
  return Math.abs(twice) / 2;
}

/**
 * The four corners of a rectangle given by two opposite ones, in the order top left, top right, bottom right, bottom left.
 * @param {Point[]} opposite
 * @returns {Point[]}
 */
export function corners([a, b]) {
  const [left, top, right, bottom] = bounds([a, b]);
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/**
 * Points by which a shape can be bent: the corners of a rectangle, the vertices of a polygon; freehand has too many.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function handlesOf(shape) {
  if (shape.kind === "rectangle") return corners(shape.points);
  return shape.kind === "polygon" ? shape.points : [];
}

/**
 * @param {string} kind
 * @returns {boolean}
 */
export function isPointKind(kind) {
  return kind === "segment" || kind === "pixel";
}

/**
 * Is `p` on the shape, within `reach`?
 * @param {Shape} shape
 * @param {Point} p
 * @param {number} reach
 * @returns {boolean}
 */
function hitsShape(shape, p, reach) {
  const { kind, points } = shape;
  if (isPointKind(kind)) return distance(p, points[0]) <= reach * 1.5;
  if (kind === "brush") return distanceToLine(p, points, false) <= (shape.radius ?? 0) + reach / 2;
  const outline = kind === "rectangle" ? corners(points) : points;
  return insidePolygon(p, outline) || distanceToLine(p, outline, true) <= reach;
}

/**
 * Index of the topmost shape under `p`, or -1.
 * @param {Shape[]} shapes
 * @param {Point} p
 * @param {number} reach
 * @returns {number}
 */
export function hitTest(shapes, p, reach) {
  for (let i = shapes.length - 1; i >= 0; i--) if (hitsShape(shapes[i], p, reach)) return i;
  return -1;
}

/**
 * Index of the handle under `p`, or -1.
 * @param {Shape} shape
 * @param {Point} p
 * @param {number} reach
 * @returns {number}
 */
export function hitHandle(shape, p, reach) {
  const handles = handlesOf(shape);
  let nearest = -1;
  handles.forEach((handle, i) => {
    const off = distance(p, handle);
    if (off <= reach && (nearest < 0 || off < distance(p, handles[nearest]))) nearest = i;
  });
  return nearest;
}

/**
 * The shape moved by (dx, dy), held back so that what was inside the picture stays inside.
 * @param {Shape} shape
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {Shape}
 */
export function movedShape(shape, dx, dy, [height, width]) {
  const [left, top, right, bottom] = bounds(shape.points);
  const across = Math.max(Math.min(0, -left), Math.min(Math.max(0, width - right), dx));
  const down = Math.max(Math.min(0, -top), Math.min(Math.max(0, height - bottom), dy));
  return { ...shape, points: rounded(shape.points.map(([x, y]) => [x + across, y + down])) };
}

/**
 * The shape with one of its handles dragged to `p`.
 * @param {Shape} shape
 * @param {number} handle
 * @param {Point} p
 * @returns {Shape}
 */
export function bentShape(shape, handle, p) {
  if (shape.kind === "rectangle") return { ...shape, points: rounded([corners(shape.points)[(handle + 2) % 4], p]) };
  return { ...shape, points: rounded(shape.points.map((q, i) => (i === handle ? p : q))) };
}

/**
 * Row and column of the pixel of an (height, width) grid at a place given as fractions; the far edge belongs inside.
 * @param {Size} size
 * @param {number} across
 * @param {number} down
 * @returns {[row: number, col: number]}
 */
export function cellAt([height, width], across, down) {
  const row = Math.max(0, Math.min(height - 1, Math.floor(down * height)));
  return [row, Math.max(0, Math.min(width - 1, Math.floor(across * width)))];
}

/**
 * Size on the page: small pictures grow by whole steps (halves below three), large ones shrink to what there is.
 * @param {Size} size
 * @param {number} available
 * @param {number} most
 * @param {number} tallest
 * @returns {{ scale: number, width: number, height: number }} in CSS pixels
 */
export function fitSize([height, width], available, most, tallest) {
  let scale = Math.min(Math.min(available, most) / width, tallest / height);
  if (scale >= 3) scale = Math.floor(scale);
  else if (scale >= 1) scale = Math.floor(scale * 2) / 2;
  return { scale, width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
