// @ts-check

const KINDS = ["study", "stage", "decision", "trial", "metrics"];
const RETRY_MS = 2_000;

/**
 * Call `changed` whenever the server says that something happened, and once after every (re)connection, which is how
 * a page catches up on what it missed. While the stream is down, `notice` says so.
 *
 * @param {string} url
 * @param {() => void} changed
 * @param {HTMLElement | null} notice
 */
export function followEvents(url, changed, notice) {
  const source = new EventSource(url);
  source.addEventListener("open", () => {
    say(notice, "");
    changed();
  });
  source.addEventListener("error", () => {
    say(notice, "Reconnecting to the server…");
    if (source.readyState === EventSource.CLOSED) {
      // The browser has given up (the server answered with an error): begin anew.
      setTimeout(() => followEvents(url, changed, notice), RETRY_MS);
    }
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, changed);
  }
  window.addEventListener("pagehide", () => source.close(), { once: true });
  window.addEventListener("pageshow", ({ persisted }) => persisted && followEvents(url, changed, notice), { once: true });
}

/**
 * @param {HTMLElement | null} notice
 * @param {string} text
 */
function say(notice, text) {
  if (notice) {
    notice.textContent = text;
    notice.hidden = text === "";
  }
}
