// @ts-check
/** The engines that are compared, and the page of each. */

import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Engine
 * @property {string} id
 * @property {string} label how the table calls it
 * @property {Group} group those it is compared with
 * @property {'cpu' | 'webgpu'} device
 * @property {boolean} ours
 * @property {number} threads
 * @property {string} script the adapter in `engines/`
 * @property {string} [query] for the adapter
 * @property {string} head what an embedder writes into the page's head
 * @property {boolean} [slow] far from the fastest of its group: left out of a quick run
 */

/** On the CPU with one thread; with all, on a page that is cross-origin isolated; on WebGPU. @typedef {'cpu' | 'threads' | 'webgpu'} Group */

/** @type {Group[]} */
export const GROUPS = ['cpu', 'threads', 'webgpu'];

const THREADS = cpus().length;

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));

/** What the server has under the first part of a path. @param {string} dist the built page */
export const folders = (dist) => ({
  ours: dist,
  engines: fileURLToPath(new URL('../engines/', import.meta.url)),
  onnxruntime: `${modules}onnxruntime-web/dist`,
  litert: `${modules}@litertjs/core/dist`,
  'litert-utils': `${modules}@litertjs/wasm-utils/dist`,
  'litert-wasm': `${modules}@litertjs/core/wasm`,
  'tfjs-core': `${modules}@tensorflow/tfjs-core/dist`,
  'tfjs-webgpu': `${modules}@tensorflow/tfjs-backend-webgpu/dist`,
  // The script and the wasm files of the backend lie in two folders.
  'tfjs-wasm-js': `${modules}@tensorflow/tfjs-backend-wasm/dist`,
  'tfjs-wasm': `${modules}@tensorflow/tfjs-backend-wasm/wasm-out`,
});

/** @param {Group} group @returns {Pick<Engine, 'group' | 'device' | 'threads'>} */
const place = (group) => ({
  group,
  device: group === 'webgpu' ? 'webgpu' : 'cpu',
  threads: group === 'threads' ? THREADS : 1,
});

/** @param {string} id @param {string} label @param {Group} group @param {string} bundle @returns {Engine} */
const onnxruntime = (id, label, group, bundle) => ({
  id,
  label,
  ...place(group),
  ours: false,
  script: 'onnxruntime.js',
  query: `module=/onnxruntime/${bundle}`,
  head: `<link rel="modulepreload" href="/onnxruntime/${bundle}">`,
  slow: true,
});

/** @param {string} id @param {string} label @param {Group} group @param {string} build @returns {Engine} */
const litert = (id, label, group, build) => ({
  id,
  label,
  ...place(group),
  ours: false,
  script: 'litert.js',
  ...(build.includes('jspi') && { query: 'jspi' }),
  head:
    '<script type="importmap">{"imports":{"@litertjs/core":"/litert/index.js","@litertjs/wasm-utils":"/litert-utils/index.js"}}</script>' +
    '<link rel="modulepreload" href="/litert/index.js"><link rel="modulepreload" href="/litert-utils/index.js">' +
    `<link rel="preload" as="script" crossorigin="anonymous" href="/litert-wasm/${build}.js">`,
});

/** @param {string} id @param {string} label @param {Group} group @param {string} backend @returns {Engine} */
const tensorflow = (id, label, group, backend) => ({
  id,
  label,
  ...place(group),
  ours: false,
  script: 'tfjs.js',
  head:
    // It uses at most half of the cores: on two it would silently stay at one thread.
    (group === 'threads' ? `<script>Object.defineProperty(navigator,'hardwareConcurrency',{value:${2 * THREADS}})</script>` : '') +
    `<script src="/tfjs-core/tf-core.es2017.min.js" defer></script><script src="${backend}" defer></script>`,
});

/** @param {string} id @param {string} label @param {Group} group @returns {Engine} */
const ours = (id, label, group) => ({
  id,
  label,
  ...place(group),
  ours: true,
  script: 'ours.js',
  head:
    `<script type="module" async src="/ours/element/start.js" data-device="${place(group).device}"></script>` +
    '<link rel="modulepreload" href="/ours/element/download.js">' +
    '<link rel="modulepreload" href="/ours/element/lung-xray-classifier.js">' +
    '<link rel="preload" as="fetch" crossorigin href="/ours/models/index.json">',
});

const ORT = 'ort.wasm.bundle.min.mjs';
const TFJS = '/tfjs-wasm-js/tf-backend-wasm.es2017.min.js';

/** @type {Engine[]} */
export const ENGINES = [
  ours('ours-cpu', 'ours, CPU', 'cpu'),
  litert('litert-wasm', 'LiteRT.js, wasm', 'cpu', 'litert_wasm_internal'),
  tensorflow('tfjs-wasm', 'TensorFlow.js, wasm', 'cpu', TFJS),
  onnxruntime('ort-wasm', 'onnxruntime-web, wasm', 'cpu', ORT),
  ours('ours-threads', 'ours, CPU, isolated', 'threads'),
  litert('litert-threads', `LiteRT.js, wasm, ${THREADS} threads`, 'threads', 'litert_wasm_threaded_internal'),
  tensorflow('tfjs-threads', `TensorFlow.js, wasm, ${THREADS} threads`, 'threads', TFJS),
  onnxruntime('ort-threads', `onnxruntime-web, wasm, ${THREADS} threads`, 'threads', ORT),
  ours('ours-webgpu', 'ours, WebGPU', 'webgpu'),
  litert('litert-webgpu', 'LiteRT.js, WebGPU', 'webgpu', 'litert_wasm_internal'),
  { ...litert('litert-webgpu-jspi', 'LiteRT.js, WebGPU, JSPI', 'webgpu', 'litert_wasm_jspi_internal'), slow: true },
  {
    ...tensorflow('tfjs-webgpu', 'TensorFlow.js, WebGPU', 'webgpu', '/tfjs-webgpu/tf-backend-webgpu.es2017.min.js'),
    slow: true,
  },
  onnxruntime('ort-webgpu', 'onnxruntime-web, WebGPU', 'webgpu', 'ort.webgpu.bundle.min.mjs'),
  // The same with JavaScript promise integration instead of a rewritten wasm: smaller, where the browser has it.
  onnxruntime('ort-webgpu-jspi', 'onnxruntime-web, WebGPU, JSPI', 'webgpu', 'ort.jspi.bundle.min.mjs'),
];

/** @param {Engine} engine */
export const path = ({ id, device, threads, query }) => `/${id}.html?device=${device}&threads=${threads}${query ? `&${query}` : ''}`;

/** The page of each engine, by path. */
export const pages = () =>
  Object.fromEntries(
    ENGINES.map(({ id, head, script }) => [
      `/${id}.html`,
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${id}</title>` +
        // Its import map must come before any module.
        `<link rel="icon" href="data:,">${head}<link rel="modulepreload" href="/engines/page.js">` +
        (script === 'litert.js' || script === 'tfjs.js' ? '<link rel="modulepreload" href="/engines/bundle.js">' : '') +
        `<script type="module" src="/engines/${script}"></script></head><body></body></html>\n`,
    ]),
  );

/**
 * What of a page's requests is whose: the engine's code, the model, or the bench's own.
 * @param {string} path @returns {'code' | 'model' | 'bench'}
 */
export function kind(path) {
  if (path.startsWith('/model.') || path.startsWith('/ours/models/')) return 'model';
  if (path.startsWith('/engines/') || path.startsWith('/input') || path.endsWith('.html')) return 'bench';
  return 'code';
}
