// @ts-check
/**
 * Workers beside the first one, for folders on the CPU. Each comes when an image waits, is given the module that has been compiled
 * already, and goes when nothing waits any more.
 *
 * @import { Stock } from '../download.js'
 * @import { Job } from './pool.js'
 */

import { Start } from '../start.js';
import { asLungError, Crash, crashError } from './faults.js';
import { unpacked, WorkerLife } from './life.js';
import { MEMORY, memoryOf } from './memory.js';

/** A worker without work for this long is ended, in milliseconds. */
const IDLE_LIMIT = 15_000;

/** After so many crashes no worker is started for this folder any more: the machine may have no room for them. */
const CRASH_LIMIT = 3;

/**
 * What helpers have of the pool: its downloads, the size of the largest file that its own worker has read, the image that waits next
 * and could be read beside others, the same to take, where to tell what came of one, and where to have one tried again.
 * @typedef {{ stock: Stock, largest(): number, waiting(): Job | undefined, next(): Job | undefined,
 *   settle(job: Job, tell: () => void): void, again(job: Job): void }} Desk
 */

/** A worker, the size of the largest file that it has read, and whether it ends after this one. @typedef {{ life: WorkerLife, busy: boolean, largest: number, leaving: boolean }} Helper */

export class Helpers {
  #limit;
  #desk;
  /** @type {Helper[]} */
  #helpers = [];
  #starting = false;
  #crashes = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;

  /** @param {number} limit how many there may be @param {Desk} desk */
  constructor(limit, desk) {
    this.#limit = limit;
    this.#desk = desk;
  }

  /** Whether there are any. */
  get any() {
    return this.#starting || this.#helpers.length > 0;
  }

  /** The worker that has still what it read last. @param {number} id the number of the image */
  lifeOf(id) {
    return this.#helpers.find(({ life }) => life.last === id)?.life;
  }

  /** Has what waits read by those that are free, and starts another one where none is. */
  goOn() {
    clearTimeout(this.#idle);
    for (const helper of [...this.#helpers]) {
      const waiting = this.#desk.waiting();
      if (!this.#hasRoom(helper.busy ? 0 : (waiting?.blob.size ?? 0), helper)) this.#dismiss(helper);
      else if (waiting && !helper.busy && !helper.leaving) this.#take(helper);
    }
    const waiting = this.#desk.waiting();
    if (waiting && this.#helpers.every(({ busy }) => busy)) void this.#start(waiting);
    else if (this.#helpers.every(({ busy }) => !busy)) this.#idle = setTimeout(() => this.#rest(), IDLE_LIMIT);
  }

  /** Nothing has waited for a while: the next folder is another matter. */
  #rest() {
    this.end();
    this.#crashes = 0;
  }

  /** Ends all of them, each when it has read what it reads. */
  end() {
    for (const helper of [...this.#helpers]) this.#dismiss(helper);
  }

  /** Whether a file of this size may be read in a worker, one of these or a new one. @param {number} size @param {Helper} [reader] */
  #hasRoom(size, reader) {
    const others = this.#helpers.filter((helper) => helper !== reader);
    const sizes = [this.#desk.largest(), ...others.map(({ largest }) => largest), Math.max(size, reader?.largest ?? 0)];
    return sizes.reduce((sum, largest) => sum + memoryOf(largest), 0) <= MEMORY;
  }

  /** @param {Job} waiting what it would read */
  async #start({ blob }) {
    if (this.#starting || this.#helpers.length >= this.#limit || this.#crashes >= CRASH_LIMIT || !this.#hasRoom(blob.size)) return;
    const bundle = this.#desk.stock.lendBundle();
    // The first worker has it: that one comes first.
    if (!bundle) return;
    this.#starting = true;
    /** @type {WorkerLife | undefined} */
    let life;
    try {
      const begun = (life = new WorkerLife(new Start(this.#desk.stock, 'cpu', bundle)));
      await begun.start(() => {});
      begun.onend = () => void (this.#helpers = this.#helpers.filter((helper) => helper.life !== begun));
      this.#helpers.push({ life: begun, busy: false, largest: 0, leaving: false });
    } catch {
      // The first worker reads all of it, as where there is but one core.
      life?.terminate();
      this.#crashes = CRASH_LIMIT;
    } finally {
      this.#starting = false;
    }
    this.goOn();
  }

  /** @param {Helper} helper */
  #take(helper) {
    const job = this.#desk.next();
    if (job) void this.#read(helper, job);
  }

  /** @param {Helper} helper @param {Job} job */
  async #read(helper, job) {
    helper.busy = true;
    helper.largest = Math.max(helper.largest, job.blob.size);
    const { blob, begin, point, resolve, reject } = job;
    try {
      const file = await unpacked(blob);
      begin();
      const answer = await helper.life.classify(file, point());
      this.#desk.settle(job, () => resolve(answer));
    } catch (error) {
      if (error instanceof Crash) this.#dismiss(helper, true);
      if (!(error instanceof Crash)) this.#desk.settle(job, () => reject(asLungError(error)));
      else if (error.reason === 'timeout') this.#desk.settle(job, () => reject(crashError(error)));
      else {
        // It may have been short of memory beside the others: the image is tried once more in the first worker.
        this.#crashes++;
        this.#desk.again(job);
      }
    }
    helper.busy = false;
    if (helper.leaving) this.#dismiss(helper);
    this.goOn();
  }

  /** Ends a worker, when it has read what it reads. @param {Helper} helper @param {boolean} [atOnce] */
  #dismiss(helper, atOnce = !helper.busy) {
    helper.leaving = true;
    if (!atOnce) return;
    helper.life.end();
    this.#helpers = this.#helpers.filter((other) => other !== helper);
  }
}
