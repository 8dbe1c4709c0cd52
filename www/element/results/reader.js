// @ts-check
/**
 * Has images read one after another, and puts what came of each into its entry, the form, what is said, and an event.
 *
 * @import { Connection } from '../parts/connection.js'
 * @import { FormReports } from '../parts/form.js'
 * @import { Context } from '../parts/context.js'
 * @import { DoneDetail, ErrorDetail, Report, ResultDetail } from '../protocol.js'
 * @import { Entry, Image } from './entry.js'
 * @import { Task } from './kept.js'
 * @import { ResultList } from './list.js'
 * @import { OperatingPoints } from './points.js'
 */

import { asLungError, LungError } from '../classifier/faults.js';
import { outcomeWords } from '../words/format.js';
import { NO_POINT } from './points.js';

/** What is told of an image that somebody has removed before it was answered. */
export const REMOVED = {
  code: 'removed',
  message: 'This image was removed before it was answered.',
  advice: 'Choose it again to have it read.',
};

/** What an image is refused with whose readers could not be fetched. */
export const NO_READERS = 'reader-missing';

/** What an image is refused with that another try may read. */
const WANTS = new Set([NO_POINT, NO_READERS]);

/** Formats that the readers of rare formats read. */
const RARE = new Set(['tiff', 'webp', 'bmp', 'gif', 'jpeg2000']);

/** How often progress is said aloud while many images are read, in milliseconds. */
const SAY_PROGRESS = 15_000;

/**
 * What it needs of the element: `owner` is who asks the classifier, `settled` is called after each image, `idle` when none waits any more.
 * @typedef {{ owner: object, context: Context, connection: Connection, results: ResultList, reports: FormReports, points: OperatingPoints,
 *   settled(): void, idle(): void }} Needs
 */

export class Reader {
  #needs;
  /** What came of the images since nothing waited, and how many still wait. */
  #batch = { open: 0, answered: 0, failed: 0, cancelled: 0 };
  /** When something was last said of many images. */
  #spokenAt = 0;

  /** @param {Needs} needs */
  constructor(needs) {
    this.#needs = needs;
  }

  /** Whether no image waits. */
  get isIdle() {
    return this.#batch.open === 0;
  }

  /** Gives images rows. @param {Image[]} images @param {number} [resets] of the form, when they were chosen */
  insert(images, resets) {
    const { results, reports } = this.#needs;
    const entries = results.add(images);
    for (const entry of entries) reports.came(entry, resets);
    return entries;
  }

  /**
   * Has images read, new ones and ones that have a row.
   * @param {Task[]} tasks
   * @param {boolean} stopped whether they have been stopped already: then they only get rows
   * @param {{ continued?: boolean, resets?: number }} [since] whether they were there before, and the resets of the form when they were chosen
   */
  begin(tasks, stopped, { continued = false, resets } = {}) {
    const fresh = tasks.filter(({ entry }) => !entry);
    const entries = this.insert(fresh, resets);
    this.#needs.results.bringNext();
    const again = tasks.flatMap(({ entry, blob }) => {
      entry?.waiting(blob);
      // One that goes on after it was stopped is no newer for that.
      if (entry && !continued) this.#needs.reports.came(entry, resets);
      return entry ? [{ entry, blob }] : [];
    });
    for (const { entry, blob } of [...again, ...entries.map((entry, at) => ({ entry, blob: fresh[at].blob }))])
      if (stopped) entry.cancelled();
      // What goes wrong is on the card and in an event.
      else this.run(entry, blob).catch(() => {});
  }

  /** Stops what waits. */
  stop() {
    this.#needs.connection.cancel();
    // What was left out for want of a model does not come back with it.
    for (const { entry } of this.#leftOut()) entry.cancelled();
  }

  /** Goes on with what was stopped. */
  resume() {
    this.begin(tasksOf(this.#needs.results.entries.filter(({ outcome }) => outcome.state === 'cancelled')), false, { continued: true });
  }

  /** Reads what was not read for want of a model, of readers of its format, or of an operating point. @param {string} [code] only what was refused with this */
  readLeftOut(code) {
    const meant = this.#leftOut().filter(({ entry: { outcome } }) => code === undefined || (outcome.state === 'error' && outcome.error.code === code));
    if (meant.length > 0) this.begin(meant, false, { continued: true });
  }

  /** The images that were not read for want of what others are read with. */
  #leftOut() {
    return tasksOf(this.#needs.results.entries.filter(({ outcome }) => outcome.state === 'error'));
  }

  /** Reads one image. @param {Entry} entry @param {Blob} blob @returns {Promise<Report>} rejects with a `LungError` */
  async run(entry, blob) {
    const { owner, context, connection, reports, points } = this.#needs;
    const { name } = entry;
    const pool = connection.connect();
    reports.begun(entry);
    const batch = this.#batch;
    batch.open++;
    try {
      const answer = await pool.classify(
        blob,
        () => entry.working(),
        owner,
        entry,
        () => context.point ?? undefined,
      );
      // Of the worker that started last: one that starts anew has told nothing yet.
      const ready = pool.ready ?? { device: answer.report.device, model: {} };
      // Another one may have been asked for meanwhile.
      const weighed = await points.weigh(answer.report, answer.report.evidence, ready.model);
      if (weighed) answer.report = { ...weighed.report, evidence: weighed.evidence };
      if (entry.gone) {
        answer.picture?.close();
        throw new LungError(REMOVED);
      }
      const { report } = answer;
      entry.answered(answer, ready, (centre, width) => pool.windowed({ id: answer.id, content: answer.content, blob }, centre, width));
      batch.answered++;
      reports.submit(entry, report);
      this.#sayOutcome(name, () => outcomeWords(context.words, report, ready.model));
      context.fire('lung-result', /** @type {ResultDetail} */ ({ name, report }));
      // What it was read with is there for others too.
      if (RARE.has(report.source.format)) this.readLeftOut(NO_READERS);
      return report;
    } catch (thrown) {
      const error = asLungError(thrown);
      // Of what was taken back nobody is told.
      if (error.code === 'cancelled' || entry.gone) {
        batch.cancelled++;
        entry.cancelled();
        throw entry.gone ? new LungError(REMOVED) : error;
      }
      batch.failed++;
      // Nothing is wrong with an image that there was no model for, no reader, or no such operating point.
      const { state } = pool;
      entry.failed(error, (state.phase === 'failed' && state.error === error) || WANTS.has(error.code));
      this.#sayOutcome(name, () => context.words.fault(error).message);
      const { code, message, advice } = error;
      context.fire('lung-error', /** @type {ErrorDetail} */ ({ code, message, advice, name }));
      throw error;
    } finally {
      if (--batch.open === 0) this.#done();
      this.#needs.settled();
    }
  }

  /**
   * Says what came of an image; of many, only how far they have come. Whoever waits for a report does not wait for the words: Chromium 156
   * takes up to 60 ms for a page's first percentage and its first list.
   * @param {string} name @param {() => string} outcome
   */
  #sayOutcome(name, outcome) {
    const { context } = this.#needs;
    const { words, speech } = context;
    const { open, answered, failed } = this.#batch;
    if (answered + failed === 1 && open === 1) return speech.sayLater(() => context.words.text('result.spoken', { name, outcome: outcome() }));
    const now = performance.now();
    if (open > 1 && now - this.#spokenAt < SAY_PROGRESS) return;
    this.#spokenAt = now;
    speech.say(words.text('tally.running', { read: answered + failed, count: answered + failed + open - 1 }));
  }

  /** Nothing waits any more. */
  #done() {
    const { answered, failed, cancelled } = this.#batch;
    this.#batch = { open: 0, answered: 0, failed: 0, cancelled: 0 };
    this.#needs.context.fire('lung-done', /** @type {DoneDetail} */ ({ answered, failed, cancelled }));
    this.#needs.idle();
  }
}

/** Those of entries that have their file still. @param {Entry[]} entries */
function tasksOf(entries) {
  return entries.flatMap((entry) => (entry.blob ? [{ entry, blob: entry.blob, name: entry.name }] : []));
}
