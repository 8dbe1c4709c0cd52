// @ts-check
/**
 * The readers of rare formats are fetched when a file needs them, once, and not before: with the stand-in for the WebAssembly, and on the
 * built page with JPEG 2000, with and without a network.
 */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, open, parts, ready, unfolded } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { DIST, noPage } from './lib/project.mjs';
import { classifyAll, openReady, settled } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { bytes, serve } from './lib/server.mjs';

const READERS = ['/runtime/readers/lung_readers.js', '/runtime/readers/lung_readers_bg.wasm'];
const CODESTREAM = fileURLToPath(new URL('../../crates/radiograph/tests/jpeg2000/grey12.j2k', import.meta.url));

const mock = mockPages();

/** What has been asked for of the readers. @param {{ asked: string[] }} site */
const fetched = ({ asked }) => asked.filter((path) => path.startsWith('/runtime/readers/')).sort();

/** @param {string} words that the file begins with */
const file = (words) => ({ name: `${words}.tif`, mimeType: 'image/tiff', buffer: Buffer.from(words) });

test('an ordinary image fetches nothing, the first rare one the readers, the next nothing more', () =>
  mock.onPage(async (_page, { picker, answered }) => {
    await picker.setInputFiles(picture('ordinary.png'));
    await answered('ordinary.png');
    assert.deepEqual(fetched(mock.site), []);
    for (const words of ['rare one', 'rare two']) {
      await picker.setInputFiles(file(words));
      await answered(`${words}.tif`);
      assert.deepEqual(fetched(mock.site), READERS);
    }
  }));

/** Tries something on a page of a site of its own. @param {Awaited<ReturnType<typeof serveMock>>} site @param {(page: import('playwright-core').Page) => Promise<void>} body */
async function onPageOf(site, body) {
  const browser = await launch('cpu');
  try {
    const { page } = await open(browser);
    await page.goto(site.url);
    await ready(page);
    await body(page);
  } finally {
    await browser.close();
    await site.close();
  }
}

test('readers that are not there refuse the file with words, and are asked for again', async () => {
  const missing = { [READERS[1]]: (/** @type {any} */ _request, /** @type {any} */ response) => void response.writeHead(404).end() };
  const site = await serveMock({ routes: missing });
  await onPageOf(site, async (page) => {
    const { picker, answered, card } = parts(page);
    await picker.setInputFiles(file('rare one'));
    await answered('rare one.tif', 'error');
    assert.match(await unfolded(card('rare one.tif')), /reader-missing/);
    site.routes[READERS[1]] = (_request, response) => void response.writeHead(200, { 'content-type': 'application/wasm' }).end('x');
    await picker.setInputFiles(file('rare two'));
    await answered('rare two.tif');
    // What was left out for want of them is read too.
    await answered('rare one.tif');
  });
});

test('readers that a lost line has kept back are fetched when it is back, and what was left out is read', async () => {
  const site = await serveMock();
  await onPageOf(site, async (page) => {
    const { picker, answered, element } = parts(page);
    const whole = site.routes[READERS[0]];
    site.routes[READERS[0]] = (_request, response) => void response.destroy();
    await picker.setInputFiles([file('rare one'), file('rare two'), { ...file('refuse'), name: 'refused.tif' }]);
    for (const name of ['rare one.tif', 'rare two.tif', 'refused.tif']) await answered(name, 'error');
    site.routes[READERS[0]] = whole;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    for (const name of ['rare one.tif', 'rare two.tif']) await answered(name);
    assert.equal(await element.locator('.row[data-state=error]').count(), 1, 'what was refused for itself stays so');
  });
});

test('readers that stall are given up: the image is refused with that, not with the time it took', async () => {
  const script = await readFile(new URL('../../www/worker.js', import.meta.url), 'utf8');
  assert.match(script, /PATIENCE = 30_000/);
  const stalled = () => new Promise(() => {});
  const site = await serveMock({
    routes: { [READERS[1]]: stalled, '/worker.js': bytes(script.replace('PATIENCE = 30_000', 'PATIENCE = 300'), 'text/javascript') },
  });
  await onPageOf(site, async (page) => {
    const { picker, answered, card } = parts(page);
    await picker.setInputFiles(file('rare one'));
    await answered('rare one.tif', 'error');
    assert.match(await unfolded(card('rare one.tif')), /reader-missing/);
    await picker.setInputFiles(picture('next.png'));
    await answered('next.png');
  });
});

/** An element of a DICOM file. @param {number} group @param {number} element @param {string} vr @param {Buffer} value */
function element(group, element, vr, value) {
  const even = Buffer.concat([value, Buffer.alloc(value.length % 2)]);
  const head = Buffer.alloc(/O[BW]/.test(vr) ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(element, 2);
  head.write(vr, 4, 'latin1');
  if (head.length === 12) head.writeUInt32LE(0xffffffff, 8);
  else head.writeUInt16LE(even.length, 6);
  return Buffer.concat([head, even]);
}

/** A DICOM file around a stream of JPEG 2000 of 12 bits. @param {Buffer} stream */
function dicom(stream) {
  const number = (/** @type {number} */ value) => Buffer.from(new Uint16Array([value]).buffer);
  const item = (/** @type {number} */ tag, /** @type {Buffer} */ value) => {
    const head = Buffer.from([0xfe, 0xff, tag, 0xe0, 0, 0, 0, 0]);
    head.writeUInt32LE(value.length, 4);
    return Buffer.concat([head, value]);
  };
  const even = Buffer.concat([stream, Buffer.alloc(stream.length % 2)]);
  const size = [stream.readUInt32BE(12) - stream.readUInt32BE(20), stream.readUInt32BE(8) - stream.readUInt32BE(16)];
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element(2, 0x10, 'UI', Buffer.from('1.2.840.10008.1.2.4.90')),
    element(8, 0x60, 'CS', Buffer.from('DX')),
    element(0x28, 2, 'US', number(1)),
    element(0x28, 4, 'CS', Buffer.from('MONOCHROME2 ')),
    element(0x28, 0x10, 'US', number(size[0])),
    element(0x28, 0x11, 'US', number(size[1])),
    element(0x28, 0x100, 'US', number(16)),
    element(0x28, 0x101, 'US', number(12)),
    element(0x28, 0x102, 'US', number(11)),
    element(0x28, 0x103, 'US', number(0)),
    element(0x7fe0, 0x10, 'OB', Buffer.concat([item(0, Buffer.alloc(0)), item(0, even), item(0xdd, Buffer.alloc(0))])),
  ]);
}

test('JPEG 2000 is classified online and offline, in DICOM and by itself', { skip: noPage }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lung-readers-'));
  const stream = await readFile(CODESTREAM);
  const images = [
    { name: 'ordinary.png', bytes: picture('ordinary.png').buffer },
    { name: 'chest.dcm', bytes: dicom(stream) },
    { name: 'chest.j2k', bytes: stream },
  ].map(({ name, bytes }) => ({ name, path: join(folder, name), bytes }));
  for (const { path, bytes } of images) await writeFile(path, bytes);
  const built = await release(DIST);
  const site = await serve(built.folder);
  const browser = await launch('cpu');
  try {
    const { page, complaints, requests } = await openReady(browser, `${site.url}?device=cpu`);
    assert.equal((await settled(page)).state, 'kept');
    const asked = () => requests.filter((address) => address.includes('/runtime/readers/')).length;
    // What keeps the page for use without a network has fetched all of it.
    const before = asked();
    await classifyAll(page, images.slice(0, 1));
    assert.equal(asked(), before, 'an ordinary image needs no readers');
    const online = await classifyAll(page, images);
    assert.match(await unfolded(parts(page).status), /CPU/);
    await site.close();
    await page.reload();
    await ready(page);
    const offline = await classifyAll(page, images);
    for (const { name } of images) {
      const report = online.get(name)?.report;
      assert.ok(report, `${name}: ${JSON.stringify(online.get(name))}`);
      assert.deepEqual(offline.get(name)?.report?.probabilities, report.probabilities, name);
    }
    assert.equal(online.get('chest.dcm')?.report?.source?.format, 'dicom');
    assert.equal(online.get('chest.j2k')?.report?.source?.format, 'jpeg2000');
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await site.close().catch(() => {});
    await built.remove();
    await rm(folder, { recursive: true });
  }
});
