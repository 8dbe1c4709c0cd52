// @ts-check
/**
 * Pictures of the built page with the samples that ship, for looking at:
 * `node screenshots.mjs FOLDER`.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { launch, parts } from './lib/browser.mjs';
import { DIST, noPage, payloads, samples } from './lib/project.mjs';
import { openReady } from './lib/real-page.mjs';
import { serve } from './lib/server.mjs';

const folder = process.argv[2];
if (!folder || noPage) {
  console.error(folder ? noPage : 'usage: node screenshots.mjs FOLDER');
  process.exit(2);
}

await mkdir(folder, { recursive: true });
const site = await serve(DIST);
const [image, ...rest] = await samples();
const browser = await launch('webgpu');
try {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    for (const [device, width, height] of /** @type {const} */ ([
      ['desk', 1200, 900],
      ['phone', 360, 740],
    ])) {
      const { page, context, picker } = await openReady(browser, site.url, {
        colorScheme,
        viewport: { width, height },
        deviceScaleFactor: 2,
      });
      const shoot = (/** @type {string} */ what) => page.screenshot({ path: join(folder, `${what}-${device}-${colorScheme}.png`), fullPage: true });
      await shoot('ready');
      await page.locator('[part=samples] > summary').click();
      await page.locator('[part=sample] canvas').last().waitFor();
      await shoot('samples');
      await picker.setInputFiles(await payloads([image]));
      await parts(page).card(image.name).and(page.locator('[data-state=done]')).waitFor({ timeout: 120_000 });
      await shoot('report');
      await picker.setInputFiles([...(await payloads(rest)), { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('not an image') }]);
      await parts(page).answered('notes.txt', 'error');
      await shoot('several');
      await context.close();
    }
  }
} finally {
  await browser.close();
  await site.close();
}
