// @ts-check
import { go, pick } from "./address.js";
import { ask } from "./session.js";
import { loadPlotly } from "./plotly.js";
import { tableOf } from "./numbers.js";
import { markSelected, toggle } from "./selection.js";

/**
 * @typedef {object} Drawing
 * @property {string} sentence
 * @property {{data: object[], layout: any} | null} figure
 * @property {import("./numbers.js").Table} table
 * @property {Record<string, number>} trials numbers of the trials that marks stand for, by id
 */

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

/** What each figure shows now, as text, to leave alone what has not changed. @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

/** What each plot shows. @type {WeakMap<Element, Drawing>} */
const drawings = new WeakMap();

/** Counts the requests of each figure: an answer that a later one has overtaken is dropped. @type {WeakMap<Element, number>} */
const turns = new WeakMap();

/**
 * Draw the page's figures when they come into view, and again when asked.
 *
 * @param {Document} page
 */
export function startFigures(page) {
  /** @type {Set<HTMLElement>} */
  const visible = new Set();
  const watcher = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    const figure = /** @type {HTMLElement} */ (target);
    if (isIntersecting) {
      visible.add(figure);
      tryToDraw(figure);
    } else {
      visible.delete(figure);
    }
  }), { rootMargin: "200px" });

  /** Watch figures that a refresh has brought, forget those that it took away. */
  function adopt() {
    page.querySelectorAll("[data-figure]").forEach((figure) => watcher.observe(figure));
    for (const figure of visible) {
      if (!figure.isConnected) {
        visible.delete(figure);
        watcher.unobserve(figure);
      }
    }
  }

  async function refresh() {
    await Promise.all([...visible].map(draw));
  }

  adopt();
  page.addEventListener("input", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-controls]")) {
      visible.forEach(tryToDraw);
    }
  });
  page.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-controls]")) {
      event.preventDefault();
    }
  });
  page.addEventListener("selection", () => visible.forEach(tryToDraw));
  DARK.addEventListener("change", () => visible.forEach(tryToDraw));
  return { adopt, refresh };
}

/** @param {HTMLElement} figure */
function tryToDraw(figure) {
  draw(figure).catch((error) => console.warn("A figure could not be drawn; it tries again with the next event.", error));
}

/** @param {HTMLElement} figure */
async function draw(figure) {
  const address = addressOf(figure);
  const turn = (turns.get(figure) ?? 0) + 1;
  turns.set(figure, turn);
  const answer = await ask(address);
  const text = await answer.text();
  const state = address + text;
  if (!answer.ok || drawn.get(figure) === state || turns.get(figure) !== turn) {
    return;
  }
  drawn.set(figure, state);
  await show(figure, JSON.parse(text));
}

/**
 * The figure's address with the theme, and with the controls of its section if there are any.
 *
 * @param {HTMLElement} figure
 */
function addressOf(figure) {
  const [path, own] = (figure.dataset.figure ?? "").split("?");
  const form = /** @type {HTMLFormElement | null} */ (figure.closest("section")?.querySelector("[data-controls]"));
  const query = new URLSearchParams(/** @type {any} */ (form ? new FormData(form) : undefined));
  new URLSearchParams(own).forEach((value, name) => query.set(name, value));
  pick(["select"]).forEach((value, name) => query.set(name, value));
  query.set("theme", DARK.matches ? "dark" : "light");
  return `${path}?${query}`;
}

/**
 * @param {HTMLElement} figure
 * @param {Drawing} drawing
 */
async function show(figure, drawing) {
  const plot = /** @type {any} */ (figure.querySelector(".plot"));
  const details = /** @type {HTMLElement} */ (figure.querySelector("details"));
  /** @type {HTMLElement} */ (figure.querySelector("[data-sentence]")).textContent = drawing.sentence;
  details.hidden = drawing.table.rows.length === 0;
  /** @type {HTMLElement} */ (details.querySelector("[data-table]")).replaceChildren(tableOf(drawing.table));
  markSelected(details);
  plot.setAttribute("aria-label", drawing.sentence);
  plot.hidden = !drawing.figure;
  if (!drawing.figure) {
    return;
  }
  const Plotly = await loadPlotly();
  const first = !plot.on;
  drawings.set(plot, drawing);
  await Plotly.react(plot, drawing.figure.data, drawing.figure.layout, CONFIG);
  if (first) {
    listen(plot);
  }
}

/**
 * A click on a curve, point or cell selects its trial, a double click opens it. Where trials of many studies stand
 * beside each other there is nothing to select: one click opens.
 *
 * @param {any} plot
 */
function listen(plot) {
  /** The id of the trial clicked last. */
  let clicked = "";
  plot.on("plotly_click", (/** @type {any} */ event) => {
    clicked = trialOf(event.points[0]);
    const number = drawings.get(plot)?.trials[clicked];
    if (number !== undefined) {
      toggle(number);
    } else if (clicked) {
      openTrial(clicked);
    }
  });
  plot.on("plotly_doubleclick", () => {
    if (clicked) {
      openTrial(clicked);
    }
  });
}

/** @param {string} id */
function openTrial(id) {
  go(`${document.body.dataset.base}/trials/${encodeURIComponent(id)}`);
}

/**
 * The id of the trial that a mark stands for, "" for none.
 *
 * @param {{customdata?: string | string[], data: {meta?: {trial?: string}}} | undefined} point
 */
function trialOf(point) {
  return String([point?.customdata ?? []].flat()[0] ?? point?.data.meta?.trial ?? "");
}
