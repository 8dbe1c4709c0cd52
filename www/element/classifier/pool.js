// @ts-check
/**
 * The page's side of the workers: a queue for all elements with the same model and device, the worker that it goes to, and what to
 * do when that dies. On the CPU, images that wait are read by further workers beside it.
 *
 * @import { Answer, DeviceWish, Fallback, Progress, Ready } from '../protocol.js'
 * @import { Helpers } from './helpers.js'
 * @import { Partner } from './partner.js'
 */

import { Stock } from '../download.js';
import { Start, takeEarly, whenIdle } from '../start.js';
import { asLungError, CANCELLED, Crash, crashError, faultError, LungError, refuse, STALLED, startError, stopped } from './faults.js';
import { unpacked, WorkerLife } from './life.js';
import { MEMORY, memoryOf } from './memory.js';

/** Workers there may be at most, and at most one for each core: more would take memory, and cores from the page. */
const WORKERS = Math.min(4, globalThis.navigator?.hardwareConcurrency || 1);

/** Images that may be on their way at once: those that are answered before an earlier one keep their pictures in memory. */
const OPEN = 2 * WORKERS;

/**
 * What a pool is doing.
 * @typedef {{ phase: 'idle' }
 *   | { phase: 'loading', progress: Progress | null }
 *   | { phase: 'ready', ready: Ready }
 *   | { phase: 'failed', error: LungError }} State
 */

/**
 * One image. `tell` hands out what came of it, once something did.
 * @typedef {{ blob: Blob, begin: () => void, owner: unknown, image: unknown, point: () => string | undefined, resolve: (answer: Answer) => void, reject: (error: LungError) => void, tell: (() => void) | null }} Job
 */

/** @type {Map<string, Pool>} */
const pools = new Map();

/**
 * The page's pool for a model folder and a device: the same one for the same two.
 * @param {string} base address of the folder with `index.json`, ending in a slash
 * @param {DeviceWish} device
 */
export function sharedPool(base, device) {
  const key = `${device} ${base}`;
  let pool = pools.get(key);
  if (!pool) pools.set(key, (pool = new Pool(base, device)));
  return pool;
}

/** Fires `state` whenever `state` changes. */
export class Pool extends EventTarget {
  /** @type {State} */
  #state = { phase: 'idle' };
  /** What the worker told that started last. @type {Ready | null} */
  ready = null;
  /** @type {Promise<{ life: WorkerLife, ready: Ready }> | null} */
  #running = null;
  /** The worker that is being started. @type {WorkerLife | null} */
  #starting = null;
  /** Images that wait for their turn. @type {Job[]} */
  #queue = [];
  /** Images whose turn has come and that nobody has been told of, in the order that they came. @type {Job[]} */
  #open = [];
  /** Those of them that have stopped another worker, and are tried once more. @type {Job[]} */
  #again = [];
  #pumping = false;
  /** The size of the largest file that the worker has read, in bytes. */
  #largest = 0;
  /** Further workers, once they were wanted. @type {Helpers | null} */
  #helpers = null;
  /** Their script, which a single image does without. @type {Promise<void> | undefined} */
  #helping;
  /** Who does half of each image. @type {Partner | null} */
  #partner = null;
  /** Its script, which only pages that are isolated use; `null` once it failed. @type {Promise<typeof import('./partner.js') | null> | undefined} */
  #partnering;
  /** @type {Stock | null} */
  #stock = null;
  /** Why WebGPU is no longer tried. @type {Fallback | null} */
  #demoted = null;
  #base;
  #device;

  /** @param {string} base @param {DeviceWish} device */
  constructor(base, device) {
    super();
    this.#base = base;
    this.#device = device;
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /**
   * Downloads and starts the classifier, or waits for the start that is under way.
   * @returns {Promise<Ready>} rejects with a `LungError`; calling again tries again
   */
  async start() {
    return (await this.#worker()).ready;
  }

  /**
   * Queues one image. Images are answered in the order that they came.
   * @param {Blob} blob
   * @param {() => void} [begin] called when its turn has come
   * @param {unknown} [owner] whose `cancel` it heeds
   * @param {unknown} [image] which of the owner's it is
   * @param {() => string | undefined} [point] the operating point that it is to be answered at, when its turn has come
   * @returns {Promise<Answer>} rejects with a `LungError`
   */
  classify(blob, begin = () => {}, owner = null, image = null, point = () => undefined) {
    return new Promise((resolve, reject) => {
      const refused = refuse(blob);
      if (refused) return reject(refused);
      this.#queue.push({ blob, begin, owner, image, point, resolve, reject, tell: null });
      this.#goOn();
    });
  }

  /**
   * The picture of an image that has been answered, in another window. It does not wait for the images that are queued.
   * @param {{ id: number, content: string, blob: Blob }} image the number and the content that its answer came with
   * @param {number} centre @param {number} width
   * @returns {Promise<ImageBitmap>} rejects with a `LungError`
   */
  async windowed({ id, content, blob: given }, centre, width) {
    const blob = await unpacked(given);
    for (let again = false; ; again = true) {
      const { life } = await this.#worker();
      try {
        // Whoever has read it last has it still.
        return await (this.#helpers?.lifeOf(id) ?? life).windowed({ of: id, blob, content, centre, width });
      } catch (error) {
        if (!(error instanceof Crash)) throw asLungError(error);
        // By now the worker has been replaced, by whoever heard of its end first.
        if (again || error.reason === 'timeout') throw crashError(error);
      }
    }
  }

  /**
   * Takes an owner's images that still wait out of the queue; each is rejected with the code `cancelled`.
   * @param {unknown} owner
   * @param {unknown} [image] only this one
   */
  cancel(owner, image) {
    const queue = this.#queue;
    const meant = (/** @type {Job} */ job) => job.owner === owner && (image === undefined || job.image === image);
    this.#queue = queue.filter((job) => !meant(job));
    for (const job of queue) if (meant(job)) job.reject(new LungError(CANCELLED));
  }

  /** Has what waits read, by as many workers as there are for it. */
  #goOn() {
    void this.#pump();
    this.#helpers?.goOn();
  }

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let job = this.#again.shift() ?? this.#next(); job; job = this.#again.shift() ?? this.#next()) {
      const { resolve, reject } = job;
      try {
        const answer = await this.#answer(job);
        this.#settle(job, () => resolve(answer));
      } catch (thrown) {
        const error = asLungError(thrown);
        if (this.#state.phase === 'failed') this.#refuseAll(job, error, this.#state.error);
        else this.#settle(job, () => reject(error));
      }
      this.#callHelpers();
    }
    this.#pumping = false;
    whenIdle(() => void this.#callPartner());
  }

  /** The next image that waits, unless too many are on their way. */
  #next() {
    if (this.#open.length >= OPEN) return undefined;
    const job = this.#queue.shift();
    if (job) this.#open.push(job);
    return job;
  }

  /** Tells what came of an image when all before it have been told of. @param {Job} job @param {() => void} tell */
  #settle(job, tell) {
    job.tell = tell;
    const waited = this.#open.length >= OPEN;
    this.#tell();
    if (waited) this.#goOn();
  }

  #tell() {
    while (this.#open[0]?.tell) this.#open.shift()?.tell?.();
  }

  /** Whoever waits behind a classifier that does not start would only wait for the same refusal. @param {Job} job @param {LungError} error @param {LungError} refusal */
  #refuseAll(job, error, refusal) {
    this.#helpers?.end();
    this.#open = this.#open.filter((other) => other !== job);
    job.reject(error);
    for (const other of this.#again.splice(0)) {
      this.#open = this.#open.filter((open) => open !== other);
      other.reject(refusal);
    }
    this.#tell();
    for (const waiting of this.#queue.splice(0)) waiting.reject(refusal);
  }

  /** The image that waits next and that another worker could read. On a GPU they would only wait for each other. */
  #waiting() {
    return this.#state.phase === 'ready' && this.#state.ready.device === 'cpu' ? this.#queue[0] : undefined;
  }

  /** Has further workers read what waits, once an image has been answered: they would take from what the first one needs. */
  #callHelpers() {
    // Two workers are best used for two images.
    if (this.#waiting()) this.#partWays();
    if (this.#helpers) return this.#helpers.goOn();
    if (WORKERS === 1 || !this.#waiting()) return;
    this.#helping ??= import('./helpers.js').then(
      ({ Helpers }) => {
        this.#helpers = new Helpers(WORKERS - 1, {
          stock: /** @type {Stock} */ (this.#stock),
          largest: () => this.#largest,
          waiting: () => this.#waiting(),
          next: () => this.#next(),
          settle: (job, tell) => this.#settle(job, tell),
          again: (job) => void (this.#again.push(job), this.#pump()),
        });
        this.#helpers.goOn();
      },
      // Without it there is one worker.
      () => {},
    );
  }

  /** Has another worker do half of each image from now on, where two workers can share memory and no folder is read. */
  async #callPartner() {
    const wanted = () => this.#state.phase === 'ready' && this.#state.ready.device === 'cpu' && !this.#partner && !this.#pumping && !this.#helpers?.any;
    // It reads no file itself.
    const hasRoom = memoryOf(this.#largest) + memoryOf(0) <= MEMORY;
    if (WORKERS === 1 || !globalThis.crossOriginIsolated || !hasRoom || !wanted()) return;
    const running = this.#running;
    const script = await (this.#partnering ??= import('./partner.js').catch(() => null));
    const first = await running?.catch(() => null);
    if (!script || !first || this.#running !== running || !wanted()) return;
    this.#partner = new script.Partner(/** @type {Stock} */ (this.#stock), first.life, () => {
      // One that ends by itself finds no room, or cannot start: another would fare no better.
      this.#partner = null;
      this.#partnering = Promise.resolve(null);
    });
  }

  #partWays() {
    this.#partner?.end();
    this.#partner = null;
  }

  /** @param {Job} job @returns {Promise<Answer>} */
  async #answer({ blob: given, begin, point }) {
    const blob = await unpacked(given);
    /** @type {Crash | null} */
    let before = null;
    for (;;) {
      const running = this.#worker();
      this.#starting?.sendAhead(blob, point());
      const { life, ready } = await running;
      begin();
      this.#largest = Math.max(this.#largest, blob.size);
      try {
        return await life.classify(blob, point());
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.#drop(life);
        const onGpu = ready.device === 'webgpu';
        if (onGpu) this.#demoted = stopped(error);
        // The GPU may be to blame, so the image gets its second chance without it.
        if (onGpu && error.reason !== 'timeout') {
          before = error;
          continue;
        }
        // It fails on both: the image was to blame, and the GPU is welcome back.
        if (before?.reason === 'trap' && error.reason === 'trap') this.#demoted = null;
        this.#worker().catch(() => {});
        throw crashError(error);
      }
    }
  }

  /** The running worker, or a new one. */
  #worker() {
    return (this.#running ??= this.#boot());
  }

  async #boot() {
    for (;;) {
      const device = this.#demoted ? 'cpu' : this.#device;
      this.#set({ phase: 'loading', progress: null });
      // What the page has begun is for the first worker only.
      const early = this.#stock ? undefined : takeEarly(this.#base, device);
      const stock = (this.#stock ??= early?.stock ?? new Stock(this.#base));
      /** @type {WorkerLife | undefined} */
      let life;
      try {
        const begun = (this.#starting = life = new WorkerLife(early ?? new Start(stock, device)));
        const ready = await begun.start((progress) => this.#set({ phase: 'loading', progress }));
        Object.assign(ready, this.#demoted);
        begun.onend = (crash) => this.#ended(begun, crash, ready);
        this.#largest = 0;
        if (ready.device !== 'cpu') this.#helpers?.end();
        this.#set({ phase: 'ready', ready });
        return { life: begun, ready };
      } catch (error) {
        life?.terminate();
        const stalled = life?.supplied === false && error instanceof Crash && error.reason === 'timeout';
        if (device !== 'cpu' && error instanceof Crash && error.reason !== 'script' && !stalled) {
          this.#demoted = {
            fallback: `WebGPU did not start on this page (${error.message}).`,
            fallbackCode: 'webgpu-not-started',
          };
          continue;
        }
        if (error instanceof LungError && error.code === 'webgpu-unavailable') {
          this.#demoted = { fallback: error.message, fallbackCode: error.code };
          continue;
        }
        this.#running = null;
        stock.giveUp();
        const failure = stalled ? new LungError(STALLED) : error instanceof Crash ? startError(error) : faultError(error);
        this.#set({ phase: 'failed', error: failure });
        throw failure;
      } finally {
        this.#starting = null;
      }
    }
  }

  /**
   * A worker that died between two images: replaced at once, so that the page tells the truth about its device.
   * @param {WorkerLife} life @param {Crash} crash @param {Ready} ready
   */
  #ended(life, crash, ready) {
    this.#drop(life);
    if (ready.device === 'webgpu') this.#demoted = stopped(crash);
    this.#worker().catch(() => {});
  }

  /** @param {WorkerLife} life */
  #drop(life) {
    this.#partWays();
    life.terminate();
    this.#running = null;
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    if (state.phase === 'ready') this.ready = state.ready;
    this.dispatchEvent(new Event('state'));
  }
}
