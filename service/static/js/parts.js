// @ts-check
import { morph } from "./morph.js";
import { ask } from "./session.js";
import { sortAgain } from "./tables.js";

/** The last HTML of each part, to leave untouched what has not changed. @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/**
 * Fetch every part of the page again and change what differs.
 *
 * @param {Document} page
 */
export async function refreshParts(page) {
  const parts = /** @type {HTMLElement[]} */ ([...page.querySelectorAll("[data-part]")]);
  await Promise.all(parts.map(refreshPart));
}

/** @param {HTMLElement} part */
async function refreshPart(part) {
  const html = await fetchText(`${part.dataset.part}${part.dataset.query ?? ""}`);
  if (shown.get(part) === html) {
    return;
  }
  shown.set(part, html);
  const fresh = /** @type {HTMLElement} */ (part.cloneNode(false));
  fresh.innerHTML = html;
  morph(part, fresh);
  sortAgain(part);
}

/** @param {string} url */
async function fetchText(url) {
  const answer = await ask(url);
  if (!answer.ok) {
    throw new Error(`${url} answered ${answer.status}`);
  }
  return answer.text();
}
