// @ts-check
/**
 * The page as built, in Firefox as it is distributed: every way in for a file, the probabilities of the native command, and
 * nothing for axe to find.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import axe from 'axe-core';

import { firefox, noFirefox } from './lib/any-browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { CLASSES, currentBundle, DIST, lung, noCommand, noImages, noPage, phantoms, realImages } from './lib/project.mjs';
import { serve } from './lib/server.mjs';

/** As between the native command and Chromium: see page.test.mjs. */
const TOLERANCE = 2e-3;

/** What a page notes of its element, from before its scripts run. */
function note() {
  const seen = /** @type {any} */ (globalThis);
  seen.told = [];
  for (const type of ['lung-ready', 'lung-result', 'lung-error'])
    document.addEventListener(type, (event) => seen.told.push({ type, detail: /** @type {CustomEvent} */ (event).detail }));
}

/** Waits for as many answers. @param {import('./lib/any-browser.mjs').Place} page @param {number} count @returns {Promise<Array<{ type: string, detail: any }>>} */
const answers = (page, count) =>
  page.until(
    (/** @type {number} */ count) => {
      const told = /** @type {any} */ (globalThis).told.filter((/** @type {any} */ { detail }) => detail.name);
      return told.length >= count && told;
    },
    count,
    60_000,
  );

describe('the built page in Firefox', { skip: noFirefox || noPage || noCommand }, () => {
  /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  /** @type {Awaited<ReturnType<typeof phantoms>>} */
  let generated;
  before(async () => {
    [browser, site, generated] = [await firefox(), await serve(DIST), await phantoms(2)];
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    await generated?.remove();
  });

  test('says of every radiograph what the native command says, without a single request', async (t) => {
    const images = [...generated.images, ...(noImages ? [] : await realImages(3))];
    const { stdout } = await lung(['predict', '--model', await currentBundle(), '--format', 'ndjson', ...images.map(({ path }) => path)]);
    const native = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const page = await browser.open(site.url, { before: note });
    await page.until(() => /** @type {any} */ (globalThis).told.some((/** @type {any} */ { type }) => type === 'lung-ready'), undefined, 90_000);
    // Until the page has said whether it is kept for use without a network it fetches that: after it, nothing by itself.
    await page.until(
      () => {
        const line = document.querySelector('.offline:is([data-state=kept], [data-state=not-kept])');
        return Boolean(line?.textContent?.trim());
      },
      undefined,
      60_000,
    );
    const asked = site.asked.length;
    let worst = 0;
    for (const [at, { path, name }] of images.entries()) {
      await page.choose([path]);
      const { type, detail } = (await answers(page, at + 1))[at];
      assert.equal(type, 'lung-result', `${name}: ${detail.message}`);
      for (const finding of CLASSES) worst = Math.max(worst, Math.abs(detail.report.probabilities[finding] - native[at].probabilities[finding]));
      assert.ok(worst <= TOLERANCE, `${name}: ${worst} from the native command`);
      assert.equal(detail.report.finding, native[at].finding, name);
    }
    assert.deepEqual(site.asked.slice(asked), []);
    assert.deepEqual(page.complaints, []);
    t.diagnostic(`${browser.version}: ${images.length} radiographs, largest difference ${worst.toExponential(1)}`);
    await page.close();
  });
});

describe('the page in Firefox, with a stand-in for the WebAssembly', { skip: noFirefox }, () => {
  /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serveMock>>} */
  let site;
  before(async () => {
    [browser, site] = [await firefox(), await serveMock()];
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('files that are dropped, that miss it, and that are pasted are answered', async () => {
    const page = await browser.open(site.url, { before: note });
    await page.until(() => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot));
    // WebDriver drags no files from outside, and no picture is on the clipboard of a browser without a screen: the events are made,
    // with what a browser would carry in them.
    await page.evaluate((/** @type {string} */ base64) => {
      const element = /** @type {HTMLElement} */ (document.querySelector('lung-xray-classifier'));
      const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const carrying = (/** @type {string} */ name) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([data], name, { type: 'image/png' }));
        return transfer;
      };
      const options = { bubbles: true, composed: true, cancelable: true };
      const zone = /** @type {Element} */ (element.shadowRoot?.querySelector('.dropzone'));
      zone.dispatchEvent(new DragEvent('dragover', { ...options, dataTransfer: carrying('dropped.png') }));
      zone.dispatchEvent(new DragEvent('drop', { ...options, dataTransfer: carrying('dropped.png') }));
      document.body.dispatchEvent(new DragEvent('drop', { ...options, dataTransfer: carrying('missed.png') }));
      const paste = new ClipboardEvent('paste', options);
      Object.defineProperty(paste, 'clipboardData', { value: { files: carrying('pasted.png').files } });
      document.body.dispatchEvent(paste);
    }, picture('').buffer.toString('base64'));
    const told = await answers(page, 3);
    assert.deepEqual(
      told.map(({ type, detail }) => [type, detail.name]),
      [
        ['lung-result', 'dropped.png'],
        ['lung-result', 'missed.png'],
        ['lung-result', 'pasted.png'],
      ],
    );
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  for (const width of [360, 1200]) {
    test(`${width} px: no horizontal scroll, and axe finds nothing, empty, with a report, with an error and with a warning`, async () => {
      const page = await browser.open(site.url, { width, height: 800, before: note });
      await page.until(() => /** @type {any} */ (globalThis).told.length > 0);
      await page.evaluate(/** @type {any} */ (axe.source));
      /** @param {string} when */
      const check = async (when) => {
        const found = await page.evaluate(async () => {
          const { violations } = await /** @type {any} */ (globalThis).axe.run({ resultTypes: ['violations'] });
          return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ { html }) => html)}`);
        });
        assert.deepEqual(found, [], when);
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, when);
      };
      await check('empty');
      for (const [at, text] of ['plain', 'refuse', 'unlike'].entries()) {
        await page.evaluate(
          (/** @type {string} */ text) => /** @type {any} */ (document.querySelector('lung-xray-classifier')).add([new File([text], text)]),
          text,
        );
        await answers(page, at + 1);
        await page.until(
          (/** @type {string} */ name) => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.card-name')?.textContent === name,
          text,
        );
        await check(text);
      }
      await page.close();
    });
  }
});
