// @ts-check
/**
 * Makes the pictures that the app is installed with, from `www/icons/icon.svg` and from the built page with a sample:
 * `node app-pictures.mjs` writes them into `www/icons` and `www/screenshots`.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { launch, parts } from './lib/browser.mjs';
import { DIST, noPage, payloads, samples } from './lib/project.mjs';
import { openReady } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { serve } from './lib/server.mjs';

if (noPage) {
  console.error(noPage);
  process.exit(2);
}

const www = fileURLToPath(new URL('../../www/', import.meta.url));
const svg = await readFile(`${www}icons/icon.svg`, 'utf8');
const built = await release(DIST);
const site = await serve(built.folder);
const shown = (await samples()).find(({ name }) => name === 'adult-opacity.jpg');
if (!shown) throw new Error('there is no sample adult-opacity.jpg');
const browser = await launch('cpu');
try {
  for (const [name, side, drawn] of /** @type {const} */ ([
    ['icon-192', 192, svg],
    ['icon-512', 512, svg],
    // Launchers cut off the corners: colour up to the edges.
    ['maskable-512', 512, svg.replace(' rx="5"', '')],
  ])) {
    const page = await browser.newPage({ viewport: { width: side, height: side } });
    await page.setContent(`<style>body { margin: 0 } svg { display: block; width: ${side}px }</style>${drawn}`);
    await page.screenshot({ path: `${www}icons/${name}.png`, omitBackground: true });
    await page.close();
  }
  for (const [name, width, height, deviceScaleFactor] of /** @type {const} */ ([
    ['wide', 1280, 800, 1],
    ['narrow', 360, 640, 2],
  ])) {
    const { page, context, picker } = await openReady(browser, site.url, {
      viewport: { width, height },
      deviceScaleFactor,
      colorScheme: 'light',
    });
    const called = `${shown.name}: composite of ${shown.images} radiographs`;
    await picker.setInputFiles(await payloads([{ ...shown, name: called }]));
    await parts(page).answered(called);
    // What comes with the first result has its place first.
    await page.waitForTimeout(1000);
    await parts(page)
      .element.locator('.card')
      .evaluate((card) => card.scrollIntoView());
    await page.screenshot({ path: `${www}screenshots/${name}.png` });
    await context.close();
  }
} finally {
  await browser.close();
  await site.close();
  await built.remove();
}
