// @ts-check
/**
 * `node www/documents.mjs DIST`: the documentation as pages in DIST/docs, so that the page can link to its figures, its limits and
 * what it does with images wherever it is served. `bundle.mjs` runs it. It knows the Markdown that our documents use, and no more.
 * Where the page in DIST links to the address of its source, they do too.
 */

import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The pages that are called otherwise than their sources below `docs/`. @type {Record<string, string>} */
const RENAMED = {
  'README.md': 'project',
  'MODEL_CARD.md': 'model-card',
  'ARCHITECTURE.md': 'architecture',
  'CHANGELOG.md': 'changelog',
  'docs/README.md': 'index',
};

const POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/** @param {string} dist */
export async function documents(dist) {
  // Examples that somebody has installed bring the documents of others.
  const ours = (/** @type {string} */ name) => name.endsWith('.md') && !name.includes('node_modules');
  const below = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter(ours);
  const sources = new Set([...Object.keys(RENAMED), ...below.map((name) => `docs/${name.replaceAll('\\', '/')}`)]);
  /** Where each goes, below `docs/`. */
  const pages = new Map([...sources].map((source) => [source, `${RENAMED[source] ?? source.slice('docs/'.length, -'.md'.length)}.html`]));
  const index = await readFile(join(dist, 'index.html'), 'utf8').catch(() => '');
  const address = /<a href="(https:[^"]+)"[^>]* data-words="page.source"/.exec(index)?.[1];
  for (const [source, page] of pages) {
    const to = join(dist, 'docs', page);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, pageOf(await readFile(join(ROOT, source), 'utf8'), source, pages, address));
  }
  await cp(join(ROOT, 'www/documents.css'), join(dist, 'docs/documents.css'));
}

/**
 * A document as a page.
 * @param {string} text @param {string} source its path in the project @param {Map<string, string>} pages by their sources
 * @param {string} [address] of the project's source, where that is published
 */
export function pageOf(text, source, pages, address) {
  const page = pages.get(source) ?? '';
  const up = '../'.repeat(page.split('/').length - 1);
  /** Where a link goes from here; null where the build carries no such page. @param {string} target */
  const link = (target) => {
    if (/^(https:|#)/.test(target)) return target;
    const [path, anchor] = target.split('#', 2);
    const found = pages.get(posix.join(posix.dirname(source), path));
    return found ? `${posix.relative(posix.dirname(page), found)}${anchor ? `#${anchor}` : ''}` : null;
  };
  const title = /^# (.+)$/m.exec(text)?.[1] ?? 'MobileNet-Lung';
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="${POLICY}">
    <meta name="referrer" content="no-referrer">
    <meta name="color-scheme" content="light dark">
    <title>${inline(title, () => null)}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="${up}documents.css">
  </head>
  <body>
    <nav><a href="${up}../">MobileNet-Lung</a> <a href="${up}index.html">Documentation</a> <a href="${up}model-card.html">Figures and limits</a> <a href="${up}privacy.html">Privacy</a>${address ? ` <a href="${address}">Source</a>` : ''}</nav>
    <main>
${blocks(text.split('\n'), link)}
    </main>
  </body>
</html>
`;
}

/** @param {string[]} lines @param {(target: string) => string | null} link @returns {string} */
function blocks(lines, link) {
  const html = [];
  const within = (/** @type {string} */ text) => inline(text, link);
  /** The lines from here for as long as they are alike. @param {(line: string) => boolean} alike */
  const take = (alike) => {
    const end = lines.findIndex((line) => !alike(line));
    return lines.splice(0, end < 0 ? lines.length : end);
  };
  while (lines.length > 0) {
    const [line] = lines;
    const heading = /^(#+) (.+)$/.exec(line);
    if (line.trim() === '') lines.shift();
    else if (heading) {
      const level = heading[1].length;
      html.push(`<h${level} id="${anchorOf(heading[2])}">${within(heading[2])}</h${level}>`);
      lines.shift();
    } else if (/^\s*```/.test(line)) {
      lines.shift();
      html.push(`<pre tabindex="0"><code>${escape(take((line) => !/^\s*```/.test(line)).join('\n'))}</code></pre>`);
      lines.shift();
    } else if (line.startsWith('|'))
      html.push(
        table(
          take((line) => line.startsWith('|')),
          within,
        ),
      );
    else if (line.startsWith('>')) {
      const quoted = take((line) => line.startsWith('>')).map((line) => line.replace(/^> ?/, ''));
      html.push(`<blockquote>${blocks(quoted, link)}</blockquote>`);
    } else if (ITEM.test(line))
      html.push(
        list(
          take((line) => ITEM.test(line) || /^\s+\S/.test(line)),
          link,
        ),
      );
    else html.push(`<p>${within(take((line) => line.trim() !== '' && !/^(#+ |\||>|\s*```)/.test(line)).join('\n'))}</p>`);
  }
  return html.join('\n');
}

const ITEM = /^([-*]|\d+\.) /;

/** @param {string[]} lines @param {(target: string) => string | null} link */
function list(lines, link) {
  const kind = /^\d/.test(lines[0]) ? 'ol' : 'ul';
  /** @type {string[][]} */
  const items = [];
  for (const line of lines) {
    if (ITEM.test(line)) items.push([line.replace(ITEM, '')]);
    else items.at(-1)?.push(line.replace(/^ {1,3}/, ''));
  }
  return `<${kind}>${items.map((item) => `<li>${blocks(item, link)}</li>`).join('')}</${kind}>`;
}

/** @param {string[]} lines @param {(text: string) => string} within */
function table([head, , ...rows], within) {
  const row = (/** @type {string} */ line, /** @type {'th' | 'td'} */ cell) =>
    `<tr>${line
      .replace(/^\||\|\s*$/g, '')
      .split(/(?<!\\)\|/)
      .map((text) => `<${cell}>${within(text.trim().replaceAll('\\|', '|'))}</${cell}>`)
      .join('')}</tr>`;
  return `<div class="table" tabindex="0"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((line) => row(line, 'td')).join('')}</tbody></table></div>`;
}

/** @param {string} text @param {(target: string) => string | null} link @returns {string} */
function inline(text, link) {
  // Code first: nothing within it is anything else, but it may stand in what is.
  /** @type {string[]} */
  const codes = [];
  const kept = text.replace(/`([^`]+)`/g, (_, code) => `\u0000${codes.push(`<code>${escape(code)}</code>`) - 1}\u0000`);
  return spans(kept)
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .replace(/\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (_, words, target) => {
      const to = link(target);
      return to === null ? words : `<a href="${to}">${words}</a>`;
    })
    .replace(/\u0000(\d+)\u0000/g, (_, at) => codes[Number(at)]);
}

/** @param {string} text */
function spans(text) {
  return escape(text)
    .replace(/\*\*(.+?)\*\*/gs, '<strong>$1</strong>')
    .replace(/(?<![\w*])\*([^*\s][^*]*)\*/g, '<em>$1</em>');
}

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** What a heading is linked to by. @param {string} text */
const anchorOf = (text) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , dist] = process.argv;
  if (!dist) throw new Error('use: node www/documents.mjs DIST');
  await documents(dist);
}
