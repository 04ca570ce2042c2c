// @ts-check
import { ask } from "./session.js";

/** The browser keeps so much of a log; the file on the worker and the API have all of it. */
const MOST_CHARACTERS = 400_000;

/**
 * Follow the log of a trial: fetch what is new, and stay at its end unless the reader has unticked "follow".
 *
 * @param {Document} page
 */
export function startLog(page) {
  const log = /** @type {HTMLElement | null} */ (page.querySelector("[data-log]"));
  let offset = 0;

  async function refresh() {
    while (log) {
      const answer = await ask(`${log.dataset.log}?offset=${offset}`);
      if (!answer.ok) {
        return;
      }
      const { text, next_offset: next } = await answer.json();
      if (text === "" || next <= offset) {
        return;
      }
      offset = next;
      append(page, log, text);
    }
  }

  refresh().catch((error) => console.warn("The log could not be read; it tries again with the next event.", error));
  return { refresh };
}

/**
 * @param {Document} page
 * @param {HTMLElement} log
 * @param {string} text
 */
function append(page, log, text) {
  const whole = log.textContent + text;
  log.textContent = whole.length > MOST_CHARACTERS ? `…${whole.slice(-MOST_CHARACTERS)}` : whole;
  /** @type {HTMLElement} */ (page.querySelector("[data-log-empty]")).hidden = true;
  const follow = /** @type {HTMLInputElement} */ (page.querySelector("[data-follow]"));
  if (follow.checked) {
    log.scrollTop = log.scrollHeight;
  }
}
