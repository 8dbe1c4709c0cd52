// @ts-check
/**
 * What goes wrong goes well: the stand-in for the WebAssembly traps, hangs, loses its GPU or is served damaged, and each
 * time the page says so and the next image works.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { events, launch, open, parts, ready, recordEvents, started, unfolded } from './lib/browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { bytes, status } from './lib/server.mjs';

/** @type {Record<'webgpu' | 'cpu', import('playwright-core').Browser>} */
let browsers;

before(async () => {
  browsers = { webgpu: await launch('webgpu'), cpu: await launch('cpu') };
});
after(async () => {
  for (const browser of Object.values(browsers ?? {})) await browser.close();
});

/**
 * @param {'webgpu' | 'cpu'} device
 * @param {Parameters<typeof serveMock>[0]} options
 * @param {(page: import('playwright-core').Page, found: ReturnType<typeof parts>, site: Awaited<ReturnType<typeof serveMock>>) => Promise<unknown>} body
 */
async function onPage(device, options, body) {
  const site = await serveMock(options);
  const { page, context } = await open(browsers[device]);
  /** @type {Error[]} */
  const uncaught = [];
  page.on('pageerror', (error) => uncaught.push(error));
  try {
    await recordEvents(page);
    await page.goto(device === 'webgpu' ? `${site.url}?device=webgpu` : site.url);
    await body(page, parts(page), site);
    assert.deepEqual(uncaught, []);
  } finally {
    await context.close();
    await site.close();
  }
}

const FILE = 'mobilenet-lung-0123456789ab.safetensors';
/** What the Chromium of the tests takes on the CPU: it has relaxed SIMD. */
const RUNTIME = '/runtime/cpu-relaxed/lung_web_bg.wasm';

/** @param {string} name @param {string} what */
const steer = (name, what) => ({ name, mimeType: 'image/png', buffer: Buffer.from(what) });

for (const kind of ['trap', 'trap-later']) {
  test(`a WebAssembly ${kind} is an error card, the worker is replaced without a download, and the next image works`, () =>
    onPage('cpu', {}, async (page, { picker, card, answered }, site) => {
      await ready(page);
      await picker.setInputFiles([steer('bad.png', kind), picture('good.png')]);
      await answered('good.png');
      assert.equal(await card('bad.png').getAttribute('data-state'), 'error');
      assert.match(await unfolded(card('bad.png')), /worker-crashed/);
      assert.equal(site.asked.filter((path) => path.endsWith('.safetensors')).length, 1);
      assert.equal(site.asked.filter((path) => path.endsWith('.wasm')).length, 1);
    }));
}

for (const [what, kind, reason] of /** @type {const} */ ([
  ['traps on WebGPU', 'trap-on-gpu', 'unreachable'],
  ['loses the GPU', 'lose-gpu', 'stopped answering: lost'],
])) {
  test(`an image that ${what} is answered by the CPU, and the page says why`, () =>
    onPage('webgpu', {}, async (page, { picker, card, answered, status }, site) => {
      await ready(page);
      assert.match(await unfolded(status), /WebGPU/);
      await picker.setInputFiles(picture('easy.png'));
      await answered('easy.png');
      const builds = () => site.asked.filter((path) => path.endsWith('.wasm')).map((path) => path.split('/').at(-2));
      assert.deepEqual(builds(), ['webgpu'], 'nobody downloads both builds');
      await picker.setInputFiles(steer('hard.png', kind));
      await card('hard.png').and(page.locator('[data-state=done]')).waitFor();
      const said = await unfolded(card('hard.png'));
      assert.match(said, /CPU \(WebAssembly SIMD\)\. WebGPU stopped working on this page/);
      assert.ok(said.includes(reason), said);
      assert.match(await status.innerText(), /WebGPU stopped working/);
      assert.match(await unfolded(status), /CPU \(WebAssembly SIMD\)/);
      assert.deepEqual(builds(), ['webgpu', 'cpu-relaxed']);
    }));
}

for (const [kind, what, code] of [
  ['refuse', 'is refused', 'unknown-format'],
  ['trap-decoding', 'traps', 'worker-crashed'],
]) {
  test(`an image that is decoded while the classifier starts, and ${what} there, gets its error, and the next one its report`, () =>
    onPage('cpu', {}, async (_page, { picker, card, answered }) => {
      await picker.setInputFiles([steer('bad.png', kind), picture('good.png')]);
      await answered('good.png');
      assert.equal(await card('bad.png').getAttribute('data-state'), 'error');
      assert.match(await unfolded(card('bad.png')), new RegExp(code));
    }));
}

test('an image that traps everywhere does not cost the page its GPU', () =>
  onPage('webgpu', {}, async (page, { picker, row, answered, choose, status }) => {
    await ready(page);
    await picker.setInputFiles([steer('bad.png', 'trap'), picture('good.png')]);
    await answered('good.png');
    assert.equal(await row('bad.png').getAttribute('data-state'), 'error');
    assert.match(await unfolded(await choose('good.png')), /Ran on\s+WebGPU/);
    assert.match(await unfolded(status), /Runs on WebGPU/);
  }));

test('a graphics adapter in software is taken only by those who ask for WebGPU', async () => {
  const site = await serveMock();
  try {
    const real = await open(browsers.webgpu);
    await recordEvents(real.page);
    await real.page.goto(site.url);
    await ready(real.page);
    const [{ detail }] = (await events(real.page)).filter(({ type }) => type === 'lung-ready');
    assert.deepEqual([detail.device, detail.fallbackCode], ['cpu', 'software-adapter']);
    assert.ok(!site.asked.some((path) => path.includes('runtime/webgpu')), site.asked.join(' '));
    await real.context.close();

    for (const [adapter, path, device] of /** @type {const} */ ([
      [{ info: { vendor: 'nvidia', architecture: 'hopper' } }, '', 'webgpu'],
      [{}, '', 'webgpu'],
      [{ isFallbackAdapter: true }, '', 'cpu'],
      [{ info: { isFallbackAdapter: true } }, '', 'cpu'],
      [{ info: { vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' } }, '', 'cpu'],
      [{ info: { description: 'Microsoft Basic Render Driver' } }, '', 'cpu'],
      [{ isFallbackAdapter: true }, '?device=webgpu', 'webgpu'],
    ])) {
      const { page, context } = await open(browsers.webgpu);
      await recordEvents(page);
      await page.addInitScript((adapter) => {
        Object.defineProperty(navigator, 'gpu', { configurable: true, value: { requestAdapter: async () => adapter } });
      }, adapter);
      await page.goto(site.url + path);
      await ready(page);
      const [{ detail }] = (await events(page)).filter(({ type }) => type === 'lung-ready');
      assert.equal(detail.device, device, JSON.stringify([adapter, path, detail]));
      await context.close();
    }
  } finally {
    await site.close();
  }
});

test('where WebGPU is asked for, its build is on its way while an adapter is looked for', async () => {
  const site = await serveMock();
  const { page, context } = await open(browsers.webgpu);
  try {
    await page.addInitScript(() => {
      const { gpu } = /** @type {any} */ (navigator);
      const request = gpu.requestAdapter.bind(gpu);
      const wanted = new Promise((resolve) => Object.assign(globalThis, { find: resolve }));
      gpu.requestAdapter = () => wanted.then(() => request());
    });
    const build = page.waitForRequest(/runtime\/webgpu\/.*\.wasm$/);
    await page.goto(`${site.url}?device=webgpu`);
    await build;
    await page.evaluate(() => /** @type {any} */ (globalThis).find());
    await ready(page);
    assert.match(await unfolded(parts(page).status), /Runs on WebGPU/);
    assert.equal(site.asked.filter((path) => path.endsWith('.wasm')).length, 1);
  } finally {
    await context.close();
    await site.close();
  }
});

test('a lost GPU device, nobody waiting: the page moves to the CPU by itself and says so', () =>
  onPage('webgpu', {}, async (page, { picker, card, status }) => {
    await ready(page);
    const session = await browsers.webgpu.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess');
    await status.getByText('WebGPU stopped working on this page').waitFor();
    await ready(page);
    await picker.setInputFiles(picture('next.png'));
    await card('next.png').and(page.locator('[data-state=done]')).waitFor();
    assert.match(await unfolded(card('next.png')), /CPU \(WebAssembly SIMD\)/);
    assert.deepEqual(
      (await events(page)).filter(({ type }) => type === 'lung-ready').map(({ detail }) => detail.device),
      ['webgpu', 'cpu'],
    );
  }));

test('a GPU that is lost without a network: the image is refused with the reason, and read once the network is back', () =>
  onPage('webgpu', {}, async (page, { picker, answered, card, choose, status }, site) => {
    await ready(page);
    const runtime = site.routes[RUNTIME];
    for (const path of [RUNTIME, '/']) site.routes[path] = (_request, response) => void response.destroy();
    await picker.setInputFiles(steer('hard.png', 'lose-gpu'));
    await answered('hard.png', 'error');
    assert.match(await unfolded(await choose('hard.png')), /runtime-unreachable/);
    site.routes[RUNTIME] = runtime;
    delete site.routes['/'];
    await status.getByRole('button', { name: 'Try again' }).click();
    await ready(page);
    await answered('hard.png', 'done');
    await picker.setInputFiles(picture('next.png'));
    await card('next.png').and(page.locator('[data-state=done]')).waitFor();
    assert.match(await unfolded(card('next.png')), /WebGPU stopped working on this page/);
  }));

test('an image without an answer for two minutes is given up, and the next one works', async () => {
  const site = await serveMock();
  const { page, context } = await open(browsers.cpu);
  try {
    await page.clock.install();
    await page.goto(site.url);
    await page.clock.runFor(2000);
    await ready(page);
    const { picker, row, answered, choose } = parts(page);
    await picker.setInputFiles([steer('endless.png', 'hang'), picture('good.png')]);
    await answered('endless.png', 'working');
    // The script of the table is fetched for the second image: it is not to come after the clock stands still.
    await row('endless.png').waitFor();
    // The clock goes on by itself too, as long as the script takes.
    await page.clock.runFor(110_000);
    assert.equal(await row('endless.png').getAttribute('data-state'), 'working');
    await page.clock.runFor(10_500);
    await answered('endless.png', 'error');
    assert.match(await unfolded(await choose('endless.png')), /two minutes[^]*timeout/);
    await answered('good.png');
  } finally {
    await context.close();
    await site.close();
  }
});

/** @param {unknown} value */
const index = (value) => ({ '/models/index.json': bytes(JSON.stringify(value), 'application/json') });

/** @type {Array<[string, Parameters<typeof serveMock>[0], string, RegExp]>} */
const damaged = [
  ['no index', { routes: { '/models/index.json': status(404) } }, 'model-missing', /no index\.json \(status 404\)/],
  ['an index that is not JSON', { routes: { '/models/index.json': bytes('<html>') } }, 'model-index-broken', /not JSON/],
  ['an index without a current model', { routes: index({ models: [] }) }, 'model-index-broken', /names no current model/],
  [
    'an index that points out of its folder',
    { routes: index({ current: '../secret.safetensors', models: [] }) },
    'model-index-broken',
    /names no current model/,
  ],
  ['an index without the size', { routes: index({ current: FILE, models: [{ file: FILE }] }) }, 'model-index-broken', /no usable size/],
  ['no bundle', { routes: { [`/models/${FILE}`]: status(404) } }, 'model-missing', /status 404/],
  ['half a bundle', { routes: { [`/models/${FILE}`]: bytes(Buffer.alloc(2_300_000)) } }, 'model-broken', /incomplete: 2300000 of 4600000/],
  ['more than a bundle', { routes: { [`/models/${FILE}`]: bytes(Buffer.alloc(4_700_000)) } }, 'model-broken', /longer than/],
  [
    'a connection that breaks',
    {
      routes: {
        [`/models/${FILE}`]: (_q, r) =>
          void (r.writeHead(200, { 'content-length': 4_600_000 }), r.write(Buffer.alloc(1000)), setTimeout(() => r.destroy(), 100)),
      },
    },
    'model-unreachable',
    /broke off/,
  ],
  ['a bundle that the classifier refuses', { file: 'refused-0123456789ab.safetensors' }, 'weights-hash-mismatch', /refuses[^]*models\/ is damaged/],
  ['no WebAssembly', { routes: { [RUNTIME]: status(404) } }, 'runtime-missing', /lung_web_bg\.wasm/],
  ['damaged WebAssembly', { routes: { [RUNTIME]: bytes('\0asm\x01\0\0\0\xff', 'application/wasm') } }, 'runtime-broken', /damaged/],
  ['no worker', { routes: { '/worker.js': status(404) } }, 'runtime-missing', /no worker\.js \(status 404\)/],
];

for (const [what, options, code, words] of damaged) {
  test(`${what}: refused with the reason, every waiting image is told, and "Try again" tries again`, () =>
    onPage('cpu', options, async (page, { status, picker, answered, choose }, site) => {
      const { phase, said } = await started(page);
      assert.equal(phase, 'failed', said);
      assert.match(said, words);
      assert.ok(said.includes(code), said);
      await picker.setInputFiles([picture('one.png'), picture('two.png')]);
      for (const name of ['one.png', 'two.png']) {
        await answered(name, 'error');
        assert.ok((await unfolded(await choose(name))).includes(code));
      }
      const [first] = (await events(page)).filter(({ type }) => type === 'lung-error');
      assert.equal(first.detail.code, code);
      assert.ok(first.detail.advice.length > 10);
      // The file mends itself; the same page goes on.
      const whole = await serveMock();
      for (const path of Object.keys(options?.routes ?? {}))
        site.routes[path] =
          whole.routes[path] ??
          (async (_q, r) =>
            void r.writeHead(200, { 'content-type': 'text/javascript' }).end(Buffer.from(await (await fetch(whole.url.slice(0, -1) + path)).arrayBuffer())));
      if (options?.file) site.routes['/models/index.json'] = whole.routes['/models/index.json'];
      if (options?.file) site.routes[`/models/${FILE}`] = whole.routes[`/models/${FILE}`];
      await status.getByRole('button', { name: 'Try again' }).click();
      await status.and(page.locator('[data-phase=ready]')).waitFor();
      await whole.close();
    }));
}
