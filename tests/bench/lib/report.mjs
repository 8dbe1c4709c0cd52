// @ts-check
/** Ratios, and tables of what has been measured. */

import { EARLY } from './over-time.mjs';
import { median, quantile } from './statistics.mjs';

/** @typedef {import('./contest.mjs').Measured} Measured */
/** @typedef {import('./over-time.mjs').OverTime} OverTime */

/** The times that a kind of row is about. @type {Record<import('./rows.mjs').Row['kind'], (measured: Measured) => number[]>} */
const TIMES = {
  warm: ({ warm_runs_ms }) => warm_runs_ms,
  first: ({ first_runs_ms }) => first_runs_ms,
  slow: ({ slow_runs_ms }) => slow_runs_ms,
};

/**
 * Our median over that of the fastest peer, and both; `null` where either is missing.
 * @param {Measured[]} all
 * @param {import('./rows.mjs').Row} row
 */
export function outcome(all, { group, kind }) {
  const entries = all
    .filter((measured) => measured.group === group)
    .map((measured) => ({ label: measured.label, ours: measured.ours, ms: median(TIMES[kind](measured)) }))
    .filter(({ ms }) => Number.isFinite(ms) && ms > 0);
  const own = entries.find(({ ours }) => ours);
  const [best] = entries.filter(({ ours }) => !ours).sort((a, b) => a.ms - b.ms);
  if (!own || !best) return null;
  return { ratio: own.ms / best.ms, ours_ms: own.ms, best: best.label, best_ms: best.ms };
}

/** @param {number | null | undefined} value */
const number = (value, digits = 1) => (value === null || value === undefined || !Number.isFinite(value) ? '-' : value.toFixed(digits));

/** @param {Measured[]} all */
export function table(all) {
  const lines = [
    ['engine', 'code MB', 'model MB', 'first ms', '20 Mbit/s', 'warm ms', 'p95 ms', 'dispatches', 'peak MB'],
    ...all.map((measured) => [
      measured.label,
      number(measured.bytes_brotli && measured.bytes_brotli.code / 1e6, 2),
      number(measured.bytes_brotli && measured.bytes_brotli.model / 1e6, 2),
      number(median(measured.first_runs_ms), 0),
      number(median(measured.slow_runs_ms), 0),
      number(median(measured.warm_runs_ms)),
      number(quantile(measured.warm_runs_ms, 0.95)),
      number(measured.dispatches, 0),
      number(measured.peak_bytes && measured.peak_bytes / 1e6, 0),
    ]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  for (const line of lines) console.log(line.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  '));
}

/** @param {OverTime[]} memory */
export function memoryLines(memory) {
  for (const { id, images, ...samples } of memory)
    for (const [what, values, growth] of /** @type {const} */ ([
      ['memory', samples.bytes, samples.growth],
      ['JavaScript heap', samples.heap, samples.heap_growth],
    ])) {
      const after = (/** @type {number} */ count) => `${number((values[images.indexOf(count)] ?? NaN) / 1e6)} MB after ${count} images`;
      console.log(
        `${what} of ${id}: ${after(EARLY)}, ${after(images.at(-1) ?? NaN)}` +
          (growth === null ? '' : `: ${growth < 0 ? '' : '+'}${(growth * 100).toFixed(1)}%`),
      );
    }
}
