// @ts-check
/**
 * The trials of a study that the reader has selected, by number; they stand in the address as `?select=12,15`.
 *
 * Whatever stands for a trial carries `data-trial-number`: a click on it, or Enter while it has the focus, selects the
 * trial everywhere. After each change `selection` is dispatched on `document`. A page without a bar for the selected
 * (`data-selection`) has none: nothing happens there.
 */

import { onChange, read, write } from "./address.js";

/** Most trials that can be selected: more lines cannot be told apart. */
export const MOST = 30;

/** What answers to clicks and keys by itself, though it stands inside of what stands for a trial. */
const OWN_WAY = "a, button, input, select, summary, label";

/** @returns {number[]} in the order in which they were selected */
export function selected() {
  const numbers = (read("select") ?? "").split(",").filter((text) => /^\d{1,9}$/.test(text)).map(Number);
  return [...new Set(numbers)].slice(0, MOST);
}

/**
 * Select a trial, or no longer. One more than `MOST` is not taken.
 *
 * @param {number} number
 */
export function toggle(number) {
  const before = selected();
  const others = before.filter((other) => other !== number);
  keep(others.length < before.length ? others : [...others, number]);
}

/** Select nothing. */
export function clear() {
  keep([]);
}

/** @param {number[]} numbers */
function keep(numbers) {
  write({ select: numbers.slice(0, MOST).join(",") });
}

/**
 * Let clicks and keys select what carries `data-trial-number`, and mark what is selected.
 *
 * @param {Document} page
 */
export function startSelection(page) {
  if (!page.querySelector("[data-selection]")) {
    return;
  }
  page.addEventListener("click", (event) => {
    const mark = markOf(event);
    if (mark !== null && !isSelectingText(page)) {
      toggle(mark);
    } else if (event.target instanceof Element && event.target.closest("[data-clear-selection]")) {
      clear();
    }
  });
  page.addEventListener("keydown", (event) => onKey(page, event));
  onChange((names) => {
    if (names.has("select")) {
      markSelected(page);
      page.dispatchEvent(new CustomEvent("selection"));
    }
  });
  markSelected(page);
}

/**
 * Mark what stands for a selected trial, wherever it is on the page; rows take the focus, one Tab for all of a table.
 *
 * @param {ParentNode} page
 */
export function markSelected(page) {
  const numbers = new Set(selected());
  for (const row of page.querySelectorAll("tr[data-trial-number]")) {
    row.setAttribute("aria-selected", String(numbers.has(numberOf(row))));
  }
  for (const table of page.querySelectorAll("tbody:has([data-trial-number])")) {
    if (!table.querySelector('[tabindex="0"]')) {
      table.querySelector("[data-trial-number]")?.setAttribute("tabindex", "0");
    }
  }
}

/**
 * The number of the trial that a click or a key is meant for, null where it is meant for something else.
 *
 * @param {Event} event
 * @returns {number | null}
 */
function markOf({ target }) {
  const mark = target instanceof Element ? target.closest("[data-trial-number]") : null;
  const own = target instanceof Element ? target.closest(OWN_WAY) : null;
  return mark && (own === null || own === mark || own.contains(mark)) ? numberOf(mark) : null;
}

/** @param {Element} mark */
function numberOf(mark) {
  return Number(/** @type {HTMLElement} */ (mark).dataset.trialNumber);
}

/** @param {Document} page */
function isSelectingText(page) {
  return page.getSelection()?.type === "Range";
}

/**
 * Enter and the space bar select a row that has the focus, arrows go from row to row, Escape selects nothing.
 *
 * @param {Document} page
 * @param {KeyboardEvent} event
 */
function onKey(page, event) {
  const row = event.target instanceof HTMLTableRowElement ? event.target : null;
  if (event.key === "Escape" && !isTyping(event.target)) {
    clear();
  } else if (row?.dataset.trialNumber && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    toggle(numberOf(row));
  } else if (row?.dataset.trialNumber && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    moveFocus(row, event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling);
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=range], [type=checkbox]), textarea, select");
}

/**
 * @param {HTMLTableRowElement} row
 * @param {Element | null} next
 */
function moveFocus(row, next) {
  if (next instanceof HTMLTableRowElement && next.dataset.trialNumber) {
    row.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
