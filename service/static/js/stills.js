// @ts-check
/**
 * Still pictures of figures, drawn by the server. Plotly takes a second to start: until then a figure shows its still,
 * which has the same size, axes and colours, so that the plot takes its place unnoticed.
 */

import { read } from "./address.js";
import { isPlotlyHere } from "./plotly.js";

/**
 * The size of the still that a figure needs, as the server wants it; "" where it needs none: Plotly is here already, or
 * the reader looks at the figure in a way of their own, which the still would not show.
 *
 * @param {HTMLElement} figure
 */
export function stillSize(figure) {
  const { clientWidth, clientHeight } = plotOf(figure);
  const ownWay = ["x", "y", "zoom"].some((name) => read(`${figure.dataset.keep}.${name}`) !== null);
  return isPlotlyHere() || ownWay || !clientWidth || !clientHeight ? "" : `${clientWidth}x${clientHeight}`;
}

/**
 * Show a still in a figure, and come back when the reader can see it.
 *
 * @param {HTMLElement} figure
 * @param {string} svg
 */
export async function showStill(figure, svg) {
  const place = document.createElement("div");
  place.className = "still";
  place.innerHTML = svg;
  dropStill(figure);
  plotOf(figure).append(place);
  await new Promise((painted) => { requestAnimationFrame(() => setTimeout(painted)); });
}

/** @param {HTMLElement} figure */
export function dropStill(figure) {
  plotOf(figure).querySelector(".still")?.remove();
}

/**
 * @param {HTMLElement} figure
 * @returns {HTMLElement}
 */
function plotOf(figure) {
  return /** @type {HTMLElement} */ (figure.querySelector(".plot"));
}
