// @ts-check
/** Commands that a page shows: with the address under which the reader knows the server, and ready to be copied. */

const SHOWN_MS = 2_000;

/** @param {Document} page */
export function startCommandLines(page) {
  const server = new URL(page.body.dataset.base || "/", page.baseURI).href.replace(/\/$/, "");
  page.querySelectorAll("[data-origin]").forEach((place) => {
    place.textContent = server;
  });
  page.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-copy]") : null;
    if (button instanceof HTMLElement) {
      copy(page, button);
    }
  });
}

/**
 * Copy the text of the element that `data-copy` names; where the browser does not allow that, select it.
 *
 * @param {Document} page
 * @param {HTMLElement} button
 */
async function copy(page, button) {
  const text = /** @type {HTMLElement} */ (page.getElementById(button.dataset.copy ?? ""));
  try {
    await navigator.clipboard.writeText(text.innerText.trim());
    button.textContent = "Copied";
  } catch {
    page.getSelection()?.selectAllChildren(text);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, SHOWN_MS);
}
