// @ts-check
/**
 * Findings and operating points are the bundle's: seven that nobody has words for are shown, sorted, filtered, spoken, kept and saved
 * like any others, in every language; and an operating point answers what is shown anew. With the stand-in network.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { LANGUAGES } from '../../www/element/words/words.js';
import { isAccessible } from './lib/accessible.mjs';
import { events, launch, open, parts, ready, recordEvents } from './lib/browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** Pages of a site whose bundle is of one kind. @param {string} file what it is called, which says its kind */
function pagesOf(file) {
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serveMock>>} */
  let site;
  before(async () => {
    browser = await launch('cpu');
    site = await serveMock({ file, took: 20 });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  return async (/** @type {(page: Page, found: ReturnType<typeof parts>) => Promise<unknown>} */ body, path = '') => {
    const { page, context, complaints } = await open(browser);
    try {
      await recordEvents(page);
      await page.goto(site.url + path);
      await ready(page);
      await body(page, parts(page));
      // What a test keeps back on purpose, the browser complains of.
      assert.deepEqual(
        complaints.filter((text) => !text.includes('ERR_FAILED')),
        [],
      );
    } finally {
      await context.close();
    }
  };
}

/** Different pictures of one name each. @param {number} count */
const pictures = (count) => Array.from({ length: count }, (_, at) => picture(`x${at}.png`, at));

/** What a language calls the seven, where the bundle says so. @type {Record<string, string>} */
const ZEBRA = { en: 'Zebra lung', es: 'Pulmón de cebra', fr: 'Poumon zébré', zh: '斑马肺', hi: 'ज़ेबरा फेफड़ा', ar: 'رئة الحمار الوحشي' };

/** Any word that is only for the findings of the shipped model. */
const OLD = /lung.?opacity|viral|opacidad|neumon|opacité|pneumonie|密度增高|病毒|अपारदर्शिता|वायरल|عتامة|فيروسي/i;

describe('seven findings that nobody has words for', () => {
  const onPage = pagesOf('mobilenet-lung-seven.safetensors');

  for (const lang of Object.keys(LANGUAGES))
    test(`are shown by the names of the bundle in ${LANGUAGES[lang].name}, and no other finding is named anywhere`, () =>
      onPage(async (page, { picker, element, rowsAnswered }) => {
        await picker.setInputFiles(pictures(6));
        await rowsAnswered(6);
        await element.locator('.evidence-words', { hasText: /./ }).waitFor();
        const names = ['Twelfth plate', 'Nothing seen', ZEBRA[lang], 'Stringy', 'All over', '<b>bold</b>', 'Seventh plate'];
        const bare = (/** @type {string[]} */ texts) => texts.map((text) => text.replace(/[\u2068\u2069]/g, ''));
        // In the order of the bundle, although JavaScript would put names that are numbers first.
        assert.deepEqual(await element.locator('.bar-name').allInnerTexts(), names);
        assert.deepEqual(await element.locator('.bar-track').evaluateAll((all) => all.map((bar) => bar.getAttribute('aria-label'))), names);
        assert.deepEqual(await element.locator('.option').allInnerTexts(), names);
        const kinds = await element.locator('.finders select').first().locator('option').allInnerTexts();
        assert.deepEqual(kinds.slice(1, 8), names);
        for (const row of bare(await element.locator('[part=row-finding]').allInnerTexts())) assert.ok(names.includes(row), row);
        const said = bare([await element.locator('.evidence-words').innerText()])[0];
        assert.ok(
          names.some((name) => said.includes(name)),
          said,
        );
        // The one that means no finding has a drawing; the others have none.
        assert.deepEqual(await element.locator('figcaption strong').allTextContents(), ['Nothing seen']);
        const text = await page.evaluate(() => {
          const root = /** @type {ShadowRoot} */ (document.querySelector('lung-xray-classifier')?.shadowRoot);
          for (const each of [...document.querySelectorAll('details'), ...root.querySelectorAll('details')]) each.open = true;
          const labels = [...document.querySelectorAll('*'), ...root.querySelectorAll('*')].flatMap((node) =>
            ['aria-label', 'aria-valuetext', 'title', 'content', 'alt'].map((name) => node.getAttribute(name) ?? ''),
          );
          return [document.title, document.body.innerText, /** @type {HTMLElement} */ (root.querySelector('.whole')).innerText, ...labels].join('\n');
        });
        assert.doesNotMatch(text, OLD);
        assert.doesNotMatch(text, /undefined|NaN|\{\w+\}/);
        await isAccessible(page, lang, 1200);
      }, `?lang=${lang}`));

  test('are sorted in the order of the bundle and filtered by any of them, also by one that is called "all"', () =>
    onPage(async (_page, { picker, element, rowsAnswered }) => {
      await picker.setInputFiles(pictures(12));
      await rowsAnswered(12);
      const order = ['Twelfth plate', 'Nothing seen', 'Zebra lung', 'Stringy', 'All over', '<b>bold</b>', 'Seventh plate'];
      await element.getByLabel('Sort by').selectOption('finding');
      const found = await element.locator('[part=row-finding]').allTextContents();
      const places = found.map((name) => order.indexOf(name));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
      assert.ok(new Set(places).size > 1, 'of several kinds');
      for (const name of order) {
        await element.getByRole('combobox', { name: 'Show' }).selectOption(name);
        const shown = await element.locator('[part=row-finding]').allTextContents();
        assert.deepEqual(
          shown,
          found.filter((other) => other === name),
          name,
        );
      }
    }));

  test('are columns of the CSV and keys of the JSON', () =>
    onPage(async (_page, { picker, element, answered }) => {
      await picker.setInputFiles([picture('a.png')]);
      await answered('a.png');
      const [csv, json] = await element.evaluate((node) =>
        Promise.all(['csv', 'json'].map(async (format) => (await /** @type {any} */ (node).exportResults(format)).text())),
      );
      const [, head, line] = csv.split('\r\n');
      const columns = head.replaceAll('"', '').split(',');
      const ids = ['12', 'clear', 'Zebra_lung', 'toString', 'all', '<b>bold</b>', '7'];
      for (const name of [
        'probability_12',
        'probability_clear',
        'probability_zebra_lung',
        'probability_tostring',
        'probability_all',
        'probability__b_bold_b_',
        'probability_7',
      ])
        assert.ok(columns.includes(name), `${name} of ${columns}`);
      assert.equal(columns.filter((/** @type {string} */ name) => name.startsWith('probability')).length, 7);
      assert.equal(line.split(',').length, columns.length);
      assert.deepEqual(Object.keys(JSON.parse(json)[0].report.probabilities).toSorted(), ids.toSorted());
    }));

  test('have their names and their order after a reload, before any classifier has started', () =>
    onPage(async (page, { picker, element, rowsAnswered }) => {
      await picker.setInputFiles(pictures(2));
      await rowsAnswered(2);
      const names = await element.locator('.bar-name').allInnerTexts();
      const found = await element.locator('[part=row-finding]').allInnerTexts();
      await page.route('**/*.safetensors', (route) => route.abort());
      await page.reload();
      await element.locator('[part=row-finding]').nth(1).waitFor();
      assert.deepEqual(await element.locator('.bar-name').allInnerTexts(), names);
      assert.deepEqual(await element.locator('[part=row-finding]').allInnerTexts(), found);
      await element.getByRole('button', { name: 'Forget these results' }).click();
      assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('lung-results'))), []);
      await page.unroute('**/*.safetensors');
      await page.reload();
      await ready(page);
    }));
});

describe('operating points', () => {
  const onPage = pagesOf('mobilenet-lung-points.safetensors');
  /** @param {Page} page */
  const results = (page) =>
    page.evaluate(() => /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.map((/** @type {any} */ { report }) => report));
  const radio = (/** @type {Page} */ page, /** @type {string} */ name) => page.getByRole('radio', { name, exact: true });

  for (const [lang, [label, child, answeredAt]] of Object.entries({
    en: ['Patient', 'child', 'Answer for a child patient'],
    es: ['Paciente', 'niño', 'Respuesta para un niño'],
    fr: ['Patient', 'enfant', 'Réponse pour un enfant'],
    zh: ['患者', '儿童', '按儿童患者作答'],
    hi: ['मरीज़', 'बच्चा', 'बच्चे के लिए उत्तर'],
    ar: ['المريض', 'طفل', 'الجواب لطفل'],
  }))
    test(`who the patient is can be said in ${LANGUAGES[lang].name}, and the card says for whom it answers`, () =>
      onPage(async (page, { picker, element, answered }) => {
        await picker.setInputFiles(picture('chest.png'));
        await answered('chest.png');
        await page.getByRole('group', { name: label, exact: true }).waitFor();
        assert.equal(await element.locator('[part=point]').count(), 0, 'nothing is said of the default');
        await radio(page, child).check();
        const point = element.locator('[part=point]');
        await point.waitFor();
        assert.equal((await point.innerText()).replace(/[\u2068\u2069]/g, '').replaceAll('\u00a0', ' '), answeredAt);
        await isAccessible(page, lang, 1200);
      }, `?lang=${lang}`));

  test('the images shown are answered anew as the network would at that point, without being read again', () =>
    onPage(async (page, { picker, element, answered }) => {
      await picker.setInputFiles(pictures(3));
      await answered('x2.png');
      const before = await results(page);
      const asked = await page.evaluate(() => {
        const seen = /** @type {any} */ (globalThis);
        seen.read = 0;
        const { arrayBuffer } = Blob.prototype;
        Blob.prototype.arrayBuffer = function () {
          seen.read++;
          return arrayBuffer.call(this);
        };
        return performance.getEntriesByType('resource').length;
      });
      await radio(page, 'child').check();
      await page.waitForFunction(() =>
        /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.every(
          (/** @type {any} */ { report }) => report.operating_point === 'child',
        ),
      );
      const weighed = await results(page);
      assert.notDeepEqual(weighed[0].probabilities, before[0].probabilities);
      assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).read), 0);
      assert.ok(asked > 0);
      const overlay = await element.locator('.evidence-words').innerText();
      // The same files anew, at that point from the beginning.
      await element.evaluate((node) => /** @type {any} */ (node).forget());
      await picker.setInputFiles(pictures(3));
      await page.waitForFunction(() =>
        /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.every((/** @type {any} */ { state }) => state === 'done'),
      );
      const direct = await results(page);
      for (const [at, { finding, probabilities, prediction_set, operating_point }] of direct.entries()) {
        assert.equal(operating_point, 'child');
        assert.equal(weighed[at].finding, finding);
        for (const [id, probability] of Object.entries(probabilities)) assert.ok(Math.abs(weighed[at].probabilities[id] - probability) < 1e-6, id);
        assert.ok(weighed[at].prediction_set.findings.includes(finding) && prediction_set.findings.includes(finding));
      }
      await element.locator('.evidence-words', { hasText: overlay }).waitFor();
      // Back to the default.
      await radio(page, 'not stated').check();
      await page.waitForFunction(() =>
        /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.every(
          (/** @type {any} */ { report }) => report.operating_point === 'clinic',
        ),
      );
      for (const [at, { probabilities }] of (await results(page)).entries())
        for (const [id, probability] of Object.entries(probabilities)) assert.ok(Math.abs(before[at].probabilities[id] - Number(probability)) < 1e-9, id);
    }));

  test('the choice is made by keyboard, holds for the tab, and is sent in a form', () =>
    onPage(async (page, { picker, element, answered }) => {
      const why = page.getByText('Answers are weighed differently for adults and children.');
      await why.waitFor();
      assert.equal(await page.getByRole('group', { name: 'Patient' }).getAttribute('aria-describedby'), await why.getAttribute('id'));
      await radio(page, 'not stated').focus();
      await page.keyboard.press('ArrowUp');
      assert.equal(await radio(page, 'child').isChecked(), true);
      await page.keyboard.press('ArrowUp');
      assert.equal(await radio(page, 'adult').isChecked(), true);
      await page.reload();
      await ready(page);
      await radio(page, 'adult').waitFor();
      assert.equal(await radio(page, 'adult').isChecked(), true);
      await element.evaluate((node) => {
        const form = document.createElement('form');
        node.replaceWith(form);
        node.removeAttribute('multiple');
        node.setAttribute('name', 'report');
        form.append(node);
      });
      await picker.setInputFiles(picture('chest.png'));
      await answered('chest.png');
      const sent = () => page.evaluate(() => JSON.parse(String(new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).get('report'))));
      const adult = await sent();
      assert.equal(adult.operating_point, 'adult');
      await radio(page, 'child').check();
      await page.waitForFunction(() => String(new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).get('report')).includes('"child"'));
      const child = await sent();
      const sum = (/** @type {number[][]} */ map) => map.flat().reduce((whole, cell) => whole + cell, 0);
      assert.ok(Math.abs(sum(child.evidence.Lung_Opacity) - sum(adult.evidence.Lung_Opacity) + 5) < 1e-6, 'the evidence goes along');
      assert.equal((await events(page)).filter(({ type }) => type === 'lung-error').length, 0);
    }));

  test('one that the bundle has not is an error that lists those it has, and another name has the image read', () =>
    onPage(async (page, { picker, element, answered }) => {
      await element.evaluate((node) => node.setAttribute('operating-point', 'zoo'));
      await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.some((/** @type {any} */ { type }) => type === 'lung-error'));
      await picker.setInputFiles(picture('chest.png'));
      await answered('chest.png', 'error');
      for (const { detail } of (await events(page)).filter(({ type }) => type === 'lung-error')) {
        assert.equal(detail.code, 'operating-point-unknown');
        assert.match(detail.message, /`zoo`; it has clinic, child, adult, ward\.$/);
      }
      await element.evaluate((node) => node.setAttribute('operating-point', 'ward'));
      await answered('chest.png');
      assert.equal(await element.locator('[part=point]').innerText(), 'Operating point: For a ward.');
      assert.equal((await results(page))[0].operating_point, 'ward');
    }));

  test('what the bundle says of a set is shown in the reader’s language, else in its own', async () => {
    const certain = { ...picture('sure.png'), buffer: Buffer.from('set 0.9 0.05 Normal') };
    const torn = { ...picture('torn.png'), buffer: Buffer.from('torn') };
    for (const [lang, text, as] of [
      ['en', 'Most such images show nothing.', 'en'],
      ['es', 'Casi ninguna de estas imágenes muestra nada.', 'es'],
      ['ar', 'Most such images show nothing.', 'en'],
    ])
      await onPage(async (_page, { picker, element, answered, choose }) => {
        await picker.setInputFiles([certain, torn]);
        await answered('torn.png');
        await choose('sure.png');
        const sentence = element.locator('[part=sentence]');
        assert.equal(await sentence.innerText(), text);
        assert.equal(await sentence.getAttribute('lang'), as);
        await choose('torn.png');
        assert.equal(await sentence.count(), 0, 'of another set nothing');
      }, `?lang=${lang}`);
  });
});

describe('a bundle without operating points for adults or children', () => {
  const onPage = pagesOf('mobilenet-lung-0123456789ab.safetensors');

  test('asks nobody', () =>
    onPage(async (page, { picker, answered }) => {
      await page.evaluate(() => sessionStorage.setItem('lung-patient', 'child'));
      await page.reload();
      await ready(page);
      await picker.setInputFiles(picture('chest.png'));
      await answered('chest.png');
      assert.equal(await page.locator('.patient').count(), 0);
    }));
});
