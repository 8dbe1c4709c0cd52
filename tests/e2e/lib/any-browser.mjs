// @ts-check
/**
 * The few things that the tests of every browser need, the same for Chromium (driven by Playwright) and for Firefox as it is
 * distributed (driven by Puppeteer, through WebDriver BiDi; Playwright drives only a Firefox of its own).
 */

import { existsSync } from 'node:fs';

import puppeteer from 'puppeteer-core';

import { launch } from './browser.mjs';

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

/** Why the tests in Firefox cannot run, or false. */
export const noFirefox = existsSync(FIREFOX) ? false : `no Firefox at ${FIREFOX} (FIREFOX): install it, or set FIREFOX to its path`;

/** @typedef {import('playwright-core').Frame | import('puppeteer-core').Frame} AnyFrame */

/**
 * A page or a frame of one.
 * @typedef {{
 *   evaluate<T>(act: (given: any) => T | Promise<T>, given?: unknown): Promise<T>,
 *   until<T>(act: (given: any) => T | Promise<T>, given?: unknown, timeout?: number): Promise<T>,
 *   choose(files: string[]): Promise<void>,
 * }} Place
 */

/**
 * An open page: itself, what it complained of, its pixels.
 * @typedef {Place & {
 *   frame(): Promise<Place>,
 *   complaints: string[],
 *   screenshot(path: string): Promise<unknown>,
 *   close(): Promise<unknown>,
 * }} AnyPage
 */

/**
 * @typedef {{
 *   version: string,
 *   open(url: string, options?: { width?: number, height?: number, before?: () => void }): Promise<AnyPage>,
 *   close(): Promise<unknown>,
 * }} AnyBrowser
 */

/** The browsers there are: their names, why one cannot be tried, and how it is begun. */
export const BROWSERS = [
  { name: 'Chromium', missing: /** @type {string | false} */ (false), begin: chromium },
  { name: 'Firefox', missing: noFirefox, begin: firefox },
];

/** @param {string[]} [flags] @returns {Promise<AnyBrowser>} */
export async function chromium(flags = []) {
  const browser = await launch('cpu', flags);
  return {
    version: `Chromium ${browser.version()}`,
    close: () => browser.close(),
    async open(url, { width = 1200, height = 900, before } = {}) {
      const context = await browser.newContext({ viewport: { width, height } });
      const page = await context.newPage();
      const complaints = listen(page, (message) => message.type());
      if (before) await page.addInitScript(before);
      await page.goto(url);
      return {
        ...place(page.mainFrame()),
        frame: () => inner(page),
        complaints,
        screenshot: (path) => page.screenshot({ path, fullPage: true }),
        close: () => context.close(),
      };
    },
  };
}

/**
 * @param {Record<string, string | number | boolean>} [preferences]
 * @returns {Promise<AnyBrowser>}
 */
export async function firefox(preferences = {}) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    extraPrefsFirefox: Array.isArray(preferences) ? {} : preferences,
  });
  return {
    version: (await browser.version()).replace(/^firefox\//i, 'Firefox '),
    close: () => browser.close(),
    async open(url, { width = 1200, height = 900, before } = {}) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      await page.setViewport({ width, height });
      const complaints = listen(page, (message) => message.type());
      if (before) await page.evaluateOnNewDocument(before);
      await page.goto(url);
      return {
        ...place(page.mainFrame()),
        frame: () => inner(page),
        complaints,
        screenshot: (path) => page.screenshot({ path: /** @type {`${string}.png`} */ (path), fullPage: true }),
        close: () => context.close(),
      };
    },
  };
}

/**
 * Uncaught exceptions and console errors, as they come.
 * @param {any} page @param {(message: any) => string} kind
 */
function listen(page, kind) {
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (/** @type {Error} */ error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (/** @type {any} */ message) => {
    if (kind(message) === 'error') complaints.push(`console: ${message.text()}`);
  });
  return complaints;
}

/** @param {AnyFrame} frame @returns {Place} */
function place(frame) {
  /** @type {any} */
  const any = frame;
  return {
    evaluate: (act, given) => any.evaluate(act, given),
    async until(act, given, timeout = 60_000) {
      const end = performance.now() + timeout;
      for (;;) {
        // A page that is being left gives no answer.
        const value = await any.evaluate(act, given).catch((/** @type {Error} */ error) => {
          if (!/context was destroyed|detached|Cannot find context|no such frame/i.test(error.message)) throw error;
        });
        if (value) return value;
        if (performance.now() > end) throw new Error(`not within ${timeout} ms: ${act}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async choose(files) {
      const picker = await any.evaluateHandle(() => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('input[type=file]'));
      if (picker.setInputFiles) await picker.setInputFiles(files);
      else await picker.uploadFile(...files);
    },
  };
}

/** The first frame within a page, as soon as there is one. @param {any} page */
async function inner(page) {
  for (let turn = 0; turn < 100; turn++) {
    const [, frame] = page.frames();
    if (frame?.url().startsWith('http')) return place(frame);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the page has no frame');
}
