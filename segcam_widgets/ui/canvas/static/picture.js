// The stack of canvases: reads the model's layers, keeps them decoded, repaints what changed, once a frame.

import { bytesOf, decodeHeat, decodeLabels, decodeMask } from "./bytes.js";
import { colourHeat, packedColours, packedPalette } from "./colour.js";
import { fitSize } from "./geometry.js";
import { colourLabels, hatchLabels, outlineMask, paintImage, paintPixels, resizeCanvas, wipe } from "./layers.js";
import { make } from "./toolbar.js";

/** @import { CanvasModel, CanvasTraits, Fill, Layers, Look, Picture, Size } from "./types.d.ts" */

const MOST_PIXELS = 4e6; // device pixels of a layer; a larger screen gets the same picture, a little softer
/** @type {Size} */
const WITHOUT_IMAGE = [240, 320];
// which layers must be painted again when a trait changes; opacity and visibility are left to the style sheet
/** @typedef {"image" | "labels" | "heat" | "truth" | "region"} Layer */
/** @type {Partial<Record<keyof CanvasTraits, Layer[]>>} */
const REPAINTS = {
  labels: ["labels"],
  truth: ["truth"],
  palette: ["labels", "truth"],
  heat: ["heat"],
  lut: ["heat"],
  vmax: ["heat"],
  smooth: ["heat"],
  relu: ["heat"],
  fade: ["heat"],
  region_mask: ["region"],
  region_visible: ["region"],
  dim_outside: ["region"],
};
const OVERLAYS = /** @type {const} */ (["labels", "truth", "heat"]); // with an opacity each
/** @type {Layer[]} */
const LAYERS = ["image", "labels", "heat", "truth", "region"]; // bottom to top; the line art stays above the map

/**
 * @param {CanvasModel} model
 * @param {() => void} painted called after every repaint
 * @returns {Picture}
 */
export function createPicture(model, painted) {
  const stage = make("div", "sc-stage");
  const newLayer = (/** @type {Layer} */ name) => make("canvas", `sc-layer sc-${name}`, { "aria-hidden": "true" });
  const layers = {
    image: newLayer("image"),
    labels: newLayer("labels"),
    heat: newLayer("heat"),
    truth: newLayer("truth"),
    region: newLayer("region"),
  };
  stage.append(...LAYERS.map((name) => layers[name]));
  const canvas = make("canvas", "sc-layer sc-draw", { tabindex: "0", role: "application" });
  stage.append(canvas);

  /** @type {Layers} */
  const data = { bitmap: null, heat: null, labels: null, truth: null, mask: null };
  /** @type {Set<Layer>} */
  const dirty = new Set();
  let decoding = 0; // number of the image that is being decoded, 0 when none is
  let images = 0;
  let frame = 0;
  let fit = { scale: 1, width: 0, height: 0 };
  let ratio = 1;
  let available = 0;
  let stopped = false;

  /** @type {() => Size} */
  const shape = () => (data.bitmap ? [data.bitmap.height, data.bitmap.width] : WITHOUT_IMAGE);
  /** @type {() => Look} */
  const look = () => ({
    lut: packedColours(model.get("lut")),
    limit: model.get("vmax"),
    smooth: model.get("smooth"),
    relu: model.get("relu"),
    fade: model.get("fade"),
  });
  /** @type {Partial<Record<keyof CanvasTraits, () => void>>} */
  const read = {
    heat: () => (data.heat = decodeHeat(model.get("heat"))),
    labels: () => (data.labels = decodeLabels(model.get("labels"))),
    truth: () => (data.truth = decodeLabels(model.get("truth"))),
    region_mask: () => (data.mask = decodeMask(model.get("region_mask"))),
  };
  const palette = () => packedPalette(model.get("palette"));
  /**
   * @template Decoded
   * @param {HTMLCanvasElement} target
   * @param {Decoded | null} layer
   * @param {(layer: Decoded, ...where: Parameters<Fill>) => void} fill
   */
  const paintOr = (target, layer, fill) =>
    layer ? paintPixels(target, (o, h, w) => fill(layer, o, h, w)) : wipe(target);
  /** @type {Record<Layer, (target: HTMLCanvasElement) => void>} */
  const paint = {
    image: (target) => paintImage(target, data.bitmap),
    labels: (target) => paintOr(target, data.labels, (labels, o, h, w) => colourLabels(labels, palette(), h, w, o)),
    truth: (target) => paintOr(target, data.truth, (truth, o, h, w) => hatchLabels(truth, palette(), h, w, o, ratio)),
    heat(target) {
      paintOr(target, data.heat, (heat, o, h, w) => colourHeat(heat, look(), h, w, o));
      if (data.heat) stage.dataset.heatSeq = String(data.heat.seq); // what is on the screen now, for whoever waits for it
      else delete stage.dataset.heatSeq;
    },
    region(target) {
      const [dim, outline] = [model.get("dim_outside"), model.get("region_visible")];
      const shown = dim > 0 || outline ? data.mask : null;
      paintOr(target, shown, (mask, o, h, w) => outlineMask(mask, h, w, o, ratio, dim, outline));
    },
  };

  /** @type {(names: Layer[]) => void} */
  function request(names) {
    names.forEach((name) => dirty.add(name));
    if (!frame && !stopped) frame = requestAnimationFrame(repaint);
  }
  function repaint() {
    frame = 0;
    // a new picture and its overlays come in one message; they are shown in one frame too, once the picture is decoded
    if (decoding || !fit.width) return;
    for (const name of LAYERS) if (dirty.has(name)) paint[name](layers[name]);
    dirty.clear();
    painted();
  }
  async function decode() {
    const mine = (decoding = ++images);
    const trait = model.get("image");
    let bitmap = null;
    try {
      if (trait?.data) bitmap = await createImageBitmap(new Blob([bytesOf(trait.data)], { type: "image/png" }));
    } catch {
      bitmap = null; // damaged bytes: the placeholder says more than the last picture would
    }
    if (mine !== images || stopped) return bitmap?.close();
    decoding = 0;
    data.bitmap?.close();
    data.bitmap = bitmap;
    resize();
  }
  function showStyles() {
    for (const name of OVERLAYS) {
      layers[name].style.opacity = String(model.get(`${name}_opacity`));
      layers[name].style.visibility = model.get(`${name}_visible`) ? "visible" : "hidden";
    }
  }
  function resize() {
    if (available <= 0) return;
    fit = fitSize(shape(), available, model.get("max_width"), model.get("max_height"));
    const wanted = window.devicePixelRatio || 1;
    ratio = Math.min(wanted, Math.sqrt(MOST_PIXELS / (fit.width * fit.height)));
    stage.style.width = `${fit.width}px`;
    stage.style.height = `${fit.height}px`;
    for (const target of [...Object.values(layers), canvas])
      resizeCanvas(target, Math.round(fit.width * ratio), Math.round(fit.height * ratio));
    request(LAYERS);
  }
  for (const decodeLayer of Object.values(read)) decodeLayer();
  decode();
  showStyles();
  return {
    stage,
    canvas,
    data,
    look,
    resize,
    size: shape,
    scale: () => fit.width / shape()[1],
    ratio: () => ratio,
    width: () => fit.width,
    touch(trait) {
      if (trait === "image") decode();
      else if (trait === "max_width" || trait === "max_height") resize();
      else {
        read[trait]?.();
        showStyles();
        request(REPAINTS[trait] ?? []);
      }
    },
    layout(width) {
      if (width === available && width > 0) return;
      available = width;
      resize();
    },
    stop() {
      stopped = true;
      cancelAnimationFrame(frame);
      data.bitmap?.close();
    },
  };
}
