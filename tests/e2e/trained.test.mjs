// @ts-check
/**
 * From nothing to answers in the page: seven folders of made-up names, a short training, an export, and the built page says of each image
 * what the command says.
 */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch, open, parts, ready, recordEvents } from './lib/browser.mjs';
import { agree, parse, write } from './lib/onnx.mjs';
import { DIST, filesIn, lung, noCommand, noPage } from './lib/project.mjs';
import { classifyAll } from './lib/real-page.mjs';
import { bytes, serve } from './lib/server.mjs';

/** What nobody has words for; one of them JavaScript would put first, whatever its place. */
const SEVEN = ['Bramble', 'cinder_cough', 'Drizzle', 'Ember lung', 'Fogbank', '7', 'Healthy'];

/** The shortest training that trains the network itself too. */
const QUICK = `validation = 0.0
cross_fit = false
batch = 8
detail = 64
[head]
epochs = 1
[fine_tune]
epochs = 1
side = [64]
from_layer = [17]
`;

/** As for probabilities of the shipped model. */
const TOLERANCE = 2e-3;

/** A command that knows no other classes cannot be tested with some. */
const noClasses = noCommand || ((await lung(['phantom', '--help'])).stdout.includes('--classes') ? false : 'this `lung phantom` has no --classes');

describe('seven folders of any names', { skip: noPage || noClasses }, () => {
  /** @type {string} */
  let folder;
  /** The bundle that the first test trains. */
  let model = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lung-seven-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** @param {string[]} given */
  const said = async (...given) => {
    const { code, stdout, stderr } = await lung(given);
    assert.equal(code, 0, stderr);
    return stdout;
  };

  test('are trained on, exported, and answered in the page as by the command', async () => {
    const [data, run, models, config] = ['data', 'run', 'models', 'config.toml'].map((name) => join(folder, name));
    await said('phantom', '--out', data, '--per-class', '6', '--classes', SEVEN.join(','));
    await writeFile(config, QUICK);
    await said('train', '--data', data, '--out', run, '--config', config);
    await said('export', '--run', run, '--out', models, '--card', join(folder, 'card.md'));
    const index = await readFile(join(models, 'index.json'));
    const { current } = JSON.parse(index.toString());
    model = join(models, current);
    const weights = await readFile(model);

    const images = (await filesIn(data)).filter(({ path }) => /-?1\.png$/.test(path)).map(({ path }, at) => ({ path, name: `image-${at}.png` }));
    assert.ok(images.length >= 7, `${images.length} images`);
    const lines = (await said('predict', '--model', model, '--format', 'ndjson', ...images.map(({ path }) => path))).trim().split('\n');
    const native = new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.file, line]));

    const site = await serve(DIST, { '/models/index.json': bytes(index, 'application/json'), [`/models/${current}`]: bytes(weights) });
    const browser = await launch('cpu');
    try {
      const { page, complaints } = await open(browser);
      await recordEvents(page);
      await page.goto(site.url);
      await ready(page);
      const outcomes = await classifyAll(page, images);
      for (const { name, path } of images) {
        const { report } = outcomes.get(name) ?? {};
        const { finding, probabilities } = native.get(path);
        assert.deepEqual(Object.keys(report?.probabilities ?? {}).toSorted(), SEVEN.toSorted());
        for (const [id, probability] of Object.entries(probabilities))
          assert.ok(Math.abs((report?.probabilities[id] ?? NaN) - probability) < TOLERANCE, `${name}: ${id}`);
        // Two that are as good as equal may change places.
        if (report?.finding !== finding) assert.ok(Math.abs(probabilities[finding] - probabilities[report?.finding ?? '']) < 2 * TOLERANCE, name);
      }
      const { element } = parts(page);
      const names = SEVEN.toSorted().map((id) => id.replaceAll('_', ' '));
      assert.deepEqual((await element.locator('.bar-name').allTextContents()).toSorted(), names.toSorted());
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
      await site.close();
    }
  });

  test('are answered by the ONNX file in onnxruntime as by the command', async (t) => {
    assert.ok(model, 'the training above has made a bundle');
    const { metadata, tensors } = parse(await readFile(model));
    assert.deepEqual(metadata.findings.map((/** @type {{ id: string }} */ { id }) => id).toSorted(), SEVEN.toSorted());
    const plain = join(folder, 'plain.safetensors');
    await writeFile(plain, write({ metadata, tensors }));
    await agree(t, folder, plain);
  });
});
