// @ts-check
/** The engines that are compared, and the page of each. */

import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Engine
 * @property {string} id
 * @property {string} label how the table calls it
 * @property {'cpu' | 'webgpu'} device
 * @property {boolean} ours
 * @property {string} script the adapter in `engines/`
 * @property {string} [query] for the adapter
 * @property {string} head what an embedder writes into the page's head
 */

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));

/** What the server has under the first part of a path. @param {string} dist the built page */
export const folders = (dist) => ({
  ours: dist,
  engines: fileURLToPath(new URL('../engines/', import.meta.url)),
  onnxruntime: `${modules}onnxruntime-web/dist`,
  'tfjs-core': `${modules}@tensorflow/tfjs-core/dist`,
  'tfjs-webgpu': `${modules}@tensorflow/tfjs-backend-webgpu/dist`,
  // The script and the wasm files of the backend lie in two folders.
  'tfjs-wasm-js': `${modules}@tensorflow/tfjs-backend-wasm/dist`,
  'tfjs-wasm': `${modules}@tensorflow/tfjs-backend-wasm/wasm-out`,
});

/** @param {string} id @param {string} label @param {Engine['device']} device @param {string} bundle @returns {Engine} */
const onnxruntime = (id, label, device, bundle) => ({
  id,
  label,
  device,
  ours: false,
  script: 'onnxruntime.js',
  query: `module=/onnxruntime/${bundle}`,
  head: `<link rel="modulepreload" href="/onnxruntime/${bundle}">`,
});

/** @param {string} id @param {string} label @param {Engine['device']} device @param {string} backend @returns {Engine} */
const tensorflow = (id, label, device, backend) => ({
  id,
  label,
  device,
  ours: false,
  script: 'tfjs.js',
  head:
    '<script src="/tfjs-core/tf-core.es2017.min.js" defer></script>' + `<script src="${backend}" defer></script>`,
});

/** @param {Engine['device']} device @param {string} label @returns {Engine} */
const ours = (device, label) => ({
  id: `ours-${device}`,
  label,
  device,
  ours: true,
  script: 'ours.js',
  head:
    `<script type="module" async src="/ours/element/start.js" data-device="${device}"></script>` +
    '<link rel="modulepreload" href="/ours/element/download.js">' +
    '<link rel="preload" as="fetch" crossorigin href="/ours/models/index.json">',
});

/** @type {Engine[]} */
export const ENGINES = [
  ours('cpu', 'ours, CPU'),
  onnxruntime('ort-wasm', 'onnxruntime-web, wasm', 'cpu', 'ort.wasm.bundle.min.mjs'),
  tensorflow('tfjs-wasm', 'TensorFlow.js, wasm', 'cpu', '/tfjs-wasm-js/tf-backend-wasm.es2017.min.js'),
  ours('webgpu', 'ours, WebGPU'),
  onnxruntime('ort-webgpu', 'onnxruntime-web, WebGPU', 'webgpu', 'ort.webgpu.bundle.min.mjs'),
  // The same with JavaScript promise integration instead of a rewritten wasm: smaller, where the browser has it.
  onnxruntime('ort-webgpu-jspi', 'onnxruntime-web, WebGPU, JSPI', 'webgpu', 'ort.jspi.bundle.min.mjs'),
  tensorflow('tfjs-webgpu', 'TensorFlow.js, WebGPU', 'webgpu', '/tfjs-webgpu/tf-backend-webgpu.es2017.min.js'),
];

/** @param {Engine} engine */
export const path = ({ id, device, query }) => `/${id}.html?device=${device}${query ? `&${query}` : ''}`;

/** The page of each engine, by path. */
export const pages = () =>
  Object.fromEntries(
    ENGINES.map(({ id, head, script }) => [
      `/${id}.html`,
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${id}</title>` +
        `<link rel="icon" href="data:,">${head}` +
        `<script type="module" src="/engines/${script}"></script></head><body></body></html>\n`,
    ]),
  );

/**
 * What of a page's requests is whose: the engine's code, the model, or the bench's own.
 * @param {string} path @returns {'code' | 'model' | 'bench'}
 */
export function kind(path) {
  if (path === '/model.onnx' || path === '/model.safetensors' || path.startsWith('/ours/models/')) return 'model';
  if (path.startsWith('/engines/') || path.startsWith('/input') || path.endsWith('.html')) return 'bench';
  return 'code';
}
