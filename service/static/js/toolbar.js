// @ts-check
/** The tools of each figure: scales, everything in view, full width, and the figure as a file. */

import { onChange, read, write } from "./address.js";
import { save } from "./saving.js";

/** @typedef {import("./plot.js").Drawing} Drawing */
/** @typedef {import("./scales.js").Kind} Kind */

const AXES = /** @type {const} */ (["x", "y"]);

/**
 * What the reader chose for a figure; a scale that an axis cannot have is not taken.
 *
 * @param {HTMLElement} figure
 * @param {Drawing} drawing
 * @returns {import("./scales.js").View}
 */
export function viewOf(figure, drawing) {
  const key = figure.dataset.keep;
  const [x, y] = AXES.map((axis) => {
    const scale = drawing.scales[axis];
    const wish = read(`${key}.${axis}`);
    return scale && ((wish === "log" && !scale.no_log) || wish === "linear") ? /** @type {Kind} */ (wish) : null;
  });
  return { x, y, zoom: read(`${key}.zoom`) ?? "" };
}

/**
 * Let the tools of a figure do their work.
 *
 * @param {Document} page
 */
export function startToolbars(page) {
  page.addEventListener("click", ({ target }) => {
    const tool = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-tool]")) : null;
    const figure = /** @type {HTMLElement | null} */ (tool?.closest("[data-figure]") ?? null);
    if (tool && figure) {
      use(figure, tool);
    }
  });
  onChange(() => page.querySelectorAll("[data-figure]").forEach((figure) => widen(/** @type {HTMLElement} */ (figure))));
}

/**
 * @param {HTMLElement} figure
 * @param {HTMLElement} tool
 */
function use(figure, tool) {
  const key = figure.dataset.keep;
  const name = tool.dataset.tool ?? "";
  if (name === "x" || name === "y") {
    const drawn = tool.dataset.kind;
    const wanted = tool.getAttribute("aria-pressed") === "true" ? "linear" : "log";
    if (tool.getAttribute("aria-disabled") !== "true") {
      write({ [`${key}.${name}`]: wanted === drawn ? null : wanted });
    }
  } else if (name === "reset") {
    write({ [`${key}.zoom`]: null });
  } else if (name === "finger") {
    tool.setAttribute("aria-pressed", String(tool.getAttribute("aria-pressed") !== "true"));
    figure.dispatchEvent(new CustomEvent("finger", { bubbles: true }));
  } else if (name === "wide") {
    write({ [`${key}.wide`]: read(`${key}.wide`) ? null : "1" });
  } else if (name === "png" || name === "svg") {
    save(figure, name).catch((error) => console.warn("The figure could not be saved.", error));
  }
}

/**
 * Whether a finger that moves over the figure zooms; `finger` is dispatched on it when that changes.
 *
 * @param {HTMLElement} figure
 */
export function zoomsByFinger(figure) {
  return toolOf(figure, "finger").getAttribute("aria-pressed") === "true";
}

/**
 * Let the tools say what the figure can do, and how it is drawn.
 *
 * @param {HTMLElement} figure
 * @param {Drawing} drawing
 */
export function reflect(figure, drawing) {
  const view = viewOf(figure, drawing);
  widen(figure);
  AXES.forEach((axis) => reflectScale(figure, axis, drawing.scales[axis], view[axis]));
  toolOf(figure, "reset").hidden = view.zoom === "" || !drawing.figure;
  for (const name of ["png", "svg", "csv", "wide", "finger"]) {
    toolOf(figure, name).hidden = !drawing.figure;
  }
}

/**
 * @param {HTMLElement} figure
 * @param {"x" | "y"} axis
 * @param {{kind: Kind, no_log: string} | undefined} scale
 * @param {Kind | null} wish
 */
function reflectScale(figure, axis, scale, wish) {
  const tool = toolOf(figure, axis);
  const kind = wish ?? scale?.kind;
  const cannot = kind !== "log" && scale?.no_log;
  tool.hidden = !scale;
  tool.dataset.kind = scale?.kind;
  tool.setAttribute("aria-pressed", String(kind === "log"));
  tool.setAttribute("aria-disabled", String(Boolean(cannot)));
  tool.title = cannot ? `No logarithmic ${axis} axis: ${scale.no_log}` : `${axis} axis: ${kind === "log" ? "logarithmic" : "linear"}`;
}

/**
 * @param {HTMLElement} figure
 * @param {string} name
 * @returns {HTMLElement}
 */
function toolOf(figure, name) {
  return /** @type {HTMLElement} */ (figure.querySelector(`[data-tool="${name}"]`));
}

/** @param {HTMLElement} figure */
function widen(figure) {
  const wide = read(`${figure.dataset.keep}.wide`) !== null;
  if (figure.classList.contains("wide") !== wide) {
    figure.classList.toggle("wide", wide);
    toolOf(figure, "wide").setAttribute("aria-pressed", String(wide));
    window.dispatchEvent(new Event("resize")); // what Plotly's plots fit themselves to
  }
}
