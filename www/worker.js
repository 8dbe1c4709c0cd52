// @ts-check
/**
 * Everything heavy, off the page's thread: starts the classifier with what the page has downloaded, and answers one image at
 * a time. Messages are typed in `element/protocol.d.ts`.
 *
 * The WebAssembly comes in several builds, `runtime/webgpu` and two for the CPU; the page says which. They are found
 * next to this script, so it runs wherever the folder lies.
 *
 * @import { Answer, Build, Caution, Fault, LungClassifierHandle, LungWeb, Pixels, Reply, Report, Request } from './element/protocol.js'
 */

/** The longer side of the picture sent back, in pixels: enough for any card, and bounded for a 32-megapixel file. */
const PICTURE_SIDE = 768;

/** The side of the small picture that is sent with it, in pixels, and how many places of the picture each is the mean of, squared. */
const SMALL_SIDE = 56;
const PLACES = 3;

/** What a bundle is refused with that may be whole elsewhere; one of another program or version is as it was made. */
const DAMAGE = /^weights-(?!foreign|version)/;

/**
 * The worker's global scope, as far as it is used.
 * @type {{
 *   postMessage(message: Reply, transfer?: Transferable[]): void,
 *   addEventListener: typeof globalThis.addEventListener,
 * }}
 */
const scope = /** @type {any} */ (globalThis);

/** @type {LungClassifierHandle | undefined} */
let classifier;

/** The number of the image whose picture the classifier has. @type {number | undefined} */
let last;

/** Whether an image has been answered. */
let answered = false;

/** The build's code, ready to be called. @type {Later<LungWeb>} */
const code = later();

/** What was sent ahead of its turn: read and decoded at once, answered as soon as there is a classifier. @type {{ id: number, answer: Promise<Answer>, content: Promise<string> } | undefined} */
let ahead;

/** The readers of rare formats, which are fetched for the first file that needs them. @type {Promise<void> | undefined} */
let readers;

/** What this worker is there for. @type {Later<LungClassifierHandle>} */
const started = later();

/** The build's WebAssembly, which the page sends. @type {Later<WebAssembly.Module>} */
const module = later();

/** The bundle, which the page sends, and its hash. @type {Later<{ bytes: ArrayBuffer, file: string, hash?: Promise<ArrayBuffer> }>} */
let bundle = later();

scope.addEventListener('message', (event) => {
  const request = /** @type {Request} */ (/** @type {MessageEvent} */ (event).data);
  if (request.type === 'start') void start(request);
  else if (request.type === 'module') module.resolve(request.module);
  else if (request.type === 'bundle') bundle.resolve({ ...request, hash: hashOf(request.bytes) });
  else if (request.type === 'ahead') readAhead(request);
  else if (request.type === 'window') void showWindow(request);
  else if (request.type === 'partner') divideWith(request.port);
  else if (request.type === 'assist') void assist(request.port);
  else if (request.type === 'alone') classifier?.workWith?.();
  else void classify(request);
});

// A Rust panic inside a future ends as an uncaught error and a promise that never settles: say so instead of hanging.
scope.addEventListener('error', (event) => {
  event.preventDefault();
  crashed('trap', String(event.message));
});
scope.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  crashed('trap', String(event.reason));
});

watchForDeviceLoss();

/** @param {Extract<Request, { type: 'start' }>} request */
async function start({ build }) {
  try {
    const runtime = await scriptOf(build);
    await runtime.default({ module_or_path: await module.promise });
    code.resolve(runtime);
    // What needs no weights is made ready while they arrive.
    await runtime.LungClassifier.prepare();
    const { loaded, bytes, file } = await load(runtime);
    classifier = loaded;
    const model = { id: file.replace(/\.safetensors$/, ''), ...classifier.model };
    scope.postMessage({ type: 'ready', ready: { device: classifier.device, model } });
    started.resolve(classifier);
    putBack({ bytes, file });
  } catch (error) {
    // It is not the bundle's fault, and the CPU will want it.
    if (faultOf(error)?.code === 'webgpu-unavailable') putBack(await bundle.promise);
    refused(error, build === 'webgpu', (fault) => scope.postMessage({ type: 'failed', fault }));
  }
}

/** Has the worker at the other end do half of each image, once it has sent the memory for that. @param {MessagePort} port */
function divideWith(port) {
  port.onmessage = ({ data: memory }) => classifier?.workWith?.(memory, (image) => port.postMessage(image));
}

/** Does half of each image whose number comes from the other end. @param {MessagePort} port */
async function assist(port) {
  const { LungClassifier } = await code.promise;
  const bytes = LungClassifier.sharedBytes?.();
  if (!bytes) return;
  const memory = new SharedArrayBuffer(bytes);
  port.onmessage = ({ data: image }) => void classifier?.assist?.(memory, image);
  port.postMessage(memory);
}

/** The first bundle that is whole: of a damaged one the page is told, and sends another. @param {LungWeb} runtime */
async function load(runtime) {
  for (;;) {
    const { bytes, file, hash } = await bundle.promise;
    try {
      return { loaded: await runtime.LungClassifier.load(new Uint8Array(bytes), file, hash), bytes, file };
    } catch (error) {
      const fault = faultOf(error);
      if (!fault || !DAMAGE.test(fault.code)) throw error;
      bundle = later();
      scope.postMessage({ type: 'damaged', fault });
    }
  }
}

/**
 * The script of a build. The two for the CPU have the same; `cargo xtask build` puts it into this file, so that it is there at once.
 * @param {Build} build
 * @returns {Promise<LungWeb>}
 */
function scriptOf(build) {
  if (build === 'webgpu') return import(new URL('./runtime/webgpu/lung_web.js', import.meta.url).href);
  // @ts-ignore: it is there only once it has been built
  return import('./runtime/cpu/lung_web.js');
}

/**
 * The hash of an image's bytes. Its script is not imported at the head: Firefox asks `worker-src` of a policy about that, which need not
 * name another origin.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function contentOf(bytes) {
  return (await import('./element/intake/content.js')).contentOf(bytes);
}

/**
 * The hash of a bundle by the browser's own code, which takes a third of the time of ours. It has none outside of secure
 * contexts.
 * @param {ArrayBuffer} bytes
 * @returns {Promise<ArrayBuffer> | undefined}
 */
function hashOf(bytes) {
  return crypto.subtle?.digest('SHA-256', bytes);
}

/** Gives the page its bundle again, for the worker that replaces this one should it crash. @param {{ bytes: ArrayBuffer, file: string }} bundle */
function putBack({ bytes, file }) {
  scope.postMessage({ type: 'bundle', bytes, file }, [bytes]);
}

/** @param {Extract<Request, { type: 'ahead' }>} request */
function readAhead({ id, blob, operatingPoint }) {
  const bytes = read(blob);
  const content = bytes.then(contentOf);
  const ours = bytes.then(readable);
  const decoded = decodeAhead(ours);
  const answer = started.promise.then(async (classifier) => {
    const image = await decoded;
    return answerOf(classifier, id, content, await ours, () => classifier.classifyDecoded(image, operatingPoint));
  });
  // What is wrong with it is told when it is asked for.
  for (const promise of [content, decoded, answer]) promise.catch(() => {});
  ahead = { id, answer, content };
}

/** Decoding needs no weights: it is done while they arrive. @param {Promise<Readable>} reading */
async function decodeAhead(reading) {
  const [{ bytes }, { DecodedImage }] = await Promise.all([reading, code.promise]);
  return withReaders(() => new DecodedImage(bytes));
}

/**
 * What `decode` returns. A file that needs the readers of rare formats has them fetched, and is decoded again.
 * @template T @param {() => T | Promise<T>} decode @returns {Promise<T>}
 */
async function withReaders(decode) {
  try {
    return await decode();
  } catch (error) {
    if (faultOf(error)?.code !== 'reader-missing') throw error;
    readers ??= soon(fetchReaders()).catch(() => soon(fetchReaders(`?fetched=${Date.now()}`)));
    try {
      await readers;
    } catch {
      readers = undefined;
      throw error;
    }
    return decode();
  }
}

/** How long the readers may take, in milliseconds: a download that stalls has no end of its own. */
const PATIENCE = 30_000;

/** What is waited for only so long. @template T @param {Promise<T>} outcome @returns {Promise<T>} */
function soon(outcome) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('nothing arrived')), PATIENCE));
  return Promise.race([outcome, late]);
}

/** @param {string} [unseen] makes an address that no cache has a damaged copy under */
async function fetchReaders(unseen = '') {
  const { useReaders } = await code.promise;
  const address = new URL('./runtime/readers/lung_readers', import.meta.url).href;
  // What keeps the page looks after its copy only when it is asked past all caches.
  if (unseen) await fetch(`${address}.js`, { cache: 'reload' }).catch(() => {});
  const { default: start, answer } = await import(`${address}.js${unseen}`);
  await start({ module_or_path: fetch(`${address}_bg.wasm${unseen}`, { cache: unseen ? 'reload' : 'default' }) });
  useReaders(answer);
}

/** @param {Extract<Request, { type: 'classify' }>} request */
async function classify({ id, blob, operatingPoint }) {
  /** @type {Promise<string> | undefined} */
  let content;
  try {
    if (!classifier) throw new Error('asked to classify before it was started');
    const answer = await (ahead?.id === id ? ({ content } = ahead).answer : classifyNow(classifier));
    scope.postMessage({ type: 'result', id, answer }, answer.picture ? [answer.picture] : []);
  } catch (error) {
    // Nothing is known of a file that could not be read.
    const known = await content?.catch(() => undefined);
    refused(error, classifier?.device === 'webgpu', (fault) => scope.postMessage({ type: 'error', id, fault, content: known }));
  } finally {
    ahead = undefined;
  }

  /** @param {LungClassifierHandle} classifier */
  async function classifyNow(classifier) {
    const bytes = await read(blob);
    content = contentOf(bytes);
    const ours = await readable(bytes);
    return answerOf(classifier, id, content, ours, () => withReaders(() => classifier.classify(ours.bytes, operatingPoint)));
  }
}

/**
 * @param {LungClassifierHandle} classifier
 * @param {number} id
 * @param {Promise<string>} content
 * @param {Readable} ours
 * @param {() => Promise<Report>} classify
 * @returns {Promise<Answer>}
 */
async function answerOf(classifier, id, content, { caution }, classify) {
  last = undefined;
  const report = await classify();
  if (caution) report.cautions = [...(report.cautions ?? []), caution];
  last = id;
  const { picture } = classifier;
  const bitmap = picture ? bitmapOf(picture) : null;
  // The first has no row yet, and nothing else is to be done before it is answered.
  const small = picture && answered ? smallOf(picture) : undefined;
  answered = true;
  return { id, content: await content, report, picture: await bitmap, small };
}

/**
 * An image may be on its way meanwhile: from the picture being there to its use, nothing is waited for.
 * @param {Extract<Request, { type: 'window' }>} request
 */
async function showWindow({ id, of, blob, content, centre, width }) {
  try {
    const asked = classifier;
    if (!asked) throw new Error('asked for a window before it was started');
    const bytes = last === of ? null : await read(blob);
    // The picture beside a report is of the bytes that the report is of.
    if (bytes && (await contentOf(bytes)) !== content) {
      throw {
        code: 'file-changed',
        message: 'This file has changed since it was read.',
        advice: 'Choose it again to have it read as it is now.',
      };
    }
    const windowed = await withReaders(() => {
      if (bytes && last !== of) {
        last = undefined;
        asked.look(bytes);
        last = of;
      }
      return asked.windowed(centre, width);
    });
    if (!windowed) {
      throw {
        code: 'no-window',
        message: 'This image cannot be shown in that window.',
        advice: 'Choose another centre and width.',
      };
    }
    const picture = await bitmapOf(windowed);
    scope.postMessage({ type: 'windowed', id, picture }, [picture]);
  } catch (error) {
    refused(error, classifier?.device === 'webgpu', (fault) => scope.postMessage({ type: 'error', id, fault }));
  }
}

/**
 * The blob's bytes; a file deleted or changed since it was chosen is an error of its own.
 * @param {Blob} blob
 */
async function read(blob) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    throw {
      code: 'unreadable',
      message: 'The browser could not read this file.',
      advice: 'Check that it still exists, that it is a file and not a folder, and choose it again.',
    };
  }
}

/** A file that our decoder takes, and with what caution. @typedef {{ bytes: Uint8Array<ArrayBuffer>, caution?: Caution }} Readable */

/**
 * A file as it is, or what the browser makes of it where only browsers read it: AVIF, HEIC and whatever else comes in their boxes.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Readable>}
 */
async function readable(bytes) {
  if (String.fromCharCode(...bytes.subarray(4, 8)) !== 'ftyp') return { bytes };
  try {
    const { decodeByBrowser } = await import(new URL('./element/intake/by-browser.js', import.meta.url).href);
    return (await decodeByBrowser(bytes)) ?? { bytes };
  } catch {
    // Our own refusal names what it is.
    return { bytes };
  }
}

/** A picture scaled down to what a card shows. @param {Pixels} pixels @returns {Promise<ImageBitmap>} */
function bitmapOf({ width, height, data }) {
  const scale = Math.min(1, PICTURE_SIDE / Math.max(width, height));
  const image = new ImageData(/** @type {Uint8ClampedArray<ArrayBuffer>} */ (data), width, height);
  return createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: 'high',
  });
}

/**
 * A small picture in grey, black beside what is not square. It takes a few places of each pixel's share, which costs next to nothing.
 * @param {Pixels} pixels
 */
function smallOf({ width, height, data }) {
  const scale = SMALL_SIDE / Math.max(width, height);
  const [columns, rows] = [width, height].map((length) => placesIn(length, Math.max(1, Math.round(length * scale))));
  const [across, down] = [columns.length / PLACES, rows.length / PLACES];
  const small = new Uint8Array(SMALL_SIDE * SMALL_SIDE);
  const corner = ((SMALL_SIDE - down) >> 1) * SMALL_SIDE + ((SMALL_SIDE - across) >> 1);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let row = y * PLACES; row < (y + 1) * PLACES; row++)
        for (let column = x * PLACES; column < (x + 1) * PLACES; column++) sum += data[4 * (rows[row] * width + columns[column])];
      small[corner + y * SMALL_SIDE + x] = sum / (PLACES * PLACES);
    }
  return small;
}

/** Places along a side, `PLACES` for each pixel of the small one. @param {number} length @param {number} small */
function placesIn(length, small) {
  return Uint32Array.from({ length: small * PLACES }, (_, at) => ((at + 0.5) * length) / (small * PLACES));
}

/**
 * The fault inside something thrown: by the code above, or by the Rust side as `{code, message, advice}`. Undefined for
 * anything else, a WebAssembly trap above all: what state the worker is in then, nobody knows.
 * @param {any} error
 * @returns {Fault | undefined}
 */
function faultOf(error) {
  if (typeof error?.code !== 'string' || typeof error?.message !== 'string') return undefined;
  return { code: error.code, message: error.message, advice: typeof error.advice === 'string' ? error.advice : '' };
}

/**
 * Sorts what was thrown: a fault goes to `tell`; the loss of a GPU and whatever nobody foresaw end this worker.
 * @param {unknown} error
 * @param {boolean} onGpu whether a GPU may be to blame
 * @param {(fault: Fault) => void} tell
 */
function refused(error, onGpu, tell) {
  const fault = faultOf(error);
  if (!fault) crashed('trap', String(error));
  else if (onGpu && fault.code === 'device-lost') crashed('device-lost', fault.message);
  else tell(fault);
}

/** @param {'trap' | 'device-lost'} reason @param {string} detail */
function crashed(reason, detail) {
  scope.postMessage({ type: 'crashed', reason, detail });
}

/**
 * Reports the loss of the GPU device that the WebAssembly asks for. Its own calls would only never come back, so the
 * one place where a device is made is watched.
 */
function watchForDeviceLoss() {
  const prototype = /** @type {any} */ (globalThis).GPUAdapter?.prototype;
  if (!prototype) return;
  const requestDevice = prototype.requestDevice;
  /** @this {any} @param {...any} given */
  prototype.requestDevice = async function (...given) {
    const device = await requestDevice.apply(this, given);
    void device.lost.then((/** @type {{ reason: string, message: string }} */ info) => {
      if (info.reason !== 'destroyed') crashed('device-lost', info.message);
    });
    return device;
  };
}

/**
 * A promise that is kept from elsewhere.
 * @template T
 * @typedef {{ promise: Promise<T>, resolve: (value: T) => void }} Later
 */

/** @template T @returns {Later<T>} */
function later() {
  /** @type {(value: T) => void} */
  let resolve = () => {};
  const promise = new Promise((/** @type {(value: T) => void} */ keep) => (resolve = keep));
  return { promise, resolve };
}
