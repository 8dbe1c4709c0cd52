// @ts-check
/** The engines of one group: opened, compared, weighed, and timed in turns. */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { open } from './browser.mjs';
import { kind, path } from './engines.mjs';
import { MBIT } from './rows.mjs';
import { takeTurns } from './turns.mjs';

/** Largest difference of a probability between engines: f32 sums in other orders. */
const TOLERANCE = 1e-3;
/** Warm runs before any is timed: engines compile and tune at first use. */
const UNTIMED = 3;
/** Timed runs of a CPU engine in a turn, after one untimed that brings its data back into the caches. */
const CPU_BURST = 3;
/** Milliseconds after the first result in which an engine may go on downloading. */
const SETTLE = 1000;
/** Our worker, and the script that counts dispatches. */
const WORKER = '/ours/worker.js';
const COUNTER = new URL('../engines/count.js', import.meta.url);

/** @typedef {import('./engines.mjs').Engine} Engine */
/** @typedef {Awaited<ReturnType<typeof open>>} Opened */
/** @typedef {Awaited<ReturnType<typeof import('./server.mjs').serve>>} Site */

/**
 * What has been measured of an engine.
 * @typedef {object} Measured
 * @property {string} id
 * @property {string} label
 * @property {string} group
 * @property {string} device
 * @property {number} threads
 * @property {boolean} ours
 * @property {{ code: number, model: number } | null} bytes_brotli
 * @property {number[]} first_runs_ms
 * @property {number[]} slow_runs_ms
 * @property {number[]} warm_runs_ms
 * @property {number | null} dispatches
 * @property {number | null} peak_bytes
 * @property {number[]} probabilities
 * @property {string[]} files
 */

/**
 * @typedef {object} Options
 * @property {string} chrome path of the browser
 * @property {'software' | 'hardware'} gpu
 * @property {Set<'warm' | 'first' | 'slow'>} kinds what is measured
 * @property {number} rounds of warm runs
 * @property {number} cold rounds of cold starts
 * @property {((content: Buffer) => Promise<number>) | null} brotli the size of a file, where sizes are asked for
 * @property {(what: string) => void} say
 */

/**
 * @param {Engine[]} engines of one group
 * @param {Site} site
 * @param {Options} options
 * @returns {Promise<Measured[]>}
 */
export async function contest(engines, site, options) {
  const { kinds, say } = options;
  const contestants = engines.map((engine) => ({ engine, measured: blank(engine), opened: /** @type {Opened | null} */ (null) }));

  /** @param {Engine} engine @param {Partial<Parameters<typeof open>[2]>} [more] */
  const start = (engine, more = {}) =>
    open(options.chrome, site.url + path(engine), { gpu: options.gpu, ...more }).catch((error) => {
      throw new Error(`${engine.label}: ${error.message}`);
    });

  try {
    // Ours computes in a worker, which the browser lets nobody reach before its script runs.
    site.preludes[WORKER] = await readFile(COUNTER, 'utf8');
    for (const contestant of contestants) {
      const { engine, measured } = contestant;
      site.asked.length = 0;
      contestant.opened = await start(engine, { count: engine.device === 'webgpu' });
      // Some of a first visit's downloads may still be under way when the first result is there.
      if (options.brotli) await sleep(SETTLE);
      measured.files = [...new Set(site.asked)].filter((file) => kind(file) !== 'bench').sort();
      const { run, first } = contestant.opened.first;
      measured.probabilities = run.probabilities;
      const said = run.probabilities.map((probability) => probability.toFixed(5)).join(' ');
      say(`${engine.label}: ${said}, first result after ${first.toFixed(0)} ms`);
    }
    compare(contestants.map(({ measured }) => measured));
    delete site.preludes[WORKER];
    if (options.brotli) await weigh(contestants, site, options.brotli);
    if (kinds.has('warm')) await warm(contestants, options.rounds);
  } finally {
    delete site.preludes[WORKER];
    for (const { opened } of contestants) await opened?.close();
  }

  // A browser that has seen nothing, from navigation to the first result.
  const cold = async (/** @type {Engine} */ engine) => {
    const browser = await start(engine);
    await browser.close();
    return browser.first.first;
  };
  const starts = (/** @type {'first_runs_ms' | 'slow_runs_ms'} */ times) =>
    takeTurns(
      contestants,
      options.cold,
      ({ measured }) => measured[times],
      async ({ engine, measured }) => {
        measured[times].push(await cold(engine));
      },
    );
  if (kinds.has('first')) await starts('first_runs_ms');
  if (kinds.has('slow')) {
    // The input is what a user has, and our PNG is smaller than the peers' numbers.
    site.slow(MBIT, (file) => kind(file) !== 'bench');
    await starts('slow_runs_ms');
    site.slow(null, () => false);
  }
  return contestants.map(({ measured }) => measured);
}

/** @param {Engine} engine @returns {Measured} */
const blank = ({ id, label, group, device, threads, ours }) => ({
  id,
  label,
  group,
  device,
  threads,
  ours,
  bytes_brotli: null,
  first_runs_ms: [],
  slow_runs_ms: [],
  warm_runs_ms: [],
  dispatches: null,
  peak_bytes: null,
  probabilities: [],
  files: [],
});

/** All engines say the same, or there is nothing to compare. @param {Measured[]} all */
function compare(all) {
  for (const { label, probabilities } of all)
    probabilities.forEach((probability, at) => {
      const reference = all[0].probabilities[at];
      // Written so that a NaN fails too.
      if (!(Math.abs(probability - reference) <= TOLERANCE))
        throw new Error(`${label} gives ${probability} where ${all[0].label} gives ${reference}: not the same network or input`);
    });
}

/** @typedef {{ engine: Engine, measured: Measured, opened: Opened | null }} Contestant */

/** @param {Contestant[]} contestants @param {Site} site @param {(content: Buffer) => Promise<number>} brotli */
async function weigh(contestants, site, brotli) {
  for (const { measured } of contestants) {
    const bytes = { code: 0, model: 0 };
    for (const file of measured.files) bytes[kind(file) === 'model' ? 'model' : 'code'] += await brotli(await site.content(file));
    measured.bytes_brotli = bytes;
  }
}

/** Warm runs, in turns. @param {Contestant[]} contestants @param {number} rounds */
async function warm(contestants, rounds) {
  const page = (/** @type {Contestant} */ { opened }) => {
    if (!opened) throw new Error('an engine has no browser');
    return opened;
  };
  for (const contestant of contestants) {
    for (let k = 0; k < UNTIMED; k++) await page(contestant).run();
    if (contestant.engine.device !== 'webgpu') continue;
    await page(contestant).dispatches();
    await page(contestant).run();
    contestant.measured.dispatches = await page(contestant).dispatches();
  }
  await takeTurns(
    contestants,
    rounds,
    ({ measured }) => measured.warm_runs_ms,
    async (contestant) => {
      const { engine, measured } = contestant;
      if (engine.device === 'cpu') await page(contestant).run();
      for (let k = 0; k < (engine.device === 'cpu' ? CPU_BURST : 1); k++) {
        const { milliseconds, probabilities } = await page(contestant).run();
        measured.warm_runs_ms.push(milliseconds);
        if (!(Math.abs(probabilities[0] - measured.probabilities[0]) <= TOLERANCE))
          throw new Error(`${engine.label} says ${probabilities} in a warm run, ${measured.probabilities} at first`);
      }
    },
  );
  for (const contestant of contestants) contestant.measured.peak_bytes = (await page(contestant).memory())?.peak ?? null;
}
