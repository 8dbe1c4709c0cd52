// @ts-check
/**
 * The element on other people's pages, in Chromium and in Firefox: of another origin, under a strict policy, in a sandboxed
 * frame, several at once. Nothing here has cross-origin isolation.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { BROWSERS, firefox, noFirefox } from './lib/any-browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { DIST, noPage } from './lib/project.mjs';
import { ANY_ORIGIN, bytes, serve, underPolicy } from './lib/server.mjs';

/** @typedef {import('./lib/any-browser.mjs').AnyBrowser} AnyBrowser */
/** @typedef {import('./lib/any-browser.mjs').Place} Place */

/** @type {string} */
let folder;
/** Any image, as a file to choose. @type {string} */
let image;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lung-embed-'));
  image = join(folder, 'chest.png');
  await writeFile(image, picture('').buffer);
});
after(() => rm(folder, { recursive: true }));

/**
 * The policy of docs/reference/element.md, with the element's files on `files`; nothing but what it needs is allowed.
 * @param {string} [files] their origin, where it is another
 */
function policy(files = '') {
  return [
    "default-src 'none'",
    `script-src 'self' ${files} 'wasm-unsafe-eval'`,
    "worker-src 'self' blob:",
    `connect-src ${files || "'self'"}`,
    "style-src 'self'",
    "img-src 'self' blob: data:",
  ].join('; ');
}

/** What every page here notes: the events of its elements, and what its policy forbade. */
const NOTES = `
  globalThis.told = [];
  for (const type of ['lung-ready', 'lung-result', 'lung-error'])
    document.addEventListener(type, ({ detail }) => told.push({ type, detail }));
  globalThis.forbidden = [];
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    forbidden.push(violatedDirective + ' ' + blockedURI));
`;

/** A page with the element from `base`. @param {string} base @param {string} [inside] */
const host = (base, inside = '<lung-xray-classifier></lung-xray-classifier>') =>
  `<!doctype html><title>clinic</title><link rel="icon" href="data:,"><script src="/notes.js"></script>
   <script type="module" src="${base}element/define.js"></script>${inside}`;

/**
 * Somebody else's site, by the name `localhost`, so that it is another site as well as another origin.
 * @param {Record<string, import('./lib/server.mjs').Route>} routes
 */
async function clinicWith(routes) {
  const site = await serve(folder, { '/notes.js': bytes(NOTES, 'text/javascript'), ...routes }, { headers: ANY_ORIGIN });
  return { ...site, url: site.url.replace('127.0.0.1', 'localhost') };
}

/** Waits for the events of a page that end something. @param {Place} place @param {number} [count] */
function outcomes(place, count = 1) {
  return /** @type {Promise<Array<{ type: string, detail: any }>>} */ (
    place.until(
      (/** @type {number} */ count) => {
        const ended = /** @type {any} */ (globalThis).told.filter((/** @type {any} */ { type }) => type !== 'lung-ready');
        return ended.length >= count && ended;
      },
      count,
      60_000,
    )
  );
}

/** @param {Place} place */
const forbidden = (place) => place.evaluate(() => /** @type {any} */ (globalThis).forbidden);

/** @param {Place} place */
async function answersAChosenImage(place) {
  await place.until(() => Boolean(customElements.get('lung-xray-classifier')));
  await place.choose([image]);
  const [{ type, detail }] = await outcomes(place);
  assert.equal(type, 'lung-result', JSON.stringify(detail));
  const sum = Object.values(detail.report.probabilities).reduce((sum, value) => sum + value, 0);
  assert.ok(Math.abs(sum - 1) < 1e-4);
  assert.equal(detail.name, 'chest.png');
  assert.equal(detail.report.device, 'cpu');
  assert.deepEqual(await forbidden(place), []);
}

for (const { name, missing, begin } of BROWSERS) {
  describe(`in ${name}, the real classifier`, { skip: noPage || missing }, () => {
    /** @type {AnyBrowser} */
    let browser;
    /** The element's files, as a content network serves them. @type {Awaited<ReturnType<typeof serve>>} */
    let files;
    before(async () => {
      browser = await begin();
      files = await serve(DIST, {}, { headers: ANY_ORIGIN });
    });
    after(async () => {
      await browser?.close();
      await files?.close();
    });

    /**
     * Opens a page of somebody else's site.
     * @param {Record<string, import('./lib/server.mjs').Route>} routes
     * @param {(page: import('./lib/any-browser.mjs').AnyPage, clinic: Awaited<ReturnType<typeof serve>>) => Promise<unknown>} body
     */
    async function onClinic(routes, body) {
      const clinic = await clinicWith(routes);
      const page = await browser.open(clinic.url);
      try {
        await body(page, clinic);
        assert.deepEqual(page.complaints, []);
      } finally {
        await page.close();
        await clinic.close();
      }
    }

    test('a page of another origin under a strict policy gets a lung-result', (t) =>
      onClinic({ '/': underPolicy(policy(new URL(files.url).origin), host(files.url)) }, async (page) => {
        assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), false);
        await answersAChosenImage(page);
        t.diagnostic(browser.version);
      }));

    test('a page with the files on its own origin, under a strict policy, gets a lung-result', async () => {
      files.routes['/clinic.html'] = underPolicy(policy(), host('/'));
      files.routes['/notes.js'] = bytes(NOTES, 'text/javascript');
      const page = await browser.open(`${files.url}clinic.html`);
      try {
        await answersAChosenImage(page);
        assert.deepEqual(page.complaints, []);
      } finally {
        await page.close();
      }
    });

    test('only the model on another origin: `src` and connect-src name it', async () => {
      const clinic = await serve(DIST, {
        '/notes.js': bytes(NOTES, 'text/javascript'),
        '/clinic.html': underPolicy(
          policy().replace("connect-src 'self'", `connect-src 'self' ${new URL(files.url).origin}`),
          host('/', `<lung-xray-classifier src="${files.url}models"></lung-xray-classifier>`),
        ),
      });
      const page = await browser.open(`${clinic.url}clinic.html`);
      try {
        await answersAChosenImage(page);
        assert.ok(!clinic.asked.some((path) => path.startsWith('/models/')), clinic.asked.join(' '));
        assert.deepEqual(page.complaints, []);
      } finally {
        await page.close();
        await clinic.close();
      }
    });

    test('in a sandboxed frame, whose origin is opaque, it answers', () =>
      onClinic(
        {
          '/': underPolicy(
            "default-src 'none'; frame-src 'self'; img-src data:",
            '<!doctype html><title>clinic</title><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" src="/frame.html"></iframe>',
          ),
          '/frame.html': underPolicy(policy(new URL(files.url).origin), host(files.url)),
        },
        async (page) => {
          const frame = await page.frame();
          await frame.until(() => /** @type {any} */ (globalThis).told);
          assert.equal(await frame.evaluate(() => globalThis.origin), 'null');
          await answersAChosenImage(frame);
        },
      ));

    test('in a sandboxed frame of the origin that has the files too', async () => {
      files.routes['/sandbox.html'] = bytes(
        '<!doctype html><title>sandbox</title><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" src="/clinic.html"></iframe>',
        'text/html',
      );
      files.routes['/clinic.html'] = underPolicy(policy(new URL(files.url).origin), host('/'));
      const page = await browser.open(`${files.url}sandbox.html`);
      try {
        const frame = await page.frame();
        await frame.until(() => /** @type {any} */ (globalThis).told);
        await answersAChosenImage(frame);
        assert.deepEqual(page.complaints, []);
      } finally {
        await page.close();
      }
    });
  });

  describe(`in ${name}, with a stand-in for the WebAssembly`, { skip: missing }, () => {
    /** @type {AnyBrowser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serveMock>>} */
    let files;
    before(async () => {
      browser = await begin();
      files = await serveMock({ headers: ANY_ORIGIN });
    });
    after(async () => {
      await browser?.close();
      await files?.close();
    });

    /**
     * @param {string} html
     * @param {(page: import('./lib/any-browser.mjs').AnyPage, clinic: Awaited<ReturnType<typeof serve>>) => Promise<unknown>} body
     * @param {{ policy?: string, width?: number, height?: number, before?: () => void }} [options]
     */
    async function onClinic(html, body, { policy: given = policy(new URL(files.url).origin), ...options } = {}) {
      const clinic = await clinicWith({ '/': underPolicy(given, html) });
      const page = await browser.open(clinic.url, options);
      files.asked.length = 0;
      try {
        await page.until(() => Boolean(customElements.get('lung-xray-classifier')));
        await body(page, clinic);
      } finally {
        await page.close();
        await clinic.close();
      }
    }

    const heavy = () => files.asked.filter((path) => /wasm|models|worker/.test(path));

    test('several elements share one worker and one model, and each answers its own image', () =>
      onClinic(host(files.url, '<lung-xray-classifier></lung-xray-classifier>'.repeat(3)), async (page) => {
        // One after the other: further workers start only for images that wait.
        await page.evaluate(async () => {
          for (const [at, element] of document.querySelectorAll('lung-xray-classifier').entries())
            await /** @type {any} */ (element).classify(new ImageData(8 + at, 8)).catch(() => {});
        });
        const told = await outcomes(page, 3);
        assert.deepEqual(
          told.map(({ type }) => type),
          Array(3).fill('lung-result'),
        );
        assert.deepEqual(
          told.map(({ detail }) => detail.report.source.width).sort((a, b) => a - b),
          [8, 9, 10],
        );
        for (const [what, pattern] of /** @type {const} */ ([
          ['worker', /worker\.js$/],
          ['program', /\.wasm$/],
          ['bundle', /\.safetensors$/],
        ]))
          assert.equal(files.asked.filter((path) => pattern.test(path)).length, 1, what);
        // At once they may call for further workers; each has its own answer all the same.
        const widths = await page.evaluate(() =>
          Promise.all(
            [...document.querySelectorAll('lung-xray-classifier')].map((element, at) =>
              /** @type {any} */ (element).classify(new ImageData(8 + at, 8)).then((/** @type {any} */ report) => report.source.width),
            ),
          ),
        );
        assert.deepEqual(widths, [8, 9, 10]);
        assert.equal(files.asked.filter((path) => /\.(wasm|safetensors)$/.test(path)).length, 2, 'no further download');
      }));

    test('lazily nothing heavy is loaded until it is used; `visible` waits for it to be seen', () =>
      onClinic(
        host(
          files.url,
          `<lung-xray-classifier></lung-xray-classifier><svg width="9" height="4000"></svg>
           <lung-xray-classifier loading="visible"></lung-xray-classifier>`,
        ),
        async (page) => {
          await new Promise((resolve) => setTimeout(resolve, 500));
          assert.deepEqual(heavy(), []);
          await page.evaluate(() => document.querySelectorAll('lung-xray-classifier')[1].scrollIntoView());
          await page.until(() => /** @type {any} */ (globalThis).told.some((/** @type {any} */ { type }) => type === 'lung-ready'));
          assert.ok(heavy().length > 0);
        },
      ));

    test('a policy without worker-src blob: is told of in words', () =>
      onClinic(
        host(files.url),
        async (page) => {
          await page.choose([image]);
          const told = await outcomes(page, 2);
          for (const { type, detail } of told) {
            assert.equal(type, 'lung-error');
            assert.match(detail.code, /^(worker-refused|start-failed)$/);
            assert.match(detail.advice, /worker-src/);
          }
        },
        { policy: policy(new URL(files.url).origin).replace(/worker-src[^;]*/, "worker-src 'self'") },
      ));

    test('without WebAssembly SIMD nothing is downloaded, and why is said', () =>
      onClinic(
        host(files.url),
        async (page) => {
          await page.choose([image]);
          const [{ type, detail }] = await outcomes(page, 2);
          assert.deepEqual([type, detail.code], ['lung-error', 'no-simd']);
          assert.match(detail.message, /has no WebAssembly with SIMD/);
          const shown = await page.evaluate(() => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.status')?.textContent);
          assert.match(shown ?? '', /has no WebAssembly with SIMD.*current version/);
          assert.deepEqual(
            heavy().filter((path) => /wasm|models/.test(path)),
            [],
          );
        },
        {
          // As a browser of 2020 does: a module with a vector in it is not valid.
          before: () => {
            const { validate } = WebAssembly;
            WebAssembly.validate = (/** @type {any} */ bytes) => !bytes.includes(0xfd) && validate(bytes);
          },
        },
      ));
  });
}

describe('where WebAssembly is switched off altogether', { skip: noFirefox }, () => {
  test('in Firefox: it is said', async () => {
    const files = await serveMock();
    const browser = await firefox({ 'javascript.options.wasm': false });
    files.routes['/clinic.html'] = bytes(host('/'), 'text/html');
    files.routes['/notes.js'] = bytes(NOTES, 'text/javascript');
    const page = await browser.open(`${files.url}clinic.html`);
    try {
      assert.equal(await page.evaluate(() => typeof WebAssembly), 'undefined');
      await page.until(() => Boolean(customElements.get('lung-xray-classifier')));
      await page.choose([image]);
      const [{ detail }] = await outcomes(page);
      assert.equal(detail.code, 'no-wasm');
    } finally {
      await browser.close();
      await files.close();
    }
  });
});
