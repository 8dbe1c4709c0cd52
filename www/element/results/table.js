// @ts-check
/**
 * The images as a table, where there are several: a row for each, how far reading has come, and what to show in which order.
 *
 * It is a grid whose rows are what is chosen: one stop for the tabulator, arrows within, and each row is read out as a whole
 * under the headings of its columns.
 *
 * @import { Entry } from './entry.js'
 * @import { ResultList, Watcher } from './list.js'
 * @import { SortKey } from './order.js'
 * @import { Words } from '../words/words.js'
 */

import { icon, make, viewOf } from '../parts/dom.js';
import { translate } from '../words/words.js';
import { copyRows } from './copy.js';
import { Finders } from './finders.js';
import { Row } from './row.js';
import { Tally } from './tally.js';
import { Thumbnails } from './thumbnails.js';

/** Rows that are shown until more are asked for: a browser takes 50 kB to lay out each of a long table. */
const SHOWN = 100;

/** How long changes are gathered before they are shown, in milliseconds. */
const GATHER = 100;

/** The same while one image after the other is answered: each showing takes from the cores that read them. */
const GATHER_MORE = 250;

/** Changes that come sooner after the last showing, in milliseconds, are of images that are answered one after the other. */
const CLOSE = 1000;

/** How often rows change their places while results come in, in milliseconds: a row should stay under the pointer. */
const SETTLE = 1000;

/** Rows that PageUp and PageDown pass over. */
const PAGE = 10;

const SORTED = 'm7 14 5-5 5 5';

/** The columns, and the order that each heading asks for. @type {Array<['name' | 'finding' | 'probability' | 'note' | 'state', SortKey | null]>} */
const COLUMNS = [
  ['name', 'name'],
  ['finding', 'finding'],
  ['probability', 'probability'],
  ['note', null],
  ['state', null],
];

/** @implements {Watcher} */
export class ResultTable {
  #list;
  /** The rows from the top; they stay where they are, and what they show changes. @type {Row[]} */
  #places = [];
  /** The row of each entry on show. @type {Map<Entry, Row>} */
  #rows = new Map();
  /** What is on show, in its order; more of it than there are rows. @type {Entry[]} */
  #view = [];
  #shown = SHOWN;
  /** Those whose rows have to be written. @type {Set<Entry>} */
  #stale = new Set();
  /** @type {Thumbnails<Entry>} */
  #thumbnails = new Thumbnails();
  /** What the rows leave out of the names. */
  #within = '';
  /** @type {number | undefined} */
  #timer;
  /** What will make rows for what has been added. @type {number | undefined} */
  #grown;
  /** When changes were last shown. */
  #shownAt = -CLOSE;
  #settled = 0;
  #finders = new Finders(() => this.#find());
  #tally;
  #heads = COLUMNS.map(([column, key]) => {
    const words = make('span', { 'data-words': `column.${column}` });
    return make(
      'span',
      { class: `row-${column}`, role: 'columnheader', 'aria-sort': key !== null && 'none' },
      key === null ? words : make('button', { type: 'button', class: 'heading', 'data-sort': key, tabindex: '-1' }, words, icon(SORTED, 'sorted')),
    );
  });
  #body = make('div', { class: 'row-group', role: 'rowgroup' });
  #empty = make('p', { class: 'nothing', 'data-words': 'filter.empty', hidden: true });
  #grid = make(
    'div',
    { class: 'rows', part: 'rows', role: 'grid', 'data-words-label': 'list.label' },
    make('div', { class: 'head', role: 'rowgroup' }, make('div', { class: 'row-head', role: 'row', 'aria-rowindex': '1' }, ...this.#heads)),
    this.#body,
  );
  #more = make('button', { type: 'button', class: 'again small more', part: 'more', hidden: true });
  #toolbar = make('div', { class: 'toolbar', part: 'toolbar' });
  element = make('div', { class: 'list', part: 'list' }, this.#toolbar, this.#grid, this.#empty, this.#more);

  /** @param {ResultList} list */
  constructor(list) {
    this.#list = list;
    this.#tally = new Tally(list, () => this.#refresh());
    this.#toolbar.append(...this.#tally.elements, this.#finders.element);
    this.#grid.addEventListener('click', ({ target }) => {
      if (!(target instanceof Element)) return;
      const heading = /** @type {HTMLElement | null} */ (target.closest('.heading'));
      if (heading) return this.#finders.sortBy(/** @type {SortKey} */ (heading.dataset.sort));
      const entry = this.#entryOf(target.closest('.row'));
      if (entry) this.#list.choose(entry);
    });
    this.#body.addEventListener('keydown', (event) => {
      // With those the keys are the browser's.
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const to = this.#target(event);
      if (!to && event.key !== 'Delete') return;
      event.preventDefault();
      if (!to) return this.#removeFocused();
      this.#list.choose(to);
      this.#rows.get(to)?.element.focus();
    });
    this.#grid.addEventListener('copy', (event) => this.#copy(event));
    this.#more.addEventListener('click', () => {
      this.#shown += SHOWN;
      this.#render();
    });
    for (const entry of list.entries) this.#learn(entry);
    this.write(list.words);
  }

  /** @param {Words} words */
  write(words) {
    translate(this.element, words);
    this.#finders.write(words);
    for (const row of this.#rows.values()) row.write();
    this.#refresh();
  }

  /** Takes what an entry brings: a small picture, and findings that have not been met. @param {Entry} entry */
  #learn(entry) {
    this.#picture(entry);
    this.#finders.learn(entry, this.#list.words);
  }

  /** @param {Entry[]} entries */
  added(entries) {
    for (const entry of entries) this.#learn(entry);
    // Once they are on their way to whoever reads them: a hundred rows take a while to make.
    this.#grown ||= viewOf(this.element).setTimeout(() => {
      this.#grown = undefined;
      this.#refresh();
      this.#grid.scrollTop = 0;
    });
  }

  /** Removes the row that has the focus, which goes to the one that takes its place. */
  #removeFocused() {
    const entry = this.#focused();
    if (!entry) return;
    const at = this.#view.indexOf(entry);
    this.#list.actions.remove(entry);
    const next = this.#view[Math.min(at, this.#view.length - 1)];
    if (!next) return;
    this.#list.choose(next);
    this.#rows.get(next)?.element.focus();
  }

  /** @param {Entry} entry */
  removed(entry) {
    this.#stale.delete(entry);
    this.#thumbnails.delete(entry);
    const at = this.#view.indexOf(entry);
    this.#refresh();
    const next = this.#view[Math.min(at, this.#view.length - 1)];
    // The row that takes its place, in the order and of the kind that are shown.
    if (next && entry === this.#list.chosen) this.#list.choose(next);
  }

  /** Keeps its small picture, or makes it while there is a large one. @param {Entry} entry */
  #picture(entry) {
    const { outcome } = entry;
    if (outcome.state === 'done' && outcome.picture) this.#thumbnails.add(entry, outcome.picture, outcome.small);
    // That of other bytes is not beside a report of these.
    else if (outcome.state !== 'done') this.#thumbnails.delete(entry);
  }

  /** @param {Entry} entry */
  changed(entry) {
    this.#learn(entry);
    this.#stale.add(entry);
    this.#tally.changed(entry);
    const wait = performance.now() - this.#shownAt < CLOSE ? GATHER_MORE : GATHER;
    this.#timer ||= viewOf(this.element).setTimeout(() => this.#gathered(), wait);
  }

  chosen() {
    this.#mark();
  }

  cleared() {
    this.#stale.clear();
    this.#thumbnails.clear();
    this.#tally.cleared();
    this.#shown = SHOWN;
    this.#refresh();
  }

  /** Shows what has changed. */
  #gathered() {
    this.#timer = undefined;
    this.#shownAt = performance.now();
    this.#writeStale();
    this.#tally.write();
    const { waiting, working } = this.#list.counts();
    if (!this.#finders.moves) return;
    const now = performance.now();
    if (waiting + working > 0 && now - this.#settled < SETTLE) this.#timer = viewOf(this.element).setTimeout(() => this.#gathered(), SETTLE);
    else this.#render();
  }

  /** Shows everything anew. */
  #refresh() {
    this.#writeStale();
    this.#tally.write();
    this.#render();
  }

  #writeStale() {
    const { within } = this.#list;
    if (within !== this.#within) for (const row of this.#rows.values()) row.write();
    else for (const entry of this.#stale) this.#rows.get(entry)?.write();
    this.#within = within;
    this.#stale.clear();
  }

  /** Another choice of what to show begins at its beginning. */
  #find() {
    const { key, direction } = this.#finders.order;
    for (const [at, [, own]] of COLUMNS.entries())
      if (own) this.#heads[at].setAttribute('aria-sort', own !== key ? 'none' : direction === 1 ? 'ascending' : 'descending');
    this.#shown = SHOWN;
    this.#render();
    this.#grid.scrollTop = 0;
    const [first] = this.#view;
    // The card is of a row: beneath "With an error" no other image's finding stands.
    if (first && this.#list.chosen && !this.#view.includes(this.#list.chosen)) this.#list.choose(first);
  }

  #render() {
    this.#settled = performance.now();
    const { entries, words } = this.#list;
    this.#view = this.#finders.find(entries, words);
    const shown = this.#view.slice(0, this.#shown);
    this.#place(shown);
    this.#grid.setAttribute('aria-rowcount', String(this.#view.length + 1));
    this.#empty.hidden = this.#view.length > 0;
    const count = this.#view.length - shown.length;
    this.#more.hidden = count <= 0;
    if (count > 0) this.#more.textContent = words.text('list.more', { some: Math.min(count, SHOWN), count });
    this.#mark();
  }

  /** Has the rows show these, one each. @param {Entry[]} entries */
  #place(entries) {
    const focused = this.#focused();
    for (const [at, entry] of entries.entries()) {
      const row = this.#places[at];
      if (row && row.entry !== entry) row.show(entry);
      if (!row) this.#places.push(new Row(at + 2, entry, this.#list, this.#thumbnails));
    }
    for (const { element } of this.#places.splice(entries.length)) element.remove();
    this.#body.append(...this.#places.slice(this.#body.childElementCount).map(({ element }) => element));
    this.#rows = new Map(this.#places.map((row) => [row.entry, row]));
    // The focus goes where its entry goes.
    if (focused && focused !== this.#focused()) this.#rows.get(focused)?.element.focus({ preventScroll: true });
  }

  /** The entry whose row has the focus. */
  #focused() {
    return this.#entryOf(this.#body.querySelector(':focus'));
  }

  /** Marks the row that is chosen. One row is the stop for the tabulator, however many there are. */
  #mark() {
    const { chosen } = this.#list;
    const [first] = this.#view;
    const stop = chosen && this.#rows.has(chosen) ? chosen : first;
    for (const [entry, { element }] of this.#rows) {
      const [selected, index] = [String(entry === chosen), entry === stop ? 0 : -1];
      // Writing what is there already costs as much as a change.
      if (element.ariaSelected !== selected) element.ariaSelected = selected;
      if (element.tabIndex !== index) element.tabIndex = index;
    }
  }

  /** Copies rows as columns: those that the selection goes over, or without one the row that has the focus. @param {ClipboardEvent} event */
  #copy(event) {
    const root = /** @type {ShadowRoot & { getSelection?: () => Selection | null }} */ (this.#grid.getRootNode());
    const selection = root.getSelection?.() ?? document.getSelection();
    const focused = this.#focused();
    const rows =
      selection && !selection.isCollapsed
        ? this.#places.filter(({ element }) => selection.containsNode(element, true))
        : focused
          ? this.#places.filter(({ entry }) => entry === focused)
          : [];
    // A part of one cell is copied as it is.
    if (rows.length === 0 || (rows.length === 1 && selection && !selection.isCollapsed)) return;
    event.preventDefault();
    copyRows(
      event.clipboardData,
      rows.map(({ element }) => element),
    );
  }

  /** @param {Element | null} row */
  #entryOf(row) {
    return row ? this.#places.find(({ element }) => element === row)?.entry : undefined;
  }

  /** The entry that a key leads to, of those that have rows. @param {KeyboardEvent} event @returns {Entry | undefined} */
  #target({ key, target }) {
    const shown = [...this.#rows.keys()];
    const entry = target instanceof Element ? this.#entryOf(target.closest('.row')) : undefined;
    const here = entry ? shown.indexOf(entry) : -1;
    const last = shown.length - 1;
    const to = {
      ArrowDown: Math.min(here + 1, last),
      ArrowUp: Math.max(here - 1, 0),
      PageDown: Math.min(here + PAGE, last),
      PageUp: Math.max(here - PAGE, 0),
      Home: 0,
      End: last,
      Enter: here,
      ' ': here,
    }[key];
    return to === undefined ? undefined : shown[to];
  }
}
