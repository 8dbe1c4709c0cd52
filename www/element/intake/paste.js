// @ts-check
/** Hears pastes for all elements of a window. Which of them takes one is decided in `paste-taker.js`, which is fetched with the first. */

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
      const { takerOf } = await import('./paste-taker.js');
      takerOf([...takers], target, withText)?.add(files);
    });
  });
  return takers;
}
