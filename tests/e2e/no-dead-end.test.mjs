// @ts-check
/**
 * Whatever keeps the classifier from coming, there is a way on: a damaged copy is fetched past the caches that have it, a stalled
 * download is ended, what was chosen meanwhile is read in the end, a missing script leaves words and not an empty box, and each
 * cause has its own sentence, code and advice.
 */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium as playwright } from 'playwright-core';

import { BROWSERS } from './lib/any-browser.mjs';
import { CHROME, COMMON, events, launch, open, parts, ready, recordEvents, started } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { mockFolder, serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { settled } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { bytes, serve, slowly, status, underPolicy } from './lib/server.mjs';

/** @import { Route } from './lib/server.mjs' */

/** What pages tell to put on a page. @type {Array<[string, string]>} */
const SNIPPETS = await Promise.all(
  ['docs/guide/embedding.md', 'README.md', 'www/package/README.md'].map(async (path) => {
    const text = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
    const snippet = /```html\n([^`]*element\/define\.js[^`]*)```/.exec(text)?.[1] ?? assert.fail(path);
    return /** @type {[string, string]} */ ([path, snippet.replaceAll('"lung/', '"')]);
  }),
);
const FILE = 'mobilenet-lung-0123456789ab.safetensors';
const BUNDLE = `/models/${FILE}`;
const INDEX = '/models/index.json';
/** What the browsers of the tests take on the CPU. */
const RUNTIMES = ['/runtime/cpu/lung_web_bg.wasm', '/runtime/cpu-relaxed/lung_web_bg.wasm'];

/** A route that a browser may keep the answer of for a year. @param {Buffer | string} body @param {string} type @returns {Route} */
const immutable = (body, type) => (request, response) => {
  response.setHeader('cache-control', 'public, max-age=31536000, immutable');
  bytes(body, type)(request, response);
};

/** Damages that keep the length, or do not. @type {Record<string, (whole: Buffer) => Buffer>} */
const DAMAGE = {
  'one byte is another': (whole) => Buffer.concat([Buffer.of(whole[0] ^ 0xff), whole.subarray(1)]),
  'cut short': (whole) => whole.subarray(0, whole.length >> 1),
  'something follows': (whole) => Buffer.concat([whole, Buffer.from('<html>')]),
};

/** The files of a start: what each is called, where it lies, what it is served as. @type {Array<[string, string[], string]>} */
const FILES = [
  ['the weights', [BUNDLE], 'application/octet-stream'],
  ['the program', RUNTIMES, 'application/wasm'],
  ['the list of models', [INDEX], 'application/json'],
];

/** What a site answers. @param {string} url */
const bodyOf = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer());

/** Reloads a page, and waits until it is another. @param {import('./lib/any-browser.mjs').AnyPage} page */
async function reload(page) {
  await page.evaluate(() => {
    /** @type {any} */ (globalThis).before = true;
    location.reload();
  });
  await page.until(() => !(/** @type {any} */ (globalThis).before));
}

for (const { name, missing, begin } of BROWSERS)
  // Two at a time, here and below: each has a site and a page of its own, and waits for most of its time.
  describe(`damaged once and kept for a year, in ${name}`, { skip: missing, concurrency: 2 }, () => {
    /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
    let browser;
    before(async () => (browser = await begin()));
    after(() => browser?.close());

    for (const [what, paths, type] of FILES)
      for (const [how, damage] of Object.entries(DAMAGE)) {
        // What finds the damage is the same in every browser; what their caches do is not.
        if (name === 'Firefox' && how !== 'cut short' && !(what === 'the weights' && how === 'one byte is another')) continue;
        test(`${what}, ${how}: the first start finds a whole copy, and so does a reload`, async () => {
          const site = await serveMock();
          try {
            for (const path of paths) {
              const whole = await bodyOf(site.url.slice(0, -1) + path);
              let asked = 0;
              site.routes[path] = (request, response) => immutable(asked++ === 0 ? damage(whole) : whole, type)(request, response);
            }
            const page = await browser.open(site.url);
            const isReady = () => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.status[data-phase=ready]'));
            await page.until(isReady);
            await reload(page);
            await page.until(isReady);
            await page.close();
          } finally {
            await site.close();
          }
        });
      }

    test('scripts that are fetched later, cut short: what needs them gets whole ones, and so does the next visit', async () => {
      const site = await serveMock();
      const paths = ['results/table.js', 'picture/zoom.js', 'results/export.js', 'results/xlsx.js', 'results/kept.js', 'words/fr.js'].map(
        (path) => `/element/${path}`,
      );
      try {
        for (const path of paths) {
          const whole = await bodyOf(site.url.slice(0, -1) + path);
          // Within a block, or before all: a script that ends between two functions is whole to a browser, but exports nothing once it is built.
          const cut = whole.subarray(0, path.includes('xlsx') ? 0 : whole.lastIndexOf('}', whole.length >> 1));
          let asked = 0;
          site.routes[path] = (request, response) => immutable(asked++ === 0 ? cut : whole, 'text/javascript')(request, response);
        }
        const page = await browser.open(site.url);
        for (let visit = 1; visit <= 2; visit++) {
          await page.until(() => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot));
          await page.evaluate(
            (/** @type {string[]} */ pictures) => {
              const files = pictures.map((base64, at) => new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], `${at}.png`));
              /** @type {any} */ (document.querySelector('lung-xray-classifier')).add(files);
            },
            [1, 2].map((seed) => picture('', visit * 10 + seed).buffer.toString('base64')),
          );
          await page.evaluate(() => document.querySelector('lung-xray-classifier')?.setAttribute('lang', 'fr'));
          await page.until(() => /Choisir/.test(document.querySelector('lung-xray-classifier')?.shadowRoot?.textContent ?? ''), undefined, 30_000);
          await page.until(
            () => ['toolbar', 'kept', 'zoom'].every((part) => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector(`[part=${part}]`)),
            undefined,
            30_000,
          );
          assert.match(
            await page.evaluate(() =>
              /** @type {any} */ (document.querySelector('lung-xray-classifier')).exportResults('csv').then((/** @type {Blob} */ file) => file.text()),
            ),
            /0\.png/,
          );
          assert.ok(
            (await page.evaluate(() =>
              /** @type {any} */ (document.querySelector('lung-xray-classifier')).exportResults('xlsx').then((/** @type {Blob} */ file) => file.size),
            )) > 1000,
          );
          // This test, the page, past the cache, and under another address.
          if (visit === 1) for (const path of paths) assert.equal(site.asked.filter((asked) => asked === path).length, 4, path);
          await reload(page);
        }
        await page.close();
      } finally {
        await site.close();
      }
    });
  });

describe('in Chromium', { concurrency: 2 }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser;
  before(async () => (browser = await launch('cpu')));
  after(() => browser?.close());

  /**
   * @param {(page: import('playwright-core').Page, found: ReturnType<typeof parts>, site: Awaited<ReturnType<typeof serveMock>>) => Promise<unknown>} body
   * @param {Parameters<typeof serveMock>[0] & { path?: string, prepare?: (page: import('playwright-core').Page) => Promise<unknown>,
   *   spoilt?: RegExp }} [options] what a script may complain of that was damaged
   */
  async function onPage(body, { path = '', prepare, spoilt = /^$/, ...options } = {}) {
    const site = await serveMock(options);
    const { page, context } = await open(browser);
    /** @type {string[]} */
    const uncaught = [];
    page.on('pageerror', ({ message }) => uncaught.push(message));
    try {
      await recordEvents(page);
      await prepare?.(page);
      await page.goto(site.url + path);
      await body(page, parts(page), site);
      assert.deepEqual(
        uncaught.filter((message) => !spoilt.test(message)),
        [],
      );
    } finally {
      await context.close();
      await site.close();
    }
  }

  test('damaged in a cache on the way, which goes by address: another address is asked for', () =>
    onPage(async (page, _found, site) => {
      const paths = [BUNDLE, INDEX, ...RUNTIMES];
      for (const path of paths) {
        const route = site.routes[path];
        const whole = await bodyOf(site.url.slice(0, -1) + path);
        site.routes[path] = (request, response) =>
          request.url?.includes('?') ? route(request, response) : immutable(whole.subarray(0, 100), 'application/wasm')(request, response);
      }
      await page.reload();
      await ready(page);
    }));

  test('damaged on the server: it is said with an advice that works, and once the file is mended "Try again" and a reload find it', () =>
    onPage(async (page, { status: said }, site) => {
      const whole = site.routes[BUNDLE];
      site.routes[BUNDLE] = immutable(Buffer.alloc(4_600_000, 7), 'application/octet-stream');
      await page.reload();
      const failed = await started(page);
      assert.match(failed.said, /models\/ is damaged[^]*weights-hash-mismatch/);
      site.routes[BUNDLE] = whole;
      await said.getByRole('button', { name: 'Try again' }).click();
      await said.and(page.locator('[data-phase=ready]')).waitFor();
      await page.reload();
      await ready(page);
    }));

  test('a script of the worker that a cache has damaged: "Try again" fetches it anew', () =>
    onPage(
      async (page, { status: said }, site) => {
        const { said: words } = await started(page);
        assert.match(words, /start-failed/);
        delete site.routes['/worker.js'];
        await said.getByRole('button', { name: 'Try again' }).click();
        await said.and(page.locator('[data-phase=ready]')).waitFor();
      },
      { routes: { '/worker.js': immutable('export {', 'text/javascript') } },
    ));

  test('a download that stalls without an end is given up, and "Try again" does not join it', () =>
    onPage(
      async (page, { status: said }, site) => {
        const whole = site.routes[BUNDLE];
        site.routes[BUNDLE] = (_request, response) => {
          response.writeHead(200, { 'content-length': 4_600_000, 'cache-control': 'public, max-age=31536000, immutable' });
          response.write(Buffer.alloc(1000, 1));
        };
        await page.reload();
        await page.clock.runFor(1000);
        await said.and(page.locator('[data-phase=loading]')).waitFor();
        await page.clock.runFor(122_000);
        assert.match((await started(page)).said, /has stalled[^]*begins anew[^]*download-stalled/);
        site.routes[BUNDLE] = whole;
        await said.getByRole('button', { name: 'Try again' }).click();
        await page.clock.runFor(2000);
        await said.and(page.locator('[data-phase=ready]')).waitFor();
      },
      { prepare: (page) => page.clock.install() },
    ));

  test('bytes that arrive are a sign of life, however few, of weights and of an uncompressed program', () =>
    onPage(
      async (page, { status: said }, site) => {
        for (const path of [BUNDLE, RUNTIMES[1]]) {
          const route = site.routes[path];
          const whole = await bodyOf(site.url.slice(0, -1) + path);
          /** @type {import('node:http').ServerResponse[]} */
          const waiting = [];
          site.routes[path] = (_request, response) => {
            response.writeHead(200, { 'content-type': 'application/wasm', 'content-length': whole.length });
            response.flushHeaders();
            waiting.push(response);
          };
          await page.reload();
          await page.clock.runFor(1000);
          while (waiting.length === 0) await page.waitForTimeout(50);
          for (let at = 0; at < 4; at++) {
            waiting[0].write(whole.subarray(at, at + 1));
            await page.waitForTimeout(300);
            await page.clock.runFor(100_000);
            assert.equal(await said.getAttribute('data-phase'), 'loading', `${path}: ${at}`);
          }
          waiting[0].end(whole.subarray(4));
          await page.waitForTimeout(300);
          await page.clock.runFor(2000);
          await said.and(page.locator('[data-phase=ready]')).waitFor();
          site.routes[path] = route;
        }
      },
      { prepare: (page) => page.clock.install() },
    ));

  test('images that were chosen while there was no model are read when it comes; one that was refused is not read again', () =>
    onPage(async (page, { picker, answered, status: said }, site) => {
      await ready(page);
      await picker.setInputFiles([{ ...picture('bad.png'), buffer: Buffer.from('refuse') }]);
      await answered('bad.png', 'error');
      const index = site.routes[INDEX];
      site.routes[INDEX] = (_request, response) => void response.destroy();
      await page.reload();
      await started(page);
      await picker.setInputFiles([picture('one.png', 1), picture('two.png', 2)]);
      await picker.setInputFiles([{ ...picture('worse.png'), buffer: Buffer.from('refuse') }]);
      for (const name of ['one.png', 'two.png', 'worse.png']) await answered(name, 'error');
      site.routes[INDEX] = index;
      await said.getByRole('button', { name: 'Try again' }).click();
      for (const name of ['one.png', 'two.png']) await answered(name, 'done');
      await answered('worse.png', 'error');
      const told = await page.evaluate(() =>
        /** @type {any} */ (globalThis).lungEvents
          .filter((/** @type {any} */ { type, detail }) => type === 'lung-error' && detail.name)
          .map((/** @type {any} */ { detail }) => `${detail.name} ${detail.code}`),
      );
      assert.equal(told.filter((/** @type {string} */ line) => line === 'worse.png unknown-format').length, 1, told.join());
      assert.ok(!told.some((/** @type {string} */ line) => line.startsWith('bad.png')));
    }));

  describe('a script that does not arrive', () => {
    /** Scripts without which there is no element. */
    const NEEDED = ['app.js', 'element/define.js', 'element/download.js', 'element/words/en.js', 'element/results/card.js'];

    for (const path of NEEDED)
      test(`${path}: the page names it and offers to reload, which helps once it is there`, () =>
        onPage(
          async (page, _found, site) => {
            const alert = page.getByRole('alert');
            await alert.getByText('did not arrive whole').waitFor();
            assert.ok((await alert.innerText()).includes(`${path.split('/').at(-1)}`), await alert.innerText());
            delete site.routes[`/${path}`];
            await alert.getByRole('link', { name: 'Reload the page' }).click();
            await ready(page);
          },
          { routes: { [`/${path}`]: status(404) } },
        ));

    test('one that a cache keeps damaged: reloading from the page fetches it anew', () =>
      onPage(
        async (page, _found, site) => {
          const link = page.getByRole('link', { name: 'Reload the page' });
          await link.waitFor();
          delete site.routes['/element/parts/dom.js'];
          await link.click();
          await ready(page);
        },
        { routes: { '/element/parts/dom.js': immutable('export {', 'text/javascript') }, spoilt: /^Unexpected end of input$/ },
      ));

    test('all scripts: the words are there without any, in a while', () =>
      onPage(
        async (page) => {
          const link = page.getByRole('link', { name: 'Reload the page' });
          assert.equal(await link.isVisible(), false);
          await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
          assert.ok(await link.isVisible());
        },
        { routes: { '/app.js': status(404), '/element/absent.js': status(404) } },
      ));

    test('in Spanish where the page is read in Spanish', () =>
      onPage(async (page) => void (await page.getByRole('link', { name: 'Recargar la página' }).waitFor()), {
        path: '?lang=es',
        routes: { '/app.js': status(404) },
      }));

    for (const [path, [page, snippet]] of ['element/define.js', 'element/classifier/pool.js'].flatMap((path) =>
      SNIPPETS.map((entry) => /** @type {const} */ ([path, entry])),
    ))
      test(`${path} on a page that follows ${page}: its own words stay, and offer to reload`, () => {
        return onPage(
          async (page, _found, site) => {
            await page.getByRole('link', { name: 'Reload the page' }).waitFor();
            delete site.routes[`/${path}`];
            await page.getByRole('link', { name: 'Reload the page' }).click();
            await page.waitForFunction(() => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot));
            assert.equal(await page.getByRole('link', { name: 'Reload the page' }).isVisible(), false);
          },
          {
            path: 'host.html',
            routes: { [`/${path}`]: status(404), '/host.html': bytes(`<!doctype html><title>host</title>${snippet}`, 'text/html') },
          },
        );
      });
  });

  describe('a script that is fetched later does not arrive', () => {
    /** @type {Buffer} */
    let whole;
    /** @type {Buffer} */
    let taker;
    before(async () => {
      whole = await readFile(new URL('../../www/element/results/export.js', import.meta.url));
      taker = await readFile(new URL('../../www/element/intake/paste-taker.js', import.meta.url));
    });

    /** @param {string} path */
    const without = (path) => ({ routes: { [`/element/${path}`]: status(404) } });
    /** @typedef {(target: Element, name: string, types?: string[]) => void} Paste of a picture of that name */
    /** @typedef {(count: number) => Promise<void>} Answered waits until the element has so many results, or far too long */
    /**
     * @param {import('playwright-core').Page} page
     * @param {(element: any, picture: Blob, paste: Paste, answered: Answered) => Promise<unknown>} act
     * @returns {Promise<any>}
     */
    const onElement = (page, act) =>
      page.evaluate(
        ([base64, act]) => {
          const element = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
          const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' });
          /** @type {Paste} */
          const paste = (target, name, types = ['Files']) => {
            const event = new ClipboardEvent('paste', { bubbles: true, composed: true, cancelable: true });
            Object.defineProperty(event, 'clipboardData', { value: { files: [new File([blob], name, { type: 'image/png' })], types } });
            target.dispatchEvent(event);
          };
          /** @type {Answered} */
          const answered = async (count) => {
            for (let turn = 0; turn < 1200 && element.results.length < count; turn++) await new Promise((resolve) => setTimeout(resolve, 50));
          };
          return new Function(`return ${act}`)()(element, blob, paste, answered);
        },
        [picture('').buffer.toString('base64'), String(act)],
      );

    test('what decides who takes a paste: what no other could mean is taken all the same, and no editor loses anything', () =>
      onPage(async (page) => {
        await ready(page);
        const taken = await onElement(page, async (element, _blob, paste, answered) => {
          const area = document.body.appendChild(document.createElement('textarea'));
          area.focus();
          paste(area, 'into a field');
          area.blur();
          paste(document.body, 'with text', ['text/html', 'Files']);
          document.designMode = 'on';
          paste(document.body, 'into a document that is edited');
          document.designMode = 'off';
          paste(document.body, 'on the page');
          await answered(1);
          element.focus();
          paste(element, 'into the element');
          await answered(2);
          element.hidden = true;
          document.body.focus();
          paste(document.body, 'where no element is shown');
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return element.results.map((/** @type {{ name: string }} */ { name }) => name);
        });
        assert.deepEqual(taken.sort(), ['into the element', 'on the page']);
      }, without('intake/paste-taker.js')));

    test('what decides who takes a paste comes late: where the focus was when it was pasted counts', () =>
      onPage(
        async (page) => {
          await ready(page);
          const taken = await onElement(page, async (element, _blob, paste, answered) => {
            const area = document.body.appendChild(document.createElement('textarea'));
            area.focus();
            paste(area, 'into the field');
            area.blur();
            paste(document.body, 'on the page');
            area.focus();
            await answered(1);
            await new Promise((resolve) => setTimeout(resolve, 500));
            return element.results.map((/** @type {{ name: string }} */ { name }) => name);
          });
          assert.deepEqual(taken, ['on the page']);
        },
        { routes: { '/element/intake/paste-taker.js': slowly(taker, 2, 1500, 'text/javascript') } },
      ));

    test('one that stalls is given up after a while and fetched under another address', () =>
      onPage(
        async (page, { picker, answered, element }, site) => {
          const path = '/element/results/export.js';
          await picker.setInputFiles(picture('chest.png'));
          await page.clock.runFor(5000);
          await answered('chest.png');
          // What is under way for this address is left alone.
          const stalled = site.routes[path];
          site.routes[path] = (request, response) =>
            request.url?.includes('?') ? bytes(whole, 'text/javascript')(request, response) : stalled(request, response);
          const saved = onElement(page, (element) => element.exportResults('csv').then((/** @type {Blob} */ file) => file.text()));
          await page.clock.runFor(31_000);
          await page.clock.runFor(31_000);
          assert.match(await saved, /chest\.png/);
          assert.equal(await element.locator('.export-failed').first().isVisible(), false);
        },
        {
          prepare: (page) => page.clock.install(),
          routes: {
            '/element/results/export.js': (_request, response) => {
              response.writeHead(200, { 'content-type': 'text/javascript', 'content-length': 5000 });
              response.write('// @ts-check\n');
            },
          },
        },
      ));

    test('what makes a file of pixels: that is the error, not the pixels, and the next image works', () =>
      onPage(async (page) => {
        await ready(page);
        const told = await onElement(page, async (element, blob) => {
          const refused = await element.classify(new ImageData(8, 8)).catch((/** @type {any} */ error) => error);
          return { code: refused.code, advice: refused.advice, next: Boolean((await element.classify(blob)).finding) };
        });
        assert.deepEqual(told, { code: 'runtime-unreachable', advice: 'Check the connection and try again.', next: true });
        const [error] = (await events(page)).filter(({ type }) => type === 'lung-error');
        assert.equal(error.detail.code, 'runtime-unreachable');
      }, without('intake/pixels.js')));

    test('what saves results: exportResults() says so by a code, and the card in words', () =>
      onPage(async (page, { picker, answered, element }) => {
        await picker.setInputFiles(picture('chest.png'));
        await answered('chest.png');
        assert.equal(await onElement(page, (element) => element.exportResults('csv').catch((/** @type {any} */ error) => error.code)), 'runtime-unreachable');
        await element.locator('[part=save]').first().click();
        await element.locator('.card-actions ~ .export-failed').getByText('could not be saved').waitFor();
      }, without('results/export.js')));

    test('what copies diagnostics: it is said below the drop zone, and by a code', () =>
      onPage(async (page, { element }) => {
        await ready(page);
        await element.locator('.status summary').click();
        await element.locator('[part=diagnostics]').click();
        await element.locator('[part=aside]').getByText('broke off, or the server does not answer').waitFor();
        assert.equal(await onElement(page, (element) => element.diagnostics().catch((/** @type {any} */ error) => error.code)), 'runtime-unreachable');
      }, without('parts/diagnostics.js')));
  });

  describe('each cause has its own sentence, code and advice', () => {
    /** @type {Array<[string, string, RegExp, (page: import('playwright-core').Page) => Promise<unknown>]>} */
    const causes = [
      [
        'an ad blocker that keeps back the program',
        'blocked',
        /ad blocker[^]*filter[^]*Allow this page/,
        (page) => page.route('**/*.wasm', (route) => route.abort('blockedbyclient')),
      ],
      [
        'an ad blocker that keeps back the weights',
        'blocked',
        /ad blocker[^]*filter[^]*Allow this page/,
        (page) => page.route('**/*.safetensors', (route) => route.abort('blockedbyclient')),
      ],
      [
        'an ad blocker that keeps back the worker',
        'blocked',
        /ad blocker[^]*filter[^]*Allow this page/,
        (page) => page.route('**/worker.js*', (route) => route.abort('blockedbyclient')),
      ],
      ['no WebAssembly', 'no-wasm', /switched off[^]*lockdown/, (page) => page.addInitScript(() => void delete (/** @type {any} */ (globalThis).WebAssembly))],
      [
        'no line',
        'offline',
        /not connected[^]*Connect it/,
        (page) =>
          page.addInitScript(() => {
            Object.defineProperty(navigator, 'onLine', { get: () => false });
            const fetched = globalThis.fetch;
            globalThis.fetch = (url, ...rest) => (String(url).includes('/models/') ? Promise.reject(new TypeError('Failed to fetch')) : fetched(url, ...rest));
          }),
      ],
    ];
    for (const [what, code, words, prepare] of causes)
      test(`${what}: ${code}`, () =>
        onPage(
          async (page) => {
            const { phase, said } = await started(page);
            assert.equal(phase, 'failed', said);
            assert.match(said, words);
            assert.ok(said.endsWith(`Error code Code: ${code} Copy diagnostics Try again`), said);
          },
          { prepare },
        ));

    test('a server that has gone: unreachable, with both that it can be', () =>
      onPage(
        async (page, { status: said, element }, site) => {
          await started(page);
          await site.close();
          await said.getByRole('button', { name: 'Try again' }).click();
          // Whichever of the downloads is the first to fail.
          await element.getByText(/(model|runtime)-unreachable/).waitFor({ state: 'attached' });
          assert.match(await said.innerText(), /broke off, or the server does not answer/);
        },
        { routes: { [INDEX]: status(404) } },
      ).catch((error) => assert.equal(error?.code, 'ERR_SERVER_NOT_RUNNING', error)));

    /** @type {Array<[string, string, string, RegExp]>} */
    const policies = [
      [
        "without 'wasm-unsafe-eval'",
        "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' blob: data:",
        'policy-wasm',
        /does not allow WebAssembly[^]*wasm-unsafe-eval/,
      ],
      [
        'without connect-src',
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' blob: data:",
        'policy-connect',
        /does not allow the classifier to be downloaded[^]*connect-src 'self'/,
      ],
    ];
    for (const [what, policy, code, words] of policies)
      test(`a policy ${what}: ${code}`, () =>
        onPage(
          async (page) => {
            const { phase, said } = await started(page);
            assert.equal(phase, 'failed', said);
            assert.match(said, words);
            assert.ok(said.includes(`Code: ${code}`), said);
          },
          {
            path: 'host.html',
            routes: {
              '/host.html': underPolicy(
                policy,
                '<!doctype html><html lang="en"><title>host</title><script type="module" src="element/define.js"></script><lung-xray-classifier loading="eager"></lung-xray-classifier>',
              ),
            },
          },
        ));

    /** @type {Array<[string, string, RegExp, (answer: import('node:http').ServerResponse) => void]>} */
    const elsewhere = [
      [
        'another server that does not allow it',
        'cors-missing',
        /does not allow pages of other sites[^]*Access-Control-Allow-Origin/,
        (response) => void response.writeHead(200).end('{}'),
      ],
      ['another server that is down', 'blocked-or-down', /down, or an ad blocker/, (response) => void response.destroy()],
    ];
    for (const [what, code, words, answer] of elsewhere)
      test(`the model on ${what}: ${code}`, async () => {
        const other = await serve('/nowhere', { '/models/index.json': (_request, response) => answer(response) });
        try {
          await onPage(
            async (page) => {
              const { phase, said } = await started(page);
              assert.equal(phase, 'failed', said);
              assert.match(said, words);
              assert.ok(said.includes(`Code: ${code}`), said);
            },
            {
              path: 'host.html',
              routes: {
                '/host.html': bytes(
                  `<!doctype html><html lang="en"><title>host</title><script type="module" src="element/define.js"></script><lung-xray-classifier loading="eager" src="${other.url}models/"></lung-xray-classifier>`,
                  'text/html',
                ),
              },
            },
          );
        } finally {
          await other.close();
        }
      });
  });
});

test('a browser that blocks the data of sites: that is the reason, not a lack of room, and images are read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lung-blocked-'));
  const source = await mockFolder();
  const built = await release(source.folder);
  const site = await serve(built.folder);
  await mkdir(join(folder, 'Default'));
  await writeFile(join(folder, 'Default/Preferences'), JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  const context = await playwright.launchPersistentContext(folder, { executablePath: CHROME, args: COMMON });
  try {
    const page = await context.newPage();
    await page.goto(site.url);
    assert.equal(
      await page.evaluate(() => {
        try {
          return typeof sessionStorage;
        } catch {
          return 'blocked';
        }
      }),
      'blocked',
    );
    await ready(page);
    const { picker, answered, element } = parts(page);
    await picker.setInputFiles([picture('chest.png')]);
    await answered('chest.png');
    const kept = element.locator('[part=kept]');
    await kept.getByText('does not let the page keep these results').waitFor();
    assert.doesNotMatch(await kept.innerText(), /room/);
    assert.match((await settled(page)).said, /does not let the page store itself/);
  } finally {
    await context.close();
    await site.close();
    await built.remove();
    await source.remove();
    await rm(folder, { recursive: true, force: true });
  }
});

describe('the service worker', () => {
  const mock = mockPages();

  test('takes a file that every cache has damaged under another address, and mends one that is damaged where it is kept', async () => {
    const source = await mockFolder();
    const built = await release(source.folder);
    const site = await serve(built.folder);
    const { page, context } = await open(mock.browser);
    try {
      const path = '/element/picture/zoom.js';
      const whole = await readFile(join(built.folder, path));
      site.routes[path] = (request, response) =>
        request.url?.includes('?') ? bytes(whole, 'text/javascript')(request, response) : immutable(whole.subarray(1), 'text/javascript')(request, response);
      await page.goto(site.url);
      await ready(page);
      assert.equal((await settled(page)).state, 'kept');
      // Now what is kept of the weights is damaged, with the same length.
      await page.evaluate(async (address) => {
        for (const name of await caches.keys()) {
          const cache = await caches.open(name);
          const kept = await cache.match(address);
          if (kept) await cache.put(address, new Response(new Uint8Array((await kept.arrayBuffer()).byteLength)));
        }
      }, new URL(BUNDLE, site.url).href);
      await page.reload();
      await ready(page);
      await site.close();
      await page.reload();
      await ready(page);
    } finally {
      await context.close();
      await site.close().catch(() => {});
      await built.remove();
      await source.remove();
    }
  });
});
