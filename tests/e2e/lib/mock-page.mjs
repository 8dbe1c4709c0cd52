// @ts-check
/** Pages of the mock site in a Chromium without WebGPU, for the tests of a file. */

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { launch, open, parts, ready, recordEvents } from './browser.mjs';
import { serveMock } from './mock-site.mjs';

/** @typedef {import('playwright-core').Page} Page */

/**
 * What a page is opened with: `path` below the site, `started` whether the classifier is waited for, `prepare` what is done before
 * it is loaded.
 * @typedef {import('playwright-core').BrowserContextOptions
 *   & { path?: string, started?: boolean, prepare?: (page: Page) => Promise<unknown> }} PageOptions
 */

/** Begins a browser and a site for the tests around it, and ends them. */
export function mockPages() {
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serveMock>>} */
  let site;
  before(async () => {
    browser = await launch('cpu');
    site = await serveMock();
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  return {
    get browser() {
      return browser;
    },
    get site() {
      return site;
    },
    /**
     * Runs `body` on a fresh page and expects it to end without an uncaught error or a console error.
     * @param {(page: Page, found: ReturnType<typeof parts>) => Promise<unknown>} body
     * @param {PageOptions} [options]
     */
    async onPage(body, { path = '', started = true, prepare, ...options } = {}) {
      const { page, context, complaints } = await open(browser, options);
      try {
        await recordEvents(page);
        await prepare?.(page);
        await page.goto(site.url + path);
        if (started) await ready(page);
        await body(page, parts(page));
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
      }
    },
  };
}
