// @ts-check
/** The gallery: each example runs, and the code below it is the one that runs. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { isAccessible } from './lib/accessible.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { picture } from './lib/pictures.mjs';

const GALLERY = fileURLToPath(new URL('../../www/gallery/', import.meta.url));
const mock = mockPages();

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page @param {string} id */
const example = (page, id) => page.locator(`#${id}`);

/** @param {Page} page @param {string} id of an example, whose first sample is tried */
async function trySample(page, id) {
  const { summary, sample, card } = {
    summary: example(page, id).locator('[part=samples] > summary'),
    sample: example(page, id).locator('[part=sample]'),
    card: example(page, id).locator('.card[data-state=done]'),
  };
  await summary.click();
  await sample.first().click();
  await card.waitFor();
}

/** @param {(page: Page) => Promise<unknown>} body @param {import('./lib/mock-page.mjs').PageOptions} [options] */
const onGallery = (body, options = {}) => mock.onPage(body, { path: 'gallery/', started: false, ...options });

test('there are all kinds of examples, each with its code', () =>
  onGallery(async (page) => {
    await page.locator('pre').first().waitFor();
    const ids = await page.locator('main > section').evaluateAll((all) => all.map(({ id }) => id));
    assert.deepEqual(ids, ['plain', 'samples', 'several', 'form', 'dark', 'right-to-left', 'events']);
    for (const [id, code] of [
      ['plain', '<lung-xray-classifier></lung-xray-classifier>'],
      ['samples', '<lung-xray-classifier samples></lung-xray-classifier>'],
      ['several', '<lung-xray-classifier id="ward" multiple persist samples></lung-xray-classifier>'],
      ['right-to-left', '<article lang="ar" dir="rtl">\n  <lung-xray-classifier samples></lung-xray-classifier>\n</article>'],
    ])
      assert.equal(await example(page, id).locator('pre').first().textContent(), code);
    for (const name of ['form.js', 'events.js']) {
      const source = (await readFile(GALLERY + name, 'utf8')).trim();
      await page.waitForFunction(([name, source]) => document.querySelector(`pre[data-source="${name}"]`)?.textContent === source, [name, source]);
    }
  }));

test('plain, several and dark: a file is read', () =>
  onGallery(async (page) => {
    for (const id of ['plain', 'several', 'dark']) {
      const files = id === 'several' ? [picture('a.png'), picture('b.png', 2)] : [picture('a.png')];
      await example(page, id).locator('input[type=file]').first().setInputFiles(files);
      await example(page, id).locator('.card[data-state=done]').waitFor();
    }
    assert.equal(await example(page, 'several').locator('.row').count(), 2);
    const scheme = (/** @type {string} */ id) =>
      example(page, id)
        .locator('lung-xray-classifier')
        .evaluate((node) => getComputedStyle(node).colorScheme);
    assert.equal(await scheme('dark'), 'dark');
    assert.notEqual(await scheme('plain'), 'dark');
  }));

test('form: it sends the report of a sample', () =>
  onGallery(async (page) => {
    const form = example(page, 'form');
    await form.getByRole('button', { name: 'Send' }).click();
    assert.match(await form.locator('output').innerText(), /no report yet/);
    await trySample(page, 'form');
    await form.getByLabel('Question').fill('Is it clear?');
    await form.getByRole('button', { name: 'Send' }).click();
    assert.match(await form.locator('output').innerText(), /^Sent: "Is it clear\?" with .+, mobilenet-lung-/);
  }));

test('right to left: a sample in Arabic', () =>
  onGallery(async (page) => {
    await example(page, 'right-to-left').getByText('جرّب مثالًا').waitFor();
    await trySample(page, 'right-to-left');
    assert.equal(
      await example(page, 'right-to-left')
        .locator('.card')
        .evaluate((node) => getComputedStyle(node).direction),
      'rtl',
    );
  }));

test('events: each is logged, without the image', () =>
  onGallery(async (page) => {
    await trySample(page, 'events');
    const log = example(page, 'events').locator('.log');
    await log.getByText(/^lung-done/).waitFor();
    const lines = await log.locator('li').allInnerTexts();
    for (const type of ['lung-ready', 'lung-result', 'lung-done'])
      assert.ok(
        lines.some((line) => line.startsWith(type)),
        lines.join('\n'),
      );
  }));

for (const colorScheme of /** @type {const} */ (['light', 'dark']))
  for (const width of [360, 1200])
    test(`${colorScheme}, ${width} px: axe finds nothing, no horizontal scroll`, () =>
      onGallery(
        async (page) => {
          await page.locator('pre').nth(8).waitFor();
          await trySample(page, 'samples');
          await isAccessible(page, 'gallery', width);
        },
        { colorScheme, viewport: { width, height: 800 } },
      ));
