// @ts-check
/**
 * The trial table. Its filter, order, page and columns stand in the page's address; the server answers for it.
 *
 * Links that lead to another view of the table (`data-table-link`) work without this module too: it only spares the
 * rest of the page. The part that shows the table takes the names of `NAMES` from the address (`data-takes`).
 */

import { write } from "./address.js";

const NAMES = ["filter", "sort", "order", "page", "rows", "columns"];

/** @param {Document} page */
export function startTables(page) {
  page.addEventListener("click", (event) => {
    const link = within(event, "a[data-table-link]");
    if (link instanceof HTMLAnchorElement && !leadsElsewhere(event)) {
      event.preventDefault();
      follow(new URL(link.href).searchParams);
    }
  });
  page.addEventListener("submit", (event) => {
    const form = within(event, "[data-table-filter], [data-table-columns]");
    if (form instanceof HTMLFormElement) {
      event.preventDefault();
      if (form.matches("[data-table-filter]")) {
        filter(form);
      }
    }
  });
  page.addEventListener("search", (event) => {
    const form = within(event, "[data-table-filter]");
    if (form instanceof HTMLFormElement) {
      filter(form); // the cross in the box was pressed
    }
  }, true);
  page.addEventListener("change", onChange);
  page.addEventListener("input", (event) => {
    const box = within(event, "[data-table-narrow]");
    if (box instanceof HTMLInputElement) {
      narrow(box);
    }
  });
}

/**
 * Let what the reader sees follow the server's answer: ticks, rows, the filter, and the columns that were looked for.
 *
 * @param {Element} part that has just been refreshed
 */
export function settleTable(part) {
  for (const input of part.querySelectorAll("[data-table-columns] input[type=checkbox]")) {
    /** @type {HTMLInputElement} */ (input).checked = input.hasAttribute("checked");
  }
  const rows = part.querySelector("[data-table-rows]");
  if (rows instanceof HTMLSelectElement) {
    rows.value = rows.querySelector("option[selected]")?.textContent ?? rows.value;
  }
  const box = part.querySelector("[data-table-filter] input");
  if (box instanceof HTMLInputElement && box !== box.ownerDocument.activeElement) {
    box.value = box.defaultValue;
  }
  const narrowing = part.querySelector("[data-table-narrow]");
  if (narrowing instanceof HTMLInputElement) {
    narrow(narrowing);
  }
}

/**
 * Bring the table's share of the address to what `query` says.
 *
 * @param {URLSearchParams} query
 */
function follow(query) {
  write(Object.fromEntries(NAMES.map((name) => [name, query.get(name)])));
}

/** @param {HTMLFormElement} form */
function filter(form) {
  write({ filter: String(new FormData(form).get("filter") ?? "").trim(), page: null });
}

/** @param {Event} event */
function onChange(event) {
  const rows = within(event, "[data-table-rows]");
  const columns = within(event, "[data-table-columns]");
  const box = within(event, "[data-table-filter] input");
  if (box instanceof HTMLInputElement && box.form) {
    filter(box.form); // it was left with something else in it
  } else if (rows instanceof HTMLSelectElement) {
    write({ rows: rows.value, page: null });
  } else if (columns instanceof HTMLFormElement) {
    const chosen = new FormData(columns).getAll("columns").join(",");
    write({ columns: chosen === columns.dataset.usual ? null : chosen });
  }
}

/**
 * Show the columns whose names have every word of what is looked for.
 *
 * @param {HTMLInputElement} box
 */
function narrow(box) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const label of box.form?.querySelectorAll("fieldset label") ?? []) {
    const text = `${label.textContent} ${label.querySelector("input")?.value}`.toLowerCase();
    /** @type {HTMLElement} */ (label).hidden = !words.every((word) => text.includes(word));
  }
}

/**
 * @param {Event} event
 * @param {string} selector
 */
function within({ target }, selector) {
  return target instanceof Element ? target.closest(selector) : null;
}

/**
 * Whether a click asks for another tab or a download, which is the browser's business.
 *
 * @param {Event} event
 */
function leadsElsewhere(event) {
  return event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}
