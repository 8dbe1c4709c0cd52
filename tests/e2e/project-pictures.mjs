// @ts-check
/**
 * The pictures of the README, from the built page with the samples that ship: `node project-pictures.mjs` writes `docs/page.png` and the
 * animation `docs/page-animation.png`.
 */

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { launch, parts, ready } from './lib/browser.mjs';
import { apng } from './lib/apng.mjs';
import { DIST, noPage } from './lib/project.mjs';
import { release } from './lib/release.mjs';
import { serve } from './lib/server.mjs';

if (noPage) {
  console.error(noPage);
  process.exit(2);
}

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const built = await release(DIST);
const site = await serve(built.folder);
const browser = await launch('cpu');

/** @param {{ width: number, height: number }} viewport @param {number} scale */
async function opened(viewport, scale) {
  const context = await browser.newContext({ viewport, deviceScaleFactor: scale, colorScheme: 'light', reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(site.url);
  await ready(page);
  const found = parts(page);
  const row = found.element.locator('[part=samples]');
  /** Tries the sample of this file and waits for its card. @param {string} file */
  const tried = async (file) => {
    await row
      .locator('[part=sample]')
      .nth(await at(page, file))
      .click();
    await found.element.locator('.card[data-state=done]', { hasText: file }).waitFor();
    await page.waitForTimeout(300);
  };
  return { page, context, ...found, row, tried };
}

/** The place of a sample in the row. @param {import('playwright-core').Page} page @param {string} file */
const at = (page, file) =>
  page.evaluate(async (file) => {
    const { samples } = await (await fetch('samples/index.json')).json();
    return samples.findIndex((/** @type {any} */ sample) => sample.file === file);
  }, file);

try {
  const still = await opened({ width: 1100, height: 900 }, 1);
  await still.row.locator('summary').click();
  await still.tried('adult-opacity.jpg');
  await still.row.locator('summary').click();
  await still.element.locator('.card').scrollIntoViewIfNeeded();
  const bottom = await still.element.evaluate((node) => node.getBoundingClientRect().bottom + scrollY);
  await still.page.screenshot({ path: `${docs}page.png`, fullPage: true, clip: { x: 0, y: 0, width: 1100, height: Math.min(bottom + 24, 1500) } });
  await still.context.close();

  const moving = await opened({ width: 860, height: 640 }, 1);
  /** @type {Parameters<typeof apng>[0]} */
  const frames = [];
  const shoot = async (/** @type {number} */ milliseconds) => frames.push({ png: await moving.page.screenshot(), milliseconds });
  /** Brings a part of the element to the upper edge of the window. @param {string} selector */
  const show = (selector) =>
    moving.element
      .locator(selector)
      .first()
      .evaluate((node) => node.scrollIntoView({ block: 'start' }));
  await shoot(1500);
  await moving.row.locator('summary').click();
  await moving.row.locator('canvas').first().waitFor();
  await show('[part=samples]');
  await shoot(1500);
  for (const file of ['adult-normal.jpg', 'adult-opacity.jpg', 'child-viral-pneumonia.jpg']) {
    await moving.tried(file);
    await show('.card');
    await shoot(2500);
    if (file !== 'adult-opacity.jpg') continue;
    // The same without the evidence over it.
    await moving.element.locator('.switch input').click({ force: true });
    await show('.card');
    await moving.page.waitForTimeout(300);
    await shoot(1500);
    await moving.element.locator('.switch input').click({ force: true });
  }
  await writeFile(`${docs}page-animation.png`, apng(frames));
  await moving.context.close();
} finally {
  await browser.close();
  await site.close();
  await built.remove();
}
