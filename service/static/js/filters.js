// @ts-check
/** The filter of a list is a plain form that leads to another address. This only spares its reader the button. */

/** @param {Document} page */
export function startFilters(page) {
  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (page.querySelectorAll("form[data-filter]"))) {
    form.addEventListener("change", (event) => event.target instanceof HTMLSelectElement && form.requestSubmit());
    form.addEventListener("formdata", ({ formData }) => leaveOutEmpty(formData));
    form.dataset.live = "";
  }
}

/**
 * What is not asked for does not stand in the address.
 *
 * @param {FormData} data
 */
function leaveOutEmpty(data) {
  for (const name of new Set(data.keys())) {
    const given = data.getAll(name).filter((value) => value !== "");
    data.delete(name);
    given.forEach((value) => data.append(name, value));
  }
}
