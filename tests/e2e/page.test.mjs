// @ts-check
/**
 * The built page with the real WebAssembly and the real model, with WebGPU and without: it classifies, on generated
 * radiographs and real ones, exactly as the native command does, and sends nothing.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, constants } from 'node:zlib';

import { events, launch, open, parts, ready, recordEvents, unfolded } from './lib/browser.mjs';
import { CLASSES, currentBundle, DIST, lung, noCommand, noImages, noPage, payloads, phantoms, realImages } from './lib/project.mjs';
import { classifyAll, openReady } from './lib/real-page.mjs';
import { serve } from './lib/server.mjs';

/**
 * Largest difference of a probability between native, WebAssembly and WebGPU: the order of f32 sums differs between
 * their kernels, and a JPEG's bytes do not.
 */
const TOLERANCE = 2e-3;

/** The bytes of a build. @param {string} build */
const wasm = (build) => readFileSync(join(DIST, 'runtime', build, 'lung_web_bg.wasm'));

const relaxedNode = noPage || (WebAssembly.validate(wasm('cpu-relaxed')) && 'this Node has relaxed SIMD itself; Node 20 has not');

test('the builds for browsers without relaxed SIMD hold none of it', { skip: relaxedNode }, () => {
  for (const build of ['webgpu', 'cpu']) assert.ok(WebAssembly.validate(wasm(build)), build);
});

// The names of functions, which `--fast` leaves in a build, are in its bytes as they are.
const nameless = noPage || (!wasm('webgpu').includes('__wasm_call_ctors') && 'a release build has no names of functions');

test('no function of a build runs its constructors again on each call', { skip: nameless }, () => {
  // What a linker makes of an exported function where it sees nobody run them.
  for (const build of ['webgpu', 'cpu']) assert.ok(!wasm(build).includes('command_export'), build);
});

test('a browser without relaxed SIMD is given the build without', { skip: noPage }, async () => {
  const site = await serve(DIST);
  const browser = await launch('cpu');
  try {
    const { page } = await open(browser);
    await page.addInitScript(() => {
      const { validate } = WebAssembly;
      const relaxed = 'fd 85 02';
      WebAssembly.validate = (/** @type {any} */ bytes) =>
        !Array.from(bytes, (/** @type {number} */ byte) => byte.toString(16).padStart(2, '0'))
          .join(' ')
          .includes(relaxed) && validate(bytes);
    });
    await page.goto(`${site.url}?device=cpu`);
    await page.waitForFunction(() => customElements.get('lung-xray-classifier'));
    await ready(page);
    assert.match(await unfolded(parts(page).status), /CPU/);
    assert.ok(site.asked.includes('/runtime/cpu/lung_web_bg.wasm'), site.asked.join(' '));
    assert.ok(!site.asked.some((path) => path.includes('cpu-relaxed')), site.asked.join(' '));
  } finally {
    await browser.close();
    await site.close();
  }
});

/**
 * Kilobytes in brotli of HTML, styles and scripts that a first visit cannot do without: the page, the worker, and what they import. They were
 * 49.9 when this was set. What a change adds is seen here.
 */
const FIRST_VISIT_KB = 52;

test('a first visit needs few scripts', { skip: noPage }, (t) => {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  const open = ['index.html', 'worker.js'];
  for (let path; (path = open.pop());) {
    if (sizes.has(path)) continue;
    const text = readFileSync(join(DIST, path), 'utf8');
    sizes.set(path, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length / 1000);
    const named = path.endsWith('.html') ? /(?:src|href)="([^":]+\.(?:js|css))"/g : /(?:import|from)"([^"]+)"/g;
    for (const [, relative] of text.matchAll(named)) open.push(posix.join(posix.dirname(path), relative));
  }
  const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const table = [...sizes].map(([path, size]) => `${size.toFixed(1)} ${path}`).join(', ');
  t.diagnostic(`${all.toFixed(1)} kB: ${table}`);
  assert.ok(sizes.has('element/lung-xray-classifier.js') && sizes.has('element/download.js'), table);
  assert.ok(all <= FIRST_VISIT_KB, `${all.toFixed(1)} kB are more than ${FIRST_VISIT_KB}: ${table}`);
});

describe('the built page', { skip: noPage || noCommand }, () => {
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  /** @type {Awaited<ReturnType<typeof phantoms>>} */
  let generated;
  /** @type {import('./lib/project.mjs').Image[]} */
  let images;
  /** @type {Map<string, { finding: string, probabilities: Record<string, number> }>} */
  let native;

  before(async () => {
    site = await serve(DIST);
    generated = await phantoms(2);
    images = [...generated.images, ...(noImages ? [] : await realImages(10))];
    const { code, stdout, stderr } = await lung(['predict', '--model', await currentBundle(), '--format', 'ndjson', ...images.map(({ path }) => path)]);
    assert.equal(code, 0, stderr);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    native = new Map(images.map(({ name, path }) => [name, lines.find(({ file }) => file === path)]));
  });
  after(async () => {
    await site?.close();
    await generated?.remove();
  });

  for (const device of /** @type {const} */ (['webgpu', 'cpu'])) {
    describe(device === 'webgpu' ? 'on WebGPU' : 'without WebGPU', () => {
      /** @type {import('playwright-core').Browser} */
      let browser;
      /** @type {Awaited<ReturnType<typeof openReady>>} */
      let opened;

      before(async () => {
        browser = await launch(device);
        opened = await openReady(browser, device === 'webgpu' ? `${site.url}?device=webgpu` : site.url);
      });
      after(() => browser?.close());

      test('says where it runs, and why if it is not WebGPU', async () => {
        const said = (await unfolded(opened.status)).replace(/\s+/g, ' ');
        assert.match(said, device === 'webgpu' ? /Runs on WebGPU/ : /Runs on CPU \(WebAssembly SIMD\)/);
        const [{ detail }] = (await events(opened.page)).filter(({ type }) => type === 'lung-ready');
        assert.equal(detail.device, device);
        if (device === 'cpu') assert.ok(detail.fallback && said.includes(detail.fallback.replace(/\s+/g, ' ')), said);
        assert.match(said, /mobilenet-lung-[0-9a-f]{12}/);
      });

      test('an image that comes before the weights is sent ahead, and called what the native command calls it', async () => {
        const { page, context } = await open(browser);
        try {
          await recordEvents(page);
          await page.addInitScript(() => {
            /** @type {string[]} */
            const sent = [];
            Object.assign(globalThis, { sent });
            globalThis.Worker = class extends Worker {
              /** @override @param {any} message @param {any} [transfer] */
              postMessage(message, transfer) {
                sent.push(message.type);
                super.postMessage(message, transfer);
              }
            };
          });
          // The weights wait for the image.
          await page.route('**/*.safetensors', async (route) => {
            await page.waitForFunction(() => /** @type {any} */ (globalThis).sent.includes('ahead'));
            await route.continue();
          });
          await page.goto(`${site.url}?device=${device}`);
          const [image] = generated.images;
          const [[, { report }]] = await classifyAll(page, [image]);
          const sent = await page.evaluate(() => /** @type {any} */ (globalThis).sent);
          assert.ok(sent.indexOf('ahead') < sent.indexOf('bundle'), sent.join(' '));
          const expected = native.get(image.name);
          assert.equal(report?.finding, expected?.finding);
          for (const finding of CLASSES) assert.ok(Math.abs((report?.probabilities[finding] ?? NaN) - (expected?.probabilities[finding] ?? NaN)) <= TOLERANCE);
        } finally {
          await context.close();
        }
      });

      test('shows the report of a chosen file', async () => {
        const [image] = generated.images;
        await opened.picker.setInputFiles(await payloads([{ ...image, name: 'first.png' }]));
        const card = opened.card('first.png');
        await card.and(opened.page.locator('[data-state=done], [data-state=error]')).waitFor({ timeout: 120_000 });
        const said = await unfolded(card);
        assert.equal(await card.getAttribute('data-state'), 'done', said);
        // A phantom is no radiograph, and the network may notice: then the probabilities were folded away.
        assert.equal(await card.getByRole('meter').count(), 3);
        assert.match(
          said,
          /(Most likely finding|does not look like a frontal chest X-ray)[^]*decode [\d.]+\s(ms|s), preprocess [\d.]+\s(ms|s), inference [\d.]+\s(ms|s)/,
        );
        assert.match(said, /mobilenet-lung-[0-9a-f]{12}/);
        const shown = await card.locator('canvas.radiograph').evaluate((canvas) => {
          const copy = document.createElement('canvas');
          copy.width = copy.height = 16;
          const context = /** @type {CanvasRenderingContext2D} */ (copy.getContext('2d'));
          context.drawImage(/** @type {HTMLCanvasElement} */ (canvas), 0, 0, 16, 16);
          return new Set(context.getImageData(0, 0, 16, 16).data).size;
        });
        assert.ok(shown > 8, `the radiograph is drawn: ${shown} different values`);
      });

      test('classifies without a single request, and with the network unplugged', async () => {
        assert.ok(
          opened.requests.some((url) => url.endsWith('.safetensors')),
          'the requests of the worker are seen',
        );
        // What only some images need is fetched as soon as the classifier is ready, and what works without a network after that.
        await opened.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
        await opened.page.waitForLoadState('networkidle');
        const [requested, asked] = [opened.requests.length, site.asked.length];
        const some = generated.images.slice(0, 2);
        for (const offline of [false, true]) {
          await opened.context.setOffline(offline);
          for (const image of some) for (const [name, { error }] of await classifyAll(opened.page, [image])) assert.equal(error, undefined, name);
        }
        assert.deepEqual(opened.requests.slice(requested), []);
        assert.deepEqual(site.asked.slice(asked), []);
        // Several at once call for further workers, which are of the same script; nothing else is asked for.
        for (const [name, { error }] of await classifyAll(opened.page, some)) assert.equal(error, undefined, name);
        await opened.context.setOffline(false);
        const paths = new Set(opened.requests.slice(requested).map((url) => new URL(url).pathname));
        if (device === 'cpu') paths.delete('/worker.js');
        assert.deepEqual([...paths], []);
      });

      test('says the same of every radiograph as the native command', async (t) => {
        const began = performance.now();
        const outcomes = await classifyAll(opened.page, images);
        let worst = 0;
        for (const { name } of images) {
          const { report, error } = outcomes.get(name) ?? {};
          assert.ok(report, `${name}: ${error?.message}`);
          const expected = native.get(name);
          assert.ok(expected, `${name}: the native command says nothing`);
          assert.equal(report.device, device, name);
          for (const finding of CLASSES) {
            const difference = Math.abs(report.probabilities[finding] - expected.probabilities[finding]);
            worst = Math.max(worst, difference);
            assert.ok(difference <= TOLERANCE, `${name}, ${finding}: ${report.probabilities[finding]} here, ${expected.probabilities[finding]} native`);
          }
          assert.equal(report.finding, expected.finding, name);
          const sums = CLASSES.map((finding) => report.evidence[finding].flat().reduce((sum, value) => sum + value, 0));
          const whole = sums.reduce((sum, logit) => sum + Math.exp(logit), 0);
          CLASSES.forEach((finding, k) =>
            assert.ok(
              Math.abs(Math.exp(sums[k]) / whole - report.probabilities[finding]) < 1e-3,
              `${name}: the evidence of ${finding} does not sum to its logit`,
            ),
          );
        }
        t.diagnostic(
          `${images.length} radiographs, ${((performance.now() - began) / images.length).toFixed(0)} ms each, largest difference ${worst.toExponential(1)}`,
        );
        if (noImages) t.diagnostic(`generated radiographs only: ${noImages}`);
      });

      test('has complained about nothing', () => assert.deepEqual(opened.complaints, []));
    });
  }
});
