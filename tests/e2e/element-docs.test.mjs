// @ts-check
/** docs/reference/element.md lists all that the element has, and nothing that it has not; so do its types. */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { documented, nameOf } from '../../www/package/assemble.mjs';
import { events, launch, open, parts, ready, recordEvents } from './lib/browser.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { status } from './lib/server.mjs';

const ELEMENT = fileURLToPath(new URL('../../www/element', import.meta.url));

const tables = await documented();
/** @param {string} heading */
const names = (heading) => tables[heading].map(nameOf).sort();
/** Attributes whose meaning is not for a script to observe: the browser's own, and what is read when it matters. */
const UNOBSERVED = ['disabled', 'loading', 'persist', 'resume', 'theme'];

/** The stand-in's bundle with operating points and a sentence. */
const POINTS = 'mobilenet-lung-points.safetensors';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => (browser = await launch('cpu')));
after(() => browser?.close());

/** A download that is still under way when the element comes, on a busy machine too. */
const SLOWLY = { pieces: 30, wait: 150 };

/** @param {(page: import('playwright-core').Page, found: ReturnType<typeof parts>) => Promise<unknown>} body @param {Parameters<typeof serveMock>[0]} [options] */
async function onPage(body, options = {}) {
  const site = await serveMock(options);
  const { page, context } = await open(browser);
  try {
    await recordEvents(page);
    await page.addInitScript(() => {
      const seen = /** @type {any} */ (globalThis);
      seen.passing = [];
      for (const type of ['lung-done', 'lung-operating-point'])
        document.addEventListener(type, (event) => seen.lungEvents.push({ type, detail: /** @type {CustomEvent} */ (event).detail }));
      document.addEventListener('lung-progress', ({ target }) => {
        for (const node of /** @type {Element} */ (target).shadowRoot?.querySelectorAll('[part]') ?? []) seen.passing.push(node.getAttribute('part'));
      });
    });
    await page.goto(site.url);
    await page.waitForFunction(() => Boolean(customElements.get('lung-xray-classifier')));
    await body(page, parts(page));
  } finally {
    await context.close();
    await site.close();
  }
}

/** The source of the element, all files together. */
async function source() {
  const files = (await readdir(ELEMENT, { recursive: true })).filter((name) => name.endsWith('.js'));
  return (await Promise.all(files.map((name) => readFile(join(ELEMENT, name), 'utf8')))).join('\n');
}

/** @param {import('playwright-core').Page} page @param {string} selector @param {string} attribute @returns {Promise<string[]>} */
const inShadow = (page, selector, attribute) =>
  page.evaluate(
    ([selector, attribute]) =>
      [...(document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelectorAll(selector) ?? [])].map((node) => node.getAttribute(attribute) ?? ''),
    [selector, attribute],
  );

test('every part is in some state of the element, and no other', async () => {
  /** @type {Set<string>} */
  const seen = new Set();
  /** @param {import('playwright-core').Page} page */
  const look = async (page) => {
    for (const part of await inShadow(page, '[part]', 'part')) for (const name of part.split(' ')) seen.add(name);
  };
  await onPage(
    async (page, { picker, answered, choose, element }) => {
      await ready(page);
      // What passes while it starts was noted as it came.
      for (const part of await page.evaluate(() => /** @type {any} */ (globalThis).passing)) seen.add(part);
      await page.locator('[part=samples] > summary').click();
      await page.locator('[part=sample]').first().waitFor();
      await page.locator('.status summary').click();
      await page.locator('[part=diagnostics]').click();
      await page.locator('[part=diagnosis]').waitFor();
      await picker.setInputFiles([
        picture('chest.png'),
        ...['refuse', 'unlike', 'torn', 'lateral'].map((name) => ({ ...picture(name), buffer: Buffer.from(name) })),
      ]);
      await answered('lateral');
      for (const name of ['chest.png', 'refuse', 'unlike', 'torn', 'lateral']) {
        await choose(name);
        // The card is drawn with the next frame.
        await page.waitForTimeout(100);
        await look(page);
      }
      // A bundle that has something to say of a set, at a point that is not its default.
      await element.evaluate((node) => node.setAttribute('operating-point', 'child'));
      await picker.setInputFiles({ ...picture('child.png'), buffer: Buffer.from('set 0.9 0.05 Normal') });
      await answered('child.png');
      await choose('child.png');
      await element.locator('.card [part=sentence]').waitFor();
      await look(page);
    },
    { ...SLOWLY, file: POINTS },
  );
  assert.deepEqual([...seen].sort(), names('Parts'));
});

test('every slot is there, takes words, and no other; the notice stays', () =>
  onPage(async (page, { element }) => {
    assert.deepEqual((await inShadow(page, 'slot', 'name')).sort(), names('Slots'));
    await element.evaluate((node) => {
      for (const slot of ['title', 'hint', 'notice', 'options']) {
        const words = document.createElement('span');
        words.slot = slot;
        words.textContent = `our ${slot}`;
        node.append(words);
      }
    });
    for (const slot of ['title', 'hint', 'notice', 'options']) assert.ok(await page.getByText(`our ${slot}`).isVisible(), slot);
    assert.equal(await element.getByText('Drop a chest X-ray here').isVisible(), false);
    assert.ok(await element.getByText('not a medical device').isVisible());
  }));

test('the custom properties that are listed are those that the styles read', async () => {
  const css = await readFile(join(ELEMENT, 'parts/styles.css'), 'utf8');
  const read = new Set([...css.matchAll(/var\((--lung-[a-z-]+)/g)].map(([, name]) => name));
  assert.deepEqual([...read].sort(), names('Custom properties'));
});

test('attributes: those observed are listed, those listed are observed or have an effect', () =>
  onPage(async (page, { element }) => {
    const observed = await page.evaluate(() => /** @type {any} */ (customElements.get('lung-xray-classifier')).observedAttributes);
    assert.deepEqual([...observed, ...UNOBSERVED].sort(), names('Attributes'));
    const code = await source();
    for (const name of ['loading', 'name', 'persist', 'resume']) assert.match(code, new RegExp(`[gh][ea][ts]Attribute\\('${name}'\\)`));
    // theme
    const scheme = () => element.evaluate((node) => getComputedStyle(node).colorScheme);
    for (const theme of ['dark', 'light']) {
      await element.evaluate((node, theme) => node.setAttribute('theme', theme), theme);
      assert.equal(await scheme(), theme);
    }
    const ground = await element.evaluate((node) => getComputedStyle(node).backgroundColor);
    await element.evaluate((node) => node.setAttribute('theme', 'auto'));
    assert.notEqual(await element.evaluate((node) => getComputedStyle(node).backgroundColor), ground);
    // disabled, by itself and by a field set
    const disabled = () => element.locator('[part=button]').isDisabled();
    assert.equal(await disabled(), false);
    await element.evaluate((node) => node.setAttribute('disabled', ''));
    assert.equal(await disabled(), true);
    await element.evaluate((node) => node.removeAttribute('disabled'));
    assert.equal(await disabled(), false);
    await element.evaluate((node) => {
      const set = Object.assign(document.createElement('fieldset'), { disabled: true });
      node.replaceWith(set);
      set.append(node);
    });
    assert.equal(await disabled(), true);
  }));

test('properties and methods are there, and no other that is public', () =>
  onPage(async (page) => {
    const has = await page.evaluate(() => {
      const element = /** @type {any} */ (customElements.get('lung-xray-classifier'));
      const browsers = /Callback$|^constructor$/;
      const own = (/** @type {object} */ of) => Object.getOwnPropertyNames(of).filter((name) => !browsers.test(name));
      return {
        own: own(element.prototype).sort(),
        statics: own(element).filter((name) => !['length', 'name', 'prototype', 'observedAttributes', 'formAssociated'].includes(name)),
      };
    });
    const listed = [...names('Properties'), ...names('Methods').map((name) => name.replace(/\(.*/, ''))];
    assert.deepEqual(has.own, listed.filter((name) => !name.includes('.')).sort());
    assert.deepEqual(
      has.statics,
      listed.filter((name) => name.includes('.')).map((name) => name.split('.')[1]),
    );
  }));

test('what is listed in the reference is listed in the source, for editors', async () => {
  const script = await readFile(join(ELEMENT, 'lung-xray-classifier.js'), 'utf8');
  for (const [tag, heading] of [
    ['event', 'Events'],
    ['slot', 'Slots'],
    ['csspart', 'Parts'],
    ['cssprop', 'Custom properties'],
  ]) {
    const listed = [...script.matchAll(new RegExp(`^ \\* @${tag} (\\S+)`, 'gm'))].map(([, name]) => name);
    assert.deepEqual(listed, tables[heading].map(nameOf), tag);
  }
});

test('an old name does what the new one does, and the console tells the new one once', () =>
  onPage(async (page, { element, answered }) => {
    /** @type {string[]} */
    const told = [];
    page.on('console', (message) => told.push(message.text()));
    await element.evaluate((node) => {
      node.removeAttribute('persist');
      node.setAttribute('resume', '');
    });
    await ready(page);
    await element.evaluate(async (/** @type {any} */ node) => {
      for (const name of ['a', 'b', 'c']) node.take([new File([`plain ${name}`], name)]);
      node.cancel();
      await new Promise((resolve) => node.addEventListener('lung-done', resolve, { once: true }));
      node.proceed();
    });
    for (const name of ['a', 'b', 'c']) await answered(name);
    await page.waitForFunction(() => sessionStorage.length > 2);
    const renamed = told.filter((text) => text.includes('old name'));
    for (const [before, now] of [
      ['resume', 'persist'],
      ['take()', 'add()'],
      ['proceed()', 'resumeQueue()'],
    ])
      assert.equal(renamed.filter((text) => text.includes(`\`${before}\``) && text.includes(`\`${now}\``)).length, 1, before);
    assert.equal(renamed.length, 3);
  }));

test('every event is fired with the details that are listed, and no other', async () => {
  const fired = new Set([...(await source()).matchAll(/\.fire\('(lung-[a-z-]+)'/g)].map(([, name]) => name));
  assert.deepEqual([...fired].sort(), names('Events'));
  /** @type {Map<string, Set<string>>} */
  const told = new Map();
  const note = (/** @type {Array<{ type: string, detail: any }>} */ list) => {
    for (const { type, detail } of list) told.set(type, new Set([...(told.get(type) ?? []), ...Object.keys(detail)]));
  };
  await onPage(
    async (page, { picker, answered, element }) => {
      await ready(page);
      await picker.setInputFiles([picture('chest.png'), { ...picture('bad'), buffer: Buffer.from('refuse') }]);
      await answered('chest.png');
      await answered('bad', 'error');
      await element.evaluate((node) => node.setAttribute('operating-point', 'child'));
      await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.some((/** @type {any} */ { type }) => type === 'lung-operating-point'));
      note(await events(page));
    },
    { ...SLOWLY, file: POINTS },
  );
  await onPage(
    async (page, { status: said }) => {
      await said.and(page.locator('[data-phase=failed]')).waitFor();
      const [error] = (await events(page)).filter(({ type }) => type === 'lung-error');
      assert.equal('name' in error.detail, false);
    },
    { routes: { '/models/index.json': status(404) } },
  );
  for (const [event, detail] of tables.Events) {
    const listed = detail.replace(/[`{}]/g, '').split(', ');
    const all = listed.map((name) => name.replace('?', ''));
    const seen = [...(told.get(event.replaceAll('`', '')) ?? [])];
    for (const name of listed.filter((name) => !name.endsWith('?'))) assert.ok(seen.includes(name), `${event} without ${name}`);
    assert.deepEqual(
      seen.filter((name) => !all.includes(name)),
      [],
      event,
    );
  }
});

test('classify takes every kind of image that is listed, and opaque pixels exactly as they are', () =>
  onPage(async (page) => {
    const outcome = await page.evaluate(async (base64) => {
      const element = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
      const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const blob = new Blob([data], { type: 'image/png' });
      const bitmap = await createImageBitmap(blob);
      const context = /** @type {any} */ (new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d'));
      context.drawImage(bitmap, 0, 0);
      const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const kinds = [blob, new File([blob], 'f.png'), bitmap, pixels];
      const widths = [];
      for (const kind of kinds) widths.push((await element.classify(kind)).source.width);
      // The same module, and back again.
      const { encode } = await import(/** @type {any} */ ('/element/intake/pixels.js'));
      const back = await createImageBitmap(await encode(pixels));
      context.drawImage(back, 0, 0);
      const same = context.getImageData(0, 0, back.width, back.height).data.every((/** @type {number} */ v, /** @type {number} */ at) => v === pixels.data[at]);
      bitmap.close();
      const closed = await element.classify(bitmap).catch((/** @type {any} */ error) => error.code);
      return { widths, same, closed };
    }, picture('').buffer.toString('base64'));
    assert.deepEqual(outcome, { widths: [160, 160, 160, 160], same: true, closed: 'no-pixels' });
  }));

test('in a form it sends the last report, with `multiple` each, without the name of a file; a reset or a new image takes it back', () =>
  onPage(async (page, { element }) => {
    await element.evaluate((node) => {
      const form = document.createElement('form');
      node.replaceWith(form);
      node.removeAttribute('multiple');
      node.setAttribute('name', 'report');
      form.append(node);
    });
    const sent = () => page.evaluate(() => new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).getAll('report').map(String));
    const classify = (/** @type {string} */ text) =>
      element.evaluate(
        (node, text) =>
          /** @type {any} */ (node).classify(new File([text], 'Jane Doe.png')).then(
            () => true,
            () => false,
          ),
        text,
      );
    assert.deepEqual(await sent(), []);
    await classify('plain 1');
    const [first] = await sent();
    assert.equal(JSON.parse(first).source.width, 8);
    assert.ok(!first.includes('Jane'), first);
    await classify('torn');
    assert.equal(JSON.parse((await sent())[0]).probabilities.Normal, 0.45);
    assert.equal((await sent()).length, 1);
    assert.equal(await classify('refuse'), false);
    assert.deepEqual(await sent(), [], 'a report of another image does not go along');
    await element.evaluate((node) => node.setAttribute('multiple', ''));
    for (const text of ['plain', 'torn']) await classify(text);
    assert.equal((await sent()).length, 2);
    await page.evaluate(() => document.querySelector('form')?.reset());
    assert.deepEqual(await sent(), []);
  }));
