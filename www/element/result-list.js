// @ts-check
/**
 * What was found, a row for each image and one card for the row that is chosen: a thousand images are a thousand lines of
 * text, not a thousand pictures.
 *
 * @import { Answer, Ready, Report } from './protocol.js'
 * @import { LungError } from './client.js'
 * @import { Words } from './words.js'
 */

import { make } from './dom.js';
import { outcomeWords } from './format.js';
import { ResultCard } from './result-card.js';
import { ENGLISH, translate } from './words.js';

/** Images that keep their pictures; older ones keep only what was found, so that a long session stays small. */
const PICTURED = 24;

/** Rows that are shown until more are asked for: a browser takes 50 kB to lay out each of a long list. */
const SHOWN = 100;

/**
 * How far an image has come. `evidence` and `picture` are gone once it is one of the older ones.
 * @typedef {{ state: 'waiting' }
 *   | { state: 'working' }
 *   | { state: 'error', error: LungError }
 *   | { state: 'done', ready: Ready, report: Omit<Report, 'evidence'>, evidence: Report['evidence'] | null,
 *       picture: ImageBitmap | null }} Outcome
 */

let made = 0;

/** One image, and its row in the list. */
export class Entry {
  /** @type {Outcome} */
  outcome = { state: 'waiting' };
  #said = make('span', { class: 'row-said', part: 'row-said' });
  #changed;

  /** @param {Blob} blob @param {string} name @param {(entry: Entry) => void} changed */
  constructor(blob, name, changed) {
    this.name = name;
    this.bytes = blob.size;
    this.#changed = changed;
    const title = make('span', { class: 'row-name' }, make('bdi', {}, name));
    title.title = name;
    this.row = make(
      'li',
      { class: 'row', part: 'row', role: 'option', id: `row-${++made}`, 'aria-selected': 'false', tabindex: '-1' },
      title,
      this.#said,
    );
    this.row.dataset.state = this.outcome.state;
  }

  /** Its turn has come. */
  working() {
    this.#set({ state: 'working' });
  }

  /** @param {LungError} error */
  failed(error) {
    this.#set({ state: 'error', error });
  }

  /** @param {Answer} answer @param {Ready} ready */
  answered({ report: { evidence, ...report }, picture }, ready) {
    this.#set({ state: 'done', report, evidence, picture, ready });
  }

  /** Lets go of the picture and what is shown over it. */
  forget() {
    if (this.outcome.state !== 'done') return;
    this.outcome.picture?.close();
    this.#set({ ...this.outcome, evidence: null, picture: null });
  }

  /** Writes what is said of it. @param {Words} words */
  write(words) {
    this.#said.textContent = wordsOf(words, this.outcome);
  }

  /** @param {Outcome} outcome */
  #set(outcome) {
    this.outcome = outcome;
    this.row.dataset.state = outcome.state;
    this.#changed(this);
  }
}

/** The rows and the card. */
export class ResultList {
  #card = new ResultCard();
  #rows = make('ol', { class: 'rows', part: 'rows', role: 'listbox', 'data-words-label': 'list.label', hidden: true });
  #more = make('button', { type: 'button', class: 'again more', part: 'more', hidden: true });
  #shown = SHOWN;
  element = make(
    'div',
    { class: 'results', part: 'results', hidden: true },
    make('div', { class: 'list' }, this.#rows, this.#more),
    this.#card.element,
  );
  #words = ENGLISH;
  /** By row. @type {WeakMap<Element, Entry>} */
  #entries = new WeakMap();
  /** @type {Entry | null} */
  #chosen = null;
  /** The frame that will draw the card, or 0. */
  #frame = 0;
  /** Those with a picture, oldest answer first. @type {Entry[]} */
  #pictured = [];

  constructor() {
    this.write(this.#words);
    this.#more.addEventListener('click', () => {
      this.#shown += SHOWN;
      this.#limit(SHOWN);
    });
    this.#rows.addEventListener('click', (event) => {
      const row = event.target instanceof Element ? event.target.closest('.row') : null;
      if (row) this.#choose(row);
    });
    this.#rows.addEventListener('keydown', (event) => {
      const to = this.#target(event);
      if (!to) return;
      event.preventDefault();
      this.#choose(to);
      to.focus();
    });
  }

  /** Writes everything in these words. @param {Words} words */
  write(words) {
    this.#words = words;
    translate(this.element, words);
    this.#writeMore();
    for (const row of this.#rows.children) this.#entries.get(row)?.write(words);
    if (this.#chosen) this.#draw();
  }

  /**
   * Adds images above those that are there, in their own order, and chooses the first of them.
   * @param {Array<{ blob: Blob, name: string }>} images
   * @returns {Entry[]}
   */
  add(images) {
    const entries = images.map(({ blob, name }) => new Entry(blob, name, this.#onChange));
    if (entries.length === 0) return entries;
    for (const entry of entries) {
      this.#entries.set(entry.row, entry);
      entry.write(this.#words);
    }
    this.#rows.prepend(...entries.map(({ row }) => row));
    // One image needs no list.
    this.#rows.hidden = this.#rows.childElementCount < 2;
    this.#limit(entries.length);
    this.element.hidden = false;
    this.#choose(entries[0].row);
    this.#rows.scrollTop = 0;
    return entries;
  }

  /** Hides the rows beyond those that are shown, and offers them; the limit has moved past `count` of them. @param {number} count */
  #limit(count) {
    const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#rows.children);
    const [from, to] = [Math.max(0, this.#shown - count), Math.min(rows.length, this.#shown + count)];
    for (let at = from; at < to; at++) rows[at].hidden = at >= this.#shown;
    this.#writeMore();
  }

  #writeMore() {
    const count = this.#rows.childElementCount - this.#shown;
    this.#more.hidden = count <= 0;
    if (count > 0) this.#more.textContent = this.#words.text('list.older', { some: Math.min(count, SHOWN), count });
  }

  #onChange = (/** @type {Entry} */ entry) => {
    entry.write(this.#words);
    if (entry === this.#chosen) this.#draw();
    if (entry.outcome.state !== 'done' || !entry.outcome.picture) return;
    this.#pictured.push(entry);
    if (this.#pictured.length > PICTURED) this.#pictured.shift()?.forget();
  };

  /** @param {Element} row */
  #choose(row) {
    const entry = this.#entries.get(row);
    if (!entry || entry === this.#chosen) return;
    if (this.#chosen) mark(this.#chosen.row, false);
    this.#chosen = entry;
    mark(entry.row, true);
    this.#draw();
  }

  /** Draws the card with the next frame, once, however much changes until then: nobody who waits for a report waits for it. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#chosen) this.#card.show(this.#chosen, this.#words);
    });
  }

  /** The row that a key leads to, of those that are shown. @param {KeyboardEvent} event */
  #target({ key }) {
    const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#rows.children);
    const here = this.#chosen?.row;
    const to = {
      ArrowDown: here?.nextElementSibling,
      ArrowUp: here?.previousElementSibling,
      Home: rows[0],
      End: rows[Math.min(rows.length, this.#shown) - 1],
    }[key];
    return to instanceof HTMLElement && !to.hidden ? to : null;
  }
}

/** @param {HTMLElement} row @param {boolean} chosen */
function mark(row, chosen) {
  row.setAttribute('aria-selected', String(chosen));
  // One stop for the tabulator, however many rows.
  row.tabIndex = chosen ? 0 : -1;
}

/** An outcome in a line. @param {Words} words @param {Outcome} outcome */
function wordsOf(words, outcome) {
  if (outcome.state === 'waiting') return words.text('list.waiting');
  if (outcome.state === 'working') return words.text('list.reading');
  return outcome.state === 'error' ? words.fault(outcome.error).message : outcomeWords(words, outcome.report);
}
