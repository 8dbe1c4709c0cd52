// @ts-check
/**
 * A folder on the CPU is read by several workers: as many as cores, memory and the images allow, none for a single image, and all that
 * was true of one worker stays true.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { events, launch, open, parts, ready, recordEvents } from './lib/browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => void (browser = await launch('cpu')));
after(async () => void (await browser?.close()));

/**
 * A page on a machine with so many cores and so much memory, in GiB.
 * @param {{ cores: number, memory?: number, path?: string, device?: import('playwright-core').Browser, clock?: boolean, expected?: RegExp }} machine, and what it may complain of
 * @param {(page: Page, found: ReturnType<typeof parts>, site: Awaited<ReturnType<typeof serveMock>>) => Promise<unknown>} body
 */
async function onMachine({ cores, memory = 8, path = '', device = browser, clock = false, expected = /^$/ }, body) {
  const site = await serveMock();
  const { page, context, complaints } = await open(device);
  try {
    await recordEvents(page);
    await page.addInitScript(
      ([cores, memory]) => {
        Object.defineProperty(navigator, 'hardwareConcurrency', { value: cores });
        Object.defineProperty(navigator, 'deviceMemory', { value: memory });
      },
      [cores, memory],
    );
    if (clock) await page.clock.install();
    await page.goto(site.url + path);
    if (clock) await page.clock.runFor(2000);
    await ready(page);
    await body(page, parts(page), site);
    assert.deepEqual(
      complaints.filter((complaint) => !expected.test(complaint)),
      [],
    );
  } finally {
    await context.close();
    await site.close();
  }
}

/** @param {string} name @param {string} what */
const steer = (name, what) => ({ name, mimeType: 'image/png', buffer: Buffer.from(what) });

/** Differing pictures. @param {number} count @param {number} [from] */
const pictures = (count, from = 0) => Array.from({ length: count }, (_, k) => picture(nameOf(from + k), from + k));

/** @param {number} k */
const nameOf = (k) => `${String(k).padStart(2, '0')}.png`;

/** The most workers that a page has at once from now on. @param {Page} page */
function watchWorkers(page) {
  const seen = { most: page.workers().length };
  page.on('worker', () => void (seen.most = Math.max(seen.most, page.workers().length)));
  return seen;
}

/** The files that events were about, in their order. @param {Page} page */
const told = async (page) => (await events(page)).flatMap(({ type, detail }) => (/result|error/.test(type) ? [detail.name] : []));

/** @param {Page} page @param {number} count */
const allTold = (page, count) =>
  page.waitForFunction(
    (count) => /** @type {any} */ (globalThis).lungEvents.filter((/** @type {any} */ { type }) => /result|error/.test(type)).length === count,
    count,
  );

test('a single image starts no second worker, nor does the next', () =>
  onMachine({ cores: 4 }, async (page, { picker, answered }, site) => {
    const workers = watchWorkers(page);
    for (const name of ['one.png', 'two.png']) {
      await picker.setInputFiles(picture(name));
      await answered(name);
    }
    assert.equal(workers.most, 1);
    assert.equal(site.asked.filter((path) => path.endsWith('/worker.js')).length, 1);
  }));

for (const [cores, memory, most] of [
  [1, 8, 1],
  [2, 8, 2],
  [16, 8, 4],
  [16, 1, 2],
  [16, 0.25, 1],
])
  test(`${cores} cores and ${memory} GiB: ${most} workers, one download, and answers in the order of the images`, () =>
    onMachine({ cores, memory }, async (page, { picker }, site) => {
      const workers = watchWorkers(page);
      const files = pictures(24);
      await picker.setInputFiles(files);
      await allTold(page, 24);
      assert.equal(workers.most, most);
      assert.deepEqual(
        await told(page),
        files.map(({ name }) => name),
      );
      for (const end of ['.wasm', '.safetensors']) assert.equal(site.asked.filter((path) => path.endsWith(end)).length, 1, end);
    }));

test('where the script of the others does not come, the first worker reads all', () =>
  onMachine({ cores: 4, expected: /404/ }, async (page, { picker }, site) => {
    site.routes['/worker.js'] = (_request, response) => void response.writeHead(404).end();
    const files = pictures(8);
    await picker.setInputFiles(files);
    await allTold(page, 8);
    assert.deepEqual(
      await told(page),
      files.map(({ name }) => name),
    );
    assert.equal(page.workers().length, 1);
  }));

test('large files are read by fewer workers', () =>
  onMachine({ cores: 16, memory: 4 }, async (page, { element }) => {
    const workers = watchWorkers(page);
    await element.evaluate((/** @type {any} */ node) => {
      const rest = new Uint8Array(20_000_000);
      node.add(Array.from({ length: 8 }, (_, k) => new File(['unlike', String(k), rest], `${k}.png`)));
    });
    await allTold(page, 8);
    assert.equal(workers.most, 2);
  }));

test('on a GPU there is one worker', async () => {
  const device = await launch('webgpu');
  try {
    await onMachine({ cores: 4, path: '?device=webgpu', device }, async (page, { picker }) => {
      const workers = watchWorkers(page);
      await picker.setInputFiles(pictures(8));
      await allTold(page, 8);
      assert.equal(workers.most, 1);
    });
  } finally {
    await device.close();
  }
});

test('an image that traps is tried once more in the first worker, is an error card, and all others are answered', () =>
  onMachine({ cores: 4 }, async (page, { picker, row, answered }) => {
    const files = pictures(30);
    const bad = [12, 13, 20];
    for (const k of bad) files[k] = steer(nameOf(k), 'trap');
    await picker.setInputFiles(files);
    await allTold(page, 30);
    // The table gathers what has changed, and is drawn a moment after the events.
    for (const [k, { name }] of files.entries()) {
      const state = page.locator(`[data-state=${bad.includes(k) ? 'error' : 'done'}]`);
      await row(name).first().and(state).waitFor();
    }
    const names = await told(page);
    assert.deepEqual(
      names.filter((name) => !bad.map(nameOf).includes(name)),
      files.flatMap(({ name }, k) => (bad.includes(k) ? [] : [name])),
    );
    assert.equal(new Set(names).size, 30);
    await picker.setInputFiles(picture('next.png'));
    await answered('next.png');
  }));

test('the others are ended when nothing has waited for a while, and start again', () =>
  onMachine({ cores: 4, clock: true }, async (page, { picker }) => {
    const read = async (/** @type {number} */ count) => {
      for (let done = 0; done < count; done = (await told(page)).length) await page.clock.runFor(100);
    };
    await picker.setInputFiles(pictures(40));
    await read(40);
    assert.equal(page.workers().length, 4);
    await page.clock.runFor(14_000);
    assert.equal(page.workers().length, 4);
    await page.clock.runFor(2_000);
    await page.waitForTimeout(100);
    assert.equal(page.workers().length, 1);
    await picker.setInputFiles(pictures(40, 40));
    await read(80);
    assert.equal(page.workers().length, 4);
  }));

test('cancel leaves what is being read, and what is removed while it is read is told to nobody', () =>
  onMachine({ cores: 4 }, async (page, { picker, element }) => {
    await picker.setInputFiles(pictures(60));
    await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.filter((/** @type {any} */ { type }) => type === 'lung-result').length >= 10);
    const [removed, done] = await element.evaluate(async (/** @type {any} */ node) => {
      const working = node.results.filter((/** @type {any} */ { state }) => state === 'working').map((/** @type {any} */ { name }) => name);
      const end = new Promise((resolve) => node.addEventListener('lung-done', (/** @type {any} */ { detail }) => resolve(detail), { once: true }));
      node.forget(working[1]);
      node.cancel();
      return [working[1], await end];
    });
    assert.ok(removed);
    assert.equal(done.answered + done.cancelled, 60);
    assert.ok(done.cancelled > 20, JSON.stringify(done));
    const names = await told(page);
    assert.ok(!names.includes(removed));
    assert.deepEqual(
      names,
      [...names].sort((a, b) => parseInt(a, 10) - parseInt(b, 10)),
    );
  }));

test('a picture in another window comes from the worker that has it, or from the file', () =>
  onMachine({ cores: 2 }, async (page, { element }) => {
    const sizes = await element.evaluate(async () => {
      const { sharedPool } = await import(/** @type {any} */ ('/element/classifier/pool.js'));
      const pool = sharedPool(new URL('/models/', document.baseURI).href, 'auto');
      const files = Array.from({ length: 8 }, (_, k) => new Blob([`lateral ${k}`]));
      const answers = await Promise.all(files.map((blob) => pool.classify(blob)));
      const windows = answers.map(({ id, content }, k) => pool.windowed({ id, content, blob: files[k] }, 1000, 500));
      return (await Promise.all(windows)).map(({ width }) => width);
    });
    assert.deepEqual(sizes, Array(8).fill(64));
    assert.equal(page.workers().length, 2);
  }));
