// @ts-check
/**
 * A figure's layout as the reader wants it: linear or logarithmic axes, and a part of them. Pure: what goes in is not
 * changed. Plotly counts ranges and annotations of a logarithmic axis in powers of ten, shapes in the values themselves.
 */

/** @typedef {"linear" | "log"} Kind */

/**
 * What the reader chose for a figure.
 *
 * @typedef {object} View
 * @property {Kind | null} x null for as it was drawn
 * @property {Kind | null} y
 * @property {string} zoom what is looked at, as `x0,x1,y0,y1` in values; a pair may be empty, and so may all
 */

/** Digits of a zoomed range in the address: more than a screen has. */
const DIGITS = 6;

/**
 * @param {any} layout
 * @param {View} view
 * @returns {any} the layout as the reader wants it
 */
export function viewed(layout, view) {
  const [x0, x1, y0, y1] = corners(view.zoom);
  const x = axis(layout.xaxis, view.x, x0, x1);
  const y = axis(layout.yaxis, view.y, y0, y1);
  return { ...layout, xaxis: x, yaxis: y, annotations: annotations(layout, x, y) };
}

/**
 * What a zoom names, as the address has it; "" for everything.
 *
 * @param {any} layout as Plotly has it now
 * @param {{x: boolean, y: boolean}} zoomed which axes the reader has zoomed
 */
export function zoomText(layout, zoomed) {
  const pair = (/** @type {any} */ own, /** @type {boolean} */ is) => (is && own?.range ? values(own) : ["", ""]);
  const text = [...pair(layout.xaxis, zoomed.x), ...pair(layout.yaxis, zoomed.y)].join(",");
  return text === ",,," ? "" : text;
}

/**
 * Which axes a zoom is about.
 *
 * @param {string} zoom
 */
export function zoomedAxes(zoom) {
  const [x0, , y0] = corners(zoom);
  return { x: x0 !== undefined, y: y0 !== undefined };
}

/**
 * The range of the horizontal axis that a zoom names.
 *
 * @param {string} zoom
 * @returns {{from?: string, to?: string}} without both where it names none of numbers
 */
export function horizontal(zoom) {
  const [from, to] = corners(zoom);
  return typeof from === "number" && typeof to === "number" ? { from: String(from), to: String(to) } : {};
}

/**
 * @param {string} zoom
 * @returns {(number | string | undefined)[]} numbers, or dates as they are
 */
function corners(zoom) {
  const parts = zoom.split(",");
  const [x0, x1, y0, y1] = parts.map((part) => (part === "" ? undefined : Number.isNaN(Number(part)) ? part : Number(part)));
  return [...(x0 === undefined || x1 === undefined ? [undefined, undefined] : [x0, x1]),
    ...(y0 === undefined || y1 === undefined ? [undefined, undefined] : [y0, y1])];
}

/**
 * @param {any} own an axis as Plotly has it
 * @returns {(number | string)[]} the ends of its range, as values
 */
function values({ type, range }) {
  return range.map((/** @type {any} */ end) =>
    typeof end === "number" ? Number((type === "log" ? 10 ** end : end).toPrecision(DIGITS)) : end);
}

/**
 * @param {any} drawn
 * @param {Kind | null} kind
 * @param {number | string | undefined} low
 * @param {number | string | undefined} high
 */
function axis(drawn, kind, low, high) {
  if (!drawn) {
    return drawn;
  }
  const scaled = kind && kind !== drawn.type ? rescaled(drawn, kind) : drawn;
  const zoom = low === undefined ? {} : { range: [low, high].map((end) => inUnits(end, scaled.type)), autorange: false };
  // Plotly keeps its own zoom as long as this stays the same: it must go with the reader's choice.
  return { ...scaled, ...zoom, uirevision: `${kind} ${low} ${high}` };
}

/**
 * @param {any} drawn
 * @param {Kind} kind
 */
function rescaled({ range, dtick, rangemode, ...drawn }, kind) {
  const positive = range?.every((/** @type {number} */ end) => kind === "linear" || end > 0);
  const changed = positive ? { range: range.map((/** @type {number} */ end) => (kind === "log" ? Math.log10(end) : 10 ** end)) } : {};
  return { ...drawn, ...changed, type: kind, ...(kind === "log" ? { exponentformat: "e" } : {}) };
}

/**
 * @param {number | string | undefined} value
 * @param {string} type
 */
function inUnits(value, type) {
  return type === "log" && typeof value === "number" ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value;
}

/**
 * Annotations that stand at a place on an axis, moved to where it is now.
 *
 * @param {any} layout
 * @param {any} x
 * @param {any} y
 */
function annotations(layout, x, y) {
  return layout.annotations?.map((/** @type {any} */ note) => ({
    ...note,
    ...(note.xref === "x" ? { x: moved(note.x, layout.xaxis.type, x.type) } : {}),
    ...(note.yref === "y" ? { y: moved(note.y, layout.yaxis.type, y.type) } : {}),
  }));
}

/**
 * @param {number} place
 * @param {string} before
 * @param {string} now
 */
function moved(place, before, now) {
  if (before === now) {
    return place;
  }
  return now === "log" ? Math.log10(place) : 10 ** place;
}
