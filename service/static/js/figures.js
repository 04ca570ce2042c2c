// @ts-check
/** Which figures of the page are drawn, and when the server is asked for them again. */

import { onChange, pick, read } from "./address.js";
import { adjust, drawingOf, replot, show } from "./plot.js";
import { loadPlotly } from "./plotly.js";
import { horizontal } from "./scales.js";
import { ask } from "./session.js";
import { stillSize } from "./stills.js";
import { theme } from "./theme.js";

/** Steps of a slider come close upon each other: the server is asked after the last of them. */
const SETTLE_MS = 40;

/** What each figure was drawn from, as text, to leave alone what has not changed. @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

/** The address that each figure was asked for last. @type {WeakMap<Element, string>} */
const asked = new WeakMap();

/** What ends the request of each figure that is on its way: a later one overtakes it. @type {WeakMap<Element, AbortController>} */
const underWay = new WeakMap();

/**
 * Draw the page's figures when they come into view, and again when something they show has changed.
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
      tryTo(draw, figure);
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

  /** Ask for those figures anew that would be asked for differently now. */
  const renew = settled(() => visible.forEach((figure) => {
    if (asked.get(figure) !== addressOf(figure)) {
      tryTo(draw, figure);
    }
  }));

  adopt();
  onChange((names) => {
    visible.forEach((figure) => tryTo(names.has("select") ? replot : adjust, figure));
    renew();
  });
  page.addEventListener("theme", renew);
  page.addEventListener("finger", ({ target }) => tryTo(replot, /** @type {HTMLElement} */ (target)));
  return { adopt, refresh };
}

/**
 * @param {() => void} task
 * @returns {() => void} a function that runs `task` as soon as it has not been called for a moment
 */
function settled(task) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(task, SETTLE_MS);
  };
}

/**
 * @param {(figure: HTMLElement) => Promise<void>} task
 * @param {HTMLElement} figure
 */
function tryTo(task, figure) {
  task(figure).catch((error) => console.warn("A figure could not be drawn; it tries again with the next event.", error));
}

/** @param {HTMLElement} figure */
async function draw(figure) {
  const address = addressOf(figure);
  const still = stillSize(figure);
  if (!still) {
    loadPlotly().catch(() => undefined); // while the server answers; whoever draws hears of a failure
  }
  const text = await fetchLatest(figure, address, still);
  if (text === null || drawn.get(figure) === address + text) {
    return;
  }
  drawn.set(figure, address + text);
  await show(figure, JSON.parse(text));
}

/**
 * @param {HTMLElement} figure
 * @param {string} address
 * @param {string} still the size of the still that is wanted with it, "" for none
 * @returns {Promise<string | null>} the answer, null where there is none or a later request has overtaken this one
 */
async function fetchLatest(figure, address, still) {
  underWay.get(figure)?.abort();
  const controller = new AbortController();
  underWay.set(figure, controller);
  asked.set(figure, address);
  try {
    const answer = await ask(still ? `${address}&still=${still}` : address, { signal: controller.signal });
    return answer.ok ? await answer.text() : null;
  } catch (error) {
    if (controller.signal.aborted) {
      return null;
    }
    throw error;
  }
}

/**
 * The figure's address with the theme, the controls of its section if there are any, what is selected, and the range
 * that is looked at where the figure has more points for it. Its link to the same as CSV goes along.
 *
 * @param {HTMLElement} figure
 */
function addressOf(figure) {
  const [path, own] = (figure.dataset.figure ?? "").split("?");
  const form = /** @type {HTMLFormElement | null} */ (figure.closest("section")?.querySelector("[data-controls]"));
  const query = new URLSearchParams(/** @type {any} */ (form ? new FormData(form) : undefined));
  new URLSearchParams(own).forEach((value, name) => query.set(name, value));
  pick(["select"]).forEach((value, name) => query.set(name, value));
  const file = figure.querySelector("[data-tool=csv]");
  if (file instanceof HTMLAnchorElement) {
    file.href = `${path.replace(/\.json$/, ".csv")}?${query}`;
  }
  const zoom = drawingOf(figure)?.refines ?? true ? horizontal(read(`${figure.dataset.keep}.zoom`) ?? "") : {};
  new URLSearchParams(zoom).forEach((value, name) => query.set(name, value));
  query.set("theme", theme());
  return `${path}?${query}`;
}
