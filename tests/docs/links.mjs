// @ts-check
/** `node tests/docs/links.mjs`: whether each relative link of the documents leads to a file, and each anchor to a heading. */

import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';

import { anchors, documents, links, ROOT } from './markdown.mjs';

const texts = await documents();
let [checked, broken] = [0, 0];
for (const [name, text] of texts) {
  for (const { target, line } of links(text)) {
    // Of another site; or, from the root, what a forge has beside the files: `../../actions`.
    if (/^(https?|mailto|data):/.test(target) || /^(\.\.\/){2}(actions|issues|releases|security)\b/.test(target)) continue;
    checked += 1;
    const problem = await problemOf(name, decodeURI(target));
    if (problem === null) continue;
    broken += 1;
    console.log(`${name}:${line}: ${target}: ${problem}`);
  }
}
console.log(`${checked} links, ${broken} of them broken`);
process.exitCode = broken > 0 ? 1 : 0;

/** @param {string} from @param {string} target @returns {Promise<string | null>} */
async function problemOf(from, target) {
  const [path, anchor] = target.split('#', 2);
  const to = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), path));
  if (to.startsWith('..')) return 'leads out of the project';
  if ((await stat(join(ROOT, to)).catch(() => null)) === null) return 'there is no such file';
  if (!anchor) return null;
  const text = texts.get(to);
  if (text === undefined) return null;
  return anchors(text).has(anchor) ? null : `${to} has no such heading`;
}
