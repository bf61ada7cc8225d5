// The row of buttons: tools, operation, brush size, undo, redo, clear. One tab stop; arrow keys move inside it.

/** @import { Op, Toolbar, ToolbarHost } from "./types.d.ts" */

// outlines on a 24 x 24 grid, drawn for this package
/** @type {Record<string, string>} */
const ICONS = {
  add: "M12 5v14M5 12h14",
  subtract: "M5 12h14",
  intersect: "M6 20v-8a6 6 0 0 1 12 0v8",
  undo: "M9 6L4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
  redo: "M15 6l5 5-5 5M20 11H10a5 5 0 0 0 0 10h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
};
/** @type {[op: Op, label: string, tooltip: string][]} */
const OP_BUTTONS = [
  ["add", "Add", "Add: what is drawn joins the region (key +)"],
  ["subtract", "Subtract", "Subtract: what is drawn is taken from the region (key \u2212, or hold Alt while drawing)"],
  ["intersect", "Intersect", "Intersect: only what lies in both stays (key I, or hold Shift while drawing)"],
];
/** @type {[name: "undo" | "redo" | "clear", label: string, tooltip: string][]} */
const EDIT_BUTTONS = [
  ["undo", "Undo", "Undo (Ctrl+Z)"],
  ["redo", "Redo", "Redo (Ctrl+Shift+Z or Ctrl+Y)"],
  ["clear", "Clear", "Clear: delete all shapes (Delete)"],
];

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {Record<string, string>} attributes
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, className, attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * @param {string} path
 * @returns {SVGElement}
 */
function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [name, value] of [["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["focusable", "false"]])
    svg.setAttribute(name, value);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} tooltip
 * @param {string} path
 * @returns {HTMLButtonElement}
 */
function button(name, label, tooltip, path) {
  const element = make("button", "sc-button", { type: "button", "aria-label": label, title: tooltip });
  element.dataset.name = name;
  element.append(icon(path));
  return element;
}

/**
 * @param {string} label
 * @returns {HTMLElement}
 */
function group(label) {
  return make("div", "sc-group", { role: "group", "aria-label": label });
}

/**
 * @param {ToolbarHost} host
 * @param {AbortSignal} signal
 * @returns {Toolbar}
 */
export function createToolbar(host, signal) {
  const element = make("div", "sc-toolbar", { role: "toolbar", "aria-label": "Drawing tools" });
  const [tools, ops, edits] = [group("Tool"), group("Combine"), group("Edit")];
  /** @type {(name: string) => HTMLElement} */
  const buttonOf = (name) => /** @type {HTMLElement} */ (element.querySelector(`[data-name="${name}"]`));
  /** @type {(name: string, action: () => void) => void} */
  const press = (name, action) => {
    const found = buttonOf(name);
    found.addEventListener("click", () => found.getAttribute("aria-disabled") !== "true" && action(), { signal });
  };
  for (const tool of host.tools) tools.append(button(tool.kind, tool.label, tool.tooltip, tool.icon));
  for (const [name, label, tooltip] of OP_BUTTONS) ops.append(button(name, label, tooltip, ICONS[name]));
  for (const [name, label, tooltip] of EDIT_BUTTONS) edits.append(button(name, label, tooltip, ICONS[name]));
  const size = make("label", "sc-brush", { title: "Radius of the brush in image pixels (keys [ and ])" });
  const words = make("span");
  const slider = make("input", "", { type: "range", min: "0.5", step: "0.5", "aria-label": "Brush radius in image pixels" });
  size.append(words, slider);
  element.append(tools, ops, edits, size);
  for (const tool of host.tools) press(tool.kind, () => host.pickTool(tool.kind));
  for (const [name] of OP_BUTTONS) press(name, () => host.setOp(name));
  for (const [name] of EDIT_BUTTONS) press(name, host[name]);
  slider.addEventListener("input", () => host.setBrush(Number(slider.value)), { signal });

  // the slider needs the arrow keys for itself and is a tab stop of its own
  const stops = [...element.querySelectorAll("button")];
  const placeOf = (/** @type {Event} */ event) => stops.indexOf(/** @type {HTMLButtonElement} */ (event.target));
  /** @type {(stop: HTMLElement) => void} */
  function rove(stop) {
    for (const other of stops) other.tabIndex = other === stop ? 0 : -1;
  }
  element.addEventListener("focusin", (event) => placeOf(event) >= 0 && rove(stops[placeOf(event)]), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      const at = placeOf(event);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: stops.length - 1 }[event.key];
      if (to === undefined || at < 0) return;
      stops[(to + stops.length) % stops.length].focus();
      event.preventDefault();
    },
    { signal },
  );
  // the tooltip of what the pointer or the keyboard is on is also shown as text, for those who cannot hover
  const tell = (/** @type {Event} */ event) => {
    /** @type {HTMLElement | null} */
    const titled = /** @type {Element} */ (event.target).closest("[title]");
    host.hint(titled?.title ?? null);
  };
  for (const name of ["pointerover", "focusin"]) element.addEventListener(name, tell, { signal });
  for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, () => host.hint(null), { signal });
  rove(stops[0]);

  /** @type {(names: string[], chosen: string) => void} */
  function mark(names, chosen) {
    for (const name of names) buttonOf(name).setAttribute("aria-pressed", String(name === chosen));
  }
  return {
    element,
    stops: [...stops, slider],
    show(state) {
      mark(host.tools.map((tool) => tool.kind), state.tool);
      mark(OP_BUTTONS.map(([name]) => name), state.op);
      // aria-disabled, not disabled: a button that disables itself would throw the focus away
      const able = { undo: state.canUndo, redo: state.canRedo, clear: state.canClear };
      for (const [name, can] of Object.entries(able))
        buttonOf(name).setAttribute("aria-disabled", String(!can));
      slider.max = String(state.largest);
      slider.value = String(state.radius);
      slider.disabled = !state.brushes;
      size.classList.toggle("sc-off", !state.brushes);
      words.textContent = `Brush ${Number(state.radius.toFixed(1))} px`;
    },
  };
}
