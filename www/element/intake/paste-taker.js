// @ts-check
/**
 * Which element takes what is pasted: the one that has the focus, else the first, if somebody could use it.
 *
 * @import { Taker } from './paste.js'
 */

/** How many points across and down tell whether an element is covered. */
const POINTS = 5;

/**
 * @param {Taker[]} takers of one window, or the one that has the focus
 * @returns {Taker | undefined}
 */
export function takerOf(takers) {
  return takers.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1)).find(isUsable);
}

/** Whether somebody who looks at the page could use it: enabled, seen, neither inert nor covered. @param {HTMLElement} element */
function isUsable(element) {
  const document = element.ownerDocument;
  const view = document.defaultView;
  if (!view || !element.isConnected || element.matches(':disabled')) return false;
  const seen = { opacityProperty: true, visibilityProperty: true, checkOpacity: true, checkVisibilityCSS: true };
  if (element.checkVisibility && !element.checkVisibility(seen)) return false;
  if (around(element).some((other) => other.hasAttribute('inert'))) return false;
  const shut = [...document.querySelectorAll(':modal'), document.fullscreenElement].filter((top) => top !== null);
  if (shut.length > 0 && !around(element).some((other) => shut.includes(other))) return false;
  return !isCovered(element, view);
}

/** An element and all that it stands in, through slots and shadow roots. @param {Element} element */
function around(element) {
  const all = [];
  for (let at = /** @type {Element | null} */ (element); at;) {
    all.push(at);
    const root = at.getRootNode();
    at = at.assignedSlot ?? at.parentElement ?? ('host' in root ? /** @type {ShadowRoot} */ (root).host : null);
  }
  return all;
}

/**
 * Whether nothing of an element can be reached with a pointer. What is only scrolled away is not covered.
 * @param {HTMLElement} element
 * @param {Window} view
 */
function isCovered(element, view) {
  const box = element.getBoundingClientRect();
  if (box.width === 0 || box.height === 0) return true;
  // Nobody scrolls to what lies before the beginning of the page.
  if (box.right + view.scrollX <= 0 || box.bottom + view.scrollY <= 0) return true;
  const [left, right] = [Math.max(0, box.left), Math.min(view.innerWidth, box.right)];
  const [top, bottom] = [Math.max(0, box.top), Math.min(view.innerHeight, box.bottom)];
  if (right <= left || bottom <= top) return false;
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  for (let row = 0; row < POINTS; row++)
    for (let column = 0; column < POINTS; column++) {
      const [x, y] = [left + ((right - left) * (column + 0.5)) / POINTS, top + ((bottom - top) * (row + 0.5)) / POINTS];
      if (element.contains(root.elementFromPoint(x, y))) return false;
    }
  return true;
}
