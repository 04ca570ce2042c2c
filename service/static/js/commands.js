// @ts-check
import { ask } from "./session.js";

/**
 * Let buttons with `data-command` POST to the API, and say what the server answered if it refused.
 *
 * @param {Document} page
 * @param {() => void} done
 */
export function startCommands(page, done) {
  page.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const url = button?.dataset.command;
    if (!button || !url || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) {
      return;
    }
    button.disabled = true;
    say(page, await send(url));
    button.disabled = false;
    done();
  });
}

/**
 * Give one command.
 *
 * @param {string} url
 * @returns {Promise<string>} what went wrong, empty if nothing did
 */
export async function send(url) {
  try {
    const answer = await ask(url, { method: "POST" });
    return answer.ok ? "" : (await answer.json()).detail;
  } catch {
    return "The server did not answer: nothing was changed. Try again when it is back.";
  }
}

/**
 * @param {Document} page
 * @param {string} text
 */
function say(page, text) {
  const place = /** @type {HTMLElement | null} */ (page.querySelector("[data-problem]"));
  if (place) {
    place.textContent = text;
    place.hidden = text === "";
  }
}
