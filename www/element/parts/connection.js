// @ts-check
/**
 * The classifier that the element's attributes ask for.
 *
 * @import { Pool } from '../classifier/pool.js'
 */

import { sharedPool } from '../classifier/pool.js';
import { deviceWish, modelFolder } from '../start.js';

/** Follows one pool, then perhaps another. */
export class Connection {
  #element;
  #changed;
  /** @type {Pool | null} */
  #pool = null;
  /** The phase last told. */
  #told = '';

  /**
   * @param {HTMLElement} element
   * @param {(phaseIsNew: boolean) => void} changed called when the state has changed, also with every progress
   */
  constructor(element, changed) {
    this.#element = element;
    this.#changed = changed;
  }

  /** What the pool is doing. @returns {Pool['state']} */
  get state() {
    return this.#pool?.state ?? { phase: 'idle' };
  }

  /** The pool for the attributes as they are now. */
  connect() {
    const pool = sharedPool(modelFolder(this.#element.getAttribute('src')), deviceWish(this.#element.getAttribute('device')));
    const before = this.#pool;
    this.#pool = pool;
    pool.addEventListener('state', this.#onState);
    if (pool !== before) {
      before?.removeEventListener('state', this.#onState);
      this.#told = '';
      this.#onState();
    }
    return pool;
  }

  /** The element is in a document, perhaps again: where it was before nobody told it what has changed. */
  reconnect() {
    const known = this.#pool !== null;
    this.connect();
    if (known) this.#onState();
  }

  disconnect() {
    this.#pool?.removeEventListener('state', this.#onState);
  }

  /** Stops what waits of the element's, or one image. @param {unknown} [image] */
  cancel(image) {
    this.#pool?.cancel(this.#element, image);
  }

  #onState = () => {
    const { phase } = this.state;
    const phaseIsNew = phase !== this.#told;
    this.#told = phase;
    this.#changed(phaseIsNew);
  };
}
