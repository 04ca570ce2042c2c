// @ts-check

/**
 * Return a function that runs `task` soon, but never more often than once in `pause` ms and never twice at a time.
 * A call during a run is not lost: the task runs once more after it.
 *
 * @param {() => Promise<void>} task
 * @param {number} pause
 * @returns {() => void}
 */
export function throttle(task, pause) {
  let asked = false;
  let busy = false;
  let earliest = 0;

  async function run() {
    asked = false;
    earliest = performance.now() + pause;
    try {
      await task();
    } catch (error) {
      console.warn("The page could not be refreshed; it tries again with the next event.", error);
    }
    busy = false;
    if (asked) {
      start();
    }
  }

  function start() {
    busy = true;
    setTimeout(run, Math.max(0, earliest - performance.now()));
  }

  return () => {
    asked = true;
    if (!busy) {
      start();
    }
  };
}
