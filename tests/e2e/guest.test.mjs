// @ts-check
/** The element as a guest: docs/guide/embedding.md, row by row, on a page of another site than its files. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { firefox, noFirefox } from './lib/any-browser.mjs';
import { launch, open } from './lib/browser.mjs';
import { dropFiles } from './lib/drop.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { ANY_ORIGIN, bytes, serve } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ name: string, state: string, report?: any }} Result */

const GUIDE = fileURLToPath(new URL('../../docs/guide/embedding.md', import.meta.url));
const PNG = picture('').buffer;
const ELEMENT = '<lung-xray-classifier></lung-xray-classifier>';

/** @type {import('playwright-core').Browser} */
let browser;
/** The element's files. @type {Awaited<ReturnType<typeof serveMock>>} */
let files;
/** Somebody else's site. @type {Awaited<ReturnType<typeof serve>>} */
let host;
/** Files to drop: `one.png`, `two.png`, `three.png`. @type {string} */
let folder;

before(async () => {
  browser = await launch('cpu');
  files = await serveMock({ headers: ANY_ORIGIN, took: 100 });
  folder = await mkdtemp(join(tmpdir(), 'lung-guest-'));
  for (const [seed, name] of ['one', 'two', 'three'].entries()) await writeFile(join(folder, `${name}.png`), picture('', seed).buffer);
  host = await serve(folder);
});
after(async () => {
  await browser?.close();
  await files?.close();
  await host?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A document with the element's script. @param {string} body @param {string} [head] */
const document_ = (body, head = '') =>
  `<!doctype html><html lang="en"><title>clinic</title><link rel="icon" href="data:,">${head}
   <script>globalThis.told = []; for (const type of ['lung-ready', 'lung-result', 'lung-error', 'lung-done']) addEventListener(type, ({ type, detail }) => told.push({ type, ...detail }))</script>
   <script type="module" src="${files.url}element/define.js"></script><body>${body}`;

/** Where something is once it stands still: a page that is still being laid out would move it from under the pointer. @param {import('playwright-core').Locator} part */
async function placeOf(part) {
  await (await part.elementHandle())?.waitForElementState('stable');
  return (await part.boundingBox()) ?? assert.fail('it is not shown');
}

/**
 * Opens a page of somebody else's site and expects that nothing goes wrong on it that is not expected.
 * @param {string} body
 * @param {(page: Page, found: ReturnType<typeof partsOf>) => Promise<unknown>} act
 * @param {{ head?: string, routes?: Record<string, string>, complaint?: RegExp } & import('playwright-core').BrowserContextOptions} [options]
 */
async function onHost(body, act, { head, routes = {}, complaint, ...options } = {}) {
  host.routes['/'] = bytes(document_(body, head), 'text/html; charset=utf-8');
  for (const [path, html] of Object.entries(routes)) host.routes[path] = bytes(html, 'text/html; charset=utf-8');
  const { page, context, complaints } = await open(browser, { permissions: ['clipboard-read', 'clipboard-write'], ...options });
  try {
    await page.goto(host.url.replace('127.0.0.1', 'localhost'));
    await page.waitForFunction(() => customElements.get('lung-xray-classifier'));
    await act(page, partsOf(page));
    assert.deepEqual(
      complaints.filter((text) => !complaint?.test(text)),
      [],
    );
  } finally {
    await context.close();
  }
}

/** @param {Page} page */
function partsOf(page) {
  const element = page.locator('lung-xray-classifier');
  return {
    element,
    zone: element.locator('.dropzone'),
    picker: element.locator('input[type=file]').first(),
    button: (/** @type {string} */ name) => element.getByRole('button', { name, exact: true }),
    aside: element.locator('.aside'),
    /** The results of the element at a place of the page. @returns {Promise<Result[]>} */
    results: (at = 0) => element.nth(at).evaluate((node) => /** @type {any} */ (node).results),
    /** Waits until so many are in a state. @param {string} state @param {number} count */
    reach: (state, count) =>
      page.waitForFunction(
        ([state, count]) =>
          [...document.querySelectorAll('lung-xray-classifier')]
            .flatMap((node) => /** @type {any} */ (node).results)
            .filter((/** @type {any} */ result) => result.state === state).length >= Number(count),
        [state, count],
      ),
    /** How many images each element has. @returns {Promise<number[]>} */
    taken: () => element.evaluateAll((all) => all.map((node) => /** @type {any} */ (node).results.length)),
    /** Events of these types. @returns {Promise<any[]>} */
    told: (/** @type {string} */ type) =>
      page.evaluate((type) => /** @type {any} */ (globalThis).told.filter((/** @type {any} */ event) => event.type === type), type),
  };
}

/** Puts a picture on the clipboard, beside text as Word does where `text` is given. @param {Page} page @param {string} [text] */
async function copy(page, text) {
  await page.evaluate(
    async ([base64, text]) => {
      const data = Uint8Array.from(atob(String(base64)), (c) => c.charCodeAt(0));
      /** @type {Record<string, Blob>} */
      const kinds = { 'image/png': new Blob([data], { type: 'image/png' }) };
      if (text) kinds['text/plain'] = new Blob([text], { type: 'text/plain' });
      if (text) kinds['text/html'] = new Blob([`<b>${text}</b>`], { type: 'text/html' });
      await navigator.clipboard.write([new ClipboardItem(kinds)]);
    },
    [PNG.toString('base64'), text],
  );
}

/** Pastes, and gives what would be taken the time to be. @param {Page} page */
async function paste(page) {
  await page.keyboard.press('Control+V');
  await page.waitForTimeout(200);
}

/** Lets go of something dragged over an element: what a browser says of it. @param {import('playwright-core').Locator} element @param {Record<string, string>} carried @param {string} [allowed] */
const drag = (element, carried, allowed = 'all') =>
  element.evaluate((node, [carried, allowed]) => {
    const transfer = new DataTransfer();
    for (const [type, text] of Object.entries(carried)) transfer.setData(type, text);
    transfer.effectAllowed = /** @type {any} */ (allowed);
    const options = { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer };
    const over = !node.dispatchEvent(new DragEvent('dragover', options));
    return [over, !node.dispatchEvent(new DragEvent('drop', options))];
  }, /** @type {const} */ ([carried, allowed]));

/** What each row claims, by its first cell. @type {Record<string, () => Promise<unknown>>} */
const CLAIMS = {
  'Nothing that edits has the focus': () =>
    onHost(`${ELEMENT}<button id="plain">plain</button><input type="checkbox" id="check"><a href="#x" id="link">link</a>`, async (page, { taken, reach }) => {
      await copy(page);
      await paste(page);
      for (const [count, id] of ['plain', 'check', 'link'].entries()) {
        await page.locator(`#${id}`).focus();
        await paste(page);
        assert.deepEqual(await taken(), [count + 2], id);
      }
      // With text beside it too: nobody else would take it.
      await copy(page, 'from Word');
      await paste(page);
      await reach('done', 5);
    }),

  'The focus is in the element': () =>
    onHost('<lung-xray-classifier multiple></lung-xray-classifier>', async (page, { taken, element, picker, reach }) => {
      await picker.setInputFiles(Array.from({ length: 6 }, (_, k) => picture(`${k}.png`, k)));
      await reach('done', 6);
      await element.evaluate((node) => node.focus());
      await copy(page, 'from Word');
      await paste(page);
      assert.deepEqual(await taken(), [7]);
      const field = element.getByLabel('Name contains');
      await field.focus();
      await paste(page);
      assert.deepEqual(await taken(), [7]);
      assert.equal(await field.inputValue(), 'from Word');
      await copy(page);
      await paste(page);
      assert.deepEqual(await taken(), [8], 'of a picture alone it could make nothing');
    }),

  'A field or an editor of yours has the focus': () =>
    onHost(
      `${ELEMENT}<textarea></textarea><input><input type="search"><div contenteditable class="edit">edit</div><div role="textbox" tabindex="0">role</div>
       <div contenteditable><p tabindex="0" class="within">within</p></div><x-open></x-open><x-closed tabindex="0"></x-closed>`,
      async (page, { taken }) => {
        await page.evaluate(() => {
          for (const mode of /** @type {const} */ (['open', 'closed']))
            customElements.define(
              `x-${mode}`,
              class extends HTMLElement {
                constructor() {
                  super();
                  const area = document.createElement('textarea');
                  this.attachShadow({ mode }).append(area);
                  this.edit = () => area.focus();
                  this.text = () => area.value;
                }
              },
            );
        });
        await copy(page, 'from Word');
        for (const place of ['textarea', 'input:not([type])', '[type=search]', '.edit', '[role=textbox]', '.within']) {
          await page.locator(place).first().focus();
          await paste(page);
          assert.deepEqual(await taken(), [0], place);
        }
        for (const place of ['textarea', 'input:not([type])', '[type=search]'])
          assert.equal(await page.locator(place).first().inputValue(), 'from Word', place);
        assert.match(await page.locator('.edit').innerText(), /from Word/);
        for (const mode of ['open', 'closed']) {
          await page.locator(`x-${mode}`).evaluate((node) => /** @type {any} */ (node).edit());
          await paste(page);
          assert.deepEqual(await taken(), [0], mode);
          assert.equal(await page.locator(`x-${mode}`).evaluate((node) => /** @type {any} */ (node).text()), 'from Word');
        }
        // A picture alone, which a text area makes nothing of, is not ours either.
        await copy(page);
        await page.locator('textarea').first().focus();
        await paste(page);
        await page.evaluate(() => {
          /** @type {any} */ (document.activeElement).blur();
          document.designMode = 'on';
        });
        await paste(page);
        assert.deepEqual(await taken(), [0], 'the whole page is being edited');
      },
    ),

  'A listener of yours calls `preventDefault()`': () =>
    onHost(ELEMENT, async (page, { taken }) => {
      await copy(page);
      for (const [where, capture] of [
        ['document', false],
        ['window', false],
        ['window', true],
        ['body', false],
      ]) {
        await page.evaluate(
          ([where, capture]) => {
            const target = where === 'window' ? window : where === 'document' ? document : document.body;
            target.addEventListener('paste', (event) => event.preventDefault(), { capture: Boolean(capture), once: true });
          },
          [where, capture],
        );
        await paste(page);
        assert.deepEqual(await taken(), [0], `${where} ${capture}`);
      }
      await paste(page);
      assert.deepEqual(await taken(), [1]);
    }),

  'There are several elements': () =>
    onHost(ELEMENT.repeat(3), async (page, { taken, element }) => {
      await copy(page);
      await paste(page);
      assert.deepEqual(await taken(), [1, 0, 0]);
      await element.nth(2).evaluate((node) => node.focus());
      await paste(page);
      assert.deepEqual(await taken(), [1, 0, 1]);
      await page.evaluate(() => /** @type {any} */ (document.activeElement).blur());
      await element.first().evaluate((node) => node.setAttribute('disabled', ''));
      await paste(page);
      assert.deepEqual(await taken(), [1, 1, 1]);
      // Put before the others later, it is the first.
      await element.nth(2).evaluate((node) => document.body.prepend(node));
      await paste(page);
      assert.deepEqual(await taken(), [2, 1, 1]);
    }),

  'It is hidden, inert, closed or covered': () =>
    onHost(`<div id="around">${ELEMENT}</div><dialog id="dialog">asks</dialog><button id="out">out</button>`, async (page, { taken }) => {
      await copy(page);
      await page.evaluate(() => void Object.assign(globalThis, { around: document.querySelector('#around') }));
      let count = 0;
      const tried = async (/** @type {string} */ how, /** @type {() => void} */ hide, /** @type {() => void} */ show) => {
        await page.evaluate(hide);
        await paste(page);
        assert.deepEqual(await taken(), [count], how);
        await page.evaluate(show);
        await paste(page);
        assert.deepEqual(await taken(), [++count], `no longer ${how}`);
      };
      const style = (/** @type {string} */ css) =>
        /** @type {const} */ ([
          new Function(`document.querySelector('#around').style.cssText = ${JSON.stringify(css)}`),
          () => document.querySelector('#around')?.removeAttribute('style'),
        ]);
      for (const css of [
        'display: none',
        'visibility: hidden',
        'opacity: 0',
        'height: 0; overflow: hidden',
        'position: absolute; left: -9999px',
        'content-visibility: hidden',
      ])
        await tried(css, .../** @type {[() => void, () => void]} */ (/** @type {unknown} */ (style(css))));
      await tried(
        'inert',
        () => document.querySelector('#around')?.setAttribute('inert', ''),
        () => document.querySelector('#around')?.removeAttribute('inert'),
      );
      await tried(
        'behind a dialog',
        () => /** @type {any} */ (document.querySelector('dialog')).showModal(),
        () => /** @type {any} */ (document.querySelector('dialog')).close(),
      );
      await tried(
        'covered',
        () => document.body.append(Object.assign(document.createElement('div'), { id: 'cover', style: 'position: fixed; inset: 0; background: white' })),
        () => document.querySelector('#cover')?.remove(),
      );
      await page.evaluate(() => {
        const details = document.createElement('details');
        details.append(document.createElement('summary'));
        document.querySelector('#around')?.replaceWith(details);
        details.append(.../** @type {any} */ (globalThis).around.childNodes);
        details.open = true;
      });
      await tried(
        'in closed details',
        () => document.querySelector('details')?.removeAttribute('open'),
        () => document.querySelector('details')?.setAttribute('open', ''),
      );
      // Scrolled away it is neither.
      await page.evaluate(() => {
        document.body.append(Object.assign(document.createElement('div'), { style: 'height: 5000px' }));
        scrollTo(0, 4000);
      });
      await paste(page);
      assert.deepEqual(await taken(), [count + 1]);
    }),

  'No file is on the clipboard': () =>
    onHost(ELEMENT, async (page, { taken }) => {
      await page.evaluate(() => navigator.clipboard.writeText('only text'));
      await paste(page);
      assert.deepEqual(await taken(), [0]);
    }),

  'A file or a folder is dropped on the element': () =>
    onHost('<lung-xray-classifier multiple></lung-xray-classifier>', async (page, { zone, aside, reach, results }) => {
      const box = await placeOf(zone);
      await dropFiles(page, { x: box.x + 9, y: box.y + 9 }, [join(folder, 'one.png')]);
      await reach('done', 1);
      await dropFiles(page, { x: box.x + 9, y: box.y + 9 }, [folder]);
      await reach('done', 4);
      assert.ok(
        (await results()).every(({ name }, at) => at === 3 || name.includes('/')),
        'with the folder that was dropped',
      );
      const empty = await mkdtemp(join(tmpdir(), 'lung-empty-'));
      await dropFiles(page, { x: box.x + 9, y: box.y + 9 }, [empty]);
      await aside.getByText('There is no image in this folder.').waitFor();
      await rm(empty, { recursive: true });
    }),

  'Several files are dropped, and there is no `multiple`': () =>
    onHost(ELEMENT, async (page, { zone, aside, reach, results, element }) => {
      const box = await placeOf(zone);
      await dropFiles(
        page,
        { x: box.x + 9, y: box.y + 9 },
        ['one', 'two', 'three'].map((name) => join(folder, `${name}.png`)),
      );
      await reach('done', 1);
      assert.equal((await results()).length, 1);
      assert.equal(await aside.innerText(), 'Only the first of 3 images was taken: this place takes one at a time.');
      await element.evaluate((/** @type {any} */ node) => node.add([new File(['plain'], 'a'), new File(['plain'], 'b')]));
      await aside.getByText('Only the first of 2 images').waitFor();
      await element.evaluate((/** @type {any} */ node) => node.add([new File(['plain'], 'a')]));
      await aside.waitFor({ state: 'hidden' });
    }),

  'An image or a link is dragged from another page': () =>
    onHost(ELEMENT, async (_page, { element, aside, taken }) => {
      for (const [carried, allowed] of /** @type {Array<[Record<string, string>, string]>} */ ([
        [{ 'text/uri-list': 'https://example.org/chest.png', 'text/html': '<img src="https://example.org/chest.png">' }, 'copyLink'],
        [{ 'text/uri-list': 'https://example.org/' }, 'link'],
      ])) {
        assert.deepEqual(await drag(element, carried, allowed), [true, true], 'the browser does not open it');
        assert.equal(await aside.innerText(), 'What was dropped is an address, not a file. Save the image first, then choose that file.');
        assert.equal(await element.locator('.dropzone.over').count(), 0);
        await element.evaluate((/** @type {any} */ node) => node.add([]));
        await aside.waitFor({ state: 'hidden' });
      }
      // A page that passes on what misses the element.
      await element.evaluate((/** @type {any} */ node) => {
        const transfer = new DataTransfer();
        transfer.setData('text/uri-list', 'https://example.org/chest.png');
        node.add(transfer);
      });
      await aside.getByText('Save the image first').waitFor();
      // Text is none of its business.
      assert.deepEqual(await drag(element, { 'text/plain': 'words' }), [false, false]);
      assert.deepEqual(await taken(), [0]);
    }),

  'It is disabled, or in a `<fieldset disabled>`': async () => {
    for (const body of ['<lung-xray-classifier disabled id="own"></lung-xray-classifier>', `<fieldset disabled>${ELEMENT}</fieldset>`])
      await onHost(`<label>Picture ${body}</label>`, async (page, { zone, element, taken }) => {
        const box = await placeOf(zone);
        const before = page.url();
        const pages = page.context().pages().length;
        await dropFiles(page, { x: box.x + 9, y: box.y + 9 }, [join(folder, 'one.png')]);
        assert.deepEqual(await drag(element, { 'text/uri-list': 'https://example.org/' }), [true, true]);
        await copy(page);
        await paste(page);
        page.on('filechooser', () => assert.fail('a dialog opened'));
        await page
          .getByText('Picture')
          .first()
          .click({ position: { x: 3, y: 3 } });
        await element.evaluate((/** @type {any} */ node) => node.add([new File(['plain'], 'a')]));
        await page.waitForTimeout(200);
        assert.deepEqual(await taken(), [0]);
        assert.deepEqual([page.url(), page.context().pages().length], [before, pages]);
        assert.equal(await element.evaluate(async (/** @type {any} */ node) => (await node.classify(new Blob(['plain']))).source.width), 8);
        await element.evaluate((node) => {
          node.removeAttribute('disabled');
          node.closest('fieldset')?.removeAttribute('disabled');
        });
        await paste(page);
        assert.deepEqual(await taken(), [2]);
      });
  },

  'The drop is beside the element': () =>
    onHost(`<div id="beside" style="height: 60px">beside</div>${ELEMENT}`, async (page, { taken, reach }) => {
      const seen = await page.evaluate(() => {
        const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: new DataTransfer() });
        return document.querySelector('#beside')?.dispatchEvent(event);
      });
      assert.equal(seen, true, 'nobody prevents anything');
      assert.deepEqual(await taken(), [0]);
      await page.evaluate(() => {
        addEventListener('dragover', (event) => event.preventDefault());
        addEventListener('drop', (event) => {
          event.preventDefault();
          /** @type {any} */ (document.querySelector('lung-xray-classifier')).add(event.dataTransfer);
        });
      });
      await dropFiles(page, { x: 20, y: 20 }, [join(folder, 'two.png')]);
      await reach('done', 1);
    }),

  '`focus()` or Tab': () => {
    const inside = (/** @type {Page} */ page) => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.getAttribute('part'));
    return onHost(`<button id="before">before</button>${ELEMENT}`, async (page, { element }) => {
      await element.evaluate((node) => node.focus());
      assert.equal(await inside(page), 'button');
      await page.locator('#before').focus();
      await page.keyboard.press('Tab');
      assert.equal(await inside(page), 'button');
    });
  },

  'A `<label>` is clicked': () =>
    onHost(
      `<label for="xray">Chest X-ray of today</label><lung-xray-classifier id="xray" theme="light"></lung-xray-classifier><label>Another <span>one</span><lung-xray-classifier></lung-xray-classifier></label>`,
      async (page, { results, reach, element }) => {
        for (const [at, words] of ['Chest X-ray of today', 'Another'].entries()) {
          const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByText(words).click({ position: { x: 3, y: 3 } })]);
          await chooser.setFiles(picture('by-label.png'));
          await reach('done', at + 1);
          assert.deepEqual(
            (await results(at)).map(({ name }) => name),
            ['by-label.png'],
          );
          assert.equal(await element.nth(at).evaluate((node) => node.matches(':focus-within')), true);
        }
        // A click on its edge, or on what it shows, is no click on the label.
        let dialogs = 0;
        page.on('filechooser', () => dialogs++);
        // The page may still be bringing the result into view: this waits until it stands still.
        await element.first().hover();
        const box = (await element.first().boundingBox()) ?? assert.fail();
        await page.mouse.click(box.x + 3, box.y + box.height - 3);
        await element.nth(1).locator('.card-name').click();
        await page.waitForTimeout(200);
        assert.equal(dialogs, 0);
      },
    ),

  'It has a label, `aria-label` or `aria-labelledby`': () =>
    onHost(
      `<label for="xray">Chest X-ray <b>of today</b></label><lung-xray-classifier id="xray"></lung-xray-classifier>
       <lung-xray-classifier aria-label="Second opinion"></lung-xray-classifier>
       <p id="words">Third</p><lung-xray-classifier aria-labelledby="words"></lung-xray-classifier>
       <label>Fourth <lung-xray-classifier><span slot="title">not of the label</span></lung-xray-classifier></label>`,
      async (page, { element }) => {
        for (const [at, name] of ['Chest X-ray of today', 'Second opinion', 'Third', 'Fourth'].entries()) {
          await element
            .nth(at)
            .getByRole('button', { name: `Choose a file: ${name}`, exact: true })
            .waitFor();
        }
        const session = await page.context().newCDPSession(page);
        const { nodes } = await session.send('Accessibility.getFullAXTree');
        const groups = nodes.filter(({ role }) => role?.value === 'group').map(({ name }) => name?.value);
        assert.deepEqual(groups, ['Chest X-ray of today', 'Second opinion', 'Third', 'Fourth']);
        await page
          .locator('label')
          .first()
          .evaluate((label) => (label.textContent = 'Renamed'));
        await element.first().evaluate((node) => node.focus());
        await element.first().getByRole('button', { name: 'Choose a file: Renamed', exact: true }).waitFor();
        await element.first().evaluate((node) => node.setAttribute('lang', 'fr'));
        await element
          .first()
          .getByRole('button', { name: /^Choisir un fichier.*Renamed$/ })
          .waitFor();
      },
    ),

  'Somebody clicks on its text': () =>
    onHost(
      `${ELEMENT}<div style="height: 3000px"></div>`,
      async (page, { element, picker, reach }) => {
        await picker.setInputFiles(picture('chest.png'));
        await reach('done', 1);
        const text = element.locator('.bar-name').first();
        await text.waitFor();
        // Whatever brings the result into view has done so.
        await page.waitForTimeout(1500);
        await text.evaluate((node) => node.scrollIntoView({ block: 'start' }));
        const before = await page.evaluate(() => scrollY);
        assert.ok(before > 100, String(before));
        await text.click();
        await page.waitForTimeout(200);
        assert.equal(await page.evaluate(() => scrollY), before);
        // What is written there can be selected.
        await text.dblclick();
        assert.notEqual(
          await page.evaluate(() => String(/** @type {any} */ (document.querySelector('lung-xray-classifier')).shadowRoot.getSelection?.() ?? getSelection())),
          '',
        );
      },
      { viewport: { width: 700, height: 300 } },
    ),

  'Somebody types in one of its fields': () =>
    onHost('<lung-xray-classifier multiple></lung-xray-classifier>', async (page, { element, picker, reach }) => {
      await picker.setInputFiles(['alpha', 'beta', 'gamma', 'delta', 'epsilon'].map((name, seed) => picture(`${name}.png`, seed)));
      await reach('done', 5);
      await page.evaluate(() => {
        Object.assign(globalThis, { keys: [] });
        for (const type of ['keydown', 'keyup']) addEventListener(type, (event) => /** @type {any} */ (globalThis).keys.push(/** @type {any} */ (event).key));
      });
      await element.getByRole('searchbox').or(element.getByRole('textbox')).first().focus();
      for (const key of ['b', 'e']) await page.keyboard.press(key);
      await element.locator('.row', { hasText: 'alpha' }).waitFor({ state: 'detached' });
      for (const key of ['+', 'Escape', 'Control+k']) await page.keyboard.press(key);
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).keys), ['Escape', 'Escape', 'Control', 'k', 'k', 'Control']);
    }),

  'A row of its table has the focus': () =>
    onHost('<lung-xray-classifier multiple></lung-xray-classifier>', async (page, { element, picker, reach, results }) => {
      await picker.setInputFiles([1, 2, 3].map((seed) => picture(`${seed}.png`, seed)));
      await reach('done', 3);
      const row = element.locator('.row');
      await row.first().focus();
      await page.evaluate(() => {
        Object.assign(globalThis, { left: [] });
        addEventListener('keydown', (event) => event.defaultPrevented || /** @type {any} */ (globalThis).left.push(event.key));
      });
      const at = () => element.evaluate((node) => node.shadowRoot?.activeElement?.querySelector('.row-file')?.textContent);
      for (const [key, expected] of [
        ['ArrowDown', '2.png'],
        ['Control+End', '2.png'],
        ['Alt+ArrowDown', '2.png'],
        ['Shift+Delete', '2.png'],
        ['End', '3.png'],
        ['Delete', '2.png'],
      ]) {
        await page.keyboard.press(key);
        assert.equal(await at(), expected, key);
      }
      assert.deepEqual(
        (await results()).map(({ name }) => name),
        ['1.png', '2.png'],
      );
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).left), ['Control', 'End', 'Alt', 'ArrowDown', 'Shift', 'Delete']);
    }),

  'Your script calls `forget()`': () =>
    onHost(`<input id="theirs">${ELEMENT}`, async (page, { element, picker, reach, button }) => {
      await picker.setInputFiles(picture('chest.png'));
      await reach('done', 1);
      await page.locator('#theirs').focus();
      await element.evaluate((/** @type {any} */ node) => node.forget());
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'theirs');
      await picker.setInputFiles(picture('chest.png'));
      await reach('done', 1);
      await button('Clear').click();
      assert.equal(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.getAttribute('part')), 'button');
    }),

  'It has a `name`': () =>
    onHost('<form><lung-xray-classifier name="report"></lung-xray-classifier></form>', async (page, { element, picker, reach }) => {
      const sent = () => page.evaluate(() => new FormData(/** @type {any} */ (document.querySelector('form'))).getAll('report').length);
      for (const [count, multiple, expected] of /** @type {const} */ ([
        [1, false, 1],
        [2, false, 1],
        [3, true, 2],
        [4, true, 3],
      ])) {
        await element.evaluate((node, multiple) => node.toggleAttribute('multiple', multiple), multiple);
        await picker.setInputFiles(picture(`${count}.png`, count));
        await reach('done', count);
        assert.equal(await sent(), expected);
      }
    }),

  'The form is reset': () =>
    onHost('<form><lung-xray-classifier name="report" multiple></lung-xray-classifier></form>', async (page, { picker, reach }) => {
      const sent = () => page.evaluate(() => new FormData(/** @type {any} */ (document.querySelector('form'))).getAll('report').length);
      await picker.setInputFiles([1, 2, 3, 4].map((k) => picture(`${k}.png`, k)));
      await reach('done', 1);
      await page.evaluate(() => /** @type {any} */ (document.querySelector('form')).reset());
      await reach('done', 4);
      assert.equal(await sent(), 0);
    }),

  'An image is removed, forgotten or replaced': () =>
    onHost('<form><lung-xray-classifier name="report" multiple></lung-xray-classifier></form>', async (page, { picker, reach, element, button }) => {
      const sent = () => page.evaluate(() => new FormData(/** @type {any} */ (document.querySelector('form'))).getAll('report').length);
      await picker.setInputFiles([1, 2, 3].map((k) => picture(`${k}.png`, k)));
      await reach('done', 3);
      await button('Remove').click();
      assert.equal(await sent(), 2);
      await element.evaluate((/** @type {any} */ node) => node.forget('3.png'));
      assert.equal(await sent(), 1);
      await element.evaluate((/** @type {any} */ node) => node.forget());
      assert.equal(await sent(), 0);
      await element.evaluate((node) => node.removeAttribute('multiple'));
      await picker.setInputFiles(picture('first.png', 1));
      await reach('done', 1);
      await picker.setInputFiles(picture('second.png', 2));
      assert.equal(await sent(), 0, 'while the next is read');
      await reach('done', 2);
      assert.equal(await sent(), 1);
    }),

  'It is removed': () =>
    onHost(`<lung-xray-classifier multiple></lung-xray-classifier>${ELEMENT}`, async (page, { reach, button }) => {
      const outcome = await page.evaluate(async () => {
        const [first, second] = /** @type {any[]} */ ([...document.querySelectorAll('lung-xray-classifier')]);
        /** @type {any} */ (globalThis).removed = first;
        await first.start();
        const begun = new Promise((resolve) => first.addEventListener('lung-result', resolve, { once: true }));
        first.add(Array.from({ length: 100 }, (_, k) => new File([`plain ${k}`], `${k}`)));
        await begun;
        const done = new Promise((resolve) => first.addEventListener('lung-done', (/** @type {any} */ { detail }) => resolve(detail), { once: true }));
        first.remove();
        const next = second.classify(new Blob(['plain']));
        const told = await done;
        await next;
        const readBefore = first.results.filter((/** @type {any} */ { state }) => state === 'done').length;
        await second.classify(new Blob(['plain']));
        return { told, readBefore, readAfter: first.results.filter((/** @type {any} */ { state }) => state === 'done').length };
      });
      assert.ok(outcome.told.answered <= 2 && outcome.told.cancelled >= 98, JSON.stringify(outcome));
      assert.equal(outcome.readAfter, outcome.readBefore);
      await page.evaluate(() => document.body.prepend(/** @type {any} */ (globalThis).removed));
      await page.waitForTimeout(200);
      await button('Continue').click();
      await reach('done', 10);
    }),

  'It is moved within the document': () =>
    onHost('<div id="a"><lung-xray-classifier multiple></lung-xray-classifier></div><div id="b"></div>', async (page, { reach, told }) => {
      const counts = await page.evaluate(async () => {
        const node = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
        await node.start();
        node.add(Array.from({ length: 8 }, (_, k) => new File([`plain ${k}`], `${k}`)));
        const ended = new Promise((resolve) => node.addEventListener('lung-done', (/** @type {any} */ { detail }) => resolve(detail), { once: true }));
        for (const id of ['b', 'a', 'b']) {
          await new Promise((resolve) => node.addEventListener('lung-result', resolve, { once: true }));
          document.querySelector(`#${id}`)?.append(node);
        }
        // Taken out and put back by the same script.
        node.remove();
        await null;
        document.querySelector('#a')?.append(node);
        if ('moveBefore' in Element.prototype) /** @type {any} */ (document.querySelector('#b')).moveBefore(node, null);
        return ended;
      });
      assert.deepEqual(counts, { answered: 8, failed: 0, cancelled: 0 });
      await reach('done', 8);
      assert.equal((await told('lung-ready')).length, 1);
      // What it heard before, it still hears once.
      await copy(page);
      await paste(page);
      await reach('done', 9);
    }),

  'It is moved into a frame, a popup or a picture-in-picture window': () =>
    onHost(
      '<button id="press">press</button><lung-xray-classifier multiple></lung-xray-classifier><iframe srcdoc="<!doctype html><title>frame</title>"></iframe>',
      async (page, { picker, reach }) => {
        await picker.setInputFiles([1, 2].map((k) => picture(`${k}.png`, k)));
        await reach('done', 2);
        const looks = async (/** @type {string} */ where) =>
          page.evaluate(
            async ([where, base64]) => {
              const any = /** @type {any} */ (globalThis);
              const node = (any.node ??= document.querySelector('lung-xray-classifier'));
              const view = /** @type {any} */ (
                where === 'frame'
                  ? document.querySelector('iframe')?.contentWindow
                  : where === 'popup'
                    ? window.open('', '', 'width=700,height=700')
                    : where === 'picture in picture'
                      ? await any.documentPictureInPicture.requestWindow({ width: 700, height: 700 })
                      : window
              );
              view.document.body.append(node);
              const root = node.shadowRoot;
              const style = view.getComputedStyle(root.querySelector('.dropzone'));
              // A file of that window, in what a drop of that window carries.
              const data = Uint8Array.from(atob(String(base64)), (c) => c.charCodeAt(0));
              const transfer = new view.DataTransfer();
              transfer.items.add(new view.File([data], `${where}.png`, { type: 'image/png', lastModified: 5 }));
              const answered = new Promise((resolve) =>
                node.addEventListener('lung-result', (/** @type {any} */ { detail }) => resolve(detail.name), { once: true }),
              );
              root
                .querySelector('.dropzone')
                .dispatchEvent(new view.DragEvent('drop', { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
              const name = await answered;
              await new Promise((resolve) => setTimeout(resolve, 200));
              const named = node.classify(new view.File([data], `${where}-by-script.png`));
              await named;
              // The card is drawn with a frame of that window.
              for (let turn = 0; turn < 100 && root.querySelector('.card-name').textContent !== `${where}-by-script.png`; turn++)
                await new Promise((resolve) => setTimeout(resolve, 20));
              return {
                border: style.borderTopStyle,
                width: Math.round(node.getBoundingClientRect().width) > 100,
                name,
                shown: root.querySelector('.card-name').textContent,
                names: node.results.map((/** @type {any} */ result) => result.name),
              };
            },
            [where, PNG.toString('base64')],
          );
        let names = ['1.png', '2.png'];
        for (const where of ['frame', 'popup', 'picture in picture', 'page']) {
          // A browser opens such a window for somebody who has just done something.
          await page.locator('#press').click();
          names = [`${where}-by-script.png`, `${where}.png`, ...names];
          assert.deepEqual(await looks(where), { border: 'dashed', width: true, name: `${where}.png`, shown: `${where}-by-script.png`, names }, where);
        }
        assert.equal(
          (await page.evaluate(() => /** @type {any} */ (globalThis).told)).filter((/** @type {any} */ { type }) => type === 'lung-ready').length,
          1,
        );
      },
    ),

  'It stands in a flexible row, a grid, a table cell, or inline': async () => {
    const body = `<style>body { margin: 0 }</style>
      <div style="display: flex">${ELEMENT}<p>side</p></div>
      <div style="display: grid; grid-template-columns: auto 1fr">${ELEMENT}<p>side</p></div>
      <table><tr><td>${ELEMENT}</td><td>side</td></tr></table>
      <div><lung-xray-classifier style="display: inline"></lung-xray-classifier></div>
      <div><lung-xray-classifier style="display: inline-block"></lung-xray-classifier></div>
      <div style="float: left">${ELEMENT}</div>
      <div style="display: flex; flex-direction: column; align-items: center; clear: both">${ELEMENT}</div>
      <div style="position: absolute">${ELEMENT}</div>`;
    for (const [width, least] of /** @type {const} */ ([
      [1200, 700],
      [320, 200],
    ]))
      await onHost(
        body,
        async (page, { element }) => {
          const widths = await element.evaluateAll((all) => all.map((node) => Math.round(node.getBoundingClientRect().width)));
          for (const [at, wide] of widths.entries()) assert.ok(wide >= least && wide <= width, `${at}: ${widths} of ${width}`);
          assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
        },
        { viewport: { width, height: 800 } },
      );
  },

  'It is narrower than 240 px': () =>
    onHost('<div id="narrow"><lung-xray-classifier multiple></lung-xray-classifier></div>', async (page, { element, picker, reach }) => {
      await picker.setInputFiles([
        { name: 'side.dcm', mimeType: 'application/dicom', buffer: Buffer.from('lateral') },
        picture('b.png'),
        { ...picture('bad.png'), buffer: Buffer.from('refuse') },
        { ...picture('cat.png'), buffer: Buffer.from('unlike') },
        picture('e.png'),
      ]);
      await reach('done', 4);
      await element.locator('.row').nth(4).waitFor();
      await element.locator('.zoom').waitFor();
      for (const row of [0, 1, 2, 3]) {
        await element.locator('.row').nth(row).click();
        await page.waitForTimeout(100);
        for (const width of [239, 200, 180, 150, 120]) {
          const out = await page.evaluate(async (width) => {
            /** @type {HTMLElement} */ (document.querySelector('#narrow')).style.width = `${width}px`;
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            const host = /** @type {HTMLElement} */ (document.querySelector('lung-xray-classifier'));
            const edge = host.getBoundingClientRect();
            return [...(host.shadowRoot?.querySelectorAll('*') ?? [])]
              .filter((node) => !node.closest('.spoken, .sizer, svg, .frame, .row-name'))
              .filter((node) => {
                const { width, left, right } = node.getBoundingClientRect();
                return width > 0 && (right > edge.right + 1 || left < edge.left - 1);
              })
              .map((node) => `${node.localName}.${node.className}`);
          }, width);
          assert.deepEqual(out, [], `row ${row}, ${width} px`);
        }
        await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('#narrow')).removeAttribute('style'));
      }
    }),

  'The frame lacks `allow-downloads`': () =>
    inFrame('allow-scripts allow-same-origin allow-modals', async (page, { element, button }) => {
      await button('Save this one as CSV').click();
      await element.getByText('does not let it save files').waitFor();
      await button('Copy').click();
      await element.getByText('Copied.').waitFor();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /framed\.png/);
      await button('Save this one as JSON').click();
      await button('Copy').click();
      await element.getByText('Copied.').waitFor();
      assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))[0].name, 'framed.png');
    }),

  'The frame is of an opaque origin': () =>
    inFrame(
      'allow-scripts',
      async (page, { element, button }) => {
        await button('Save this one as CSV').click();
        await element.getByText('If no file was saved').waitFor();
        await button('Copy').click();
        await element.getByText('Copied.').waitFor();
        assert.match(await page.evaluate(() => navigator.clipboard.readText()), /framed\.png/);
      },
      /Download is disallowed|clipboard/i,
    ),

  'The frame lacks `allow-modals`': () =>
    inFrame(
      'allow-scripts allow-same-origin allow-downloads',
      async (page, { element, button }) => {
        await button('Print report').click();
        await element.getByText('The page could not print.').waitFor();
        await button('Copy').click();
        await element.getByText('Copied.').waitFor();
        assert.match(await page.evaluate(() => navigator.clipboard.readText()), /framed\.png[^]*Normal[^]*Lung opacity/);
        const download = page.waitForEvent('download');
        await button('Save this one as CSV').click();
        assert.match((await download).suggestedFilename(), /\.csv$/);
        await page.waitForTimeout(200);
        assert.equal(await element.getByText('If no file was saved').count(), 0, 'where saving is allowed nothing is said');
      },
      /Ignored call to 'print\(\)'/,
    ),
};

/**
 * Runs `act` on an element with a result in a sandboxed frame.
 * @param {string} sandbox
 * @param {(page: Page, found: { element: import('playwright-core').Locator, button: (name: string) => import('playwright-core').Locator }) => Promise<unknown>} act
 * @param {RegExp} [complaint] of the browser, which says so in its console
 */
const inFrame = (sandbox, act, complaint) =>
  onHost(
    `<div hidden>${ELEMENT}</div><iframe sandbox="${sandbox}" src="/frame.html" allow="clipboard-write" style="width: 900px; height: 850px"></iframe>`,
    async (page) => {
      const frame = page.frameLocator('iframe');
      const element = frame.locator('lung-xray-classifier');
      await element.locator('input[type=file]').setInputFiles(picture('framed.png'));
      await element.locator('.card[data-state=done]').waitFor();
      await act(page, { element, button: (name) => element.getByRole('button', { name, exact: true }) });
    },
    { routes: { '/frame.html': document_(ELEMENT) }, complaint },
  );

describe('docs/guide/embedding.md', async () => {
  const rows = [...(await readFile(GUIDE, 'utf8')).matchAll(/^\| (?!situation|---)(.+?) \| .+ \|$/gm)].map(([, situation]) => situation);

  test('each row has a test, and each test a row', () => assert.deepEqual(Object.keys(CLAIMS), rows));

  for (const [situation, check] of Object.entries(CLAIMS)) test(situation, async () => void (await check()));
});

test('in a closed shadow root of the page it takes a paste while the focus is in it, and none that is for an editor there', () =>
  onHost('<x-app></x-app>', async (page) => {
    await page.evaluate(() => {
      const any = /** @type {any} */ (globalThis);
      customElements.define(
        'x-app',
        class extends HTMLElement {
          constructor() {
            super();
            const root = this.attachShadow({ mode: 'closed' });
            const element = document.createElement('lung-xray-classifier');
            const area = document.createElement('textarea');
            root.append(area, element);
            Object.assign(any, { area, element });
          }
        },
      );
    });
    await copy(page, 'text beside it');
    const taken = [];
    for (const focused of ['area', 'element']) {
      await page.evaluate((focused) => /** @type {any} */ (globalThis)[focused].focus(), focused);
      await paste(page);
      taken.push(await page.evaluate(() => /** @type {any} */ (globalThis).element.results.length));
    }
    assert.deepEqual(taken, [0, 1]);
    assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).area.value), 'text beside it');
  }));

describe('in Firefox', { skip: noFirefox }, () => {
  /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
  let fox;
  before(async () => (fox = await firefox()));
  after(() => fox?.close());

  /** @param {string} body @param {(page: import('./lib/any-browser.mjs').AnyPage) => Promise<unknown>} act */
  async function onFox(body, act) {
    host.routes['/'] = bytes(document_(body), 'text/html; charset=utf-8');
    const page = await fox.open(host.url.replace('127.0.0.1', 'localhost'));
    try {
      await page.until(() => Boolean(customElements.get('lung-xray-classifier')));
      await act(page);
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.close();
    }
  }

  test('it has a width in a flexible row, a table cell and inline', () =>
    onFox(
      `<div style="display: flex">${ELEMENT}<p>side</p></div><table><tr><td>${ELEMENT}</td></tr></table><lung-xray-classifier style="display: inline-block"></lung-xray-classifier>`,
      async (page) => {
        // A page that is not built fetches the element's styles.
        await page.until(
          () =>
            getComputedStyle(document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.whole') ?? document.body).containerType ===
            'inline-size',
        );
        const widths = await page.evaluate(() =>
          [...document.querySelectorAll('lung-xray-classifier')].map((node) => Math.round(node.getBoundingClientRect().width)),
        );
        for (const width of widths) assert.ok(width >= 700 && width <= 720, String(widths));
      },
    ));

  test('it leaves a paste to an editor, keeps a file from being opened while it is disabled, and has the focus delegated', () =>
    onFox(`<textarea></textarea>${ELEMENT}<lung-xray-classifier disabled></lung-xray-classifier>`, async (page) => {
      const seen = await page.evaluate(async (/** @type {string} */ base64) => {
        const [element, disabled] = /** @type {any[]} */ ([...document.querySelectorAll('lung-xray-classifier')]);
        const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([data], 'pasted.png', { type: 'image/png' }));
        const paste = (/** @type {Element} */ target) => {
          const event = new ClipboardEvent('paste', { bubbles: true, composed: true, cancelable: true });
          Object.defineProperty(event, 'clipboardData', { value: { files: transfer.files, types: ['text/plain', 'Files'] } });
          target.dispatchEvent(event);
          return new Promise((resolve) => setTimeout(resolve, 300));
        };
        const area = /** @type {HTMLTextAreaElement} */ (document.querySelector('textarea'));
        area.focus();
        await paste(area);
        const taken = [element.results.length];
        area.blur();
        await paste(document.body);
        taken.push(element.results.length);
        const options = { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer };
        const prevented = ['dragover', 'drop'].map((type) => !disabled.dispatchEvent(new DragEvent(type, options)));
        element.focus();
        return { taken, prevented, disabled: disabled.results.length, focus: document.activeElement?.shadowRoot?.activeElement?.getAttribute('part') };
      }, PNG.toString('base64'));
      assert.deepEqual(seen, { taken: [0, 1], prevented: [true, true], disabled: 0, focus: 'button' });
    }));

  test('a field set disables it, of three files without `multiple` it takes the first and says so, a label opens its picker, and moved it does not start anew', () =>
    onFox(
      `<label for="xray">Of today</label><lung-xray-classifier id="xray"></lung-xray-classifier><fieldset disabled>${ELEMENT}</fieldset><div id="elsewhere"></div>`,
      async (page) => {
        const seen = await page.evaluate(async (/** @type {string} */ base64) => {
          const [element, disabled] = /** @type {any[]} */ ([...document.querySelectorAll('lung-xray-classifier')]);
          let started = 0;
          element.addEventListener('lung-ready', () => started++);
          await element.start();
          const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          for (const name of ['1.png', '2.png', '3.png']) transfer.items.add(new File([data], name, { type: 'image/png' }));
          const options = { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer };
          const drop = (/** @type {Element} */ target) => ['dragover', 'drop'].map((type) => !target.dispatchEvent(new DragEvent(type, options)));
          const done = new Promise((resolve) => element.addEventListener('lung-done', resolve, { once: true }));
          const prevented = [...drop(disabled), ...drop(element)];
          await done;
          const aside = element.shadowRoot.querySelector('[part=aside]').textContent;
          let opened = 0;
          element.shadowRoot.querySelector('input[type=file]').addEventListener('click', (/** @type {Event} */ event) => {
            opened++;
            event.preventDefault();
          });
          document.querySelector('label')?.click();
          const name = element.shadowRoot.querySelector('[part=button]').getAttribute('aria-label');
          document.querySelector('#elsewhere')?.append(element);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const names = element.results.map((/** @type {any} */ result) => result.name);
          return { names, disabled: disabled.results.length, prevented, aside, opened, name, started };
        }, PNG.toString('base64'));
        const { aside, ...rest } = seen;
        assert.match(aside, /first of 3/);
        assert.deepEqual(rest, { names: ['1.png'], disabled: 0, prevented: [true, true, true, true], opened: 1, name: 'Choose a file: Of today', started: 1 });
      },
    ));

  test('moved into a frame it keeps its styles and the names of files, and removed it stops', () =>
    onFox('<lung-xray-classifier multiple></lung-xray-classifier><iframe srcdoc="<!doctype html><title>frame</title>"></iframe>', async (page) => {
      const seen = await page.evaluate(async (/** @type {string} */ base64) => {
        const node = /** @type {any} */ (document.querySelector('lung-xray-classifier'));
        const view = /** @type {any} */ (document.querySelector('iframe')?.contentWindow);
        const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        await node.start();
        view.document.body.append(node);
        await node.classify(new view.File([data], 'theirs.png'));
        const border = view.getComputedStyle(node.shadowRoot.querySelector('.dropzone')).borderTopStyle;
        const done = new Promise((resolve) => node.addEventListener('lung-done', (/** @type {any} */ { detail }) => resolve(detail), { once: true }));
        node.add(Array.from({ length: 40 }, (_, k) => new File([`plain ${k}`], `${k}`)));
        node.remove();
        const { answered, cancelled } = /** @type {any} */ (await done);
        return { border, name: node.results.at(-1).name, stopped: answered <= 2 && answered + cancelled === 40 };
      }, PNG.toString('base64'));
      assert.deepEqual(seen, { border: 'dashed', name: 'theirs.png', stopped: true });
    }));
});
