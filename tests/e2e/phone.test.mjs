// @ts-check
/** On a phone: nothing is offered that a phone has not, what was found comes into view, and every file input is in the document. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LANGUAGES } from '../../www/element/words/words.js';
import { cutOff, forEverybody } from './lib/accessible.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { picture } from './lib/pictures.mjs';

const mock = mockPages();

const PHONE = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } };

/** @param {Parameters<typeof mock.onPage>[0]} body @param {import('./lib/mock-page.mjs').PageOptions} [options] */
const onPhone = (body, options = {}) => mock.onPage(body, { ...PHONE, ...options });

/** Where the card begins and what of the window is above it, once nothing moves any more. @param {import('playwright-core').Page} page */
async function cardTop(page) {
  let before = NaN;
  for (;;) {
    const top = await page.evaluate(
      () => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.card')?.getBoundingClientRect().top ?? NaN,
    );
    if (top === before) return top;
    before = top;
    await page.waitForTimeout(150);
  }
}

for (const [lang, { load }] of Object.entries(LANGUAGES))
  test(`${lang}: dropping, pasting and folders are offered where there is a mouse, and nowhere else`, async () => {
    const words = (await load()).default;
    const offers = /** @type {const} */ (['drop.several', 'hint.several', 'choose.folder']);
    const path = `?lang=${lang}`;
    /** @param {import('playwright-core').Locator} zone */
    const whole = async (zone) => (await zone.innerText()).replace(/\s+/g, ' ');
    await onPhone(
      async (_page, { element }) => {
        const zone = element.locator('.dropzone');
        await zone.getByText(String(words['pick.several'])).waitFor();
        for (const key of offers) assert.ok(!(await whole(zone)).includes(String(words[key])), key);
      },
      { path },
    );
    await mock.onPage(
      async (_page, { element }) => {
        const zone = element.locator('.dropzone');
        await zone.getByText(String(words['drop.several'])).waitFor();
        for (const key of offers) assert.ok((await whole(zone)).includes(String(words[key])), key);
      },
      { path },
    );
  });

for (const reducedMotion of /** @type {const} */ (['no-preference', 'reduce']))
  test(`what was found comes into view, ${reducedMotion === 'reduce' ? 'at once' : 'gliding'}, and what explains the page makes room`, () =>
    onPhone(
      async (page, { picker, answered }) => {
        await page.evaluate(() => {
          const seen = /** @type {any} */ (globalThis);
          const scroll = Element.prototype.scrollIntoView;
          Element.prototype.scrollIntoView = function (options) {
            seen.behaviour = /** @type {ScrollIntoViewOptions} */ (options).behavior;
            scroll.call(this, options);
          };
        });
        assert.ok(await page.locator('.lede').isVisible());
        await picker.setInputFiles([picture('chest.png')]);
        await answered('chest.png');
        const top = await cardTop(page);
        assert.ok(top >= -1 && top < 200, `the card begins at ${top} of 844 px`);
        assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).behaviour), reducedMotion === 'reduce' ? 'instant' : 'smooth');
        assert.equal(await page.locator('.lede').isVisible(), false);
      },
      { reducedMotion },
    ));

test('an image that is refused comes into view too', () =>
  onPhone(async (page, { picker, answered }) => {
    await picker.setInputFiles([{ ...picture('bad.png'), buffer: Buffer.from('refuse') }]);
    await answered('bad.png', 'error');
    const top = await cardTop(page);
    assert.ok(top >= -1 && top < 500, `the card begins at ${top} of 844 px`);
  }));

test('who looks elsewhere by then, or has a script classify, is left there', () =>
  onPhone(async (page, { picker, answered, element }) => {
    await page.evaluate(() => document.querySelector('.site-foot')?.scrollIntoView());
    const at = await page.evaluate(() => scrollY);
    await element.evaluate((node) => /** @type {any} */ (node).classify(new File(['plain'], 'by-script.png')));
    await cardTop(page);
    assert.ok((await page.evaluate(() => scrollY)) >= at);
    await page.evaluate(() => scrollTo(0, 0));
    await picker.setInputFiles([picture('chest.png')]);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await answered('chest.png');
    await cardTop(page);
    assert.ok((await page.evaluate(() => scrollY)) > 300, 'the page was not moved');
  }));

/**
 * The facts above the table whose separator would be seen where no fact is beside it: it stands before a fact, and is clipped where
 * that begins a line.
 * @param {import('playwright-core').Locator} element
 */
const loose = (element) =>
  element.locator('.tally').evaluate((tally) => {
    const { overflowX, columnGap, direction } = getComputedStyle(tally);
    const box = tally.getBoundingClientRect();
    return [...tally.children].flatMap((fact, at) => {
      const own = fact.getBoundingClientRect();
      const gap = direction === 'rtl' ? box.right - own.right : own.left - box.left;
      const before = getComputedStyle(fact, '::before');
      const clipped = overflowX === 'clip' && parseFloat(before.insetInlineStart) <= -parseFloat(before.inlineSize);
      const ends = getComputedStyle(fact, '::after').content !== 'none';
      return ends || (at > 0 && (gap < 1 ? !clipped : parseFloat(before.inlineSize) > parseFloat(columnGap))) ? [fact.textContent] : [];
    });
  });

/** The terms of the facts that are broken onto a second line. @param {import('playwright-core').Locator} element @returns {Promise<string[]>} */
const broken = (element) =>
  element.locator('.facts dt').evaluateAll((terms) =>
    terms.flatMap((term) => {
      const text = document.createRange();
      text.selectNodeContents(term);
      return new Set([...text.getClientRects()].map(({ bottom }) => Math.round(bottom))).size > 1 ? [term.textContent ?? ''] : [];
    }),
  );

test('what is folded opens to a finger that is a little beside its words', () =>
  onPhone(async (_page, { picker, element, answered }) => {
    await picker.setInputFiles(picture('chest.png'));
    await answered('chest.png');
    const summaries = element.locator('summary:visible');
    assert.ok((await summaries.count()) >= 4);
    for (const summary of await summaries.all()) {
      const tall = await summary.evaluate((node) => {
        node.scrollIntoView({ block: 'center', behavior: 'instant' });
        const { left, top, bottom } = node.getBoundingClientRect();
        const root = /** @type {ShadowRoot} */ (node.getRootNode());
        const hit = (/** @type {number} */ y) => root.elementFromPoint(left + 20, y) === node;
        let [from, to] = [(top + bottom) / 2, (top + bottom) / 2];
        while (hit(from - 1)) from--;
        while (hit(to + 1)) to++;
        return to - from;
      });
      assert.ok(tall >= 24, `${await summary.innerText()} takes ${tall} px`);
    }
  }));

test('what else an image may show is said to be that where a table has no headings', () =>
  onPhone(async (page, { picker, answered, row }) => {
    await picker.setInputFiles([
      { ...picture('torn.png'), buffer: Buffer.from('torn') },
      { ...picture('sure.png'), buffer: Buffer.from('set 0.93 0.05 Normal') },
    ]);
    await answered('sure.png');
    const note = row('torn.png').locator('.row-note');
    const label = () => note.evaluate((cell) => getComputedStyle(cell, '::before').content);
    assert.match(await label(), /Also possible:/);
    assert.equal(await row('sure.png').locator('.row-note').isVisible(), false);
    await page.setViewportSize({ width: 1200, height: 844 });
    assert.equal(await label(), 'none');
    assert.equal(await row('sure.png').locator('.row-note').innerText(), 'None likely');
  }));

/** How wide phones are that are in use, in CSS pixels. */
const WIDTHS = [320, 390];

for (const lang of Object.keys(LANGUAGES))
  test(`${lang}: what can be done first is within the first screen, samples included`, () =>
    onPhone(
      async (page, { element }) => {
        for (const part of [element.locator('.choose'), element.locator('[part=samples] > summary'), page.locator('.camera-button')]) {
          await part.waitFor();
          const box = await part.boundingBox();
          assert.ok(box && box.y + box.height <= 844, `${await part.innerText()} ends at ${box && box.y + box.height} of 844 px`);
        }
      },
      { path: `?lang=${lang}` },
    ));

forEverybody(() => {
  for (const lang of Object.keys(LANGUAGES))
    for (const width of WIDTHS)
      test(`${lang}, ${width} px: no text is cut off`, () =>
        onPhone(
          async (page, { picker, element, answered, choose, row }) => {
            const check = async (/** @type {string} */ when) => assert.deepEqual(await cutOff(page), [], when);
            await page.locator(`html[lang=${lang}]`).waitFor();
            await check('the start');
            await page.locator('.reading-help summary').click();
            await element.locator('[part=samples] > summary').click();
            await element.locator('[part=sample]').last().waitFor();
            await check('samples');
            await element.locator('[part=sample]').first().click();
            await element.locator('.card[data-state=done]').waitFor();
            await check('a sample');
            await element.locator('.folded summary').last().click();
            await element.locator('.examples summary').click();
            await check('its details');
            assert.deepEqual(await broken(element), [], 'terms');
            await picker.setInputFiles([
              { ...picture(`${'a-name-that-has-no-space-in-it-'.repeat(3)}.dcm`), buffer: Buffer.from('lateral') },
              { ...picture('bad.png'), buffer: Buffer.from('refuse') },
              { ...picture('torn.png'), buffer: Buffer.from('torn') },
              { ...picture('cat.png'), buffer: Buffer.from('unlike') },
            ]);
            await answered('cat.png');
            await row('cat.png').waitFor();
            await check('many');
            assert.deepEqual(await loose(element), [], 'what parts two facts is at neither end of a line');
            for (const name of ['bad.png', 'torn.png', 'cat.png']) {
              await choose(name);
              await check(name);
            }
          },
          { path: `?lang=${lang}`, viewport: { width, height: 844 } },
        ));
});

test('every file input that is clicked is in the document: Safari does nothing with others', () =>
  mock.onPage(async (page, { element }) => {
    for (const button of [
      page.getByRole('button', { name: 'Take a photo' }),
      element.getByRole('button', { name: 'Choose files' }),
      element.getByRole('button', { name: 'Choose a folder' }),
    ]) {
      // The camera is offered to fingers alone.
      await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('.camera')).style.setProperty('display', 'flex'));
      const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.click()]);
      assert.equal(await chooser.element().evaluate((input) => input.isConnected), true);
    }
  }));
