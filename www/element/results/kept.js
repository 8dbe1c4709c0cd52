// @ts-check
/**
 * What was found, kept in the tab until it is closed, so that a reload does not begin anew. No image is kept and no byte of
 * one; what a file is called is, which may be a patient's name, and so nothing is kept without the attribute `persist`.
 *
 * @import { ModelInfo } from '../protocol.js'
 * @import { Entry, FileFacts, Image, Outcome } from './entry.js'
 * @import { ResultList, Watcher } from './list.js'
 */

import { FILE_LIMIT, LungError } from '../classifier/faults.js';
import { contentOf } from '../intake/content.js';
import { fileFacts, make } from '../parts/dom.js';
import { keptPrefix } from './tab.js';
import { translate } from '../words/words.js';

/**
 * An entry as it is kept: `place` says where it stood, batches from the last to the first. What an older version of the page kept says
 * neither path nor content.
 * @typedef {{ place: [number, number], file: Omit<FileFacts, 'path' | 'content'> & Partial<FileFacts>, outcome: KeptOutcome | null }} Record
 */

/** @typedef {{ state: 'done', report: Extract<Outcome, { state: 'done' }>['report'], fallback?: string, fallbackCode?: string, at: number }
 *   | { state: 'error', error: { code: string, message: string, advice: string } }} KeptOutcome */

/** What the names of models begin with, after the prefix; their ids follow. */
const MODEL = 'model ';

/** What is kept of a model, to say what its reports mean. @param {ModelInfo} model @returns {ModelInfo} */
const keptModel = ({ findings, set_sentences, operating_points, default_operating_point }) => ({
  findings,
  set_sentences,
  operating_points,
  default_operating_point,
});

/** How many files are read at a time to be compared. */
const AT_A_TIME = 4;

/** How many files are compared between two words about it. */
const TELL = 25;

/** An image to be read, in the row that it has already where it has one. @typedef {Image & { entry: Entry | null }} Task */

/** @implements {Watcher} */
export class Kept {
  #list;
  #prefix;
  #batch = 0;
  /** @type {Map<Entry, [number, number]>} */
  #places = new Map();
  /** Ids of the models that are kept. @type {Set<string>} */
  #models = new Set();
  /** Why nothing more is kept: no room, or no leave. @type {'full' | 'refused' | null} */
  #lost = null;
  #message = make('p', { 'data-words': 'kept.here' });
  #forget = make('button', { type: 'button', class: 'again small', part: 'forget', 'data-words': 'kept.forget' });
  #element = make('div', { class: 'kept', part: 'kept', hidden: true }, this.#message, this.#forget);

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
    if (entry.outcome.state === 'done') this.#keepModel(entry.outcome.report.model, entry.outcome.ready.model);
    const { name, path, bytes, modified, content } = entry;
    this.#write(place, { place, file: { name, path, bytes, modified, content }, outcome: keptOutcome(entry.outcome) });
  }

  /** Keeps what a model's reports mean, once. @param {string} id @param {ModelInfo} model */
  #keepModel(id, model) {
    if (this.#models.has(id) || !model.findings) return;
    this.#models.add(id);
    this.#store(`${this.#prefix}${MODEL}${id}`, keptModel(model));
  }

  /** @param {Entry} entry */
  removed(entry) {
    const place = this.#places.get(entry);
    this.#places.delete(entry);
    if (place) drop(this.#keyOf(place));
    this.#element.hidden = this.#places.size === 0;
  }

  cleared() {
    this.#places.clear();
    this.#models.clear();
    for (const key of this.#keys()) drop(key);
    this.#lost = null;
    this.#say();
    this.#element.hidden = true;
  }

  /**
   * What of these images is to be read. One that was read before is not read again, unless it comes alone: then somebody wants
   * to see it. It was read before if there is a row with the same content under the same path, or under a part of it; name, size and
   * time alone say nothing of whose image it is. They are enough for a row that has no answer and whose file was never read.
   * @param {Image[]} images
   * @param {(count: number) => void} tell called now and then with the number of files compared
   * @returns {Promise<{ tasks: Task[], again: Entry[] }>} `again` are those that are not
   */
  async sort(images, tell) {
    /** @type {Map<number, Entry[]>} */
    const bySize = new Map();
    for (const entry of this.#list.entries) bySize.set(entry.bytes, [...(bySize.get(entry.bytes) ?? []), entry]);
    // What has the size of none has the content of none: most files need not be looked into.
    const contents = await contentsOf(
      images.map(({ blob }) => (bySize.has(blob.size) ? blob : null)),
      tell,
    );
    const rivals = [...new Set(images.flatMap(({ blob }) => bySize.get(blob.size) ?? []))];
    const unread = rivals.filter(({ blob, content }) => blob && content === null);
    const found = await contentsOf(unread.map(({ blob }) => blob));
    /** The contents of the rows. @type {Map<Entry, string | null>} */
    const known = new Map(rivals.map((entry) => [entry, entry.content]));
    for (const [at, entry] of unread.entries()) known.set(entry, found[at]);
    /** @type {Task[]} */
    const tasks = [];
    /** @type {Entry[]} */
    const again = [];
    for (const [at, { blob, name }] of images.entries()) {
      const rows = (bySize.get(blob.size) ?? []).filter((entry) => known.has(entry) && !entry.gone);
      const same = rows.filter((entry) => contents[at] !== null && known.get(entry) === contents[at]);
      const entry = same.find(({ path }) => path === name) ?? partly(same, name) ?? rows.find(isUnread(blob, name)) ?? null;
      // No row stands for two files.
      if (entry) known.delete(entry);
      const state = entry?.outcome.state;
      if (entry && (state === 'waiting' || state === 'working' || (state === 'done' && images.length > 1))) again.push(entry);
      else tasks.push({ blob, name, entry });
    }
    return { tasks, again };

    /** Rows that have no answer, of a file that was never read. @param {Blob} blob @param {string} name */
    function isUnread(blob, name) {
      const { modified } = fileFacts(blob);
      return (/** @type {Entry} */ entry) =>
        known.get(entry) === null && entry.outcome.state !== 'done' && !entry.blob && entry.path === name && entry.modified === modified;
    }
  }

  #restore() {
    /** @type {Record[]} */
    const records = [];
    /** @type {Map<string, ModelInfo>} */
    const models = new Map();
    for (const key of this.#keys()) {
      const id = key.startsWith(MODEL, this.#prefix.length) ? key.slice(this.#prefix.length + MODEL.length) : null;
      try {
        const kept = JSON.parse(sessionStorage.getItem(key) ?? '');
        if (id === null && isRecord(kept)) records.push(kept);
        else if (id !== null && Array.isArray(kept.findings)) models.set(id, kept);
        else drop(key);
      } catch {
        drop(key);
      }
    }
    records.sort((a, b) => b.place[0] - a.place[0] || a.place[1] - b.place[1]);
    this.#batch = records[0]?.place[0] ?? 0;
    const at = this.#list.entries.length;
    this.#list.restore(records.map(({ file, outcome }) => ({ file: { path: file.name, content: null, ...file }, outcome: restored(outcome, models) })));
    for (const [k, { place }] of records.entries()) this.#places.set(this.#list.entries[at + k], place);
    this.#element.hidden = records.length === 0;
  }

  /** @param {[number, number]} place @param {Record} record */
  #write(place, record) {
    this.#element.hidden = false;
    this.#store(this.#keyOf(place), record);
  }

  /** @param {string} key @param {unknown} value */
  #store(key, value) {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
      if (this.#lost) return;
    } catch (error) {
      this.#lost = error instanceof DOMException && error.name === 'QuotaExceededError' ? 'full' : 'refused';
    }
    this.#say();
  }

  /** Says what becomes of the results. */
  #say() {
    const words = /** @type {const} */ (`kept.${this.#lost ?? 'here'}`);
    if (this.#message.dataset.words === words) return;
    this.#message.dataset.words = words;
    translate(this.#element, this.#list.words);
  }

  /** @param {[number, number]} place */
  #keyOf([batch, at]) {
    return `${this.#prefix}${batch}.${at}`;
  }

  #keys() {
    try {
      return Object.keys(sessionStorage).filter((key) => key.startsWith(this.#prefix));
    } catch {
      return [];
    }
  }
}

/** Forgets one thing that is kept; where there is no storage, as in a sandboxed frame, nothing is. @param {string} key */
function drop(key) {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}

/** Whether it is what an entry is kept as: whoever else writes to the storage of this site may write anything. @param {any} kept @returns {kept is Record} */
function isRecord(kept) {
  const { place, file, outcome } = kept;
  const { error, report } = outcome ?? {};
  const whole =
    outcome === null ||
    (outcome.state === 'error' && typeof error.code === 'string') ||
    (outcome.state === 'done' && Boolean(report.probabilities && report.timings && report.source));
  return whole && place.length === 2 && place.every(Number.isInteger) && typeof file.name === 'string';
}

/** The only one of these whose path ends as the name does, or the other way round. @param {Entry[]} entries @param {string} name */
function partly(entries, name) {
  const [entry, ...others] = entries.filter(({ path }) => path.endsWith(`/${name}`) || name.endsWith(`/${path}`));
  return others.length === 0 ? entry : undefined;
}

/**
 * The contents of files; null for what is null, cannot be read, or is never read because of its size. A few are held at a time.
 * @param {Array<Blob | null>} blobs
 * @param {(count: number) => void} [tell] called now and then with the number of files read
 */
async function contentsOf(blobs, tell = () => {}) {
  /** @type {Array<string | null>} */
  const contents = Array(blobs.length).fill(null);
  const turns = blobs.entries();
  let count = 0;
  const read = async () => {
    for (const [at, blob] of turns) {
      if (!blob || blob.size === 0 || blob.size > FILE_LIMIT) continue;
      contents[at] = await blob.arrayBuffer().then(
        (bytes) => contentOf(new Uint8Array(bytes)),
        () => null,
      );
      if (++count % TELL === 0) tell(count);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, read));
  return contents;
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

/** @param {KeptOutcome | null} kept @param {Map<string, ModelInfo>} models @returns {Outcome} */
function restored(kept, models) {
  if (!kept) return { state: 'absent' };
  if (kept.state === 'error') return { state: 'error', error: new LungError(kept.error) };
  const { report, fallback, fallbackCode, at } = kept;
  return {
    state: 'done',
    report,
    ready: { device: report.device, fallback, fallbackCode, model: models.get(report.model) ?? {} },
    evidence: null,
    picture: null,
    windowed: null,
    at: new Date(at),
  };
}
