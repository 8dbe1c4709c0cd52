// @ts-check
/**
 * What people really drop on a page: every odd file ends as a report or as an error that a user understands, with bounded
 * memory, and the page goes on.
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { launch, unfolded } from './lib/browser.mjs';
import { png } from './lib/pictures.mjs';
import { DIST, noOddFiles, noPage, oddFiles } from './lib/project.mjs';
import { classifyAll, openReady } from './lib/real-page.mjs';
import { serve } from './lib/server.mjs';

/** Bytes that a page may take. */
const MEMORY = 512 * 1024 * 1024;

describe('odd files on the built page', { skip: noPage }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;

  before(async () => {
    browser = await launch('cpu');
    site = await serve(DIST);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test('each ends as a report or an understandable error', { skip: noOddFiles }, async (t) => {
    const opened = await openReady(browser, site.url);
    const watch = await watchMemory(browser);
    const files = await oddFiles();
    const outcomes = await classifyAll(opened.page, files);
    const peak = await watch.stop();
    for (const { name } of files) {
      const { report, error } = outcomes.get(name) ?? {};
      // Only DICOM says anything of itself.
      if (report) assert.equal(report.source.format === 'dicom', 'dicom' in report, name);
      if (report) continue;
      assert.ok(error, `${name}: no answer`);
      assert.match(error.code, /^[a-z]+(-[a-z]+)*$/, name);
      assert.match(error.message, /^[A-Z].*\.$/s, name);
      assert.match(error.advice, /^[A-Z].*\.$/s, name);
      assert.ok(!['worker-crashed', 'internal', 'timeout'].includes(error.code), `${name}: ${error.message}`);
      t.diagnostic(`${name}: ${error.code}`);
    }
    const said = (/** @type {string} */ name) => outcomes.get(name)?.report?.cautions?.map(({ code }) => code);
    assert.deepEqual(said('dicom/CR-MONO1-10-chest.dcm'), []);
    assert.deepEqual(said('dicom/CT_orbit_jpegll_notchest.dcm'), ['not-radiography']);
    assert.deepEqual(said('dicom/GH538_ybr_jpeg.dcm'), ['colour-image']);
    assert.equal(outcomes.get('broken/truncated.dcm')?.error?.code, 'corrupt-file');
    assert.deepEqual(opened.complaints, []);
    t.diagnostic(`${files.length} files, ${[...outcomes.values()].filter(({ report }) => report).length} reports, at most ${(peak / 1048576).toFixed(0)} MB`);
    assert.ok(peak < MEMORY, `${peak} bytes`);
    await opened.context.close();
  });

  test('the largest image that is taken, and one too large, stay within the bound', async (t) => {
    const opened = await openReady(browser, site.url);
    const watch = await watchMemory(browser);
    const answers = [];
    for (const [width, height] of [
      [6400, 5000],
      [9000, 9000],
    ]) {
      const buffer = png(width, height, (x, y) => ((x >> 5) * 7 + (y >> 6) * 13) & 255);
      await opened.picker.setInputFiles({ name: `${width}.png`, mimeType: 'image/png', buffer });
      const card = opened.card(`${width}.png`);
      await card.and(opened.page.locator('[data-state=done], [data-state=error]')).waitFor({ timeout: 120_000 });
      answers.push([await card.getAttribute('data-state'), await unfolded(card)]);
    }
    const peak = await watch.stop();
    t.diagnostic(`at most ${(peak / 1048576).toFixed(0)} MB`);
    assert.equal(answers[0][0], 'done', answers[0][1] ?? '');
    assert.match(answers[1][1] ?? '', /too-many-pixels/);
    assert.ok(peak < MEMORY, `${peak} bytes`);
    assert.deepEqual(opened.complaints, []);
    await opened.context.close();
  });
});

/**
 * Watches the memory of the fullest renderer: what it has written itself, without the mapped program.
 * @param {import('playwright-core').Browser} browser
 */
async function watchMemory(browser) {
  const session = await browser.newBrowserCDPSession();
  let peak = 0;
  let running = true;
  const done = (async () => {
    while (running) {
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      for (const { id, type } of processInfo) {
        if (type !== 'renderer') continue;
        const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
        peak = Math.max(peak, Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    /** The peak so far, in bytes. */
    async stop() {
      running = false;
      await done;
      await session.detach();
      return peak;
    },
  };
}
