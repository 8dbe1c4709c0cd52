// @ts-check
/**
 * From what somebody gives to images that are to be read: looks into folders and archives, leaves out what is no image or was read
 * before, and says so.
 *
 * @import { LungError } from '../classifier/faults.js'
 * @import { Context } from '../parts/context.js'
 * @import { ErrorDetail } from '../protocol.js'
 * @import { Entry } from '../results/entry.js'
 * @import { Task } from '../results/kept.js'
 * @import { Tab } from '../results/tab.js'
 * @import { Found } from './folder.js'
 */

import { fetched } from '../parts/fetched.js';
import { carriesAddress, isArchive, isTransfer, nameOf } from './given.js';

/**
 * What has happened since files were chosen that are still being looked for, and how often the form had been reset by then.
 * @typedef {{ gone(): boolean, stopped(): boolean, resets: number }} Since
 */

/**
 * Who reads what was found: `begin` is told what has happened meanwhile, `choose` which image was read before, and `resets` counts those of the form.
 * @typedef {{ begin(tasks: Task[], since: Since): void, choose(entry: Entry): void, resets(): number }} Reading
 */

export class Intake {
  #context;
  #tab;
  #reading;
  /** How often all was forgotten, and how often what waits was stopped: what is still being looked for is of before. */
  #forgotten = 0;
  #stopped = 0;
  #unnamed = 0;
  /** Files that are compared with what was read, one choice after the other. */
  #sorting = Promise.resolve();

  /** @param {Context} context @param {Tab} tab @param {Reading} reading */
  constructor(context, tab, reading) {
    this.#context = context;
    this.#tab = tab;
    this.#reading = reading;
  }

  /** What is still being looked for gets rows, and is not read. */
  stop() {
    this.#stopped++;
  }

  /** What is still being looked for is not shown. */
  forget() {
    this.#forgotten++;
  }

  /** Tells what is stopped or forgotten from now on. @returns {Since} */
  since() {
    const [forgotten, stopped] = [this.#forgotten, this.#stopped];
    return { gone: () => forgotten !== this.#forgotten, stopped: () => stopped !== this.#stopped, resets: this.#reading.resets() };
  }

  /** A name for what has none. */
  newName() {
    return this.#context.words.text('unnamed', { number: ++this.#unnamed });
  }

  /** @param {Iterable<File> | DataTransfer} files */
  add(files) {
    if (isTransfer(files)) return this.#addDropped(files);
    this.#addFound({ images: [...files].map((blob) => ({ blob, name: nameOf(blob) || this.newName() })), skipped: 0 }, this.since());
  }

  /** @param {(folder: typeof import('./folder.js')) => Found | Promise<Found>} find */
  async addFolder(find) {
    const since = this.since();
    try {
      const found = await find(await fetched(import('./folder.js'), 'intake/folder.js'));
      this.#addFound(found, since);
      if (found.images.length + found.skipped === 0 && !since.gone()) this.#tell(this.#context.words.text('folder.none'));
    } catch {
      if (!since.gone()) this.#tell(this.#context.words.text('folder.failed'));
    }
  }

  /** The PNG of pixels; rejects with a `LungError`, of which an event tells. @param {ImageBitmap | ImageData} pixels @param {string} name */
  async encode(pixels, name) {
    try {
      const { encode } = await fetched(import('./pixels.js'), 'intake/pixels.js');
      return await encode(pixels);
    } catch (thrown) {
      const { code, message, advice } = /** @type {LungError} */ (thrown);
      const { words, speech } = this.#context;
      speech.say(words.text('result.spoken', { name, outcome: words.fault({ code, message, advice }).message }));
      this.#context.fire('lung-error', /** @type {ErrorDetail} */ ({ code, message, advice, name }));
      throw thrown;
    }
  }

  /** @param {DataTransfer} dropped */
  #addDropped(dropped) {
    // Only as long as the event lasts can this be asked.
    const entries = [...dropped.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
    const { words } = this.#context;
    if (entries.length === 0 && dropped.files.length === 0) {
      const files = dropped.types.includes('Files');
      if (files || carriesAddress(dropped)) this.#tell(words.text(files ? 'drop.nothing' : 'drop.address'));
    } else if (entries.some(({ isDirectory }) => isDirectory)) void this.addFolder(({ ofEntries }) => ofEntries(entries, this.#tellCount));
    else this.add(dropped.files);
  }

  /**
   * Takes what was found, and says what was left out.
   * @param {Found} found
   * @param {Since} since when it was chosen
   */
  #addFound({ images, skipped, named = 0 }, since) {
    if (since.gone()) return;
    if (images.some(isArchive)) return void this.#lookInto({ images, skipped, named }, since);
    const { words, several } = this.#context;
    const taken = several ? images : images.slice(0, 1);
    /** @type {string[]} */
    const aside = [];
    if (skipped > 0 && images.length === 0) aside.push(words.text('folder.none'));
    if (named > 0) aside.push(words.text('folder.directory', { count: named }));
    if (skipped > 0) aside.push(words.text('folder.left', { count: skipped }));
    if (images.length > taken.length) aside.push(words.text('drop.first', { count: images.length }));
    this.#tell(aside.join(' '));
    const begin = () =>
      this.#reading.begin(
        taken.map((image) => ({ ...image, entry: null })),
        since,
      );
    if (!this.#tab.kept) return begin();
    this.#sorting = this.#sorting.then(async () => {
      const kept = await this.#tab.kept;
      const compare = kept?.sort(taken, (count) => this.#tell(this.#context.words.text('kept.comparing', { count })));
      // What cannot be compared is read.
      const sorted = await compare?.catch(() => null);
      if (since.gone()) return;
      if (!sorted) return begin();
      const { tasks, again } = sorted;
      if (again.length > 0) aside.push(this.#context.words.text('kept.again', { count: again.length }));
      this.#tell(aside.join(' '));
      this.#reading.begin(tasks, since);
      if (tasks.length === 0 && again.length > 0) this.#reading.choose(again[0]);
    });
  }

  /** Takes what archives hold in their place. @param {Found} found @param {Since} since */
  async #lookInto({ images, skipped, named = 0 }, since) {
    try {
      const { lookInto } = await fetched(import('./archive.js'), 'intake/archive.js');
      const held = await lookInto(images, this.#tellCount);
      this.#addFound({ images: held.images, skipped: skipped + held.skipped, named: named + (held.named ?? 0) }, since);
    } catch {
      if (!since.gone()) this.#tell(this.#context.words.text('archive.failed'));
    }
  }

  #tellCount = (/** @type {number} */ count) => this.#tell(this.#context.words.text('folder.reading', { count }));

  /** @param {string} text */
  #tell(text) {
    this.#context.speech.tell(text);
  }
}
