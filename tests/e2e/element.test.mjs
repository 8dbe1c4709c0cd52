// @ts-check
/**
 * The element, the page and the worker with a stand-in for the WebAssembly: every way in for a file, what is shown and
 * told, and that it stays readable and reachable for everybody.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { forEverybody, isAccessible } from './lib/accessible.mjs';
import { events, open, ready, recordEvents, unfolded } from './lib/browser.mjs';
import { dropFiles } from './lib/drop.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { bytes } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

const mock = mockPages();
const { onPage } = mock;

test('a chosen file becomes a card with the finding, three meters, device, times and model', () =>
  onPage(async (page, { picker, card }) => {
    await picker.setInputFiles(picture('chest.png'));
    const done = card('chest.png').and(page.locator('[data-state=done]'));
    await done.waitFor();
    const [{ detail }] = (await events(page)).filter(({ type }) => type === 'lung-result');
    assert.equal(detail.name, 'chest.png');
    const meters = await done.getByRole('meter').all();
    assert.equal(meters.length, 3);
    const read = await Promise.all(meters.map(async (meter) => [await meter.getAttribute('aria-label'), Number(await meter.getAttribute('aria-valuenow'))]));
    const { Normal, Lung_Opacity, 'Viral Pneumonia': viral } = detail.report.probabilities;
    const expected = [
      ['Normal', Normal],
      ['Lung opacity', Lung_Opacity],
      ['Viral pneumonia', viral],
    ];
    assert.deepEqual(
      read,
      expected.map(([words, value]) => [words, Number((value * 100).toFixed(1))]),
    );
    assert.equal(await done.locator('.verdict').getAttribute('data-finding'), detail.report.finding);
    const folded = ['CPU (WebAssembly SIMD)', 'decode', 'mobilenet-lung-0123456789ab', '160 × 144 pixels'];
    const open = await done.innerText();
    for (const machine of folded) assert.ok(!open.includes(machine), `${machine} in ${open}`);
    const words = await unfolded(done);
    assert.ok(!words.includes('graphics adapter'), 'that is said of the classifier, once');
    for (const expected of ['CPU (WebAssembly SIMD)', 'decode', 'preprocess', 'inference', 'mobilenet-lung-0123456789ab', '160 × 144 pixels'])
      assert.ok(words.includes(expected), `${expected} in ${words}`);
  }));

test('what is said of an image follows its report, and is not said where something else is said by then', () =>
  onPage(async (page, { element }) => {
    const spoken = element.locator('p.spoken');
    const classify = (/** @type {string} */ name, /** @type {boolean} */ removed) =>
      element.evaluate(async (/** @type {any} */ node, [name, removed]) => {
        await node.classify(new Blob(['unlike']), name);
        const said = node.shadowRoot.querySelector('p.spoken').textContent;
        if (removed) node.forget(name);
        return said;
      }, /** @type {const} */ ([name, removed]));
    assert.doesNotMatch(await classify('a.png', false), /a\.png/);
    await spoken.filter({ hasText: /^a\.png: / }).waitFor({ state: 'attached' });
    await classify('b.png', true);
    await page.waitForTimeout(500);
    assert.match((await spoken.textContent()) ?? '', /b\.png.*removed/i);
  }));

test('what a DICOM file says of itself comes before the probabilities, its cautions first', () =>
  onPage(async (page, { picker, card, answered, choose }) => {
    const file = { name: 'side.dcm', mimeType: 'application/dicom', buffer: Buffer.from('lateral') };
    await picker.setInputFiles([file, picture('plain.png')]);
    const done = card('side.dcm').and(page.locator('[data-state=done]'));
    await done.waitFor();
    const words = (await done.innerText()).replace(/\s+/g, ' ');
    const order = [
      'The file says that it is not a frontal view: LL.',
      'Modality Digital radiography (DX)',
      'Body part Port chest',
      'View Left lateral (LL)',
      'Side Left',
      'Most likely finding',
    ].map((expected) => words.indexOf(expected));
    assert.ok(!order.includes(-1), words);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      words,
    );
    assert.equal(await done.getByRole('note').locator('[data-code=not-frontal]').count(), 1);
    await answered('plain.png');
    const plain = (await choose('plain.png')).and(page.locator('[data-state=done]'));
    await plain.waitFor();
    assert.equal(await plain.locator('.cautions, .dicom').count(), 0);
    const accepted = (await picker.getAttribute('accept')) ?? '';
    for (const kind of ['.dcm', '.dicom', 'application/dicom']) assert.ok(accepted.split(',').includes(kind), kind);
  }));

test('what is folded says what is in it: the code of an error, how an image was read, the classifier; no two alike', () =>
  onPage(async (page, { picker, status, answered, choose }) => {
    await picker.setInputFiles([
      { ...picture('bad.png'), buffer: Buffer.from('refuse') },
      { ...picture('mended.dcm'), buffer: Buffer.from('repaired') },
    ]);
    await answered('bad.png', 'error');
    await answered('mended.dcm');
    const bad = (await choose('bad.png')).and(page.locator('[data-state=error]'));
    await bad.waitFor();
    assert.equal((await bad.innerText()).replace(/\s+/g, ' '), 'bad.png The stand-in refuses this with unknown-format. Choose another file. Error code');
    await bad.getByText('Error code').click();
    assert.match(await bad.innerText(), /Code: unknown-format$/);
    const mended = (await choose('mended.dcm')).and(page.locator('[data-state=done]'));
    await mended.waitFor();
    const caution = 'The file is not as the standard wants it, and was read with repairs.';
    assert.equal(await mended.getByRole('note').innerText(), caution);
    assert.doesNotMatch(await mended.innerText(), /a length was wrong/);
    const names = [...(await status.locator('summary').allInnerTexts()), ...(await mended.locator('summary:visible').allInnerTexts())];
    assert.equal(new Set(names).size, names.length, names.join());
    assert.ok(names.includes('About the classifier') && names.includes('How this image was read'), names.join());
    await mended.getByText('How this image was read').click();
    assert.match(await mended.innerText(), /Repairs\s+The file was read with repairs: a length was wrong\./);
  }));

test('before an image is chosen it is said that frontal views are meant, also where there is nothing but the element', () =>
  onPage(async (page, { element }) => {
    const said = 'Frontal views only: a side view may be taken for one.';
    assert.ok((await element.locator('.drop-hint').innerText()).includes(said));
    await page.evaluate(() => document.body.replaceChildren(document.createElement('lung-xray-classifier')));
    assert.ok((await element.locator('.drop-hint').innerText()).includes(said));
  }));

test('what this software is comes first and once, then on whom it was measured with the figures; device, reason and model are folded', () =>
  onPage(async (page, { status, element }) => {
    const words = (await status.innerText()).replace(/\s+/g, ' ');
    assert.equal(words, 'Ready 96 % of 590 images like those it was trained on were read right; elsewhere it is less. The figures About the classifier');
    assert.equal(
      await status.getByRole('link', { name: 'The figures' }).evaluate((link) => /** @type {HTMLAnchorElement} */ (link).pathname),
      '/docs/model-card.html',
    );
    const all = (await unfolded(status)).replace(/\s+/g, ' ');
    for (const expected of ['CPU (WebAssembly SIMD)', 'This browser has WebGPU but found no graphics adapter for it.', 'mobilenet-lung-0123456789ab'])
      assert.equal(all.split(expected).length, 2, `${expected} in ${all}`);
    assert.equal(await page.getByText('not a medical device').count(), 1);
    assert.equal(await page.getByText('never leaves this machine').count(), 1);
    const tops = await Promise.all(
      [page.locator('h1'), element.locator('p.notice'), page.locator('.lede'), element.locator('.dropzone')].map(
        async (part) => (await part.boundingBox())?.y ?? NaN,
      ),
    );
    assert.deepEqual(
      tops,
      tops.toSorted((a, b) => a - b),
    );
    assert.match((await element.locator('.whole').innerText()).trim(), /^Research software, not a medical device/);
  }));

test('files dragged onto the element are classified, and those that miss it too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lung-drop-'));
  const files = ['one.png', 'two.png'].map((name) => join(folder, name));
  await Promise.all(files.map((file, k) => writeFile(file, picture('', k).buffer)));
  try {
    await onPage(async (page, { element, answered }) => {
      const box = await element.locator('.dropzone').boundingBox();
      assert.ok(box);
      await dropFiles(page, { x: box.x + 20, y: box.y + 20 }, files, async () =>
        assert.match((await element.locator('.dropzone').getAttribute('class')) ?? '', /over/),
      );
      for (const name of ['one.png', 'two.png']) await answered(name);
      assert.doesNotMatch((await element.locator('.dropzone').getAttribute('class')) ?? '', /over/);
      await dropFiles(page, { x: 30, y: 5 }, [files[0]]);
      await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.filter((/** @type {any} */ e) => e.type === 'lung-result').length === 3);
      assert.equal(page.url(), mock.site.url, 'the page was not replaced by the file');
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a pasted image is classified', () =>
  onPage(
    async (page, { element }) => {
      await page.evaluate(async (base64) => {
        const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([data], { type: 'image/png' }) })]);
      }, picture('').buffer.toString('base64'));
      await page.keyboard.press('Control+V');
      await element.locator('.card[data-state=done]').waitFor();
    },
    { permissions: ['clipboard-read', 'clipboard-write'] },
  ));

test('the file picker opens from the keyboard, with Enter and with Space, and the evidence is chosen with arrows', () =>
  onPage(async (page, { element, card }) => {
    // Kept for the whole test: what takes the browser's own dialog away is switched on with the first listener, in its own time.
    page.on('filechooser', () => {});
    // Past the menu of languages.
    await page.locator('.language select').focus();
    await page.keyboard.press('Tab');
    for (const key of ['Enter', 'Space']) {
      const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press(key)]);
      await chooser.setFiles(picture(`${key}.png`));
      await card(`${key}.png`).and(page.locator('[data-state=done]')).waitFor();
    }
    const first = card('Space.png');
    const overlay = () => first.locator('.overlay').evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL());
    const before = await overlay();
    await first.getByRole('radio').and(page.locator(':checked')).focus();
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await overlay(), before, 'another finding paints another map');
    await first.getByRole('slider').focus();
    await page.keyboard.press('End');
    assert.equal(await first.locator('.overlay').evaluate((canvas) => getComputedStyle(canvas).opacity), '1');
    await first.getByRole('switch').focus();
    await page.keyboard.press('Space');
    assert.equal(await first.locator('.overlay').isVisible(), false);
    assert.equal(await element.locator('.overlay').count(), 1, 'one picture at a time');
  }));

test('of many images the oldest keep what was found, without their pictures', () =>
  onPage(async (page, { picker, rows, choose }) => {
    const files = Array.from({ length: 27 }, (_, number) => picture(`${String(number).padStart(2, '0')}.png`, number));
    await picker.setInputFiles(files);
    await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.filter((/** @type {any} */ e) => e.type === 'lung-result').length === 27);
    assert.equal(await rows.count(), 27);
    // All dropped at once: what counts is the order of the answers.
    for (const [name, pictures] of /** @type {const} */ ([
      ['00.png', 0],
      ['02.png', 0],
      ['03.png', 1],
      ['26.png', 1],
    ])) {
      const card = await choose(name);
      assert.equal(await card.locator('.card-name').innerText(), name);
      assert.equal(await card.locator('canvas.radiograph').count(), pictures, name);
      const said = await card.innerText();
      assert.match(said, /Normal\s[^]*Lung opacity\s[^]*Viral pneumonia\s/);
      assert.equal(/no longer kept/.test(said), pictures === 0, said);
    }
  }));

test('of hundreds of images the newest hundred have rows, and more on demand', () =>
  onPage(async (page, { element, rows }) => {
    await element.evaluate((node) => {
      const files = Array.from({ length: 230 }, (_, number) => new File([], `${number}.png`));
      for (const some of [files.slice(0, 5), files.slice(5)]) /** @type {any} */ (node).take(some);
    });
    await element.locator('.row[data-state=error]').nth(99).waitFor();
    const visible = () => rows.count();
    assert.equal(await visible(), 100);
    await rows.first().focus();
    await page.keyboard.press('End');
    assert.equal(await element.locator('.row[aria-selected=true] .row-name').innerText(), '104.png');
    await page.keyboard.press('ArrowDown');
    assert.equal(await element.locator('.row[aria-selected=true] .row-name').innerText(), '104.png');
    await element.getByRole('button', { name: 'Show 100 of 130 more images' }).click();
    assert.equal(await visible(), 200);
    await element.getByRole('button', { name: 'Show 30 of 30 more images' }).click();
    assert.equal(await visible(), 230);
    assert.equal(await element.locator('.more').isVisible(), false);
  }));

test('of several images the rows say what was found, and are chosen with a click or with the keyboard', () =>
  onPage(async (page, { picker, rows, card, answered, element }) => {
    assert.equal(await rows.count(), 0);
    await picker.setInputFiles(picture('alone.png', 9));
    await answered('alone.png');
    assert.equal(await element.locator('.rows').count(), 0, 'one image needs no table');
    await picker.setInputFiles([picture('a.png', 1), { ...picture('b.png'), buffer: Buffer.from('refuse') }, picture('c.png', 3)]);
    await answered('c.png');
    const table = element.getByRole('grid', { name: 'Images' });
    const names = () => table.locator('.row[aria-selected=true] .row-name').allTextContents();
    assert.deepEqual(await names(), ['a.png'], 'the first of those last added');
    assert.match(await rows.nth(0).innerText(), /^a\.png\s+(Normal|Lung opacity|Viral pneumonia)\s+[\d.]+\s%\s+None likely\s+Read$/);
    assert.match(await rows.nth(1).innerText(), /refuses this/);
    await rows.nth(2).click();
    assert.deepEqual(await names(), ['c.png']);
    await card('c.png').and(page.locator('[data-state=done]')).waitFor();
    const overlay = () => element.locator('.overlay').evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL());
    const third = await overlay();
    await page.keyboard.press('ArrowUp');
    await card('b.png').and(page.locator('[data-state=error]')).waitFor();
    await page.keyboard.press('Home');
    await card('a.png').and(page.locator('[data-state=done]')).waitFor();
    assert.notEqual(await overlay(), third, 'the card shows the evidence of the image chosen');
    await page.keyboard.press('End');
    assert.deepEqual(await names(), ['alone.png']);
    await page.keyboard.press('ArrowDown');
    assert.deepEqual(await names(), ['alone.png'], 'there is nothing below the last');
    // The rows are one stop for the tabulator, however many there are. The card is drawn a moment after its row is chosen.
    await card('alone.png').and(page.locator('[data-state=done]')).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await element.locator('.card :focus').count(), 1);
  }));

test('what the model cannot tell apart is said in words, and left out where a bundle has no statistics', () =>
  onPage(async (page, { picker, card, row, answered, choose }) => {
    await picker.setInputFiles([
      { ...picture('torn.png'), buffer: Buffer.from('torn') },
      { ...picture('plain.png'), buffer: Buffer.from('plain') },
      picture('sure.png'),
    ]);
    await answered('sure.png');
    assert.match(await card('torn.png').innerText(), /Unsure: normal or lung opacity\./);
    const said = await unfolded(card('torn.png'));
    assert.match(said, /Likeness\s+0\.81 of 1/);
    assert.match(await row('torn.png').innerText(), /Lung opacity\s+50\.0\s%\s+Normal\s+Read/);
    const plain = await unfolded(await choose('plain.png'));
    assert.doesNotMatch(plain, /Unsure|unlikely|Certainty|Likeness/);
    assert.match(await (await choose('sure.png')).innerText(), /Normal; the others are unlikely\./);
    const told = (await events(page)).filter(({ type }) => type === 'lung-result').map(({ detail }) => detail.report);
    assert.deepEqual(told[0].prediction_set, { coverage: 0.85, findings: ['Lung_Opacity', 'Normal'] });
    assert.deepEqual([told[1].prediction_set, told[1].in_distribution], [null, null]);
    assert.equal(told[2].in_distribution.accepted, true);
  }));

test('what is said agrees with the figures above it, and with the bundle: a set without the most likely finding has it all the same', () =>
  onPage(async (_page, { picker, row, answered, choose }) => {
    const near = [
      'empty 0.591 0.381',
      'list 0.591 0.381 Normal',
      'set 0.591 0.381 Normal',
      'set 0.4 0.35 Normal',
      'set 0.93 0.05 Normal',
      'empty 0.8 0.1',
      'set .93 .05 Normal Lung_Opacity',
    ];
    const files = near.map((words, at) => ({ ...picture(`${at}.png`), buffer: Buffer.from(words) }));
    await picker.setInputFiles(files);
    await answered('6.png');
    const opacity = 'Unsure: normal or lung opacity.';
    const none = 'Normal; the others are unlikely.';
    for (const [at, [said, note]] of [
      [opacity, 'Lung opacity'],
      [opacity, 'Lung opacity'],
      [opacity, 'Lung opacity'],
      ['Unsure: any of the findings it knows.', 'Lung opacity or Viral pneumonia'],
      [none, 'None likely'],
      [none, 'None likely'],
      [opacity, 'Lung opacity'],
    ].entries()) {
      const shown = await choose(`${at}.png`);
      assert.equal(await shown.locator('.set').innerText(), said, near[at]);
      // Doubt is as plain as the finding that it is about.
      const weight = (/** @type {string} */ part) => shown.locator(part).evaluate((text) => getComputedStyle(text).fontWeight >= '600');
      assert.deepEqual([await weight('.verdict strong'), await weight('.set')], [true, said !== none], near[at]);
      assert.equal(await row(`${at}.png`).locator('.row-note').innerText(), note, near[at]);
      // A list, as an earlier release may have kept it, does not say for which share it holds.
      const facts = await unfolded(shown);
      if (near[at].startsWith('list')) assert.doesNotMatch(facts, /Certainty/, near[at]);
      else assert.match(facts, new RegExp(`Certainty\\s+${near[at].startsWith('set') ? '80' : '85'}\\s% of images like those it was trained on`), near[at]);
    }
  }));

test('of an image that is no chest X-ray the warning comes first, no finding is named, and the probabilities are folded away', () =>
  onPage(async (page, { picker, card, element, answered, choose }) => {
    await picker.setInputFiles([
      { ...picture('cat.png'), buffer: Buffer.from('unlike') },
      picture('chest.png'),
      { ...picture('hardly.png'), buffer: Buffer.from('unlike 0.4986') },
    ]);
    await answered('hardly.png');
    const said = await card('cat.png').innerText();
    assert.match(said.replace('cat.png', '').trim(), /^This does not look like a frontal chest X-ray\./);
    assert.doesNotMatch(said, /Most likely finding|Unsure|unlikely/);
    assert.equal(await element.locator('.verdict').count(), 0);
    assert.equal(await element.locator('.overlay').isVisible(), false, 'no evidence is drawn over it');
    assert.match(await element.locator('.row').first().innerText(), /does not look like a frontal chest X-ray/);
    await card('cat.png').locator('.folded summary').click();
    assert.match(await card('cat.png').innerText(), /Likeness\s+0\.03 of 1/);
    assert.doesNotMatch(await card('cat.png').innerText(), /Certainty/, 'none is named');
    const meters = card('cat.png').getByRole('meter');
    assert.equal(await meters.first().isVisible(), false);
    await element.locator('.all-the-same summary').click();
    assert.equal(await meters.count(), 3);
    assert.equal(await meters.first().isVisible(), true);
    // The next image is shown as ever.
    await element.locator('.row').nth(1).click();
    assert.match(await card('chest.png').innerText(), /Most likely finding/);
    assert.equal(await element.locator('.overlay').isVisible(), true);
    // Below a half, and said to be.
    assert.match(await unfolded(await choose('hardly.png')), /Likeness\s+0\.49 of 1/);
    const [{ detail }] = (await events(page)).filter(({ type }) => type === 'lung-result');
    assert.deepEqual(detail.report.in_distribution, { score: 0.0312, accepted: false });
  }));

test('several files are answered one after the other, in their order, whatever they are called', () =>
  onPage(async (page, { picker, rows, element }) => {
    const hostile = '<img src=x onerror="document.title=1"> &amp; ‮gnp.exe';
    const files = [
      picture('a.png', 1),
      { ...picture(hostile), buffer: Buffer.from('refuse') },
      { ...picture('nothing.png'), buffer: Buffer.alloc(0) },
      picture('b.png', 2),
      picture('c.png', 3),
    ];
    await picker.setInputFiles(files);
    await page.waitForFunction(() => /** @type {any} */ (globalThis).lungEvents.filter((/** @type {any} */ e) => /result|error/.test(e.type)).length === 5);
    const told = (await events(page)).filter(({ type }) => /result|error/.test(type));
    // What is refused before its turn is told at once; the rest in order.
    assert.deepEqual(
      told.map(({ detail }) => detail.name).filter((name) => name !== 'nothing.png'),
      ['a.png', hostile, 'b.png', 'c.png'],
    );
    assert.deepEqual(
      told
        .filter(({ type }) => type === 'lung-error')
        .map(({ detail }) => detail.code)
        .sort(),
      ['empty-file', 'unknown-format'],
    );
    assert.deepEqual(
      await rows.locator('.row-name').allTextContents(),
      files.map(({ name }) => name),
    );
    assert.equal(await element.locator('img').count(), 0);
    assert.notEqual(await page.title(), '1');
  }));

test('a file of more than 64 MB is refused without being read', () =>
  onPage(async (page) => {
    const code = await page.evaluate(async () => {
      const blob = new Blob([new Uint8Array(64 * 1024 * 1024), 'x']);
      blob.arrayBuffer = () => Promise.reject(new Error('was read'));
      return /** @type {any} */ (document.querySelector('lung-xray-classifier')).classify(blob, 'huge').catch((/** @type {any} */ error) => error.code);
    });
    assert.equal(code, 'too-many-bytes');
  }));

test('the download is shown with the bytes that arrived and the bytes in all', async () => {
  const slow = await serveMock({ pieces: 12, wait: 300 });
  const { page, context } = await open(mock.browser);
  try {
    await recordEvents(page);
    await page.goto(slow.url);
    const bar = page.getByRole('progressbar');
    await page.waitForFunction(() =>
      /[\d.]+ of 6\.1\sMB/.test(document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.status')?.textContent ?? ''),
    );
    assert.match((await bar.getAttribute('aria-valuetext')) ?? '', /^\d\.\d of 6\.1\sMB$/);
    await ready(page);
    const told = (await events(page)).filter(({ type, detail }) => type === 'lung-progress' && detail.stage === 'download').map(({ detail }) => detail);
    const loaded = told.map((detail) => detail.loaded);
    assert.ok(loaded.length >= 5, `progress events: ${loaded.length}`);
    assert.deepEqual(
      loaded,
      [...loaded].sort((a, b) => a - b),
    );
    assert.ok(loaded.at(-1) > 6_100_000);
    assert.equal(told.at(-1)?.total, loaded.at(-1));
  } finally {
    await context.close();
    await slow.close();
  }
});

for (const width of [360, 1280])
  test(`at ${width} px what stands above the element stays where it is when the scripts of the page arrive late`, () => {
    /** @param {Page} page */
    const tops = (page) => page.locator('h1, .lede, lung-xray-classifier').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
    /** @type {Promise<number[]>} */
    let before;
    /** @param {Page} page */
    const prepare = (page) =>
      page.route('**/app.js', async (route) => {
        before = page
          .locator('.lede')
          .waitFor()
          .then(() => tops(page));
        await before;
        await route.continue();
      });
    return onPage(
      async (page) => {
        await page.locator('.language').waitFor();
        assert.deepEqual(await tops(page), await before);
      },
      { viewport: { width, height: 740 }, prepare },
    );
  });

test('?device=cpu is the attribute of the element', () =>
  onPage(
    async (_page, { element, status }) => {
      assert.equal(await element.getAttribute('device'), 'cpu');
      assert.doesNotMatch(await status.innerText(), /no WebGPU/);
    },
    { path: '?device=cpu' },
  ));

test('on a foreign page, lazily: nothing is fetched before it is needed; classify() answers or rejects; events cross shadow roots', async () => {
  const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; img-src data:";
  mock.site.routes['/clinic/host.html'] = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy });
    response.end('<!doctype html><title>host</title><link rel="icon" href="data:,"><body><script type="module" src="/element/define.js"></script>');
  };
  const { page, context, complaints } = await open(mock.browser);
  try {
    await recordEvents(page);
    await page.goto(`${mock.site.url}clinic/host.html`);
    const asked = mock.site.asked.length;
    await page.evaluate(async () => {
      await customElements.whenDefined('lung-xray-classifier');
      const outer = document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
      outer.append(document.createElement('lung-xray-classifier'));
    });
    await page.waitForTimeout(400);
    assert.deepEqual(
      mock.site.asked.slice(asked).filter((path) => /wasm|models|worker/.test(path)),
      [],
    );
    const outcome = await page.evaluate(async (base64) => {
      const element = /** @type {any} */ (document.querySelector('div')?.shadowRoot?.querySelector('lung-xray-classifier'));
      const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const report = await element.classify(new Blob([data]));
      const refused = await element
        .classify(new Blob(['refuse']))
        .catch((/** @type {any} */ error) => [error instanceof Error, error.code, error.message, error.advice]);
      return { finding: report.finding, refused };
    }, picture('').buffer.toString('base64'));
    assert.ok(['Normal', 'Lung_Opacity', 'Viral Pneumonia'].includes(outcome.finding));
    assert.deepEqual(outcome.refused, [true, 'unknown-format', 'The stand-in refuses this with unknown-format.', 'Choose another file.']);
    assert.deepEqual([...new Set((await events(page)).map(({ type }) => type))], ['lung-progress', 'lung-ready', 'lung-result', 'lung-error']);
    assert.ok(mock.site.asked.includes('/models/index.json'), 'models are found beside the element, not beside the host page');
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
});

test('two elements share one worker, and without `multiple` only the first file is taken', async () => {
  mock.site.routes['/two.html'] = bytes(
    '<!doctype html><link rel="icon" href="data:,"><lung-xray-classifier></lung-xray-classifier><lung-xray-classifier></lung-xray-classifier><script type="module" src="/element/define.js"></script>',
    'text/html',
  );
  const { page, context } = await open(mock.browser);
  try {
    await page.goto(`${mock.site.url}two.html`);
    for (const k of [0, 1]) {
      const element = page.locator('lung-xray-classifier').nth(k);
      // A picker without `multiple` offers one; a drop may bring more.
      await element.evaluate((node, names) => /** @type {any} */ (node).take(names.map((name) => new File(['refuse'], name))), ['first', 'second']);
      await element.locator('.card[data-state=error]').waitFor();
      assert.deepEqual(await element.locator('.card-name').allTextContents(), ['first']);
      assert.equal(await element.evaluate((node) => /** @type {any} */ (node).results.length), 1);
    }
    assert.equal(page.workers().length, 1);
  } finally {
    await context.close();
  }
});

forEverybody(() => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    for (const width of [360, 1200]) {
      test(`${colorScheme}, ${width} px: no horizontal scroll, and axe finds nothing, empty, with a report, with an error and with a warning`, () =>
        onPage(
          async (page, { picker, answered, choose }) => {
            const check = (/** @type {string} */ when) => isAccessible(page, when, width);
            await check('empty');
            await picker.setInputFiles([
              picture(`${'very-long-name'.repeat(12)}.png`),
              { ...picture('bad.png'), buffer: Buffer.from('refuse') },
              { ...picture('tall.png') },
              { ...picture('cat.png'), buffer: Buffer.from('unlike') },
            ]);
            await answered('cat.png');
            await check('results');
            await choose('bad.png');
            await check('error');
            await choose('cat.png');
            await page.locator('summary', { hasText: 'all the same' }).click();
            await check('warning');
            const dark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
            assert.equal(dark, colorScheme === 'dark' ? 'rgb(12, 18, 22)' : 'rgb(246, 248, 249)');
          },
          { colorScheme, viewport: { width, height: 800 } },
        ));
    }
  }

  for (const forcedColors of /** @type {const} */ (['none', 'active']))
    for (const theme of ['light', 'dark'])
      test(`${theme} by attribute, forced colours ${forcedColors}: axe finds nothing, with its slots filled, disabled, and with results`, () =>
        onPage(
          async (page, { element, picker, answered, choose }) => {
            await element.evaluate((node, theme) => {
              node.setAttribute('theme', theme);
              for (const slot of ['title', 'hint', 'notice']) node.append(Object.assign(document.createElement('span'), { slot, textContent: `our ${slot}` }));
            }, theme);
            await isAccessible(page, 'slots', 1280);
            await element.evaluate((node) => node.setAttribute('disabled', ''));
            await isAccessible(page, 'disabled', 1280);
            await element.evaluate((node) => node.removeAttribute('disabled'));
            await picker.setInputFiles([
              picture('chest.png'),
              { ...picture('bad.png'), buffer: Buffer.from('refuse') },
              { ...picture('cat.png'), buffer: Buffer.from('unlike') },
            ]);
            await answered('cat.png');
            for (const name of ['chest.png', 'bad.png', 'cat.png']) {
              await choose(name);
              await isAccessible(page, name, 1280);
            }
            if (process.env.LUNG_SHOTS) await page.screenshot({ path: join(process.env.LUNG_SHOTS, `theme-${theme}-${forcedColors}.png`), fullPage: true });
          },
          // The theme is not that of the page.
          { forcedColors, colorScheme: theme === 'dark' ? 'light' : 'dark', viewport: { width: 1280, height: 800 } },
        ));
});

test('in forced colours what is chosen is told by more than weight', () =>
  onPage(
    async (_page, { picker, answered, element }) => {
      await picker.setInputFiles([picture('a.png', 1), picture('b.png', 2)]);
      await answered('b.png');
      /** How the first that is found of each looks, but for its weight. @param {string} chosen @param {string} other */
      const looks = (chosen, other) =>
        Promise.all(
          [chosen, other].map((selector) =>
            element
              .locator(selector)
              .first()
              .evaluate((node) => {
                const { backgroundColor, color, textDecorationLine, borderTopColor, outlineStyle } = getComputedStyle(node);
                return [backgroundColor, color, textDecorationLine, borderTopColor, outlineStyle].join(' ');
              }),
          ),
        );
      for (const [chosen, other] of [
        ['.option input:checked + span', '.option input:not(:checked) + span'],
        ['.row[aria-selected=true]', '.row[aria-selected=false]'],
        ['.bar[data-found=""] .bar-fill', '.bar:not([data-found]) .bar-fill'],
        ['.bar[data-found=""] .bar-name', '.bar:not([data-found]) .bar-name'],
      ]) {
        const [one, another] = await looks(chosen, other);
        assert.notEqual(one, another, chosen);
      }
      const track = element.locator('.switch-track');
      const on = await track.evaluate((node) => getComputedStyle(node).backgroundColor);
      await element.locator('.switch input').click({ force: true });
      assert.notEqual(await track.evaluate((node) => getComputedStyle(node).backgroundColor), on);
      assert.equal(await element.locator('.frame').evaluate((node) => getComputedStyle(node).backgroundColor), 'rgb(0, 0, 0)');
    },
    { forcedColors: 'active', reducedMotion: 'reduce' },
  ));
