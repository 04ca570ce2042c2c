// @ts-check
/**
 * The page's address, and the only module that touches `location` and `history`.
 *
 * What the reader chose (metric, scales, zoom, selection, filter) stands in the query under small names, defaults left
 * out, so that a mailed link shows the same. The query is the state: whoever keeps some of it reads it here, writes it
 * here, and listens for the event `address` on `document`, which names what has changed: by a write, or by going back.
 */

/** @typedef {CustomEvent<{names: Set<string>}>} AddressEvent */

let query = new URLSearchParams(location.search);

/**
 * Return what stands in the query under `name`, null where it does not stand there.
 *
 * @param {string} name
 * @returns {string | null}
 */
export function read(name) {
  return query.get(name);
}

/**
 * Put values into the query; null or "" takes one out. Nothing happens where nothing differs.
 *
 * @param {Record<string, string | null>} changes
 */
export function write(changes) {
  const wanted = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) {
      wanted.set(name, value);
    } else {
      wanted.delete(name);
    }
  }
  const names = adopt(wanted);
  if (names.size) {
    history.replaceState(history.state, "", location.pathname + asText(wanted) + location.hash);
    announce(names);
  }
}

/**
 * Return the query's values under those of `names` that it has.
 *
 * @param {Iterable<string>} names
 */
export function pick(names) {
  const some = new URLSearchParams();
  for (const name of names) {
    query.getAll(name).forEach((value) => some.append(name, value));
  }
  return some;
}

/**
 * Return everything in the query but what stands under `names`.
 *
 * @param {string[]} names
 */
export function others(names) {
  return pick(new Set([...query.keys()].filter((name) => !names.includes(name))));
}

/**
 * Call `listener` with the names of what has changed in the query, after each change.
 *
 * @param {(names: Set<string>) => void} listener
 */
export function onChange(listener) {
  document.addEventListener("address", (event) => listener(/** @type {AddressEvent} */ (event).detail.names));
}

/** Follow the reader's way back and forward within the page. */
export function startAddress() {
  window.addEventListener("popstate", () => {
    const names = adopt(new URLSearchParams(location.search));
    if (names.size) {
      announce(names);
    }
  });
}

/**
 * Go to another page.
 *
 * @param {string} url
 */
export function go(url) {
  location.assign(url);
}

/** Load the page again, as after the session has ended. */
export function reload() {
  location.reload();
}

/**
 * Make `wanted` the query and return the names under which it differs from the one before.
 *
 * @param {URLSearchParams} wanted
 * @returns {Set<string>}
 */
function adopt(wanted) {
  const before = query;
  query = wanted;
  const names = [...before.keys(), ...wanted.keys()];
  return new Set(names.filter((name) => String(before.getAll(name)) !== String(wanted.getAll(name))));
}

/** @param {Set<string>} names */
function announce(names) {
  document.dispatchEvent(new CustomEvent("address", { detail: { names } }));
}

/**
 * The query as it is written: commas are legal in it, and lists are easier to read with them.
 *
 * @param {URLSearchParams} some
 */
function asText(some) {
  const text = String(some).replaceAll("%2C", ",");
  return text && `?${text}`;
}
