// @ts-check
/** Chromium, with a software WebGPU or without any. */

import { chromium } from 'playwright-core';

import { WITHOUT } from './chromium.mjs';

export const CHROME = process.env.CHROME ?? '/usr/bin/chromium';

export const COMMON = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', WITHOUT];

/** How long a test waits for what must come, in milliseconds: a machine with two cores runs several pages at a time. */
export const PATIENCE = 90_000;

const WITH_WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/**
 * @param {'webgpu' | 'cpu'} device what this browser can do
 * @param {string[]} [more] further flags
 */
export function launch(device, more = []) {
  return chromium.launch({
    executablePath: CHROME,
    args: [...COMMON, ...(device === 'webgpu' ? WITH_WEBGPU : []), ...more],
  });
}

/**
 * A page in a context of its own that keeps what a test may want to know of it.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  /** Uncaught exceptions and console errors of the page and its workers. @type {string[]} */
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  return { context, page, complaints };
}

/** The element of a page. @param {import('playwright-core').Page} page */
export function parts(page) {
  const element = page.locator('lung-xray-classifier');
  return {
    element,
    picker: element.locator('input[type=file]:not([webkitdirectory])'),
    status: element.locator('.status'),
    rows: element.locator('.row'),
    row: (/** @type {string} */ name) => element.locator('.row', { hasText: name }),
    /** The card, while it shows this image: the first of those last added, or the one whose row was chosen. */
    card: (/** @type {string} */ name) => element.locator('.card', { hasText: name }),
    /** Waits until an image has been answered, in the card and in its row. @param {string} name @param {'done' | 'error' | 'working'} [state] */
    async answered(name, state = 'done') {
      const shown = (/** @type {string} */ part) => element.locator(`${part}[data-state=${state}]`, { hasText: name });
      await shown('.row').or(shown('.card')).first().waitFor({ state: 'attached' });
      // The card may be ahead of the rows, by what the table gathers.
      if (await element.locator('.row', { hasText: name }).count()) await shown('.row').first().waitFor({ state: 'attached' });
    },
    /** Waits until this many rows say what was found. @param {number} count */
    rowsAnswered: (count) =>
      element
        .locator('.row[data-state=done]')
        .nth(count - 1)
        .waitFor({ state: 'attached' }),
    /** Chooses an image's row, and returns the card. @param {string} name */
    async choose(name) {
      const row = element.locator('.row', { hasText: name });
      const card = element.locator('.card', { hasText: name });
      // Rows are made a moment after their images are chosen.
      await row.or(card).first().waitFor();
      if (await row.isVisible()) await row.click();
      // A page that glides to its result may move the row from under the pointer: whoever sees that clicks again.
      const shown = await card.waitFor({ timeout: 10_000 }).then(
        () => true,
        () => false,
      );
      if (!shown) {
        if (await row.isVisible()) await row.click();
        await card.waitFor();
      }
      return card;
    },
  };
}

/**
 * What a part of the page says with all that is folded in it unfolded. Both at once: the page may write the part anew at any
 * moment, folded as it was.
 * @param {import('playwright-core').Locator} part
 */
export function unfolded(part) {
  return part.evaluate((element) => {
    for (const details of element.querySelectorAll('details')) details.open = true;
    return /** @type {HTMLElement} */ (element).innerText;
  });
}

/**
 * Collects the element's events from before its script has run; read them with `events(page)`.
 * @param {import('playwright-core').Page} page
 */
export async function recordEvents(page) {
  await page.addInitScript(() => {
    const seen = /** @type {any} */ (globalThis);
    seen.lungEvents = [];
    for (const type of ['lung-ready', 'lung-progress', 'lung-result', 'lung-error']) {
      document.addEventListener(type, (event) => seen.lungEvents.push({ type, detail: /** @type {CustomEvent} */ (event).detail }));
    }
  });
}

/** @param {import('playwright-core').Page} page @returns {Promise<Array<{ type: string, detail: any }>>} */
export function events(page) {
  return page.evaluate(() => /** @type {any} */ (globalThis).lungEvents);
}

/**
 * Waits until start-up has ended: `ready` or `failed`. Of a failure it reads what is folded too.
 * @param {import('playwright-core').Page} page
 * @param {number} [timeout]
 */
export async function started(page, timeout = PATIENCE) {
  const { status } = parts(page);
  await status.and(page.locator('[data-phase=ready], [data-phase=failed]')).waitFor({ timeout });
  const phase = await status.getAttribute('data-phase');
  return { phase, said: (await (phase === 'failed' ? unfolded(status) : status.innerText())).replace(/\s+/g, ' ').trim() };
}

/** Waits until the classifier runs; fails with the reason on the page if it does not. @param {import('playwright-core').Page} page @param {number} [timeout] */
export async function ready(page, timeout) {
  const { phase, said } = await started(page, timeout);
  if (phase !== 'ready') throw new Error(`start-up failed: ${said}`);
}
