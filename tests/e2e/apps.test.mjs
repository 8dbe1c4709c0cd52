// @ts-check
/**
 * The example apps of docs/examples: each is built by its own bundler, with types checked, from the package as it is packed, and then
 * shows the element in Chromium.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { launch, open, parts } from './lib/browser.mjs';
import { install, packed } from './lib/packed.mjs';
import { APPS, noApps, noPage, samples } from './lib/project.mjs';
import { serve } from './lib/server.mjs';

const run = promisify(execFile);

describe('the example apps', { skip: noPage || noApps }, () => {
  /** @type {string} */
  let scratch;
  /** @type {string} */
  let folder;
  /** @type {import('playwright-core').Browser} */
  let browser;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'lung-apps-'));
    ({ folder } = await packed(scratch));
    browser = await launch('cpu');
  });
  after(async () => {
    await browser?.close();
    await rm(scratch, { recursive: true });
  });

  for (const { name, built } of [
    { name: 'vite', built: 'dist' },
    { name: 'next', built: 'out' },
  ]) {
    test(`${name}: the app builds, shows the element, and says what it has found in a sample`, async () => {
      const app = join(APPS, name);
      await install(folder, app);
      const environment = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
      await run('npm', ['run', 'build'], { cwd: app, env: environment }).catch(({ stdout, stderr }) => assert.fail(`${stdout}${stderr}`));
      // What the server has rendered names the element, and no script of it has run there.
      assert.match(await readFile(join(app, built, 'index.html'), 'utf8'), /<lung-xray-classifier samples(="")?><\/lung-xray-classifier>/);
      const site = await serve(join(app, built));
      const { page, context, complaints } = await open(browser);
      try {
        await page.goto(site.url);
        const { element, picker } = parts(page);
        await element.getByRole('button', { name: 'Choose a file' }).waitFor();
        const said = page.locator('main > p[role=status]');
        assert.equal(await said.innerText(), 'Nothing yet.');
        const [sample] = (await samples()).filter(({ finding }) => finding === 'lung_opacity');
        await picker.setInputFiles(sample.path);
        await said.and(page.getByText(new RegExp(sample.finding, 'i'))).waitFor({ timeout: 60_000 });
        assert.ok(
          site.asked.some((path) => path.startsWith('/lung/runtime/')),
          'the program comes from the folder of the package',
        );
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
        await site.close();
      }
    });
  }
});
