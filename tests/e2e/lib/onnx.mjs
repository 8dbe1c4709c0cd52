// @ts-check
/** The ONNX file of a bundle, run by onnxruntime, held to what the native command says with the bundle. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as ort from 'onnxruntime-web';

import { png } from './pictures.mjs';
import { lung } from './project.mjs';

const SIDE = 224;
/** ImageNet's statistics of each channel, as the bundle has them. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
/** Largest difference of a probability: f32 sums in another order, through 53 layers. */
const TOLERANCE = 1e-4;

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
    for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) values[(c * SIDE + y) * SIDE + x] = (grey(x, y) / 255 - MEAN[c]) / STD[c];
  return { bytes: png(SIDE, SIDE, grey), values };
}

/** @typedef {{ metadata: any, tensors: Map<string, { dtype: string, shape: number[], bytes: Buffer }> }} Parsed */

/**
 * What a bundle consists of, its preprocessing set to reduce no detail: what it makes of our pictures can then be written down.
 * @param {Buffer} bundle @returns {Parsed}
 */
export function parse(bundle) {
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
export function write({ metadata, tensors }) {
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

/**
 * Exports a bundle that reduces no detail as ONNX and compares answers, image by image.
 * @param {import('node:test').TestContext} t
 * @param {string} folder where files may be written
 * @param {string} model the bundle's file
 */
export async function agree(t, folder, model) {
  /** @type {string[]} */
  const findings = parse(await readFile(model)).metadata.findings.map((/** @type {{ id: string }} */ { id }) => id);
  const images = await Promise.all(
    [1, 2, 3, 4].map(async (seed) => {
      const { bytes, values } = picture(seed);
      const path = join(folder, `picture-${seed}.png`);
      await writeFile(path, bytes);
      return { path, values };
    }),
  );
  const out = await mkdtemp(join(folder, 'out-'));
  const exported = await lung(['export', '--format', 'onnx', '--model', model, '--out', out]);
  assert.equal(exported.code, 0, exported.stderr);
  const [file] = await readdir(out);
  assert.match(file, /^mobilenet-lung-[0-9a-f]{12}\.onnx$/);
  const predicted = await lung(['predict', '--model', model, '--format', 'ndjson', ...images.map(({ path }) => path)]);
  assert.equal(predicted.code, 0, predicted.stderr);
  const native = predicted.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).probabilities);

  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(await readFile(join(out, file)));
  // All of them as one batch, whose size the file leaves open.
  const batch = new Float32Array(images.flatMap(({ values }) => [...values]));
  const input = new ort.Tensor('float32', batch, [images.length, 3, SIDE, SIDE]);
  const { logits, evidence } = await session.run({ input });
  await session.release();
  assert.deepEqual(logits.dims, [images.length, findings.length]);
  assert.deepEqual(evidence.dims, [images.length, findings.length, 7, 7]);

  let worst = 0;
  images.forEach((_, image) => {
    const own = /** @type {Float32Array} */ (logits.data).subarray(image * findings.length, (image + 1) * findings.length);
    const whole = own.reduce((sum, logit) => sum + Math.exp(logit), 0);
    findings.forEach((finding, at) => {
      const difference = Math.abs(Math.exp(own[at]) / whole - native[image][finding]);
      worst = Math.max(worst, difference);
      assert.ok(difference <= TOLERANCE, `image ${image + 1}, ${finding}: ${Math.exp(own[at]) / whole} by onnxruntime, ${native[image][finding]} native`);
      const from = (image * findings.length + at) * 49;
      const map = /** @type {Float32Array} */ (evidence.data).subarray(from, from + 49);
      const sum = map.reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - own[at]) <= 1e-4 * Math.max(1, Math.abs(sum)), `${finding}: evidence sums to ${sum}`);
    });
  });
  t.diagnostic(`largest difference ${worst.toExponential(1)}`);
  // Pictures that all look the same to the network would agree whatever was exported.
  const spread = findings.map((finding) => native.map((probabilities) => probabilities[finding]));
  assert.ok(
    spread.some((values) => Math.max(...values) - Math.min(...values) > 0.01),
    `the pictures are told apart: ${JSON.stringify(native)}`,
  );
}
