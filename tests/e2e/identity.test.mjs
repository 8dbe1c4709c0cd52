// @ts-check
/**
 * Whose image is this? Files are told apart by their content, rows by their paths and pictures, and what somebody has taken back
 * stays taken back.
 */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { contentOf, mixtureOf } from '../../www/element/intake/content.js';
import { open, parts, ready, recordEvents } from './lib/browser.mjs';
import { dropFiles } from './lib/drop.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture, png } from './lib/pictures.mjs';
import { bytes } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

const mock = mockPages();

/** When all files here were last changed. */
const THEN = new Date('2026-01-02T03:04:05Z');

/**
 * Images of two patients that a stand-in answers differently, and that have the same size: what the first sees is torn, what the
 * second sees is nothing of the kind.
 */
const GARCIA = Buffer.from('torn, of Garcia');
const SMITH = Buffer.from('plain, of Smith');
assert.equal(GARCIA.length, SMITH.length);

/** @param {Record<string, Buffer>} files by path */
async function filesOf(files) {
  const root = await mkdtemp(join(tmpdir(), 'lung-identity-'));
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await utimes(path, THEN, THEN);
  }
  return { at: (/** @type {string} */ name) => join(root, name), remove: () => rm(root, { recursive: true }) };
}

/** @param {Page} page @param {string} [selector] */
function listOf(page, selector = 'lung-xray-classifier') {
  const element = page.locator(selector);
  return {
    ...parts(page),
    element,
    button: (/** @type {string} */ name) => element.getByRole('button', { name, exact: true }),
    names: () => element.locator('.row .row-name').allTextContents(),
    /** @returns {Promise<Array<{ name: string, state: string, report?: any, error?: any }>>} */
    results: () => element.evaluate((node) => /** @type {any} */ (node).results),
    /** Waits until so many are in a state. @param {string} state @param {number} count */
    reach: (state, count) =>
      page.waitForFunction(
        ([state, count, selector]) =>
          /** @type {any} */ (document.querySelector(String(selector))).results.filter((/** @type {any} */ result) => result.state === state).length >=
          Number(count),
        [state, count, selector],
      ),
    /** Chooses a folder in the browser's dialog. @param {string} folder */
    async chooseFolder(folder) {
      const chooser = page.waitForEvent('filechooser');
      await element.getByRole('button', { name: 'Choose a folder' }).click();
      await (await chooser).setFiles(folder);
    },
  };
}

/**
 * @param {Record<string, Buffer>} files
 * @param {(page: Page, found: ReturnType<typeof listOf>, at: (name: string) => string) => Promise<unknown>} body
 * @param {import('./lib/mock-page.mjs').PageOptions} [options]
 */
async function withFiles(files, body, options) {
  const { at, remove } = await filesOf(files);
  try {
    await mock.onPage((page) => body(page, listOf(page), at), options);
  } finally {
    await remove();
  }
}

/** What the probability of the finding says of whose image was read. @param {{ report?: any }} result */
const torn = ({ report }) => report?.probabilities.Lung_Opacity === 0.5;

describe('two exports of one second: same folder, names, sizes and times, another patient', () => {
  const FILES = {
    'a/export/IM0001.png': GARCIA,
    'a/export/IM0002.png': GARCIA,
    'b/export/IM0001.png': SMITH,
    'b/export/IM0002.png': SMITH,
  };

  test('both are read, each row has its own answer, and no two are called the same', () =>
    withFiles(FILES, async (page, { chooseFolder, reach, results, names, card, element }, at) => {
      await chooseFolder(at('a/export'));
      await reach('done', 2);
      await element.locator('.kept:not([hidden])').waitFor();
      await chooseFolder(at('b/export'));
      await reach('done', 4);
      const all = await results();
      assert.deepEqual(all.map(torn), [false, false, true, true]);
      assert.equal(new Set(all.map(({ name }) => name)).size, 4);
      assert.equal(new Set(await names()).size, 4);
      assert.doesNotMatch(await element.locator('.aside').innerText(), /read before/);
      // The card that comes up is of the folder that was chosen last.
      await card(all[0].name).and(page.locator('[data-state=done]')).waitFor();
      assert.doesNotMatch(await element.locator('.card').innerText(), /50\.0\s%/);
      const saved = await element.evaluate(async (/** @type {any} */ node) => ({
        csv: await (await node.exportResults('csv')).text(),
        json: JSON.parse(await (await node.exportResults('json')).text()),
      }));
      assert.equal(new Set(saved.json.map((/** @type {any} */ { name }) => name)).size, 4);
      for (const { name } of all)
        assert.equal(
          saved.csv.split(/\r?\n/).filter((/** @type {string} */ line) => line.includes(`${name},`) || line.includes(`${name}",`)).length,
          1,
          saved.csv,
        );
    }));

  test('after a reload too: what is kept of the first is no answer to the second', () =>
    withFiles(FILES, async (page, { chooseFolder, reach, results, element, card }, at) => {
      await chooseFolder(at('a/export'));
      await reach('done', 2);
      await element.locator('.kept:not([hidden])').waitFor();
      await page.reload();
      await ready(page);
      await reach('done', 2);
      await chooseFolder(at('b/export'));
      await reach('done', 4);
      assert.deepEqual((await results()).map(torn), [false, false, true, true]);
      // The same folder again is known by its content, and nothing of it is read twice.
      await chooseFolder(at('a/export'));
      await element.locator('.aside').getByText('2 images were read before and are not read again.').waitFor();
      assert.equal((await results()).length, 4);
      // It is its card that comes up, not one of the folder whose files are called the same.
      const [, , first] = await results();
      await card(first.name)
        .getByText(/50\.0\s%/)
        .first()
        .waitFor();
    }));

  test('where the browser has no SHA-256, on an insecure origin, it is the same', () =>
    withFiles(
      FILES,
      async (page, { chooseFolder, reach, results, element }, at) => {
        assert.equal(await page.evaluate(() => crypto.subtle === undefined), true);
        for (const folder of ['a/export', 'b/export']) {
          await chooseFolder(at(folder));
          await reach('done', folder.startsWith('a') ? 2 : 4);
          await element.locator('.kept:not([hidden])').waitFor();
        }
        assert.deepEqual((await results()).map(torn), [false, false, true, true]);
        await chooseFolder(at('a/export'));
        await element.locator('.aside').getByText('2 images were read before').waitFor();
      },
      {
        prepare: async (page) => {
          await page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined }));
          await page.route('**/worker.js', async (route) => {
            const response = await route.fetch();
            await route.fulfill({ response, body: `Object.defineProperty(crypto, 'subtle', { value: undefined });${await response.text()}` });
          });
        },
      },
    ));

  test('one that was stopped, reloaded and chosen again is filled by its own file, and only an answer to its bytes is shown', () =>
    withFiles(
      {
        ...Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`a/export/${k}.png`, GARCIA])),
        ...Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`b/export/${k}.png`, SMITH])),
      },
      async (page, { chooseFolder, reach, results, button, element }, at) => {
        await chooseFolder(at('a/export'));
        await reach('done', 2);
        await button('Cancel').click();
        await reach('cancelled', 10);
        await element.locator('.kept:not([hidden])').waitFor();
        await page.reload();
        await ready(page);
        await reach('absent', 10);
        const read = (await results()).filter(({ state }) => state === 'done').length;
        await chooseFolder(at('b/export'));
        // Rows without an answer become the second's; those with one stay the first's.
        await reach('done', 20 + read);
        const all = await results();
        assert.equal(all.length, 20 + read);
        assert.equal(all.filter(torn).length, read);
        await chooseFolder(at('a/export'));
        await reach('done', 40);
        assert.equal((await results()).filter(torn).length, 20);
        assert.equal((await results()).length, 40);
      },
    ));
});

test('a file with the same content under another name is another row: nothing that was chosen is missing from the results', () =>
  withFiles({ 'export/a.png': GARCIA, 'more/b.png': GARCIA }, async (_page, { chooseFolder, reach, names, element }, at) => {
    await chooseFolder(at('export'));
    await reach('done', 1);
    await element.locator('.kept:not([hidden])').waitFor();
    await chooseFolder(at('more'));
    await reach('done', 2);
    assert.deepEqual(await names(), ['more/b.png', 'export/a.png']);
  }));

test('a file that has changed is read again, also where its size and its time are as they were', () =>
  withFiles({ 'export/a.png': GARCIA, 'export/b.png': GARCIA }, async (_page, { chooseFolder, reach, results, element }, at) => {
    await chooseFolder(at('export'));
    await reach('done', 2);
    await element.locator('.kept:not([hidden])').waitFor();
    await writeFile(at('export/a.png'), SMITH);
    await utimes(at('export/a.png'), THEN, THEN);
    await chooseFolder(at('export'));
    await reach('done', 3);
    assert.deepEqual(
      (await results()).map((result) => [result.name, torn(result)]),
      [
        ['export/a.png (2)', false],
        ['export/a.png', true],
        ['export/b.png', true],
      ],
    );
    await element.locator('.aside').getByText('1 image was read before').waitFor();
  }));

test('two folders with the same file names: row, card, CSV and JSON say which is which, chosen or dropped', () =>
  withFiles({ 'Garcia/IM0001.png': GARCIA, 'Smith/IM0001.png': SMITH }, async (page, { chooseFolder, reach, names, results, element, rows, button }, at) => {
    const both = ['Garcia/IM0001.png', 'Smith/IM0001.png'];
    const check = async () => {
      assert.deepEqual((await names()).toSorted(), both);
      assert.deepEqual((await results()).map(({ name }) => name).toSorted(), both);
      for (const [at, name] of (await names()).entries()) {
        await rows.nth(at).click();
        await element.locator('.card-name').getByText(name, { exact: true }).waitFor();
      }
      for (const format of ['csv', 'json']) {
        const text = await element.evaluate(async (/** @type {any} */ node, format) => (await node.exportResults(format)).text(), format);
        for (const name of both) assert.equal(text.split(name).length, 2, text);
      }
      await button('Forget these results').click();
      assert.deepEqual(await results(), []);
    };
    for (const folder of ['Garcia', 'Smith']) {
      await chooseFolder(at(folder));
      await reach('done', folder === 'Garcia' ? 1 : 2);
      await element.locator('.kept:not([hidden])').waitFor();
    }
    await check();
    // The page brings results into view: where the element is changes.
    const drop = async (/** @type {string[]} */ folders) => {
      const zone = element.locator('.dropzone');
      await zone.hover({ position: { x: 20, y: 20 } });
      const box = await zone.boundingBox();
      assert.ok(box);
      await dropFiles(page, { x: box.x + 20, y: box.y + 20 }, folders);
    };
    await drop(both.map((name) => dirname(at(name))));
    await reach('done', 2);
    await element.locator('.kept:not([hidden])').waitFor();
    await check();
    for (const [count, folder] of ['Garcia', 'Smith'].entries()) {
      await drop([at(folder)]);
      await reach('done', count + 1);
      await element.locator('.kept:not([hidden])').waitFor();
    }
    await check();
    // Chosen as files they come without a path: then a number tells them apart.
    await parts(page).picker.setInputFiles(both.map(at));
    await reach('done', 2);
    assert.deepEqual(await names(), ['IM0001.png', 'IM0001.png (2)']);
    assert.deepEqual(
      (await results()).map(({ name }) => name),
      ['IM0001.png', 'IM0001.png (2)'],
    );
  }));

test('files of a host page that it took from a folder keep their paths', () =>
  withFiles({ 'Garcia/IM0001.png': GARCIA, 'Smith/IM0001.png': SMITH }, async (page, { reach, names, element }, at) => {
    await page.evaluate(() => document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'theirs', webkitdirectory: true })));
    for (const [count, folder] of ['Garcia', 'Smith'].entries()) {
      await page.locator('#theirs').setInputFiles(at(folder));
      await element.evaluate((/** @type {any} */ node) => node.add(/** @type {any} */ (document.querySelector('#theirs')).files));
      await reach('done', count + 1);
    }
    assert.deepEqual(await names(), ['Smith/IM0001.png', 'Garcia/IM0001.png']);
  }));

test('of a long path the row shows which folder, and the file', () =>
  withFiles(
    Object.fromEntries(
      ['Garcia', 'Smith'].flatMap((name) => [
        [`in/${name}-${'long-'.repeat(40)}/IM0001.png`, GARCIA],
        [`out/${name}-${'long-'.repeat(40)}/IM0001.png`, GARCIA],
      ]),
    ),
    async (_page, { chooseFolder, reach, element }, at) => {
      for (const [count, folder] of ['in', 'out'].entries()) {
        await chooseFolder(at(folder));
        await reach('done', 2 * (count + 1));
        await element.locator('.kept:not([hidden])').waitFor();
      }
      const shown = await element.locator('.row').evaluateAll((rows) =>
        rows.map((row) => {
          const [name, file] = ['.row-name', '.row-file'].map((part) => row.querySelector(part)?.getBoundingClientRect());
          return [name?.right ?? 0, file?.right ?? 1, file?.width ?? 0];
        }),
      );
      for (const [end, fileEnd, width] of shown) assert.ok(fileEnd <= end + 1 && width > 20, JSON.stringify(shown));
    },
  ));

test('rows have a small picture of their own image: not while it is read anew, never after it was removed', () =>
  mock.onPage(async (page) => {
    const { picker, reach, element, button, rows } = listOf(page);
    await element.evaluate((node) => node.removeAttribute('persist'));
    await picker.setInputFiles(picture('first.png', 1));
    await reach('done', 1);
    await picker.setInputFiles(Array.from({ length: 30 }, (_, k) => picture(`${k}.png`, 3 * k + 2)));
    await reach('done', 31);
    const pictures = () =>
      element
        .locator('.row-picture')
        .evaluateAll((all) => all.map((canvas) => [canvas.hasAttribute('data-empty'), /** @type {HTMLCanvasElement} */ (canvas).toDataURL()].join(' ')));
    await element.locator('.row-picture[data-empty]').first().waitFor({ state: 'detached' });
    const all = await pictures();
    assert.equal(all.length, 31);
    assert.equal(new Set(all).size, 31, 'of 31 images, older than those that keep their large pictures too');
    // They go with their rows when these are sorted.
    await element.locator('.heading[data-sort=name]').click();
    await element.locator('.heading[data-sort=name]').click();
    assert.deepEqual((await pictures()).toSorted(), all.toSorted());
    const [first] = await pictures();
    await rows.first().click();
    await button('Remove').click();
    assert.ok(!(await pictures()).includes(first));
    await button('Clear').click();
    assert.equal(await element.locator('.row-picture').count(), 0);
  }));

test('a small picture is the whole of a wide or tall radiograph, with black beside it', () =>
  mock.onPage(async (page) => {
    const { picker, reach, element } = listOf(page);
    const file = (/** @type {string} */ name, /** @type {number} */ width, /** @type {number} */ height) => ({
      name,
      mimeType: 'image/png',
      // Brighter from left to right.
      buffer: png(width, height, (x) => 60 + (180 * x) / width),
    });
    const files = [
      ['wide', 300, 100],
      ['tall', 100, 300],
      ['tiny', 8, 8],
    ];
    // Those of the first image are made by the page, of the others by the worker.
    await picker.setInputFiles(['first', 'second'].flatMap((turn) => files.map(([name, width, height]) => file(`${turn}-${name}.png`, +width, +height))));
    await reach('done', 6);
    await element.locator('.row-picture[data-empty]').first().waitFor({ state: 'detached' });
    const drawn = await element.locator('.row-picture').evaluateAll((all) =>
      all.map((canvas) => {
        const context = /** @type {HTMLCanvasElement} */ (canvas).getContext('2d');
        const grey = (/** @type {number} */ x, /** @type {number} */ y) => context?.getImageData(x, y, 1, 1).data[0] ?? -1;
        return { top: grey(28, 4), side: grey(4, 28), left: grey(20, 28), right: grey(36, 28) };
      }),
    );
    for (const [at, { top, side, left, right }] of drawn.entries()) {
      const [name] = files[at % 3];
      assert.equal(top === 0, name === 'wide', JSON.stringify(drawn));
      assert.equal(side === 0, name === 'tall', JSON.stringify(drawn));
      assert.ok(left > 60 && right - left > 30, JSON.stringify(drawn));
    }
  }));

describe('what somebody has taken back', () => {
  /** Opens the element in a form, with nothing kept. @param {(page: Page, found: ReturnType<typeof listOf> & { sent: () => Promise<string[]>, told: () => Promise<any[]> }) => Promise<unknown>} body @param {string} [attributes] */
  const inForm = async (body, attributes = 'multiple') => {
    mock.site.routes['/form.html'] = bytes(
      `<!doctype html><title>form</title><link rel="icon" href="data:,"><form><lung-xray-classifier name="report" ${attributes}></lung-xray-classifier></form>
       <script>globalThis.told = []; for (const type of ['lung-result', 'lung-error', 'lung-done']) addEventListener(type, ({ type, detail }) => told.push({ type, ...detail }))</script>
       <script type="module" src="/element/define.js"></script>`,
      'text/html',
    );
    await mock.onPage(
      async (page) => {
        await page.waitForFunction(() => customElements.get('lung-xray-classifier'));
        const sent = () => page.evaluate(() => new FormData(/** @type {HTMLFormElement} */ (document.querySelector('form'))).getAll('report').map(String));
        await body(page, { ...listOf(page), sent, told: () => page.evaluate(() => /** @type {any} */ (globalThis).told) });
      },
      { path: 'form.html', started: false },
    );
  };
  const EIGHT = Array.from({ length: 8 }, (_, k) => picture(`${k}.png`, k));

  test('a form that is reset while eight are read sends none of them, and what comes later', () =>
    inForm(async (page, { picker, reach, sent, element, results }) => {
      await picker.setInputFiles(EIGHT);
      await reach('done', 3);
      assert.ok((await sent()).length >= 3);
      await page.evaluate(() => document.querySelector('form')?.reset());
      assert.deepEqual(await sent(), []);
      await reach('done', 8);
      assert.deepEqual(await sent(), [], 'reports of images from before the reset');
      assert.equal((await results()).length, 8, 'the cards stay');
      await picker.setInputFiles(picture('later.png', 9));
      await reach('done', 9);
      assert.equal((await sent()).length, 1);
      // What was stopped before the reset and goes on after it is still of before.
      await picker.setInputFiles(EIGHT);
      await element.evaluate(async (/** @type {any} */ node) => {
        node.cancel();
        document.querySelector('form')?.reset();
        await null;
        node.resumeQueue();
      });
      await reach('done', 17);
      assert.deepEqual(await sent(), []);
    }));

  test('one that is removed leaves the form, whether it was read, is being read, or waits', () =>
    inForm(async (page, { picker, reach, sent, element, results, told }) => {
      const begun = element.evaluate(async (/** @type {any} */ node) => {
        await new Promise((resolve) => node.addEventListener('lung-result', resolve, { once: true }));
        const states = () => node.results.map((/** @type {any} */ { state }) => state).join();
        while (states() !== 'done,working,waiting,waiting') await new Promise((resolve) => setTimeout(resolve, 1));
        for (const state of ['done', 'working', 'waiting']) node.forget(node.results.find((/** @type {any} */ result) => result.state === state)?.name);
      });
      await picker.setInputFiles(EIGHT.slice(0, 4));
      await begun;
      assert.equal((await results()).length, 1);
      await reach('done', 1);
      await page.waitForFunction(() => /** @type {any} */ (globalThis).told.some((/** @type {any} */ { type }) => type === 'lung-done'));
      assert.equal((await sent()).length, 1);
      assert.deepEqual(
        (await told()).filter(({ type }) => type !== 'lung-done').map(({ name }) => name),
        ['0.png', '3.png'],
        'nobody is told of one that was removed',
      );
      assert.deepEqual((await told()).at(-1), { type: 'lung-done', answered: 2, failed: 0, cancelled: 2 });
    }));

  test('forget() while they are read: no report, no row, no event comes after it, and classify() is told', () =>
    inForm(async (page, { picker, reach, sent, element, results, told }) => {
      await picker.setInputFiles(EIGHT);
      await reach('done', 2);
      const codes = await element.evaluate(async (/** @type {any} */ node) => {
        const asked = [node.classify(new Blob(['plain'])), node.classify(new ImageData(8, 8))];
        node.forget();
        return Promise.all(
          asked.map((promise) =>
            promise.then(
              () => 'answered',
              (/** @type {any} */ error) => error.code,
            ),
          ),
        );
      });
      assert.deepEqual(codes, ['removed', 'removed']);
      const before = (await told()).filter(({ type }) => type !== 'lung-done').length;
      await page.waitForTimeout(500);
      assert.deepEqual(await results(), []);
      assert.deepEqual(await sent(), []);
      assert.equal((await told()).filter(({ type }) => type !== 'lung-done').length, before);
    }));

  test('without `multiple` the form never sends the report of an image that another has replaced', () =>
    inForm(async (page, { element, sent }) => {
      const seen = await element.evaluate(async (/** @type {any} */ node) => {
        const counts = new Set();
        node.addEventListener('lung-result', () => counts.add(new FormData(/** @type {any} */ (document.querySelector('form'))).getAll('report').length));
        const first = node.classify(new Blob(['torn']));
        const second = node.classify(new Blob(['plain']));
        await first;
        const between = new FormData(/** @type {any} */ (document.querySelector('form'))).getAll('report').length;
        await second;
        return between;
      });
      assert.equal(seen, 0);
      assert.equal((await sent()).length, 1);
      assert.notEqual(JSON.parse((await sent())[0]).probabilities.Lung_Opacity, 0.5);
      void page;
    }, ''));

  test('a folder that is still being looked through: cancel() leaves its images to go on with, forget() takes it back', () =>
    withFiles(Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`export/${k}.png`, GARCIA])), async (page, { element, results, reach }, at) => {
      for (const [act, count] of /** @type {const} */ ([
        ['cancel', 300],
        ['forget', 0],
      ])) {
        await element.evaluate((/** @type {any} */ node, act) => {
          const zone = node.shadowRoot.querySelector('.dropzone');
          zone.addEventListener('drop', () => setTimeout(() => node[act]()), { once: true });
        }, act);
        const box = await element.locator('.dropzone').boundingBox();
        assert.ok(box);
        await dropFiles(page, { x: box.x + 20, y: box.y + 20 }, [at('export')]);
        if (count > 0) await reach('cancelled', count);
        else await page.waitForTimeout(1000);
        assert.equal((await results()).length, count);
        await element.evaluate((/** @type {any} */ node) => node.forget());
      }
    }));

  test('what the tab has kept stays forgotten, also where it is forgotten before it has come', () =>
    mock.onPage(async (page) => {
      const { picker, reach, element, results } = listOf(page);
      await picker.setInputFiles([picture('a.png', 1), picture('b.png', 2)]);
      await reach('done', 2);
      await element.locator('.kept:not([hidden])').waitFor();
      await page.addInitScript(() =>
        customElements.whenDefined('lung-xray-classifier').then(() => /** @type {any} */ (document.querySelector('lung-xray-classifier')).forget()),
      );
      await page.reload();
      await ready(page);
      await page.waitForTimeout(300);
      assert.deepEqual(await results(), []);
      assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    }));

  test('a row is removed with its button or with Delete, from what is kept too, and the next is chosen', () =>
    mock.onPage(async (page) => {
      const { picker, reach, element, results, button, rows, names } = listOf(page);
      await picker.setInputFiles(Array.from({ length: 4 }, (_, k) => picture(`${k}.png`, k)));
      await reach('done', 4);
      await element.locator('.kept:not([hidden])').waitFor();
      await rows.nth(1).click();
      await button('Remove').click();
      assert.deepEqual(await names(), ['0.png', '2.png', '3.png']);
      await element.locator('.card-name').getByText('2.png', { exact: true }).waitFor();
      await rows.nth(2).click();
      await page.keyboard.press('Delete');
      assert.deepEqual(await names(), ['0.png', '2.png']);
      assert.equal(
        await element
          .locator('.row:focus')
          .textContent()
          .then((text) => text?.startsWith('2.png')),
        true,
        'the focus stays in the table',
      );
      await page.reload();
      await ready(page);
      await reach('done', 2);
      assert.deepEqual(
        (await results()).map(({ name }) => name),
        ['0.png', '2.png'],
      );
    }));
});

test('what is kept for one patient is not shown on the page of another, whose address differs in what comes after its path', () =>
  mock.onPage(
    async (page) => {
      const { picker, reach, element, results } = listOf(page);
      await picker.setInputFiles([picture('a.png', 1), picture('b.png', 2)]);
      await reach('done', 2);
      await element.locator('.kept:not([hidden])').waitFor();
      for (const [path, count] of /** @type {const} */ ([
        ['?patient=2', 0],
        ['?patient=1#/other', 0],
        ['?patient=1', 2],
      ])) {
        await page.goto('about:blank');
        await page.goto(mock.site.url + path);
        await ready(page);
        await page.waitForTimeout(200);
        assert.equal((await results()).length, count, path);
      }
    },
    { path: '?patient=1' },
  ));

test('one image alone is saved as CSV and as JSON, of several the chosen one, and an element that keeps nothing has a Clear', () =>
  mock.onPage(async (page) => {
    const { picker, reach, element, button, results, rows } = listOf(page);
    await element.evaluate((node) => node.removeAttribute('persist'));
    await picker.setInputFiles(picture('one.png', 1));
    await reach('done', 1);
    const save = async (/** @type {string} */ name) => {
      const download = page.waitForEvent('download');
      await button(name).click();
      const chunks = [];
      for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    };
    assert.match(await save('Save this one as CSV'), /one\.png/);
    assert.deepEqual(
      JSON.parse(await save('Save this one as JSON')).map((/** @type {any} */ { name }) => name),
      ['one.png'],
    );
    await picker.setInputFiles([picture('two.png', 2), { ...picture('bad.png'), buffer: Buffer.from('refuse') }]);
    await reach('error', 1);
    await rows.nth(1).click();
    await element.locator('.card[data-state=error]').waitFor();
    assert.deepEqual(
      JSON.parse(await save('Save this one as JSON')).map((/** @type {any} */ { name }) => name),
      ['bad.png'],
    );
    await button('Clear').click();
    assert.deepEqual(await results(), []);
    assert.equal(await element.locator('.results').isVisible(), false);
    assert.equal(await element.evaluate((node) => node.shadowRoot?.activeElement?.getAttribute('part')), 'button');
  }));

test('forget() of a page leaves the focus where it is', () =>
  mock.onPage(async (page) => {
    const { picker, reach, element } = listOf(page);
    await picker.setInputFiles(picture('one.png', 1));
    await reach('done', 1);
    await page.locator('.language select').focus();
    await element.evaluate((/** @type {any} */ node) => node.forget());
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'SELECT');
  }));

test('a thousand files of one size are compared while the page goes on answering, with a few in memory at a time', { timeout: 120_000 }, async (t) => {
  const quick = await serveMock({ took: 0 });
  const { page, context } = await open(mock.browser);
  try {
    await recordEvents(page);
    await page.goto(quick.url);
    await ready(page);
    const { element } = listOf(page);
    const figures = await element.evaluate(async (/** @type {any} */ node) => {
      const done = () => new Promise((resolve) => node.addEventListener('lung-done', resolve, { once: true }));
      const SIZE = 200_000;
      const files = Array.from({ length: 1000 }, (_, k) => {
        const data = new Uint8Array(SIZE).fill(k);
        data.set(new TextEncoder().encode(`plain ${k}`));
        return new File([data], `${k}.dcm`, { lastModified: 1 });
      });
      const first = done();
      node.add(files.slice(0, 100));
      await first;
      // Until what was found is kept.
      while (!node.shadowRoot.querySelector('.kept:not([hidden])')) await new Promise((resolve) => setTimeout(resolve, 20));
      let [most, held] = [0, 0];
      const { arrayBuffer } = Blob.prototype;
      Blob.prototype.arrayBuffer = async function () {
        most = Math.max(most, ++held);
        const buffer = await arrayBuffer.call(this);
        setTimeout(() => held--);
        return buffer;
      };
      let longest = 0;
      let last = performance.now();
      let over = false;
      const beat = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        if (!over) setTimeout(beat);
      };
      const began = performance.now();
      beat();
      node.add(files);
      while (node.results.length < 1000) await new Promise((resolve) => setTimeout(resolve, 5));
      const compared = performance.now() - began;
      over = true;
      const rows = node.results.length;
      node.forget();
      return { compared, most, longest, rows };
    });
    t.diagnostic(`1,000 files compared within ${figures.compared.toFixed(0)} ms, the longest pause ${figures.longest.toFixed(0)} ms`);
    assert.equal(figures.rows, 1000);
    assert.ok(figures.most <= 8, `${figures.most} at a time`);
  } finally {
    await context.close();
    await quick.close();
  }
});

test('a picture in another window is refused if the file is no longer the one that was read', () =>
  mock.onPage(async (page) => {
    // A browser may notice that by itself: here it is the file that pretends.
    const { element } = listOf(page);
    const outcome = await element.evaluate(async () => {
      const { sharedPool } = await import(/** @type {any} */ ('/element/classifier/pool.js'));
      const client = sharedPool(new URL('/models/', location.href).href, 'auto');
      const first = await client.classify(new Blob(['lateral']));
      await client.classify(new Blob(['plain']));
      const same = await client.windowed({ id: first.id, content: first.content, blob: new Blob(['lateral']) }, 100, 200);
      await client.classify(new Blob(['plain']));
      const other = await client
        .windowed({ id: first.id, content: first.content, blob: new Blob(['lateral down']) }, 100, 200)
        .catch((/** @type {any} */ error) => error.code);
      return [same.width, other];
    });
    assert.deepEqual(outcome, [64, 'file-changed']);
  }));

describe('the hash of a content', () => {
  test('is SHA-256 in hexadecimal', async () => {
    assert.equal(await contentOf(new TextEncoder().encode('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('without SHA-256, each bit of a content and its length change it', () => {
    const hash = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => Buffer.from(mixtureOf(bytes)).toString('hex');
    const seen = new Set();
    const content = new Uint8Array(1027);
    for (let bit = 0; bit < content.length * 8; bit++) {
      content[bit >> 3] ^= 1 << (bit & 7);
      seen.add(hash(content));
      content[bit >> 3] ^= 1 << (bit & 7);
    }
    for (let length = 0; length <= content.length; length++) seen.add(hash(new Uint8Array(length)));
    assert.equal(seen.size, content.length * 8 + content.length + 1);
  });

  test('without SHA-256, two contents that differ anywhere have nothing in common', () => {
    const whole = new Uint8Array(4096).map((_, at) => at * 7);
    const words = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => new Uint32Array(mixtureOf(bytes).buffer);
    const first = words(whole);
    for (let at = 0; at < whole.length; at += 31) {
      const other = words(whole.with(at, whole[at] ^ 1));
      for (let word = 0; word < 4; word++) assert.notEqual(other[word], first[word]);
    }
  });
});
