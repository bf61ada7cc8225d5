// The shapes of one model, their undo history, and the messages about them. Shared by all views of the model.

const LONGEST_HISTORY = 200;

/**
 * Returns {attach, shapes, commit, draft, undo, redo, clear, canUndo, canRedo, subscribe, detach}.
 *
 * Shapes set from Python are a step like any other and can be undone; a new picture starts a new history.
 */
export function createHistory() {
  let model = null;
  let last = [];
  let frame = 0;
  let waiting; // the draft that the next frame will send
  const past = [];
  const future = [];
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
  /** Finished shapes and the end of the draft travel in one message. */
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
  function step(from, to) {
    if (!from.length) return false;
    to.push(last);
    send(from.pop());
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
    /** The outline on its way: at most one message a frame, and ipywidgets keeps one in flight. */
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
