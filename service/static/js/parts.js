// @ts-check
import { onChange, pick } from "./address.js";
import { morph } from "./morph.js";
import { markSelected } from "./selection.js";
import { ask } from "./session.js";
import { settleTable } from "./tables.js";

/** The last HTML of each part, to leave untouched what has not changed. @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/** Counts the requests of each part: an answer that a later one has overtaken is dropped. @type {WeakMap<Element, number>} */
const turns = new WeakMap();

/**
 * Fetch parts again as soon as something in the address changes that they take (`data-takes`, names of the query).
 *
 * @param {Document} page
 */
export function startParts(page) {
  onChange((names) => {
    const concerned = partsOf(page).filter((part) => taken(part).some((name) => names.has(name)));
    Promise.all(concerned.map(refreshPart)).catch((error) =>
      console.warn("A part of the page could not be fetched; it tries again with the next event.", error));
  });
}

/**
 * Fetch every part of the page again and change what differs.
 *
 * @param {Document} page
 */
export async function refreshParts(page) {
  await Promise.all(partsOf(page).map(refreshPart));
}

/** @param {Document} page */
function partsOf(page) {
  return /** @type {HTMLElement[]} */ ([...page.querySelectorAll("[data-part]")]);
}

/** @param {HTMLElement} part */
function taken(part) {
  return part.dataset.takes?.split(" ") ?? [];
}

/** @param {HTMLElement} part */
async function refreshPart(part) {
  const turn = (turns.get(part) ?? 0) + 1;
  turns.set(part, turn);
  const html = await fetchText(addressOf(part));
  if (shown.get(part) === html || turns.get(part) !== turn) {
    return;
  }
  shown.set(part, html);
  const fresh = /** @type {HTMLElement} */ (part.cloneNode(false));
  fresh.innerHTML = html;
  morph(part, fresh);
  settleTable(part);
  markSelected(part);
}

/**
 * A part's address, with what it takes from the page's own.
 *
 * @param {HTMLElement} part
 */
function addressOf(part) {
  const query = new URLSearchParams(part.dataset.query);
  pick(taken(part)).forEach((value, name) => query.append(name, value));
  return query.size ? `${part.dataset.part}?${query}` : part.dataset.part ?? "";
}

/** @param {string} url */
async function fetchText(url) {
  const answer = await ask(url);
  if (!answer.ok) {
    throw new Error(`${url} answered ${answer.status}`);
  }
  return answer.text();
}
