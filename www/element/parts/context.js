// @ts-check
/**
 * What the element and its controllers share: the words on show, what is said, what its attributes ask for, and its events.
 *
 * @import { Fault } from '../protocol.js'
 */

import { ENGLISH } from '../words/words.js';
import { Speech } from './speech.js';

export class Context {
  #element;
  /** The words on show. */
  words = ENGLISH;
  speech = new Speech();

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  /** Whether it takes several files. */
  get several() {
    return this.#element.hasAttribute('multiple');
  }

  /** The operating point that is asked for; null for the default. */
  get point() {
    return this.#element.getAttribute('operating-point') || null;
  }

  /** Whether results are kept for a reload. */
  get persists() {
    if (this.#element.hasAttribute('resume')) tellRenamed('the attribute `resume`', '`persist`');
    return this.#element.hasAttribute('persist') || this.#element.hasAttribute('resume');
  }

  /** Says and shows what went wrong below the drop zone. @param {Fault} fault */
  tellFault(fault) {
    const { message, advice } = this.words.fault(fault);
    this.speech.tell([message, advice].filter(Boolean).join(' '));
  }

  /** @param {string} type @param {unknown} detail */
  fire(type, detail) {
    this.#element.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

/** @type {Set<string>} */
const told = new Set();

/** Tells the console, once, that something has another name. @param {string} before @param {string} now */
export function tellRenamed(before, now) {
  if (told.has(before)) return;
  told.add(before);
  console.warn(`<lung-xray-classifier>: ${before} is now ${now}. The next version no longer knows the old name.`);
}
