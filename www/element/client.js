// @ts-check
/**
 * The page's side of the worker: one worker for all elements with the same model and device, a queue in front of it,
 * and what to do when it dies.
 *
 * @import { Answer, DeviceWish, Fallback, Fault, Progress, Ready, Reply, Request } from './protocol.js'
 */

import { Stock } from './download.js';
import { Start, takeEarly } from './start.js';

/** Larger files are refused before they are read, in bytes. Bound and codes are those of the decoder. */
export const FILE_LIMIT = 64 * 1024 * 1024;

/** A request without an answer for this long is given up, in milliseconds. */
const REQUEST_LIMIT = 120_000;

/** A start-up that says nothing for this long is given up, in milliseconds. */
const SILENCE_LIMIT = 120_000;

/** What an image is rejected with that was taken out of the queue. */
const CANCELLED = {
  code: 'cancelled',
  message: 'This image was not read: reading was cancelled.',
  advice: 'Continue to have it read.',
};

/** What a start fails with whose downloads have stopped without an end. */
const STALLED = {
  code: 'download-stalled',
  message: 'The download of the classifier has stalled: nothing arrived for two minutes.',
  advice: 'Check the connection and try again: the download begins anew.',
};

/** An error with a stable code, a sentence of what happened (`message`) and one of what to do (`advice`). */
export class LungError extends Error {
  /** The hash of the image that it is about, where that was read. @type {string | undefined} */
  content;

  /** @param {Fault} fault */
  constructor({ code, message, advice }) {
    super(message);
    this.name = 'LungError';
    this.code = code;
    this.advice = advice;
  }
}

/** The end of a worker, from inside it or because it was given up. */
class Crash extends Error {
  /** @param {'trap' | 'device-lost' | 'timeout' | 'script'} reason @param {string} detail */
  constructor(reason, detail) {
    super(detail);
    this.reason = reason;
  }
}

/**
 * What a client is doing.
 * @typedef {{ phase: 'idle' }
 *   | { phase: 'loading', progress: Progress | null }
 *   | { phase: 'ready', ready: Ready }
 *   | { phase: 'failed', error: LungError }} State
 */

/**
 * One image waiting for its turn.
 * @typedef {{ blob: Blob, begin: () => void, owner: unknown, image: unknown, point: () => string | undefined, resolve: (answer: Answer) => void, reject: (error: LungError) => void }} Job
 */

/** The number last given to an image or a window: those of a worker that has ended are not given again. */
let number = 0;

/** @type {Map<string, LungClient>} */
const clients = new Map();

/**
 * The page's client for a model folder and a device: the same one for the same two.
 * @param {string} base address of the folder with `index.json`, ending in a slash
 * @param {DeviceWish} device
 */
export function sharedClient(base, device) {
  const key = `${device} ${base}`;
  let client = clients.get(key);
  if (!client) clients.set(key, (client = new LungClient(base, device)));
  return client;
}

/** Fires `state` whenever `state` changes. */
export class LungClient extends EventTarget {
  /** @type {State} */
  #state = { phase: 'idle' };
  /** @type {Promise<{ life: WorkerLife, ready: Ready }> | null} */
  #running = null;
  /** The worker that is being started. @type {WorkerLife | null} */
  #starting = null;
  /** @type {Job[]} */
  #queue = [];
  #pumping = false;
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
   * Queues one image. Images are answered one at a time, in the order they came.
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
      this.#queue.push({ blob, begin, owner, image, point, resolve, reject });
      void this.#pump();
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
        return await life.windowed({ of: id, blob, content, centre, width });
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

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      try {
        job.resolve(await this.#answer(job));
      } catch (error) {
        job.reject(asLungError(error));
        // Whoever waits behind a classifier that does not start would only wait for the same refusal.
        if (this.#state.phase === 'failed')
          for (const waiting of this.#queue.splice(0)) waiting.reject(this.#state.error);
      }
    }
    this.#pumping = false;
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
    life.terminate();
    this.#running = null;
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    this.dispatchEvent(new Event('state'));
  }
}

/** One worker from its first message to its end. */
class WorkerLife {
  /** Called when the worker dies with nobody waiting for it. @type {(crash: Crash) => void} */
  onend = () => {};
  /** @type {{ hear(reply: Reply): void, progress(progress: Progress): void, fail(error: Crash | LungError): void } | null} */
  #waiting = null;
  /** Who waits for a window, by its number. @type {Map<number, { resolve(picture: ImageBitmap): void, reject(error: Crash | LungError): void }>} */
  #windows = new Map();
  /** Whether all that it needs has been downloaded. */
  supplied = false;
  #over = false;
  #start;
  /** The image that was sent ahead, and its number. @type {{ blob: Blob, id: number } | null} */
  #ahead = null;

  /** @param {Start} start */
  constructor(start) {
    this.#start = start;
  }

  /**
   * @param {(progress: Progress) => void} onprogress
   * @returns {Promise<Ready>} rejects with a `LungError` or a `Crash`
   */
  async start(onprogress) {
    const start = this.#start;
    const ready = this.#ask(null, SILENCE_LIMIT, onprogress, (reply, resolve, reject) => {
      if (reply.type === 'ready') resolve(reply.ready);
      else if (reply.type === 'failed') reject(new LungError(reply.fault));
    });
    start.stock.onprogress = (progress) => this.#waiting?.progress(progress);
    start.worker.addEventListener('messageerror', () => this.#end(new Crash('trap', 'a message could not be read')));
    start.listen((event) => {
      if (event instanceof MessageEvent) return this.#hear(event.data);
      event.preventDefault();
      this.#end(new Crash('script', event.message || 'the worker script did not load'));
    });
    start.supplied.then(
      () => {
        this.supplied = true;
        this.#waiting?.progress({ stage: 'start', loaded: 0, total: null });
      },
      (fault) => this.#waiting?.fail(faultError(fault)),
    );
    const told = await ready;
    return { ...told, ...start.fallback };
  }

  /** Lets the worker read an image while it still starts. @param {Blob} blob @param {string} [operatingPoint] */
  sendAhead(blob, operatingPoint) {
    if (this.#ahead) return;
    this.#ahead = { blob, id: ++number };
    this.#send({ type: 'ahead', ...this.#ahead, operatingPoint });
  }

  /** @param {Blob} blob @param {string} [operatingPoint] @returns {Promise<Answer>} rejects with a `LungError` or a `Crash` */
  classify(blob, operatingPoint) {
    const id = this.#ahead?.blob === blob ? this.#ahead.id : ++number;
    this.#ahead = null;
    return this.#ask({ type: 'classify', id, blob, operatingPoint }, REQUEST_LIMIT, () => {}, (reply, resolve, reject) => {
      if (reply.type === 'result' && reply.id === id) resolve(reply.answer);
      else if (reply.type === 'error' && reply.id === id)
        reject(Object.assign(new LungError(reply.fault), { content: reply.content }));
    });
  }

  /**
   * Beside what is being classified.
   * @param {Omit<Extract<Request, { type: 'window' }>, 'type' | 'id'>} request
   * @returns {Promise<ImageBitmap>} rejects with a `LungError` or a `Crash`
   */
  windowed(request) {
    const id = ++number;
    return new Promise((resolve, reject) => {
      const end = () => this.#end(new Crash('timeout', `no answer for ${REQUEST_LIMIT / 1000} seconds`));
      const timer = setTimeout(end, REQUEST_LIMIT);
      this.#windows.set(id, {
        resolve: (picture) => (clearTimeout(timer), resolve(picture)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      this.#send({ type: 'window', id, ...request });
    });
  }

  terminate() {
    this.#over = true;
    this.#start.worker.terminate();
  }

  /**
   * Sends a request and hands every reply to `take` until it resolves or rejects, the worker ends, or nothing has been
   * heard for `limit` milliseconds.
   * @template T
   * @param {Request | null} request null where it has been sent
   * @param {number} limit
   * @param {(progress: Progress) => void} onprogress
   * @param {(reply: Reply, resolve: (value: T) => void, reject: (error: LungError) => void) => void} take
   * @returns {Promise<T>}
   */
  #ask(request, limit, onprogress, take) {
    return new Promise((resolve, reject) => {
      /** @type {ReturnType<typeof setTimeout>} */
      let timer;
      const finish = () => {
        clearTimeout(timer);
        this.#waiting = null;
      };
      const watch = () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.#end(new Crash('timeout', `no answer for ${limit / 1000} seconds`)), limit);
      };
      this.#waiting = {
        hear: (reply) => {
          watch();
          take(
            reply,
            (value) => (finish(), resolve(value)),
            (error) => (finish(), reject(error)),
          );
        },
        progress: (progress) => (watch(), onprogress(progress)),
        fail: (error) => (finish(), reject(error)),
      };
      watch();
      if (request) this.#send(request);
    });
  }

  /** @param {Request} request */
  #send(request) {
    this.#start.worker.postMessage(request);
  }

  /** @param {Reply} reply */
  #hear(reply) {
    if (this.#over) return;
    if (reply.type === 'bundle') this.#start.stock.putBundle(reply);
    else if (reply.type === 'crashed') this.#end(new Crash(reply.reason, firstLine(reply.detail)));
    else if ('id' in reply && this.#windows.has(reply.id)) this.#hearWindow(reply);
    else this.#waiting?.hear(reply);
  }

  /** @param {Extract<Reply, { id: number }>} reply */
  #hearWindow(reply) {
    const window = this.#windows.get(reply.id);
    this.#windows.delete(reply.id);
    if (reply.type === 'windowed') window?.resolve(reply.picture);
    else if (reply.type === 'error') window?.reject(new LungError(reply.fault));
  }

  /** @param {Crash} crash */
  #end(crash) {
    if (this.#over) return;
    this.terminate();
    if (this.#waiting) this.#waiting.fail(crash);
    else this.onend(crash);
    // After those who replace this worker.
    for (const { reject } of this.#windows.values()) reject(crash);
  }
}

/** The file itself: one in an archive is unpacked when its turn has come. @param {Blob & { unpack?(): Promise<Blob> }} blob */
function unpacked(blob) {
  return blob.unpack?.() ?? blob;
}

/** @param {Blob} blob @returns {LungError | null} */
function refuse(blob) {
  if (blob.size === 0) {
    return new LungError({
      code: 'empty-file',
      message: 'This file is empty.',
      advice: 'Check that it was saved or downloaded completely, and try again.',
    });
  }
  if (blob.size > FILE_LIMIT) {
    return new LungError({
      code: 'too-many-bytes',
      message: `This file has ${Math.ceil(blob.size / 1048576)} MB, more than the ${FILE_LIMIT / 1048576} MB this page reads.`,
      advice: 'Save the image as JPEG or at a lower resolution and choose that file.',
    });
  }
  return null;
}

/** @param {Crash} crash @returns {Fallback} */
function stopped(crash) {
  return { fallback: `WebGPU stopped working on this page (${crash.message}).`, fallbackCode: 'webgpu-stopped' };
}

/** @param {Crash} crash */
function crashError(crash) {
  if (crash.reason === 'timeout') {
    return new LungError({
      code: 'timeout',
      message: 'This image took longer than two minutes and was given up.',
      advice: 'Close other busy tabs and try again; the classifier has been started afresh.',
    });
  }
  return new LungError({
    code: 'worker-crashed',
    message: `The classifier stopped while it worked on this image (${crash.message}).`,
    advice: 'It has been started afresh: try the next image. If this one fails again, export it as a PNG.',
  });
}

/** @param {Crash} crash */
function startError(crash) {
  if (crash.reason === 'timeout') {
    return new LungError({
      code: 'start-timeout',
      message: 'The classifier did not start: nothing was heard of it for two minutes.',
      advice: 'Close other busy tabs and try again, or use a current version of Chrome, Edge, Firefox or Safari.',
    });
  }
  return new LungError({
    code: 'start-failed',
    message: `The classifier did not start (${crash.message}).`,
    advice:
      crash.reason === 'script'
        ? "Reload the page. If it stays so, tell whoever runs it that a file is missing, or that its policy lacks worker-src 'self' blob: or the classifier's address in script-src."
        : 'Reload the page; if it stays so, use a current version of Chrome, Edge, Firefox or Safari.',
  });
}

/** What was thrown as a `Fault`, or anything else. @param {any} fault */
function faultError(fault) {
  return typeof fault?.advice === 'string' && !(fault instanceof LungError) ? new LungError(fault) : asLungError(fault);
}

/** @param {unknown} error */
function asLungError(error) {
  if (error instanceof LungError) return error;
  return new LungError({
    code: 'internal',
    message: `Something unforeseen happened (${error instanceof Error ? error.message : String(error)}).`,
    advice: 'Reload the page and try again.',
  });
}

/** The part of a long detail that fits a sentence. @param {string} text */
function firstLine(text) {
  const line = text
    .split('\n', 1)[0]
    .replace(/^Uncaught /, '')
    .replace(/[.\s]+$/, '');
  return line.length > 120 ? `${line.slice(0, 119)}…` : line || 'no reason given';
}
