// @ts-check
/** What a page must be for everybody, as far as a program can tell. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import axe from 'axe-core';

/** Such tests, two at a time: each has a page of its own, and nothing in them is timed. @param {() => void} tests */
export const forEverybody = (tests) => describe('for everybody', { concurrency: 2 }, tests);

/**
 * Expects that axe finds nothing on the page as it is, and that nothing of it lies outside of a window of this width.
 * @param {import('playwright-core').Page} page
 * @param {string} when what the page shows, for the message
 * @param {number} width of the window, in CSS pixels
 */
export async function isAccessible(page, when, width) {
  await page.evaluate(async () => {
    // What is between two colours has neither of them.
    const roots = [...document.querySelectorAll('*')].flatMap(({ shadowRoot }) => shadowRoot ?? []);
    const animations = [document, ...roots].flatMap((root) => root.getAnimations());
    await Promise.allSettled(animations.filter((animation) => animation instanceof CSSTransition).map(({ finished }) => finished));
  });
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    // Where the reader has forced colours axe takes the text's from before that, and the ground's from after it.
    const enabled = !matchMedia('(forced-colors: active)').matches;
    const { axe } = /** @type {any} */ (globalThis);
    // Nobody asks where what it finds nothing wrong with is, which takes it most of its time.
    return (await axe.run({ rules: { 'color-contrast': { enabled } }, resultTypes: ['violations'] })).violations;
  });
  assert.deepEqual(
    violations.map((/** @type {any} */ { id, nodes }) => `${when}: ${id}: ${nodes.map((/** @type {any} */ { html }) => html).join(' ')}`),
    [],
  );
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${when}: ${wide} px wide in a window of ${width}`);
}

/** What is shortened on purpose: what only a screen reader says, and paths in rows, whose cards have all of them. */
const SHORTENED = '.spoken, .language-label, .row-path';

/**
 * The texts that a reader cannot see all of: cut off by what they stand in, or beyond the sides of the window. What can be scrolled
 * within is not cut off.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>}
 */
export const cutOff = (page) =>
  page.evaluate((shortened) => {
    /** Rounding of parts of a pixel, and what letters hang over their line. */
    const SLACK = 1.5;
    /** @type {string[]} */
    const found = [];
    /** The element around one, also around a shadow root. @param {Element} element @returns {Element | null} */
    const around = (element) => element.assignedSlot ?? element.parentElement ?? /** @type {ShadowRoot} */ (element.getRootNode()).host ?? null;
    /** @param {Element} element @param {DOMRect} text */
    const shows = (element, text) => {
      if (text.left < -SLACK || text.right > innerWidth + SLACK) return false;
      for (let at = /** @type {Element | null} */ (element); at && at !== document.documentElement; at = around(at)) {
        const { overflowX, overflowY } = getComputedStyle(at);
        const box = at.getBoundingClientRect();
        const scrolls = (/** @type {string} */ overflow) => overflow === 'auto' || overflow === 'scroll';
        if (overflowX !== 'visible' && !scrolls(overflowX) && (text.left < box.left - SLACK || text.right > box.right + SLACK)) return false;
        if (overflowY !== 'visible' && !scrolls(overflowY) && (text.top < box.top - text.height / 2 || text.bottom > box.bottom + text.height / 2))
          return false;
        if (scrolls(overflowX) || scrolls(overflowY)) return true;
      }
      return true;
    };
    /** Whether one of the choices is wider than what shows it. @param {HTMLSelectElement} select */
    const choicesCut = (select) => {
      const shown = select.offsetWidth;
      const { width, minWidth, maxWidth } = select.style;
      Object.assign(select.style, { width: 'max-content', minWidth: 'max-content', maxWidth: 'none' });
      const wanted = select.offsetWidth;
      Object.assign(select.style, { width, minWidth, maxWidth });
      return wanted > shown + SLACK;
    };
    const read = (/** @type {Document | ShadowRoot} */ root) => {
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) read(element.shadowRoot);
        if (element instanceof HTMLSelectElement && element.checkVisibility() && choicesCut(element))
          found.push(`the choices of ${element.className || 'a select'}`);
        if (element.closest(`script, style, option, ${shortened}`) || !element.checkVisibility({ visibilityProperty: true })) continue;
        for (const node of element.childNodes) {
          if (!(node instanceof Text) || node.data.trim() === '') continue;
          const range = document.createRange();
          range.selectNodeContents(node);
          if ([...range.getClientRects()].some((text) => text.width > 0 && !shows(element, text)))
            found.push(`${element.className || element.localName}: ${node.data.trim()}`);
        }
      }
    };
    read(document);
    return found;
  }, SHORTENED);
