// @ts-check
/** The documentation as pages beside the page: every link leads somewhere, and everybody can read them. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { after, before, test } from 'node:test';

import { documents, pageOf } from '../../www/documents.mjs';
import { forEverybody, isAccessible } from './lib/accessible.mjs';
import { launch, open } from './lib/browser.mjs';
import { serve } from './lib/server.mjs';

/** @type {string} */
let folder;
/** What each page says. @type {Map<string, string>} */
const pages = new Map();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lung-documents-'));
  await documents(folder);
  for (const name of await readdir(folder, { recursive: true })) {
    const path = name.replaceAll('\\', '/');
    if (path.endsWith('.html')) pages.set(path, await readFile(join(folder, path), 'utf8'));
  }
});
after(() => rm(folder, { recursive: true }));

/** @param {string} html */
const targets = (html) => [...html.matchAll(/ href="([^"]+)"/g)].map(([, target]) => target);

/** Whether a link of a page leads to a page, and to something in it. @param {string} from @param {string} target */
function leads(from, target) {
  if (/^(https:|data:)/.test(target)) return true;
  const [path, anchor] = target.split('#', 2);
  const to = path === '' ? from : posix.join(posix.dirname(from), path);
  if (/\.css$/.test(to) || to === './' || to === '.') return true;
  const html = pages.get(to);
  return html !== undefined && (!anchor || html.includes(` id="${anchor}"`));
}

test('what the page and the element link to is there: figures, limits, privacy, documentation', async () => {
  const html = await readFile(new URL('../../www/index.html', import.meta.url), 'utf8');
  const element = await readFile(new URL('../../www/element/parts/status.js', import.meta.url), 'utf8');
  const links = [...targets(html).filter((target) => target.startsWith('docs/')), /FIGURES = '([^']+)'/.exec(element)?.[1] ?? ''];
  assert.equal(links.length, 5);
  for (const link of links) assert.ok(leads('index.html', link), link);
});

test('every link within the documentation leads somewhere', () => {
  assert.ok(pages.size > 10);
  for (const [page, html] of pages) for (const target of targets(html)) assert.ok(leads(page, target), `${page}: ${target}`);
});

test('where the page links to the address of its source, every document does too, and nowhere else', async () => {
  for (const [page, html] of pages) assert.doesNotMatch(html, />Source<\/a>/, page);
  const other = await mkdtemp(join(tmpdir(), 'lung-source-'));
  try {
    await writeFile(join(other, 'index.html'), '<a href="https://example.org/lung" data-words="page.source">Source</a>');
    await documents(other);
    for (const name of ['index', 'reference/element', 'project'])
      assert.ok((await readFile(join(other, 'docs', `${name}.html`), 'utf8')).includes('<a href="https://example.org/lung">Source</a></nav>'), name);
  } finally {
    await rm(other, { recursive: true });
  }
});

test('no Markdown is left, and nothing of a document becomes a tag', () => {
  for (const [page, html] of pages) {
    const text = html.replace(/<pre[^>]*>[^]*?<\/pre>|<code>[^]*?<\/code>/g, '').replace(/<[^>]+>/g, '');
    assert.doesNotMatch(text, /\*\*|\]\(|^#+ |^\|/m, page);
  }
  const page = pageOf(
    '# A <b>\n\nBut `<script>` & *this* is **so**:\n\n- one\n  two\n- three\n\n| a | b |\n| --- | --- |\n| `x \\| y` | 2 |',
    'docs/x.md',
    new Map([['docs/x.md', 'x.html']]),
  );
  for (const part of [
    '<h1 id="a-b">A &lt;b&gt;</h1>',
    '<code>&lt;script&gt;</code> &amp; <em>this</em> is <strong>so</strong>',
    '<td><code>x | y</code></td><td>2</td>',
  ])
    assert.ok(page.includes(part), page);
  assert.equal(page.match(/<li>/g)?.length, 2);
});

forEverybody(() => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark']))
    test(`${colorScheme}, 360 px: axe finds nothing, and nothing is wider than the window`, async () => {
      const [browser, site] = [await launch('cpu'), await serve(folder)];
      try {
        const { page, complaints } = await open(browser, { colorScheme, viewport: { width: 360, height: 740 } });
        for (const name of ['index', 'model-card', 'privacy', 'reference/element']) {
          await page.goto(`${site.url}docs/${name}.html`);
          await isAccessible(page, name, 360);
        }
        assert.deepEqual(complaints, []);
      } finally {
        await browser.close();
        await site.close();
      }
    });
});
