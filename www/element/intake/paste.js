// @ts-check
/**
 * Hears pastes for all elements of a window, and leaves those alone that go into an editor. Which element takes one is decided in
 * `paste-taker.js`, which is fetched with the first.
 */

import { fetched } from '../parts/fetched.js';

/** An element that may take a paste. @typedef {HTMLElement & { add(files: Iterable<File>): void }} Taker */

/** Inputs that no text goes into. */
const NO_TEXT = new Set(['button', 'checkbox', 'color', 'file', 'hidden', 'image', 'radio', 'range', 'reset', 'submit']);

/** Roles of what is written in. */
const WRITTEN_IN = new Set(['combobox', 'searchbox', 'spinbutton', 'textbox']);

/** The elements of each window. @type {WeakMap<Window, Set<Taker>>} */
const windows = new WeakMap();

/**
 * Has an element offered what is pasted in a window, as long as nobody else takes it.
 * @param {Taker} taker
 * @param {Window} view
 * @returns {() => void} ends that
 */
export function hearPastes(taker, view) {
  const takers = windows.get(view) ?? hear(view);
  takers.add(taker);
  return () => void takers.delete(taker);
}

/** @param {Window} view */
function hear(view) {
  /** @type {Set<Taker>} */
  const takers = new Set();
  windows.set(view, takers);
  // The last to hear of it: whoever else wants it has said so by then, or says so before the timer.
  view.addEventListener('paste', (event) => {
    const { clipboardData } = /** @type {ClipboardEvent} */ (event);
    const files = [...(clipboardData?.files ?? [])];
    if (takers.size === 0 || files.length === 0 || event.defaultPrevented) return;
    const [target] = event.composedPath();
    const withText = [...(clipboardData?.types ?? [])].some((type) => type.startsWith('text/'));
    // Now, not once a script has come: by then somebody may have gone on to another field.
    const focused = focusOf(view.document);
    const holder = [...takers].find((taker) => taker.matches(':focus-within'));
    // Also where it stands in a shadow root that is closed to us.
    const inner = holder?.shadowRoot?.activeElement;
    // A field of ours takes text, and of nothing but a picture it could make nothing.
    if (inner ? edits(inner) && withText : edits(focused) || edits(target)) return;
    setTimeout(async () => {
      if (event.defaultPrevented) return;
      const all = holder ? [holder] : [...takers];
      const deciding = await fetched(import('./paste-taker.js'), 'intake/paste-taker.js').catch(() => null);
      const alone = !withText && (holder || !focused || focused.localName === 'body');
      const shown = alone ? all.find(isShown) : undefined;
      (deciding ? deciding.takerOf(all) : shown)?.add(files);
    });
  });
  return takers;
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

/** As far as it can be told where that script does not arrive: nothing is lost of a paste that no other could mean. @param {Taker} taker */
function isShown(taker) {
  return taker.checkVisibility?.() !== false && !taker.closest('[inert]');
}
