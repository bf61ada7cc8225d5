// One view of one canvas model: puts the parts together and lets each change reach the part that shows it.

import { signedNumber } from "./bytes.js";
import { valueAt } from "./colour.js";
import { createDrawing } from "./drawing.js";
import { cellAt } from "./geometry.js";
import { isForeign, listenToPointer, useKey } from "./input.js";
import { createPicture } from "./picture.js";
import { createReadout, createScale } from "./readout.js";
import { paintDrawing } from "./shapes.js";
import { createToolbar, make } from "./toolbar.js";

/** @import { CanvasModel, CanvasTraits, ChangeOf, DrawingHost, History, KeyHost, Labels } from "./types.d.ts" */
/** @import { Point, PointerHost, Reading, Size, Tool, ToolbarHost } from "./types.d.ts" */

const HELP =
  "Arrow keys move the crosshair, with Shift by 10 pixels. Space starts, places a point or finishes; Enter finishes; " +
  "Escape cancels; Backspace takes back a point. Alt subtracts and Shift intersects while drawing; the keys +, minus " +
  "and I choose that for good. Control Z undoes, Control Y redoes, Delete clears. Letters choose the tool: ";
const QUIET = 250; // ms without movement before the crosshair's place is spoken
/** @type {(keyof CanvasTraits)[]} */
const DATA_TRAITS = [
  "image", "labels", "truth", "palette", "heat", "lut", "vmax", "smooth", "relu", "fade", "region_mask", "region_visible",
  "dim_outside", "max_width", "max_height", "labels_visible", "labels_opacity", "truth_visible", "truth_opacity",
  "heat_visible", "heat_opacity",
];
/** @type {(keyof CanvasTraits)[]} */
const REPORTED_TRAITS = ["heat", "lut", "vmax", "relu", "fade", "image"]; // also told of around the picture
/** @type {(keyof CanvasTraits)[]} */
const CONTROL_TRAITS = ["tool", "op", "brush_radius", "label", "heat_label", "hover_text", "class_names", "grid_shape"];

let views = 0; // numbers the views of this page, for ids

/**
 * @param {History} history
 * @param {CanvasModel} model
 * @param {HTMLElement} el
 * @returns {() => void} ends the view
 */
export function createView(history, model, el) {
  const stop = new AbortController();
  const { signal } = stop;
  const tools = model.get("tools");
  const root = make("div", "sc-canvas");
  const ruler = make("div", "sc-ruler"); // as wide as the container, whatever the picture's width
  const hint = make("div", "sc-hint");
  const help = make("div", "sc-hidden", { id: `segcam-help-${(views += 1)}-${Math.random().toString(36).slice(2, 8)}` });
  const live = make("div", "sc-hidden", { "aria-live": "polite" });
  const picture = createPicture(model, () => present());
  const { canvas, stage } = picture;
  const scale = createScale();
  const readout = createReadout();
  /** @type {Point | null} */
  let crosshair = null;
  /** @type {Point | null} */
  let spot = null; // where values are read, display-image pixels
  /** @type {Point | null} */
  let pointer = null; // where the mouse or finger is
  let frame = 0;
  let stale = true; // whether what stands around the picture is behind the traits
  let speech = 0;

  /** @type {(kind: string) => Tool} */
  const toolOf = (kind) => tools.find((tool) => tool.kind === kind) ?? tools[0];
  /** @type {<Name extends keyof CanvasTraits>(name: Name, value: CanvasTraits[Name]) => void} */
  const send = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  /** @type {(words: string) => void} */
  const say = (words) => {
    clearTimeout(speech);
    live.textContent = words;
  };
  const refresh = () => {
    if (!frame && !signal.aborted) frame = requestAnimationFrame(present);
  };
  /** @type {DrawingHost & KeyHost & PointerHost & ToolbarHost} */
  const host = {
    history, tools, say, refresh,
    get drawing() {
      return drawing;
    },
    how: () => toolOf(model.get("tool")).gesture,
    tool: () => toolOf(model.get("tool")).kind,
    op: () => model.get("op"),
    radius: () => model.get("brush_radius"),
    size: picture.size,
    unit: () => 1 / picture.scale(),
    toolKeys: Object.fromEntries(tools.map((tool) => [tool.shortcut, tool.kind])),
    place(event) {
      const box = canvas.getBoundingClientRect();
      const [height, width] = picture.size();
      return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    },
    arrive: () => (crosshair = null),
    pointAt(place) {
      pointer = spot = place;
      refresh();
    },
    crosshair: () => crosshair,
    aim(place) {
      crosshair = spot = place;
      pointer = null;
      refresh();
      clearTimeout(speech);
      if (place) speech = setTimeout(() => say(spoken()), QUIET);
    },
    pickTool(kind) {
      send("tool", kind);
    },
    setTool(kind) {
      send("tool", kind);
      say(`${toolOf(kind).label} tool`);
    },
    setOp(op) {
      send("op", op);
      say(op);
    },
    setBrush: (radius) => send("brush_radius", radius),
    growBrush(by) {
      const radius = Math.max(0.5, Math.min(largest(), host.radius() + by * (host.radius() < 5 ? 0.5 : 1)));
      send("brush_radius", radius);
      say(`brush radius ${radius} pixels`);
    },
    undo: () => (drawing.busy() ? drawing.back() : history.undo() && say("undone")),
    redo: () => history.redo() && say("redone"),
    clear: () => history.clear() && say("cleared"),
    hint: (words) => (hint.textContent = words ?? toolOf(model.get("tool")).tooltip),
  };
  const drawing = createDrawing(host);
  const toolbar = createToolbar(host, signal);

  const largest = () => Math.max(4, Math.round(Math.min(...picture.size()) / 4));
  /** @type {() => Size} */
  const grid = () => {
    const shape = model.get("grid_shape");
    return shape?.length === 2 ? shape : picture.size();
  };

  /**
   * What is known in the browser about the place that is pointed at.
   * @returns {Reading | null}
   */
  function reading() {
    const [height, width] = picture.size();
    if (!spot || spot[0] < 0 || spot[1] < 0 || spot[0] > width || spot[1] > height) return null;
    const [across, down] = [spot[0] / width, spot[1] / height];
    const [row, col] = cellAt(grid(), across, down);
    const { heat, labels, truth } = picture.data;
    const labelAt = (/** @type {Labels | null} */ layer) => {
      if (!layer) return undefined;
      const [r, c] = cellAt([layer.height, layer.width], across, down);
      const label = layer.values[r * layer.width + c];
      return label === layer.nothing ? null : label;
    };
    return {
      row, col,
      value: heat ? valueAt(heat, model.get("smooth"), across, down) : null,
      predicted: labelAt(labels),
      truth: labelAt(truth),
      palette: model.get("palette"),
      names: model.get("class_names"),
      text: drawing.dragging() ? "" : model.get("hover_text"), // of the place before the drag
    };
  }
  function spoken() {
    const at = reading();
    if (!at) return "";
    const map = at.value === null ? "" : `, map ${signedNumber(at.value)}`;
    const predicted = at.predicted === undefined || at.predicted === null ? "" : `, ${at.names[at.predicted] ?? ""}`;
    return `row ${at.row}, column ${at.col}${map}${predicted}`;
  }
  /** @type {(at: Reading | null) => void} */
  function sendHover(at) {
    if (drawing.dragging()) return; // the shape's own message would have to wait for the answer
    /** @type {CanvasTraits["hover"]} */
    const now = at && [at.row, at.col];
    const was = model.get("hover");
    if (now?.[0] !== was?.[0] || now?.[1] !== was?.[1]) send("hover", now);
  }
  /** Bring everything that depends on the pointer, the shapes and the traits up to date; at most once a frame. */
  function present() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (signal.aborted) return;
    if (stale) showControls();
    const scene = drawing.scene();
    const draft = model.get("draft");
    if (!scene.active && draft) [scene.active, scene.replaced] = [draft, draft.index ?? -1]; // drawn in another view
    scene.quiet = host.how() !== "move" && picture.data.mask !== null && model.get("region_visible");
    const focused = canvas.matches(":focus");
    scene.crosshair = focused ? crosshair : null;
    const at = host.how() === "brush" && (pointer ?? scene.crosshair);
    scene.brush = at ? { at, radius: host.radius() } : null;
    root.style.setProperty("--sc-width", `${picture.width()}px`);
    paintDrawing(canvas, scene, picture.scale(), picture.ratio());
    const now = reading();
    readout.show(now);
    scale.point(now ? now.value : null);
    sendHover(now);
  }
  function showControls() {
    stale = false;
    const kind = host.tool();
    toolbar.show({
      tool: kind,
      op: host.op(),
      radius: host.radius(),
      largest: Math.max(largest(), host.radius()),
      brushes: host.how() === "brush",
      canUndo: history.canUndo(),
      canRedo: history.canRedo(),
      canClear: history.shapes().length > 0,
    });
    stage.dataset.tool = kind;
    host.hint(null);
    canvas.setAttribute("aria-label", model.get("label"));
    scale.show({ heat: picture.data.heat, look: picture.look(), label: model.get("heat_label") });
  }
  /** A map comes with its range and its label: all three are shown once. */
  function outdate() {
    stale = true;
    refresh();
  }

  // ---------------------------------------------------------------- what makes it change
  /** @type {[ChangeOf<CanvasTraits>, () => void][]} */
  const subscriptions = [];
  /** @type {(name: keyof CanvasTraits, listener: () => void) => void} */
  const listen = (name, listener) => {
    model.on(`change:${name}`, listener);
    subscriptions.push([`change:${name}`, listener]);
  };
  for (const name of DATA_TRAITS) listen(name, () => picture.touch(name));
  for (const name of [...REPORTED_TRAITS, ...CONTROL_TRAITS]) listen(name, outdate);
  listen("tool", () => drawing.leave());
  listen("image", () => drawing.cancel());
  listen("draft", refresh);
  const unsubscribe = history.subscribe(() => {
    drawing.sync();
    outdate();
  });
  listenToPointer(canvas, host, signal);
  canvas.addEventListener(
    "keydown",
    (event) => {
      if (useKey(event, host)) event.preventDefault();
    },
    { signal },
  );
  canvas.addEventListener(
    "focus",
    () => {
      // reached by keyboard: show where the crosshair is
      if (!canvas.matches(":focus-visible:not(.sc-by-pointer)")) return;
      const [height, width] = picture.size();
      host.aim(crosshair ?? [Math.round(width / 2), Math.round(height / 2)]);
    },
    { signal },
  );
  canvas.addEventListener(
    "blur",
    () => {
      if (spot === crosshair) spot = null;
      refresh();
    },
    { signal },
  );
  // nothing typed in here is a shortcut of the page around it; JupyterLab listens where the event bubbles to
  root.addEventListener("keydown", (event) => isForeign(event) || event.stopPropagation(), { signal });
  /** @type {MediaQueryList | undefined} */
  let density; // the screen's pixel ratio changes when the window moves to another screen or is zoomed
  function watchDensity() {
    density?.removeEventListener("change", onDensity);
    density = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    density.addEventListener("change", onDensity);
  }
  function onDensity() {
    picture.resize();
    watchDensity();
  }
  watchDensity();
  const observer = new ResizeObserver(() => {
    picture.layout(ruler.clientWidth);
    root.classList.toggle("sc-wide", ruler.clientWidth >= 640);
    refresh();
  });

  help.textContent = HELP + tools.map((tool) => `${tool.shortcut} ${tool.label}`).join(", ");
  canvas.setAttribute("aria-describedby", help.id);
  // Notebook 7 looks for shortcuts before a key gets here, and matches the focused element itself: each must say no
  for (const focusable of [canvas, ...toolbar.stops]) focusable.dataset.lmSuppressShortcuts = "true";
  root.append(ruler, toolbar.element, hint, stage, scale.element, readout.element, help, live);
  el.append(root);
  observer.observe(ruler);
  showControls();
  refresh();

  return () => {
    stop.abort();
    observer.disconnect();
    density?.removeEventListener("change", onDensity);
    cancelAnimationFrame(frame);
    clearTimeout(speech);
    unsubscribe();
    for (const [name, listener] of subscriptions) model.off(name, listener);
    picture.stop();
    root.remove();
  };
}
