// @ts-check
/**
 * Numbers and names as a reader wants them; a number and its unit stay on one line.
 *
 * @import { Device, Finding, Report } from './protocol.js'
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

/** The share of images for which a prediction set names the right finding, among others or alone. */
const COVERAGE = '90\u00a0%';

/** What is said of an image that the network does not know the like of. */
export const UNLIKE = 'This does not look like a frontal chest X-ray.';

/** Whether the network does not know the like of it. @param {Pick<Report, 'in_distribution'>} report */
export function unlike({ in_distribution }) {
  return in_distribution?.accepted === false;
}

/** `Normal or lung opacity: the model cannot tell these apart at 90 %.` @param {Finding[]} set */
export function setWords(set) {
  const names = FINDINGS.filter(([finding]) => set.includes(finding)).map(([, words]) => words);
  if (names.length === FINDINGS.length) return `Any of the three: the model cannot tell them apart at ${COVERAGE}.`;
  if (names.length > 1) return `${either(names)}: the model cannot tell these apart at ${COVERAGE}.`;
  if (names.length === 1) return `${names[0]} alone: the model rules the others out at ${COVERAGE}.`;
  return `None of the three: the model rules them all out at ${COVERAGE}.`;
}

/** A report in a line: `Lung opacity 52.3 %, or normal`. @param {Pick<Report, 'finding' | 'probabilities' | 'prediction_set' | 'in_distribution'>} report */
export function outcomeWords(report) {
  if (unlike(report)) return UNLIKE;
  const { finding, probabilities, prediction_set } = report;
  const others = FINDINGS.filter(([name]) => name !== finding && prediction_set?.includes(name));
  return [`${findingWords(finding)} ${percent(probabilities[finding])}`, ...others.map(([, words]) => `or ${lower(words)}`)].join(', ');
}

/** @param {string[]} names */
function either([first, ...others]) {
  return [first, ...others.map(lower)].join(' or ');
}

/** @param {string} words */
function lower(words) {
  return words[0].toLowerCase() + words.slice(1);
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
