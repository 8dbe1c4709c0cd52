// @ts-check
/**
 * Offers samples below the drop zone, where the attribute `samples` asks for them.
 *
 * @import { Words } from '../words/words.js'
 * @import { Samples } from './samples.js'
 * @import { Shared } from './shared.js'
 */

import { whenIdle } from '../start.js';
import { fetched } from './fetched.js';

export class SampleOffer {
  #shared;
  #add;
  /** The folder that is asked for; null for none. @type {string | null} */
  #folder = null;
  #disabled = false;
  /** @type {Samples | null} */
  #samples = null;

  /** @param {Shared} shared @param {(files: File[]) => void} add */
  constructor(shared, add) {
    this.#shared = shared;
    this.#add = add;
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
      this.#samples = new offering.Samples(folder, this.#add, this.#shared.words);
      this.#samples.disable(this.#disabled);
      this.#shared.speech.aside.before(this.#samples.element);
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
