// @ts-check
/**
 * Times this project's page beside other runtimes, on the same network and the same image, and prints a table.
 *
 *     node run.mjs --dist DIST --model FILE.safetensors --onnx FILE.onnx [options]
 *
 * Every figure is made in a browser of its own. First all results are compared; then cold starts, in rounds, each with an
 * empty profile; then warm runs, in rounds, with all browsers open and one of them working at a time. README.md says what
 * is in a figure and what is not.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { open } from './lib/browser.mjs';
import { ENGINES, folders, kind, pages, path } from './lib/engines.mjs';
import { detailOf, png, tensor } from './lib/input.mjs';
import { serve } from './lib/server.mjs';
import { brotliSizes } from './lib/sizes.mjs';
import { median, quantile } from './lib/statistics.mjs';

/** Largest difference of a probability between engines: f32 sums in other orders. */
const TOLERANCE = 1e-3;
/** Warm runs before any is timed: engines compile and tune at first use. */
const UNTIMED = 3;
/** Timed runs of a CPU engine in a round, after one untimed that brings its data back into the caches. */
const CPU_BURST = 3;
/** Milliseconds after the first result in which an engine may go on downloading. */
const SETTLE = 1000;
/** Our worker, and the script that counts dispatches. */
const WORKER = '/ours/worker.js';
const COUNTER = new URL('engines/count.js', import.meta.url);
/** Images between two samples of memory. */
const SAMPLE = 50;
/** Images after which memory should grow no more. */
const EARLY = 100;

/** @typedef {import('./lib/engines.mjs').Engine} Engine */
/** @typedef {Awaited<ReturnType<typeof open>>} Opened */

const HELP = `node run.mjs --dist DIR --model FILE.safetensors --onnx FILE.onnx [options]

  --dist DIR           the built page
  --model FILE         the bundle that it uses
  --onnx FILE          the same as ONNX (lung export --format onnx)
  --json FILE          write the figures as JSON too
  --engines A,B        only these [${ENGINES.map(({ id }) => id).join(',')}]
  --rounds N           rounds of warm runs [20]
  --webgpu-rounds N    rounds for engines on WebGPU, where one run may take seconds [as --rounds]
  --cold N             cold starts of each engine [5]
  --webgpu-cold N      cold starts of those on WebGPU [3]
  --mbit N             cold starts over a line of N Mbit/s, scripts and wasm in gzip [as fast as the machine is, uncompressed]
  --memory N           images through our page on the CPU, memory sampled on the way; 0 leaves it out [1000]
  --memory-webgpu N    the same on WebGPU [0]
  --gpu KIND           software or hardware [software]
  --chrome FILE        path of Chromium or Chrome [the variable CHROME, or /usr/bin/chromium]
  --cache FILE         where sizes in brotli are kept [target/bench/brotli.json]
`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    dist: { type: 'string' },
    model: { type: 'string' },
    onnx: { type: 'string' },
    json: { type: 'string' },
    engines: { type: 'string', default: ENGINES.map(({ id }) => id).join(',') },
    rounds: { type: 'string', default: '20' },
    'webgpu-rounds': { type: 'string' },
    cold: { type: 'string', default: '5' },
    'webgpu-cold': { type: 'string', default: '3' },
    mbit: { type: 'string' },
    memory: { type: 'string', default: '1000' },
    'memory-webgpu': { type: 'string', default: '0' },
    gpu: { type: 'string', default: 'software' },
    chrome: { type: 'string', default: process.env.CHROME ?? '/usr/bin/chromium' },
    cache: { type: 'string', default: resolve(import.meta.dirname, '../../target/bench/brotli.json') },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** @param {'rounds' | 'webgpu-rounds' | 'cold' | 'webgpu-cold' | 'memory' | 'memory-webgpu'} name */
function count(name) {
  const number = Number(options[name] ?? options.rounds);
  if (!Number.isSafeInteger(number) || number < 0) fail(`--${name} is a number of times, not ${options[name]}`);
  return number;
}

/** @param {string} why @returns {never} */
function fail(why) {
  process.stderr.write(`error: ${why}\n`);
  process.exit(1);
}

// What nobody foresaw, such as a file that is not there: a line is enough.
process.on('uncaughtException', (error) => fail(error.message));

/** @param {string} what */
const say = (what) => process.stderr.write(`    ${what}\n`);

/** @param {'dist' | 'model' | 'onnx'} name */
function needed(name) {
  return options[name] ?? fail(`--${name} is missing; see --help`);
}

const mbit = options.mbit === undefined ? null : Number(options.mbit);
if (mbit !== null && !(mbit >= 0.1 && mbit <= 1000)) fail(`--mbit is 0.1 to 1000, not ${options.mbit}`);
const gpu = options.gpu === 'hardware' ? 'hardware' : options.gpu === 'software' ? 'software' : fail('--gpu is software or hardware');
const wanted = options.engines.split(',');
for (const id of wanted) if (!ENGINES.some((engine) => engine.id === id)) fail(`there is no engine ${id}; see --help`);
const engines = ENGINES.filter(({ id }) => wanted.includes(id));
const rounds = { cpu: count('rounds'), webgpu: count('webgpu-rounds') };

const bundle = await readFile(needed('model'));
const detail = detailOf(bundle);

const site = await serve(folders(resolve(options.dist ?? 'nowhere')), {
  ...pages(),
  '/input.png': png(detail),
  '/input.nchw': tensor('nchw', detail),
  '/input.nhwc': tensor('nhwc', detail),
  ...(engines.some(({ script }) => script === 'tfjs.js') ? { '/model.safetensors': bundle } : {}),
  ...(engines.some(({ script }) => script === 'onnxruntime.js') ? { '/model.onnx': await readFile(needed('onnx')) } : {}),
});
if (engines.some(({ ours }) => ours)) await sameBundle(needed('dist'), needed('model'));

/** Whether the page uses the bundle that the peers get. @param {string} dist @param {string} model */
async function sameBundle(dist, model) {
  const index = await readFile(resolve(dist, 'models/index.json'), 'utf8').catch(() =>
    fail(`there is no built page in ${dist}: run \`cargo xtask build\``),
  );
  const { current } = JSON.parse(index);
  if (current !== basename(model)) fail(`the page in ${dist} uses ${current}, not ${basename(model)}: build it again`);
}

/** @param {Engine} engine @param {Partial<Parameters<typeof open>[2]>} [more] */
const start = (engine, more = {}) => open(options.chrome, site.url + path(engine), { gpu, ...more });

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} label
 * @property {string} device
 * @property {boolean} ours
 * @property {{ code: number, model: number }} bytes_brotli
 * @property {number[]} cold_ms
 * @property {number[]} warm_ms
 * @property {number | null} dispatches
 * @property {number | null} peak_bytes
 * @property {number[]} probabilities
 * @property {string[]} files
 */

/** @type {Row[]} */
const rows = engines.map(({ id, label, device, ours }) => ({
  id,
  label,
  device,
  ours,
  bytes_brotli: { code: 0, model: 0 },
  cold_ms: [],
  warm_ms: [],
  dispatches: null,
  peak_bytes: null,
  probabilities: [],
  files: [],
}));

say('opening every engine once, to compare what they say and to see what they download');
/** @type {Opened[]} */
const opened = [];
try {
  // Ours computes in a worker, which the browser lets nobody reach before its script runs.
  site.preludes[WORKER] = await readFile(COUNTER, 'utf8');
  for (const [index, engine] of engines.entries()) {
    site.asked.length = 0;
    const browser = await start(engine, { count: engine.device === 'webgpu' }).catch((error) =>
      fail(`${engine.label}: ${error.message}`),
    );
    opened.push(browser);
    // Some of a first visit's downloads may still be under way when the first result is there.
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    rows[index].files = [...new Set(site.asked)].filter((file) => kind(file) !== 'bench').sort();
    rows[index].probabilities = browser.first.run.probabilities;
    say(
      `${engine.label}: ${browser.first.run.probabilities.map((p) => p.toFixed(5)).join(' ')}, ` +
        `first result after ${browser.first.first.toFixed(0)} ms`,
    );
  }
  compare();
  delete site.preludes[WORKER];

  say('working out sizes in brotli (minutes the first time)');
  const brotli = await brotliSizes(options.cache);
  for (const row of rows)
    for (const file of row.files) {
      const what = kind(file) === 'model' ? 'model' : 'code';
      row.bytes_brotli[what] += await brotli(await site.content(file));
    }

  await warm();
} finally {
  for (const browser of opened) await browser.close();
}
await cold();
const memory = await overTime();
await site.close();
await report();

/** All engines say the same, or there is nothing to compare. */
function compare() {
  for (const { label, probabilities } of rows)
    probabilities.forEach((probability, at) => {
      const reference = rows[0].probabilities[at];
      // Written so that a NaN fails too.
      if (!(Math.abs(probability - reference) <= TOLERANCE))
        fail(`${label} gives ${probability} where ${rows[0].label} gives ${reference}: not the same network or input`);
    });
}

/** Warm runs, in rounds. */
async function warm() {
  say(`warm runs: ${rounds.cpu} rounds on the CPU, ${rounds.webgpu} on WebGPU`);
  for (const [index, { device }] of engines.entries()) {
    for (let k = 0; k < UNTIMED; k++) await opened[index].run();
    if (device !== 'webgpu') continue;
    await opened[index].dispatches();
    await opened[index].run();
    rows[index].dispatches = await opened[index].dispatches();
  }
  for (let round = 0; round < Math.max(rounds.cpu, rounds.webgpu); round++)
    for (const [index, { device, label }] of engines.entries()) {
      if (round >= rounds[device]) continue;
      if (device === 'cpu') await opened[index].run();
      for (let k = 0; k < (device === 'cpu' ? CPU_BURST : 1); k++) {
        const { milliseconds, probabilities } = await opened[index].run();
        rows[index].warm_ms.push(milliseconds);
        if (!(Math.abs(probabilities[0] - rows[index].probabilities[0]) <= TOLERANCE))
          fail(`${label} says ${probabilities} in round ${round}, ${rows[index].probabilities} at first`);
      }
    }
  for (const [index, browser] of opened.entries()) rows[index].peak_bytes = (await browser.memory())?.peak ?? null;
}

/** Cold starts, in rounds: a browser that has seen nothing, from navigation to the first result. */
async function cold() {
  const times = { cpu: count('cold'), webgpu: count('webgpu-cold') };
  say(
    `cold starts: ${times.cpu} of each engine on the CPU, ${times.webgpu} on WebGPU` +
      (mbit === null ? '' : `, over a line of ${mbit} Mbit/s`),
  );
  // The input is what a user has, and our PNG is smaller than the peers' numbers.
  if (mbit !== null) site.slow(mbit, (path) => kind(path) !== 'bench');
  for (let round = 0; round < Math.max(times.cpu, times.webgpu); round++)
    for (const [index, engine] of engines.entries()) {
      if (round >= times[engine.device]) continue;
      const browser = await start(engine);
      rows[index].cold_ms.push(browser.first.first);
      await browser.close();
    }
}

/**
 * Samples of memory. Growth is that from `EARLY` images to the last sample, as a share.
 * @typedef {{ id: string, images: number[], bytes: number[], heap: number[], growth: number | null, heap_growth: number | null }} OverTime
 */

/** Many images through our page, and its memory on the way. */
async function overTime() {
  /** @type {OverTime[]} */
  const results = [];
  for (const engine of engines.filter(({ ours }) => ours)) {
    const images = engine.device === 'cpu' ? count('memory') : count('memory-webgpu');
    if (images === 0) continue;
    say(`memory: ${images} images through our page on ${engine.device}`);
    const browser = await start(engine, { gc: true });
    /** @type {OverTime} */
    const result = { id: engine.id, images: [], bytes: [], heap: [], growth: null, heap_growth: null };
    try {
      // The first image was that of the start.
      for (let image = 2; image <= images; image++) {
        await browser.run();
        if (image % SAMPLE !== 0) continue;
        await browser.collect();
        const memory = await browser.memory();
        if (!memory) break;
        result.images.push(image);
        result.bytes.push(memory.now);
        result.heap.push(await browser.heap());
      }
    } finally {
      await browser.close();
    }
    const grown = (/** @type {number[]} */ values) => {
      const [early, late] = [values[result.images.indexOf(EARLY)], values.at(-1)];
      return early && late ? late / early - 1 : null;
    };
    [result.growth, result.heap_growth] = [grown(result.bytes), grown(result.heap)];
    results.push(result);
  }
  return results;
}

/** @param {(row: Row) => number} figure @param {'cpu' | 'webgpu'} device */
function ratio(figure, device) {
  const [own] = rows.filter((row) => row.ours && row.device === device).map(figure);
  const peers = rows.filter((row) => !row.ours && row.device === device).map(figure);
  const value = own / Math.min(...peers.filter(Number.isFinite));
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** The table, and the JSON where it was asked for. */
async function report() {
  const ratios = {
    cpu_warm: ratio(({ warm_ms }) => median(warm_ms), 'cpu'),
    webgpu_warm: ratio(({ warm_ms }) => median(warm_ms), 'webgpu'),
    cpu_first: ratio(({ cold_ms }) => median(cold_ms), 'cpu'),
    webgpu_first: ratio(({ cold_ms }) => median(cold_ms), 'webgpu'),
    // Of the two devices, the one that has more to download.
    code_bytes_brotli: Math.max(0, ...rows.filter(({ ours }) => ours).map(({ bytes_brotli }) => bytes_brotli.code)) || null,
    dispatches: rows.find(({ id }) => id === 'ours-webgpu')?.dispatches ?? null,
    memory_growth: memory.find(({ id }) => id === 'ours-cpu')?.growth ?? null,
  };
  // NaN where there is no peer, and so no ratio.
  const best = (/** @type {string} */ device) =>
    quantile(
      rows.filter((row) => !row.ours && row.device === device).map(({ warm_ms }) => median(warm_ms)),
      0,
    );
  const number = (/** @type {number | null} */ value, digits = 1) =>
    value === null || !Number.isFinite(value) ? '-' : value.toFixed(digits);
  const table = [
    ['engine', 'code MB', 'model MB', 'first ms', 'warm ms', 'p95 ms', 'to best peer', 'dispatches', 'peak MB'],
    ...rows.map(({ label, device, bytes_brotli, cold_ms, warm_ms, dispatches, peak_bytes }) => [
      label,
      number(bytes_brotli.code / 1e6, 2),
      number(bytes_brotli.model / 1e6, 2),
      number(median(cold_ms), 0),
      number(median(warm_ms)),
      number(quantile(warm_ms, 0.95)),
      number(median(warm_ms) / best(device), 2),
      number(dispatches, 0),
      number(peak_bytes && peak_bytes / 1e6, 0),
    ]),
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((line) => line[column].length)));
  for (const line of table)
    console.log(line.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  '));
  for (const { id, images, ...samples } of memory)
    for (const [what, values, growth] of /** @type {const} */ ([
      ['memory', samples.bytes, samples.growth],
      ['JavaScript heap', samples.heap, samples.heap_growth],
    ])) {
      const after = (/** @type {number} */ count) =>
        `${number((values[images.indexOf(count)] ?? NaN) / 1e6)} MB after ${count} images`;
      console.log(
        `${what} of ${id}: ${after(EARLY)}, ${after(images.at(-1) ?? NaN)}` +
          (growth === null ? '' : `: ${growth < 0 ? '' : '+'}${(growth * 100).toFixed(1)}%`),
      );
    }
  if (!options.json) return;
  const summed = rows.map((row) => ({
    kind: 'browser',
    ...row,
    first_ms: median(row.cold_ms),
    median_ms: median(row.warm_ms),
    p95_ms: quantile(row.warm_ms, 0.95),
  }));
  await writeFile(options.json, `${JSON.stringify({ rows: summed, memory, ratios }, null, 1)}\n`);
}
