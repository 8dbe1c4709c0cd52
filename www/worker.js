// @ts-check
/**
 * Everything heavy, off the page's thread: fetches the WebAssembly and the bundle, starts the classifier and answers
 * one image at a time. Messages are typed in `element/protocol.d.ts`.
 *
 * The WebAssembly comes in several builds, `runtime/webgpu` and two for the CPU; only what runs is waited for. Finds its
 * files next to itself, so it runs wherever the folder lies.
 *
 * @import { Answer, Assets, Build, Fault, LungClassifierHandle, LungWeb, Reply, Request } from './element/protocol.js'
 */

/** The longer side of the picture sent back, in pixels: enough for any card, and bounded for a 32-megapixel file. */
const PICTURE_SIDE = 768;

/** No bundle of ours comes near this; a server that sends more is not sending a bundle. */
const BUNDLE_LIMIT = 64 * 1024 * 1024;

/**
 * The worker's global scope, as far as it is used.
 * @type {{
 *   postMessage(message: Reply, transfer?: Transferable[]): void,
 *   addEventListener: typeof globalThis.addEventListener,
 * }}
 */
const scope = /** @type {any} */ (globalThis);

/**
 * The build for this browser's CPU. Relaxed SIMD has a fused multiply-add; a browser that knows it accepts this module, which
 * has one function, `() -> v128`, that does nothing else.
 * @type {Build}
 */
const CPU = WebAssembly.validate(
  Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
    ...[0x03, 0x02, 0x01, 0x00],
    ...[0x0a, 0x13, 0x01, 0x11, 0x00],
    // Three times i32.const 0, i32x4.splat (any lanes would do), then f32x4.relaxed_madd.
    ...[0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11],
    ...[0xfd, 0x85, 0x02, 0x0b],
  ),
)
  ? 'cpu-relaxed'
  : 'cpu';

/** How much of a file has come; the total is null while the server has not said. @typedef {{ loaded: number, total: number | null }} Part */

/** @type {LungClassifierHandle | undefined} */
let classifier;

scope.addEventListener('message', (event) => {
  const request = /** @type {Request} */ (/** @type {MessageEvent} */ (event).data);
  if (request.type === 'start') void start(request);
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
async function start({ base, device, assets }) {
  const stock = new Stock(base, assets);
  try {
    let fallback = device === 'cpu' ? undefined : await noWebGpu();
    if (device !== 'cpu' && !fallback) {
      try {
        classifier = await launch('webgpu', stock);
      } catch (error) {
        if (faultOf(error)?.code !== 'webgpu-unavailable') throw error;
        fallback = faultOf(error)?.message;
      }
    }
    classifier ??= await launch(CPU, stock);
    const model = { id: stock.file.replace(/\.safetensors$/, ''), ...classifier.model };
    scope.postMessage({ type: 'ready', ready: { device: classifier.device, model, ...(fallback ? { fallback } : {}) } });
    // The page keeps what was downloaded, for the worker that replaces this one should it crash.
    stock.keep();
    // A GPU may be lost when there is no network any more.
    if (classifier.device === 'webgpu') stock.runtime(CPU).then(() => stock.keep(), () => {});
  } catch (error) {
    refused(error, device !== 'cpu', (fault) => scope.postMessage({ type: 'failed', fault }));
  }
}

/**
 * Starts a build. Its pipelines are compiled while the bundle arrives.
 * @param {Build} build
 * @param {Stock} stock
 */
async function launch(build, stock) {
  const prepared = (async () => {
    const [runtime, module] = await Promise.all([
      /** @type {Promise<LungWeb>} */ (import(new URL(`./runtime/${build}/lung_web.js`, import.meta.url).href)),
      stock.runtime(build),
    ]);
    await runtime.default({ module_or_path: module });
    await runtime.LungClassifier.prepare();
    return runtime;
  })();
  const [runtime, bundle] = await Promise.all([prepared, stock.bundle()]);
  scope.postMessage({ type: 'progress', progress: { stage: 'start', loaded: 0, total: null } });
  return runtime.LungClassifier.load(new Uint8Array(bundle), stock.file);
}

/**
 * Why there is no WebGPU here, in a sentence; undefined if there is.
 * @returns {Promise<string | undefined>}
 */
async function noWebGpu() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return 'This browser offers no WebGPU to this page.';
  const adapter = await gpu.requestAdapter().catch(() => null);
  return adapter ? undefined : 'This browser has WebGPU but found no graphics adapter for it.';
}

/** @param {Extract<Request, { type: 'classify' }>} request */
async function classify({ id, blob }) {
  try {
    if (!classifier) throw new Error('asked to classify before it was started');
    const bytes = await read(blob);
    const report = await classifier.classify(bytes);
    const picture = await pictureOf(classifier);
    /** @type {Answer} */
    const answer = { report, picture };
    scope.postMessage({ type: 'result', id, answer }, picture ? [picture] : []);
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

/**
 * The radiograph last classified, scaled down to what a card shows. Null where the browser cannot make one.
 * @param {LungClassifierHandle} from
 * @returns {Promise<ImageBitmap | null>}
 */
async function pictureOf(from) {
  const raw = from.picture;
  if (!raw) return null;
  const { width, height, data } = raw;
  const scale = Math.min(1, PICTURE_SIDE / Math.max(width, height));
  const image = new ImageData(/** @type {Uint8ClampedArray<ArrayBuffer>} */ (data), width, height);
  const bitmap = await createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: 'high',
  });
  return bitmap;
}

/** What is needed to start: each part fetched once, side by side, its bytes counted as they come. */
class Stock {
  /** The bundle's file name; known once the bundle is. */
  file = '';
  #base;
  /** @type {Partial<Record<Build, WebAssembly.Module>>} */
  #modules = {};
  /** @type {Map<Build, Promise<WebAssembly.Module>>} */
  #runtimes = new Map();
  /** @type {Promise<ArrayBuffer> | undefined} */
  #bundle;
  /** The bundle's bytes until the page has them. @type {ArrayBuffer | undefined} */
  #bytes;
  /** @type {Part[]} */
  #parts = [];
  #told = 0;

  /** @param {string} base address of the folder with `index.json`, ending in a slash @param {Assets} [assets] what is there already */
  constructor(base, assets) {
    this.#base = base;
    if (!assets) return;
    this.#modules = assets.modules;
    this.#bundle = Promise.resolve(assets.bundle);
    this.file = assets.file;
  }

  /**
   * A build of the WebAssembly, compiled while it arrives.
   * @param {Build} build
   * @returns {Promise<WebAssembly.Module>}
   */
  runtime(build) {
    let runtime = this.#runtimes.get(build);
    if (!runtime) this.#runtimes.set(build, (runtime = this.#downloadRuntime(build)));
    return runtime;
  }

  /** The bytes of the current bundle. */
  bundle() {
    return (this.#bundle ??= this.#downloadBundle());
  }

  /** Gives the page what there is by now, beyond what it has: the bundle is handed over, so nothing here has it afterwards. */
  keep() {
    const bundle = this.#bytes;
    this.#bytes = undefined;
    const assets = { modules: this.#modules, ...(bundle ? { bundle, file: this.file } : {}) };
    scope.postMessage({ type: 'assets', assets }, bundle ? [bundle] : []);
  }

  /** @param {number | null} total @returns {Part} */
  #part(total) {
    const part = { loaded: 0, total };
    this.#parts.push(part);
    return part;
  }

  #tell() {
    // Every chunk would be hundreds of messages a second; the last one always counts.
    const now = performance.now();
    const complete = this.#parts.every((part) => part.loaded === part.total);
    if (!complete && now - this.#told < 60) return;
    this.#told = now;
    const loaded = this.#parts.reduce((sum, part) => sum + part.loaded, 0);
    const total = this.#parts.reduce(
      (/** @type {number | null} */ sum, part) => (sum === null || part.total === null ? null : sum + part.total),
      0,
    );
    scope.postMessage({ type: 'progress', progress: { stage: 'download', loaded, total } });
  }

  /** @param {Build} build @returns {Promise<WebAssembly.Module>} */
  async #downloadRuntime(build) {
    const kept = this.#modules[build];
    if (kept) return kept;
    const part = this.#part(null);
    const response = await get(new URL(`./runtime/${build}/lung_web_bg.wasm`, import.meta.url).href, 'runtime');
    // Content-Length counts what travels: with a Content-Encoding it is not the size of what arrives here.
    const length = Number(response.headers.get('content-length'));
    if (length > 0 && !response.headers.get('content-encoding')) part.total = length;
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
          tell();
        },
      }),
    );
    try {
      const module = await WebAssembly.compileStreaming(
        new Response(counted, { headers: { 'content-type': 'application/wasm' } }),
      );
      this.#modules[build] = module;
      return module;
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw unreachable('runtime', error);
      throw {
        code: 'runtime-broken',
        message: 'The program part of the classifier arrived damaged, or this browser cannot run it.',
        advice: 'Reload the page; if it stays so, use a current version of Chrome, Edge, Firefox or Safari.',
      };
    }
  }

  /** @returns {Promise<ArrayBuffer>} */
  async #downloadBundle() {
    const part = this.#part(null);
    const { file, size } = await currentBundle(this.#base);
    part.total = size;
    this.#tell();
    const response = await get(new URL(file, this.#base).href, 'model');
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
      throw faultOf(error) ?? unreachable('model', error);
    }
    if (part.loaded < size)
      throw modelBroken(`The model file is incomplete: ${part.loaded} of ${size} bytes arrived.`);
    this.file = file;
    return (this.#bytes = bytes.buffer);
  }
}

/**
 * What `index.json` names as current.
 * @param {string} base
 */
async function currentBundle(base) {
  // The index is the one file that changes under its name: always ask whether it has.
  const response = await get(new URL('index.json', base).href, 'model', 'no-cache');
  /** @type {any} */
  let index;
  try {
    index = await response.json();
  } catch {
    throw indexBroken('it is not JSON');
  }
  const file = index?.current;
  // A bare name: an index must not point out of its own folder.
  if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) throw indexBroken('it names no current model');
  const entry = Array.isArray(index.models)
    ? index.models.find((/** @type {any} */ model) => model?.file === file)
    : undefined;
  const size = entry?.bytes;
  if (!Number.isSafeInteger(size) || size <= 0 || size > BUNDLE_LIMIT)
    throw indexBroken(`it gives no usable size for ${file}`);
  return { file, size };
}

/**
 * A successful response, or a fault that names what was missing.
 * @param {string} url
 * @param {'runtime' | 'model'} what
 * @param {RequestCache} [cache]
 */
async function get(url, what, cache = 'default') {
  let response;
  try {
    response = await fetch(url, { cache });
  } catch (error) {
    throw unreachable(what, error);
  }
  if (response.ok) return response;
  throw {
    code: `${what}-missing`,
    message: `The server has no ${decodeURIComponent(new URL(url).pathname.split('/').pop() ?? '')} (status ${response.status}).`,
    advice: 'Tell whoever runs this page that its installation is incomplete, or try again later.',
  };
}

/** @param {Response} response @returns {ReadableStream<Uint8Array<ArrayBuffer>>} */
function body(response) {
  return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
}

/** @param {'runtime' | 'model'} what @param {unknown} error @returns {Fault} */
function unreachable(what, error) {
  return {
    code: `${what}-unreachable`,
    message: `The download of the ${what === 'model' ? 'model' : 'classifier'} broke off (${error instanceof Error ? error.message : String(error)}).`,
    advice: 'Check the connection and try again.',
  };
}

/** @param {string} message @returns {Fault} */
function modelBroken(message) {
  return { code: 'model-broken', message, advice: 'Reload the page to download it again.' };
}

/** @param {string} why @returns {Fault} */
function indexBroken(why) {
  return {
    code: 'model-index-broken',
    message: `The list of models cannot be used: ${why}.`,
    advice: 'Tell whoever runs this page that models/index.json is damaged.',
  };
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
