// What a press, a drag and a release mean for the chosen tool. Knows neither mouse nor keyboard: both call it.

import {
  bentShape, bounds, clampPoint, distance, handlesOf, hitHandle, hitTest, insidePolygon, isPointKind, movedShape,
  polygonArea, rounded, simplify,
} from "./geometry.js";

/** @import { Drawing, DrawingHost, Gesture, Op, Point, Shape } from "./types.d.ts" */

/** @type {Set<Gesture>} */
const DRAGS = new Set(["freehand", "rectangle", "brush", "move"]);

/**
 * What is being drawn; or moved: then `original` is the shape as it was, `index` its place, `start` where it was taken,
 * `handle` the handle that is held, -1: the whole shape. `rubber` is where the next point of a polygon would come.
 * @typedef {{ how: Exclude<Gesture, "move">, shape: Shape, rubber?: Point | null }} Sketch
 * @typedef {{ how: "move", shape: Shape, original: Shape, index: number, start: Point, handle: number }} Move
 */

/**
 * The finished form of what was drawn, or null where it is too small to be meant. `unit`: image pixels a CSS pixel.
 * @param {Gesture} how
 * @param {Shape} shape
 * @param {number} unit
 * @returns {Shape | null}
 */
function finishedShape(how, shape, unit) {
  const least = Math.min(0.999, 2 * unit);
  const points = how === "freehand" || how === "brush" ? simplify(shape.points, unit / 2) : shape.points;
  if (how === "rectangle") {
    const [left, top, right, bottom] = bounds(points);
    if (right - left < least || bottom - top < least) return null;
    return { ...shape, points: rounded([[left, top], [right, bottom]]) };
  }
  const isArea = how === "freehand" || how === "polygon";
  if (isArea && (points.length < 3 || polygonArea(points) < least * least)) return null;
  return { ...shape, points: rounded(points) };
}

/**
 * The points of what is being drawn, with the place that a polygon's next point would have.
 * @param {Sketch | Move} gesture
 * @returns {Point[]}
 */
function pointsSoFar(gesture) {
  const { points } = gesture.shape;
  return gesture.how !== "move" && gesture.rubber ? [...points, gesture.rubber] : points;
}

/**
 * A place on the shape, away from its handles, where the keyboard can pick it up.
 * @param {Shape} shape
 * @returns {Point}
 */
function gripOf(shape) {
  const { points } = shape;
  if (shape.kind === "brush" || isPointKind(shape.kind)) return points[points.length >> 1];
  const [left, top, right, bottom] = bounds(points);
  /** @type {Point} */
  const centre = [(left + right) / 2, (top + bottom) / 2];
  if (shape.kind === "rectangle" || insidePolygon(centre, points)) return centre;
  return [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2];
}

/**
 * A `reach` is how near counts as "on it", in image pixels; larger for a finger than for a mouse.
 * @param {DrawingHost} host
 * @returns {Drawing}
 */
export function createDrawing(host) {
  const { history } = host;
  /** @type {Sketch | Move | null} */
  let gesture = null;
  let selected = -1;
  let hovered = -1;

  const changed = () => host.refresh();
  function sendDraft() {
    if (!gesture) return;
    const { how, shape } = gesture;
    const draft = finishedShape(how, { ...shape, points: pointsSoFar(gesture) }, host.unit());
    if (draft && gesture.how === "move") draft.index = gesture.index;
    history.draft(draft);
  }
  /** @type {(current: Sketch | Move, p: Point) => void} */
  function extend(current, p) {
    const { shape } = current;
    if (current.how === "move") {
      const { original, start, handle } = current;
      current.shape =
        handle >= 0 ? bentShape(original, handle, p) : movedShape(original, p[0] - start[0], p[1] - start[1], host.size());
    } else if (current.how === "polygon") current.rubber = p;
    else if (current.how === "rectangle") shape.points[1] = p;
    else if (distance(p, shape.points[shape.points.length - 1]) > 0) shape.points.push(p);
  }
  /** @type {(how: Sketch["how"], p: Point, op: Op) => void} */
  function begin(how, p, op) {
    /** @type {Shape} */
    const shape = { kind: host.tool(), points: [p], op };
    if (how === "brush") shape.radius = host.radius();
    if (how === "rectangle") shape.points.push(p);
    gesture = { how, shape };
  }
  /**
   * @param {Point} p
   * @param {number} reach
   * @returns {boolean}
   */
  function pickUp(p, reach) {
    const shapes = history.shapes();
    const under = hitTest(shapes, p, reach);
    const index = [selected, under].find((i) => shapes[i] && hitHandle(shapes[i], p, reach) >= 0) ?? under;
    selected = index;
    if (index < 0) return false;
    const shape = shapes[index];
    gesture = { how: "move", shape, original: shape, start: p, index, handle: hitHandle(shape, p, reach) };
    host.say(`${shape.kind} picked up`);
    return true;
  }
  /**
   * @param {Point} p
   * @param {Op} op
   * @param {number} reach
   */
  function pressPolygon(p, op, reach) {
    if (gesture?.how !== "polygon") return begin("polygon", p, op);
    const { points } = gesture.shape;
    const last = points[points.length - 1];
    const closes = distance(p, points[0]) <= reach || distance(p, last) <= reach / 2;
    if (closes && points.length > 2) return finish();
    if (distance(p, last) > 0) points.push(p);
    gesture.rubber = null;
    host.say(`point ${points.length}`);
    sendDraft();
  }
  /**
   * @param {Shape} shape
   * @param {string} words
   */
  function commit(shape, words) {
    history.commit([...history.shapes(), shape]);
    host.say(words);
  }
  /** @param {Move} move */
  function drop({ shape, original, index }) {
    if (shape === original) return history.draft(null);
    history.commit(history.shapes().map((other, i) => (i === index ? shape : other)));
    host.say(`${shape.kind} moved`);
  }
  function finish() {
    if (!gesture) return;
    const done = gesture;
    gesture = null;
    if (done.how === "move") drop(done);
    else {
      const shape = finishedShape(done.how, done.shape, host.unit());
      if (shape) commit(shape, `${shape.kind}: ${shape.op}; ${history.shapes().length + 1} drawn`);
      else {
        history.draft(null);
        host.say("too small, not drawn");
      }
    }
    changed();
  }
  function cancel() {
    if (!gesture) return false;
    gesture = null;
    history.draft(null);
    host.say("cancelled");
    changed();
    return true;
  }

  return {
    busy: () => gesture !== null,
    dragging: () => gesture !== null && DRAGS.has(gesture.how),
    finish,
    cancel,
    press(place, op, reach) {
      const p = clampPoint(place, host.size());
      if (gesture && DRAGS.has(gesture.how)) {
        finish();
        return true;
      }
      const how = host.how();
      let found = true;
      if (how === "move") found = pickUp(p, reach);
      else if (how === "point") commit({ kind: host.tool(), points: rounded([p]), op }, `${host.tool()}: ${op}`);
      else if (how === "polygon") pressPolygon(p, op, reach);
      else {
        begin(how, p, op);
        sendDraft();
      }
      changed();
      return found;
    },
    drag(places) {
      if (!gesture) return;
      for (const place of places) extend(gesture, clampPoint(place, host.size()));
      sendDraft();
      changed();
    },
    release() {
      if (gesture && DRAGS.has(gesture.how)) finish();
    },
    back() {
      if (gesture?.how !== "polygon") return cancel();
      gesture.shape.points.pop();
      if (!gesture.shape.points.length) return cancel();
      sendDraft();
      changed();
      return true;
    },
    hover(p, reach) {
      hovered = p && host.how() === "move" && !gesture ? hitTest(history.shapes(), p, reach) : -1;
      return hovered >= 0;
    },
    next() {
      const shapes = history.shapes();
      if (!shapes.length) return null;
      selected = (selected + 1) % shapes.length;
      host.say(`${shapes[selected].kind}, ${selected + 1} of ${shapes.length}, selected`);
      changed();
      return gripOf(shapes[selected]);
    },
    deselect() {
      const was = selected >= 0;
      selected = -1;
      changed();
      return was;
    },
    remove() {
      if (selected >= 0 && host.how() === "move") {
        const gone = selected;
        selected = -1;
        history.commit(history.shapes().filter((_, i) => i !== gone));
        host.say("shape deleted");
      } else if (history.clear()) host.say("cleared");
      changed();
    },
    sync() {
      if (gesture?.how === "move" && history.shapes()[gesture.index] !== gesture.original) gesture = null;
      if (selected >= history.shapes().length) selected = -1;
      hovered = -1;
    },
    leave() {
      if (gesture?.how === "polygon" && finishedShape("polygon", gesture.shape, host.unit())) finish();
      else cancel();
      selected = hovered = -1;
    },
    scene() {
      const shapes = history.shapes();
      const move = gesture?.how === "move" ? gesture : null;
      const marked = host.how() === "move" ? (move ? move.index : hovered >= 0 ? hovered : selected) : -1;
      return {
        shapes,
        active: gesture && { ...gesture.shape, points: pointsSoFar(gesture) },
        open: gesture !== null && (gesture.how === "freehand" || gesture.how === "polygon"),
        placed: gesture?.how === "polygon" ? gesture.shape.points : null,
        replaced: move ? move.index : -1,
        selected: marked,
        handles: marked >= 0 && shapes[marked] ? handlesOf(move ? move.shape : shapes[marked]) : null,
        hot: move ? move.handle : -1,
      };
    },
  };
}
