// @ts-check
/**
 * Samples: offered where a page asks for them, fetched when they are unfolded, by keyboard and without a network, in every language; and
 * what the shipped model finds in each is what it is.
 */

import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';

import { LANGUAGES, Words } from '../../www/element/words/words.js';
import { forEverybody, isAccessible } from './lib/accessible.mjs';
import { launch, open, parts, ready } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { mockFolder } from './lib/mock-site.mjs';
import { DIST, lung, noCommand, noPage } from './lib/project.mjs';
import { classifyAll, openReady, settled } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { serve, status } from './lib/server.mjs';

const FOLDER = fileURLToPath(new URL('../../www/samples/', import.meta.url));

/** @type {{ samples: Array<{ file: string, finding: string, origin: string, images: number, licence: string, command: string }> }} */
const { samples } = JSON.parse(await readFile(join(FOLDER, 'index.json'), 'utf8'));

/** The finding of a bundle that each class folder is. @type {Record<string, string>} */
const EXPECTED = {
  normal: 'Normal',
  lung_opacity: 'Lung_Opacity',
  bacterial_pneumonia: 'Lung_Opacity',
  'Viral Pneumonia': 'Viral Pneumonia',
  viral_pneumonia: 'Viral Pneumonia',
};

/** @param {import('playwright-core').Page} page */
function offered(page) {
  const { element } = parts(page);
  return { row: element.locator('[part=samples]'), summary: element.locator('[part=samples] > summary'), sample: element.locator('[part=sample]') };
}

test('there are at least four, of adults and of children, small, each of at least 16 patients and with its licence', async () => {
  assert.ok(samples.length >= 4);
  assert.deepEqual([...new Set(samples.map(({ origin }) => origin))].sort(), ['adult', 'paediatric']);
  let bytes = 0;
  for (const { file, images, licence, command } of samples) {
    assert.ok(images >= 16, file);
    const text = await readFile(join(FOLDER, file.replace('.jpg', '.txt')), 'utf8');
    for (const line of [`images: ${images}`, `patients: ${images}`, `licence: ${licence}`, `command: ${command}`])
      assert.ok(text.includes(line), `${file}: ${line}`);
    assert.ok(licence.length > 10 && command.startsWith('lung composite '), file);
  }
  for (const name of await readdir(FOLDER)) bytes += (await stat(join(FOLDER, name))).size;
  assert.ok(bytes <= 250_000, `${bytes} bytes`);
});

describe('in a browser', () => {
  const mock = mockPages();

  test('nothing of them is fetched before they are unfolded; by keyboard alone one is read, and its card says what it is', () =>
    mock.onPage(async (page, { element, answered }) => {
      const { summary, sample } = offered(page);
      await summary.waitFor();
      assert.deepEqual(
        mock.site.asked.filter((path) => path.startsWith('/samples/')),
        [],
      );
      await summary.focus();
      await page.keyboard.press('Enter');
      await sample.nth(samples.length - 1).waitFor();
      assert.equal(await sample.count(), samples.length);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      const [first] = samples;
      const name = `${first.file}: composite of ${first.images} radiographs`;
      await answered(name);
      assert.ok(await element.locator('.card-name', { hasText: name }).isVisible());
      const results = await element.evaluate((node) => /** @type {any} */ (node).results.map((/** @type {any} */ { name, state }) => [name, state]));
      assert.deepEqual(results, [[name, 'done']]);
      // Each file once, whatever is tried again.
      await sample.first().click();
      const asked = mock.site.asked.filter((path) => path.startsWith('/samples/')).sort();
      assert.deepEqual(asked, ['/samples/index.json', ...samples.map(({ file }) => `/samples/${file}`)].sort());
      // What is drawn is the picture.
      const bright = await sample
        .first()
        .locator('canvas')
        .evaluate((canvas) => {
          const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
          const { data } = /** @type {any} */ (canvas).getContext('2d').getImageData(0, 0, width, height);
          return new Set(data).size;
        });
      assert.ok(bright > 100, `${bright} levels`);
    }));

  test('without the attribute there are none; it may name another folder, and goes with the language and `disabled`', () =>
    mock.onPage(
      async (page, { element }) => {
        const { row, summary, sample } = offered(page);
        await summary.waitFor();
        await element.evaluate((node) => node.removeAttribute('samples'));
        assert.equal(await row.count(), 0);
        await element.evaluate((node) => node.setAttribute('samples', 'elsewhere'));
        await summary.click();
        await sample.first().waitFor();
        assert.ok(mock.site.asked.includes('/elsewhere/index.json'));
        await sample.first().focus();
        await element.evaluate((node) => node.setAttribute('lang', 'fr'));
        await summary.getByText('Essayer un exemple').waitFor();
        assert.match(await sample.first().innerText(), /Normal\s+adulte\s+moyenne de 16 radiographies/);
        assert.equal(await sample.first().evaluate((node) => node.matches(':focus')), true);
        await element.evaluate((node) => node.setAttribute('disabled', ''));
        assert.equal(await row.evaluate((node) => /** @type {HTMLElement} */ (node).inert), true);
      },
      {
        prepare: (page) =>
          page.route('**/elsewhere/*', async (route) => {
            mock.site.asked.push(new URL(route.request().url()).pathname);
            const name = route.request().url().split('/').at(-1) ?? '';
            if (name === 'index.json') return route.fulfill({ json: { samples: [{ file: 'one.jpg', finding: 'Normal', origin: 'adult', images: 16 }] } });
            return route.fulfill({ path: join(FOLDER, samples[0].file) });
          }),
      },
    ));

  test('what cannot be fetched is said, and asked for again when they are unfolded again', async () => {
    const { routes } = mock.site;
    routes['/samples/index.json'] = status(503);
    const { page, context } = await open(mock.browser);
    try {
      await page.goto(mock.site.url);
      const { row, summary, sample } = offered(page);
      await summary.click();
      await row.getByText('The samples could not be loaded').waitFor();
      delete routes['/samples/index.json'];
      await summary.click();
      await summary.click();
      await sample.first().waitFor();
      assert.equal(await row.getByText('could not be loaded').count(), 0);
    } finally {
      delete routes['/samples/index.json'];
      await context.close();
    }
  });

  forEverybody(() => {
    for (const lang of Object.keys(LANGUAGES))
      for (const [colorScheme, width] of /** @type {const} */ ([
        ['light', 360],
        ['dark', 1200],
      ]))
        test(`${LANGUAGES[lang].name}, ${colorScheme}, ${width} px: unfolded in the language, no horizontal scroll, axe finds nothing`, () =>
          mock.onPage(
            async (page) => {
              const words = new Words(lang, (await LANGUAGES[lang].load()).default);
              const { row, summary, sample } = offered(page);
              await summary.getByText(words.text('samples.try')).click();
              await sample.nth(samples.length - 1).waitFor();
              const said = await row.innerText();
              for (const text of ['samples.about', 'sample.adult', 'sample.paediatric']) assert.ok(said.includes(words.text(/** @type {any} */ (text))), text);
              for (const { images } of samples) assert.ok(said.includes(words.text('samples.composite', { count: images })));
              await isAccessible(page, 'samples', width);
            },
            { path: `?lang=${lang}`, colorScheme, viewport: { width, height: 800 } },
          ));
  });
});

test('they are there without a network, once the page is kept', async () => {
  const page = await mockFolder();
  const built = await release(page.folder);
  const site = await serve(built.folder);
  const browser = await launch('cpu');
  try {
    const { page, answered } = await openReady(browser, site.url);
    assert.equal((await settled(page)).state, 'kept');
    await site.close();
    await page.reload();
    await ready(page);
    const { summary, sample } = offered(page);
    await summary.click();
    await sample.last().click();
    await answered(`composite of ${samples.at(-1)?.images} radiographs`);
  } finally {
    await browser.close();
    await site.close().catch(() => {});
    await built.remove();
    await page.remove();
  }
});

describe('the shipped model', { skip: noPage || noCommand }, () => {
  const images = samples.map(({ file }) => ({ name: file, path: join(FOLDER, file) }));

  test('accepts each sample and finds what it is, in the page as in the command', async () => {
    const site = await serve(DIST);
    const browser = await launch('cpu');
    try {
      const { page } = await openReady(browser, site.url);
      const outcomes = await classifyAll(page, images);
      const models = join(DIST, 'models');
      const { current } = JSON.parse(await readFile(join(models, 'index.json'), 'utf8'));
      const { stdout } = await lung(['predict', '--model', join(models, current), '--format', 'ndjson', ...images.map(({ path }) => path)]);
      const native = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      for (const [at, { file, finding }] of samples.entries()) {
        const report = outcomes.get(file)?.report;
        assert.ok(report, file);
        assert.equal(report.in_distribution?.accepted, true, `${file} is refused`);
        assert.equal(report.finding, EXPECTED[finding], file);
        assert.equal(native[at].finding, report.finding, file);
        assert.ok(Math.abs(native[at].probabilities[report.finding] - report.probabilities[report.finding]) < 2e-3, file);
      }
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
