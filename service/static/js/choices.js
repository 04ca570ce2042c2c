// @ts-check
import { others } from "./address.js";

/** What such a link or form says itself. */
const OWN = ["trials", "add"];

/**
 * Let links and forms marked `data-keeps-choices` take along what the reader has chosen on this page.
 *
 * @param {Document} page
 */
export function keepChoices(page) {
  page.addEventListener("click", ({ target }) => {
    const link = target instanceof Element ? target.closest("a[data-keeps-choices]") : null;
    if (link instanceof HTMLAnchorElement) {
      const address = new URL(link.href);
      others(OWN).forEach((value, name) => address.searchParams.set(name, value));
      link.href = address.href;
    }
  });
  page.addEventListener("submit", ({ target }) => {
    if (target instanceof HTMLFormElement && target.matches("[data-keeps-choices]")) {
      target.append(...[...others(OWN)].map(hidden));
    }
  });
}

/** @param {[string, string]} choice */
function hidden([name, value]) {
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = name;
  input.value = value;
  return input;
}
