// Shapes as lines on the topmost canvas: what is being drawn, what has been drawn, handles, crosshair, brush cursor.

import { corners, isPointKind } from "./geometry.js";
import { contextOf } from "./layers.js";

/** @import { Op, Point, Scene, Shape } from "./types.d.ts" */

// operations differ in colour and in dashes, so that they can be told apart without colour
/** @typedef {{ colour: string, dash: number[] }} Style */
/** @type {Record<Op, Style>} */
const OPERATIONS = {
  add: { colour: "#ffd21f", dash: [] },
  subtract: { colour: "#ff7aa8", dash: [7, 4] },
  intersect: { colour: "#5fd7ff", dash: [2, 4] },
};
const CASING = "rgba(0, 0, 0, 0.75)"; // under every line: visible on any ground
const FAINT_CASING = "rgba(0, 0, 0, 0.3)";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 * @param {number} scale
 * @param {boolean} closed
 */
function tracePoints(context, points, scale, closed) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x * scale, y * scale) : context.moveTo(x * scale, y * scale)));
  if (points.length === 1) context.lineTo(points[0][0] * scale + 0.01, points[0][1] * scale);
  if (closed) context.closePath();
}

/**
 * Stroke the current path twice: a dark casing, then the colour.
 * @param {CanvasRenderingContext2D} context
 * @param {Style} style
 * @param {number} width
 * @param {string} casing
 */
function strokeCased(context, style, width, casing = CASING) {
  context.lineJoin = context.lineCap = "round";
  context.setLineDash([]);
  context.lineWidth = width + 2;
  context.strokeStyle = casing;
  context.stroke();
  context.lineCap = style.dash.length ? "butt" : "round";
  context.setLineDash(style.dash);
  context.lineWidth = width;
  context.strokeStyle = style.colour;
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {number} scale
 * @param {Style} style
 */
function drawPointShape(context, shape, scale, style) {
  const [x, y] = shape.points[0];
  context.beginPath();
  if (shape.kind === "pixel") context.rect(x * scale - 5, y * scale - 5, 10, 10);
  else context.arc(x * scale, y * scale, 6, 0, 2 * Math.PI);
  strokeCased(context, { ...style, dash: [] }, 2);
  context.beginPath();
  context.arc(x * scale, y * scale, 1.6, 0, 2 * Math.PI);
  strokeCased(context, { ...style, dash: [] }, 1.5);
  if (style === OPERATIONS.add) return;
  tracePoints(context, [[x * scale + 9, y * scale - 9], [x * scale + 15, y * scale - 9]], 1, false);
  strokeCased(context, { ...style, dash: [] }, 2);
}

/**
 * A brush stroke shows the band that it covers: filled while drawn, its centre line afterwards.
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {number} scale
 * @param {Style} style
 * @param {boolean} active
 * @param {string} casing
 */
function drawBrush(context, shape, scale, style, active, casing) {
  if (active) {
    tracePoints(context, shape.points, scale, false);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * (shape.radius ?? 0) * scale;
    context.globalAlpha = 0.4;
    context.strokeStyle = style.colour;
    context.stroke();
    context.globalAlpha = 1;
  }
  tracePoints(context, shape.points, scale, false);
  strokeCased(context, style, casing === CASING ? 1.5 : 1, casing);
}

/**
 * One shape. `active` (being drawn or moved) tints its inside; finished shapes are lines only, because a tint would
 * change the colours of the map that they lie on; and `quiet` ones where the outline of their region is shown too.
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {number} scale
 * @param {{ active?: boolean, open?: boolean, selected?: boolean, quiet?: boolean }} options
 */
function drawShape(context, shape, scale, { active = false, open = false, selected = false, quiet = false } = {}) {
  const style = OPERATIONS[shape.op] ?? OPERATIONS.add;
  if (isPointKind(shape.kind)) return drawPointShape(context, shape, scale, style);
  const casing = quiet && !active && !selected ? FAINT_CASING : CASING;
  if (shape.kind === "brush") return drawBrush(context, shape, scale, style, active || selected, casing);
  const outline = shape.kind === "rectangle" ? corners(shape.points) : shape.points;
  tracePoints(context, outline, scale, !open);
  if (active) {
    context.globalAlpha = 0.18;
    context.fillStyle = style.colour;
    context.fill("evenodd");
    context.globalAlpha = 1;
  }
  strokeCased(context, style, active || selected ? 2.5 : casing === CASING ? 1.5 : 1, casing);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 * @param {number} scale
 * @param {number} hot
 */
function drawHandles(context, points, scale, hot = -1) {
  points.forEach(([x, y], i) => {
    const reach = i === hot ? 6 : 4.5;
    context.beginPath();
    context.rect(x * scale - reach, y * scale - reach, 2 * reach, 2 * reach);
    context.fillStyle = "#fff";
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "#000";
    context.stroke();
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} place
 * @param {number} scale
 */
function drawCrosshair(context, [x, y], scale) {
  const [cx, cy] = [x * scale, y * scale];
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(cx + 3 * dx, cy + 3 * dy);
    context.lineTo(cx + 14 * dx, cy + 14 * dy);
  }
  strokeCased(context, { colour: "#fff", dash: [] }, 1.5);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} place
 * @param {number} radius
 * @param {number} scale
 */
function drawBrushCursor(context, [x, y], radius, scale) {
  context.beginPath();
  context.arc(x * scale, y * scale, Math.max(1, radius * scale), 0, 2 * Math.PI);
  strokeCased(context, { colour: "#fff", dash: [3, 3] }, 1);
}

/**
 * Everything on the drawing canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {number} scale CSS pixels an image pixel
 * @param {number} ratio device pixels a CSS pixel
 */
export function paintDrawing(canvas, scene, scale, ratio) {
  const context = contextOf(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  scene.shapes.forEach((shape, i) => {
    if (i !== scene.replaced) drawShape(context, shape, scale, { selected: i === scene.selected, quiet: scene.quiet });
  });
  if (scene.active) {
    drawShape(context, scene.active, scale, { active: true, open: scene.open });
    if (scene.placed) drawHandles(context, scene.placed, scale, scene.placed.length > 2 ? 0 : -1);
  }
  if (scene.handles) drawHandles(context, scene.handles, scale, scene.hot);
  if (scene.brush) drawBrushCursor(context, scene.brush.at, scene.brush.radius, scale);
  if (scene.crosshair) drawCrosshair(context, scene.crosshair, scale);
}
