// @ts-check
/**
 * Makes one element like another by changing only what differs, so that focus, scroll, open details and figures
 * survive a refresh. Elements with an id (or data-keep) find each other wherever they stand among their siblings;
 * what holds something to be kept needs one. What is marked data-keep is left exactly as it is.
 */

/** Attributes that belong to the reader, not to the server. */
const READERS_OWN = new Set(["open", "aria-selected", "tabindex"]);

/**
 * @param {Element} old
 * @param {Element} fresh
 */
export function morph(old, fresh) {
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

/** @param {Node} node */
function keyOf(node) {
  return node instanceof HTMLElement ? node.dataset.keep ?? (node.id || null) : null;
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function morphAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !READERS_OWN.has(name)) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !READERS_OWN.has(name)) {
      old.setAttribute(name, value);
    }
  }
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function morphChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].flatMap((child) => (keyOf(child) ? [[keyOf(child), child]] : [])));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const match = key ? keyed.get(key) : at && !keyOf(at) && alike(at, wanted) ? at : undefined;
    if (!match) {
      old.insertBefore(wanted, at);
      continue;
    }
    while (match !== at && at instanceof Text) {
      at = removed(at); // rather than move what follows: what is moved loses focus and scroll
    }
    if (match === at) {
      at = at.nextSibling;
    } else {
      old.insertBefore(match, at);
    }
    morphNode(match, wanted);
  }
  while (at) {
    at = removed(at);
  }
}

/**
 * Remove a node and return the one behind it.
 *
 * @param {ChildNode} node
 */
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/**
 * @param {Node} a
 * @param {Node} b
 */
function alike(a, b) {
  return a.nodeName === b.nodeName && !(a instanceof Element && b instanceof Element && a.className !== b.className);
}

/**
 * @param {Node} old
 * @param {Node} fresh
 */
function morphNode(old, fresh) {
  if (old instanceof Element && fresh instanceof Element) {
    if (!(old instanceof HTMLElement && old.dataset.keep)) {
      morph(old, fresh);
    }
  } else if (old.nodeValue !== fresh.nodeValue) {
    old.nodeValue = fresh.nodeValue;
  }
}
