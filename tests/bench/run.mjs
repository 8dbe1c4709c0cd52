// @ts-check
/**
 * Times this project's page beside other runtimes, on the same network and the same image, and prints a table.
 *
 *     node run.mjs --dist DIST --model FILE.safetensors --onnx FILE.onnx --parts model.parts [options]
 *
 * Engines are compared in groups: on the CPU with one thread, with all, on WebGPU. Every engine has a browser of its own. First
 * all results of a group are compared; then come warm runs, in turns, with all browsers of the group open and one of them working
 * at a time; then cold starts, in turns, each with an empty profile. README.md says what is in a figure and what is not.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { open } from './lib/browser.mjs';
import { contest } from './lib/contest.mjs';
import { ENGINES, GROUPS, folders, pages, path } from './lib/engines.mjs';
import { detailOf, png, tensor } from './lib/input.mjs';
import { overTime } from './lib/over-time.mjs';
import { memoryLines, outcome, table } from './lib/report.mjs';
import { ROWS } from './lib/rows.mjs';
import { serve } from './lib/server.mjs';
import { brotliSizes } from './lib/sizes.mjs';
import { median, quantile } from './lib/statistics.mjs';

const HELP = `node run.mjs --dist DIR --model FILE.safetensors --onnx FILE.onnx --parts FILE [options]

  --dist DIR           the built page
  --model FILE         the bundle that it uses
  --onnx FILE          the same as ONNX (lung export --format onnx)
  --parts FILE         the same for LiteRT.js (tflite.py)
  --json FILE          write the figures as JSON too
  --rows A,B           only these [${ROWS.map(({ id }) => id).join(',')}]
  --engines A,B        only these [${ENGINES.map(({ id }) => id).join(',')}]
  --quick              leave out engines that are far from the fastest, and sizes in brotli
  --rounds N           turns of warm runs [20]
  --webgpu-rounds N    the same on WebGPU, where one run may take seconds [10]
  --cold N             cold starts of each engine, on a fast and on a slow line [7]
  --webgpu-cold N      cold starts of those on WebGPU [5]
  --memory N           images through our page on the CPU, memory sampled on the way [0]
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
    parts: { type: 'string' },
    json: { type: 'string' },
    rows: { type: 'string', default: ROWS.map(({ id }) => id).join(',') },
    engines: { type: 'string', default: ENGINES.map(({ id }) => id).join(',') },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '20' },
    'webgpu-rounds': { type: 'string', default: '10' },
    cold: { type: 'string', default: '7' },
    'webgpu-cold': { type: 'string', default: '5' },
    memory: { type: 'string', default: '0' },
    gpu: { type: 'string', default: 'software' },
    chrome: { type: 'string', default: process.env.CHROME ?? '/usr/bin/chromium' },
    cache: { type: 'string', default: resolve(import.meta.dirname, '../../target/bench/brotli.json') },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** @param {'rounds' | 'webgpu-rounds' | 'cold' | 'webgpu-cold' | 'memory'} name */
function count(name) {
  const number = Number(options[name]);
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

/** @param {'dist' | 'model' | 'onnx' | 'parts'} name */
function needed(name) {
  return options[name] ?? fail(`--${name} is missing; see --help`);
}

/** The entries of a list that was given, with commas between. @template {{ id: string }} T @param {string} given @param {T[]} all */
function chosen(given, all) {
  const wanted = given.split(',');
  for (const id of wanted) if (!all.some((one) => one.id === id)) fail(`there is no ${id}; see --help`);
  return all.filter(({ id }) => wanted.includes(id));
}

/** @type {'software' | 'hardware'} */
const gpu = options.gpu === 'hardware' ? 'hardware' : options.gpu === 'software' ? 'software' : fail('--gpu is software or hardware');
const rows = chosen(options.rows, ROWS);
const engines = chosen(options.engines, ENGINES).filter(({ group, slow }) => rows.some((row) => row.group === group) && !(options.quick && slow));
const times = {
  cpu: { rounds: count('rounds'), cold: count('cold') },
  webgpu: { rounds: count('webgpu-rounds'), cold: count('webgpu-cold') },
};

const bundle = await readFile(needed('model'));
const detail = detailOf(bundle);
const files = {
  ...pages(),
  '/input.png': png(detail),
  '/input.nchw': tensor('nchw', detail),
  '/input.nhwc': tensor('nhwc', detail),
  '/model.safetensors': bundle,
  ...(engines.some(({ script }) => script === 'litert.js') && { '/model.parts': await readFile(needed('parts')) }),
  ...(engines.some(({ script }) => script === 'onnxruntime.js') && { '/model.onnx': await readFile(needed('onnx')) }),
};
const dist = resolve(needed('dist'));
const plain = await serve(folders(dist), files);
const isolated = await serve(folders(dist), files, { isolated: true });
await sameBundle(dist, needed('model'));

/** Whether the page uses the bundle that the peers get. @param {string} dist @param {string} model */
async function sameBundle(dist, model) {
  const index = await readFile(resolve(dist, 'models/index.json'), 'utf8').catch(() => fail(`there is no built page in ${dist}: run \`cargo xtask build\``));
  const { current } = JSON.parse(index);
  if (current !== basename(model)) fail(`the page in ${dist} uses ${current}, not ${basename(model)}: build it again`);
}

const brotli = options.quick ? null : await brotliSizes(options.cache);
/** @type {import('./lib/contest.mjs').Measured[]} */
const measured = [];
for (const group of GROUPS) {
  const kinds = new Set(rows.filter((row) => row.group === group).map(({ kind }) => kind));
  const some = engines.filter((engine) => engine.group === group);
  if (kinds.size === 0 || some.length === 0) continue;
  say(`${group}: ${some.length} engines`);
  const { rounds, cold } = times[group === 'webgpu' ? 'webgpu' : 'cpu'];
  const site = group === 'threads' ? isolated : plain;
  const settings = { chrome: options.chrome, gpu, kinds, rounds, cold, brotli, say };
  measured.push(...(await contest(some, site, settings).catch((error) => fail(error.message))));
}

const memory = [];
const images = count('memory');
const own = engines.find(({ id }) => id === 'ours-cpu');
if (images > 0 && own) {
  say(`memory: ${images} images through our page on the CPU`);
  const browser = await open(options.chrome, `${plain.url}${path(own)}&shown`, { gpu, gc: true });
  try {
    memory.push(await overTime(own.id, browser, images));
  } finally {
    await browser.close();
  }
}
await plain.close();
await isolated.close();

table(measured);
memoryLines(memory);
const outcomes = Object.fromEntries(
  rows.flatMap((row) => {
    const found = outcome(measured, row);
    return found ? [[row.id, found]] : [];
  }),
);
if (options.json) {
  const summed = measured.map((one) => ({
    kind: 'browser',
    ...one,
    first_ms: median(one.first_runs_ms),
    slow_ms: median(one.slow_runs_ms),
    median_ms: median(one.warm_runs_ms),
    p95_ms: quantile(one.warm_runs_ms, 0.95),
  }));
  await writeFile(options.json, `${JSON.stringify({ rows: summed, memory, outcomes }, null, 1)}\n`);
}
