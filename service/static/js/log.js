// @ts-check
import { ask } from "./session.js";

/** The browser keeps so much of a log; the download has all of it. */
const MOST_CHARACTERS = 400_000;

/** Characters of the end of a log that the page begins with. */
const TAIL = 200_000;

/**
 * Follow the log of a trial: fetch its end, then what is new, and stay at the end unless the reader has unticked
 * "follow". Whoever looks for a word sees the lines that have it, however many come meanwhile.
 *
 * @param {Document} page
 */
export function startLog(page) {
  const log = /** @type {HTMLElement | null} */ (page.querySelector("[data-log]"));
  if (!log) {
    return { refresh: async () => {} };
  }
  const find = /** @type {HTMLInputElement} */ (page.querySelector("[data-find]"));
  const follow = /** @type {HTMLInputElement} */ (page.querySelector("[data-follow]"));
  const note = /** @type {HTMLElement} */ (page.querySelector("[data-log-note]"));
  const nothing = /** @type {HTMLElement} */ (page.querySelector("[data-log-empty]"));
  let offset = -TAIL;
  let kept = "";
  let cut = false;
  /** @type {Promise<void> | null} */
  let reading = null;

  /** Read on, once at a time: two readers would take the same piece twice. */
  function refresh() {
    reading ??= read().finally(() => { reading = null; });
    return reading;
  }

  async function read() {
    for (;;) {
      const answer = await ask(`${log?.dataset.log}?offset=${offset}`);
      const { text, next_offset: next } = answer.ok ? await answer.json() : { text: "", next_offset: offset };
      if (text === "") {
        return;
      }
      cut ||= offset < 0 && next > [...text].length;
      offset = next;
      take(text);
    }
  }

  /** @param {string} text */
  function take(text) {
    kept += text;
    if (kept.length > MOST_CHARACTERS) {
      kept = kept.slice(-MOST_CHARACTERS);
      cut = true;
    }
    nothing.hidden = true;
    show();
  }

  function show() {
    const lines = found(kept, find.value);
    /** @type {HTMLElement} */ (log).textContent = lines ? lines.join("\n") : kept;
    note.textContent = words(lines?.length, cut);
    if (follow.checked) {
      /** @type {HTMLElement} */ (log).scrollTop = /** @type {HTMLElement} */ (log).scrollHeight;
    }
  }

  find.addEventListener("input", show);
  refresh().catch((error) => console.warn("The log could not be read; it tries again with the next event.", error));
  return { refresh };
}

/**
 * The lines of `text` that have `wanted` in them, whatever its case; null where nothing is wanted.
 *
 * @param {string} text
 * @param {string} wanted
 */
function found(text, wanted) {
  const word = wanted.trim().toLowerCase();
  return word ? text.split("\n").filter((line) => line.toLowerCase().includes(word)) : null;
}

/**
 * What is said of the log beside it.
 *
 * @param {number | undefined} lines how many were found, undefined where nothing is looked for
 * @param {boolean} cut
 */
function words(lines, cut) {
  const some = lines === undefined ? "" : `${lines.toLocaleString("en")} ${lines === 1 ? "line" : "lines"} found. `;
  return some + (cut ? "Only its end is here; the download has all of it." : "");
}
