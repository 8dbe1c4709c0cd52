// @ts-check
/** An image that only browsers decode is read by way of the browser, with a caution; what it cannot decode either is left as it is. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { mockPages } from './lib/mock-page.mjs';
import { png } from './lib/pictures.mjs';
import { DATA } from './lib/project.mjs';

const AVIF = join(DATA, 'cases/avif.avif');
const noAvif = existsSync(AVIF) ? false : `no cases/avif.avif in ${DATA} (LUNG_DATA)`;

const { onPage } = mockPages();

/**
 * What the script makes of a file: the bitmap's bytes and the caution's code.
 * @param {import('playwright-core').Page} page
 * @param {Buffer} bytes
 */
const decoded = (page, bytes) =>
  page.evaluate(
    async (bytes) => {
      const script = new URL('element/intake/by-browser.js', location.href).href;
      const { decodeByBrowser } = await import(script);
      const found = await decodeByBrowser(new Uint8Array(bytes));
      return found && { bytes: [...found.bytes], code: found.caution.code };
    },
    [...bytes],
  );

test('the bitmap has the size and the pixels of the picture', () =>
  onPage(async (page) => {
    const grey = (/** @type {number} */ x, /** @type {number} */ y) => (5 * x + 3 * y) & 255;
    const found = await decoded(page, png(41, 56, grey));
    assert.ok(found);
    assert.equal(found.code, 'read-by-browser');
    const file = Buffer.from(found.bytes);
    assert.equal(file.toString('latin1', 0, 2), 'BM');
    assert.deepEqual([file.readInt32LE(18), file.readInt32LE(22), file.readUInt16LE(28)], [41, -56, 24]);
    const row = 124;
    assert.equal(file.length, 54 + 56 * row);
    for (const [x, y] of [
      [0, 0],
      [40, 0],
      [7, 31],
      [40, 55],
    ])
      for (const channel of [0, 1, 2]) assert.equal(file[54 + y * row + 3 * x + channel], grey(x, y), `${x} ${y}`);
  }));

test('what no browser decodes is not decoded', () =>
  onPage(async (page) => assert.equal(await decoded(page, Buffer.from('\0\0\0\x18ftypisom, a video', 'latin1')), undefined)));

test('an AVIF file is answered with a caution', { skip: noAvif }, () =>
  onPage(async (_page, { picker, answered, element }) => {
    await picker.setInputFiles({ name: 'chest.avif', mimeType: 'image/avif', buffer: await readFile(AVIF) });
    await answered('chest.avif');
    const cautions = element.locator('.cautions [data-code=read-by-browser]');
    await cautions.waitFor();
    assert.match(await cautions.innerText(), /AVIF/);
  }),
);
