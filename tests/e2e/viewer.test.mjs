// @ts-check
/**
 * Looking at a picture closely: zoom and pan with everything people have, the evidence in words, and the window of a DICOM file.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { evidenceWords, strongest } from '../../www/element/picture/evidence-words.js';
import { sliders } from '../../www/element/picture/window-control.js';
import { ENGLISH } from '../../www/element/words/words.js';
import { dragged, enlarged, within } from '../../www/element/picture/zoom.js';
import { forEverybody, isAccessible } from './lib/accessible.mjs';
import { open, parts, ready } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { DIST, noOddFiles, noPage, oddFiles, payloads } from './lib/project.mjs';
import { openReady } from './lib/real-page.mjs';
import { serve, status } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

const mock = mockPages();

/** @param {Parameters<typeof mock.onPage>[0]} body @param {import('./lib/mock-page.mjs').PageOptions} [options] */
const onPage = (body, options) => mock.onPage(body, { prepare: recordMessages, ...options });

/** Keeps what page and worker say to each other about images; read it with `messages(page)`. @param {Page} page */
function recordMessages(page) {
  return page.addInitScript(() => {
    /** @type {Array<Record<string, unknown>>} */
    const told = [];
    Object.assign(globalThis, { workerMessages: told });
    globalThis.Worker = class extends Worker {
      /** @param {string | URL} url @param {WorkerOptions} [options] */
      constructor(url, options) {
        super(url, options);
        this.addEventListener('message', ({ data }) => 'id' in data && told.push({ type: data.type, id: data.id }));
      }

      /** @override @param {any} message @param {any} [transfer] */
      postMessage(message, transfer) {
        if ('id' in message) told.push({ ...message, blob: null });
        super.postMessage(message, transfer);
      }
    };
  });
}

/** @param {Page} page @returns {Promise<Array<{ type: string, id: number, of?: number, centre?: number, width?: number }>>} */
function messages(page) {
  return page.evaluate(() => /** @type {any} */ (globalThis).workerMessages);
}

/** A DICOM file for the stand-in, whose values grow from left to right, or down. @param {string} name @param {'across' | 'down'} [way] */
function dicom(name, way = 'across') {
  return { name, mimeType: 'application/dicom', buffer: Buffer.from(`lateral ${way} ${name}`) };
}

/** Chooses files and waits until the first is on the card with all that it is looked at with. @param {Page} page @param {ReturnType<typeof picture>[]} files */
async function look(page, files) {
  const { picker, card } = parts(page);
  await picker.setInputFiles(files);
  const done = card(files[0].name).and(page.locator('[data-state=done]'));
  await done.waitFor();
  await done.locator('.zoom').waitFor();
  return done;
}

/** How the picture lies in its frame: how many times enlarged, and where its edges are, in shares of the frame. @param {Page} page */
function laid(page) {
  return page.locator('.plane').evaluate((plane) => {
    const frame = /** @type {HTMLElement} */ (plane.parentElement).getBoundingClientRect();
    for (const animation of plane.getAnimations()) animation.finish();
    const own = plane.getBoundingClientRect();
    return {
      scale: own.width / frame.width,
      left: (own.left - frame.left) / frame.width,
      top: (own.top - frame.top) / frame.height,
      right: (own.right - frame.left) / frame.width,
      bottom: (own.bottom - frame.top) / frame.height,
    };
  });
}

/** @param {number} found @param {number} expected @param {string} [what] */
function near(found, expected, what = '') {
  assert.ok(Math.abs(found - expected) < 0.01, `${what} ${found}, not ${expected}`);
}

/** The frame fills with picture, whatever was done. @param {Awaited<ReturnType<typeof laid>>} lies */
function isFull({ left, top, right, bottom }) {
  assert.ok(left < 0.001 && top < 0.001 && right > 0.999 && bottom > 0.999, JSON.stringify({ left, top, right, bottom }));
}

/** The middle of the frame, or another point of it, in pixels of the window. @param {Page} page @param {number} [u] @param {number} [v] */
async function pointOf(page, u = 0.5, v = 0.5) {
  await page.locator('.frame').scrollIntoViewIfNeeded();
  const box = await page.locator('.frame').boundingBox();
  assert.ok(box);
  return { x: box.x + u * box.width, y: box.y + v * box.height };
}

describe('a view', () => {
  test('never shows anything but picture, from once to eight times', () => {
    assert.deepEqual(within({ scale: 0.3, x: 0.2, y: -4 }), { scale: 1, x: 0, y: 0 });
    assert.deepEqual(within({ scale: 100, x: 2, y: 0.1 }), { scale: 8, x: 0.875, y: 0.1 });
    assert.deepEqual(dragged({ scale: 2, x: 0.25, y: 0.25 }, { x: 0.1, y: -9 }), { scale: 2, x: 0.2, y: 0.5 });
  });

  test('is enlarged around the point that is pointed at', () => {
    const point = { x: 0.8, y: 0.25 };
    const before = { scale: 2, x: 0.1, y: 0.3 };
    const after = enlarged(before, 5, point);
    const seen = (/** @type {typeof before} */ { scale, x, y }) => [x + point.x / scale, y + point.y / scale];
    for (const [k, share] of seen(after).entries()) near(share, seen(before)[k]);
    assert.equal(after.scale, 5);
    assert.deepEqual(enlarged(after, 0.1, point), { scale: 1, x: 0, y: 0 });
  });
});

describe('the evidence in words', () => {
  /** 7 rows of 7. @param {(x: number, y: number) => number} value */
  const map = (value) => Array.from({ length: 7 }, (_, y) => Array.from({ length: 7 }, (_, x) => value(x, y)));

  test('names the ninth of the picture in which the evidence lies, for and against', () => {
    const { inFavour, against } = strongest(map((x, y) => (x < 2 && y > 4 ? 1 : x === 3 && y === 0 ? -3 : 0)));
    assert.deepEqual(inFavour?.regions, ['lower-left']);
    near(inFavour?.share ?? 0, 1);
    assert.deepEqual(against?.regions, ['upper-centre']);
  });

  test('divides the cells on a border, so that no ninth has more cells than another', () => {
    // Of seven columns the third lies to one third in the left of the picture and to two thirds in its centre.
    const { inFavour } = strongest(map((x, y) => (x === 2 && y === 3 ? 1 : 0)));
    assert.deepEqual(inFavour?.regions, ['middle-centre']);
    near(inFavour?.share ?? 0, 2 / 3);
    assert.deepEqual(strongest(map(() => 0.5)), { inFavour: { regions: [], share: 1 }, against: null });
  });

  test('names two regions where they have about the same', () => {
    const { inFavour } = strongest(map((x, y) => (y === 3 ? (x === 0 ? 1 : x === 6 ? 0.9 : 0) : 0)));
    assert.deepEqual(inFavour?.regions, ['middle-left', 'middle-right']);
    near(inFavour?.share ?? 0, 1);
  });

  test('says that nothing stands out where it is flat, and leaves out what is nothing beside the rest', () => {
    assert.deepEqual(strongest(map(() => 0)), { inFavour: null, against: null });
    assert.deepEqual(strongest(map((x) => (x === 1 ? 0.001 : -0.001))), { inFavour: null, against: null });
    assert.equal(strongest(map((x, y) => (x + y === 0 ? 5 : -0.001))).against, null);
  });

  test('are sentences about the finding that is chosen', () => {
    const evidence = { Normal: map(() => 0), Lung_Opacity: map((x, y) => (x > 4 && y > 4 ? 3 : 0)), 'Viral Pneumonia': map(() => 0) };
    const sides = 'The left of the picture is the patient’s right side, if the view is usual.';
    const said = (/** @type {string} */ id) => evidenceWords(ENGLISH, evidence, { id, name: id }).replaceAll('\u00a0', ' ');
    assert.equal(said('Lung_Opacity'), `Evidence for lung opacity is strongest in the lower right of the picture (100 % of that evidence). ${sides}`);
    assert.equal(
      said('Normal'),
      `Hardly anything in the picture speaks for normal. Evidence against normal is strongest in the lower right (100 % of that evidence). ${sides}`,
    );
    const flat = { ...evidence, Lung_Opacity: map(() => 0) };
    assert.equal(evidenceWords(ENGLISH, flat, { id: 'Normal', name: 'Normal' }), 'Nothing in the picture stands out for or against normal.');
  });

  test('stand under the picture, describe it, and follow the choice of the finding', () =>
    onPage(async (page) => {
      const done = await look(page, [picture('chest.png'), { ...picture('cat.png'), buffer: Buffer.from('unlike') }]);
      const words = done.locator('.evidence-words');
      assert.match(await words.innerText(), /^(Evidence for|Hardly anything|Nothing)/);
      const image = done.getByRole('img', { name: 'Radiograph chest.png' });
      assert.equal(await image.getAttribute('aria-describedby'), await words.getAttribute('id'));
      assert.equal(await words.getAttribute('aria-live'), 'polite');
      for (const [label, within] of [
        ['Viral pneumonia', /viral pneumonia/],
        ['Lung opacity', /lung opacity/],
      ]) {
        await done.getByRole('radio', { name: /** @type {string} */ (label) }).check();
        assert.match(await words.innerText(), /** @type {RegExp} */ (within));
      }
      // Of an image that is no chest X-ray no evidence is told either.
      await parts(page).answered('cat.png');
      const cat = await parts(page).choose('cat.png');
      await cat.locator('.zoom').waitFor();
      assert.equal(await cat.locator('.evidence-words').isVisible(), false);
      assert.equal(await cat.locator('.evidence-words').textContent(), '');
    }));
});

describe('the drawings to compare with', () => {
  test('are folded away, one for each finding, with the one that was found set off; not beside an image unlike a chest X-ray', () => {
    /** @param {Page} page */
    const compared = async (page) => {
      const done = await look(page, [picture('chest.png'), { ...picture('cat.png'), buffer: Buffer.from('unlike') }]);
      const examples = done.locator('.examples');
      await page.waitForLoadState('networkidle');
      /** @type {string[]} */
      const asked = [];
      page.on('request', (request) => {
        // What keeps the page for offline use is loaded some seconds after it has begun, whatever is shown by then.
        if (new URL(request.url()).pathname !== '/offline.js') asked.push(request.url());
      });
      assert.equal(await examples.locator('figure').first().isVisible(), false);
      await examples.locator('summary').focus();
      await page.keyboard.press('Enter');
      assert.deepEqual(await examples.locator('figcaption strong').allInnerTexts(), ['Normal', 'Lung opacity', 'Viral pneumonia']);
      assert.match(await examples.locator('p').innerText(), /^Drawings, not X-rays/);
      const found = await done.locator('.verdict').getAttribute('data-finding');
      assert.deepEqual(
        await examples.locator('figure[aria-current=true]').evaluateAll((all) => all.map((one) => /** @type {HTMLElement} */ (one).dataset.finding)),
        [found],
      );
      for (const width of [360, 1280])
        for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          await isAccessible(page, `drawings, ${colorScheme}`, width);
          const widths = await examples.locator('svg').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width));
          assert.ok(Math.min(...widths) > 100, `drawings of ${widths} px in a window of ${width}`);
        }
      assert.deepEqual(asked, [], 'what was drawn needed no request');
      await parts(page).answered('cat.png');
      const cat = await parts(page).choose('cat.png');
      await cat.locator('.zoom').waitFor();
      assert.equal(await cat.locator('.examples').isVisible(), false);
    };
    // Colours change at once then, not over a moment in which they would be looked at.
    return onPage(compared, { reducedMotion: 'reduce' });
  });
});

describe('the zoom', () => {
  test('that cannot be fetched leaves picture, evidence and report as they are', async () => {
    const bare = await serveMock({ routes: { '/element/picture/zoom.js': status(503) } });
    const { page, context, complaints } = await open(mock.browser);
    try {
      await page.goto(bare.url);
      await ready(page);
      await parts(page).picker.setInputFiles(picture('chest.png'));
      const done = parts(page).card('chest.png').and(page.locator('[data-state=done]'));
      await done.locator('.overlay').waitFor();
      await page.waitForTimeout(300);
      assert.equal(await done.getByRole('meter').count(), 3);
      assert.equal(await done.locator('.zoom').count(), 0);
      assert.deepEqual(
        complaints.filter((complaint) => !/503/.test(complaint)),
        [],
      );
    } finally {
      await context.close();
      await bare.close();
    }
  });

  test('is there for the mouse: a wheel with ctrl around the pointer, a drag, a double click; a plain wheel scrolls the page', () =>
    onPage(async (page) => {
      await look(page, [picture('chest.png')]);
      const at = await pointOf(page, 0.75, 0.25);
      const scrolled = () => page.evaluate(() => scrollY);
      const from = await scrolled();
      await page.mouse.move(at.x, at.y);
      await page.keyboard.down('Control');
      for (let k = 0; k < 3; k++) await page.mouse.wheel(0, -100);
      await page.keyboard.up('Control');
      await page.waitForFunction(() => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.frame.zoomed'));
      const close = await laid(page);
      assert.ok(close.scale > 1.5, String(close.scale));
      assert.equal(await scrolled(), from, 'the page stays where it was');
      assert.equal(await page.evaluate(() => visualViewport?.scale), 1);
      // What was under the pointer still is.
      near((0.75 - close.left) / close.scale, 0.75, 'across');
      near((0.25 - close.top) / close.scale, 0.25, 'down');

      await page.mouse.down();
      await page.mouse.move(at.x - 40, at.y + 30, { steps: 4 });
      await page.mouse.up();
      const frame = await page.locator('.frame').boundingBox();
      assert.ok(frame);
      const moved = await laid(page);
      near(moved.left, close.left - 40 / frame.width, 'left');
      near(moved.top, close.top + 30 / frame.height, 'top');
      // However far it is dragged, it cannot be lost.
      for (const [x, y] of [
        [2000, 2000],
        [-2000, -2000],
      ]) {
        await page.mouse.move(at.x, at.y);
        await page.mouse.down();
        await page.mouse.move(at.x + x, at.y + y, { steps: 3 });
        await page.mouse.up();
        isFull(await laid(page));
      }
      await page.mouse.move(at.x, at.y);
      await page.mouse.wheel(0, 100);
      await page.waitForFunction((from) => scrollY > from, from);
      const after = await laid(page);
      near(after.scale, close.scale, 'the plain wheel does not zoom');

      const middle = await pointOf(page);
      await page.mouse.dblclick(middle.x, middle.y);
      near((await laid(page)).scale, 1, 'a double click shows all of it');
      await page.mouse.dblclick(middle.x, middle.y);
      near((await laid(page)).scale, 2.5, 'and another one enlarges it');
      await page.keyboard.down('Control');
      for (let k = 0; k < 12; k++) await page.mouse.wheel(0, -100);
      await page.keyboard.up('Control');
      await page.waitForTimeout(100);
      near((await laid(page)).scale, 8, 'at most');
    }));

  test('is there for the keyboard, says how far, and lets the arrows scroll the page while there is nothing to move', () =>
    onPage(async (page) => {
      const done = await look(page, [picture('chest.png')]);
      const frame = done.locator('.frame');
      await frame.focus();
      assert.match((await frame.getAttribute('aria-label')) ?? '', /Plus and minus enlarge it/);
      const from = await page.evaluate(() => scrollY);
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction((from) => scrollY > from, from);
      assert.deepEqual(await laid(page).then(({ scale }) => scale), 1);
      await page.keyboard.press('+');
      await page.keyboard.press('=');
      near((await laid(page)).scale, 2.25);
      await done.getByText('Enlarged to 225 %').waitFor({ state: 'attached' });
      assert.equal(await done.getByText('Enlarged to 225 %').getAttribute('role'), 'status');
      const before = await laid(page);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowUp');
      const moved = await laid(page);
      near(moved.left, before.left - 0.1, 'what lies to the right comes into view');
      near(moved.top, before.top + 0.1, 'what lies above comes into view');
      for (let k = 0; k < 30; k++) await page.keyboard.press('ArrowRight');
      isFull(await laid(page));
      near((await laid(page)).right, 1);
      await page.keyboard.press('-');
      near((await laid(page)).scale, 1.5);
      await page.keyboard.press('0');
      near((await laid(page)).scale, 1);
      // The browser's own zoom is left to it.
      const taken = await frame.evaluate((node) =>
        ['+', '-', '0'].map((key) => {
          const event = new KeyboardEvent('keydown', { key, ctrlKey: true, cancelable: true });
          node.dispatchEvent(event);
          return event.defaultPrevented;
        }),
      );
      assert.deepEqual(taken, [false, false, false]);
      near((await laid(page)).scale, 1);
    }));

  test('has buttons, which keep the focus at the last step, and begins anew with another image', () =>
    onPage(async (page) => {
      const done = await look(page, [picture('a.png', 1), picture('b.png', 2)]);
      const buttons = Object.fromEntries(['Enlarge', 'Reduce', 'Show all of it'].map((name) => [name, done.getByRole('button', { name, exact: true })]));
      const disabled = () => Promise.all(Object.values(buttons).map((button) => button.getAttribute('aria-disabled')));
      assert.deepEqual(await disabled(), ['false', 'true', 'true']);
      for (let k = 0; k < 7; k++) await buttons.Enlarge.press('Enter');
      near((await laid(page)).scale, 8);
      assert.deepEqual(await disabled(), ['true', 'false', 'false']);
      assert.equal(await buttons.Enlarge.evaluate((node) => node.matches(':focus')), true);
      assert.equal((await done.locator('.zoom-value').innerText()).replace('\u00a0', ' '), '800 %');
      await buttons.Reduce.click();
      near((await laid(page)).scale, 8 / 1.5);
      await buttons['Show all of it'].click();
      near((await laid(page)).scale, 1);
      await buttons.Enlarge.click();
      near((await laid(page)).scale, 1.5);
      // The evidence goes with the picture.
      const [base, overlay] = await Promise.all(['.radiograph', '.overlay'].map((name) => done.locator(name).boundingBox()));
      assert.deepEqual(overlay, base);
      await parts(page).answered('b.png');
      await parts(page).choose('b.png');
      await page.waitForFunction(() => !document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.frame.zoomed'));
      near((await laid(page)).scale, 1);
    }));

  test('glides, unless less motion is wished for', async () => {
    for (const [reducedMotion, seconds] of /** @type {const} */ ([
      ['no-preference', '0.15s'],
      ['reduce', '0s'],
    ]))
      await onPage(
        async (page) => {
          const done = await look(page, [picture('a.png')]);
          await done.getByRole('button', { name: 'Enlarge' }).click();
          assert.equal(await page.locator('.plane').evaluate((node) => getComputedStyle(node).transitionDuration), seconds);
        },
        { reducedMotion },
      );
  });

  test('is there for fingers: two enlarge, one moves what is enlarged, and scrolls the page where nothing is', () =>
    onPage(
      async (page) => {
        const done = await look(page, [picture('chest.png')]);
        await page.evaluate(() => scrollTo(0, 0));
        const { x, y } = await pointOf(page);
        const session = await page.context().newCDPSession(page);
        /** Fingers down, on their ways in steps, and up. @param {Array<[from: [number, number], to: [number, number]]>} ways */
        const touch = async (ways) => {
          const at = (/** @type {number} */ share) => ways.map(([[x0, y0], [x1, y1]], id) => ({ x: x0 + (x1 - x0) * share, y: y0 + (y1 - y0) * share, id }));
          // One finger is always the first.
          for (let count = 1; count <= ways.length; count++)
            await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0).slice(0, count) });
          for (let k = 1; k <= 8; k++) await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(k / 8) });
          await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
        };
        const scrolled = () => page.evaluate(() => scrollY);
        const from = await scrolled();
        await touch([
          [
            [x, y],
            [x, y - 120],
          ],
        ]);
        await page.waitForFunction((from) => scrollY > from + 60, from);
        near((await laid(page)).scale, 1, 'one finger scrolls');

        const middle = await pointOf(page);
        const rest = await scrolled();
        // Two that move together leave the page where it is.
        await touch([
          [
            [middle.x - 40, middle.y],
            [middle.x - 40, middle.y - 100],
          ],
          [
            [middle.x + 40, middle.y],
            [middle.x + 40, middle.y - 100],
          ],
        ]);
        assert.equal(await scrolled(), rest);
        await touch([
          [
            [middle.x, middle.y + 30],
            [middle.x, middle.y + 30],
          ],
          [
            [middle.x, middle.y - 30],
            [middle.x, middle.y - 150],
          ],
        ]);
        const pinched = await laid(page);
        near(pinched.scale, 3, 'as far apart as the fingers went');
        assert.equal(await page.evaluate(() => visualViewport?.scale), 1, 'the page is not enlarged');
        assert.equal(await scrolled(), rest);
        await touch([
          [
            [middle.x, middle.y],
            [middle.x + 50, middle.y],
          ],
        ]);
        const frame = await page.locator('.frame').boundingBox();
        assert.ok(frame);
        near((await laid(page)).left, Math.min(0, pinched.left + 50 / frame.width), 'one finger moves it now');
        await touch([
          [
            [middle.x, middle.y],
            [middle.x + 50, middle.y - 200],
          ],
        ]);
        assert.equal(await scrolled(), rest);
        isFull(await laid(page));
        await touch([
          [
            [middle.x - 100, middle.y],
            [middle.x - 10, middle.y],
          ],
          [
            [middle.x + 100, middle.y],
            [middle.x + 10, middle.y],
          ],
        ]);
        near((await laid(page)).scale, 1);
        await done.getByRole('button', { name: 'Enlarge' }).tap();
        near((await laid(page)).scale, 1.5);
      },
      { hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } },
    ));
});

describe('the window', () => {
  /** How bright the picture is at some places along its middle row and its middle column. @param {Page} page */
  const greys = (page) =>
    /** @type {Promise<{ across: number[], down: number[] }>} */ (
      page.locator('canvas.radiograph').evaluate((node) => {
        const canvas = /** @type {HTMLCanvasElement} */ (node);
        const context = canvas.getContext('2d');
        const grey = (/** @type {number} */ x, /** @type {number} */ y) => context?.getImageData(x, y, 1, 1).data[0] ?? -1;
        return { across: [4, 20, 32, 44, 60].map((at) => grey(at, 32)), down: [4, 20, 32, 44, 60].map((at) => grey(32, at)) };
      })
    );

  /** What the stand-in shows there. @param {number} centre @param {number} width */
  const ramp = (centre, width) => [4, 20, 32, 44, 60].map((at) => Math.round(Math.min(255, Math.max(0, 255 * (((at / 63) * 4095 - centre) / width + 0.5)))));

  /** Waits until the picture is in this window. @param {Page} page @param {number} centre @param {number} width @param {'across' | 'down'} [way] */
  const shows = async (page, centre, width, way = 'across') => {
    const expected = ramp(centre, width);
    for (let tries = 0; ; tries++) {
      /** @type {number[]} */
      const found = (await greys(page))[way];
      if (found.every((grey, k) => Math.abs(grey - expected[k]) <= 1)) return;
      if (tries === 200) assert.deepEqual(found, expected);
      await page.waitForTimeout(50);
    }
  };

  test('has sliders from end to end of the values, with the file’s own window on their steps', () => {
    const { step, centre, width } = sliders({ centre: 2000, width: 3000 }, [0, 4095]);
    assert.equal(step, 20);
    assert.deepEqual(centre, { min: 0, max: 4100 });
    assert.deepEqual(width, { min: 20, max: 8200 });
    const odd = sliders({ centre: -600.5, width: 0.4 }, [-1024, 3071]);
    assert.equal(Math.abs(odd.centre.min + 600.5) % odd.step, 0);
    assert.ok(odd.centre.min <= -1024 && odd.centre.max >= 3071);
    assert.equal(odd.width.min, 0.4, 'a width is never nothing');
    assert.deepEqual(sliders({ centre: 9000, width: 10 }, [0, 255]).centre, { min: 0, max: 9000 });
  });

  test('is among the facts, and its sliders change the picture and nothing else', () =>
    onPage(async (page) => {
      const done = await look(page, [dicom('side.dcm')]);
      assert.match((await done.locator('.dicom').innerText()).replace(/\s+/g, ' '), /Window as read centre 2,000, width 3,000/);
      const control = done.getByRole('group', { name: 'Window', exact: true });
      await control.waitFor();
      assert.match(await control.innerText(), /Only the picture changes: the network saw it as it was first shown\./);
      const probabilities = await done.locator('.bars').innerText();
      const results = await page.evaluate(() => /** @type {any} */ (globalThis).lungEvents.length);
      await shows(page, 2000, 3000);
      const centre = page.getByRole('slider', { name: 'Centre' });
      await centre.focus();
      await page.keyboard.press('ArrowRight');
      assert.equal(await centre.getAttribute('aria-valuetext'), '2,020');
      await shows(page, 2020, 3000);
      await slide(page, 'Width', [500]);
      await shows(page, 2020, 500);
      assert.match((await control.innerText()).replace(/\s+/g, ' '), /Centre 2,020 Width 500/);
      await control.getByRole('button', { name: 'All values' }).click();
      await shows(page, 2047.5, 4095);
      await control.getByRole('button', { name: 'As the file asks' }).click();
      await shows(page, 2000, 3000);
      assert.equal(await centre.inputValue(), '2000');
      assert.equal(await done.locator('.bars').innerText(), probabilities);
      assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).lungEvents.length), results);
      const { length } = (await messages(page)).filter(({ type }) => type === 'classify');
      assert.equal(length, 1);
    }));

  test('is not offered for an image that has none, and each image has its own', () =>
    onPage(async (page) => {
      const { answered, choose } = parts(page);
      await look(page, [dicom('a.dcm'), picture('b.png'), dicom('c.dcm', 'down')]);
      await answered('c.dcm');
      await page.locator('.window').waitFor();
      await slide(page, 'Centre', [1000]);
      await shows(page, 1000, 3000);
      await choose('b.png');
      await page.locator('.window').waitFor({ state: 'hidden' });
      await choose('c.dcm');
      await page.locator('.window').waitFor();
      await shows(page, 2000, 3000, 'down');
      assert.equal(await page.getByRole('slider', { name: 'Centre' }).inputValue(), '2000');
      await slide(page, 'Width', [1000]);
      await shows(page, 2000, 1000, 'down');
      // The worker has another image by now: this one's file is read again.
      await choose('a.dcm');
      await slide(page, 'Centre', [3000]);
      await shows(page, 3000, 3000);
    }));

  test('is asked for once at a time, and the last wish wins', () =>
    onPage(async (page) => {
      await look(page, [dicom('side.dcm')]);
      await page.locator('.window').waitFor();
      await slide(
        page,
        'Centre',
        Array.from({ length: 60 }, (_, k) => 500 + 20 * k),
      );
      await shows(page, 500 + 20 * 59, 3000);
      const told = (await messages(page)).filter(({ type }) => /window/.test(type));
      assert.deepEqual(
        told.map(({ type }) => type),
        ['window', 'windowed', 'window', 'windowed'],
      );
      assert.deepEqual(
        told.filter(({ type }) => type === 'window').map(({ centre }) => centre),
        [500, 500 + 20 * 59],
      );
      // A picture that comes after the reset comes too late.
      await page.locator('lung-xray-classifier').evaluate((element) => {
        const control = element.shadowRoot?.querySelector('.window');
        const input = /** @type {HTMLInputElement} */ (control?.querySelector('input'));
        input.value = '3000';
        input.dispatchEvent(new Event('input'));
        /** @type {HTMLButtonElement} */ (control?.querySelector('button')).click();
      });
      await page.waitForTimeout(400);
      await shows(page, 2000, 3000);
      assert.equal(told.length + 2, (await messages(page)).filter(({ type }) => /window/.test(type)).length);
    }));

  test('does not wait for the images that wait', () =>
    onPage(async (page) => {
      const waiting = Array.from({ length: 20 }, (_, k) => picture(`${k}.png`, k));
      await look(page, [dicom('first.dcm'), ...waiting]);
      await page.locator('.window').waitFor();
      await slide(page, 'Centre', [1000]);
      await shows(page, 1000, 3000);
      const answered = await page.locator('.row[data-state=done]').count();
      assert.ok(answered < 12, `${answered} of 21 were answered before`);
      // And nobody's place is lost.
      await parts(page).answered('19.png');
      assert.equal(await page.locator('.row[data-state=done]').count(), 21);
    }));

  test('is there after the worker was replaced, for the right image, and when the window itself ends the worker', () =>
    onPage(async (page) => {
      const { picker, answered, choose } = parts(page);
      await look(page, [dicom('a.dcm')]);
      await picker.setInputFiles({ ...picture('bad.png'), buffer: Buffer.from('trap') });
      await answered('bad.png', 'error');
      // The first image of the new worker must not be taken for the first of the old one.
      await picker.setInputFiles(dicom('b.dcm', 'down'));
      await answered('b.dcm');
      await choose('a.dcm');
      await page.locator('.window').waitFor();
      await slide(page, 'Centre', [1000]);
      await shows(page, 1000, 3000);
      const asked = (await messages(page)).filter(({ type }) => ['ahead', 'classify', 'window'].includes(type));
      const numbers = asked.filter(({ type }) => type !== 'ahead').map(({ id }) => id);
      assert.equal(new Set(numbers).size, numbers.length);
      // Twice it ends the worker; then that is told, and a better window works.
      await slide(page, 'Centre', [4080]);
      const error = page.locator('.window-error');
      await error.filter({ hasText: 'The classifier stopped' }).waitFor();
      await slide(page, 'Centre', [1500]);
      await shows(page, 1500, 3000);
      assert.equal(await error.textContent(), '');
      await picker.setInputFiles(picture('next.png'));
      await answered('next.png');
    }));

  test('of a file that is gone is told in a line, and the card stays', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lung-window-'));
    const file = join(folder, 'gone.dcm');
    await writeFile(file, 'lateral across');
    try {
      await onPage(async (page) => {
        const { picker, answered, choose } = parts(page);
        await picker.setInputFiles([file]);
        await answered('gone.dcm');
        await picker.setInputFiles(picture('next.png'));
        await answered('next.png');
        await rm(file);
        const done = await choose('gone.dcm');
        await done.locator('.window').waitFor();
        const before = await greys(page);
        await slide(page, 'Centre', [1000]);
        const error = done.locator('.window-error');
        await error.filter({ hasText: 'The browser could not read this file.' }).waitFor();
        assert.match(await error.innerText(), /Check that it still exists/);
        assert.equal(await error.getAttribute('role'), 'status');
        assert.deepEqual(await greys(page), before);
        assert.equal(await done.getByRole('meter').count(), 3);
        await done.getByRole('button', { name: 'As the file asks' }).click();
        assert.equal(await error.textContent(), '');
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('the window on the built page', { skip: noPage || noOddFiles }, () => {
  test('a radiograph in MONOCHROME1 gets more contrast in a narrow window, and comes back as it was', async () => {
    const built = await serve(DIST);
    const { page, context, complaints, picker } = await openReady(mock.browser, `${built.url}?device=cpu`);
    try {
      const chest = (await oddFiles()).filter(({ name }) => name === 'dicom/CR-MONO1-10-chest.dcm');
      await picker.setInputFiles(await payloads(chest.map((image) => ({ ...image, name: 'chest.dcm' }))));
      await parts(page).answered('chest.dcm');
      const window = page.locator('.window');
      await window.waitFor();
      /** The middle of the picture, line by line. */
      const pixels = () =>
        page.locator('canvas.radiograph').evaluate((node) => {
          const { width, height } = /** @type {HTMLCanvasElement} */ (node);
          const context = /** @type {HTMLCanvasElement} */ (node).getContext('2d');
          const all = context?.getImageData(width >> 2, height >> 2, width >> 1, height >> 1).data ?? [];
          return [...all].filter((_, at) => at % 4 === 0);
        });
      const mean = (/** @type {number[]} */ greys) => greys.reduce((sum, grey) => sum + grey, 0) / greys.length;
      const extremes = (/** @type {number[]} */ greys) => greys.filter((grey) => grey === 0 || grey === 255).length / greys.length;
      const changed = async (/** @type {number[]} */ before) => {
        for (;;) {
          const now = await pixels();
          if (now.some((grey, at) => grey !== before[at])) return now;
          await page.waitForTimeout(50);
        }
      };
      const first = await pixels();
      const width = page.getByRole('slider', { name: 'Width' });
      const centre = page.getByRole('slider', { name: 'Centre' });
      const asked = await Promise.all([centre, width].map((slider) => slider.inputValue().then(Number)));
      const probabilities = await page.locator('.bars').innerText();

      await slide(page, 'Width', [asked[1] / 8]);
      const narrow = await changed(first);
      assert.ok(extremes(narrow) > extremes(first) + 0.2, `${extremes(first)} -> ${extremes(narrow)} black or white`);
      await window.getByRole('button', { name: 'As the file asks' }).click();
      assert.deepEqual(await pixels(), first);
      // In MONOCHROME1 what is less is brighter: a higher centre makes it all brighter.
      await slide(page, 'Centre', [asked[0] + asked[1] / 4]);
      const brighter = await changed(first);
      assert.ok(mean(brighter) > mean(first) + 10, `${mean(first)} -> ${mean(brighter)}`);
      // After another image the file is decoded again, to the same.
      await picker.setInputFiles(picture('other.png'));
      await parts(page).answered('other.png');
      await parts(page).choose('chest.dcm');
      await window.waitFor();
      assert.deepEqual(await pixels(), first);
      await slide(page, 'Centre', [asked[0] + asked[1] / 4]);
      assert.deepEqual(await changed(first), brighter);
      assert.equal(await page.locator('.bars').innerText(), probabilities);
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
      await built.close();
    }
  });
});

test('evidence is for one finding, that of the image, also after images that are refused or cannot be read', () =>
  onPage(async (page) => {
    const { element, picker, choose } = parts(page);
    const made = (/** @type {string} */ words) => ({ name: `${words}.png`, mimeType: 'image/png', buffer: Buffer.from(words) });
    const plain = Array.from({ length: 6 }, (_, k) => picture(`plain-${k}.png`, k * 7));
    const refused = Array.from({ length: 4 }, (_, k) => made(`unlike 0.${k} ${'x'.repeat(k)}`));
    await picker.setInputFiles([...plain, ...refused, made('refuse')]);
    await element.locator('.row[data-state=error]').waitFor();
    await page.waitForFunction(
      (count) =>
        /** @type {any} */ (document.querySelector('lung-xray-classifier')).results.filter((/** @type {any} */ { state }) => state === 'done').length === count,
      plain.length + refused.length,
    );
    /** @type {Record<string, string>} */
    const findings = await element.evaluate((node) =>
      Object.fromEntries(/** @type {any} */ (node).results.map((/** @type {any} */ { name, report }) => [name, report?.finding])),
    );
    assert.ok(new Set([...plain, ...refused].map(({ name }) => findings[name])).size > 1, 'of several findings');
    for (const { name: before } of refused)
      for (const { name } of plain) {
        await choose(before);
        await element.locator('.doubt').waitFor();
        await choose('refuse.png');
        await element.locator('.card .fault').waitFor();
        await choose(name);
        await element.locator('.option').first().waitFor();
        assert.deepEqual(
          await element
            .locator('.option input')
            .evaluateAll((all) => all.flatMap((input) => (/** @type {any} */ (input).checked ? /** @type {any} */ (input).value : []))),
          [findings[name]],
          `${name} after ${before}`,
        );
      }
    await page.emulateMedia({ media: 'print' });
    assert.equal(await element.locator('.option span').filter({ visible: true }).count(), 1);
  }));

test('in print there is all of the picture and the window that it is in, and nothing to press', () =>
  onPage(async (page) => {
    const done = await look(page, [dicom('side.dcm')]);
    await done.locator('.window').waitFor();
    await slide(page, 'Width', [500]);
    await page.locator('.window[data-changed]').waitFor();
    await done.getByRole('button', { name: 'Enlarge' }).click();
    near((await laid(page)).scale, 1.5);
    await page.emulateMedia({ media: 'print' });
    near((await laid(page)).scale, 1);
    assert.match((await done.locator('.window').innerText()).replace(/\s+/g, ' '), /^Window Centre 2,000 Width 500/);
    for (const part of ['.zoom', '.window-buttons', '.window input']) assert.equal(await done.locator(part).first().isVisible(), false, part);
    assert.equal(await done.locator('.evidence-words').isVisible(), true);
    // The file's own window is among the facts.
    await page.emulateMedia({ media: 'screen' });
    await done.getByRole('button', { name: 'As the file asks' }).click();
    await page.emulateMedia({ media: 'print' });
    assert.equal(await done.locator('.window').isVisible(), false);
  }));

forEverybody(() => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    for (const width of [360, 1200]) {
      test(`${colorScheme}, ${width} px: no horizontal scroll, and axe finds nothing, with a window, with its error, and enlarged`, () =>
        onPage(
          async (page) => {
            const check = (/** @type {string} */ when) => isAccessible(page, when, width);
            const done = await look(page, [dicom('side.dcm')]);
            await page.locator('.window').waitFor();
            await check('window');
            await slide(page, 'Centre', [4080]);
            await page.locator('.window-error').filter({ hasText: 'The classifier stopped' }).waitFor();
            await ready(page);
            await check('error');
            for (let k = 0; k < 6; k++) await done.getByRole('button', { name: 'Enlarge' }).click();
            await page.waitForTimeout(500);
            await check('enlarged');
          },
          { colorScheme, viewport: { width, height: 800 } },
        ));
    }
  }
});

/** Moves a slider as a user does. @param {Page} page @param {'Centre' | 'Width'} name @param {number[]} values */
function slide(page, name, values) {
  return page.getByRole('slider', { name }).evaluate((node, values) => {
    const input = /** @type {HTMLInputElement} */ (node);
    for (const value of values) {
      input.value = String(value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }, values);
}
