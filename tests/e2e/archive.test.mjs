// @ts-check
/**
 * Zip archives and CDs: their images are rows like any others, damaged and hostile ones are named errors, the next file works, and no
 * archive lies in memory. With the stand-in network.
 */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { imagesNamedIn, inOrderOfDirectory } from '../../www/element/intake/dicomdir.js';
import { firefox, noFirefox } from './lib/any-browser.mjs';
import { events } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { dicomdir, zip } from './lib/zip.mjs';

/** @typedef {import('./lib/zip.mjs').Member} Member */

const { onPage } = mockPages();

/** @param {string} name @param {number} [seed] @param {Partial<Member>} [how] @returns {Member} */
const image = (name, seed = 1, how = {}) => ({ name, bytes: picture('', seed).buffer, ...how });

/** @param {string} name @param {Buffer} buffer */
const file = (name, buffer) => ({ name, mimeType: 'application/zip', buffer });

/** @param {import('playwright-core').Page} page @returns {Promise<Array<{ name: string, state: string, error?: { code: string, message: string, advice: string } }>>} */
const results = (page) => page.evaluate(() => /** @type {any} */ (document.querySelector('lung-xray-classifier')).results);

/** Waits until nothing waits any more. @param {import('playwright-core').Page} page @param {number} count */
const settled = (page, count) =>
  page.waitForFunction((count) => {
    const { results } = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
    return results.length === count && results.every((/** @type {any} */ { state }) => state === 'done' || state === 'error');
  }, count);

test('the images of an archive are rows named by their paths, whatever they are packed by, also in an archive within it', () =>
  onPage(async (page, { picker, element }) => {
    const inner = zip([image('deep.png', 3)]);
    await picker.setInputFiles([
      picture('before.png', 9),
      file(
        'CD 1.zip',
        zip(
          [
            image('a/one.png', 1),
            image('a/two', 2, { packed: 'deflated' }),
            { name: 'inner.zip', bytes: inner },
            image('wide.png', 4, { wide: true }),
            { name: 'viewer/readme.txt', bytes: Buffer.from('hello') },
            { name: '__MACOSX/._one.png', bytes: Buffer.from('x') },
            { name: 'empty/', bytes: Buffer.alloc(0) },
          ],
          { comment: 'made by a test' },
        ),
      ),
      picture('after.png', 8),
    ]);
    await settled(page, 6);
    assert.deepEqual(
      (await results(page)).map(({ name, state }) => [name, state]),
      ['before.png', 'CD 1.zip/a/one.png', 'CD 1.zip/a/two', 'CD 1.zip/inner.zip/deep.png', 'CD 1.zip/wide.png', 'after.png'].map((name) => [name, 'done']),
    );
    await element.getByText('1 file of another kind left out.', { exact: true }).first().waitFor();
    // What is said of a file is that of the same file by itself.
    const said = await element.evaluate(async (node, base64) => {
      const own = await /** @type {any} */ (node).classify(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]), 'own');
      return [own.probabilities, /** @type {any} */ (node).results.find((/** @type {any} */ { name }) => name === 'CD 1.zip/a/two').report.probabilities];
    }, picture('', 2).buffer.toString('base64'));
    assert.deepEqual(said[0], said[1]);
  }));

test('where one image is taken at a time, the first of an archive is', () =>
  onPage(async (page, { picker, element }) => {
    await element.evaluate((node) => node.removeAttribute('multiple'));
    await picker.setInputFiles(file('cd.zip', zip([image('x.png'), image('y.png', 2)])));
    await settled(page, 1);
    assert.equal((await results(page))[0].name, 'cd.zip/x.png');
    await element.getByText('Only the first of 2 images was taken').first().waitFor();
  }));

/** What is wrong with an archive, the code it is refused with, and how many rows it has. @type {Array<[string, Buffer, string, string?]>} */
const WRONG = [
  ['no archive at all', Buffer.from('PK, but nothing else'), 'damaged-archive'],
  ['of no byte', Buffer.alloc(0), 'damaged-archive'],
  ['cut off before its directory', zip([image('x.png')]).subarray(0, 500), 'damaged-archive'],
  ['a directory outside of it', zip([image('x.png')], { shift: 9_999_999 }), 'damaged-archive'],
  ['a directory of more files than it has', zip([image('x.png')], { count: 7 }), 'damaged-archive'],
  ['more files than are allowed', zip([image('x.png')], { count: 20_001 }), 'too-many-entries'],
  ['no image in it', zip([{ name: 'readme.txt', bytes: Buffer.from('hello') }]), 'no-image-in-archive'],
  ['an encrypted image', zip([image('x.png', 1, { flags: 1 })]), 'encrypted-archive', 'x.png'],
  ['another way of packing', zip([image('x.png', 1, { method: 14 })]), 'unsupported-archive', 'x.png'],
  ['an image larger than its directory says', zip([image('x.png', 1, { packed: 'deflated', size: 100 })]), 'damaged-archive', 'x.png'],
  ['an image smaller than its directory says', zip([image('x.png', 1, { packed: 'deflated', size: 99_999 })]), 'damaged-archive', 'x.png'],
  ['a stored image of two sizes', zip([image('x.png', 1, { size: 100 })]), 'damaged-archive', 'x.png'],
  ['an image that is none of its packing', zip([{ ...image('x.png'), method: 8 }]), 'damaged-archive', 'x.png'],
  ['an image of more than is read', zip([image('x.png', 1, { packed: 'deflated', size: 65 * 2 ** 20 })]), 'too-many-bytes', 'x.png'],
  [
    'all of it more than is read',
    zip(Array.from({ length: 3 }, (_, at) => image(`${at}.png`, 1, { packed: 'deflated', size: 0xf0000000 }))),
    'archive-too-large',
  ],
  ['archives three deep', zip([{ name: 'b.zip', bytes: zip([{ name: 'c.zip', bytes: zip([image('x.png')]) }]) }]), 'archive-too-deep', 'b.zip/c.zip'],
  ['a damaged archive within', zip([{ name: 'b.zip', bytes: Buffer.from('nothing') }]), 'damaged-archive', 'b.zip'],
];

test('damaged and hostile archives are errors of their own, in words and as events, and the next file works', () =>
  onPage(async (page, { picker }) => {
    await picker.setInputFiles([...WRONG.map(([, bytes], at) => file(`${at}.zip`, bytes)), picture('next.png')]);
    await settled(page, WRONG.length + 1);
    const all = await results(page);
    assert.equal(all.at(-1)?.state, 'done');
    for (const [at, [what, , code, within]] of WRONG.entries()) {
      const { name, error } = all[at];
      assert.equal(name, within ? `${at}.zip/${within}` : `${at}.zip`, what);
      assert.equal(error?.code, code, what);
      assert.match(error?.message ?? '', /\.$/, what);
      assert.match(error?.advice ?? '', /\.$/, what);
    }
    const told = (await events(page)).filter(({ type }) => type === 'lung-error').map(({ detail }) => detail.code);
    // What is refused without being read is refused at once.
    assert.deepEqual(told.toSorted(), WRONG.map(([, , code]) => code).toSorted());
  }));

test('of an archive of 600 MB a directory and an image are read, nothing else', async () => {
  const [whole, head] = [zip([image('x.png')]), 600 * 2 ** 20];
  // The same archive with so many bytes before it: its places move along.
  const moved = Buffer.from(whole);
  const entry = moved.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
  moved.writeUInt32LE(head, entry + 42);
  moved.writeUInt32LE(head + entry, moved.length - 6);
  const folder = await mkdtemp(join(tmpdir(), 'lung-zip-'));
  try {
    // Nothing but its end takes room on the disk.
    const large = await open(join(folder, 'large.zip'), 'w');
    await large.write(moved, 0, moved.length, head);
    await large.close();
    await onPage(async (page, { picker }) => {
      await page.evaluate(() => {
        const seen = /** @type {any} */ (globalThis);
        seen.read = 0;
        const { arrayBuffer } = Blob.prototype;
        Blob.prototype.arrayBuffer = function () {
          seen.read += this.size;
          return arrayBuffer.call(this);
        };
      });
      await picker.setInputFiles(join(folder, 'large.zip'));
      await settled(page, 1);
      const [{ name, state }] = await results(page);
      assert.deepEqual([name, state], ['large.zip/x.png', 'done']);
      const read = await page.evaluate(() => /** @type {any} */ (globalThis).read);
      assert.ok(read > 0 && read < 200_000, `${read} bytes`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('a CD', () => {
  const cd = {
    DICOMDIR: dicomdir(['DICOM/IM2', 'DICOM/IM1']),
    'DICOM/IM1': picture('', 1).buffer,
    'DICOM/IM2': picture('', 2).buffer,
    'DICOM/IM3': picture('', 3).buffer,
    'VIEWER/logo.png': picture('', 4).buffer,
  };

  test('as a folder: the images that its DICOMDIR names, in its order, and how many', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lung-cd-'));
    try {
      for (const [name, bytes] of Object.entries(cd)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), bytes);
      }
      await onPage(async (page, { element }) => {
        const chooser = page.waitForEvent('filechooser');
        await element.getByRole('button', { name: 'Choose a folder' }).click();
        await (await chooser).setFiles(folder);
        await settled(page, 2);
        assert.deepEqual(
          (await results(page)).map(({ name }) => name.replace(/^[^/]*\//, '')),
          ['DICOM/IM2', 'DICOM/IM1'],
        );
        await element.getByText('The directory of this CD (DICOMDIR) names 2 images. 2 files of other kinds left out.', { exact: true }).first().waitFor();
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('as an archive: the same', () =>
    onPage(async (page, { picker, element }) => {
      await picker.setInputFiles(file('cd.zip', zip(Object.entries(cd).map(([name, bytes]) => ({ name, bytes })))));
      await settled(page, 2);
      assert.deepEqual(
        (await results(page)).map(({ name }) => name),
        ['cd.zip/DICOM/IM2', 'cd.zip/DICOM/IM1'],
      );
      await element.getByText('The directory of this CD (DICOMDIR) names 2 images.').first().waitFor();
    }));

  test('a DICOMDIR that names nothing that is there, or is none, or leads elsewhere, is as if it were not there', async () => {
    assert.deepEqual(imagesNamedIn(dicomdir(['A/B', '../C', 'D'])), ['A/B', 'D']);
    assert.deepEqual(imagesNamedIn(new Uint8Array(10)), []);
    assert.deepEqual(imagesNamedIn(dicomdir(['A/B']).subarray(0, 160)), []);
    const files = (/** @type {Buffer} */ directory) => [
      { name: 'cd/DICOMDIR', blob: new Blob([Uint8Array.from(directory)]) },
      { name: 'cd/b.png', blob: new Blob([]) },
      { name: 'cd/a.png;1', blob: new Blob([]) },
      { name: 'other.png', blob: new Blob([]) },
    ];
    const names = async (/** @type {Buffer} */ directory) => {
      const { images, named } = await inOrderOfDirectory(files(directory));
      return [images.map(({ name }) => name), named];
    };
    assert.deepEqual(await names(dicomdir(['NONE'])), [['cd/b.png', 'cd/a.png;1', 'other.png'], 0]);
    assert.deepEqual(await names(Buffer.from('no directory')), [['cd/b.png', 'cd/a.png;1', 'other.png'], 0]);
    // Its names are in capitals; a copy may have a version behind them.
    assert.deepEqual(await names(dicomdir(['A.PNG', 'B.PNG'])), [['cd/a.png;1', 'cd/b.png', 'other.png'], 2]);
  });
});

describe('in Firefox', { skip: noFirefox }, () => {
  /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serveMock>>} */
  let site;
  before(async () => {
    [browser, site] = [await firefox(), await serveMock({ took: 20 })];
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('images are unpacked, and what cannot be is an error of its own', async () => {
    const page = await browser.open(site.url);
    await page.until(() => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot));
    const archives = [zip([image('stored.png', 1), image('deflated.png', 2, { packed: 'deflated' })]), ...WRONG.map(([, bytes]) => bytes)];
    await page.evaluate(
      (/** @type {string[]} */ all) => {
        const files = all.map((base64, at) => new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], `${at}.zip`));
        /** @type {any} */ (document.querySelector('lung-xray-classifier')).add(files);
      },
      archives.map((bytes) => bytes.toString('base64')),
    );
    const told = await page.until(
      (/** @type {number} */ count) => {
        const { results } = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
        const over = results.filter((/** @type {any} */ { state }) => state === 'done' || state === 'error');
        return over.length === count && over.map((/** @type {any} */ { name, error }) => [name, error?.code ?? 'done']);
      },
      WRONG.length + 2,
      60_000,
    );
    assert.deepEqual(told.slice(0, 2), [
      ['0.zip/stored.png', 'done'],
      ['0.zip/deflated.png', 'done'],
    ]);
    assert.deepEqual(
      told.slice(2).map((/** @type {[string, string]} */ [, code]) => code),
      WRONG.map(([, , code]) => code),
    );
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
