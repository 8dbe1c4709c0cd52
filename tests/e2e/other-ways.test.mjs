// @ts-check
/**
 * What the other tests hold in one way, in another: other ways to take back what was chosen, other pages to be a guest on, other ways
 * in which files, storage and folders can be broken.
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { launch, open, parts, ready, recordEvents, started } from './lib/browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { ANY_ORIGIN, bytes, status, underPolicy } from './lib/server.mjs';
import { zip } from './lib/zip.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {Awaited<ReturnType<typeof serveMock>>} Site */

const FILE = 'mobilenet-lung-0123456789ab.safetensors';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => (browser = await launch('cpu')));
after(() => browser?.close());

/** A document with the element's script. @param {string} body */
const host = (body) => `<!doctype html><html lang="en"><title>host</title><script type="module" src="/element/define.js"></script><body>${body}`;

/**
 * Runs `act` on a page with the element and expects no uncaught error.
 * @param {(page: Page, found: ReturnType<typeof partsOf>, site: Site) => Promise<unknown>} act
 * @param {Parameters<typeof serveMock>[0] & { body?: string, policy?: string }} [options] the body of a page of somebody else's, without
 *   one it is ours; its policy
 */
async function onPage(act, { body, policy, ...options } = {}) {
  const site = await serveMock({ took: 50, headers: ANY_ORIGIN, ...options });
  if (body) site.routes['/host.html'] = policy ? underPolicy(policy, host(body)) : bytes(host(body), 'text/html; charset=utf-8');
  const { page, context } = await open(browser);
  /** @type {string[]} */
  const uncaught = [];
  page.on('pageerror', ({ message }) => uncaught.push(message));
  try {
    await recordEvents(page);
    await page.goto(site.url + (body ? 'host.html' : ''));
    await act(page, partsOf(page), site);
    assert.deepEqual(uncaught, []);
  } finally {
    await context.close();
    await site.close();
  }
}

/** @param {Page} page */
function partsOf(page) {
  const found = parts(page);
  return {
    ...found,
    button: (/** @type {string} */ name) => found.element.getByRole('button', { name, exact: true }),
    /** What became of each image. @returns {Promise<Array<{ name: string, state: string, error?: { code: string } }>>} */
    results: (at = 0) => found.element.nth(at).evaluate((node) => /** @type {any} */ (node).results),
    /** Waits until so many images are in a state. @param {number} count @param {string} [state] */
    reach: (count, state = 'done') =>
      page.waitForFunction(
        ([count, state]) =>
          [...document.querySelectorAll('lung-xray-classifier')]
            .flatMap((node) => /** @type {any} */ (node).results)
            .filter((/** @type {any} */ result) => result.state === state).length >= Number(count),
        [count, state],
      ),
  };
}

/** A route that a browser may keep the answer of for a year. @param {Buffer | string} body @param {string} type @returns {import('./lib/server.mjs').Route} */
const immutable = (body, type) => (request, response) => {
  response.setHeader('cache-control', 'public, max-age=31536000, immutable');
  bytes(body, type)(request, response);
};

describe('what was taken back stays taken back', () => {
  const FORM = '<form><lung-xray-classifier name="report" multiple persist></lung-xray-classifier></form>';
  const sent = (/** @type {Page} */ page) =>
    page.evaluate(() => new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).getAll('report').length);

  test('a form that is reset while an archive is opened, files are compared, or pixels are packed sends none of them, and what comes later', () =>
    onPage(
      async (page, { picker, reach }) => {
        const archive = zip([1, 2].map((seed) => ({ name: `${seed}.png`, bytes: picture('', seed).buffer })));
        await page.evaluate((base64) => {
          const file = new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'cd.zip');
          /** @type {any} */ (document.querySelector('lung-xray-classifier')).add([file]);
          document.querySelector('form')?.reset();
        }, archive.toString('base64'));
        await reach(2);
        assert.equal(await sent(page), 0, 'of an archive');
        // From now on there is something to compare with.
        await picker.setInputFiles(picture('three.png', 3));
        await reach(3);
        assert.equal(await sent(page), 1);
        await page.evaluate((base64) => {
          const file = new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'four.png');
          /** @type {any} */ (document.querySelector('lung-xray-classifier')).add([file]);
          document.querySelector('form')?.reset();
        }, picture('', 4).buffer.toString('base64'));
        await reach(4);
        assert.equal(await sent(page), 0, 'compared');
        await page.evaluate(() => {
          void (/** @type {any} */ (document.querySelector('lung-xray-classifier')).classify(new ImageData(64, 64), 'pixels'));
          document.querySelector('form')?.reset();
        });
        await reach(5);
        assert.equal(await sent(page), 0, 'pixels');
        await picker.setInputFiles(picture('six.png', 6));
        await reach(6);
        assert.equal(await sent(page), 1);
      },
      { body: FORM },
    ));

  test('a form sends the report under the name that the element has by then', () =>
    onPage(
      async (page, { element, picker, reach }) => {
        await picker.setInputFiles(picture('one.png'));
        await reach(1);
        const names = () => page.evaluate(() => [...new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).keys()]);
        assert.deepEqual(await names(), ['report']);
        await element.evaluate((node) => node.setAttribute('name', 'xray'));
        assert.deepEqual(await names(), ['xray']);
        await element.evaluate((node) => node.removeAttribute('name'));
        assert.deepEqual(await names(), []);
      },
      { body: FORM },
    ));

  test('in a frame that may store nothing an image is removed all the same, and its report with it', () =>
    onPage(
      async (page, _found, site) => {
        site.routes['/frame.html'] = bytes(host(FORM), 'text/html; charset=utf-8');
        await page.evaluate(() => {
          const frame = Object.assign(document.createElement('iframe'), { src: '/frame.html' });
          frame.setAttribute('sandbox', 'allow-scripts');
          frame.style.cssText = 'width: 900px; height: 850px';
          document.body.append(frame);
        });
        const inner = page.frameLocator('iframe');
        const element = inner.locator('lung-xray-classifier');
        await element
          .locator('input[type=file]')
          .first()
          .setInputFiles([picture('one.png', 1), picture('two.png', 2)]);
        await element.locator('.row[data-state=done]').nth(1).waitFor();
        await element.locator('.kept').getByText('does not let the page keep').waitFor();
        await element.getByRole('button', { name: 'Remove', exact: true }).click();
        const left = () =>
          element.evaluate((node) => [/** @type {any} */ (node).results.length, new FormData(/** @type {any} */ (node).form).getAll('report').length]);
        assert.deepEqual(await left(), [1, 1]);
        await element.locator('.card-name').getByText('two.png').waitFor();
        await element.getByRole('button', { name: 'Forget these results' }).click();
        assert.deepEqual(await left(), [0, 0]);
      },
      { body: '<p>around it</p>' },
    ));
});

describe('what is kept for a reload', () => {
  test('of two elements without an id each has its own results again, and one forgets only its own', () =>
    onPage(
      async (page, { element, reach, results }) => {
        for (const [at, name] of ['one.png', 'two.png'].entries()) await element.nth(at).locator('input[type=file]').first().setInputFiles(picture(name, at));
        await reach(2);
        for (const at of [0, 1]) await element.nth(at).locator('.kept:not([hidden])').waitFor();
        const names = async () => [await results(0), await results(1)].map((all) => all.map(({ name }) => name).join());
        await page.reload();
        await reach(2);
        assert.deepEqual(await names(), ['one.png', 'two.png']);
        await element.nth(1).getByRole('button', { name: 'Forget these results' }).click();
        await page.reload();
        await reach(1);
        assert.deepEqual(await names(), ['one.png', '']);
      },
      { body: '<lung-xray-classifier multiple persist></lung-xray-classifier><lung-xray-classifier multiple persist></lung-xray-classifier>' },
    ));

  test('one that keeps nothing forgets nothing of another', () =>
    onPage(
      async (page, { element, reach, results }) => {
        await element.nth(0).locator('input[type=file]').first().setInputFiles(picture('one.png'));
        await reach(1);
        await element.nth(0).locator('.kept:not([hidden])').waitFor();
        await element.nth(1).evaluate((node) => /** @type {any} */ (node).forget());
        await page.reload();
        await reach(1);
        assert.deepEqual((await results(0)).length, 1);
      },
      { body: '<lung-xray-classifier multiple persist></lung-xray-classifier><lung-xray-classifier></lung-xray-classifier>' },
    ));

  test('what somebody else has written there is left out, and images are read', () =>
    onPage(
      async (page, { picker, reach, results }) => {
        await page.evaluate(() => {
          const records = ['5', 'null', '{"place":[1,0]}', '{"place":[1,0],"file":{"name":"a.png"},"outcome":{"state":"done"}}', '{', '[]'];
          for (const [at, text] of records.entries()) sessionStorage.setItem(`lung-results ${location.pathname}  1.${at}`, text);
          sessionStorage.setItem(`lung-results ${location.pathname}  model x`, '7');
        });
        await page.reload();
        await picker.setInputFiles([picture('one.png', 1), picture('two.png', 2)]);
        await reach(2);
        await picker.setInputFiles([picture('three.png', 3), picture('four.png', 4)]);
        await reach(4);
        assert.equal((await results()).length, 4);
        await page.reload();
        await reach(4);
      },
      { body: '<lung-xray-classifier multiple persist></lung-xray-classifier>' },
    ));
});

describe('a good guest', () => {
  test('on a page that takes only trusted scripts it starts, by a policy of its own name', () =>
    onPage(
      async (_page, { picker, reach }) => {
        await picker.setInputFiles(picture('one.png'));
        await reach(1);
      },
      {
        body: '<lung-xray-classifier></lung-xray-classifier>',
        policy:
          "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types lung-xray-classifier",
      },
    ));

  test('where that name is not allowed, the advice says it', () =>
    onPage(
      async (page) => {
        const { phase, said } = await started(page);
        assert.equal(phase, 'failed', said);
        assert.match(said, /trusted-types lung-xray-classifier[^]*worker-refused/);
      },
      {
        body: '<lung-xray-classifier loading="eager"></lung-xray-classifier>',
        policy:
          "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types theirs",
      },
    ));

  test('what a page says of its own text, as in a cell that does not break, is not said of the element', () =>
    onPage(
      async (_page, { element, picker, reach }) => {
        await picker.setInputFiles([picture('one.png', 1), { name: 'side.dcm', mimeType: 'application/dicom', buffer: Buffer.from('lateral') }]);
        await reach(2);
        await element.locator('.row').nth(1).waitFor();
        await element.locator('.zoom').waitFor();
        const out = await element.evaluate((node) => {
          const edge = node.getBoundingClientRect();
          return [...(node.shadowRoot?.querySelectorAll('*') ?? [])]
            .filter((part) => !part.closest('.spoken, .sizer, svg, .frame, .row-name'))
            .filter((part) => part.getBoundingClientRect().width > 0 && part.getBoundingClientRect().right > edge.right + 1)
            .map((part) => `${part.localName}.${part.className}`);
        });
        assert.deepEqual(out, []);
        const { textTransform, letterSpacing, textAlign } = await element.locator('.drop-hint').evaluate((hint) => ({ ...getComputedStyle(hint) }));
        assert.deepEqual([textTransform, letterSpacing], ['none', 'normal'], textAlign);
      },
      {
        body: '<div style="width: 320px; white-space: nowrap; text-transform: uppercase; letter-spacing: .5em; word-spacing: 1em; text-align: right; text-indent: 3em"><lung-xray-classifier multiple></lung-xray-classifier></div>',
      },
    ));

  test('of a folder whose one file cannot be opened and whose one folder cannot be read, the others are read, and those are shown', () =>
    onPage(
      async (_page, { element, reach, results }) => {
        await element.evaluate((node, base64) => {
          const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]);
          const fail = (/** @type {any} */ _take, /** @type {any} */ refuse) => refuse(new DOMException('', 'NotFoundError'));
          const file = (/** @type {string} */ name, /** @type {any} */ read) => ({
            name,
            fullPath: `/study/${name}`,
            isFile: true,
            isDirectory: false,
            file: read,
          });
          const folder = (/** @type {string} */ name, /** @type {any} */ read) => ({
            name,
            fullPath: name === 'study' ? '/study' : `/study/${name}`,
            isFile: false,
            isDirectory: true,
            createReader: () => ({ readEntries: read }),
          });
          const all = [
            file('a.png', (/** @type {any} */ take) => take(new File([blob], 'a.png'))),
            file('gone.dcm', fail),
            folder('locked', fail),
            file('z.png', (/** @type {any} */ take) => take(new File([blob, 'z'], 'z.png'))),
          ];
          const study = folder('study', (/** @type {any} */ take) => take(all.splice(0)));
          const items = [{ webkitGetAsEntry: () => study }];
          /** @type {any} */ (node).add({ dropEffect: 'copy', types: ['Files'], items, files: [] });
        }, picture('').buffer.toString('base64'));
        await reach(2);
        await reach(2, 'error');
        assert.deepEqual(
          (await results()).map(({ name, state, error }) => `${name} ${error?.code ?? state}`),
          ['study/a.png done', 'study/gone.dcm unreadable', 'study/locked unreadable', 'study/z.png done'],
        );
      },
      { body: '<lung-xray-classifier multiple></lung-xray-classifier>' },
    ));
});

describe('no dead end', () => {
  const PAGE = '<!doctype html><title>Sign in to the network</title>';
  const RUNTIMES = ['/runtime/cpu/lung_web_bg.wasm', '/runtime/cpu-relaxed/lung_web_bg.wasm'];

  for (const [what, paths] of /** @type {Array<[string, string[]]>} */ ([
    ['the list of models', ['/models/index.json']],
    ['the weights', [`/models/${FILE}`]],
    ['the program', RUNTIMES],
    ['the worker', ['/worker.js']],
  ])) {
    test(`a web page in the place of ${what}: that is said, with both that it can be, and "Try again" helps once it is over`, () =>
      onPage(async (page, { status: said }, site) => {
        const whole = paths.map((path) => site.routes[path]);
        for (const path of paths) site.routes[path] = bytes(PAGE, 'text/html; charset=utf-8');
        await page.reload();
        const failed = await started(page);
        assert.equal(failed.phase, 'failed', failed.said);
        assert.match(failed.said, /does not have it[^]*login page or a filter[^]*page-instead/);
        for (const [at, path] of paths.entries()) {
          if (whole[at]) site.routes[path] = whole[at];
          else delete site.routes[path];
        }
        await said.getByRole('button', { name: 'Try again' }).click();
        await ready(page);
      }));
  }

  test('a server in trouble is not one that lacks the file, and one that wants a login first is said to', () =>
    onPage(async (page, { status: said }, site) => {
      const whole = site.routes['/models/index.json'];
      for (const [code, words] of /** @type {Array<[number, RegExp]>} */ ([
        [503, /does not hand out index\.json now \(status 503\)[^]*Try again in a while[^]*model-unreachable/],
        [511, /login page[^]*page-instead/],
        [404, /has no index\.json[^]*model-missing/],
      ])) {
        site.routes['/models/index.json'] = status(code);
        await page.reload();
        const failed = await started(page);
        assert.match(failed.said, words);
      }
      site.routes['/models/index.json'] = whole;
      await said.getByRole('button', { name: 'Try again' }).click();
      await ready(page);
    }));

  test('a web page that a cache has kept from before the login: the first start finds the files', () =>
    onPage(async (page, _found, site) => {
      for (const path of ['/models/index.json', `/models/${FILE}`, ...RUNTIMES]) {
        const whole = site.routes[path];
        let asked = 0;
        site.routes[path] = (request, response) => (asked++ === 0 ? immutable(PAGE, 'text/html')(request, response) : whole(request, response));
      }
      await page.reload();
      await ready(page);
    }));

  test('a file that was missing once, which a cache remembers for a year, and a list that names a model of before: the first start finds them', () =>
    onPage(async (page, _found, site) => {
      const missing = (/** @type {import('./lib/server.mjs').Route} */ whole) => {
        let asked = 0;
        return /** @type {import('./lib/server.mjs').Route} */ (
          (request, response) => {
            if (asked++ > 0) return whole(request, response);
            response.writeHead(404, { 'cache-control': 'public, max-age=31536000, immutable' }).end('not found');
          }
        );
      };
      for (const path of [`/models/${FILE}`, ...RUNTIMES]) site.routes[path] = missing(site.routes[path]);
      await page.reload();
      await ready(page);
      // A cache on the way has an older list, and goes by the whole address.
      const now = site.routes['/models/index.json'];
      const before = bytes(JSON.stringify({ current: 'old.safetensors', models: [{ file: 'old.safetensors', bytes: 9 }] }), 'application/json');
      site.routes['/models/index.json'] = (request, response) => (request.url?.includes('?') ? now : before)(request, response);
      await page.reload();
      await ready(page);
    }));

  test('a web page in the place of a script that is fetched later: its code says so', () =>
    onPage(
      async (_page, { picker, reach, element }) => {
        await picker.setInputFiles(picture('one.png'));
        await reach(1);
        assert.equal(
          await element.evaluate((node) => /** @type {any} */ (node).exportResults('csv').catch((/** @type {any} */ error) => error.code)),
          'page-instead',
        );
      },
      { routes: { '/element/results/export.js': bytes(PAGE, 'text/html') } },
    ));

  test('samples that a cache keeps damaged are fetched anew when they are unfolded again', () =>
    onPage(async (_page, { element }, site) => {
      let asked = 0;
      const index = JSON.stringify({ samples: [{ file: 'one.png', finding: 'Normal', origin: 'adult', images: 16 }] });
      site.routes['/samples/index.json'] = (request, response) => immutable(asked++ === 0 ? index.slice(0, 9) : index, 'application/json')(request, response);
      site.routes['/samples/one.png'] = bytes(picture('').buffer, 'image/png');
      const summary = element.locator('.samples > summary');
      await summary.click();
      await element.locator('.samples').getByText('The samples could not be loaded').waitFor();
      await summary.click();
      await summary.click();
      await element.locator('.sample').first().waitFor();
    }));

  test('the choice of language and of the patient, cut short once and kept for a year: both are there', async () => {
    /** @type {Record<string, number>} */
    const asked = {};
    /** @type {Record<string, import('./lib/server.mjs').Route>} */
    const routes = {};
    for (const path of ['/language.js', '/patient.js']) {
      const whole = await readFile(new URL(`../../www${path}`, import.meta.url));
      routes[path] = (request, response) => {
        asked[path] = (asked[path] ?? 0) + 1;
        immutable(asked[path] === 1 ? whole.subarray(0, whole.lastIndexOf('}', whole.length >> 1)) : whole, 'text/javascript')(request, response);
      };
    }
    await onPage(
      async (page) => {
        await page.locator('.language:not([hidden]) select').waitFor();
        await page.locator('.patient').waitFor();
        assert.deepEqual(asked, { '/language.js': 3, '/patient.js': 3 }, 'the page, past the cache, and under another address');
      },
      { file: 'points-0123456789ab.safetensors', routes },
    );
  });
});
