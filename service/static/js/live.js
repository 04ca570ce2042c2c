// @ts-check

const KINDS = ["study", "stage", "decision", "trial", "metrics", "worker"];
const RETRY_MS = 2_000;

/**
 * Call `changed` whenever the server says that something happened. The stream begins behind the event up to which the
 * page was made (`after`), and after every break behind the last one that came: nothing is missed, and a connection
 * that comes back to a server where nothing happened changes nothing. While the stream is down, `notice` says so.
 *
 * @param {string} url
 * @param {string} after
 * @param {() => void} changed
 * @param {HTMLElement | null} notice
 */
export function followEvents(url, after, changed, notice) {
  let last = after;
  const source = new EventSource(last === "" ? url : `${url}?after=${last}`);
  source.addEventListener("open", () => say(notice, ""));
  source.addEventListener("error", () => {
    say(notice, "Reconnecting to the server…");
    if (source.readyState === EventSource.CLOSED) {
      // The browser has given up (the server answered with an error): begin anew.
      setTimeout(() => followEvents(url, last, changed, notice), RETRY_MS);
    }
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      last = event.lastEventId || last;
      changed();
    });
  }
  window.addEventListener("pagehide", () => source.close(), { once: true });
  window.addEventListener("pageshow", ({ persisted }) => persisted && followEvents(url, last, changed, notice), { once: true });
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
