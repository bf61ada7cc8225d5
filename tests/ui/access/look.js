// What a person would see of an explorer: text that is cut or pale, things that lie over each other, parts that jump.
(() => {
  const CONTROLS = "button, select, summary, textarea, a[href], input, .noUi-handle, .sc-draw, [role=button], [role=textbox]";
  const UNSEEN = ".sc-hidden, .segcam-spoken, style, script, option, datalist";
  const AIR = 2; // px that letters' boxes may share: they are taller than the letters

  const isSeen = (e) =>
    !e.closest(UNSEEN) && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const textsOf = (e) => [...e.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isWritten = (e) => e.matches("select, textarea, input:not([type=checkbox], [type=range], [type=file])");
  const written = (e) => (e.matches("select") ? e.selectedOptions[0]?.text ?? "" : e.value || e.placeholder || "");
  const wordsOf = (e) => (isWritten(e) ? written(e) : e.textContent || e.getAttribute("aria-label") || "").trim();
  const kindOf = (e) => `${e.tagName.toLowerCase()}.${String(e.className?.baseVal ?? e.className).trim().replace(/\s+/g, ".")}`;
  const tell = (e, ...more) => [kindOf(e), wordsOf(e).slice(0, 60), ...more].join(" | ");
  const placeOf = (box) => [box.left, box.top, box.right, box.bottom].map(Math.round).join(" ");
  const seen = (root) => [...root.querySelectorAll("*")].filter(isSeen);

  /** Boxes of an element's own text, one a line. */
  function linesOf(e) {
    if (e instanceof SVGElement) return [e.getBoundingClientRect()];
    return textsOf(e).flatMap((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return [...range.getClientRects()].filter((box) => box.width > 0);
    });
  }

  // ---------------------------------------------------------------- contrast
  function parse(text) {
    const numbers = (text.match(/-?[\d.]+(e-?\d+)?/g) ?? ["0", "0", "0", "0"]).map(Number);
    const [r, g, b, a = 1] = numbers;
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((value, i) => a * value + (1 - a) * under[i]);
  /** What is seen behind all of an element; a slider's track, say, is thinner than the handle on it. */
  const isUnder = (a, { left, right, top, bottom }) => {
    const edge = a.getBoundingClientRect();
    return edge.left <= left + 1 && edge.right >= right - 1 && edge.top <= top + 1 && edge.bottom >= bottom - 1;
  };
  function behind(element, box = null) {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      if (!box || isUnder(e, box)) layers.push(parse(getComputedStyle(e).backgroundColor));
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  }
  function light(colour) {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function contrast(one, other) {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }
  // switched-off controls are exempt: WCAG 2.2, 1.4.3
  const isOff = (e) => e.matches(":disabled, [aria-disabled=true]") || e.closest(".sc-off, :disabled");

  /** Text with less than 4.5 to one; also what axe leaves undecided (a menu's background picture, text of a chart). */
  function pale(root) {
    const found = { checked: 0, pale: [] };
    for (const e of seen(root)) {
      if (isOff(e) || !(textsOf(e).length || (isWritten(e) && written(e)))) continue;
      const style = getComputedStyle(e, isWritten(e) && !e.value ? "::placeholder" : null);
      const ground = behind(e);
      const ratio = contrast(over(parse(e instanceof SVGElement ? style.fill : style.color), ground), ground);
      found.checked += 1;
      if (ratio < 4.5) found.pale.push(tell(e, ratio.toFixed(2)));
    }
    return found;
  }

  // ---------------------------------------------------------------- cut text
  /** The full text is there at a touch of the pointer, and an ellipsis says that there is more. */
  const saysMore = (e) => !e.matches("button") && getComputedStyle(e).textOverflow === "ellipsis" && e.title.includes(wordsOf(e));

  function isTooNarrow(field) {
    const style = getComputedStyle(field);
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = style.font;
    const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return pen.measureText(written(field)).width > room + 1;
  }
  /** Who cuts a line of text off, or null. What scrolls can be read. */
  function cutter(e, box) {
    let [x, y] = [false, false]; // something scrolls this way
    for (let a = e; a; a = a.parentElement) {
      const style = getComputedStyle(a);
      const edge = a.getBoundingClientRect();
      x ||= /auto|scroll/.test(style.overflowX) && a !== e;
      y ||= /auto|scroll/.test(style.overflowY) && a !== e;
      if (!x && /hidden|clip/.test(style.overflowX) && (box.right > edge.right + 1 || box.left < edge.left - 1)) return a;
      if (!y && /hidden|clip/.test(style.overflowY) && (box.bottom > edge.bottom + AIR || box.top < edge.top - AIR)) return a;
    }
    return !x && (box.right > innerWidth + 1 || box.left < -1) ? document.documentElement : null;
  }
  function cut(root) {
    const found = [];
    for (const e of seen(root)) {
      if (isWritten(e) && written(e) && isTooNarrow(e) && !saysMore(e)) found.push(tell(e, "too narrow"));
      for (const box of linesOf(e)) {
        const by = textsOf(e).length ? cutter(e, box) : null;
        if (by && !saysMore(e)) found.push(tell(e, `cut by ${kindOf(by)}`, placeOf(box), placeOf(by.getBoundingClientRect())));
      }
    }
    return found;
  }

  // ---------------------------------------------------------------- things over each other
  /** The part of a box that is not scrolled away. */
  function shown(e, { left, right, top, bottom }) {
    for (let a = e.parentElement; a; a = a.parentElement) {
      const style = getComputedStyle(a);
      const edge = a.getBoundingClientRect();
      if (style.overflowX !== "visible") [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      if (style.overflowY !== "visible") [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    return { left, right, top, bottom };
  }
  /** What is wrong, or how far something is, lies over the sentence, and covers all of it: meant. */
  const isMeant = (a, b) => a.closest(".segcam-error, .segcam-busy") && b.closest(".segcam-sentence, .segcam-error");

  function overlapping(root) {
    const things = [];
    for (const e of seen(root)) {
      const boxes = e.matches(CONTROLS) ? [e.getBoundingClientRect()] : textsOf(e).length ? linesOf(e) : [];
      for (const box of boxes) {
        const part = shown(e, box);
        if (part.right - part.left > AIR && part.bottom - part.top > AIR) things.push([e, part]);
      }
    }
    const found = [];
    things.forEach(([a, p], i) => {
      for (const [b, q] of things.slice(i + 1)) {
        const [across, down] = [Math.min(p.right, q.right) - Math.max(p.left, q.left), Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top)];
        if (across <= AIR || down <= AIR || a.contains(b) || b.contains(a) || isMeant(a, b) || isMeant(b, a)) continue;
        found.push(`${tell(a)}  over  ${tell(b)}  (${across.toFixed(0)} x ${down.toFixed(0)})`);
      }
    });
    return found;
  }
  /** How far the page, or whatever scrolls around the explorer, must be scrolled to the side. */
  function sideways(root) {
    let most = document.documentElement.scrollWidth - innerWidth;
    for (let a = root; a; a = a.parentElement) most = Math.max(most, a.scrollWidth - Math.max(a.clientWidth, 1));
    return most;
  }

  /** What scrolls to a side, or is meant not to scroll at all: part of it is out of sight, and it is a stop of the Tab key. */
  function scrolling(root) {
    return seen(root)
      .filter((e) => /auto|scroll/.test(getComputedStyle(e).overflowX) && !e.matches(".segcam-channels, .sa-box"))
      .filter((e) => e.scrollWidth > e.clientWidth || (e.scrollHeight > e.clientHeight && !e.matches(".segcam-legend")))
      .map((e) => tell(e, `${e.scrollWidth} x ${e.scrollHeight} in ${e.clientWidth} x ${e.clientHeight}`));
  }

  // ---------------------------------------------------------------- jumps
  let watched = null;
  const cornerOf = (e) => {
    const { left, top, width } = e.getBoundingClientRect();
    return [left + scrollX, top + scrollY, width];
  };
  /** Look at every frame from now on. parts: name -> selector; an element may be replaced, and stands for the same part. */
  function watch(root, parts) {
    const mine = (watched = { first: {}, moved: {}, frames: 0 });
    (function frame() {
      if (watched !== mine) return;
      mine.frames += 1;
      for (const [name, selector] of Object.entries(parts)) {
        const now = cornerOf(root.querySelector(selector));
        const first = (mine.first[name] ??= now);
        const by = Math.max(...now.map((value, i) => Math.abs(value - first[i])));
        mine.moved[name] = Math.max(mine.moved[name] ?? 0, by);
      }
      requestAnimationFrame(frame);
    })();
  }
  /** px that each part has moved at most since `watch`, corner or width. */
  function moved() {
    const { moved: by, frames } = watched;
    watched = null;
    return { by, frames };
  }

  // ---------------------------------------------------------------- focus
  /** The ring around an element, and its contrast to what lies around. */
  function outlined(e) {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(e);
    const ground = behind(e.parentElement, e.getBoundingClientRect());
    const ratio = contrast(over(parse(outlineColor), ground), ground);
    return { shown: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, outlineColor, outlineWidth, boxShadow, ratio };
  }

  window.look = { pale, cut, overlapping, sideways, scrolling, watch, moved, isSeen, tell, outlined, CONTROLS };
})();
