// @ts-check

/**
 * Let links and forms marked `data-keeps-choices` take along what the reader has chosen for the figures of this page.
 *
 * @param {Document} page
 */
export function keepChoices(page) {
  page.addEventListener("click", ({ target }) => {
    const link = target instanceof Element ? target.closest("a[data-keeps-choices]") : null;
    if (link instanceof HTMLAnchorElement) {
      const address = new URL(link.href);
      chosen(page).forEach(([name, value]) => address.searchParams.set(name, value));
      link.href = address.href;
    }
  });
  page.addEventListener("submit", ({ target }) => {
    if (target instanceof HTMLFormElement && target.matches("[data-keeps-choices]")) {
      target.append(...chosen(page).map(hidden));
    }
  });
}

/**
 * @param {Document} page
 * @returns {[string, string][]}
 */
function chosen(page) {
  const controls = page.querySelector("[data-controls]");
  return controls instanceof HTMLFormElement ? [...new FormData(controls)].map(([name, value]) => [name, String(value)]) : [];
}

/** @param {[string, string]} choice */
function hidden([name, value]) {
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = name;
  input.value = value;
  return input;
}
