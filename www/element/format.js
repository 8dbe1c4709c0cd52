// @ts-check
/**
 * Numbers and names as a reader wants them; a number and its unit stay on one line.
 *
 * @import { Device, Finding } from './protocol.js'
 */

/** The findings in the order they are shown, with their words. @type {ReadonlyArray<readonly [Finding, string]>} */
export const FINDINGS = [
  ['Normal', 'Normal'],
  ['Lung_Opacity', 'Lung opacity'],
  ['Viral Pneumonia', 'Viral pneumonia'],
];

/** @param {Finding} finding */
export function findingWords(finding) {
  return FINDINGS.find(([name]) => name === finding)?.[1] ?? finding;
}

/** @param {Device} device */
export function deviceWords(device) {
  return device === 'webgpu' ? 'WebGPU' : 'CPU (WebAssembly SIMD)';
}

/** `0.4567` -> `45.7 %`; never a full `100 %` or a bare `0 %`, which no network knows. @param {number} share */
export function percent(share) {
  if (share > 0.999) return '>\u00a099.9\u00a0%';
  if (share < 0.001) return '<\u00a00.1\u00a0%';
  return `${(share * 100).toFixed(1)}\u00a0%`;
}

/** `1234567` -> `1.2 MB`. @param {number} bytes */
export function megabytes(bytes) {
  return bytes < 100_000
    ? `${Math.max(bytes > 0 ? 1 : 0, Math.round(bytes / 1000))}\u00a0kB`
    : `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}

/** `1.2 of 4.6 MB`, or what has arrived while the whole is unknown. @param {number} loaded @param {number | null} total */
export function share(loaded, total) {
  if (total === null) return megabytes(loaded);
  return total < 100_000
    ? `${megabytes(loaded)} of ${megabytes(total)}`
    : `${(loaded / 1e6).toFixed(1)} of ${megabytes(total)}`;
}

/** `3.21` -> `3.2 ms`, `1234` -> `1.23 s`. @param {number} ms */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)}\u00a0s`;
  return ms >= 10 ? `${Math.round(ms)}\u00a0ms` : `${ms.toFixed(1)}\u00a0ms`;
}
