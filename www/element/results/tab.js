// @ts-check
/**
 * What the tab keeps of results for a reload: whether there is something, and when `kept.js` is fetched to take it up.
 *
 * @import { Kept } from './kept.js'
 * @import { ResultList } from './list.js'
 */

import { fetched } from '../parts/fetched.js';

/** Who keeps results under which id. @type {Map<string, WeakRef<HTMLElement>>} */
const holders = new Map();

/** Keeps results where the element asks for it. */
export class Tab {
  #results;
  #element;
  /** What is kept, once there is something. @type {Promise<Kept | null> | null} */
  kept = null;

  /** @param {ResultList} results @param {HTMLElement} element whose id the results are kept under */
  constructor(results, element) {
    this.#results = results;
    this.#element = element;
  }

  /** The id that its results are kept under: with a number, where another element that is there has the same id or none. */
  get #id() {
    const { id } = this.#element;
    for (let number = 1; ; number++) {
      const own = number === 1 ? id : `${id} ${number}`;
      const holder = holders.get(own)?.deref();
      if (holder && holder !== this.#element && holder.isConnected) continue;
      if (!holder || holder !== this.#element) holders.set(own, new WeakRef(this.#element));
      return own;
    }
  }

  /** Has the results kept for a reload, and takes up those that are. */
  keep() {
    return (this.kept ??= fetched(import('./kept.js'), 'results/kept.js')
      .then(({ Kept }) => new Kept(this.#results, this.#id))
      // Without it nothing is kept; the next image tries again.
      .catch(() => (this.kept = null)));
  }

  /** Whether there is something to take up. */
  get holds() {
    return hasKept(this.#id);
  }

  /** Forgets what is kept; it may still be on its way here. */
  forget() {
    const id = this.#id;
    if (!hasKept(id)) return;
    for (const key of Object.keys(sessionStorage).filter((key) => key.startsWith(keptPrefix(id)))) sessionStorage.removeItem(key);
  }
}

/**
 * What the names of kept results begin with: other pages of the same site have their own, and so has each address of one that shows
 * one patient after the other.
 * @param {string} id of the element
 */
export function keptPrefix(id) {
  const { pathname, search, hash } = location;
  const route = /^#[!/]/.test(hash) ? hash : '';
  return `lung-results ${pathname}${search}${route} ${encodeURIComponent(id)} `;
}

/** Whether the tab has kept results for an element. @param {string} id of the element */
function hasKept(id) {
  try {
    return Object.keys(sessionStorage).some((key) => key.startsWith(keptPrefix(id)));
  } catch {
    // There is no storage here, as in a sandboxed frame.
    return false;
  }
}
