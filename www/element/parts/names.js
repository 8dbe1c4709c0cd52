// @ts-check
/** What a page calls the element, with a label or otherwise, and clicks and keys that are meant for it. */

/** What a page calls the element. @param {HTMLElement} element @param {Node[]} labels */
export function nameWithin(element, labels) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const ids = element.getAttribute('aria-labelledby')?.split(/\s+/) ?? [];
  const named = ids.flatMap((id) => root.getElementById?.(id) ?? []);
  const told = (named.length > 0 ? named : labels).map((node) => textBeside(node, element)).join(' ');
  return (told.trim() || element.getAttribute('aria-label') || '').replace(/\s+/g, ' ').trim();
}

/** The text of a node, without that of an element within it. @param {Node} node @param {Element} element @returns {string} */
function textBeside(node, element) {
  if (node === element) return '';
  if (!node.contains(element)) return node.textContent ?? '';
  return [...node.childNodes].map((child) => textBeside(child, element)).join(' ');
}

/** Whether a click is of a label of the element, or of a script: not of a pointer on its edge. @param {HTMLElement} element @param {MouseEvent} event */
export function isForwarded(element, event) {
  if (event.composedPath()[0] !== element) return false;
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const { clientX: x, clientY: y, detail } = event;
  return detail === 0 || x < left || x > right || y < top || y > bottom;
}

/** Whether a key writes into a field. @param {Event} event */
export function isTyped(event) {
  const { key = '', ctrlKey, metaKey, altKey } = /** @type {KeyboardEvent} */ (event);
  const field = /** @type {Element} */ (event.composedPath()[0]).localName;
  return /^(input|select|textarea)$/.test(field) && key.length === 1 && !ctrlKey && !metaKey && !altKey;
}
