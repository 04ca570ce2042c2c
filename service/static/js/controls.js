// @ts-check
import { onChange, read, write } from "./address.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/**
 * Keep what the controls of figures (`data-controls`) say in the address, under the names of their fields; what a
 * field says by default is left out.
 *
 * @param {Document} page
 */
export function startControls(page) {
  restore(page);
  onChange(() => restore(page));
  page.addEventListener("input", ({ target }) => {
    if (isField(target)) {
      write({ [target.name]: valueOf(target) === defaultOf(target) ? null : valueOf(target) });
    }
  });
  page.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-controls]")) {
      event.preventDefault();
    }
  });
}

/**
 * Let the fields say what the address says.
 *
 * @param {Document} page
 */
export function restore(page) {
  for (const field of page.querySelectorAll("[data-controls] [name]")) {
    if (isField(field)) {
      const value = read(field.name) ?? defaultOf(field);
      if (valueOf(field) !== value && canSay(field, value)) {
        say(field, value);
      }
    }
  }
}

/**
 * @param {EventTarget | Element | null} target
 * @returns {target is Field}
 */
function isField(target) {
  const field = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  return field && target.name !== "" && target.closest("[data-controls]") !== null;
}

/** @param {Field} field */
function valueOf(field) {
  return isBox(field) ? (field.checked ? field.value : "") : field.value;
}

/**
 * What a field says where the address says nothing: what the server says it is, or what it says as the page comes.
 *
 * @param {Field} field
 */
function defaultOf(field) {
  if (field.dataset.default !== undefined) {
    return field.dataset.default;
  }
  if (field instanceof HTMLSelectElement) {
    return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value ?? "";
  }
  return isBox(field) ? (field.defaultChecked ? field.value : "") : field.defaultValue;
}

/**
 * @param {Field} field
 * @param {string} value
 */
function say(field, value) {
  if (isBox(field)) {
    field.checked = value === field.value;
  } else {
    field.value = value;
  }
}

/**
 * Whether a field has such a value: a mailed link may name a metric that has not been reported yet.
 *
 * @param {Field} field
 * @param {string} value
 */
function canSay(field, value) {
  return !(field instanceof HTMLSelectElement) || [...field.options].some((option) => option.value === value);
}

/**
 * @param {Field} field
 * @returns {field is HTMLInputElement}
 */
function isBox(field) {
  return field instanceof HTMLInputElement && field.type === "checkbox";
}
