// @ts-check
/** One engine in one fresh browser: opened, run, weighed. */

import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

import { WITHOUT } from '../../e2e/lib/chromium.mjs';

const COMMON = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  // Between its turns a page is in the background; it must not be slowed down for that.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  WITHOUT,
];
const SOFTWARE_WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const REAL_WEBGPU = ['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-angle=vulkan'];

/** @typedef {{ milliseconds: number, probabilities: number[] }} Run one image: the time of input to result, and the result */
/** @typedef {{ first: number, run: Run, device: string }} First milliseconds from navigation to the first result */

/**
 * Opens an engine's page in a browser of its own, with an empty profile.
 * @param {string} chrome path of the browser
 * @param {string} url of the page
 * @param {{ gpu: 'software' | 'hardware', count?: boolean, gc?: boolean, patience?: number }} options `count`: count the
 *   dispatches; `gc`: let the page's garbage be collected on demand; `patience`: milliseconds until a run is given up
 */
export async function open(chrome, url, { gpu, count = false, gc = false, patience = 180_000 }) {
  const browser = await chromium.launch({
    executablePath: chrome,
    args: [...COMMON, ...(gpu === 'software' ? SOFTWARE_WEBGPU : REAL_WEBGPU), ...(gc ? ['--js-flags=--expose-gc'] : [])],
  });
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    /** @type {string[]} */
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    if (count) await page.addInitScript({ path: new URL('../engines/count.js', import.meta.url).pathname });

    /** @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
    const bounded = async (promise, what) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const late = new Promise((_, fail) => {
        timer = setTimeout(() => fail(new Error(`${what} took more than ${patience / 1000} s`)), patience);
      });
      try {
        return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
      } catch (error) {
        const said = complaints.length ? ` (the page said: ${complaints.join(' | ')})` : '';
        throw new Error(`${error instanceof Error ? error.message : error}${said}`);
      } finally {
        clearTimeout(timer);
      }
    };

    await bounded(page.goto(url, { timeout: patience }), 'loading the page');
    /** @type {First} */
    const first = await bounded(
      page.evaluate(() => /** @type {any} */ (globalThis).bench.first),
      'the first result',
    );
    return {
      browser,
      page,
      first,
      /** @returns {Promise<Run>} */
      run: () =>
        bounded(
          page.evaluate(() => /** @type {any} */ (globalThis).bench.run()),
          'a run',
        ),
      /** Dispatches since the last time this was asked. @returns {Promise<number>} */
      dispatches: () =>
        page.evaluate(
          () =>
            new Promise((resolve) => {
              // The page and its workers answer, those that have dispatched anything.
              const channel = new BroadcastChannel('dispatches');
              let sum = 0;
              channel.onmessage = ({ data }) => (sum += data.count ?? 0);
              channel.postMessage('count');
              setTimeout(() => resolve(sum), 300);
            }),
        ),
      memory: () => memory(browser),
      /** Bytes that live JavaScript objects of the page take. */
      async heap() {
        const session = await context.newCDPSession(page);
        const { usedSize } = await session.send('Runtime.getHeapUsage');
        await session.detach();
        return usedSize;
      },
      /** Collects the garbage of the page and its workers, where `gc` allows it. */
      async collect() {
        const collect = () => /** @type {any} */ (globalThis).gc?.();
        await page.evaluate(collect);
        for (const worker of page.workers()) await worker.evaluate(collect);
      },
      close: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/**
 * Resident memory in bytes, now and at its highest, of the browser's renderer and GPU processes together: what the page and its
 * engine take. `null` where there is no /proc to read it from.
 * @param {import('playwright-core').Browser} browser
 * @returns {Promise<{ now: number, peak: number } | null>}
 */
async function memory(browser) {
  const session = await browser.newBrowserCDPSession();
  try {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    let [now, peak] = [0, 0];
    for (const { type, id } of processInfo) {
      if (type !== 'renderer' && type !== 'GPU') continue;
      const status = await readFile(`/proc/${id}/status`, 'utf8');
      const kib = (/** @type {string} */ field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
      now += kib('VmRSS') * 1024;
      peak += kib('VmHWM') * 1024;
    }
    return Number.isFinite(now + peak) && peak > 0 ? { now, peak } : null;
  } catch {
    return null;
  } finally {
    await session.detach();
  }
}
