// @ts-check
/** What `lung export --format onnx` writes, run by onnxruntime, says the same as the native command. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { agree, parse, write } from './lib/onnx.mjs';
import { noCommand } from './lib/project.mjs';

const MODELS = fileURLToPath(new URL('../../www/models/', import.meta.url));

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

describe('the exported ONNX file', { skip: noCommand }, () => {
  /** @type {string} */
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lung-onnx-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('of the shipped model says what the native command says', async (t) => {
    const { current } = JSON.parse(await readFile(join(MODELS, 'index.json'), 'utf8'));
    const model = join(folder, 'shipped.safetensors');
    await writeFile(model, write(parse(await readFile(join(MODELS, current)))));
    await agree(t, folder, model);
  });

  for (const kind of ['none', 'squeeze-excitation', 'cbam'])
    for (const place of kind === 'none' ? ['last'] : ['last', 'every-stage'])
      test(`of a network with ${kind === 'none' ? 'no attention' : `${kind} at ${place}`} does too`, async (t) => {
        const { current } = JSON.parse(await readFile(join(MODELS, 'index.json'), 'utf8'));
        // A name without a hash is not held to one.
        const model = join(folder, `${kind}_${place}.safetensors`);
        await writeFile(model, withAttention(await readFile(join(MODELS, current)), kind, place));
        await agree(t, folder, model);
      });
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

/** The bits of the f16 below a number (towards 0) whose magnitude is under 2^16; what is too small for a normal one is 0. @param {number} value */
function half(value) {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  if (!(exponent >= -14)) return 0;
  const fraction = Math.floor((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}
