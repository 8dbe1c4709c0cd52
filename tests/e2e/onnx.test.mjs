// @ts-check
/** What `lung export --format onnx` writes, run by onnxruntime, says the same as the native command. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as ort from 'onnxruntime-web';

import { png } from './lib/pictures.mjs';
import { CLASSES, lung, noCommand } from './lib/project.mjs';

const MODELS = fileURLToPath(new URL('../../www/models/', import.meta.url));
const SIDE = 224;
/** ImageNet's statistics of each channel, as the bundle has them. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
/** Largest difference of a probability: f32 sums in another order, through 53 layers. */
const TOLERANCE = 1e-4;

/** Layers that end a stage, and their channels. */
const STAGES = [
  [1, 16],
  [3, 24],
  [6, 32],
  [10, 64],
  [13, 96],
  [16, 160],
  [17, 320],
];

/**
 * A grey picture of the network's own size over the whole range, which preprocessing only has to normalise: what it makes
 * of it can be written down here.
 * @param {number} seed
 */
function picture(seed) {
  const grey = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (y === 0 && x < 2) return x * 255;
    const wave = Math.sin((x + seed * 31) / (11 + seed)) * Math.cos((y - seed * 13) / (17 - seed));
    return Math.round(128 + 60 * wave + 50 * Math.sin((x * y) / (400 + 90 * seed)));
  };
  const values = new Float32Array(3 * SIDE * SIDE);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) values[(c * SIDE + y) * SIDE + x] = (grey(x, y) / 255 - MEAN[c]) / STD[c];
  return { bytes: png(SIDE, SIDE, grey), values };
}

describe('the exported ONNX file', { skip: noCommand }, () => {
  /** @type {string} */
  let folder;
  /** @type {Array<{ path: string, values: Float32Array }>} */
  const images = [];

  before(async () => {
    ort.env.wasm.numThreads = 1;
    folder = await mkdtemp(join(tmpdir(), 'lung-onnx-'));
    for (let seed = 1; seed <= 4; seed++) {
      const { bytes, values } = picture(seed);
      images.push({ path: join(folder, `${seed}.png`), values });
      await writeFile(join(folder, `${seed}.png`), bytes);
    }
  });
  after(() => rm(folder, { recursive: true }));

  test('of the shipped model says what the native command says', async (t) => {
    const { current } = JSON.parse(await readFile(join(MODELS, 'index.json'), 'utf8'));
    const model = join(folder, 'shipped.safetensors');
    await writeFile(model, write(parse(await readFile(join(MODELS, current)))));
    await agree(t, model);
  });

  for (const kind of ['none', 'squeeze-excitation', 'cbam'])
    for (const place of kind === 'none' ? ['last'] : ['last', 'every-stage'])
      test(`of a network with ${kind === 'none' ? 'no attention' : `${kind} at ${place}`} does too`, async (t) => {
        const { current } = JSON.parse(await readFile(join(MODELS, 'index.json'), 'utf8'));
        // A name without a hash is not held to one.
        const model = join(folder, `${kind}_${place}.safetensors`);
        await writeFile(model, withAttention(await readFile(join(MODELS, current)), kind, place));
        await agree(t, model);
      });

  /** @param {import('node:test').TestContext} t @param {string} model */
  async function agree(t, model) {
    const out = await mkdtemp(join(folder, 'out-'));
    const exported = await lung(['export', '--format', 'onnx', '--model', model, '--out', out]);
    assert.equal(exported.code, 0, exported.stderr);
    const [file] = await readdir(out);
    assert.match(file, /^mobilenet-lung-[0-9a-f]{12}\.onnx$/);
    const predicted = await lung(['predict', '--model', model, '--format', 'ndjson', ...images.map(({ path }) => path)]);
    assert.equal(predicted.code, 0, predicted.stderr);
    const native = predicted.stdout.trim().split('\n').map((line) => JSON.parse(line).probabilities);

    const session = await ort.InferenceSession.create(await readFile(join(out, file)));
    // All of them as one batch, whose size the file leaves open.
    const batch = new Float32Array(images.flatMap(({ values }) => [...values]));
    const input = new ort.Tensor('float32', batch, [images.length, 3, SIDE, SIDE]);
    const { logits, evidence } = await session.run({ input });
    await session.release();
    assert.deepEqual(logits.dims, [images.length, 3]);
    assert.deepEqual(evidence.dims, [images.length, 3, 7, 7]);

    let worst = 0;
    images.forEach((_, image) => {
      const own = /** @type {Float32Array} */ (logits.data).subarray(image * 3, image * 3 + 3);
      const whole = own.reduce((sum, logit) => sum + Math.exp(logit), 0);
      CLASSES.forEach((finding, at) => {
        const difference = Math.abs(Math.exp(own[at]) / whole - native[image][finding]);
        worst = Math.max(worst, difference);
        assert.ok(
          difference <= TOLERANCE,
          `image ${image + 1}, ${finding}: ${Math.exp(own[at]) / whole} by onnxruntime, ${native[image][finding]} native`,
        );
        const from = (image * 3 + at) * 49;
        const map = /** @type {Float32Array} */ (evidence.data).subarray(from, from + 49);
        const sum = map.reduce((total, value) => total + value, 0);
        assert.ok(Math.abs(sum - own[at]) <= 1e-4 * Math.max(1, Math.abs(sum)), `${finding}: evidence sums to ${sum}`);
      });
    });
    t.diagnostic(`largest difference ${worst.toExponential(1)}`);
    // Pictures that all look the same to the network would agree whatever was exported.
    const spread = CLASSES.map((finding) => native.map((probabilities) => probabilities[finding]));
    assert.ok(
      spread.some((values) => Math.max(...values) - Math.min(...values) > 0.01),
      `the pictures are told apart: ${JSON.stringify(native)}`,
    );
  }
});

/**
 * A bundle with another attention in the place of its own, with weights that open and close its gates.
 * @param {Buffer} bundle @param {string} kind @param {string} place
 */
function withAttention(bundle, kind, place) {
  const { metadata, tensors } = parse(bundle);
  for (const name of [...tensors.keys()]) if (name.includes('.attention.')) tensors.delete(name);

  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  /** @param {string} name @param {number[]} shape @param {number} scale */
  const add = (name, shape, scale) => {
    const bytes = Buffer.alloc(2 * shape.reduce((a, b) => a * b, 1));
    for (let at = 0; at < bytes.length; at += 2) bytes.writeUInt16LE(half(scale * random()), at);
    tensors.set(name, { dtype: 'F16', shape, bytes });
  };
  const reduction = 32;
  const places = kind === 'none' ? [] : place === 'last' ? [[18, 1280]] : STAGES;
  for (const [layer, channels] of places) {
    const name = `features.${layer}.attention`;
    const hidden = Math.max(4, Math.floor(channels / reduction));
    add(`${name}.reduce.weight`, [hidden, channels], 2 / Math.sqrt(channels));
    add(`${name}.reduce.bias`, [hidden], 0.5);
    add(`${name}.expand.weight`, [channels, hidden], 1);
    add(`${name}.expand.bias`, [channels], 0.5);
    if (kind !== 'cbam') continue;
    add(`${name}.spatial.weight`, [1, 2, 7, 7], 0.1);
    add(`${name}.spatial.bias`, [1], 0.5);
  }

  metadata.attention = { kind, place, reduction: kind === 'none' ? 1 : reduction };
  return write({ metadata, tensors });
}

/** @typedef {{ metadata: any, tensors: Map<string, { dtype: string, shape: number[], bytes: Buffer }> }} Parsed */

/**
 * What a bundle consists of, its preprocessing set to reduce no detail: what it makes of our pictures can then be written down.
 * @param {Buffer} bundle @returns {Parsed}
 */
function parse(bundle) {
  const length = Number(bundle.readBigUInt64LE(0));
  const { __metadata__: about, ...entries } = JSON.parse(bundle.toString('utf8', 8, 8 + length));
  /** @type {Parsed['tensors']} */
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries))
    tensors.set(name, { dtype, shape, bytes: bundle.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1]) });
  const metadata = JSON.parse(about.bundle);
  metadata.preprocessing.detail = SIDE;
  return { metadata, tensors };
}

/** The bytes of a bundle. @param {Parsed} parsed */
function write({ metadata, tensors }) {
  let end = 0;
  /** @type {Record<string, unknown>} */
  const header = { __metadata__: { bundle: JSON.stringify(metadata) } };
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, ...[...tensors.values()].map(({ bytes }) => bytes)]);
}

/** The bits of the f16 below a number (towards 0) whose magnitude is under 2^16; what is too small for a normal one is 0. @param {number} value */
function half(value) {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  if (!(exponent >= -14)) return 0;
  const fraction = Math.floor((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}
