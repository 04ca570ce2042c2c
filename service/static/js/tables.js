// @ts-check

/** How the reader has sorted each table: column and direction. @type {WeakMap<Element, Sorting>} */
const sortings = new WeakMap();

/** @typedef {{column: number, direction: "ascending" | "descending"}} Sorting */

/**
 * Sorting by a click on a column's name, and paging by buttons that carry the query of the rows to show.
 *
 * @param {Document} page
 * @param {() => void} changed
 */
export function startTables(page, changed) {
  page.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const head = button?.closest("[data-sortable] th");
    const part = button?.closest("[data-part]");
    if (head instanceof HTMLTableCellElement) {
      sortBy(head);
    } else if (button?.dataset.query && part instanceof HTMLElement) {
      part.dataset.query = button.dataset.query;
      changed();
    }
  });
}

/** @param {HTMLTableCellElement} head */
function sortBy(head) {
  const table = /** @type {HTMLTableElement} */ (head.closest("table"));
  const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  sortings.set(table, { column: head.cellIndex, direction });
  applySorting(table);
}

/**
 * Bring the rows of a refreshed part back into the order that the reader chose.
 *
 * @param {Element} part
 */
export function sortAgain(part) {
  for (const table of part.querySelectorAll("table[data-sortable]")) {
    applySorting(/** @type {HTMLTableElement} */ (table));
  }
}

/** @param {HTMLTableElement} table */
function applySorting(table) {
  const sorting = sortings.get(table);
  if (!sorting) {
    return;
  }
  for (const head of table.querySelectorAll("th")) {
    head.toggleAttribute("aria-sort", false);
    if (head.cellIndex === sorting.column) {
      head.setAttribute("aria-sort", sorting.direction);
    }
  }
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(comparison(sorting)));
}

/**
 * Numbers by size, words by alphabet; what is missing comes last either way.
 *
 * @param {Sorting} sorting
 * @returns {(a: HTMLTableRowElement, b: HTMLTableRowElement) => number}
 */
function comparison({ column, direction }) {
  const sign = direction === "ascending" ? 1 : -1;
  return (rowA, rowB) => {
    const a = rowA.cells[column].dataset.value ?? "";
    const b = rowB.cells[column].dataset.value ?? "";
    if (a === "" || b === "") {
      return Number(a === "") - Number(b === "");
    }
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
  };
}
