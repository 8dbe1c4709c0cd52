// @ts-check
/**
 * What a start-up costs to fetch, the WebAssembly and the bundle: each part once, side by side, its bytes counted as they come.
 * The page fetches, so that a worker finds ready what it needs, and so that the next one, should it crash, needs no network.
 *
 * @import { Build, Fault, Progress } from './protocol.js'
 */

/** No bundle of ours comes near this; a server that sends more is not sending a bundle. */
const BUNDLE_LIMIT = 64 * 1024 * 1024;

/**
 * How a file is asked for, from what is nearest to past all caches: as ever, past the browser's own, and under an address that no
 * cache on the way has seen.
 * @type {ReadonlyArray<{ cache: RequestCache, unseen?: true }>}
 */
const WAYS = [{ cache: 'default' }, { cache: 'reload' }, { cache: 'reload', unseen: true }];

/** What to do where every copy of a bundle is damaged. */
const EVERY_COPY = 'Try again later or in another network. If it stays so, tell whoever runs this page that models/ is damaged.';

/** What a damaged file is refused with, or one that a cache remembers as missing: another copy of it may be whole. */
const DAMAGED = new Set(['runtime-broken', 'model-broken', 'model-index-broken', 'page-instead', 'runtime-missing', 'model-missing']);

/**
 * The folder with `worker.js`, `runtime/` and `models/`: the one above this module, unless a bundler has taken the module
 * elsewhere. Written out, some bundlers would look for that folder when they build, and fail.
 */
export const assets = { folder: new URL('../', new URL(import.meta.url)).href };

/** How much of a file has come; the total is null while the server has not said. @typedef {{ loaded: number, total: number | null }} Part */

/** The bytes of a bundle and its file's name, which carries their hash. @typedef {{ bytes: ArrayBuffer, file: string }} Bundle */

/** What a page has downloaded of one model folder. What it throws is a `Fault`. */
export class Stock {
  /** Called as bytes arrive. @type {(progress: Progress) => void} */
  onprogress = () => {};
  #base;
  /** @type {Map<Build, Promise<WebAssembly.Module>>} */
  #modules = new Map();
  /** @type {Promise<Bundle> | undefined} */
  #bundle;
  /** @type {Part[]} */
  #parts = [];
  #told = 0;
  /** Which of `WAYS` comes first. */
  #first = 0;
  /** How the bundle came that was taken last. */
  #taken = 0;
  /** Ends the downloads that are under way. */
  #ending = new AbortController();

  /** @param {string} base address of the folder with `index.json`, ending in a slash */
  constructor(base) {
    this.#base = base;
  }

  /**
   * A build of the WebAssembly, compiled while it arrives.
   * @param {Build} build
   * @returns {Promise<WebAssembly.Module>}
   */
  module(build) {
    const kept = this.#modules.get(build);
    if (kept) return kept;
    const module = this.#whole((way, part) => this.#downloadModule(build, way, part));
    this.#modules.set(build, module);
    module.catch(() => this.#modules.delete(build));
    return module;
  }

  /**
   * The current bundle, for one worker: its bytes are handed over, so it is downloaded anew unless they have been put back
   * by then.
   */
  takeBundle() {
    const bundle = this.#bundle ?? this.#whole((way, part) => this.#downloadBundle(way, part));
    this.#bundle = undefined;
    return bundle;
  }

  /** The bundle for a worker beside another, which gets a copy of it; undefined while a worker has it that starts. */
  lendBundle() {
    return this.#bundle;
  }

  /** Another copy of the bundle that was taken last, and turned out to be damaged. @param {Fault} fault what is wrong with it */
  async replaceBundle(fault) {
    if (this.#taken + 1 === WAYS.length) throw { ...fault, advice: EVERY_COPY };
    return this.#whole((way, part) => this.#downloadBundle(way, part), this.#taken + 1);
  }

  /**
   * Ends what is still under way, because nothing came of it. The next start takes nothing from the browser's cache: a download that
   * has stalled would be joined, and one that was damaged would be found again.
   */
  giveUp() {
    this.#ending.abort();
    this.#ending = new AbortController();
    this.#modules.clear();
    this.#bundle = undefined;
    this.#first = Math.max(this.#first, 1);
  }

  /** Whether a start has failed, so that nothing of it is trusted. */
  get failed() {
    return this.#first > 0;
  }

  /** Puts a bundle back that a worker has read. @param {Bundle} bundle */
  putBundle(bundle) {
    this.#bundle = Promise.resolve(bundle);
  }

  /**
   * What a download brings, once a copy of it is whole.
   * @template T @param {(way: number, part: Part) => Promise<T>} download @param {number} [first] @returns {Promise<T>}
   */
  async #whole(download, first = this.#first) {
    for (let way = first; ; way++) {
      try {
        return await this.#count((part) => download(way, part));
      } catch (error) {
        if (!isFault(error) || !DAMAGED.has(error.code) || way + 1 === WAYS.length) throw error;
      }
    }
  }

  /**
   * Counts what a download loads; one that fails counts for nothing.
   * @template T @param {(part: Part) => Promise<T>} download @returns {Promise<T>}
   */
  async #count(download) {
    /** @type {Part} */
    const part = { loaded: 0, total: null };
    this.#parts.push(part);
    try {
      return await download(part);
    } catch (error) {
      this.#parts = this.#parts.filter((other) => other !== part);
      throw error;
    }
  }

  #tell() {
    // Every chunk would be hundreds of events a second; the last one always counts.
    const now = performance.now();
    const complete = this.#parts.every((part) => part.loaded === part.total);
    if (!complete && now - this.#told < 60) return;
    this.#told = now;
    const loaded = this.#parts.reduce((sum, part) => sum + part.loaded, 0);
    const total = this.#parts.reduce((/** @type {number | null} */ sum, part) => (sum === null || part.total === null ? null : sum + part.total), 0);
    this.onprogress({ stage: 'download', loaded, total });
  }

  /** @param {Build} build @param {number} way @param {Part} part @returns {Promise<WebAssembly.Module>} */
  async #downloadModule(build, way, part) {
    const response = await this.#get(new URL(`runtime/${build}/lung_web_bg.wasm`, assets.folder).href, 'runtime', way);
    // Content-Length counts what travels: with a Content-Encoding it is not the size of what arrives here.
    const length = Number(response.headers.get('content-length'));
    if (length > 0 && !response.headers.get('content-encoding')) part.total = length;
    try {
      const module = await WebAssembly.compileStreaming(this.#counted(response, part));
      part.loaded = part.total ??= part.loaded;
      this.#tell();
      return module;
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw brokeOff('runtime', error);
      throw {
        code: 'runtime-broken',
        message: 'The program part of the classifier is damaged in every copy, or this browser cannot run it.',
        advice: 'Use a current version of Chrome, Edge, Firefox or Safari. If it stays so, tell whoever runs this page that runtime/ is damaged.',
      };
    }
  }

  /** The response again, each chunk counted as it passes. @param {Response} response @param {Part} part */
  #counted(response, part) {
    const tell = () => this.#tell();
    const counted = body(response).pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          part.loaded += chunk.byteLength;
          tell();
          controller.enqueue(chunk);
        },
        flush() {
          part.total = part.loaded;
        },
      }),
    );
    return new Response(counted, { headers: { 'content-type': 'application/wasm' } });
  }

  /** @param {number} way @param {Part} part @returns {Promise<Bundle>} */
  async #downloadBundle(way, part) {
    const { file, size } = await this.#currentBundle(way);
    part.total = size;
    this.#tell();
    const response = await this.#get(new URL(file, this.#base).href, 'model', way);
    const bytes = new Uint8Array(size);
    const reader = body(response).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (part.loaded + value.byteLength > size) {
          void reader.cancel();
          throw modelBroken(`The model file is longer than the ${size} bytes its index announces.`);
        }
        bytes.set(value, part.loaded);
        part.loaded += value.byteLength;
        this.#tell();
      }
    } catch (error) {
      throw isFault(error) ? error : brokeOff('model', error);
    }
    if (part.loaded < size) throw modelBroken(`The model file is incomplete: ${part.loaded} of ${size} bytes arrived.`);
    this.#taken = way;
    return { bytes: bytes.buffer, file };
  }

  /** What `index.json` names as current. @param {number} way */
  async #currentBundle(way) {
    // The index is the one file that changes under its name: always ask whether it has.
    return currentOf(await this.#get(new URL('index.json', this.#base).href, 'model', way, 'no-cache'));
  }

  /**
   * A successful response, or a fault that names what was missing.
   * @param {string} url
   * @param {'runtime' | 'model'} what
   * @param {number} way
   * @param {RequestCache} [usual] how the browser's cache is used in the first place
   */
  async #get(url, what, way, usual = 'default') {
    const { cache, unseen } = WAYS[way];
    const { signal } = this.#ending;
    let response;
    try {
      response = await fetch(unseen ? `${url}?fetched=${Date.now()}` : url, { cache: way === 0 ? usual : cache, signal });
    } catch (error) {
      throw signal.aborted ? brokeOff(what, error) : await whyUnreachable(what, url, error);
    }
    if (response.ok && !isPage(response)) return response;
    if (response.ok) throw pageInstead(url);
    throw refusedWith(what, url, response.status);
  }
}

/** What the last part of an address is. @param {string} url */
function fileOf(url) {
  return decodeURIComponent(new URL(url).pathname.split('/').pop() ?? '');
}

/**
 * Why a server does not hand out a file: it has none, it is in trouble, or somebody before it wants a login first.
 * @param {'runtime' | 'model'} what @param {string} url @param {number} status @returns {Fault}
 */
export function refusedWith(what, url, status) {
  // Network and proxy authentication.
  if (status === 511 || status === 407) return pageInstead(url);
  if (status >= 500 || status === 429)
    return {
      code: `${what}-unreachable`,
      message: `The server does not hand out ${fileOf(url)} now (status ${status}).`,
      advice: 'Try again in a while. If it stays so, tell whoever runs this page.',
    };
  return {
    code: `${what}-missing`,
    message: `The server has no ${fileOf(url)} (status ${status}).`,
    advice: 'Tell whoever runs this page that its installation is incomplete, or try again later.',
  };
}

/** Whether a web page has come: none of our files is one. @param {Response} response */
export function isPage(response) {
  return /^text\/html\b/i.test(response.headers.get('content-type') ?? '');
}

/** @param {string} url @returns {Fault} */
export function pageInstead(url) {
  return {
    code: 'page-instead',
    message: `A web page arrives in the place of ${fileOf(url)}: the server does not have it, or a login page or a filter in the network answers.`,
    advice: 'See whether the network asks for a login, and try again. If it stays so, tell whoever runs this page that its installation is incomplete.',
  };
}

/** What an `index.json` names as current. @param {Response} response */
async function currentOf(response) {
  const text = await response.text().catch((error) => {
    throw brokeOff('model', error);
  });
  /** @type {any} */
  let index;
  try {
    index = JSON.parse(text);
  } catch {
    throw indexBroken('it is not JSON');
  }
  const file = index?.current;
  // A bare name: an index must not point out of its own folder.
  if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) throw indexBroken('it names no current model');
  const entry = Array.isArray(index.models) ? index.models.find((/** @type {any} */ model) => model?.file === file) : undefined;
  const size = entry?.bytes;
  if (!Number.isSafeInteger(size) || size <= 0 || size > BUNDLE_LIMIT) throw indexBroken(`it gives no usable size for ${file}`);
  return { file, size };
}

/** @param {Response} response @returns {ReadableStream<Uint8Array<ArrayBuffer>>} */
function body(response) {
  return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
}

/**
 * Why nothing can be fetched from an address: what finds that out is fetched only now.
 * @param {'runtime' | 'model'} what @param {string} url @param {unknown} error @returns {Promise<Fault>}
 */
export async function whyUnreachable(what, url, error) {
  try {
    const { causeOf } = await import('./causes.js');
    return (await causeOf(url)) ?? brokeOff(what, error);
  } catch {
    return brokeOff(what, error);
  }
}

/** @param {'runtime' | 'model'} what @param {unknown} error @returns {Fault} */
function brokeOff(what, error) {
  return {
    code: `${what}-unreachable`,
    message: `The download of the ${what === 'model' ? 'model' : 'classifier'} broke off, or the server does not answer (${error instanceof Error ? error.message : String(error)}).`,
    advice: 'Check the connection and try again.',
  };
}

/** @param {string} message @returns {Fault} */
function modelBroken(message) {
  return {
    code: 'model-broken',
    message,
    advice: EVERY_COPY,
  };
}

/** @param {string} why @returns {Fault} */
function indexBroken(why) {
  return {
    code: 'model-index-broken',
    message: `The list of models cannot be used: ${why}.`,
    advice: 'Tell whoever runs this page that models/index.json is damaged.',
  };
}

/** Whether something thrown is a fault of those above. @param {any} error @returns {error is Fault} */
function isFault(error) {
  return typeof error?.code === 'string' && typeof error?.advice === 'string';
}
