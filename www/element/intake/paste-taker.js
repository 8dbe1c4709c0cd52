// @ts-check
/**
 * Which element takes what is pasted: the one that has the focus, else the first that somebody could use; none where another part
 * of the page edits.
 *
 * @import { Taker } from './paste.js'
 */

/** Inputs that no text goes into. */
const NO_TEXT = new Set(['button', 'checkbox', 'color', 'file', 'hidden', 'image', 'radio', 'range', 'reset', 'submit']);

/** Roles of what is written in. */
const WRITTEN_IN = new Set(['combobox', 'searchbox', 'spinbutton', 'textbox']);

/** How many points across and down tell whether an element is covered. */
const POINTS = 5;

/**
 * @param {Taker[]} takers of one window
 * @param {EventTarget | undefined} target of the paste
 * @param {boolean} withText whether there is text beside the files
 * @returns {Taker | undefined}
 */
export function takerOf(takers, target, withText) {
  const focused = focusOf(takers[0]?.ownerDocument);
  const holder = takers.find((taker) => taker.matches(':focus-within'));
  // Also where it stands in a shadow root that is closed to us.
  const inner = holder?.shadowRoot?.activeElement;
  // A field of ours takes text, and of nothing but a picture it could make nothing.
  if (inner ? edits(inner) && withText : edits(focused) || edits(target)) return undefined;
  if (holder) return isUsable(holder) ? holder : undefined;
  return takers.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1)).find(isUsable);
}

/** What has the focus, within shadow roots too as far as they are open. @param {Document | undefined} document */
function focusOf(document) {
  let at = document?.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at;
}

/** Whether what is pasted there goes into it, or may. @param {EventTarget | null | undefined} target */
function edits(target) {
  if (!target || !('nodeType' in target)) return false;
  const node = /** @type {Node} */ (target);
  const element = /** @type {HTMLElement | null} */ (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement);
  if (node.ownerDocument?.designMode === 'on') return true;
  if (!element) return false;
  if (element.isContentEditable || /** @type {any} */ (element).editContext) return true;
  if (WRITTEN_IN.has(element.closest('[role]')?.getAttribute('role') ?? '')) return true;
  const { localName } = element;
  if (localName === 'input') return !NO_TEXT.has(/** @type {HTMLInputElement} */ (element).type);
  // An element with a closed shadow root has what nobody can see: perhaps an editor.
  if (localName.includes('-')) return !element.shadowRoot;
  return ['textarea', 'iframe', 'object', 'embed'].includes(localName);
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
