// @ts-check
/** A figure as an image: what is on the page, on the ground of the page, with its title. */

import { loadPlotly } from "./plotly.js";

const SCALE = 2;
const TITLE_HEIGHT = 56;

/**
 * @param {HTMLElement} figure
 * @param {"png" | "svg"} format
 */
export async function save(figure, format) {
  const Plotly = await loadPlotly();
  const plot = /** @type {any} */ (figure.querySelector(".plot"));
  const title = figure.querySelector("figcaption")?.textContent?.trim() ?? "figure";
  const { width, height } = plot.getBoundingClientRect();
  const url = await Plotly.toImage(
    { data: plot.data, layout: printed(plot.layout, title, getComputedStyle(document.body)) },
    { format, width: Math.round(width), height: Math.round(height) + TITLE_HEIGHT, scale: format === "png" ? SCALE : 1 },
  );
  download(url, `${title.replace(/[^\w.-]+/g, "-").toLowerCase()}.${format}`);
}

/**
 * @param {any} layout
 * @param {string} title
 * @param {CSSStyleDeclaration} ground
 */
function printed(layout, title, { backgroundColor, color }) {
  return {
    ...layout,
    paper_bgcolor: backgroundColor,
    margin: { ...layout.margin, t: (layout.margin?.t ?? 0) + TITLE_HEIGHT },
    title: { text: escaped(title), x: 0, xref: "paper", font: { size: 16, color } },
  };
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/**
 * @param {string} url
 * @param {string} name
 */
function download(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
