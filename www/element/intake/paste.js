// @ts-check
/** Hears pastes for all elements of a window. Which of them takes one is decided in `paste-taker.js`, which is fetched with the first. */

import { fetched } from '../parts/fetched.js';

/** An element that may take a paste. @typedef {HTMLElement & { add(files: Iterable<File>): void }} Taker */

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
    setTimeout(async () => {
      if (event.defaultPrevented) return;
      const all = [...takers];
      const deciding = await fetched(import('./paste-taker.js'), 'intake/paste-taker.js').catch(() => null);
      (deciding ? deciding.takerOf(all, target, withText) : plainTakerOf(all, withText))?.add(files);
    });
  });
  return takers;
}

/** The taker as far as it can be told where that script does not arrive: nothing is lost of a paste that no other could mean. @param {Taker[]} takers @param {boolean} withText */
function plainTakerOf(takers, withText) {
  const { activeElement: focused = null, designMode } = takers[0]?.ownerDocument ?? {};
  const edits = designMode === 'on' || /** @type {HTMLElement | null} */ (focused)?.isContentEditable;
  if (withText || edits || (focused && focused.localName !== 'body' && !takers.some((taker) => taker === focused))) return undefined;
  const usable = takers.filter((taker) => taker.checkVisibility?.() !== false && !taker.closest('[inert]'));
  return usable.find((taker) => taker === focused) ?? usable[0];
}
