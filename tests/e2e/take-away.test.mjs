// @ts-check
/** What is taken away: a printed page, a saved file, copied rows. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { fileName, resultsFile } from '../../www/element/results/export.js';
import { mockPages } from './lib/mock-page.mjs';
import { picture, png } from './lib/pictures.mjs';
import { bytes } from './lib/server.mjs';

const mock = mockPages();
const run = promisify(execFile);
const OFFICE = process.env.SOFFICE ?? '/usr/bin/soffice';

/** How many pages a PDF has. @param {Buffer} pdf */
const pagesOf = (pdf) => pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g)?.length;

/** @param {string} name @param {string} text */
const steer = (name, text) => ({ name, mimeType: 'image/png', buffer: Buffer.from(text) });

for (const lang of ['en', 'ar'])
  test(`${lang}: a report is one page of A4 and of Letter, upright and lying, with nothing else on it`, () =>
    mock.onPage(
      async (page, { picker, choose, element, answered }) => {
        await picker.setInputFiles([
          { name: `${'a-very-long-name-'.repeat(9)}.png`, mimeType: 'image/png', buffer: png(400, 900, (x, y) => (x * y) % 255) },
          steer('side.dcm', 'lateral'),
          steer('torn.png', 'torn'),
          steer('unlike.png', 'unlike'),
        ]);
        await answered('unlike.png');
        await page.evaluate(() => {
          // A new version is offered meanwhile.
          const button = document.createElement('button');
          button.textContent = 'Reload';
          document.querySelector('.update')?.append(button);
        });
        for (const name of ['a-very-long-name', 'side.dcm', 'torn.png', 'unlike.png']) {
          const card = await choose(name);
          // Whatever is unfolded on the screen.
          await card.locator('details').evaluateAll((all) => all.forEach((each) => each.setAttribute('open', '')));
          for (const format of ['A4', 'Letter'])
            for (const landscape of [false, true])
              assert.equal(pagesOf(await page.pdf({ format, landscape })), 1, `${name} on ${format}${landscape ? ', lying' : ''}`);
        }
        await page.emulateMedia({ media: 'print' });
        await page.evaluate(() => {
          // Whatever the page may come to say by then.
          const said = document.querySelector('.offline-said');
          if (said) said.textContent = 'Works offline too.';
        });
        const beside = await page.evaluate(() =>
          [...document.querySelectorAll('body *:not(main, lung-xray-classifier)')]
            .filter((node) => node.getClientRects().length > 0)
            .map((node) => node.outerHTML),
        );
        assert.deepEqual(beside, []);
        for (const part of ['.dropzone', '.status', '.rows', '.folded summary', '.print-head ~ .card-actions'])
          assert.equal(await element.locator(part).first().isVisible(), false, part);
        assert.ok(await element.locator('.facts').isVisible(), 'the model is named');
      },
      { path: `?lang=${lang}` },
    ));

test('on a page of somebody else nothing of it is printed with the report', async () => {
  mock.site.routes['/host.html'] = bytes(
    `<!doctype html><html lang="en"><title>host</title><header>Clinic</header><main><p>${'Words of the clinic. '.repeat(900)}</p>
     <section><h2>X-ray</h2><lung-xray-classifier></lung-xray-classifier></section><p>More.</p></main>
     <script type="module" src="element/define.js"></script>`,
    'text/html',
  );
  await mock.onPage(
    async (page, { picker, answered, element }) => {
      await picker.setInputFiles([picture('chest.png')]);
      await answered('chest.png');
      await page.evaluate(() => {
        // What the browser would do, up to the printer.
        window.print = () => void Object.assign(globalThis, { asked: true });
      });
      await element.getByRole('button', { name: 'Print report' }).click();
      await page.waitForFunction(() => /** @type {any} */ (globalThis).asked);
      await page.emulateMedia({ media: 'print' });
      for (const words of ['Clinic', 'Words of the clinic', 'More.']) assert.equal(await page.getByText(words).first().isVisible(), false, words);
      assert.ok(await element.locator('.card').isVisible());
      assert.equal(pagesOf(await page.pdf({ format: 'A4' })), 1);
      // And afterwards the page prints as ever.
      await page.evaluate(() => dispatchEvent(new Event('afterprint')));
      assert.equal(await page.getByText('Words of the clinic').first().isVisible(), true);
    },
    { path: 'host.html', started: false },
  );
});

test('a saved file has the date of the place where it is saved', () =>
  mock.onPage(
    async (page, { picker, answered, element }) => {
      await picker.setInputFiles([picture('a.png', 1), picture('b.png', 2)]);
      await answered('b.png');
      const [download] = await Promise.all([page.waitForEvent('download'), element.locator('.savers').getByRole('button', { name: 'CSV' }).click()]);
      assert.equal(download.suggestedFilename(), 'lung-results-2026-03-02.csv');
      assert.equal(fileName('json', new Date(2026, 0, 9, 23, 59)), 'lung-results-2026-01-09.json');
    },
    {
      timezoneId: 'Asia/Tokyo',
      prepare: async (page) => {
        // In Greenwich it is still the first of March.
        await page.clock.install({ time: new Date('2026-03-01T20:00:00Z') });
      },
    },
  ));

test('rows that are selected and copied paste as columns, also the one that has the focus, and no formula among them', () =>
  mock.onPage(async (page, { picker, answered, element, row }) => {
    await picker.setInputFiles([picture('one.png', 1), picture('=1+2.png', 2), steer('unlike.png', 'unlike')]);
    await answered('unlike.png');
    const copied = () =>
      page.evaluate(
        () =>
          new Promise((resolve) => {
            document.addEventListener('copy', (event) => resolve(['text/plain', 'text/html'].map((type) => event.clipboardData?.getData(type))), {
              once: true,
            });
            document.execCommand('copy');
          }),
      );
    await row('one.png').click();
    const [line] = /** @type {string[]} */ (await copied());
    assert.deepEqual(
      line.split('\t').map((text) => text.replace(/\s/g, ' ')),
      ['one.png', 'Normal', '90.5 %', 'None likely', 'Read'],
    );
    await element.evaluate((node) => {
      const rows = node.shadowRoot?.querySelectorAll('.row') ?? [];
      getSelection()?.setBaseAndExtent(rows[0].querySelector('.row-name') ?? rows[0], 0, rows[2], rows[2].childNodes.length);
    });
    const [text, html] = /** @type {string[]} */ (await copied());
    const lines = text.split('\n').map((line) => line.split('\t'));
    assert.deepEqual(
      lines.map(([name]) => name),
      ['one.png', "'=1+2.png", 'unlike.png'],
    );
    for (const line of lines) assert.equal(line.length, 5, text);
    assert.equal(html.match(/<tr>/g)?.length, 3);
  }));

describe('CSV in a spreadsheet', () => {
  /** Names that would become formulas or other columns, somewhere. */
  const NAMES = [
    'a;=1+2;b.png',
    '=1+2.png',
    'a,=1+2,b.png',
    'a\t=1+2.png',
    'a|+1.png',
    ' =1+2.png',
    'x";=1+2;"y.png',
    '@SUM(1).png',
    'plain; name.png',
    '＝1+2.png',
    'radiografía 肺.png',
  ];
  /** @type {any} */
  const report = {
    finding: 'Normal',
    probabilities: { Normal: 0.896, Lung_Opacity: 0.1, 'Viral Pneumonia': 0.004 },
    prediction_set: { coverage: 0.9, findings: ['Normal', 'Lung_Opacity'] },
    in_distribution: { score: 0.8125, accepted: true },
    model: 'mobilenet-lung-0123456789ab',
    device: 'cpu',
    timings: { preprocess_ms: 1.25, inference_ms: 20 },
  };
  const saved = (/** @type {import('../../www/element/protocol.js').Format} */ format) =>
    resultsFile(
      NAMES.map((name) => ({ name, state: 'done', report })),
      format,
    );
  const csv = async () => (await saved('csv')).text();

  test('divided at any separator, with quotes or without, no cell begins as a formula', async () => {
    const text = await csv();
    for (const separator of [',', ';', '\t', '|'])
      for (const line of text.split('\r\n').slice(1))
        for (const cell of line.split(separator))
          assert.doesNotMatch(cell.replace(/^["\s]+/, ''), /^[=+\-@＝＋－＠]/, `${JSON.stringify(line)} at ${separator}`);
  });

  test('as a workbook no text can be a formula, and what XML has no sign for is left out', async () => {
    const name = 'a\u0001<b>&"\ud800\r\n.png';
    const sheet = await (await resultsFile([{ name, state: 'done', report }], 'xlsx')).text();
    assert.ok(sheet.startsWith('PK'));
    assert.ok(sheet.includes('<t xml:space="preserve">a\uFFFD&lt;b&gt;&amp;"\uFFFD&#13;\n.png</t>'), sheet);
    assert.ok(sheet.includes('<c><v>0.896</v></c>'));
    assert.ok(sheet.includes('<c t="b"><v>1</v></c>'));
    assert.doesNotMatch(sheet, /<f>/);
  });

  for (const [lang, format] of /** @type {const} */ ([
    ['en', 'csv'],
    ['es', 'csv'],
    ['en', 'xlsx'],
    ['es', 'xlsx'],
  ]))
    test(
      `LibreOffice, ${lang}, ${format}: each value in its column, no number a thousand times too large, no formula`,
      { skip: existsSync(OFFICE) ? false : `no LibreOffice at ${OFFICE} (SOFFICE)` },
      async () => {
        const folder = await mkdtemp(join(tmpdir(), 'lung-office-'));
        try {
          await writeFile(join(folder, `results.${format}`), Buffer.from(await (await saved(format)).arrayBuffer()));
          // The locale is a setting of the profile.
          const locale = { en: 'en-US', es: 'es-ES' }[lang];
          await run('mkdir', ['-p', join(folder, 'profile/user')]);
          await writeFile(
            join(folder, 'profile/user/registrymodifications.xcu'),
            `<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>${locale}</value></prop></item></oor:items>`,
          );
          await run(
            OFFICE,
            [
              `-env:UserInstallation=file://${folder}/profile`,
              '--headless',
              ...(format === 'csv' ? ['--infilter=Text - txt - csv (StarCalc):44,34,76,1'] : []),
              '--convert-to',
              'fods',
              '--outdir',
              folder,
              join(folder, `results.${format}`),
            ],
            { timeout: 120_000 },
          );
          const sheet = await readFile(join(folder, 'results.fods'), 'utf8');
          // What is true or false becomes a formula without anything in it.
          assert.doesNotMatch(sheet, /table:formula="(?!of:=(TRUE|FALSE)\(\)")/);
          const rows = [...sheet.matchAll(/<table:table-row[^>]*>([^]*?)<\/table:table-row>/g)].map(([, row]) =>
            [...row.matchAll(/<table:table-cell([^>]*)>([^]*?)<\/table:table-cell>/g)].map(([, attributes, inside]) => ({
              type: /office:value-type="(\w+)"/.exec(attributes)?.[1],
              value: /office:value="([^"]+)"/.exec(attributes)?.[1],
              text: inside
                .replace(/<[^>]+>/g, '')
                .replaceAll('&quot;', '"')
                .replaceAll('&apos;', "'")
                .replaceAll('&amp;', '&')
                .trim(),
            })),
          );
          const head = rows.findIndex(([first]) => first?.text === 'name');
          assert.ok(head >= 0, sheet.slice(-3000));
          const normal = rows[head].findIndex(({ text }) => text === 'probability_normal');
          for (const [at, name] of NAMES.entries()) {
            const row = rows[head + 1 + at];
            assert.ok(row[0].text.replaceAll("'", '').includes(name.replaceAll('\t', '').trim().slice(-8)), `${name}: ${row[0].text}`);
            // Of a CSV it stays a text where the comma is the decimal sign.
            assert.deepEqual(
              [row[normal].type, row[normal].value ?? row[normal].text],
              lang === 'en' || format === 'xlsx' ? ['float', '0.896'] : ['string', '0.8960'],
              name,
            );
          }
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      },
    );
});
