// @ts-check
/**
 * What was found, kept in the tab until it is closed, so that a reload does not begin anew. No image is kept and no byte of
 * one; what a file is called is, which may be a patient's name, and so nothing is kept without the attribute `resume`.
 *
 * @import { Entry, FileFacts, Image, Outcome, ResultList, Watcher } from './result-list.js'
 */

import { LungError } from './client.js';
import { make } from './dom.js';
import { keptPrefix } from './result-list.js';
import { translate } from './words.js';

/**
 * An entry as it is kept: `place` says where it stood, batches from the last to the first.
 * @typedef {{ place: [number, number], file: FileFacts, outcome: KeptOutcome | null }} Record
 */

/** @typedef {{ state: 'done', report: Extract<Outcome, { state: 'done' }>['report'], fallback?: string, fallbackCode?: string, at: number }
 *   | { state: 'error', error: { code: string, message: string, advice: string } }} KeptOutcome */

/** An image to be read, in the row that it has already where it has one. @typedef {Image & { entry: Entry | null }} Task */

/** @implements {Watcher} */
export class Kept {
  #list;
  #prefix;
  #batch = 0;
  /** @type {Map<Entry, [number, number]>} */
  #places = new Map();
  /** Why nothing more is kept: no room, or no leave. @type {'full' | 'refused' | null} */
  #lost = null;
  #said = make('p', { 'data-words': 'kept.here' });
  #forget = make('button', { type: 'button', class: 'again small', part: 'forget', 'data-words': 'kept.forget' });
  #element = make('div', { class: 'kept', part: 'kept', hidden: true }, this.#said, this.#forget);

  /**
   * Takes up what the tab has kept for this element, and keeps what comes.
   * @param {ResultList} list
   * @param {string} id of the element
   */
  constructor(list, id) {
    this.#list = list;
    this.#prefix = keptPrefix(id);
    this.#forget.addEventListener('click', () => list.actions.forget());
    translate(this.#element, list.words);
    list.element.append(this.#element);
    const before = [...list.entries];
    this.#restore();
    list.watch(this);
    this.added(before);
  }

  /** @param {Entry[]} entries */
  added(entries) {
    if (entries.length === 0) return;
    this.#batch++;
    for (const [at, entry] of entries.entries()) {
      this.#places.set(entry, [this.#batch, at]);
      this.changed(entry);
    }
  }

  /** @param {Entry} entry */
  changed(entry) {
    const place = this.#places.get(entry);
    // Whether it is waiting or being read makes no difference to another visit.
    if (!place || entry.outcome.state === 'working') return;
    const { name, bytes, modified } = entry;
    this.#write(place, { place, file: { name, bytes, modified }, outcome: keptOutcome(entry.outcome) });
  }

  cleared() {
    this.#places.clear();
    for (const key of this.#keys()) sessionStorage.removeItem(key);
    this.#lost = null;
    this.#say();
    this.#element.hidden = true;
  }

  /**
   * What of these images is to be read. One that was read before is not read again, unless it comes alone: then somebody wants
   * to see it.
   * @param {Image[]} images
   * @returns {{ tasks: Task[], again: Entry[] }} `again` are those that are not
   */
  sort(images) {
    const known = new Map(this.#list.entries.filter(({ modified }) => modified > 0).map((entry) => [keyOf(entry), entry]));
    /** @type {Task[]} */
    const tasks = [];
    /** @type {Entry[]} */
    const again = [];
    for (const { blob, name } of images) {
      const entry = blob instanceof File ? known.get(keyOf({ name, bytes: blob.size, modified: blob.lastModified })) : undefined;
      const state = entry?.outcome.state;
      if (!entry) tasks.push({ blob, name, entry: null });
      else if (state === 'waiting' || state === 'working' || (state === 'done' && images.length > 1)) again.push(entry);
      else tasks.push({ blob, name, entry });
    }
    return { tasks, again };
  }

  #restore() {
    /** @type {Record[]} */
    const records = [];
    for (const key of this.#keys()) {
      try {
        records.push(JSON.parse(sessionStorage.getItem(key) ?? ''));
      } catch {
        sessionStorage.removeItem(key);
      }
    }
    records.sort((a, b) => b.place[0] - a.place[0] || a.place[1] - b.place[1]);
    this.#batch = records[0]?.place[0] ?? 0;
    const at = this.#list.entries.length;
    this.#list.restore(records.map(({ file, outcome }) => ({ file, outcome: restored(outcome) })));
    for (const [k, { place }] of records.entries()) this.#places.set(this.#list.entries[at + k], place);
    this.#element.hidden = records.length === 0;
  }

  /** @param {[number, number]} place @param {Record} record */
  #write([batch, at], record) {
    this.#element.hidden = false;
    try {
      sessionStorage.setItem(`${this.#prefix}${batch}.${at}`, JSON.stringify(record));
      if (this.#lost) return;
    } catch (error) {
      this.#lost = error instanceof DOMException && error.name === 'QuotaExceededError' ? 'full' : 'refused';
    }
    this.#say();
  }

  /** Says what becomes of the results. */
  #say() {
    const words = /** @type {const} */ (`kept.${this.#lost ?? 'here'}`);
    if (this.#said.dataset.words === words) return;
    this.#said.dataset.words = words;
    translate(this.#element, this.#list.words);
  }

  #keys() {
    try {
      return Object.keys(sessionStorage).filter((key) => key.startsWith(this.#prefix));
    } catch {
      return [];
    }
  }
}

/** The same file has the same. @param {FileFacts} file */
function keyOf({ name, bytes, modified }) {
  return `${bytes} ${modified} ${name}`;
}

/** @param {Outcome} outcome @returns {KeptOutcome | null} */
function keptOutcome(outcome) {
  if (outcome.state === 'done') {
    const { report, ready, at } = outcome;
    return { state: 'done', report, fallback: ready.fallback, fallbackCode: ready.fallbackCode, at: at.getTime() };
  }
  if (outcome.state !== 'error') return null;
  const { code, message, advice } = outcome.error;
  return { state: 'error', error: { code, message, advice } };
}

/** @param {KeptOutcome | null} kept @returns {Outcome} */
function restored(kept) {
  if (!kept) return { state: 'absent' };
  if (kept.state === 'error') return { state: 'error', error: new LungError(kept.error) };
  const { report, fallback, fallbackCode, at } = kept;
  return {
    state: 'done',
    report,
    ready: { device: report.device, fallback, fallbackCode, model: {} },
    evidence: null,
    picture: null,
    windowed: null,
    at: new Date(at),
  };
}
