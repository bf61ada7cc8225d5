// A heat table, layers down and classes across: only the cells in sight are on the page, so that 300 layers by 150 classes
// scroll as lightly as 5 by 2. One cell has the focus; arrows, Home, End and the page keys move it, Enter or Space chooses.

/** @import { Model, Widget } from "../../canvas/static/types.d.ts" */
/**
 * `colours`: ground and ink for each level of the share; `codes`: "row,column" -> the code of what was found there.
 * @typedef {{ rows?: string[], columns?: string[], pixels?: number[], colours?: [string, string][],
 *   share?: DataView<ArrayBuffer>, negative?: DataView<ArrayBuffer>, kind?: DataView<ArrayBuffer>,
 *   codes?: Record<string, string> }} Packed
 * @typedef {[row: number, column: number]} Cell
 * @typedef {{ table: Packed, current: Cell }} HeatTableTraits
 * @typedef {ReturnType<typeof readTable>} Table
 */

const ROW = 22; // px, height of a row
const WIDE = 44; // px a column from which a cell has room for a word
const NARROW = 27;
const LETTER = 6.6; // px, about
const NO_MAP = 0, FINE = 1, BLANK = 2, BROKEN = 3, FAINT = 4, NUMBER = 5;
/** @type {Record<string, (page: number, ctrl: boolean) => Cell>} */
const MOVES = {
  ArrowUp: () => [-1, 0],
  ArrowDown: () => [1, 0],
  ArrowLeft: () => [0, -1],
  ArrowRight: () => [0, 1],
  PageUp: (page) => [-page, 0],
  PageDown: (page) => [page, 0],
  Home: (_, ctrl) => [ctrl ? -Infinity : 0, -Infinity],
  End: (_, ctrl) => [ctrl ? Infinity : 0, Infinity],
};

/** @type {(value: number, low: number, high: number) => number} */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} [role]
 * @returns {HTMLElement}
 */
function create(tag, className, role) {
  const made = document.createElement(tag);
  made.className = className;
  if (role) made.setAttribute("role", role);
  return made;
}

/**
 * What the kernel sent, by row and column.
 * @param {Model<HeatTableTraits>} model
 */
function readTable(model) {
  const data = model.get("table");
  const rows = data.rows ?? [];
  const columns = data.columns ?? [];
  const bytes = (/** @type {DataView<ArrayBuffer> | undefined} */ view) =>
    view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0);
  /** @type {(values: Uint8Array) => (row: number, column: number) => number} */
  const byCell = (values) => (row, column) => values[row * columns.length + column];
  return {
    rows,
    columns,
    pixels: data.pixels ?? [],
    colours: data.colours ?? [],
    kind: byCell(bytes(data.kind)),
    share: byCell(bytes(data.share)),
    negative: byCell(bytes(data.negative)),
    /** @type {(row: number, column: number) => string} */
    code: (row, column) => data.codes?.[`${row},${column}`] ?? "",
  };
}

/**
 * What stands in a cell: a number in per cent, or a sign.
 * @param {Table} table
 * @param {number} row
 * @param {number} column
 * @param {boolean} wide
 * @returns {string}
 */
function cellText(table, row, column, wide) {
  const kind = table.kind(row, column);
  if (kind === NO_MAP) return "–";
  if (kind === BROKEN) return "nan";
  if (kind === BLANK) return wide ? `∅ ${table.code(row, column) || "blank"}` : "∅";
  if (kind === FAINT) return wide ? "< 1 %" : "<1";
  if (kind === NUMBER) return "#";
  return wide ? `${table.share(row, column)} %` : `${table.share(row, column)}`;
}

/**
 * A cell in words.
 * @param {Table} table
 * @param {number} row
 * @param {number} column
 * @returns {string}
 */
function cellWords(table, row, column) {
  const name = `${table.columns[column]} at ${table.rows[row]}`;
  const kind = table.kind(row, column);
  if (kind === NO_MAP) return `${name}: no pixel`;
  if (kind === BROKEN) return `${name}: not finite`;
  const code = table.code(row, column);
  const seen =
    kind === BLANK ? `blank${code && ` (${code})`}`
    : kind === FAINT ? "faint, less than 1 % positive"
    : kind === NUMBER ? "one cell, a number and no map"
    : `${table.share(row, column)} % positive`;
  const rest = `${table.negative(row, column)} % of the channels pull down, ${table.pixels[column]} px`;
  return `${name}: ${seen}, ${rest}`;
}

/** @type {Widget<HeatTableTraits>} */
export default {
  render({ model, el }) {
    el.classList.add("segcam-atlas");
    const box = create("div", "sa-box", "grid");
    const space = create("div", "sa-space", "presentation");
    const head = create("div", "sa-head", "row");
    const body = create("div", "sa-body", "presentation");
    const readout = create("div", "sa-readout");
    readout.setAttribute("role", "status");
    space.append(head, body);
    box.append(space);
    el.append(box, readout);

    let table = readTable(model);
    let sizes = { label: 0, head: 0, cell: WIDE, wide: true, lying: true };
    /** @type {Cell} */
    let active = [0, 0];
    let asked = false; // whether the focus is to follow the active cell

    function measure() {
      const longest = (/** @type {string[]} */ names) => Math.max(0, ...names.map((name) => name.length));
      const width = box.clientWidth || 320;
      const label = Math.round(clamp(longest(table.rows) * LETTER + 14, 50, Math.min(240, width * 0.45)));
      const room = (width - label - 2) / Math.max(1, table.columns.length);
      const wide = room >= WIDE + 8;
      const named = longest(table.columns) * LETTER + 10;
      const cell = wide ? Math.floor(clamp(room, WIDE, clamp(named, 110, 200))) : NARROW;
      const lying = named <= cell;
      const top = lying ? ROW : Math.round(clamp(named, 40, 130));
      sizes = { label, head: top, cell, wide, lying };
      space.style.width = `${label + cell * table.columns.length}px`;
      space.style.height = `${top + ROW * table.rows.length}px`;
      box.setAttribute("aria-label", "Atlas: layers down, classes across, per cent of each map that is positive");
      box.setAttribute("aria-rowcount", String(table.rows.length + 1));
      box.setAttribute("aria-colcount", String(table.columns.length + 1));
    }

    /**
     * First and last of the rows and columns in sight, a few more on each side.
     * @returns {[rows: [number, number], columns: [number, number]]}
     */
    function sight() {
      /** @type {(start: number, length: number, step: number, count: number) => [number, number]} */
      const range = (start, length, step, count) => [
        clamp(Math.floor(start / step) - 2, 0, Math.max(0, count - 1)),
        clamp(Math.ceil((start + length) / step) + 2, 0, count),
      ];
      return [
        range(box.scrollTop, box.clientHeight - sizes.head, ROW, table.rows.length),
        range(box.scrollLeft, box.clientWidth - sizes.label, sizes.cell, table.columns.length),
      ];
    }

    /**
     * @param {string} text
     * @param {number} column
     */
    function header(text, column) {
      const made = create("div", `sa-column${sizes.lying ? "" : " sa-standing"}`, "columnheader");
      made.style.left = `${sizes.label + column * sizes.cell}px`;
      made.style.width = `${sizes.cell}px`;
      made.setAttribute("aria-colindex", String(column + 2));
      const inner = create("span", "");
      inner.textContent = made.title = text;
      made.append(inner);
      return made;
    }

    /**
     * @param {number} row
     * @param {number} column
     */
    function createCell(row, column) {
      const made = create("div", "sa-cell", "gridcell");
      made.style.left = `${sizes.label + column * sizes.cell}px`;
      made.style.width = `${sizes.cell}px`;
      const kind = table.kind(row, column);
      if (kind === FINE || kind === BLANK || kind === FAINT) {
        const colours = table.colours[Math.round((table.share(row, column) / 100) * (table.colours.length - 1))];
        [made.style.background, made.style.color] = colours;
      }
      made.classList.toggle("sa-blank", kind === BLANK);
      made.textContent = cellText(table, row, column, sizes.wide);
      made.setAttribute("aria-colindex", String(column + 2));
      made.setAttribute("aria-label", cellWords(table, row, column));
      made.dataset.row = String(row);
      made.dataset.column = String(column);
      made.dataset.lmSuppressShortcuts = "true"; // Notebook 7 takes arrows and Enter otherwise
      made.tabIndex = row === active[0] && column === active[1] ? 0 : -1;
      const [shownRow, shownColumn] = model.get("current");
      const shown = row === shownRow && column === shownColumn;
      made.classList.toggle("sa-shown", shown);
      made.setAttribute("aria-selected", String(shown));
      return made;
    }

    /**
     * @param {number} row
     * @param {number[]} columns
     */
    function line(row, columns) {
      const made = create("div", "sa-row", "row");
      made.style.top = `${sizes.head + row * ROW}px`;
      made.setAttribute("aria-rowindex", String(row + 2));
      const label = create("div", "sa-label", "rowheader");
      label.style.width = `${sizes.label}px`;
      label.textContent = label.title = table.rows[row];
      label.setAttribute("aria-colindex", "1");
      made.append(label);
      for (const column of columns) made.append(createCell(row, column));
      return made;
    }

    function draw() {
      box.hidden = readout.hidden = !table.rows.length;
      if (!table.rows.length) return;
      const focused = asked || box.contains(document.activeElement);
      const [[top, bottom], [left, right]] = sight();
      // the active cell is always there: the Tab key must find it
      /** @type {(from: number, to: number, one: number) => number[]} */
      const pick = (from, to, one) => [...new Set([...Array(to - from).keys()].map((i) => i + from).concat(one))];
      const columns = pick(left, right, active[1]).sort((a, b) => a - b);
      const corner = create("div", "sa-corner", "columnheader");
      corner.style.width = `${sizes.label}px`;
      corner.textContent = "layer";
      corner.setAttribute("aria-colindex", "1");
      head.style.height = `${sizes.head}px`;
      head.setAttribute("aria-rowindex", "1");
      head.replaceChildren(corner, ...columns.map((column) => header(table.columns[column], column)));
      const rows = pick(top, bottom, active[0]).sort((a, b) => a - b);
      body.replaceChildren(...rows.map((row) => line(row, columns)));
      /** @type {HTMLElement | null} */
      const stop = body.querySelector('[tabindex="0"]');
      if (focused) stop?.focus({ preventScroll: true });
      asked = false;
    }

    /**
     * Scroll so that a cell is in sight, beside the headers that stay.
     * @param {Cell} cell
     */
    function reveal([row, column]) {
      const top = row * ROW;
      const left = column * sizes.cell;
      const height = box.clientHeight - sizes.head;
      const width = box.clientWidth - sizes.label;
      box.scrollTop = clamp(box.scrollTop, top + ROW - height, top);
      box.scrollLeft = clamp(box.scrollLeft, left + sizes.cell - width, left);
    }

    /**
     * @param {number} row
     * @param {number} column
     */
    function say(row, column) {
      readout.textContent = cellWords(table, row, column);
    }

    /**
     * @param {EventTarget | null} target
     * @returns {Cell | null}
     */
    function place(target) {
      /** @type {HTMLElement | null} */
      const found = /** @type {Element} */ (target).closest(".sa-cell");
      return found ? [Number(found.dataset.row), Number(found.dataset.column)] : null;
    }

    /** @param {Cell} cell */
    function choose([row, column]) {
      active = [row, column];
      asked = true;
      draw();
      if (table.kind(row, column) !== NO_MAP) model.send({ kind: "choose", row, column });
      else readout.textContent = `${cellWords(table, row, column)}: it is predicted nowhere, so there is no map.`;
    }

    /** @param {KeyboardEvent} event */
    function pressed(event) {
      const here = place(event.target);
      if (!here) return;
      if (["Enter", " "].includes(event.key)) choose(here);
      else if (MOVES[event.key]) {
        const page = Math.max(1, Math.floor((box.clientHeight - sizes.head) / ROW) - 1);
        const [down, right] = MOVES[event.key](page, event.ctrlKey || event.metaKey);
        active = [clamp(here[0] + down, 0, table.rows.length - 1), clamp(here[1] + right, 0, table.columns.length - 1)];
        asked = true;
        reveal(active);
        draw();
        say(...active);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }

    let frame = 0;
    const later = () => (frame ||= requestAnimationFrame(() => ((frame = 0), draw())));
    const follow = () => {
      const [row, column] = model.get("current");
      if (row >= 0 && column >= 0 && !box.contains(document.activeElement)) active = [row, column];
      later();
    };
    const renew = () => {
      table = readTable(model);
      active = [0, 0];
      box.scrollTop = box.scrollLeft = 0;
      readout.textContent = "";
      measure();
      follow();
    };
    box.addEventListener("scroll", later);
    box.addEventListener("keydown", pressed);
    /** @type {(event: Event, act: (cell: Cell) => void) => void} */
    const atCell = (event, act) => {
      const here = place(event.target);
      if (here) act(here);
    };
    box.addEventListener("click", (event) => atCell(event, choose));
    box.addEventListener("focusin", (event) => atCell(event, (cell) => say(...cell)));
    // not pointerover: that also fires where cells are drawn anew under a mouse that rests
    box.addEventListener("pointermove", (event) => atCell(event, (cell) => say(...cell)));
    const resized = new ResizeObserver(() => (measure(), later()));
    resized.observe(el);
    model.on("change:table", renew);
    model.on("change:current", follow);
    renew();
    return () => {
      resized.disconnect();
      cancelAnimationFrame(frame);
      model.off("change:table", renew);
      model.off("change:current", follow);
    };
  },
};
