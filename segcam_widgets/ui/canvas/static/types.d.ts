// Types of the front end, for the checker and for who reads; nothing of it runs.

/** x to the right, y down, in pixels of the displayed image. */
export type Point = [x: number, y: number];
export type Size = [height: number, width: number];
export type Box = [left: number, top: number, right: number, bottom: number];

// ---------------------------------------------------------------- anywidget

/** What anywidget hands over of ipywidgets' model. */
export interface Model<Traits> {
  get<Name extends keyof Traits>(name: Name): Traits[Name];
  set<Name extends keyof Traits>(name: Name, value: Traits[Name]): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: ChangeOf<Traits>, listener: () => void): void;
  off(event: ChangeOf<Traits>, listener: () => void): void;
  widget_manager: WidgetManager;
}

type Change<Traits> = `change:${keyof Traits & string}`;
export type ChangeOf<Traits> = Change<Traits> | `${Change<Traits>} ${Change<Traits>}`;

/** The part of ipywidgets' manager that the page helper needs. */
export interface WidgetManager {
  get_model(id: string): Promise<{
    once(event: "destroy", listener: () => void): void;
    comm?: { on_close(listener: () => void): void; on_msg(listener: () => void): void };
  }>;
}

export interface ViewOf<Traits> {
  model: Model<Traits>;
  el: HTMLElement;
}

/** The default export of a script, or what it returns; what its functions return is called at the end. */
export interface Widget<Traits> {
  initialize?(context: { model: Model<Traits> }): () => void;
  render(context: ViewOf<Traits>): () => void;
}

// ---------------------------------------------------------------- traits of the canvas

/** ipywidgets hands over a DataView; a test may hand over an ArrayBuffer. */
export type Bytes = ArrayBuffer | DataView<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export interface Packed {
  shape: Size;
  data: Bytes;
}
export interface PackedLabels extends Packed {
  dtype: "uint8" | "uint16";
}
export interface PackedHeat extends Packed {
  dtype: "float16" | "float32";
  scale: number;
  seq?: number;
}

export type Op = "add" | "subtract" | "intersect";
/** How a tool draws: these drag, "polygon" clicks, "point" is done at once. */
export type Gesture = "freehand" | "rectangle" | "brush" | "polygon" | "point" | "move";

/** A button of the toolbar; `kind` is one of Python's REGION_TOOLS, or "move". */
export interface Tool {
  kind: string;
  label: string;
  tooltip: string;
  icon: string;
  gesture: Gesture;
  shortcut: string;
}

/** `radius` where the kind is "brush"; `index` where a draft stands for shapes[index]. */
export interface Shape {
  kind: string;
  points: Point[];
  op: Op;
  radius?: number;
  index?: number;
}

export interface CanvasTraits {
  image: Packed | null;
  labels: PackedLabels | null;
  truth: PackedLabels | null;
  heat: PackedHeat | null;
  region_mask: Packed | null;
  grid_shape: Size | [];
  palette: string[];
  class_names: string[];
  labels_visible: boolean;
  labels_opacity: number;
  truth_visible: boolean;
  truth_opacity: number;
  heat_visible: boolean;
  heat_opacity: number;
  heat_label: string;
  lut: Bytes;
  vmax: number;
  smooth: boolean;
  relu: boolean;
  fade: boolean;
  region_visible: boolean;
  dim_outside: number;
  max_width: number;
  max_height: number;
  tools: Tool[];
  tool: string;
  op: Op;
  brush_radius: number;
  shapes: Shape[];
  draft: Shape | null;
  hover: [row: number, col: number] | null;
  hover_text: string;
  label: string;
}
export type CanvasModel = Model<CanvasTraits>;

// ---------------------------------------------------------------- decoded layers

export interface Grid<Values> {
  height: number;
  width: number;
  values: Values;
}
/** `low` and `high` are the extremes of the finite values, NaN where there are none. */
export interface Heat extends Grid<Float32Array> {
  low: number;
  high: number;
  seq: number;
}
/** `nothing` is the value of pixels without a class. */
export interface Labels extends Grid<Uint8Array | Uint16Array> {
  nothing: number;
}
export type Mask = Grid<Uint8Array>;

/** Packed colours, one Uint32 each, in the byte order that ImageData has on this machine. */
export type Colours = Uint32Array<ArrayBuffer>;

/** How the map is coloured: -limit to limit over the colours of `lut`. */
export interface Look {
  lut: Colours;
  limit: number;
  smooth: boolean;
  relu: boolean;
  fade: boolean;
}

/** Writes packed colours, one for each device pixel. */
export type Fill = (out: Colours, height: number, width: number) => void;

/** Bilinear neighbours of pixels: the lower one, the upper one, and the upper one's weight. */
export interface Neighbours {
  low: Int32Array;
  high: Int32Array;
  part: Float64Array;
}

// ---------------------------------------------------------------- what the parts know of each other

export interface History {
  attach(model: CanvasModel): void;
  detach(): void;
  shapes(): Shape[];
  commit(next: Shape[]): void;
  /** The outline on its way: at most one message a frame, and ipywidgets keeps one in flight. */
  draft(shape: Shape | null): void;
  undo(): boolean;
  redo(): boolean;
  clear(): boolean;
  canUndo(): boolean;
  canRedo(): boolean;
  /** Returns what ends the subscription. */
  subscribe(listener: () => void): () => void;
}

/** What drawing needs of its view; `unit`: image pixels a CSS pixel. */
export interface DrawingHost {
  history: History;
  how(): Gesture;
  tool(): string;
  radius(): number;
  size(): Size;
  unit(): number;
  say(words: string): void;
  refresh(): void;
}

/** Everything on the drawing canvas, in display-image pixels. */
export interface Scene {
  shapes: Shape[];
  /** What is being drawn or moved. */
  active: Shape | null;
  /** Whether its outline has still to be closed. */
  open: boolean;
  /** The points of a polygon that are fixed. */
  placed: Point[] | null;
  /** Index of the shape that `active` stands for, -1: none. */
  replaced: number;
  selected: number;
  handles: Point[] | null;
  /** Index of the handle that is held, -1: none. */
  hot: number;
  /** Whether outlines are faint, because that of their region is shown too. */
  quiet?: boolean;
  crosshair?: Point | null;
  brush?: { at: Point; radius: number } | null;
}

export interface Drawing {
  busy(): boolean;
  dragging(): boolean;
  finish(): void;
  /** Returns whether there was something to cancel. */
  cancel(): boolean;
  /** Begin, place a point, or (with a drag under way, from the keyboard) end. Returns whether something was there. */
  press(place: Point, op: Op, reach: number): boolean;
  /** The pointer or crosshair moves on while a shape is drawn or moved. */
  drag(places: Point[]): void;
  /** The button or finger is lifted: a drag ends, a polygon goes on. */
  release(): void;
  /** Take back the last point of a polygon. */
  back(): boolean;
  /** Returns whether a shape is there that could be picked up. */
  hover(place: Point | null, reach: number): boolean;
  /** Select the next shape and answer where to pick it up; null where there is none. */
  next(): Point | null;
  deselect(): boolean;
  /** Delete the selected shape, or all. */
  remove(): void;
  /** Shapes changed from elsewhere: what was being moved may be gone. */
  sync(): void;
  /** The tool changed: a polygon that is one is kept, anything else ends. */
  leave(): void;
  scene(): Scene;
}

export interface PointerHost {
  drawing: Drawing;
  place(event: MouseEvent): Point;
  unit(): number;
  op(): Op;
  pointAt(place: Point | null): void;
  arrive(): void;
}

export interface KeyHost {
  drawing: Drawing;
  size(): Size;
  unit(): number;
  op(): Op;
  setOp(op: Op): void;
  setTool(kind: string): void;
  /** {key: kind} */
  toolKeys: Record<string, string>;
  growBrush(by: number): void;
  crosshair(): Point | null;
  aim(place: Point | null): void;
  undo(): void;
  redo(): void;
}

export interface ToolbarHost {
  tools: Tool[];
  pickTool(kind: string): void;
  setOp(op: Op): void;
  undo(): void;
  redo(): void;
  clear(): void;
  setBrush(radius: number): void;
  /** Show a tooltip as text; null: that of the chosen tool. */
  hint(words: string | null): void;
}
export interface ToolbarState {
  tool: string;
  op: Op;
  radius: number;
  /** Largest radius that the slider offers. */
  largest: number;
  /** Whether the chosen tool has a radius. */
  brushes: boolean;
  canUndo: boolean;
  canRedo: boolean;
  canClear: boolean;
}
export interface Toolbar {
  element: HTMLElement;
  /** What takes the focus. */
  stops: HTMLElement[];
  show(state: ToolbarState): void;
}

export interface Scale {
  element: HTMLElement;
  show(state: { heat: Heat | null; look: Look; label: string }): void;
  /** Mark a value; null or NaN: none. */
  point(value: number | null): void;
}

/** What is known about a place; a class is an index, null: no class, undefined: no such layer. */
export interface Reading {
  row: number;
  col: number;
  value: number | null;
  predicted: number | null | undefined;
  truth: number | null | undefined;
  palette: string[];
  names: string[];
  text: string;
}
export interface Readout {
  element: HTMLElement;
  show(reading: Reading | null): void;
}

export interface Layers {
  bitmap: ImageBitmap | null;
  heat: Heat | null;
  labels: Labels | null;
  truth: Labels | null;
  mask: Mask | null;
}
export interface Picture {
  stage: HTMLElement;
  /** The topmost, for the drawing. */
  canvas: HTMLCanvasElement;
  data: Layers;
  look(): Look;
  resize(): void;
  size(): Size;
  /** CSS pixels an image pixel. */
  scale(): number;
  /** Device pixels a CSS pixel. */
  ratio(): number;
  /** CSS pixels. */
  width(): number;
  /** A trait changed: decode it again if it is data, repaint what shows it. */
  touch(trait: keyof CanvasTraits): void;
  /** There is so much room, in CSS pixels. */
  layout(available: number): void;
  stop(): void;
}
