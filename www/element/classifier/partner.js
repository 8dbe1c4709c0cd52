// @ts-check
/**
 * On a page that is cross-origin isolated: a worker that does half of the arithmetic of each image that the first one reads. It comes
 * once an image has been answered, because it would take from what the first image needs, and makes way for the workers of a folder.
 *
 * @import { Stock } from '../download.js'
 */

import { Start } from '../start.js';
import { WorkerLife } from './life.js';

/** A worker in the service of another. */
export class Partner {
  /** @type {WorkerLife | null} */
  #life = null;
  #first;
  #over = false;

  /** @param {Stock} stock @param {WorkerLife} first whom it helps @param {() => void} onend called when it has ended by itself */
  constructor(stock, first, onend) {
    this.#first = first;
    this.#start(stock, onend).catch(() => {
      // The first worker goes on alone, as where there is but one core.
      if (!this.#over) onend();
      this.end();
    });
  }

  /** @param {Stock} stock @param {() => void} onend */
  async #start(stock, onend) {
    const bundle = stock.lendBundle();
    if (!bundle) throw new Error('the first worker still reads the bundle');
    const life = (this.#life = new WorkerLife(new Start(stock, 'cpu', bundle)));
    await life.start(() => {});
    if (this.#over) return;
    life.onend = () => {
      if (this.#over) return;
      this.end();
      onend();
    };
    const { port1, port2 } = new MessageChannel();
    this.#first.pair({ type: 'partner', port: port1 }, port1);
    life.pair({ type: 'assist', port: port2 }, port2);
  }

  /** Ends it; the first worker goes on alone. */
  end() {
    if (this.#over) return;
    this.#over = true;
    this.#first.pair({ type: 'alone' });
    this.#life?.end();
  }
}
