// @ts-check
/**
 * Light or dark: as the system has it, or as the reader wants it. The wish is a cookie, so that the server writes it
 * into the page (`data-theme` of its root) and the right one stands there from the first paint on.
 */

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const A_YEAR = 365 * 24 * 3600;

/** @returns {"light" | "dark"} the theme that the page shows now */
export function theme() {
  const wish = document.documentElement.dataset.theme;
  return wish === "light" || wish === "dark" ? wish : DARK.matches ? "dark" : "light";
}

/**
 * Follow the switch (`data-theme-switch`) and the system; `theme` is dispatched on `document` after a change.
 *
 * @param {Document} page
 */
export function startTheme(page) {
  const knob = /** @type {HTMLSelectElement | null} */ (page.querySelector("[data-theme-switch]"));
  const changed = () => page.dispatchEvent(new CustomEvent("theme"));
  DARK.addEventListener("change", changed);
  knob?.addEventListener("change", () => {
    page.cookie = cookie(knob.value, page.body.dataset.base || "/");
    page.documentElement.dataset.theme = knob.value;
    changed();
  });
}

/**
 * @param {string} wish "" to follow the system
 * @param {string} path
 */
function cookie(wish, path) {
  return `stagetune_theme=${wish}; Path=${path}; Max-Age=${wish ? A_YEAR : 0}; SameSite=Lax`;
}
