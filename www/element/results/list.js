// @ts-check
/**
 * What was found of every image, and one card for the image that is chosen. Several images get a table besides, which is
 * fetched when there are several: a thousand images are a thousand lines of text, not a thousand pictures.
 *
 * @import { FileFacts, Image, Outcome } from './entry.js'
 * @import { Offer } from './offer.js'
 * @import { Format, Result } from '../protocol.js'
 * @import { Key, Words } from '../words/words.js'
 */

import { fileFacts, make, viewOf } from '../parts/dom.js';
import { fetched } from '../parts/fetched.js';
import { ENGLISH, translate } from '../words/words.js';
import { ResultCard } from './card.js';
import { Entry } from './entry.js';

/** Images that keep their pictures; older ones keep only what was found, so that a long session stays small. */
const PICTURED = 24;

/** Within so many pixels the page has been scrolled by its layout, not by its reader. */
const NEARBY = 200;

/**
 * Who is told of what happens to the entries.
 * @typedef {{ added(entries: Entry[]): void, changed(entry: Entry): void, removed(entry: Entry): void, chosen?(entry: Entry): void,
 *   cleared(): void, write?(words: Words): void }} Watcher
 */

/**
 * What can be asked for from the list, and who does it; `entry` where it is asked for one image.
 * @typedef {{ cancel(): void, resumeQueue(): void, save(format: Format, entry?: Entry): Promise<void>, remove(entry: Entry): void,
 *   forget(): void }} Actions
 */

/** The entries, their table where there are several, and the card. */
export class ResultList {
  #card = new ResultCard();
  #printed = make('p', { class: 'print-head' });
  #remove = action('remove', 'remove');
  #xlsx = action('save.xlsx', 'save');
  #csv = action('save.csv', 'save');
  #json = action('save.json', 'save');
  #print = action('print', 'print');
  #clear = action('clear', 'clear');
  #foot = make('div', { class: 'card-actions' }, this.#remove, this.#xlsx, this.#csv, this.#json, this.#print);
  #failed = make('p', { class: 'export-failed', role: 'alert', 'data-words': 'export.failed', hidden: true });
  element = make(
    'div',
    // What is clicked on keeps the focus near.
    { class: 'results', part: 'results', hidden: true, tabindex: '-1' },
    this.#printed,
    this.#card.element,
    this.#foot,
    this.#failed,
    make('div', { class: 'clearing' }, this.#clear),
  );
  /** The words on show. */
  words = ENGLISH;
  /** The newest on top, those that came together in their own order. @type {Entry[]} */
  entries = [];
  /** Whose card is shown. @type {Entry | null} */
  chosen = null;
  /** The folder that all of them lie in, with its slash; empty where they lie in several, or in none. */
  within = '';
  /** The entries' names. @type {Set<string>} */
  #names = new Set();
  /** The frame that will draw the card, or 0. */
  #frame = 0;
  /** Where the page stood when images were chosen whose result is to be seen; null if there are none. @type {number | null} */
  #stood = null;
  /** Those with a picture, oldest answer first. @type {Entry[]} */
  #pictured = [];
  /** @type {Set<Watcher>} */
  #watchers = new Set();
  /** @type {Offer | null} */
  #offer = null;
  /** @type {Promise<void> | null} */
  #table = null;

  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.#print.addEventListener('click', () => void this.#printCard());
    this.#clear.addEventListener('click', () => actions.forget());
    this.#remove.addEventListener('click', () => this.chosen && actions.remove(this.chosen));
    for (const [button, format] of /** @type {const} */ ([
      [this.#xlsx, 'xlsx'],
      [this.#csv, 'csv'],
      [this.#json, 'json'],
    ]))
      button.addEventListener('click', () =>
        actions.save(format, this.chosen ?? undefined).then(
          () => (this.#failed.hidden = true),
          () => (this.#failed.hidden = false),
        ),
      );
    this.write(this.words);
  }

  /** Writes everything in these words. @param {Words} words */
  write(words) {
    this.words = words;
    translate(this.element, words);
    for (const watcher of this.#watchers) watcher.write?.(words);
    this.#offer?.write(words);
    if (this.chosen) this.#draw();
  }

  /** @param {Watcher} watcher */
  watch(watcher) {
    this.#watchers.add(watcher);
  }

  /**
   * Adds images above those that are there, in their own order, and chooses the first of them.
   * @param {Image[]} images
   * @returns {Entry[]}
   */
  add(images) {
    const entries = images.map(({ blob, name: path }) => {
      const { modified } = fileFacts(blob);
      return new Entry({ name: this.#unique(path), path, bytes: blob.size, modified, content: null }, blob, this.#onChange);
    });
    this.#put(entries);
    return entries;
  }

  /** What tells an image from all that are there: its path, and a number where that is not enough. @param {string} path */
  #unique(path) {
    let name = path;
    for (let number = 2; this.#names.has(name); number++) name = `${path} (${number})`;
    this.#names.add(name);
    return name;
  }

  /** What to call an entry in its row: what it lies in is left out where all lie in the same. @param {Entry} entry */
  labelOf({ name }) {
    return name.slice(this.within.length);
  }

  /**
   * Adds what another visit left, below what is there.
   * @param {Array<{ file: FileFacts, outcome: Outcome }>} kept
   */
  restore(kept) {
    const entries = kept.map(({ file, outcome }) => {
      const entry = new Entry({ ...file, name: this.#unique(file.name) }, null, this.#onChange);
      entry.outcome = outcome;
      return entry;
    });
    this.#put(entries, this.entries.length);
  }

  /** Brings the next result into view, where it is not: whoever chose an image wants to see it, unless they look elsewhere by then. */
  bringNext() {
    this.#stood = viewOf(this.element).scrollY;
  }

  #bring() {
    const stood = this.#stood;
    this.#stood = null;
    const view = viewOf(this.element);
    const { top } = this.#card.element.getBoundingClientRect();
    if (stood === null || Math.abs(view.scrollY - stood) > NEARBY || (top >= 0 && top < view.innerHeight / 2)) return;
    const still = view.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.element.scrollIntoView({ block: 'start', behavior: still ? 'instant' : 'smooth' });
  }

  /** Forgets them all. */
  clear() {
    for (const entry of this.entries) entry.gone = true;
    for (const entry of this.#pictured.splice(0)) if (entry.outcome.state === 'done') entry.outcome.picture?.close();
    this.entries = [];
    this.#names.clear();
    this.#empty();
    for (const watcher of this.#watchers) watcher.cleared();
  }

  /** Forgets one. @param {Entry} entry */
  remove(entry) {
    const at = this.entries.indexOf(entry);
    if (at < 0) return;
    entry.forget();
    entry.gone = true;
    this.#pictured = this.#pictured.filter((other) => other !== entry);
    this.entries = this.entries.toSpliced(at, 1);
    this.#names.delete(entry.name);
    this.#findFolder();
    for (const watcher of this.#watchers) watcher.removed(entry);
    if (this.entries.length === 0) this.#empty();
    // The one that takes its place.
    else if (entry === this.chosen) this.choose(this.entries[Math.min(at, this.entries.length - 1)]);
  }

  /** Shows that there is none. */
  #empty() {
    this.chosen = null;
    this.within = '';
    this.element.hidden = true;
    this.#offer?.element.remove();
    this.#card.clear();
  }

  /** Finds what they all lie in. */
  #findFolder() {
    const [folder = ''] = /^[^/]+\/(?=.)/.exec(this.entries[0]?.name ?? '') ?? [];
    this.within = this.entries.every(({ name }) => name.length > folder.length && name.startsWith(folder)) ? folder : '';
  }

  /** Prints what is shown, or offers to copy it. */
  async #printCard() {
    const view = viewOf(this.element);
    const printing = await fetched(import('./export.js'), 'results/export.js').catch(() => null);
    if (!printing) return view.print();
    if (await printing.printAlone(this.element)) return this.#offer?.element.remove();
    await this.offer('print.blocked', [this.#printed.textContent, this.#card.element.innerText].join('\n\n'));
  }

  /** Says what the browser does not allow, and offers to copy. @param {Key} why @param {string} text */
  async offer(why, text) {
    const { Offer } = await fetched(import('./offer.js'), 'results/offer.js');
    this.#offer ??= new Offer();
    this.#offer.show(why, text, this.words);
    this.#foot.after(this.#offer.element);
  }

  /** Draws the card anew in the window that it has been moved into: a frame of the one before may never come. */
  moved() {
    this.#frame = 0;
    if (this.chosen) this.#draw();
  }

  /** What there is of each image, for whoever asks by script. @returns {Result[]} */
  get results() {
    return this.entries.map(({ name, outcome }) => {
      if (outcome.state === 'done') return { name, state: outcome.state, report: outcome.report };
      if (outcome.state !== 'error') return { name, state: outcome.state };
      const { code, message, advice } = outcome.error;
      return { name, state: outcome.state, error: { code, message, advice } };
    });
  }

  /** How many are in each state. */
  counts() {
    const counts = { waiting: 0, working: 0, cancelled: 0, absent: 0, error: 0, done: 0 };
    for (const { outcome } of this.entries) counts[outcome.state]++;
    return counts;
  }

  /** Shows an entry's card. @param {Entry} entry */
  choose(entry) {
    if (entry === this.chosen) return;
    this.chosen = entry;
    for (const watcher of this.#watchers) watcher.chosen?.(entry);
    this.#draw();
  }

  /** @param {Entry[]} entries @param {number} [at] */
  #put(entries, at = 0) {
    if (entries.length === 0) return;
    this.entries = [...this.entries.slice(0, at), ...entries, ...this.entries.slice(at)];
    this.#findFolder();
    this.element.hidden = false;
    // One image needs no table.
    if (this.entries.length > 1) this.#fetchTable();
    for (const watcher of this.#watchers) watcher.added(entries);
    if (at === 0 || !this.chosen) this.choose(entries[0]);
  }

  #fetchTable() {
    this.#table ??= fetched(import('./table.js'), 'results/table.js').then(
      ({ ResultTable }) => {
        const table = new ResultTable(this);
        this.watch(table);
        this.element.prepend(table.element);
        this.element.querySelector('.table-failed')?.remove();
      },
      () => {
        this.#table = null;
        if (this.element.querySelector('.table-failed')) return;
        this.element.prepend(make('p', { class: 'table-failed', role: 'alert' }, this.words.text('table.failed')));
      },
    );
  }

  #onChange = (/** @type {Entry} */ entry) => {
    if (entry.gone) return entry.forget();
    if (entry === this.chosen) this.#draw();
    for (const watcher of this.#watchers) watcher.changed(entry);
    if (entry.outcome.state !== 'done' || !entry.outcome.picture) return;
    // One that was read again is no longer where it was.
    this.#pictured = [...this.#pictured.filter((other) => other !== entry), entry];
    if (this.#pictured.length <= PICTURED) return;
    const oldest = this.#pictured.shift();
    oldest?.forget();
    if (oldest === this.chosen) this.#draw();
  };

  /** Draws the card with the next frame, once, however much changes until then: nobody who waits for a report waits for it. */
  #draw() {
    this.#frame ||= viewOf(this.element).requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.chosen) return;
      this.#card.show(this.chosen, this.words);
      const { outcome } = this.chosen;
      if (outcome.state === 'done' || outcome.state === 'error') this.#bring();
      this.#print.hidden = outcome.state !== 'done';
      this.#xlsx.hidden = this.#csv.hidden = this.#json.hidden = outcome.state !== 'done' && outcome.state !== 'error';
      this.#printed.textContent = outcome.state === 'done' ? this.words.text('print.head', { date: this.words.date(outcome.at) }) : '';
    });
  }
}

/** @param {Key} words @param {string} part */
function action(words, part) {
  return make('button', { type: 'button', class: 'again small', part, 'data-words': words });
}
