// @ts-check
/**
 * Ten thousand images in one tab, with a stand-in for the WebAssembly: all are answered, and memory after them is what it was after
 * the first thousand. `LUNG_IMAGES` sets another number. `cargo xtask test --long` runs it.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { launch, open, parts, ready } from '../lib/browser.mjs';
import { serveMock } from '../lib/mock-site.mjs';
import { picture } from '../lib/pictures.mjs';

const IMAGES = Number(process.env.LUNG_IMAGES ?? 10_000);
/** An image that is answered is a row of the table: bytes for which memory may grow, on top of a tenth. */
const ROW = 4_000;

/** Live bytes of the page's script, after collecting what is not. @param {import('playwright-core').Page} page */
async function heapOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

test(`${IMAGES} images in one tab: all answered, and memory grows by no more than their rows`, { timeout: 3 * 3_600_000 }, async (t) => {
  const site = await serveMock({ took: 1 });
  const folder = await mkdtemp(join(tmpdir(), 'lung-long-'));
  const browser = await launch('cpu');
  const { page, context, complaints } = await open(browser);
  try {
    const { buffer } = picture('any.png');
    for (let k = 0; k < IMAGES; k++) await writeFile(join(folder, `${String(k).padStart(5, '0')}.png`), buffer);
    await page.goto(site.url);
    await ready(page);
    const { element } = parts(page);
    /** Waits until so many have been answered. @param {number} count */
    const answered = (count) =>
      page.waitForFunction(
        (count) =>
          /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.filter((/** @type {any} */ { state }) => state === 'done').length >=
          count,
        count,
        { timeout: 0, polling: 2_000 },
      );
    const done = element.evaluate(
      (node) => new Promise((resolve) => node.addEventListener('lung-done', (event) => resolve(/** @type {CustomEvent} */ (event).detail), { once: true })),
    );
    const chooser = page.waitForEvent('filechooser');
    await element.getByRole('button', { name: 'Choose a folder' }).click();
    await (await chooser).setFiles(folder);
    await answered(IMAGES / 10);
    const early = await heapOf(page);
    assert.deepEqual(await done, { answered: IMAGES, failed: 0, cancelled: 0 });
    const late = await heapOf(page);
    t.diagnostic(`live objects ${(early / 1e6).toFixed(1)} MB after ${IMAGES / 10} images, ${(late / 1e6).toFixed(1)} MB after ${IMAGES}`);
    assert.ok(late <= 1.1 * early + ROW * IMAGES, `memory grew from ${early} to ${late} bytes`);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
    await browser.close();
    await site.close();
    await rm(folder, { recursive: true });
  }
});
