// @ts-check
/** One figure on the page: its sentence, its table, its plot, and what the reader does with the plot. */

import { go, write } from "./address.js";
import { highlighted, trialOf } from "./highlight.js";
import { tableOf } from "./numbers.js";
import { isPlotlyHere, loadPlotly } from "./plotly.js";
import { viewed, zoomedAxes, zoomText } from "./scales.js";
import { markSelected, selected, toggle } from "./selection.js";
import { dropStill, showStill } from "./stills.js";
import { reflect, viewOf, zoomsByFinger } from "./toolbar.js";

/**
 * What the server says of a figure.
 *
 * @typedef {object} Drawing
 * @property {string} sentence
 * @property {{data: any[], layout: any} | null} figure
 * @property {import("./numbers.js").Table} table
 * @property {Record<string, number>} trials numbers of the trials that marks stand for, by id
 * @property {Record<string, {kind: import("./scales.js").Kind, no_log: string}>} scales by axis, x and y
 * @property {boolean} refines whether it has more points for a part of its horizontal axis
 * @property {string} still a picture of it as SVG, "" where none was asked for
 */

const CONFIG = { displayModeBar: false, doubleClick: false, responsive: true };

/** Whether the reader points with a finger: one that moves over a plot wants to scroll the page, unless told to zoom. */
const FINGER = window.matchMedia("(pointer: coarse)").matches;

/** What each figure shows. @type {WeakMap<Element, Drawing>} */
const drawings = new WeakMap();

/** The view that each plot has, as text. @type {WeakMap<Element, string>} */
const views = new WeakMap();

/**
 * @param {HTMLElement} figure
 * @returns {Drawing | undefined} what the figure shows now
 */
export function drawingOf(figure) {
  return drawings.get(figure);
}

/**
 * Show a drawing in a figure.
 *
 * @param {HTMLElement} figure
 * @param {Drawing} drawing
 */
export async function show(figure, drawing) {
  const plot = plotOf(figure);
  const details = /** @type {HTMLElement} */ (figure.querySelector("details"));
  drawings.set(figure, drawing);
  /** @type {HTMLElement} */ (figure.querySelector("[data-sentence]")).textContent = drawing.sentence;
  details.hidden = drawing.table.rows.length === 0;
  /** @type {HTMLElement} */ (details.querySelector("[data-table]")).replaceChildren(tableOf(drawing.table));
  markSelected(details);
  plot.setAttribute("aria-label", drawing.sentence);
  plot.hidden = !drawing.figure;
  reflect(figure, drawing);
  if (drawing.still && !isPlotlyHere()) {
    await showStill(figure, drawing.still);
  }
  await replot(figure);
}

/**
 * Draw what a figure shows as the reader wants it: scales, zoom, selected trials. The server is not asked.
 *
 * @param {HTMLElement} figure
 */
export async function replot(figure) {
  const drawing = drawings.get(figure);
  if (!drawing?.figure) {
    return;
  }
  const Plotly = await loadPlotly();
  const plot = plotOf(figure);
  const first = !plot.on;
  const view = viewOf(figure, drawing);
  const { data, shapes } = highlighted(/** @type {any} */ (drawing), new Set(selected()));
  const layout = viewed(drawing.figure.layout, view);
  views.set(figure, JSON.stringify(view));
  const dragmode = layout.dragmode ?? (FINGER && !zoomsByFinger(figure) ? false : "zoom");
  await Plotly.react(plot, data, { ...layout, dragmode, shapes: [...(layout.shapes ?? []), ...shapes] }, CONFIG);
  dropStill(figure);
  if (first) {
    listen(figure, plot);
  }
}

/**
 * Draw a figure anew if the reader wants another view of it than it has.
 *
 * @param {HTMLElement} figure
 */
export async function adjust(figure) {
  const drawing = drawings.get(figure);
  if (drawing) {
    reflect(figure, drawing);
    if (views.get(figure) !== JSON.stringify(viewOf(figure, drawing))) {
      await replot(figure);
    }
  }
}

/**
 * @param {HTMLElement} figure
 * @returns {any} the element that Plotly draws into
 */
function plotOf(figure) {
  return figure.querySelector(".plot");
}

/**
 * A click on a curve, point or cell selects its trial; a double click opens it, and beside them shows everything; a
 * zoom goes into the address. Where trials of many studies stand beside each other there is nothing to select: one
 * click opens.
 *
 * @param {HTMLElement} figure
 * @param {any} plot
 */
function listen(figure, plot) {
  let clicked = "";
  plot.on("plotly_click", (/** @type {any} */ { points: [point] }) => {
    clicked = trialOf(point?.customdata, point?.data);
    const number = drawings.get(figure)?.trials[clicked];
    if (number !== undefined) {
      toggle(number);
    } else {
      open(clicked);
    }
  });
  plot.on("plotly_doubleclick", () => {
    if (clicked && plot.querySelector(".hoverlayer .hovertext")) {
      open(clicked);
    } else {
      write({ [`${figure.dataset.keep}.zoom`]: null });
    }
  });
  plot.on("plotly_relayout", (/** @type {any} */ changes) => onZoom(figure, plot, Object.keys(changes ?? {})));
}

/** @param {string} trial its id, "" for none */
function open(trial) {
  if (trial) {
    go(`${document.body.dataset.base}/trials/${encodeURIComponent(trial)}`);
  }
}

/**
 * @param {HTMLElement} figure
 * @param {any} plot
 * @param {string[]} changed
 */
function onZoom(figure, plot, changed) {
  const drawing = drawings.get(figure);
  const zooms = { x: changed.some((name) => name.startsWith("xaxis.range")), y: changed.some((name) => name.startsWith("yaxis.range")) };
  if (drawing && (zooms.x || zooms.y)) {
    const view = viewOf(figure, drawing);
    const before = zoomedAxes(view.zoom);
    view.zoom = zoomText(plot.layout, { x: zooms.x || before.x, y: zooms.y || before.y });
    views.set(figure, JSON.stringify(view));
    write({ [`${figure.dataset.keep}.zoom`]: view.zoom });
  }
}
