// Mouse, touch, pen and keyboard, turned into the presses and drags of drawing.js.

import { clampPoint } from "./geometry.js";

/** @import { KeyHost, Op, Point, PointerHost } from "./types.d.ts" */

/** @type {Record<string, number>} */
const REACH = { mouse: 8, pen: 10, touch: 18 }; // CSS pixels that count as "on it"
/** @type {Record<string, Point>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Record<string, Op>} */
const OP_KEYS = { "+": "add", "-": "subtract", i: "intersect" };

/**
 * Alt subtracts and Shift intersects while held; otherwise the chosen operation.
 * @param {MouseEvent | KeyboardEvent} event
 * @param {Op} chosen
 * @returns {Op}
 */
function heldOp(event, chosen) {
  if (event.altKey) return "subtract";
  return event.shiftKey ? "intersect" : chosen;
}

/**
 * Pointer events on the drawing canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {PointerHost} host
 * @param {AbortSignal} signal
 */
export function listenToPointer(canvas, host, signal) {
  const { drawing } = host;
  /** @type {number | null} */
  let held = null; // the pointer that draws; others are left alone
  /**
   * @template {keyof HTMLElementEventMap} Name
   * @param {Name} name
   * @param {(event: HTMLElementEventMap[Name]) => void} listener
   */
  const on = (name, listener) => canvas.addEventListener(name, listener, { signal });
  /** @type {(event: PointerEvent) => number} */
  const reachOf = (event) => (REACH[event.pointerType] ?? REACH.mouse) * host.unit();

  on("pointerdown", (event) => {
    if (event.button !== 0 || held !== null) return;
    canvas.classList.add("sc-by-pointer"); // no focus ring for a hand that knows where it is
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    held = event.pointerId;
    host.arrive();
    drawing.press(host.place(event), heldOp(event, host.op()), reachOf(event));
    host.pointAt(host.place(event));
  });
  on("pointermove", (event) => {
    if (held !== null && event.pointerId !== held) return;
    const place = host.place(event);
    host.pointAt(place);
    if (drawing.busy()) {
      const merged = event.getCoalescedEvents?.() ?? [];
      drawing.drag(merged.length ? merged.map(host.place) : [place]);
    } else canvas.classList.toggle("sc-over-shape", drawing.hover(place, reachOf(event)));
  });
  on("pointerup", (event) => {
    if (event.pointerId !== held) return;
    held = null;
    drawing.release();
    if (event.pointerType === "touch") host.pointAt(null);
  });
  on("pointercancel", (event) => {
    if (event.pointerId !== held) return;
    held = null;
    drawing.cancel(); // a pinch begins, or the system took the finger
  });
  on("pointerleave", () => {
    if (held === null) host.pointAt(null);
  });
  on("keydown", () => canvas.classList.remove("sc-by-pointer"));
  on("blur", () => canvas.classList.remove("sc-by-pointer"));
  on("contextmenu", (event) => {
    if (held !== null || drawing.busy()) event.preventDefault(); // a long press of a finger that draws
  });
}

/**
 * Does a key belong to the page or the browser, not to a focused drawing area?
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function isForeign(event) {
  if (event.key === "Tab" || /^F\d+$/.test(event.key)) return true;
  return (event.ctrlKey || event.metaKey) && !["z", "y", "enter", "backspace", "delete"].includes(event.key.toLowerCase());
}

/** @type {(place: Point) => Point} */
const wholePoint = ([x, y]) => [Math.round(x), Math.round(y)];

/**
 * Keys on the drawing canvas; answers whether the key was used.
 * @param {KeyboardEvent} event
 * @param {KeyHost} host
 * @returns {boolean}
 */
export function useKey(event, host) {
  const { drawing } = host;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const here = () => host.crosshair() ?? wholePoint([host.size()[1] / 2, host.size()[0] / 2]);
  if (event.ctrlKey || event.metaKey) {
    if (key === "y" || (key === "z" && event.shiftKey)) host.redo();
    else if (key === "z") host.undo();
    else return false;
    return true;
  }
  if (key in STEPS) {
    const length = event.shiftKey ? 10 : 1;
    const [x, y] = here();
    const place = clampPoint([x + STEPS[key][0] * length, y + STEPS[key][1] * length], host.size());
    host.aim(place);
    drawing.drag([place]);
    return true;
  }
  if (key === " " || (key === "Enter" && !drawing.busy())) {
    const place = here();
    host.aim(place);
    const found = drawing.press(place, heldOp(event, host.op()), 5 * host.unit());
    const grip = found ? null : drawing.next();
    if (grip) host.aim(clampPoint(wholePoint(grip), host.size()));
  } else if (key === "Enter") drawing.finish();
  else if (key === "Escape") drawing.cancel() || drawing.deselect() || host.aim(null);
  else if (key === "Backspace" && drawing.busy()) drawing.back();
  else if (key === "Delete" || key === "Backspace") drawing.remove();
  else if (key in OP_KEYS) host.setOp(OP_KEYS[key]);
  else if (key === "[" || key === "]") host.growBrush(key === "]" ? 1 : -1);
  else if (key in host.toolKeys && !event.altKey) host.setTool(host.toolKeys[key]);
  else return key === "Alt"; // alone it would open the browser's menu
  return true;
}
