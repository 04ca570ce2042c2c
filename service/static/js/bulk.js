// @ts-check
import { send } from "./commands.js";

const MOST_NAMED = 8;

/**
 * Let the reader choose studies of the list and do one thing to all of them.
 *
 * @param {Document} page
 * @param {() => void} done
 */
export function startBulk(page, done) {
  const bar = /** @type {HTMLElement | null} */ (page.querySelector("[data-bulk]"));
  if (!bar) {
    return;
  }
  page.documentElement.dataset.scripted = "";
  const recount = () => show(page, bar);
  page.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.matches("[data-choose-all]")) {
      const { checked } = event.target;
      boxes(page).forEach((box) => { box.checked = checked; });
    }
    recount();
  });
  bar.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (button && await act(page, bar, button)) {
      boxes(page).forEach((box) => { box.checked = false; });
      recount();
      done();
    }
  });
  new MutationObserver(recount).observe(/** @type {Node} */ (bar.previousElementSibling), { childList: true, subtree: true });
  recount();
}

/**
 * @param {Document} page
 * @returns {HTMLInputElement[]}
 */
function boxes(page) {
  return [...page.querySelectorAll("input[data-choose]")].map((box) => /** @type {HTMLInputElement} */ (box));
}

/**
 * Show how many are chosen, and the bar with what can be done to them while there are any.
 *
 * @param {Document} page
 * @param {HTMLElement} bar
 */
function show(page, bar) {
  const all = boxes(page);
  const chosen = all.filter((box) => box.checked).length;
  bar.hidden = chosen === 0;
  text(bar, "[data-bulk-count]", `${chosen} chosen`);
  const every = /** @type {HTMLInputElement | null} */ (page.querySelector("[data-choose-all]"));
  if (every) {
    every.checked = chosen > 0 && chosen === all.length;
    every.indeterminate = chosen > 0 && chosen < all.length;
  }
}

/**
 * @param {Document} page
 * @param {HTMLElement} bar
 * @param {HTMLButtonElement} button
 * @returns {Promise<boolean>} whether the choice has served its purpose
 */
async function act(page, bar, button) {
  const command = button.dataset.bulkDo;
  if (!command) {
    return button.dataset.bulkNone !== undefined;
  }
  const chosen = boxes(page).filter((box) => box.checked);
  if (!window.confirm(question(`${button.textContent}`.trim(), chosen.map(nameOf), button.dataset.warning ?? ""))) {
    return false;
  }
  const buttons = bar.querySelectorAll("button");
  buttons.forEach((each) => { each.disabled = true; });
  const refusals = [];
  for (const box of chosen) {
    refusals.push(await send(`${bar.dataset.bulk}/${box.value}/${command}`));
  }
  buttons.forEach((each) => { each.disabled = false; });
  report(page, refusals, button.dataset.done ?? command);
  return true;
}

/** @param {HTMLInputElement} box */
function nameOf(box) {
  return box.dataset.choose ?? "";
}

/**
 * @param {string} what
 * @param {string[]} names
 * @param {string} warning
 */
function question(what, names, warning) {
  const more = names.length - MOST_NAMED;
  const listed = names.slice(0, MOST_NAMED).join("\n") + (more > 0 ? `\nand ${more} more` : "");
  const subject = names.length === 1 ? "1 study" : `${names.length} studies`;
  return `${what}: ${subject}?\n\n${listed}${warning ? `\n\n${warning}` : ""}`;
}

/**
 * Say how many went well, and of each of the others why it did not.
 *
 * @param {Document} page
 * @param {string[]} refusals one a study, empty where nothing was refused
 * @param {string} done
 */
function report(page, refusals, done) {
  const place = /** @type {HTMLElement} */ (page.querySelector("[data-bulk-report]"));
  const refused = refusals.filter((why) => why);
  const counts = [[refusals.length - refused.length, done], [refused.length, "refused"]];
  const summary = page.createElement("p");
  summary.textContent = `${counts.filter(([count]) => count).map((pair) => pair.join(" ")).join(", ")}${refused.length ? ":" : "."}`;
  const list = page.createElement("ul");
  list.append(...refused.map((why) => {
    const item = page.createElement("li");
    item.textContent = why;
    return item;
  }));
  place.replaceChildren(summary, ...(refused.length ? [list] : []));
  place.hidden = false;
}

/**
 * @param {Element} within
 * @param {string} selector
 * @param {string} words
 */
function text(within, selector, words) {
  const place = within.querySelector(selector);
  if (place && place.textContent !== words) {
    place.textContent = words;
  }
}
