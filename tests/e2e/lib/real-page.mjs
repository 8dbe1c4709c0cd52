// @ts-check
/** The built page in a browser: put images on it and wait for what it says. */

import { open, parts, ready, recordEvents } from './browser.mjs';
import { payloads } from './project.mjs';

/**
 * Opens the page and waits until the classifier runs.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function openReady(browser, url, options = {}) {
  const opened = await open(browser, options);
  /** The address of every request of the page and its worker. @type {string[]} */
  const requests = [];
  opened.context.on('request', (request) => requests.push(request.url()));
  await recordEvents(opened.page);
  await opened.page.goto(url);
  await ready(opened.page, 180_000);
  await settled(opened.page);
  return { ...opened, ...parts(opened.page), requests };
}

/**
 * Waits until the page has said whether it is kept for use without a network: after that it asks for nothing by itself.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{ state: string | null, said: string }>}
 */
export async function settled(page) {
  const line = page.locator('.offline:is([data-state=kept], [data-state=not-kept])');
  await line.getByText(/./).first().waitFor();
  return { state: await line.getAttribute('data-state'), said: await line.innerText() };
}

/** @typedef {import('../../../www/element/protocol.js').Report} Report */
/** @typedef {{ report?: Report, error?: { code: string, message: string, advice: string } }} Outcome */

/**
 * Chooses the images in the file picker and waits until each has been answered. Ten at a time go through the pipe to the
 * browser.
 * @param {import('playwright-core').Page} page
 * @param {import('./project.mjs').Image[]} images
 * @param {number} [timeout] for each ten
 * @returns {Promise<Map<string, Outcome>>} by name
 */
export async function classifyAll(page, images, timeout = 180_000) {
  // What has been read before is not read again.
  await parts(page).element.evaluate((element) => /** @type {any} */ (element).forget());
  /** @type {Map<string, Outcome>} */
  const outcomes = new Map();
  for (let at = 0; at < images.length; at += 10) {
    const some = images.slice(at, at + 10);
    const from = await page.evaluate(() => /** @type {any} */ (globalThis).lungEvents.length);
    await parts(page).picker.setInputFiles(await payloads(some));
    const told = await page.waitForFunction(
      ([from, count]) => {
        const told = /** @type {any} */ (globalThis).lungEvents
          .slice(from)
          .filter((/** @type {any} */ { type, detail }) => /result|error/.test(type) && detail.name);
        return told.length >= count && told;
      },
      [from, some.length],
      { timeout },
    );
    for (const { detail } of await told.jsonValue()) outcomes.set(detail.name, detail.report ? { report: detail.report } : { error: detail });
  }
  return outcomes;
}
