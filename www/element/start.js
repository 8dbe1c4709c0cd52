// @ts-check
/**
 * The first moments of a classifier: a worker, and the downloads for it. A page that is to answer soon begins them from its
 * head, while the element is still on its way:
 *
 *     <script type="module" async src="element/start.js"></script>
 *
 * Its attributes `data-src` and `data-device` are `src` and `device` of the element that will use it; `data-device-parameter`
 * names a parameter of the page's address that has the device. Without that script the element begins by itself.
 *
 * @import { Bundle } from './download.js'
 * @import { Build, DeviceWish, Fallback, Fault, Reply, Request } from './protocol.js'
 */

import { assets, isPage, pageInstead, refusedWith, Stock, whyUnreachable } from './download.js';

/** `i32.const 0, i32x4.splat`: a vector. */
const VECTOR = [0x41, 0x00, 0xfd, 0x11];

/**
 * The build for this browser's CPU. Relaxed SIMD has a fused multiply-add, `f32x4.relaxed_madd` of three vectors (any lanes
 * would do), which other browsers refuse.
 * @type {Build}
 */
const CPU = accepts([...VECTOR, ...VECTOR, ...VECTOR, 0xfd, 0x85, 0x02]) ? 'cpu-relaxed' : 'cpu';

/** The policy of trusted types by which workers begin; made once. @type {{ createScriptURL(url: string): any } | undefined} */
let policy;

/** Whether the browser accepts a module with one function, `() -> v128`, of these instructions. @param {number[]} code */
function accepts(code) {
  return globalThis.WebAssembly?.validate(
    Uint8Array.of(
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
      ...[0x03, 0x02, 0x01, 0x00],
      ...[0x0a, code.length + 4, 0x01, code.length + 2, 0x00, ...code, 0x0b],
    ),
  );
}

/** A worker that is being started. */
export class Start {
  /** Why it is not WebGPU; known once it is supplied. @type {Fallback | undefined} */
  fallback;
  /** What the worker has said before anybody listened. @type {Array<MessageEvent<Reply> | ErrorEvent> | null} */
  #heard = [];
  /** @type {(event: MessageEvent<Reply> | ErrorEvent) => void} */
  #listener = (event) => this.#heard?.push(event);

  /** @param {Stock} stock @param {DeviceWish} device @param {Promise<Bundle>} [lent] for a worker beside another: it gets a copy */
  constructor(stock, device, lent) {
    this.stock = stock;
    const url = new URL('worker.js', assets.folder);
    // The one that failed may lie damaged in a cache.
    if (stock.failed) url.search = `?fetched=${Date.now()}`;
    this.worker = spawn(url);
    this.worker.addEventListener('message', (event) => this.#hear(event));
    // Of one beside another nobody asks why it did not start.
    this.worker.addEventListener('error', (event) => void (lent ? this.#listener(event) : this.#explain(event, url.href)));
    /** Settles when the worker has all that it needs; rejects with a `Fault`. */
    this.supplied = this.#supply(device, lent);
    this.supplied.catch(() => {});
  }

  /** Hears what the worker says, from its first word. @param {(event: MessageEvent<Reply> | ErrorEvent) => void} listener */
  listen(listener) {
    this.#listener = listener;
    for (const event of this.#heard ?? []) listener(event);
    this.#heard = null;
  }

  /** @param {MessageEvent<Reply>} event */
  #hear(event) {
    const { data } = event;
    if (data.type !== 'damaged') return this.#listener(event);
    this.stock.replaceBundle(data.fault).then(
      ({ bytes, file }) => this.#send({ type: 'bundle', bytes, file }, [bytes]),
      (fault) => this.#fail(fault),
    );
  }

  /** A worker that says nothing of why it ended has no script: why not, is found out. @param {ErrorEvent} event @param {string} url */
  async #explain(event, url) {
    if (event.message) return this.#listener(event);
    event.preventDefault();
    const fault = await whyNoScript(url);
    if (fault) this.#fail(fault);
    else this.#listener(event);
  }

  /** @param {Fault} fault */
  #fail(fault) {
    this.#listener(new MessageEvent('message', { data: { type: 'failed', fault } }));
  }

  /** @param {DeviceWish} device @param {Promise<Bundle>} [lent] */
  async #supply(device, lent) {
    // Every build has SIMD in it: what cannot run is not downloaded.
    if (!globalThis.WebAssembly) throw noWasm();
    if (!accepts(VECTOR)) throw noSimd();
    if (!mayCompile()) throw policyOfWasm();
    // The longest download begins before anything is asked of the GPU.
    const bundle = lent ?? this.stock.takeBundle();
    bundle.catch(() => {});
    // Whoever asks for WebGPU has an adapter, as a rule: finding it takes as long as the build takes to arrive.
    const expected = device === 'webgpu' && 'gpu' in navigator ? this.stock.module('webgpu') : undefined;
    expected?.catch(() => {});
    this.fallback = device === 'cpu' ? undefined : await noWebGpu(device);
    /** @type {Build} */
    const build = device === 'cpu' || this.fallback ? CPU : 'webgpu';
    this.#send({ type: 'start', build });
    await Promise.all([
      (build === 'webgpu' && expected ? expected : this.stock.module(build)).then((module) => this.#send({ type: 'module', module })),
      bundle.then(({ bytes, file }) => this.#send({ type: 'bundle', bytes, file }, lent ? [] : [bytes])),
    ]);
  }

  /** @param {Request} request @param {Transferable[]} [transfer] */
  #send(request, transfer = []) {
    this.worker.postMessage(request, transfer);
  }
}

/** @type {{ start: Start, base: string, device: DeviceWish } | undefined} */
let early = begin();

/** What the page has begun for this model folder and device, if nobody has taken it. @param {string} base @param {DeviceWish} device */
export function takeEarly(base, device) {
  if (early?.base !== base || early.device !== device) return undefined;
  const { start } = early;
  early = undefined;
  return start;
}

/** The address of the model folder, ending in a slash. @param {string | null} [src] the element's attribute */
export function modelFolder(src = null) {
  const url = new URL(src ?? 'models/', src === null ? assets.folder : document.baseURI);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}

/**
 * Does what can wait when the page has nothing else to do.
 * @param {() => void} act
 * @param {number} [timeout] how long it waits at most, in milliseconds
 */
export function whenIdle(act, timeout = 1000) {
  if ('requestIdleCallback' in globalThis) requestIdleCallback(act, { timeout });
  else setTimeout(act, 1);
}

/** @param {string | null} [value] @returns {DeviceWish} */
export function deviceWish(value) {
  return value === 'webgpu' || value === 'cpu' ? value : 'auto';
}

/** Begins if a script element of the page asks for it: one for this module, not for a bundle that has swallowed it. */
function begin() {
  if (!/\/start[^/]*\.js$/.test(new URL(import.meta.url).pathname)) return undefined;
  const script = [...document.scripts].find(({ src }) => src === import.meta.url);
  if (!script) return undefined;
  const { src, device, deviceParameter } = script.dataset;
  const asked = deviceParameter === undefined ? null : new URLSearchParams(location.search).get(deviceParameter);
  const base = modelFolder(src);
  const wish = deviceWish(asked ?? device);
  return { start: new Start(new Stock(base), wish), base, device: wish };
}

/**
 * The worker. A script of another origin may not be one, but may be imported by one; and in a sandboxed frame every script is of
 * another origin.
 * @param {URL} url
 */
function spawn(url) {
  const name = 'lung-xray-classifier';
  try {
    if (url.origin === globalThis.origin) return new Worker(trusted(url.href), { type: 'module', name });
    const text = `(${shim})(${JSON.stringify(url.href)})`;
    // Not a module: in a sandboxed frame Chromium 156 starts none from such an address.
    return new Worker(trusted(URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))), { name });
  } catch (error) {
    throw noWorker(error);
  }
}

/** The address of a script of ours, for a page that takes only trusted ones: `require-trusted-types-for 'script'`. @param {string} url */
function trusted(url) {
  policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy('lung-xray-classifier', { createScriptURL: (/** @type {string} */ url) => url });
  return policy ? policy.createScriptURL(url) : url;
}

/**
 * What a worker does that imports the worker; it runs there, not here. Nothing is lost of what it is told in the meantime.
 * @param {string} url
 */
async function shim(url) {
  /** @type {MessageEvent[]} */
  const heard = [];
  const hear = (/** @type {MessageEvent} */ event) => heard.push(event);
  addEventListener('message', hear);
  try {
    await import(url);
    removeEventListener('message', hear);
    for (const { data } of heard) dispatchEvent(new MessageEvent('message', { data }));
  } catch (error) {
    reportError(error);
  }
}

/** @param {unknown} error @returns {Fault} */
function noWorker(error) {
  return {
    code: 'worker-refused',
    message: `The browser does not let this page start the classifier's worker (${error instanceof Error ? error.message : String(error)}).`,
    advice:
      "Tell whoever runs this page that its content security policy needs worker-src 'self' blob:, and trusted-types lung-xray-classifier if it names any.",
  };
}

/** Why a script does not arrive; undefined where it does. @param {string} url @returns {Promise<Fault | undefined>} */
async function whyNoScript(url) {
  try {
    const response = await fetch(url, { cache: 'reload' });
    const { ok, status } = response;
    if (ok) return isPage(response) ? pageInstead(url) : undefined;
    return refusedWith('runtime', url, status);
  } catch (error) {
    return whyUnreachable('runtime', url, error);
  }
}

/** Whether the page's policy lets WebAssembly be compiled; there is no other way to ask. */
function mayCompile() {
  try {
    return Boolean(new WebAssembly.Module(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)));
  } catch {
    return false;
  }
}

/** @returns {Fault} */
function policyOfWasm() {
  return {
    code: 'policy-wasm',
    message: 'The security policy of this page does not allow WebAssembly, which the classifier is.',
    advice: "Tell whoever runs this page that its content security policy needs script-src 'wasm-unsafe-eval'.",
  };
}

/** @returns {Fault} */
function noWasm() {
  return {
    code: 'no-wasm',
    message: 'WebAssembly is switched off in this browser, and the classifier needs it.',
    advice: 'Switch it on, or off what blocks it: a lockdown or enhanced security mode. Or use another browser.',
  };
}

/** @returns {Fault} */
function noSimd() {
  return {
    code: 'no-simd',
    message: 'This browser cannot run the classifier: it has no WebAssembly with SIMD.',
    advice: 'Use a current version of Chrome, Edge, Firefox or Safari.',
  };
}

/** Graphics adapters in software, by what browsers call them. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/**
 * Why the network does not run on WebGPU here; undefined if it does. An adapter in software is only taken by those who ask for
 * WebGPU: the same processor is more than ten times as fast on the build for the CPU.
 * @param {DeviceWish} wish
 * @returns {Promise<Fallback | undefined>}
 */
async function noWebGpu(wish) {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return { fallback: 'This browser offers no WebGPU to this page.', fallbackCode: 'no-webgpu' };
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) return { fallback: 'This browser has WebGPU but found no graphics adapter for it.', fallbackCode: 'no-adapter' };
  if (wish === 'webgpu' || !inSoftware(adapter)) return undefined;
  return { fallback: 'WebGPU is only emulated here, which is slower than the CPU.', fallbackCode: 'software-adapter' };
}

/** Whether a graphics adapter is the processor. Browsers say so in the adapter, in its info, or by its name alone. @param {any} adapter */
function inSoftware({ isFallbackAdapter, info = {} }) {
  const { vendor = '', architecture = '', device = '', description = '' } = info;
  return isFallbackAdapter === true || info.isFallbackAdapter === true || SOFTWARE.test([vendor, architecture, device, description].join(' '));
}
