// What ipywidgets leaves to the mouse and the eye. The handles of its sliders have no name, the headers of its
// accordions no place in the tab order, a field without a label has a tooltip only; and lines in words that grow and
// shrink would push the picture up and down under the hand.

/** @import { Widget, WidgetManager } from "../../canvas/static/types.d.ts" */
/**
 * @typedef {{ leaving: string[], slider_texts: Record<string, string[]> }} PageTraits
 * @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field
 */

const HEADER = ".jupyter-widget-Collapse-header";
const OPEN = "jupyter-widget-Collapse-open";
const FIELDS = "input:not([type=checkbox], [type=radio], [type=file], [type=range]), select, textarea";
// Notebook 7 takes arrows, Enter and Space from whatever has the focus and is not written in
const PRESSED = ".noUi-handle, button, select, input, summary, [tabindex]";
const KEEPS = ".segcam-said, .segcam-legend, .segcam-finding, .segcam-bars-say"; // the space they have once taken is kept
const SPEAKS = /[\p{L}\p{N}]/u; // a label of "±" is no name
const ONE_COLUMN = 804; // px below which picture and controls stand one below the other
const QUIET = 1000; // ms without a change before the sentence is spoken: not every step of a drag

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | null | undefined} value
 */
function set(element, name, value) {
  if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * The label that belongs to a widget, where it is shown.
 * @param {Element} element
 * @returns {HTMLElement | null}
 */
function labelOf(element) {
  /** @type {HTMLElement | null | undefined} */
  const label = element.closest(".jupyter-widgets")?.querySelector(":scope > .widget-label");
  return label && label.style.display !== "none" && label.textContent.trim() ? label : null;
}

/**
 * "Opacity of the map" where it holds the visible "Map": who speaks to the computer says what he reads.
 * @param {HTMLElement} label
 * @returns {string}
 */
function nameFrom(label) {
  const [text, tooltip] = [label.textContent.trim(), label.title];
  return tooltip.toLowerCase().includes(text.toLowerCase()) ? tooltip : text;
}

/**
 * @param {Element} handle
 * @param {Record<string, string[]>} texts
 */
function nameSlider(handle, texts) {
  const label = labelOf(handle);
  if (!label) return;
  const [name, key] = [nameFrom(label), label.textContent.trim()];
  set(handle, "aria-label", name);
  // a slider's position in a list says nothing; what stands there does
  set(handle, "aria-valuetext", texts[key]?.[Math.round(Number(handle.getAttribute("aria-valuenow")))]);
  /** @type {HTMLElement | null | undefined} */
  const readout = handle.closest(".jupyter-widgets")?.querySelector(".widget-readout");
  if (!readout || readout.style.display === "none") return;
  set(readout, "role", "textbox");
  set(readout, "aria-label", `${name}, as a number`);
}

/** @type {WeakMap<Field, { own: string, now: string }>} */
const tips = new WeakMap(); // field -> its tooltip as the program wrote it, and as it stands there now

/**
 * @param {Field} field
 * @returns {string}
 */
function tipOf(field) {
  const known = tips.get(field);
  if (known?.now === field.title) return known.own;
  tips.set(field, { own: field.title, now: field.title });
  return field.title;
}

/** @param {Field} field */
function nameField(field) {
  const label = labelOf(field);
  if (!label || !SPEAKS.test(label.textContent)) set(field, "aria-label", tipOf(field));
}

/**
 * Where a field is too narrow for what it says, the whole of it stands in its tooltip.
 * @param {Field} field
 * @param {CanvasRenderingContext2D} pen
 */
function tellWhole(field, pen) {
  const own = tipOf(field);
  const words = (field.matches("select") ? field.selectedOptions[0]?.text : field.value || field.placeholder) ?? "";
  const style = getComputedStyle(field);
  pen.font = style.font;
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const title = words && room > 0 && pen.measureText(words).width > room ? [own, words].filter(Boolean).join(": ") : own;
  if (title === field.title) return;
  field.title = title;
  tips.set(field, { own, now: title });
}

/** @param {Element} header */
function nameHeader(header) {
  set(header, "role", "button");
  set(header, "tabindex", "0");
  set(header, "aria-expanded", String(header.parentElement?.classList.contains(OPEN)));
}

/**
 * Bars are clicked with the mouse only; the table and the field beside them say and do the same.
 * @param {Element} figure
 */
function nameFigure(figure) {
  const words = figure.previousElementSibling?.textContent.trim();
  set(figure, "role", "img");
  set(figure, "aria-label", words ? `Bar chart: ${words}` : "Bar chart");
}

/**
 * What scrolls must be reached by the keyboard, and what does not is no stop.
 * @param {Element} legend
 */
function nameLegend(legend) {
  if (legend.scrollHeight > legend.clientHeight + 1) set(legend, "tabindex", "0");
  else legend.removeAttribute("tabindex");
}

/** @param {KeyboardEvent} event */
function pressHeader(event) {
  const header = /** @type {HTMLElement} */ (event.target);
  if (!header.matches(HEADER) || !["Enter", " "].includes(event.key)) return;
  header.click();
  event.preventDefault();
  event.stopPropagation();
}

/**
 * Keeps the tallest that each of some lines has been, until the width changes.
 * @param {Element} root
 */
function createKeeper(root) {
  /** @type {Set<HTMLElement>} */
  const hosts = new Set();
  let width = 0;
  return () => {
    const now = root.clientWidth;
    if (now !== width) hosts.forEach((host) => (host.style.minHeight = ""));
    width = now;
    for (const line of root.querySelectorAll(KEEPS)) {
      /** @type {HTMLElement | null} */
      const host = line.closest(".segcam-findings") ?? line.closest(".jupyter-widgets"); // its buttons follow its text
      if (!host) continue;
      hosts.add(host);
      const height = Math.ceil(host.getBoundingClientRect().height);
      if (height > (parseFloat(host.style.minHeight) || 0)) host.style.minHeight = `${height}px`;
    }
  };
}

/**
 * Speaks the sentence once it stays as it is.
 * @param {Element} root
 * @param {HTMLElement} live
 */
function createSpeaker(root, live) {
  let [last, timer] = ["", 0];
  return {
    listen() {
      const words = root.querySelector(".segcam-sentence")?.textContent.trim() ?? "";
      if (words === last) return;
      last = words;
      clearTimeout(timer);
      timer = setTimeout(() => (live.textContent = words), QUIET);
    },
    stop: () => clearTimeout(timer),
  };
}

/**
 * JupyterLab keeps the comm of a closed widget for as long as the kernel lives (its comms listen to the kernel's status and
 * never stop), the comm keeps the widget's model, and the model its view with all elements. So, with the close, the comm is
 * made to forget the model.
 * @param {WidgetManager} manager
 * @param {string} id
 */
async function letGo(manager, id) {
  const gone = await manager.get_model(id);
  gone.once("destroy", () => {
    gone.comm?.on_close(nothing);
    gone.comm?.on_msg(nothing);
  });
}
const nothing = () => {}; // out here: a function keeps what is around it

/** @type {Widget<PageTraits>} */
export default {
  initialize({ model }) {
    const forget = () => model.get("leaving").forEach((id) => letGo(model.widget_manager, id).catch(() => {}));
    model.on("change:leaving", forget);
    return () => model.off("change:leaving", forget);
  },
  render({ model, el }) {
    const stop = new AbortController();
    let timer = 0;
    let work = () => {}; // from start on
    const live = document.createElement("div");
    live.className = "segcam-spoken";
    live.setAttribute("role", "status");
    el.append(live);

    // measures text
    const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
    const later = () => (timer ||= setTimeout(work, 60)); // a drag changes much, and nothing that is named here
    const mutations = new MutationObserver(later);
    const sizes = new ResizeObserver(([{ target }]) => {
      target.classList.toggle("segcam-narrow", target.clientWidth < ONE_COLUMN); // now: before it is painted
      later();
    });
    /** @type {ReturnType<typeof createSpeaker> | null} */
    let speaker = null;
    function start() {
      timer = 0;
      /** @type {HTMLElement | null} */
      const root = el.closest(".segcam-explorer");
      if (!root) return (timer = setTimeout(start, 60)); // not on the page yet
      const keep = createKeeper(root);
      speaker = createSpeaker(root, live);
      work = () => {
        timer = 0;
        const texts = model.get("slider_texts");
        root.querySelectorAll(".noUi-handle").forEach((handle) => nameSlider(handle, texts));
        /** @type {NodeListOf<Field>} */
        const fields = root.querySelectorAll(FIELDS);
        for (const field of fields) {
          nameField(field);
          tellWhole(field, pen);
        }
        root.querySelectorAll(PRESSED).forEach((pressed) => set(pressed, "data-lm-suppress-shortcuts", "true"));
        root.querySelectorAll(HEADER).forEach(nameHeader);
        root.querySelectorAll(".bqplot.figure").forEach(nameFigure);
        root.querySelectorAll(".segcam-legend").forEach(nameLegend);
        keep();
        speaker?.listen();
      };
      root.addEventListener("keydown", pressHeader, { signal: stop.signal });
      root.addEventListener("change", later, { signal: stop.signal });
      mutations.observe(root, { subtree: true, childList: true, attributeFilter: ["aria-valuetext", "class", "title"] });
      sizes.observe(root);
      model.on("change:slider_texts", later);
      work();
    }
    start();
    return () => {
      stop.abort();
      mutations.disconnect();
      sizes.disconnect();
      clearTimeout(timer);
      speaker?.stop();
      model.off("change:slider_texts", later);
    };
  },
};
