// @ts-check

/**
 * Return a function that calls `task` if the page can be seen, and otherwise once it can be seen again.
 *
 * @param {Document} page
 * @param {() => void} task
 * @returns {() => void}
 */
export function whenVisible(page, task) {
  let waiting = false;
  page.addEventListener("visibilitychange", () => {
    if (!page.hidden && waiting) {
      waiting = false;
      task();
    }
  });
  return () => {
    if (page.hidden) {
      waiting = true;
    } else {
      task();
    }
  };
}
