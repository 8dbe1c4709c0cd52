// @ts-check
/** "Copy diagnostics": what helps whoever is asked for help, in the page and in the element, and nothing about an image. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { LANGUAGES, Words } from '../../www/element/words/words.js';
import { isAccessible } from './lib/accessible.mjs';
import { open, parts, started } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { picture } from './lib/pictures.mjs';
import { bytes, status } from './lib/server.mjs';

/** @typedef {import('playwright-core').Page} Page */

const CLIPBOARD = ['clipboard-read', 'clipboard-write'];
const copied = (/** @type {Page} */ page) => page.evaluate(() => navigator.clipboard.readText());

/** What is asked for when the button is pressed. */
const RELEASE = bytes('{"id":"0123456789abcdef"}', 'application/json');

describe('diagnostics', () => {
  const mock = mockPages();
  const routed = async () => void (mock.site.routes['/release.json'] = RELEASE);

  test('the element copies versions, device, adapter, timings and the last error, and nothing about an image', () =>
    mock.onPage(
      async (page, { element, picker, answered, status }) => {
        await picker.setInputFiles([picture('Jane Doe.png'), { ...picture('John Doe.dcm'), buffer: Buffer.from('refuse') }]);
        await answered('Jane Doe.png');
        await answered('John Doe.dcm', 'error');
        await status.locator('summary').click();
        await status.locator('[part=diagnostics]').click();
        await status.getByText('Copied.').waitFor();
        const text = await copied(page);
        assert.equal(text, await element.evaluate((node) => /** @type {any} */ (node).diagnostics()));
        for (const line of [
          /^release: 0123456789ab$/m,
          /^model: mobilenet-lung-0123456789ab$/m,
          /^device: cpu$/m,
          /^not WebGPU because: [a-z-]+$/m,
          /^adapter: ./m,
          /^browser: Mozilla/m,
          /^images answered, failed: 1, 1$/m,
          /^last preprocess: 1\.2 ms$/m,
          /^last error of an image: unknown-format$/m,
          /^error of the start: none$/m,
        ])
          assert.match(text, line);
        for (const secret of ['Doe', '.png', '.dcm', 'Normal', 'Opacity', 'Viral', '160', 'refuses']) assert.ok(!text.includes(secret), `${secret} in ${text}`);
      },
      { permissions: CLIPBOARD, prepare: routed },
    ));

  test('where the start has failed it is at hand, with what happened', async () => {
    const index = mock.site.routes['/models/index.json'];
    mock.site.routes['/models/index.json'] = status(404);
    const { page, context } = await open(mock.browser, { permissions: CLIPBOARD });
    try {
      await routed();
      await page.goto(mock.site.url);
      assert.equal((await started(page)).phase, 'failed');
      await parts(page).status.locator('[part=diagnostics]').click();
      await parts(page).status.getByText('Copied.').waitFor();
      assert.match(await copied(page), /^model: not started$[^]*^error of the start: model-missing: /m);
    } finally {
      mock.site.routes['/models/index.json'] = index;
      await context.close();
    }
  });

  test('where copying is not allowed the text is there to be selected', () =>
    mock.onPage(
      async (page, { status }) => {
        await status.locator('summary').click();
        await status.locator('[part=diagnostics]').click();
        const box = status.locator('textarea');
        await box.waitFor();
        assert.match(await box.inputValue(), /^device: cpu$/m);
        await isAccessible(page, 'text to copy', 1200);
      },
      {
        prepare: async (page) => {
          await routed();
          await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error()) } }));
        },
      },
    ));

  for (const lang of Object.keys(LANGUAGES))
    test(`${LANGUAGES[lang].name}: the page offers it too, in the language`, () =>
      mock.onPage(
        async (page) => {
          const words = new Words(lang, (await LANGUAGES[lang].load()).default);
          await page
            .locator('.site-foot')
            .getByRole('button', { name: words.text('diagnostics.copy') })
            .click();
          await page.locator('.site-foot').getByText(words.text('diagnostics.holds')).waitFor();
          assert.match(await copied(page), /^device: cpu$/m);
          await isAccessible(page, 'copied', 360);
        },
        { path: `?lang=${lang}`, permissions: CLIPBOARD, prepare: routed, viewport: { width: 360, height: 740 } },
      ));
});
