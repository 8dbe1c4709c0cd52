// @ts-check
/**
 * A machine that sleeps in the middle of reading images, with a stand-in for the WebAssembly: every process of the browser is stopped
 * and continued later. All images are answered then, and another one after them. `LUNG_SLEEP` sets how many seconds it sleeps.
 * `cargo xtask test --long` runs it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { launch, open, parts, ready } from '../lib/browser.mjs';
import { serveMock } from '../lib/mock-site.mjs';
import { picture } from '../lib/pictures.mjs';

const SLEEP = Number(process.env.LUNG_SLEEP ?? 600);
const IMAGES = 20;

/** The numbers of a browser's processes. @param {import('playwright-core').Browser} browser */
async function processesOf(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.map(({ id }) => id);
}

test(`a machine that sleeps for ${SLEEP} seconds while images are read goes on where it was`, { timeout: (SLEEP + 300) * 1000 }, async () => {
  const site = await serveMock({ took: 300 });
  const browser = await launch('cpu');
  const { page, context, complaints } = await open(browser);
  try {
    await page.goto(site.url);
    await ready(page);
    const { element, picker, answered } = parts(page);
    const done = element.evaluate(
      (node) => new Promise((resolve) => node.addEventListener('lung-done', (event) => resolve(/** @type {CustomEvent} */ (event).detail), { once: true })),
    );
    await picker.setInputFiles(Array.from({ length: IMAGES }, (_, k) => picture(`${k}.png`, k)));
    await answered('0.png');
    const processes = await processesOf(browser);
    for (const id of processes) process.kill(id, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, SLEEP * 1000));
    for (const id of processes) process.kill(id, 'SIGCONT');
    assert.deepEqual(await done, { answered: IMAGES, failed: 0, cancelled: 0 });
    await picker.setInputFiles([picture('after.png', 99)]);
    await answered('after.png');
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
    await browser.close();
    await site.close();
  }
});
