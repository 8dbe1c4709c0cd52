// @ts-check
/**
 * What to show of the table, and in which order.
 *
 * @import { Entry } from './entry.js'
 * @import { SortKey } from './order.js'
 * @import { FindingInfo } from '../protocol.js'
 * @import { Key, Words } from '../words/words.js'
 */

import { icon, make } from '../parts/dom.js';
import { findingsOf, findingWords } from '../words/format.js';
import { filtered, KINDS, OF_FINDING } from './filter.js';
import { DIRECTIONS, sorted, SORTS } from './order.js';

/** Fewer images than this are found without sorting and filtering. */
const FINDERS_FROM = 5;

const REVERSE = 'M8 4v16m0 0-4-4m4 4 4-4M16 20V4m0 0-4 4m4-4 4 4';

/** The choices above the table. */
export class Finders {
  #kind = make('select', { class: 'pick' }, ...Object.keys(KINDS).map((kind) => make('option', { value: kind, 'data-words': `filter.${kind}` })));
  /** The findings that any of the images was compared with, and the choice of each. @type {Map<string, { finding: FindingInfo, option: HTMLElement }>} */
  #findings = new Map();
  #name = make('input', { type: 'search', class: 'pick', autocomplete: 'off', spellcheck: 'false' });
  #sort = make('select', { class: 'pick' }, ...SORTS.map((key) => make('option', { value: key, 'data-words': `sort.${key}` })));
  #reverse = make(
    'button',
    { type: 'button', class: 'again small reverse', 'data-words-label': 'sort.reverse', 'aria-pressed': 'false' },
    icon(REVERSE, 'reverse-icon'),
  );
  element = make(
    'div',
    { class: 'finders', part: 'finders' },
    field('filter.label', this.#kind),
    make('div', { class: 'sorting' }, field('sort.label', this.#sort), this.#reverse),
    field('filter.name', this.#name),
  );
  /** @type {{ key: SortKey, direction: 1 | -1 }} */
  order = { key: 'added', direction: 1 };
  #changed;

  /** @param {() => void} changed called after another choice */
  constructor(changed) {
    this.#changed = changed;
    this.#kind.addEventListener('change', changed);
    this.#name.addEventListener('input', changed);
    this.#sort.addEventListener('change', () => this.sortBy(/** @type {SortKey} */ (this.#sort.value)));
    this.#reverse.addEventListener('click', () => this.sortBy(this.order.key));
  }

  /** @param {Words} words */
  write(words) {
    for (const { finding, option } of this.#findings.values()) option.textContent = findingWords(words, finding);
  }

  /** Offers the findings of an entry that have not been met. @param {Entry} entry @param {Words} words */
  learn({ outcome }, words) {
    if (outcome.state !== 'done') return;
    for (const finding of findingsOf(outcome.report, outcome.ready.model)) {
      if (this.#findings.has(finding.id)) continue;
      const option = make('option', { value: OF_FINDING + finding.id }, findingWords(words, finding));
      // After "All images" and the findings met before.
      this.#kind.children[this.#findings.size].after(option);
      this.#findings.set(finding.id, { finding, option });
    }
  }

  /** Sorts; by what it is sorted by already, the other way round. @param {SortKey} key */
  sortBy(key) {
    const { key: before, direction } = this.order;
    this.order = { key, direction: key === before ? (direction === 1 ? -1 : 1) : DIRECTIONS[key] };
    this.#sort.value = key;
    this.#reverse.setAttribute('aria-pressed', String(this.order.direction !== DIRECTIONS[key]));
    this.#changed();
  }

  /** Whether an answer may change which rows there are, or their order. */
  get moves() {
    return this.#kind.value !== 'all' || !['added', 'name'].includes(this.order.key);
  }

  /** What to show of these, in its order. @param {Entry[]} entries @param {Words} words */
  find(entries, { lang }) {
    this.element.hidden = entries.length < FINDERS_FROM;
    const found = filtered(entries, { kind: this.#kind.value, name: this.#name.value }, lang);
    return sorted(found, this.order, lang, [...this.#findings.keys()]);
  }
}

/** @param {Key} words @param {HTMLElement} input */
function field(words, input) {
  return make('label', { class: 'field' }, make('span', { 'data-words': words }), input);
}
