// @ts-check
/** What can be measured in the browser: each row is a ratio of our time to that of the fastest peer. */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {import('./engines.mjs').Group} group
 * @property {'warm' | 'first' | 'slow'} kind warm runs, cold starts, or cold starts over a slow line
 */

/** @type {Row[]} */
export const ROWS = [
  { id: 'cpu_warm', group: 'cpu', kind: 'warm' },
  { id: 'cpu_threads_warm', group: 'threads', kind: 'warm' },
  { id: 'cpu_first', group: 'cpu', kind: 'first' },
  { id: 'cpu_first_20mbit', group: 'cpu', kind: 'slow' },
  { id: 'webgpu_warm', group: 'webgpu', kind: 'warm' },
  { id: 'webgpu_first', group: 'webgpu', kind: 'first' },
];

/** The line of the slow cold starts. */
export const MBIT = 20;
