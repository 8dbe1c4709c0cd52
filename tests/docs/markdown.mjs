// @ts-check
/** The Markdown of this project as far as its checks need it: which files there are, their sentences, links and anchors. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Every Markdown file that is or will be committed, by its path from the root. */
export async function documents() {
  const arguments_ = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', '*.md'];
  const { stdout } = await promisify(execFile)('git', arguments_, { cwd: ROOT });
  const names = [...new Set(stdout.split('\0').filter(Boolean))].sort();
  const texts = await Promise.all(names.map((name) => readFile(join(ROOT, name), 'utf8').catch(() => null)));
  return new Map(names.flatMap((name, at) => (texts[at] === null ? [] : [[name, /** @type {string} */ (texts[at])]])));
}

/** Without code blocks, HTML comments and the front matter of issue templates; the lines keep their numbers. @param {string} text */
function withoutCode(text) {
  const blank = (/** @type {string} */ found) => found.replace(/[^\n]/g, '');
  return text
    .replace(/^---\n[^]*?\n---\n/, blank)
    .replace(/^( *)(```+)[^\n]*\n[^]*?\n\1\2 *$/gm, blank)
    .replace(/<!--[^]*?-->/g, blank);
}

/**
 * The sentences of a document: of its paragraphs, list items and quotes. Tables, code, headings and pictures have none. Inline code
 * is one word, whatever is in it, and of a link its text counts.
 * @param {string} text
 */
export function sentences(text) {
  /** @type {string[]} */
  const paragraphs = [];
  let open = false;
  for (const raw of withoutCode(text).split('\n')) {
    const line = raw.replace(/^\s*(> ?)*/, '');
    const item = /^([-*+]|\d+\.) +(\[[ x]\] +)?/.exec(line);
    if (line.trim() === '' || /^(#|\||---|\[[^\]]+\]: |<\/?\w)/.test(line)) open = false;
    else if (item) {
      paragraphs.push(line.slice(item[0].length));
      open = true;
    } else if (open) paragraphs[paragraphs.length - 1] += ` ${line}`;
    else {
      paragraphs.push(line);
      open = true;
    }
  }
  return paragraphs
    .map((paragraph) =>
      paragraph
        .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
        .replace(/`[^`]+`/g, 'code')
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replace(/[*_]{1,2}/g, '')
        .trim(),
    )
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?]["”)]?)\s+(?=[\p{Lu}\d"“(]|code\b)/u))
    .filter((sentence) => words(sentence) > 0);
}

/** How many words a text has: whatever holds a letter or a digit between spaces. @param {string} text */
export const words = (text) => text.split(/[\s—]+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** What a heading is linked to by, as forges and `www/documents.mjs` do it. @param {string} heading */
export const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/** The anchors of a document. @param {string} text */
export function anchors(text) {
  const headings = [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading.replace(/\]\([^)]*\)/g, '')));
  const named = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name]) => name);
  return new Set([...headings, ...named]);
}

/** The links and pictures of a document with the line of each. @param {string} text */
export function links(text) {
  const lines = withoutCode(text)
    .replace(/`[^`\n]+`/g, '')
    .split('\n');
  return lines.flatMap((line, at) => [
    ...[...line.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)].map(([, target]) => ({ target, line: at + 1 })),
    ...[...line.matchAll(/(?:src|href|srcset)="([^"]+)"/g)].map(([, target]) => ({ target, line: at + 1 })),
  ]);
}
