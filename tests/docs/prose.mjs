// @ts-check
/**
 * `node tests/docs/prose.mjs [FILE...]`: how many words the sentences of each document have. Fails where a document has more than 17
 * in the mean, or a sentence more than 40.
 */

import { documents, sentences, words } from './markdown.mjs';

const MEAN = 17;
const LONGEST = 40;

const wanted = process.argv.slice(2);
let failed = false;
let all = 0;
let total = 0;
console.log('sentences  mean  longest  document');
for (const [name, text] of await documents()) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const counts = sentences(text).map((sentence) => ({ sentence, count: words(sentence) }));
  if (counts.length === 0) continue;
  const sum = counts.reduce((sum, { count }) => sum + count, 0);
  const mean = sum / counts.length;
  const longest = Math.max(...counts.map(({ count }) => count));
  console.log(`${String(counts.length).padStart(9)}  ${mean.toFixed(1).padStart(4)}  ${String(longest).padStart(7)}  ${name}`);
  all += counts.length;
  total += sum;
  if (mean > MEAN) {
    failed = true;
    console.log(`    The mean is over ${MEAN}. Divide the longest sentences.`);
  }
  for (const { sentence, count } of counts.filter(({ count }) => count > (mean > MEAN ? 30 : LONGEST))) {
    failed = true;
    console.log(`    ${count} words: ${sentence}`);
  }
}
console.log(`${String(all).padStart(9)}  ${(total / all).toFixed(1).padStart(4)}           all`);
process.exitCode = failed ? 1 : 0;
