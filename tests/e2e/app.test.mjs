// @ts-check
/**
 * The page as an app: after one visit it needs no server; a new version is downloaded whole or not at all, offered, and never
 * mixed with the one before; where it cannot be kept it says so and works all the same; and what is shared with it or opened
 * with it goes to no server.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { LANGUAGES } from '../../www/element/words/words.js';
import { isAccessible } from './lib/accessible.mjs';
import { events, launch, open, PATIENCE, parts, ready, recordEvents, unfolded } from './lib/browser.mjs';
import { mockFolder } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { DIST, noCommand, noPage, noXtask, phantoms, XTASK } from './lib/project.mjs';
import { classifyAll, openReady, settled } from './lib/real-page.mjs';
import { listOf, release } from './lib/release.mjs';
import { bytes, serve } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {Awaited<ReturnType<typeof serve>>} Site */
/** @typedef {Awaited<ReturnType<typeof release>>} Release */

/** Makes it say in page, script and worker which version it is. @param {string} version */
const versioned = (version) => ({
  'index.html': (/** @type {string} */ text) => text.replace('<html ', `<html data-page="${version}" `),
  'app.js': (/** @type {string} */ text) => `${text}\ndocument.documentElement.dataset.script = '${version}';\n`,
  ...Object.fromEntries(
    ['cpu', 'cpu-relaxed'].map((build) => [
      `runtime/${build}/lung_web.js`,
      (/** @type {string} */ text) => text.replace("'mobilenet-lung-0123456789ab'", `'worker-${version}'`),
    ]),
  ),
});

/** What versions a page is made of, after its worker has been replaced. @param {Page} page */
async function versions(page) {
  await ready(page);
  const { picker, answered, rows } = parts(page);
  const name = `after-${await rows.count()}.png`;
  await picker.setInputFiles([{ ...picture('trap.png'), buffer: Buffer.from('trap') }, picture(name)]);
  await answered(name);
  const { page: html, script } = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  let worker = '';
  await until(async () => Boolean((worker = /worker-(\w+)/.exec(await unfolded(parts(page).status))?.[1] ?? '')), 'the status names a worker');
  return [html, script, worker].join(' ');
}

/** The releases in the browser's storage. @param {Page} page */
const keptIn = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => !name.endsWith(' clients')).map((name) => name.split(' ').at(-1)));

/** @param {() => Promise<boolean> | boolean} holds @param {string} what */
async function until(holds, what) {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Ends the service worker, as a browser does with an idle one. @param {Page} page */
async function stopWorkers(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('ServiceWorker.enable');
  await session.send('ServiceWorker.stopAllWorkers');
  await session.detach();
}

describe('the built page', { skip: noPage || noCommand }, () => {
  test('release.json lists what was built', { skip: !existsSync(join(DIST, 'release.json')) && `${DIST} was not built by cargo xtask build` }, async () => {
    assert.deepEqual(JSON.parse(await readFile(join(DIST, 'release.json'), 'utf8')), await listOf(DIST));
  });

  test('it brings our licence and those of others, and links to these where it names ours', async () => {
    const said = await Promise.all(['LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt'].map((name) => readFile(join(DIST, name), 'utf8')));
    for (const [at, words] of ['MIT License', 'Apache License', '\nwasm-bindgen 0.'].entries()) assert.ok(said[at].includes(words), words);
    const html = await readFile(join(DIST, 'index.html'), 'utf8');
    assert.match(html, /MIT or Apache-2\.0\.<\/span> <a href="THIRD-PARTY\.txt"/);
  });

  test('it links to its source: to an address, or to an archive beside it that has the page in it; or to nothing', async () => {
    const [, link] = /<a ([^>]*) data-words="page.source"/.exec(await readFile(join(DIST, 'index.html'), 'utf8')) ?? [];
    const archive = join(DIST, 'source.tar.gz');
    if (!link?.includes('href="source.tar.gz" download') || link.includes('hidden')) {
      assert.match(link ?? '', /^href="https:|hidden$/);
      return assert.equal(existsSync(archive), false);
    }
    const tar = gunzipSync(await readFile(archive)).toString('latin1');
    for (const path of ['www/index.html', 'Cargo.lock', 'LICENSE-MIT', '.ci/run']) assert.match(tar, new RegExp(`mobilenet-lung-[0-9.]+/${path}\\0`));
    assert.doesNotMatch(tar, /mobilenet-lung-[0-9.]+\/(target|dist|\.git)\//);
  });

  test('after one visit it reloads and classifies with the server gone, and says the same', async () => {
    const built = await release(DIST);
    const site = await serve(built.folder);
    const generated = await phantoms(2);
    const browser = await launch('cpu');
    try {
      const { page, context, complaints } = await openReady(browser, site.url);
      assert.equal((await settled(page)).state, 'kept');
      assert.ok(site.asked.indexOf('/service-worker.js') > site.asked.findIndex((path) => path.endsWith('.safetensors')));
      const online = await classifyAll(page, generated.images);
      await site.close();
      await page.reload();
      await ready(page);
      assert.match((await settled(page)).said, /Works offline too/);
      const offline = await classifyAll(page, generated.images);
      for (const { name } of generated.images) {
        assert.ok(offline.get(name)?.report, name);
        assert.deepEqual(offline.get(name)?.report?.probabilities, online.get(name)?.report?.probabilities, name);
      }
      for (const [lang, { load }] of Object.entries(LANGUAGES)) {
        await page.locator('.language select').selectOption(lang);
        await page.getByRole('heading', { name: String((await load()).default['page.title']) }).waitFor();
      }
      const another = await context.newPage();
      await another.goto(`${site.url}index.html?device=cpu`);
      await ready(another);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
      await site.close().catch(() => {});
      await generated.remove();
      await built.remove();
    }
  });
});

describe('the page as cargo xtask serves it', { skip: noXtask || noPage || noCommand }, () => {
  test('classifies and is kept under the headers of docs/guide/hosting.md', async () => {
    const built = await release(DIST);
    const generated = await phantoms(1);
    const server = spawn(XTASK, ['serve', '--built', built.folder, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const browser = await launch('cpu');
    try {
      let printed = '';
      for await (const piece of server.stdout) if ((printed += piece).includes('http://')) break;
      const url = /http:\S+/.exec(printed)?.[0] ?? '';
      const { page, complaints } = await openReady(browser, url);
      assert.equal((await settled(page)).state, 'kept');
      for (const [name, { error }] of await classifyAll(page, generated.images)) assert.equal(error, undefined, name);
      const headers = async (/** @type {string} */ path) => (await fetch(new URL(path, url))).headers;
      for (const path of ['', 'worker.js', 'service-worker.js', 'release.json', 'models/index.json']) {
        assert.equal((await headers(path)).get('cache-control'), 'no-cache', path);
        assert.match((await headers(path)).get('content-security-policy') ?? '', /script-src 'self' 'wasm-unsafe-eval';.*frame-ancestors/);
      }
      const bundle = built.files.find(({ path }) => path.endsWith('.safetensors'))?.path ?? '';
      assert.match((await headers(bundle)).get('cache-control') ?? '', /immutable/);
      server.kill();
      await page.reload();
      await ready(page);
      for (const [name, { error }] of await classifyAll(page, generated.images)) assert.equal(error, undefined, name);
      assert.deepEqual(complaints, []);
    } finally {
      server.kill();
      await browser.close();
      await generated.remove();
      await built.remove();
    }
  });
});

// Three at a time: most of what each does is wait until the page is at rest, and each has a site and storage of its own.
describe('releases', { concurrency: 3 }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof mockFolder>>} */
  let source;
  /** @type {Record<'A' | 'B', Release>} */
  let built;

  before(async () => {
    browser = await launch('cpu');
    source = await mockFolder();
    built = { A: await release(source.folder, versioned('A')), B: await release(source.folder, versioned('B')) };
  });
  after(async () => {
    await browser?.close();
    for (const made of [source, built?.A, built?.B]) await made?.remove();
  });

  /**
   * A first visit to release A.
   * @param {(page: Page, site: Site, context: import('playwright-core').BrowserContext) => Promise<unknown>} body
   * @param {{ prepare?: (page: Page, site: Site) => Promise<unknown>, options?: import('playwright-core').BrowserContextOptions, from?: Release }} [given]
   */
  async function visit(body, { prepare = async () => {}, options = {}, from = built.A } = {}) {
    const site = await serve(from.folder);
    const { page, context, complaints } = await open(browser, options);
    try {
      await prepare(page, site);
      await page.goto(site.url);
      await ready(page);
      await settled(page);
      await body(page, site, context);
      assert.deepEqual(
        complaints.filter((complaint) => /uncaught|Content Security/.test(complaint)),
        [],
      );
    } finally {
      await context.close();
      await site.close().catch(() => {});
    }
  }

  test('nothing is fetched to be kept before the classifier has started, and all of it afterwards', () =>
    visit(async (page, site) => {
      const started = Math.max(...['.safetensors', '.wasm', 'worker.js'].map((end) => site.asked.findIndex((path) => path.endsWith(end))));
      for (const path of ['/offline.js', '/service-worker.js', '/release.json', '/manifest.webmanifest'])
        assert.ok(site.asked.indexOf(path) > started, `${path} in ${site.asked.join(' ')}`);
      assert.deepEqual(await keptIn(page), [built.A.id]);
      const missing = await page.evaluate(
        async (paths) => {
          const found = await Promise.all(paths.map((path) => caches.match(new URL(path, location.href).href)));
          return paths.filter((_, at) => !found[at]);
        },
        built.A.files.map(({ path }) => path),
      );
      assert.deepEqual(missing, ['THIRD-PARTY.txt', 'screenshots/narrow.png', 'screenshots/wide.png', 'source.tar.gz']);
    }));

  test('a tab of the first visit goes on with its release when another is deployed', () =>
    visit(async (page, site) => {
      site.deploy(built.B.folder);
      assert.equal(await versions(page), 'A A A');
      const script = await page.evaluate(async () => (await fetch('app.js', { cache: 'no-store' })).text());
      assert.match(script, /dataset\.script = 'A'/);
    }));

  for (const [how, spoil] of /** @type {Array<[string, (site: Site, path: string) => void]>} */ ([
    ['one of its files is not the one listed', (site, path) => (site.routes[path] = bytes('export {};', 'text/javascript'))],
    ['a file is missing', (site, path) => (site.routes[path] = (_request, response) => void response.writeHead(404).end())],
    ['the server dies halfway', (site, path) => (site.routes[path] = (_request, response) => (response.destroy(), void site.close()))],
    [
      'a file breaks off',
      (site, path) =>
        (site.routes[path] = (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/javascript', 'content-length': 1000 }).write('export');
          setTimeout(() => response.destroy(), 50);
        }),
    ],
  ]))
    test(`an update is not used when ${how}`, () =>
      visit(async (page, site) => {
        site.deploy(built.B.folder);
        const path = '/runtime/cpu/lung_web.js';
        spoil(site, path);
        const from = site.asked.length;
        await page.reload();
        await until(() => site.asked.includes(path, from), 'the update is begun');
        await until(() => page.evaluate(async () => !(await navigator.serviceWorker.getRegistration())?.installing), 'it ends');
        await until(async () => (await keptIn(page)).join() === built.A.id, 'nothing of it is left');
        assert.equal(await page.locator('.update button').count(), 0);
        await page.reload();
        assert.equal(await versions(page), 'A A A');
        await site.close().catch(() => {});
        await page.reload();
        assert.equal(await versions(page), 'A A A');
        assert.match((await settled(page)).said, /Works offline too/);
      }));

  test('a new release is offered, taken where it is asked for, and the other tab goes on with the old one', () =>
    visit(async (page, site, context) => {
      site.deploy(built.B.folder);
      const fetched = site.asked.length;
      const other = await context.newPage();
      await other.goto(site.url);
      for (const tab of [page, other]) await tab.getByText('A new version is ready').waitFor();
      assert.ok(!site.asked.slice(fetched).some((path) => path.endsWith('.safetensors')), 'what both releases have is not downloaded again');
      for (const tab of [page, other]) assert.equal(await versions(tab), 'A A A');

      await other.getByRole('button', { name: 'Reload' }).click();
      await other.locator('html[data-page=B]').waitFor();
      assert.equal(await versions(other), 'B B B');
      // What tab has what must outlive the worker.
      await stopWorkers(page);
      assert.equal(await versions(page), 'A A A');
      assert.deepEqual((await keptIn(page)).sort(), [built.A.id, built.B.id].sort());
      await page.getByText('A new version is ready').waitFor();

      await page.getByRole('button', { name: 'Not now' }).click();
      assert.equal(await page.locator('.update button').count(), 0);
      await page.close();
      await site.close();
      await until(async () => {
        await other.reload();
        return (await keptIn(other)).length === 1;
      }, 'the old release is thrown away');
      assert.deepEqual(await keptIn(other), [built.B.id]);
      assert.equal(await versions(other), 'B B B');
    }));

  test('a tab that is looked at after hours asks for a new release', () =>
    visit(
      async (page, site) => {
        site.deploy(built.B.folder);
        await page.clock.fastForward('02:00:00');
        await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
        await page.getByText('A new version is ready').waitFor();
      },
      { prepare: (page) => page.clock.install() },
    ));

  test('two tabs at once keep one release, and each answers its own images', () =>
    visit(async (page, site, context) => {
      const tabs = [page, await context.newPage(), await context.newPage()];
      await page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))));
      await Promise.all(tabs.map((tab) => tab.goto(site.url)));
      await Promise.all(tabs.map((tab) => settled(tab)));
      await Promise.all(
        tabs.map(async (tab, at) => {
          await parts(tab).picker.setInputFiles([picture(`tab-${at}.png`, at)]);
          await parts(tab).card(`tab-${at}.png`).and(tab.locator('[data-state=done]')).waitFor();
        }),
      );
      // Emptied storage was filled again, once.
      assert.deepEqual(await keptIn(page), [built.A.id]);
      await site.close();
      await Promise.all(tabs.map((tab) => tab.reload()));
      for (const tab of tabs) assert.equal(await versions(tab), 'A A A');
    }));

  test('where little storage is left, it says that it may be thrown away', () =>
    visit(async (page) => assert.match((await settled(page)).said, /but this device is short of storage/), {
      prepare: (page) =>
        page.addInitScript(() => {
          navigator.storage.estimate = async () => ({ quota: 30_000_000, usage: 5_000_000 });
        }),
    }));

  for (const [what, standalone] of /** @type {const} */ ([
    ['an installed app', true],
    ['a mere visit', false],
  ]))
    test(`${what} ${standalone ? 'asks' : 'does not ask'} the browser to hold on to it`, () =>
      visit(async (page) => assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).held === true), standalone), {
        prepare: (page) =>
          page.addInitScript((standalone) => {
            const matches = globalThis.matchMedia.bind(globalThis);
            globalThis.matchMedia = (query) => (query.includes('standalone') ? /** @type {any} */ ({ matches: standalone }) : matches(query));
            navigator.storage.persist = async () => Boolean(Object.assign(globalThis, { held: true }));
          }, standalone),
      }));

  /** @param {Page} page */
  async function classifies(page) {
    await parts(page).picker.setInputFiles([picture('online.png')]);
    await parts(page).card('online.png').and(page.locator('[data-state=done]')).waitFor();
  }

  for (const [when, change] of /** @type {Array<[string, (text: string) => string]>} */ ([
    ['is known to be too little', (text) => text.replace('navigator.storage.estimate()', '{ quota: 2_000_000, usage: 0 }')],
    // Chromium tells pages of more than there is.
    ['runs out on the way', (text) => text],
  ]))
    test(`where storage ${when}, nothing half is left, the page says why and works`, async () => {
      const own = await release(source.folder, { 'service-worker.js': change });
      try {
        await visit(
          async (page) => {
            const { state, said } = await settled(page);
            assert.equal(state, 'not-kept');
            assert.match(said, /Works only online: the browser leaves the page too little storage/);
            assert.deepEqual(await keptIn(page), []);
            assert.equal(await page.locator('link[rel=manifest]').count(), 0, 'nothing can be shared with it');
            await classifies(page);
          },
          {
            from: own,
            async prepare(page, site) {
              const session = await page.context().newCDPSession(page);
              await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, quotaSize: 2_000_000 });
            },
          },
        );
      } finally {
        await own.remove();
      }
    });

  for (const [what, script] of /** @type {Array<[string, () => void]>} */ ([
    ['has no service workers', () => Object.defineProperty(navigator, 'serviceWorker', { value: undefined })],
    [
      'refuses them',
      () => {
        navigator.serviceWorker.register = () => Promise.reject(new DOMException('not here', 'SecurityError'));
      },
    ],
  ]))
    test(`a browser that ${what} is told so, and classifies`, () =>
      visit(
        async (page) => {
          const { state, said } = await settled(page);
          assert.equal(state, 'not-kept');
          assert.match(said, /this browser, or a private window of it, does not let the page store itself/);
          await classifies(page);
        },
        { prepare: (page) => page.addInitScript(script) },
      ));

  test('a page that did not come over HTTPS says so, and classifies', async () => {
    const plain = await launch('cpu', ['--host-resolver-rules=MAP clinic.test 127.0.0.1']);
    const site = await serve(built.A.folder);
    try {
      const { page } = await open(plain);
      await page.goto(`http://clinic.test:${site.port}/`);
      await ready(page);
      assert.match((await settled(page)).said, /did not come over HTTPS/);
      await classifies(page);
    } finally {
      await plain.close();
      await site.close();
    }
  });

  test('a copy that was not built says that it is not kept', async () => {
    const site = await serve(source.folder);
    const { page, context } = await open(browser);
    try {
      await page.goto(site.url);
      await ready(page);
      assert.match((await settled(page)).said, /was not built to be kept/);
    } finally {
      await context.close();
      await site.close();
    }
  });

  test('what another app shares is classified once and goes to no server', () =>
    visit(async (page, site, context) => {
      site.routes['/elsewhere.html'] = bytes(
        '<form action="share" method="post" enctype="multipart/form-data"><input type="file" name="files" multiple><button>Share</button></form>',
        'text/html',
      );
      const other = await context.newPage();
      await recordEvents(other);
      await other.goto(`${site.url}elsewhere.html`);
      await other.locator('input').setInputFiles([picture('shared-1.png', 1), picture('shared-2.png', 2)]);
      const asked = site.asked.length;
      await other.getByRole('button', { name: 'Share' }).click();
      await other.waitForURL(site.url);
      await ready(other);
      for (const name of ['shared-1.png', 'shared-2.png']) await parts(other).answered(name);
      assert.deepEqual(
        site.asked.slice(asked).filter((path) => path.includes('share')),
        [],
      );
      const stored = await other.evaluate(async () => {
        const all = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
        return all.flat().map(({ url }) => url);
      });
      assert.ok(!stored.some((url) => url.includes('shared')), stored.join(' '));
      await other.reload();
      await settled(other);
      assert.ok(!(await events(other)).some(({ type }) => type === 'lung-result'), 'not again');
      assert.equal(await parts(page).card('shared-1.png').count(), 0);
      // A ticket that is not known any more.
      await other.goto(`${site.url}?shared=gone`);
      await other.getByText('What was shared did not arrive').waitFor();
    }));

  test('files that the system opens with the app are taken', () =>
    visit(
      async (page) => {
        await parts(page).card('opened.png').and(page.locator('[data-state=done]')).waitFor();
      },
      {
        async prepare(page) {
          const { name, buffer } = picture('opened.png');
          await page.addInitScript(
            ({ name, data }) => {
              const getFile = async () => new File([Uint8Array.from(data)], name);
              Object.defineProperty(globalThis, 'launchQueue', {
                value: { setConsumer: (/** @type {any} */ take) => take({ files: [{ getFile }] }) },
              });
            },
            { name, data: [...buffer] },
          );
        },
      },
    ));

  test('of files that are opened with it, one that is gone keeps no other from being read, and is shown with its reason', () =>
    visit(
      async (page) => {
        const { answered, choose } = parts(page);
        await answered('there.png');
        await answered('gone.dcm', 'error');
        assert.match(await unfolded(await choose('gone.dcm')), /could not read this file[^]*unreadable/);
      },
      {
        prepare: (page) =>
          page.addInitScript(
            (data) => {
              const there = { name: 'there.png', getFile: async () => new File([Uint8Array.from(data)], 'there.png') };
              const gone = { name: 'gone.dcm', getFile: () => Promise.reject(new DOMException('', 'NotFoundError')) };
              Object.defineProperty(globalThis, 'launchQueue', { value: { setConsumer: (/** @type {any} */ take) => take({ files: [gone, there] }) } });
            },
            [...picture('').buffer],
          ),
      },
    ));

  test('the source beside it is offered where the build has put it, downloaded without leaving the page, and not kept', async () => {
    await visit(async (page) => assert.equal(await page.locator('[data-words="page.source"]').isVisible(), false));
    const offered = await release(source.folder, {
      'index.html': (text) => text.replace('download hidden data-words="page.source"', 'download data-words="page.source"'),
    });
    try {
      await visit(
        async (page) => {
          const { picker, answered } = parts(page);
          await picker.setInputFiles(picture('chest.png'));
          await answered('chest.png');
          const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Source', exact: true }).click()]);
          assert.equal(download.suggestedFilename(), 'source.tar.gz');
          assert.equal(await readFile(await download.path(), 'utf8'), 'in the place of the source');
          await answered('chest.png');
          assert.equal(await page.evaluate(() => caches.match(new URL('source.tar.gz', location.href).href).then(Boolean)), false);
        },
        { from: offered },
      );
    } finally {
      await offered.remove();
    }
  });

  test('a phone offers its camera, with a warning; a desk does not', async () => {
    await visit(
      async (page) => {
        await page.getByText('learned from files, not from photos').waitFor();
        const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: 'Take a photo' }).click()]);
        assert.equal(await chooser.element().getAttribute('capture'), 'environment');
        await chooser.setFiles([picture('photo.png')]);
        await parts(page).card('photo.png').and(page.locator('[data-state=done]')).waitFor();
      },
      { options: { hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } } },
    );
    await visit(async (page) => assert.equal(await page.getByText('Take a photo').isVisible(), false));
  });

  test('it can be installed once it is kept', () =>
    visit(async (page) => {
      const session = await page.context().newCDPSession(page);
      const { errors, url } = await session.send('Page.getAppManifest');
      assert.deepEqual(errors, []);
      assert.match(url, /manifest\.webmanifest$/);
      const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
      assert.deepEqual(
        installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
        [],
      );
    }));

  for (const colorScheme of /** @type {const} */ (['light', 'dark']))
    for (const width of [360, 1200])
      test(`what it says is readable, ${colorScheme}, ${width} pixels wide`, () =>
        visit(
          async (page, site) => {
            site.deploy(built.B.folder);
            await page.reload();
            await ready(page);
            await settled(page);
            await page.getByText('A new version is ready').waitFor();
            await isAccessible(page, 'update', width);
            if (process.env.LUNG_SHOTS) await page.screenshot({ path: join(process.env.LUNG_SHOTS, `update-${colorScheme}-${width}.png`) });
          },
          { options: { colorScheme, viewport: { width, height: 740 }, ...(width < 500 ? { hasTouch: true, isMobile: true } : {}) } },
        ));
});
