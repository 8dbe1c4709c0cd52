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
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => {
    // Where the reader has forced colours axe takes the text's from before that, and the ground's from after it.
    const enabled = !matchMedia('(forced-colors: active)').matches;
    return /** @type {any} */ (globalThis).axe.run({ rules: { 'color-contrast': { enabled } } });
  });
  assert.deepEqual(
    violations.map((/** @type {any} */ { id, nodes }) => `${when}: ${id}: ${nodes.map((/** @type {any} */ { html }) => html).join(' ')}`),
    [],
  );
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${when}: ${wide} px wide in a window of ${width}`);
}
