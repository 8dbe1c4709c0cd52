// @ts-check
/**
 * Where in the picture the evidence lies, in words: for whoever does not see colours, and for whoever asks what they mean.
 *
 * @import { FindingInfo, Report } from '../protocol.js'
 * @import { Key, Words } from '../words/words.js'
 */

import { contrast } from './evidence.js';
import { withinWords } from '../words/format.js';

const ROWS = /** @type {const} */ (['upper', 'middle', 'lower']);
const COLUMNS = /** @type {const} */ (['left', 'centre', 'right']);

/** A ninth of the picture. @typedef {`${typeof ROWS[number]}-${typeof COLUMNS[number]}`} Region */

/**
 * Where evidence of one kind is strongest: the region with the most of it, perhaps with the next; none where it is spread.
 * `share` is how much of it lies there.
 * @typedef {{ regions: Region[], share: number }} Strongest
 */

/** Less than this, in logit units, is nothing: it moves the odds by less than a tenth. */
const LEAST = 0.1;

/** Less than this share of all there is for and against is nothing beside the rest. */
const LEAST_SHARE = 0.05;

/** A region with less than so many times what an even spread would give it does not stand out. */
const STANDS_OUT = 1.5;

/** The next region is named too if it has this share of what the first has. */
const NEXT = 0.75;

/**
 * Where what speaks for and against a finding is strongest; null where there is hardly any.
 * @param {number[][]} map a finding's contrast, in logit units
 * @returns {{ inFavour: Strongest | null, against: Strongest | null }}
 */
export function strongest(map) {
  const [inFavour, against] = [1, -1].map((sign) => ninths(map.map((row) => row.map((value) => Math.max(0, sign * value)))));
  const all = sum(inFavour) + sum(against);
  const of = (/** @type {typeof inFavour} */ amounts) => (sum(amounts) < Math.max(LEAST, LEAST_SHARE * all) ? null : most(amounts));
  return { inFavour: of(inFavour), against: of(against) };
}

/**
 * The sentences for one finding.
 * @param {Words} words
 * @param {Report['evidence']} evidence
 * @param {FindingInfo} finding
 */
export function evidenceWords(words, evidence, finding) {
  const within = { finding: withinWords(words, finding) };
  const { inFavour, against } = strongest(contrast(evidence, finding.id));
  if (!inFavour && !against) return words.text('evidence.flat', within);
  const named = [...(inFavour?.regions ?? []), ...(against?.regions ?? [])];
  return [
    inFavour ? sentence(words, 'evidence.for', inFavour, within) : words.text('evidence.forHardly', within),
    ...(against ? [sentence(words, 'evidence.against', against, within)] : []),
    ...(named.some((region) => !region.endsWith('centre')) ? [words.text('evidence.sides')] : []),
  ].join(' ');
}

/**
 * @param {Words} words
 * @param {'evidence.for' | 'evidence.against'} kind
 * @param {Strongest} strongest
 * @param {{ finding: string }} within
 */
function sentence(words, kind, { regions, share }, within) {
  if (regions.length === 0) return words.text(`${kind}Spread`, within);
  const names = regions.map((region) => words.text(/** @type {Key} */ (`region.${region}`)));
  const where = new Intl.ListFormat(words.lang, { type: 'conjunction' }).format(names);
  const percent = words.text('number.percent', { number: Math.round(share * 100) });
  return words.text(`${kind}Strongest`, { ...within, where, percent });
}

/** How much of a map lies in each ninth of the picture; cells on a border are divided. @param {number[][]} map */
function ninths(map) {
  return ROWS.flatMap((row, v) =>
    COLUMNS.map((column, u) => ({
      region: /** @type {Region} */ (`${row}-${column}`),
      amount: map.reduce((whole, row, y) => whole + overlap(y, map.length, v) * row.reduce((line, cell, x) => line + overlap(x, row.length, u) * cell, 0), 0),
    })),
  );
}

/** The share of a cell that lies in a third. @param {number} cell @param {number} count @param {number} third */
function overlap(cell, count, third) {
  const low = Math.max(cell / count, third / 3);
  const high = Math.min((cell + 1) / count, (third + 1) / 3);
  return Math.max(0, high - low) * count;
}

/** @param {ReturnType<typeof ninths>} amounts @returns {Strongest} */
function most(amounts) {
  const whole = sum(amounts);
  const [first, next] = amounts.toSorted((a, b) => b.amount - a.amount);
  if (first.amount / whole < STANDS_OUT / amounts.length) return { regions: [], share: 1 };
  const named = next.amount >= NEXT * first.amount ? [first, next] : [first];
  return { regions: named.map(({ region }) => region), share: sum(named) / whole };
}

/** @param {ReturnType<typeof ninths>} amounts */
function sum(amounts) {
  return amounts.reduce((whole, { amount }) => whole + amount, 0);
}
