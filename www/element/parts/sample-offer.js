// @ts-check
/**
 * Offers samples below the drop zone, where the attribute `samples` asks for them.
 *
 * @import { Words } from '../words/words.js'
 * @import { Samples } from './samples.js'
 * @import { Context } from './context.js'
 */

import { whenIdle } from '../start.js';
import { fetched } from './fetched.js';

export class SampleOffer {
  #context;
  #add;
  #above;
  /** The folder that is asked for; null for none. @type {string | null} */
  #folder = null;
  #disabled = false;
  /** @type {Samples | null} */
  #samples = null;

  /** @param {Context} context @param {(files: File[]) => void} add @param {HTMLElement} above the drop zone */
  constructor(context, add, above) {
    this.#context = context;
    this.#add = add;
    this.#above = above;
  }

  /** @param {string | null} folder as the attribute has it */
  offer(folder) {
    this.#folder = folder;
    this.#samples?.element.remove();
    this.#samples = null;
    if (folder === null) return;
    whenIdle(async () => {
      const offering = await fetched(import('./samples.js'), 'parts/samples.js').catch(() => null);
      if (!offering || this.#samples || this.#folder !== folder) return;
      this.#samples = new offering.Samples(folder, this.#add, this.#context.words);
      this.#samples.disable(this.#disabled);
      this.#above.after(this.#samples.element);
    });
  }

  /** @param {boolean} disabled */
  disable(disabled) {
    this.#disabled = disabled;
    this.#samples?.disable(disabled);
  }

  /** @param {Words} words */
  write(words) {
    this.#samples?.write(words);
  }
}
