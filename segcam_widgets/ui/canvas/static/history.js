// The shapes of one model, their undo history, and the messages about them. Shared by all views of the model.

/** @import { CanvasModel, History, Shape } from "./types.d.ts" */

const LONGEST_HISTORY = 200;

/**
 * Shapes set from Python are a step like any other and can be undone; a new picture starts a new history.
 * @returns {History}
 */
export function createHistory() {
  /** @type {CanvasModel} */
  let model; // from attach on
  /** @type {Shape[]} */
  let last = [];
  let frame = 0;
  /** @type {Shape | null} */
  let waiting = null; // the draft that the next frame will send
  /** @type {Shape[][]} */
  const past = [];
  /** @type {Shape[][]} */
  const future = [];
  /** @type {Set<() => void>} */
  const listeners = new Set();
  const tell = () => listeners.forEach((listener) => listener());
  const shapes = () => model.get("shapes") ?? [];

  function onShapes() {
    if (shapes() === last) return;
    remember();
    last = shapes();
    tell();
  }
  function onImage() {
    past.length = future.length = 0;
    last = shapes();
    tell();
  }
  function remember() {
    past.push(last);
    if (past.length > LONGEST_HISTORY) past.shift();
    future.length = 0;
  }
  /**
   * Finished shapes and the end of the draft travel in one message.
   * @param {Shape[]} next
   */
  function send(next) {
    cancelAnimationFrame(frame);
    frame = 0;
    last = next;
    model.set("shapes", next);
    model.set("draft", null);
    model.save_changes();
    tell();
  }
  function sendDraft() {
    frame = 0;
    model.set("draft", waiting);
    model.save_changes();
  }
  /** @type {(from: Shape[][], to: Shape[][]) => boolean} */
  function step(from, to) {
    const next = from.pop();
    if (!next) return false;
    to.push(last);
    send(next);
    return true;
  }
  return {
    shapes,
    attach(given) {
      model = given;
      last = shapes();
      model.on("change:shapes", onShapes);
      model.on("change:image", onImage);
    },
    detach() {
      cancelAnimationFrame(frame);
      model.off("change:shapes", onShapes);
      model.off("change:image", onImage);
    },
    commit(next) {
      remember();
      send(next);
    },
    draft(shape) {
      waiting = shape;
      frame ||= requestAnimationFrame(sendDraft);
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
    clear() {
      if (!shapes().length) return false;
      remember();
      send([]);
      return true;
    },
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
