// @ts-check
/**
 * The shipped weights with their three findings renamed, and with a head of seven, through the built page and the native command: nothing
 * depends on the old names, in any language, and both say the same.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { LANGUAGES } from '../../www/element/words/words.js';
import { launch, open, parts, ready, recordEvents } from './lib/browser.mjs';
import { DIST, lung, noCommand, noPage, phantoms } from './lib/project.mjs';
import { classifyAll } from './lib/real-page.mjs';
import { bytes, serve } from './lib/server.mjs';
import { apart, asFormat3, RENAMED, renamed, together, widened } from './lib/weights.mjs';

/** Any word for the findings of the shipped model. */
const OLD = /\bnormal|lung.?opacity|viral|opacidad|neumon|opacité|pneumonie|正常|密度增高|病毒|अपारदर्शिता|वायरल|طبيعي|عتامة|فيروسي/i;

const MODELS = fileURLToPath(new URL('../../www/models/', import.meta.url));
const SHIPPED = join(MODELS, JSON.parse(readFileSync(join(MODELS, 'index.json'), 'utf8')).current);

/** Made-up findings. */
const SEVEN = ['7', 'constructor', 'Wavy line', 'nothing_at_all', 'blot', '雪', 'last one'].map((id) => ({
  id,
  name: id.replaceAll('_', ' '),
  ...(id === 'nothing_at_all' ? { role: 'normal' } : {}),
}));

describe('a bundle of other findings', { skip: noCommand }, () => {
  /** @type {Awaited<ReturnType<typeof phantoms>>} */
  let generated;
  /** @type {string} */
  let folder;
  /** @type {ReturnType<typeof apart>} */
  let shipped;
  /** @type {ReturnType<typeof together>} */
  let other;
  /** @type {ReturnType<typeof together>} */
  let wide;

  before(async () => {
    generated = await phantoms(2);
    // Their folders are called by the old names.
    generated.images = generated.images.map((image, at) => ({ ...image, name: `phantom-${at}.png` }));
    folder = await mkdtemp(join(tmpdir(), 'lung-weights-'));
    shipped = apart(await readFile(SHIPPED));
    // A phantom is no chest X-ray: without these nobody says so, and the card says all that it can.
    for (const name of ['in_distribution.mean', 'in_distribution.directions']) shipped.tensors.delete(name);
    delete shipped.metadata.in_distribution;
    // Sentences are the bundle's own, whatever its findings are called.
    delete shipped.metadata.set_sentences;
    other = together({ metadata: renamed(asFormat3(shipped.metadata), RENAMED), tensors: shipped.tensors });
    wide = widened(shipped, SEVEN);
    for (const { file, bytes } of [other, wide]) await writeFile(join(folder, file), bytes);
  });
  after(async () => {
    await generated?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  /** What the command says of each image, by its name. @param {string} model */
  async function predicted(model) {
    const { code, stdout, stderr } = await lung(['predict', '--model', model, '--format', 'ndjson', ...generated.images.map(({ path }) => path)]);
    assert.equal(code, 0, stderr);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    return new Map(generated.images.map(({ name, path }) => [name, lines.find(({ file }) => file === path)]));
  }

  test('the command answers a renamed bundle as it answers the shipped one, by the new names', async () => {
    const before = await predicted(SHIPPED);
    const after = await predicted(join(folder, other.file));
    for (const [name, { finding, probabilities }] of after) {
      const known = before.get(name);
      assert.equal(finding, RENAMED[/** @type {keyof typeof RENAMED} */ (known.finding)].id);
      for (const [old, { id }] of Object.entries(RENAMED)) assert.ok(Math.abs(known.probabilities[old] - probabilities[id]) < 1e-6, `${name}: ${id}`);
    }
  });

  describe('in the built page', { skip: noPage }, () => {
    /** @type {import('playwright-core').Browser} */
    let browser;
    before(async () => (browser = await launch('cpu')));
    after(() => browser?.close());

    /**
     * @param {ReturnType<typeof together>} bundle
     * @param {(page: import('playwright-core').Page) => Promise<unknown>} body
     */
    async function onPage(bundle, body, path = '') {
      const { file, hash } = bundle;
      const site = await serve(DIST, {
        '/models/index.json': bytes(JSON.stringify({ current: file, models: [{ file, bytes: bundle.bytes.length, sha256: hash }] }), 'application/json'),
        [`/models/${file}`]: bytes(bundle.bytes),
      });
      const { page, context, complaints } = await open(browser);
      try {
        await recordEvents(page);
        await page.goto(site.url + path);
        await ready(page);
        // What a sample shows is said by who made it, whatever findings the model has.
        await page.locator('lung-xray-classifier').evaluate((element) => element.removeAttribute('samples'));
        await body(page);
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
        await site.close();
      }
    }

    for (const lang of Object.keys(LANGUAGES))
      test(`nothing is said in the old names in ${LANGUAGES[lang].name}`, () =>
        onPage(
          other,
          async (page) => {
            const outcomes = await classifyAll(page, generated.images);
            const ids = Object.values(RENAMED).map(({ id }) => id);
            for (const { report } of outcomes.values()) assert.ok(report && ids.includes(report.finding));
            const { element } = parts(page);
            await element.locator('.evidence-words', { hasText: /./ }).waitFor();
            const names = Object.values(RENAMED).map(({ name, translations }) => /** @type {Record<string, string>} */ (translations)[lang] ?? name);
            const kinds = await element.locator('.finders select').first().locator('option').allInnerTexts();
            assert.deepEqual(kinds.slice(1, 4), names);
            const files = await element.evaluate((node) =>
              Promise.all(['csv', 'json'].map(async (format) => (await /** @type {any} */ (node).exportResults(format)).text())),
            );
            for (const row of await element.locator('.row').all()) {
              await row.click();
              const said = await page.evaluate(() => {
                const root = /** @type {ShadowRoot} */ (document.querySelector('lung-xray-classifier')?.shadowRoot);
                for (const each of [...document.querySelectorAll('details'), ...root.querySelectorAll('details')]) each.open = true;
                const labels = [...document.querySelectorAll('*'), ...root.querySelectorAll('*')].flatMap((node) =>
                  ['aria-label', 'aria-valuetext', 'title', 'content', 'alt', 'value'].map((name) => node.getAttribute(name) ?? ''),
                );
                return [document.title, document.body.innerText, /** @type {HTMLElement} */ (root.querySelector('.whole')).innerText, ...labels].join('\n');
              });
              assert.deepEqual(
                said.split('\n').filter((/** @type {string} */ line) => OLD.test(line)),
                [],
              );
            }
            for (const text of files)
              assert.deepEqual(
                text.split('\n').filter((/** @type {string} */ line) => OLD.test(line)),
                [],
              );
            assert.deepEqual(files[0].split('\r\n')[1].match(/probability_[^"]+/g), ['probability_9', 'probability_grey_veil', 'probability_zigzag_lung']);
          },
          `?lang=${lang}`,
        ));

    test('another operating point answers from the evidence what the WebAssembly answers from the file', async () => {
      const metadata = asFormat3(shipped.metadata);
      const usual = metadata.operating_points.find((/** @type {any} */ { name }) => name === metadata.default_operating_point);
      metadata.operating_points = [usual];
      metadata.operating_points.push({ ...structuredClone(usual), name: 'child', offsets: { Normal: 0.7, Lung_Opacity: -2, 'Viral Pneumonia': 1.3 } });
      for (const id of Object.keys(usual.offsets)) metadata.operating_points[1].prediction_sets.thresholds[id] = 0.2;
      await onPage(together({ metadata, tensors: shipped.tensors }), async (page) => {
        await classifyAll(page, generated.images);
        const answers = () =>
          page.evaluate(() =>
            Object.fromEntries(
              /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.map((/** @type {any} */ { name, report }) => [name, report]),
            ),
          );
        await page.getByRole('radio', { name: 'child', exact: true }).check();
        await page.waitForFunction(() =>
          /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.every(
            (/** @type {any} */ { report }) => report.operating_point === 'child',
          ),
        );
        const weighed = await answers();
        await classifyAll(page, generated.images);
        const read = await answers();
        for (const [name, { finding, probabilities, prediction_set, operating_point }] of Object.entries(read)) {
          assert.deepEqual(
            [weighed[name].finding, weighed[name].prediction_set, weighed[name].operating_point],
            [finding, prediction_set, operating_point],
            name,
          );
          for (const [id, probability] of Object.entries(probabilities))
            assert.ok(Math.abs(weighed[name].probabilities[id] - Number(probability)) < 1e-5, `${name}: ${id}`);
        }
      });
    });

    test('seven made-up findings are answered as the command answers them', () =>
      onPage(wide, async (page) => {
        const native = await predicted(join(folder, wide.file));
        const outcomes = await classifyAll(page, generated.images);
        for (const [name, { report }] of outcomes) {
          const { finding, probabilities } = native.get(name);
          assert.equal(report?.finding, finding);
          for (const { id } of SEVEN) assert.ok(Math.abs((report?.probabilities[id] ?? NaN) - probabilities[id]) < 2e-3, `${name}: ${id}`);
        }
        assert.deepEqual(
          await parts(page).element.locator('.bar-name').allTextContents(),
          SEVEN.map(({ name }) => name),
        );
      }));
  });
});
