// @ts-check
/**
 * The selected trials in a figure: their curves thicker and the others paler, their points and cells marked. Arrays
 * of points stay the same objects, so that Plotly changes the looks alone and draws nothing anew.
 */

/** @typedef {{figure: {data: any[], layout: any}, trials: Record<string, number>}} Shown */

const PALE = 0.4;
const THICKER = 2;

/**
 * The id of the trial that a mark stands for, "" for none: that of the point, or that of its trace.
 *
 * @param {any} own what is known of the point
 * @param {any} trace
 * @returns {string}
 */
export function trialOf(own, trace) {
  return String([own ?? []].flat()[0] || trace?.meta?.trial || "");
}

/**
 * @param {Shown} shown
 * @param {Set<number>} selected
 * @returns {{data: any[], shapes: any[]}} the traces with the selected ones marked, and what to lay over them
 */
export function highlighted({ figure, trials }, selected) {
  const isSelected = (/** @type {string} */ id) => selected.has(trials[id]);
  if (!Object.keys(trials).some(isSelected)) {
    return { data: figure.data, shapes: [] };
  }
  const shapes = figure.data.flatMap((trace) => (trace.type === "heatmap" ? frames(trace, isSelected, figure.layout) : []));
  return { data: figure.data.map((trace) => marked(trace, isSelected)), shapes };
}

/**
 * @param {any} trace
 * @param {(id: string) => boolean} isSelected
 */
function marked(trace, isSelected) {
  if (trace.meta?.trial) {
    return isSelected(trace.meta.trial) ? strong(trace) : { ...trace, opacity: PALE };
  }
  if (trace.type === "scatter" && Array.isArray(trace.customdata)) {
    const points = trace.customdata.flatMap((/** @type {any} */ own, /** @type {number} */ at) => (isSelected(trialOf(own, null)) ? [at] : []));
    return points.length ? { ...trace, ...ringed(points) } : trace;
  }
  return trace;
}

/** @param {any} trace */
function strong(trace) {
  return { ...trace, opacity: 1, line: { ...trace.line, width: (trace.line?.width ?? 2) + THICKER } };
}

/** @param {number[]} points */
function ringed(points) {
  return { selectedpoints: points, selected: { marker: { opacity: 1, size: 14 } }, unselected: { marker: { opacity: PALE } } };
}

/**
 * Frames around the selected cells of a heat map.
 *
 * @param {any} trace
 * @param {(id: string) => boolean} isSelected
 * @param {any} layout
 */
function frames(trace, isSelected, layout) {
  const line = { color: layout.hoverlabel?.font?.color, width: 3, dash: "dot" };
  return trace.customdata?.flatMap((/** @type {any[]} */ row, /** @type {number} */ y) => row.flatMap((own, x) =>
    isSelected(trialOf(own, null)) ? [{ type: "rect", x0: x - 0.43, x1: x + 0.43, y0: y - 0.43, y1: y + 0.43, line }] : [])) ?? [];
}
