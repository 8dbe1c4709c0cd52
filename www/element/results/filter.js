// @ts-check
/**
 * Which images are shown.
 *
 * @import { Entry } from './entry.js'
 */

import { reportOf, warned } from './order.js';

/** What the value of a choice begins with that is of a finding; its id follows. */
export const OF_FINDING = 'finding ';

/** The images of a kind that is no finding, by the value of the choice. @type {Record<string, (entry: Entry) => boolean>} */
export const KINDS = {
  all: () => true,
  warnings: (entry) => warned(entry),
  errors: ({ outcome }) => outcome.state === 'error',
  waiting: ({ outcome }) => outcome.state !== 'error' && outcome.state !== 'done',
};

/**
 * Those of a kind whose names have a text in them, in their order.
 * @param {Entry[]} entries
 * @param {{ kind: string, name: string }} filter a key of `KINDS`, or `OF_FINDING` and an id; any text, in capitals or not
 * @param {string} lang
 */
export function filtered(entries, { kind, name }, lang) {
  const lower = (/** @type {string} */ text) => text.toLocaleLowerCase(lang);
  const sought = lower(name.trim());
  const isOfKind = kind.startsWith(OF_FINDING) ? (/** @type {Entry} */ entry) => reportOf(entry)?.finding === kind.slice(OF_FINDING.length) : KINDS[kind];
  return entries.filter((entry) => isOfKind(entry) && (!sought || lower(entry.name).includes(sought)));
}
