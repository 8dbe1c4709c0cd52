// @ts-check
/**
 * Times a folder of radiographs in our page on the CPU, read by the workers that the page takes by itself and by one worker.
 *
 *     node folder.mjs --dist DIST [--images 200] [--rounds 3] [--chrome FILE] [--json FILE]
 *
 * Both pages stay open and take turns. The ratio is that of the medians, the pool's over the one worker's.
 */

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { open } from './lib/browser.mjs';
import { png } from './lib/input.mjs';
import { serve } from './lib/server.mjs';
import { median } from './lib/statistics.mjs';

/** Width and height of the radiographs, in pixels: those of ChestX-ray14. */
const SIDE = 1024;
/** Largest difference of a probability between the two. */
const TOLERANCE = 1e-6;

/**
 * @typedef {object} FolderRow
 * @property {string} id
 * @property {string} label
 * @property {number[]} folder_ms
 * @property {number | null} peak_bytes
 * @property {number[]} probabilities
 */

/**
 * @param {{ dist: string, chrome: string, images: number, rounds: number }} options
 * @returns {Promise<{ rows: FolderRow[], ratio: number }>} ratio: the pool's time over the one worker's
 */
export async function folder({ dist, chrome, images, rounds }) {
  const page =
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>folder</title><link rel="icon" href="data:,">' +
    '<script type="module" src="/engines/folder.js"></script></head><body></body></html>\n';
  const engines = resolve(import.meta.dirname, 'engines');
  const site = await serve({ ours: dist, engines }, { '/folder.html': page, '/radiograph.png': png(SIDE) });
  /** @type {FolderRow[]} */
  const rows = [
    { id: 'pool', label: 'as many workers as it takes', folder_ms: [], peak_bytes: null, probabilities: [] },
    { id: 'one', label: 'one worker', folder_ms: [], peak_bytes: null, probabilities: [] },
  ];
  /** @type {Array<Awaited<ReturnType<typeof open>>>} */
  const opened = [];
  try {
    for (const { id } of rows)
      opened.push(await open(chrome, `${site.url}/folder.html?device=cpu&images=${images}${id === 'one' ? '&cores=1' : ''}`, { gpu: 'software' }));
    for (let round = 0; round < rounds; round++)
      for (const [at, row] of rows.entries()) {
        const { milliseconds, probabilities } = await opened[at].run();
        row.folder_ms.push(milliseconds);
        row.probabilities = probabilities;
      }
    for (const [at, row] of rows.entries()) row.peak_bytes = (await opened[at].memory())?.peak ?? null;
  } finally {
    for (const browser of opened) await browser.close();
    await site.close();
  }
  const [pool, one] = rows;
  for (const [at, probability] of pool.probabilities.entries())
    // Written so that a NaN fails too.
    if (!(Math.abs(probability - one.probabilities[at]) <= TOLERANCE)) throw new Error(`the pool gives ${pool.probabilities}, one worker ${one.probabilities}`);
  return { rows, ratio: median(pool.folder_ms) / median(one.folder_ms) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      dist: { type: 'string', default: resolve(import.meta.dirname, '../../dist') },
      chrome: { type: 'string', default: process.env.CHROME ?? '/usr/bin/chromium' },
      images: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' },
    },
  });
  const [images, rounds] = [Number(values.images), Number(values.rounds)];
  const measured = await folder({ dist: resolve(values.dist), chrome: values.chrome, images, rounds });
  for (const { label, folder_ms, peak_bytes } of measured.rows)
    console.log(
      `${label.padEnd(30)} ${(median(folder_ms) / 1000).toFixed(2)} s for ${images} radiographs, ` +
        `${((images * 1000) / median(folder_ms)).toFixed(1)} a second, peak ${((peak_bytes ?? NaN) / 1e6).toFixed(0)} MB`,
    );
  console.log(`folder_pool ${measured.ratio.toFixed(3)}`);
  if (values.json) {
    const rows = measured.rows.map((row) => ({ kind: 'folder', ...row, images, median_ms: median(row.folder_ms) }));
    await writeFile(values.json, `${JSON.stringify({ rows, ratios: { folder_pool: measured.ratio } }, null, 1)}\n`);
  }
}
