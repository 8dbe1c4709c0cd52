// @ts-check
/**
 * Makes the pictures that the app is installed with, from `www/icons/icon.svg` and from the built page with a generated
 * radiograph: `node app-pictures.mjs` writes them into `www/icons` and `www/screenshots`.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { launch, parts, ready } from './lib/browser.mjs';
import { DIST, noCommand, noPage, payloads, phantoms } from './lib/project.mjs';
import { classifyAll, openReady, settled } from './lib/real-page.mjs';
import { release } from './lib/release.mjs';
import { serve } from './lib/server.mjs';

if (noPage || noCommand) {
  console.error(noPage || noCommand);
  process.exit(2);
}

const www = fileURLToPath(new URL('../../www/', import.meta.url));
const svg = await readFile(`${www}icons/icon.svg`, 'utf8');
const built = await release(DIST);
const site = await serve(built.folder);
const generated = await phantoms(4);
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
    const outcomes = await classifyAll(page, generated.images);
    // One that the network takes for a chest, if there is any.
    const shown = generated.images.find(({ name }) => outcomes.get(name)?.report?.in_distribution?.accepted);
    await page.reload();
    await ready(page);
    await settled(page);
    await picker.setInputFiles(await payloads([{ ...(shown ?? generated.images[0]), name: 'generated-chest.png' }]));
    await parts(page).answered('generated-chest.png');
    await page.evaluate(() => document.querySelector('lung-xray-classifier')?.scrollIntoView());
    await page.screenshot({ path: `${www}screenshots/${name}.png` });
    await context.close();
  }
} finally {
  await browser.close();
  await site.close();
  await built.remove();
  await generated.remove();
}
