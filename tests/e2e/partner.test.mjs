// @ts-check
/**
 * On a page that is cross-origin isolated two workers divide each image after the first, say the same as one, and do without each other
 * where they must.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { events, launch } from './lib/browser.mjs';
import { DIST, noPage } from './lib/project.mjs';
import { picture } from './lib/pictures.mjs';
import { openReady } from './lib/real-page.mjs';
import { serve, status } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** What isolates a page from other origins, and lets workers share memory. */
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** How often each of two workers hands something over for an image. */
const EXCHANGES = 19;
/** How often the first worker does: the input as well. */
const WITH_INPUT = EXCHANGES + 1;

describe('on an isolated page', { skip: noPage }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser;
  before(async () => void (browser = await launch('cpu')));
  after(async () => void (await browser?.close()));

  /** @param {Record<string, import('./lib/server.mjs').Route>} routes @param {(opened: Awaited<ReturnType<typeof openReady>>) => Promise<unknown>} body @param {RegExp} [expected] what the page may complain of */
  async function onPage(routes, body, expected = /^$/) {
    const site = await serve(DIST, routes, { headers: ISOLATION });
    const opened = await openReady(browser, `${site.url}?device=cpu`, { serviceWorkers: 'block' });
    try {
      await body(opened);
      assert.deepEqual(
        opened.complaints.filter((complaint) => !expected.test(complaint)),
        [],
      );
    } finally {
      await opened.context.close();
      await site.close();
    }
  }

  /** What is said of a picture, which is given under a name that the page has not seen. @param {Page} page @param {string} name @param {number} detail */
  async function reportOf(page, name, detail) {
    const { buffer } = picture(name, detail);
    const report = await page
      .locator('lung-xray-classifier')
      .evaluate(
        (element, [name, bytes]) =>
          /** @type {any} */ (element).classify(new Blob([Uint8Array.from(atob(/** @type {string} */ (bytes)), (letter) => letter.charCodeAt(0))]), name),
        [name, buffer.toString('base64')],
      );
    const { finding, probabilities, evidence, in_distribution: inDistribution } = report;
    return { finding, probabilities, evidence, inDistribution };
  }

  /** The two workers, which count from now on what they hand over. @param {Page} page */
  async function pair(page) {
    const deadline = Date.now() + 60_000;
    while (page.workers().length < 2) {
      assert.ok(Date.now() < deadline, 'no second worker');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const workers = page.workers();
    for (const worker of workers)
      await worker.evaluate(() => {
        const scope = /** @type {any} */ (globalThis);
        const notify = /** @type {(...given: any[]) => number} */ (Atomics.notify);
        scope.handedOver = 0;
        Atomics.notify = (/** @type {any[]} */ ...given) => (scope.handedOver++, notify(...given));
      });
    return workers;
  }

  /** @param {import('playwright-core').Worker} worker @returns {Promise<number>} */
  const handedOver = (worker) => worker.evaluate(() => /** @type {any} */ (globalThis).handedOver);

  /** Classifies until both have divided an image: the second worker may not be ready yet. @param {Page} page @param {import('playwright-core').Worker[]} workers */
  async function divided(page, workers) {
    for (let turn = 0; turn < 100; turn++) {
      const before = await Promise.all(workers.map(handedOver));
      await reportOf(page, `turn ${turn}.png`, 40 + turn);
      const now = await Promise.all(workers.map(handedOver));
      if (now.every((count, at) => count === before[at] + (at === 0 ? WITH_INPUT : EXCHANGES))) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.fail('no image was divided');
  }

  test('two workers say what one says', () =>
    onPage({}, async ({ page }) => {
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      assert.equal(page.workers().length, 1, 'the first image has the first worker alone');
      const first = await reportOf(page, 'alone.png', 1);
      await divided(page, await pair(page));
      assert.deepEqual(await reportOf(page, 'divided.png', 1), first);
    }));

  test('a worker whose partner is gone goes on alone, and soon asks no more', () =>
    onPage({}, async ({ page }) => {
      const first = await reportOf(page, 'first.png', 1);
      const workers = await pair(page);
      await divided(page, workers);
      // Of a worker that the browser ends for want of memory the page is not told either.
      const [worker] = workers;
      await workers[1].evaluate(() => globalThis.close());
      const counts = [];
      for (let turn = 0; turn < 5; turn++) {
        assert.deepEqual(await reportOf(page, `gone ${turn}.png`, 1), first);
        counts.push(await handedOver(worker));
      }
      assert.deepEqual(counts.slice(2), Array(3).fill(counts[2]), `it still asks: ${counts}`);
    }));

  test('a folder has a worker for each image, not two for one', () =>
    onPage({}, async ({ page, picker }) => {
      await reportOf(page, 'first.png', 1);
      const workers = await pair(page);
      await divided(page, workers);
      const before = await handedOver(workers[0]);
      const told = (await events(page)).length;
      const files = Array.from({ length: 12 }, (_, k) => picture(`folder ${k}.png`, 10 + k));
      await picker.setInputFiles(files);
      await page.waitForFunction(
        ([told, count]) => /** @type {any} */ (globalThis).lungEvents.slice(told).filter((/** @type {any} */ { type }) => /result/.test(type)).length === count,
        [told, files.length],
      );
      const divisions = ((await handedOver(workers[0])) - before) / WITH_INPUT;
      assert.ok(divisions <= 1, `${divisions} images were divided while others waited`);
    }));

  test('without its script one worker reads all', () =>
    onPage(
      { '/element/classifier/partner.js': status(404) },
      async ({ page }) => {
        const first = await reportOf(page, 'first.png', 1);
        assert.deepEqual(await reportOf(page, 'second.png', 1), first);
        await page.waitForTimeout(500);
        assert.equal(page.workers().length, 1);
      },
      /404/,
    ));
});
