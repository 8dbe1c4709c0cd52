// @ts-check
/**
 * The page while it is being built (`cargo xtask serve`): it works on the CPU, no service worker is registered, and once it is whole it
 * is offered, chooses its device and is kept.
 */

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch, open, parts, ready } from './lib/browser.mjs';
import { mockFolder } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { settled } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { serve } from './lib/server.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** What is served at first, and what in the end. @type {Awaited<ReturnType<typeof mockFolder>>} */
let early;
/** @type {Awaited<ReturnType<typeof release>>} */
let whole;

before(async () => {
  browser = await launch('webgpu');
  early = await mockFolder();
  whole = await release(early.folder);
  // As `crates/xtask/src/dist/site.rs` writes it, whose tests say so.
  const index = join(early.folder, 'index.html');
  const page = (await readFile(index, 'utf8'))
    .replace('<html ', '<html data-unfinished ')
    .replace('data-device-parameter=', 'data-device="cpu" data-device-parameter=')
    .replace('<lung-xray-classifier ', '<lung-xray-classifier device="cpu" ');
  await writeFile(index, page);
  await rm(join(early.folder, 'runtime/webgpu'), { recursive: true });
});
after(async () => {
  await browser?.close();
  await early?.remove();
  await whole?.remove();
});

test('a page that is not whole runs on the CPU and is not kept; whole it is offered, and then it chooses WebGPU and is kept', async () => {
  const site = await serve(early.folder);
  const { page, context, complaints } = await open(browser);
  try {
    await page.goto(site.url);
    await ready(page);
    const { picker, answered, element } = parts(page);
    await picker.setInputFiles([picture('early.png')]);
    await answered('early.png');
    assert.equal((await settled(page)).state, 'not-kept');
    assert.equal(await element.getAttribute('device'), 'cpu');
    assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
    assert.ok(!site.asked.some((path) => /webgpu|service-worker/.test(path)), site.asked.join(' '));
    assert.deepEqual([...complaints], []);

    site.deploy(whole.folder);
    await Promise.all([page.waitForEvent('load'), page.locator('.update button').first().click()]);
    await ready(page);
    assert.equal((await settled(page)).state, 'kept');
    assert.ok(site.asked.includes('/runtime/webgpu/lung_web.js'), site.asked.join(' '));
    assert.deepEqual(
      complaints.filter((complaint) => /uncaught|Content Security/.test(complaint)),
      [],
    );
  } finally {
    await context.close();
    await site.close();
  }
});
