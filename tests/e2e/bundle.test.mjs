// @ts-check
/** A damaged or foreign bundle, served to the built page, is refused with the reason; the right one then works. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch, open, parts, ready, started } from './lib/browser.mjs';
import { currentBundle, DIST, noPage } from './lib/project.mjs';
import { bytes, serve } from './lib/server.mjs';

describe('a bundle that is not the right one', { skip: noPage }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {Buffer} */
  let whole;
  /** @type {string} */
  let file;

  before(async () => {
    browser = await launch('cpu');
    const path = await currentBundle();
    whole = await readFile(path);
    file = basename(path);
  });
  after(() => browser?.close());

  /** @type {Array<[string, () => [name: string, body: Buffer], RegExp]>} */
  const wrong = [
    ['bit-flipped', () => [file, flip(whole, whole.length >> 1)], /weights-hash-mismatch/],
    ['truncated, with an index that agrees', () => [file, whole.subarray(0, whole.length >> 1)], /weights-hash-mismatch/],
    ['truncated under a name without a hash', () => ['mobilenet-lung.safetensors', whole.subarray(0, whole.length >> 1)], /weights-(unreadable|mismatch)/],
    ['foreign', () => ['mobilenet-lung.safetensors', foreign()], /weights-foreign/],
    ['a page of HTML', () => ['mobilenet-lung.safetensors', Buffer.from('<!doctype html><title>Sign in to the network</title>')], /weights-unreadable/],
  ];

  for (const [what, make, code] of wrong) {
    test(`${what}: refused with the reason, then the right one works`, async () => {
      const [name, body] = make();
      const site = await serve(DIST, {
        '/models/index.json': bytes(JSON.stringify({ current: name, models: [{ file: name, bytes: body.length, sha256: '' }] }), 'application/json'),
        [`/models/${name}`]: bytes(body),
      });
      const { page, context, complaints } = await open(browser);
      try {
        await page.goto(site.url);
        const { phase, said } = await started(page);
        assert.equal(phase, 'failed', said);
        assert.match(said, code);
        for (const path of Object.keys(site.routes)) delete site.routes[path];
        await parts(page).status.getByRole('button', { name: 'Try again' }).click();
        await ready(page);
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
        await site.close();
      }
    });
  }
});

/** @param {Buffer} from @param {number} at */
function flip(from, at) {
  const copy = Buffer.from(from);
  copy[at] ^= 1;
  return copy;
}

/** A sound safetensors file of something else. */
function foreign() {
  const header = Buffer.from(
    JSON.stringify({
      __metadata__: { format: 'pt' },
      'classifier.weight': { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(8)]);
}
