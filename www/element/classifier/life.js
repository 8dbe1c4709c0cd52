// @ts-check
/**
 * One worker, from its first message to its end.
 *
 * @import { Start } from '../start.js'
 * @import { Answer, Pairing, Progress, Ready, Reply, Request } from '../protocol.js'
 */

import { Crash, faultError, firstLine, LungError } from './faults.js';

/** A request without an answer for this long is given up, in milliseconds. */
const REQUEST_LIMIT = 120_000;

/** A start-up that says nothing for this long is given up, in milliseconds. */
const SILENCE_LIMIT = 120_000;

/** The number last given to an image or a window: those of a worker that has ended are not given again. */
let number = 0;

/** One worker from its first message to its end. */
export class WorkerLife {
  /** Called when the worker dies with nobody waiting for it. @type {(crash: Crash) => void} */
  onend = () => {};
  /** @type {{ hear(reply: Reply): void, progress(progress: Progress): void, fail(error: Crash | LungError): void } | null} */
  #waiting = null;
  /** Who waits for a window, by its number. @type {Map<number, { resolve(picture: ImageBitmap): void, reject(error: Crash | LungError): void }>} */
  #windows = new Map();
  /** Whether all that it needs has been downloaded. */
  supplied = false;
  /** The number of the image that it answered last. */
  last = 0;
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
    return this.#ask(
      { type: 'classify', id, blob, operatingPoint },
      REQUEST_LIMIT,
      () => {},
      (reply, resolve, reject) => {
        if (reply.type === 'result' && reply.id === id) resolve(this.#answered(reply.answer));
        else if (reply.type === 'error' && reply.id === id) reject(Object.assign(new LungError(reply.fault), { content: reply.content }));
      },
    );
  }

  /** @param {Answer} answer */
  #answered(answer) {
    this.last = answer.id;
    return answer;
  }

  /**
   * Beside what is being classified.
   * @param {Omit<Extract<Request, { type: 'window' }>, 'type' | 'id'>} request
   * @returns {Promise<ImageBitmap>} rejects with a `LungError` or a `Crash`
   */
  windowed(request) {
    const id = ++number;
    return new Promise((resolve, reject) => {
      if (this.#over) return void reject(new Crash('trap', 'it had ended'));
      const end = () => this.#end(new Crash('timeout', `no answer for ${REQUEST_LIMIT / 1000} seconds`));
      const timer = setTimeout(end, REQUEST_LIMIT);
      this.#windows.set(id, {
        resolve: (picture) => (clearTimeout(timer), resolve(picture)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      this.#send({ type: 'window', id, ...request });
    });
  }

  /** Has it divide images with another worker, or no more. @param {Pairing} request @param {MessagePort} [port] */
  pair(request, port) {
    if (!this.#over) this.#start.worker.postMessage(request, port ? [port] : []);
  }

  /** Ends it; who waits for a window may ask another worker. */
  end() {
    this.#end(new Crash('trap', 'it was no longer needed'));
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
      if (this.#over) return void reject(new Crash('trap', 'it had ended'));
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
export function unpacked(blob) {
  return blob.unpack?.() ?? blob;
}
