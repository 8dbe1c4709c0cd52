// @ts-check
/**
 * In which order images are shown.
 *
 * @import { Entry } from './entry.js'
 */

import { unlike } from '../words/format.js';

/** @typedef {'added' | 'name' | 'finding' | 'probability' | 'likeness'} SortKey */

/** What each order begins with when it is chosen: the surest finding, the least like a chest X-ray. @type {Record<SortKey, 1 | -1>} */
export const DIRECTIONS = { added: 1, name: 1, finding: 1, probability: -1, likeness: 1 };

export const SORTS = /** @type {SortKey[]} */ (Object.keys(DIRECTIONS));

/** What was found, unless it means nothing. @param {Entry} entry */
export function reportOf({ outcome }) {
  return outcome.state === 'done' && !unlike(outcome.report) ? outcome.report : null;
}

/** Whether there is a reason not to believe it. @param {Entry} entry */
export function warned({ outcome }) {
  return outcome.state === 'done' && (unlike(outcome.report) || (outcome.report.cautions ?? []).length > 0);
}

/**
 * What has no value to sort by comes last, in either direction; what is alike stays in its order.
 * @param {Entry[]} entries
 * @param {{ key: SortKey, direction: 1 | -1 }} order
 * @param {string} lang
 * @param {string[]} findings ids in the order that they are sorted in
 */
export function sorted(entries, { key, direction }, lang, findings) {
  if (key === 'added') return direction === 1 ? entries : entries.toReversed();
  if (key === 'name') {
    const { compare } = new Intl.Collator(lang, { numeric: true });
    return entries.toSorted((a, b) => direction * compare(a.name, b.name));
  }
  const keyed = entries.map((entry) => ({ entry, value: valueOf(entry, key, findings) }));
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    return direction * (a.value - b.value);
  });
  return keyed.map(({ entry }) => entry);
}

/** @param {Entry} entry @param {'finding' | 'probability' | 'likeness'} key @param {string[]} findings @returns {number | null} */
function valueOf(entry, key, findings) {
  if (key === 'likeness') return entry.outcome.state === 'done' ? (entry.outcome.report.in_distribution?.score ?? null) : null;
  const report = reportOf(entry);
  if (!report) return null;
  const probability = report.probabilities[report.finding];
  // Of one finding the surest first.
  return key === 'probability' ? probability : findings.indexOf(report.finding) + (1 - probability);
}
